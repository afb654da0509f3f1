"""What the official client sees of MCP servers in a session, every event checked against its own models."""

import json

import pytest

from agents import jobs
from agents.models import Thread
from tests.agents.mcp_servers import running_mcp

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def servers(settings):
    settings.LUCID_ALLOW_PRIVATE_MCP = True
    with running_mcp() as servers:
        yield servers


@pytest.fixture
def start(wire, practice, clean_redis, servers):
    """A session with a token in its vault that was told to call the server once, at rest again."""

    def start(environment_id, token="good"):
        servers.accepted = {"good"}
        vault = wire.beta.vaults.create(display_name="keys")
        auth = {"type": "static_bearer", "mcp_server_url": servers.url, "token": token}
        wire.beta.vaults.credentials.create(vault.id, auth=auth)
        agent = wire.beta.agents.create(
            name="Caller",
            model="practice-1",
            mcp_servers=[{"type": "url", "name": "files", "url": servers.url}],
            tools=[{"type": "mcp_toolset", "mcp_server_name": "files"}],
        )
        session = wire.beta.sessions.create(agent=agent.id, environment_id=environment_id, vault_ids=[vault.id])
        call = {"tool": "mcp__files__picture", "input": {}}
        text = f"practice: {json.dumps({'steps': [call, {'text': 'done'}]})}"
        message = {"type": "user.message", "content": [{"type": "text", "text": text}]}
        wire.beta.sessions.events.send(session.id, events=[message])
        drive(session)
        return session

    return start


def drive(session):
    jobs.run_thread(Thread.objects.get(session=session.id).pk)


def test_a_call_is_confirmed_and_its_picture_comes_back(wire, start, environment):
    session = start(environment.id)
    use = next(e for e in wire.beta.sessions.events.list(session.id) if e.type == "agent.mcp_tool_use")
    assert (use.mcp_server_name, use.name, use.evaluated_permission) == ("files", "picture", "ask")
    confirmation = {"type": "user.tool_confirmation", "tool_use_id": use.id, "result": "allow"}
    wire.beta.sessions.events.send(session.id, events=[confirmation])
    drive(session)
    result = next(e for e in wire.beta.sessions.events.list(session.id) if e.type == "agent.mcp_tool_result")
    assert result.mcp_tool_use_id == use.id
    assert [block.type for block in result.content] == ["text", "image"]
    assert wire.beta.sessions.retrieve(session.id).status == "idle"


def test_a_refused_sign_in_is_a_session_error(wire, start, environment):
    session = start(environment.id, token="bad")
    (event,) = [e for e in wire.beta.sessions.events.list(session.id) if e.type == "session.error"]
    assert event.error.type == "mcp_authentication_failed_error"
    assert event.error.mcp_server_name == "files"
    assert event.error.retry_status.type == "retrying"
    assert wire.beta.sessions.retrieve(session.id).status == "idle"


def test_a_network_that_was_limited_since_keeps_the_server_out(wire, start, environment, servers):
    session = start(environment.id)
    limited = {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": ["a.example"]}}
    wire.beta.environments.update(environment.id, config=limited)
    asked = len(servers.asked)
    wire.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])
    message = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
    wire.beta.sessions.events.send(session.id, events=[message])
    drive(session)
    (event,) = [e for e in wire.beta.sessions.events.list(session.id) if e.type == "session.error"]
    assert event.error.type == "mcp_connection_failed_error"
    assert "127.0.0.1" in event.error.message
    assert len(servers.asked) == asked
