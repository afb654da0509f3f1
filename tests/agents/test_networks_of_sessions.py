"""What a session's commands reach and with which secrets: from its environment and vaults down to the server's log."""

import json
import logging

import pytest

from agents import jobs, plugs
from agents.models import Event, Thread
from agents.services.environments import create_environment, update_environment
from agents.services.events import send_events
from agents.services.networks import network_of_session
from agents.services.vaults import archive_credential, create_credential, create_vault, update_credential
from tests.agents.egress_servers import running_networked_host, running_outside

SECRET = "hunter2-hunter2-hunter2"
CURL = "curl -sS --max-time 60 --noproxy ''"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def outside():
    with running_outside() as outside:
        yield outside


@pytest.fixture(scope="module")
def networked(outside):
    with running_networked_host(outside) as host:
        yield host


@pytest.fixture
def run(networked, settings, actor, clean_redis, practice):
    """Let an agent run commands in a session's sandbox; the texts of their results."""
    settings.LUCID_SANDBOX_SOCKET = str(networked.socket)
    plugs.sandbox.cache_clear()

    def run(session, *commands):
        steps = [{"tool": "bash", "input": {"command": command}} for command in commands]
        program = f"practice: {json.dumps({'steps': [*steps, {'text': 'done'}]})}"
        message = {"type": "user.message", "content": [{"type": "text", "text": program}]}
        send_events(session, [message], actor=actor)
        jobs.run_thread(Thread.objects.get(session=session).pk)
        results = Event.objects.filter(session=session, type="agent.tool_result").order_by("-seq")[: len(commands)]
        return [event.payload["content"][0]["text"] for event in reversed(results)]

    yield run
    plugs.sandbox.cache_clear()


@pytest.fixture
def keep(actor):
    """A vault with one variable in it."""

    def keep(value=SECRET, name="TOKEN", hosts=("localhost",), vault=None, **location):
        vault = vault or create_vault({"display_name": "keys"}, actor=actor)
        auth = {"type": "environment_variable", "secret_name": name, "secret_value": value}
        auth["networking"] = {"type": "limited", "allowed_hosts": list(hosts)} if hosts else {"type": "unrestricted"}
        if location:
            auth["injection_location"] = location
        return vault, create_credential(vault, {"auth": auth}, actor=actor)

    return keep


def limited(actor, **networking):
    config = {"type": "cloud", "networking": {"type": "limited", **networking}}
    return create_environment({"name": f"box {networking}", "config": config}, actor=actor)


def test_a_session_uses_a_secret_that_it_never_sees(run, keep, make_session, actor, outside, caplog):
    caplog.set_level(logging.DEBUG)
    outside.safe.seen.clear()
    vault, _ = keep()
    environment = limited(actor, allowed_hosts=["localhost"])
    session = make_session(vault_ids=[vault.pk], environment_id=environment.pk)
    use = f'{CURL} -H "authorization: Bearer $TOKEN" https://localhost:{outside.safe.port}/'
    elsewhere = f"{CURL} http://127.0.0.1:{outside.plain.port}/"
    held, answer, refused = run(session, "echo $TOKEN", use, elsewhere)
    assert outside.safe.seen[0][2]["authorization"] == f"Bearer {SECRET}"
    assert held.startswith("lucid_secret_")
    assert f"Bearer {held}" in answer
    assert "The host 127.0.0.1 is not allowed" in refused
    log = json.dumps(list(Event.objects.filter(session=session).values_list("payload", flat=True)))
    assert SECRET not in log
    assert SECRET not in caplog.text


def test_the_first_vault_wins_and_an_archived_credential_is_gone(keep, make_session, actor):
    first, credential = keep("first")
    second, _ = keep("second")
    keep("other", name="OTHER", vault=second, hosts=(), header=True, body=False)
    session = make_session(vault_ids=[first.pk, second.pk])
    token, other = network_of_session(session.pk).variables
    assert (token.name, token.value, token.hosts, token.in_header, token.in_body) == (
        ("TOKEN", "first", ("localhost",), True, True)
    )
    assert (other.value, other.hosts, other.in_header, other.in_body) == ("other", None, True, False)
    update_credential(credential, {"auth": {"type": "environment_variable", "secret_value": "newer"}}, actor=actor)
    fresh = network_of_session(session.pk).variables[0]
    assert (fresh.value, fresh.placeholder) == ("newer", token.placeholder)
    archive_credential(credential, actor=actor)
    assert network_of_session(session.pk).variables[0].value == "second"


def test_placeholders_of_two_sessions_differ(keep, make_session):
    vault, _ = keep()
    held = {network_of_session(make_session(vault_ids=[vault.pk]).pk).variables[0].placeholder for _ in range(2)}
    assert len(held) == 2


def test_a_changed_environment_counts_for_boxes_opened_later(run, make_session, actor, networked, outside):
    environment = limited(actor, allowed_hosts=["localhost"])
    session = make_session(environment_id=environment.pk)
    ask = f"{CURL} -o /dev/null -w '%{{http_code}}' http://localhost:{outside.plain.port}/"
    assert run(session, ask) == ["200"]
    update_environment(
        environment, {"config": {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": []}}}, actor=actor
    )
    assert run(session, ask) == ["200"]
    networked.client.release(session.pk)
    assert run(session, ask)[0].startswith("bash: bash session terminated")
    later = make_session(environment_id=environment.pk)
    assert run(later, ask) == ["403"]


def test_where_the_operator_wants_no_network_there_is_none(run, keep, make_session, settings):
    settings.LUCID_EGRESS = False
    vault, _ = keep()
    session = make_session(vault_ids=[vault.pk])
    assert run(session, "env | grep -ci 'proxy\\|token'") == ["0"]
