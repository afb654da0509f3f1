"""MCP servers in turns: a real one of the official package, found, asked and called over HTTP."""

import asyncio
import json
import threading
import tracemalloc

import pytest
from django.db import connections

from agents import jobs, limits
from agents.models import OutboxEvent
from agents.runtime.mcp.event_loop import mcp_loop
from agents.runtime.prompt import INTERRUPTED
from agents.runtime.tools.mcp import McpServers
from agents.runtime.tools.mcp_definitions import model_name
from agents.services.agents import create_agent
from agents.services.credential_secrets import secrets_of
from agents.services.events import send_events
from agents.services.vaults import create_credential, create_vault
from tests.agents.mcp_servers import running_mcp
from tests.stack import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

ALLOW = {"default_config": {"permission_policy": {"type": "always_allow"}}}
IDLE = ["session.thread_status_idle", "session.usage", "session.status_idle"]
RUNNING = ["session.status_running", "session.thread_status_running"]
REQUEST = ["span.model_request_start", "agent.message", "span.model_request_end"]


@pytest.fixture
def servers(settings, monkeypatch):
    settings.LUCID_ALLOW_PRIVATE_MCP = True
    monkeypatch.setattr(limits, "MCP_CONNECT_SECONDS", 60.0)  # a busy machine may take its time
    with running_mcp() as servers:
        yield servers


@pytest.fixture
def session_with(practice, clean_redis, actor, make_session):
    """`session_with(name=url, …)`: a session whose agent has these servers, with the toolset's members in `toolset`."""

    def make(toolset=ALLOW, vault_ids=(), tools=(), **urls):
        body = {
            "name": "Caller",
            "model": "practice-1",
            "mcp_servers": [{"type": "url", "name": name, "url": url} for name, url in urls.items()],
            "tools": [*({"type": "mcp_toolset", "mcp_server_name": name, **toolset} for name in urls), *tools],
        }
        return make_session(agent=create_agent(body, actor=actor).pk, vault_ids=list(vault_ids))

    return make


@pytest.fixture
def run(actor):
    """Send events, let a worker drive the session, and return what was logged since."""

    def send_and_run(session, *events):
        seen = session.events.count()
        send_events(session, list(events), actor=actor)
        jobs.run_thread(session.threads.get().pk)
        session.refresh_from_db()
        return list(session.events.in_order())[seen:]

    return send_and_run


@pytest.fixture
def vault_with(actor, servers):
    """A vault with one credential for the good server."""

    def make(**auth):
        vault = create_vault({"display_name": "keys"}, actor=actor)
        body = {"auth": {"mcp_server_url": servers.url, **auth}}
        return vault, create_credential(vault, body, actor=actor)

    return make


@pytest.fixture
def oauth(vault_with, servers):
    def make(**more):
        refresh = {
            "client_id": "lucid",
            "refresh_token": "refresh-1",
            "token_endpoint": f"{servers.base}/token",
            "token_endpoint_auth": {"type": "none"},
        }
        return vault_with(type="mcp_oauth", access_token="old", refresh=refresh, **more)

    return make


def message(*steps):
    text = f"practice: {json.dumps({'steps': steps})}"
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def call(tool, server="files", **given):
    return {"tool": f"mcp__{server}__{tool}", "input": given}


def confirmation(use, verdict, **more):
    return {"type": "user.tool_confirmation", "tool_use_id": use.event_id, "result": verdict, **more}


def types(events):
    return [event.type for event in events]


def only(events, type):
    (found,) = [event for event in events if event.type == type]
    return found


def told(events):
    return only(events, "agent.mcp_tool_result").payload


def error(events):
    return only(events, "session.error").payload["error"]


DONE = {"text": "done"}


def test_a_call_that_is_allowed_runs_at_once(servers, session_with, run):
    session = session_with(files=servers.url)
    events = run(session, message(call("echo", text="hello"), DONE))
    assert types(events) == [
        *RUNNING,
        "user.message",
        "span.model_request_start",
        "agent.mcp_tool_use",
        "span.model_request_end",
        "agent.mcp_tool_result",
        *REQUEST,
        *IDLE,
    ]
    use = only(events, "agent.mcp_tool_use")
    assert use.payload == {
        "name": "echo",
        "mcp_server_name": "files",
        "input": {"text": "hello"},
        "evaluated_permission": "allow",
        "evaluation": {"type": "always_allow"},
    }
    content = [{"type": "text", "text": "you said hello"}]
    assert told(events) == {"mcp_tool_use_id": use.event_id, "content": content, "is_error": False}
    assert only(events, "agent.mcp_tool_result").trust == 0


def test_without_a_policy_a_call_asks_and_runs_when_it_is_allowed(servers, session_with, run):
    session = session_with(toolset={}, files=servers.url)
    events = run(session, message(call("echo", text="please"), DONE))
    assert types(events)[-5:] == ["agent.mcp_tool_use", "span.model_request_end", *IDLE]
    use = only(events, "agent.mcp_tool_use")
    assert use.payload["evaluation"] == {"type": "always_ask"}
    assert session.stop_reason == {"type": "requires_action", "event_ids": [use.event_id]}
    assert servers.called == []
    events = run(session, confirmation(use, "allow"))
    assert types(events) == ["user.tool_confirmation", *RUNNING, "agent.mcp_tool_result", *REQUEST, *IDLE]
    assert servers.called == ["please"]


def test_a_call_that_is_denied_never_runs_and_the_agent_hears_why(servers, session_with, run):
    session = session_with(toolset={}, files=servers.url)
    events = run(session, message(call("echo", text="no"), DONE))
    events = run(session, confirmation(only(events, "agent.mcp_tool_use"), "deny", deny_message="not today"))
    assert types(events) == ["user.tool_confirmation", *RUNNING, "agent.mcp_tool_result", *REQUEST, *IDLE]
    assert told(events)["is_error"] is True
    assert "not today" in told(events)["content"][0]["text"]
    assert servers.called == []


def test_a_tool_can_be_switched_off_and_unknown_names_do_nothing(servers, session_with, run):
    configs = [{"name": "echo", "enabled": False}, {"name": "nowhere", "enabled": True}]
    session = session_with(toolset={**ALLOW, "configs": configs}, files=servers.url)
    events = run(session, message(call("echo", text="x"), DONE))
    use = only(events, "agent.mcp_tool_use")
    assert use.payload["evaluated_permission"] == "deny"
    assert "evaluation" not in use.payload
    assert told(events)["content"][0]["text"] == "The tool echo of the MCP server files is not available."
    assert servers.called == []


def test_each_tool_has_its_own_policy_and_auto_asks_about_the_tools_of_others(servers, session_with, run):
    own = {"echo": "always_allow", "fail": "auto"}
    configs = [{"name": name, "permission_policy": {"type": policy}} for name, policy in own.items()]
    session = session_with(toolset={"configs": configs}, files=servers.url)
    events = run(session, message({"tools": [call("echo", text="x"), call("fail"), call("picture")]}, DONE))
    uses = [event for event in events if event.type == "agent.mcp_tool_use"]
    unclear = {"type": "auto", "evaluated_permission": {"type": "ask", "reason_code": "indeterminate"}}
    assert [(use.payload["evaluated_permission"], use.payload["evaluation"]) for use in uses] == [
        ("allow", {"type": "always_allow"}),
        ("ask", unclear),
        ("ask", {"type": "always_ask"}),
    ]
    assert types(events)[-5:] == ["span.model_request_end", "agent.mcp_tool_result", *IDLE]
    assert session.stop_reason["event_ids"] == [uses[1].event_id, uses[2].event_id]


def test_with_a_toolset_that_is_off_only_what_is_named_is_offered(servers, session_with):
    configs = [{"name": "echo", "enabled": True}]
    session = session_with(toolset={"default_config": {"enabled": False}, "configs": configs}, files=servers.url)
    tools = McpServers(session.pk, session.agent_snapshot)
    tools.connect(lambda: False)
    tools.close()
    assert [tool["name"] for tool in tools.definitions] == ["mcp__files__echo"]


def test_pictures_and_failures_and_long_answers_come_back_as_they_are(servers, session_with, run):
    session = session_with(files=servers.url)
    events = run(session, message({"tools": [call("picture"), call("fail"), call("long")]}, DONE))
    picture, failure, long = (event.payload for event in events if event.type == "agent.mcp_tool_result")
    assert [block["type"] for block in picture["content"]] == ["text", "image"]
    assert failure["is_error"] is True
    assert "it does not work" in failure["content"][0]["text"]
    assert long["content"][0]["text"].startswith("[The result has 300,000 characters, which is too long")
    assert len(long["content"][0]["text"]) < limits.TOOL_RESULT_MAX_CHARS + 500


def test_servers_with_equal_tools_and_odd_names_are_told_apart(servers, session_with, run):
    session = session_with(**{"one": servers.url, "my server": servers.url})
    steps = {"tools": [call("echo", "one", text="1"), call("echo", text="2")]}
    steps["tools"][1]["tool"] = model_name("my server", "echo")
    events = run(session, message(steps, DONE))
    uses = [event.payload for event in events if event.type == "agent.mcp_tool_use"]
    assert [(use["mcp_server_name"], use["name"]) for use in uses] == [("one", "echo"), ("my server", "echo")]
    assert servers.called == ["1", "2"]


def test_a_server_of_the_older_transport_is_spoken_to_as_well(servers, session_with, run):
    session = session_with(files=f"{servers.base}/old")
    events = run(session, message(call("echo", text="old"), DONE))
    assert told(events)["content"][0]["text"] == "you said old"


def test_the_token_of_a_vault_is_sent_and_shown_nowhere(servers, session_with, run, vault_with):
    servers.accepted = {"s3cret"}
    vault, _ = vault_with(type="static_bearer", token="s3cret")
    session = session_with(files=servers.url, vault_ids=[vault.pk])
    events = run(session, message(call("echo", text="in"), DONE))
    assert told(events)["content"][0]["text"] == "you said in"
    assert "s3cret" not in json.dumps([event.payload for event in events])


def test_a_server_that_refuses_is_reported_and_the_session_goes_on(servers, session_with, run, vault_with):
    servers.accepted = {"another"}
    vault, _ = vault_with(type="static_bearer", token="s3cret")
    session = session_with(files=servers.url, vault_ids=[vault.pk])
    events = run(session, message({"text": "without"}))
    assert types(events) == [*RUNNING, "user.message", "session.error", *REQUEST, *IDLE]
    assert error(events)["type"] == "mcp_authentication_failed_error"
    assert error(events)["mcp_server_name"] == "files"
    assert error(events)["retry_status"] == {"type": "retrying"}
    assert "s3cret" not in json.dumps(error(events))


def test_an_oauth_token_that_ran_out_is_renewed_before_it_is_sent(servers, session_with, run, oauth):
    servers.accepted = {"new"}
    servers.tokens = {"access_token": "new", "refresh_token": "refresh-2", "expires_in": 3600}
    vault, credential = oauth()
    credential.auth["expires_at"] = "2020-01-01T00:00:00Z"
    credential.save()
    session = session_with(files=servers.url, vault_ids=[vault.pk])
    events = run(session, message(call("echo", text="in"), DONE))
    assert told(events)["content"][0]["text"] == "you said in"
    assert "old" not in {token for _, path, token in servers.asked if path == "/mcp"}
    credential.refresh_from_db()
    assert secrets_of(credential) == {"access_token": "new", "refresh_token": "refresh-2"}


def test_an_oauth_token_that_is_refused_is_renewed_once(servers, session_with, run, oauth):
    servers.accepted = {"new"}
    servers.tokens = {"access_token": "new"}
    vault, _ = oauth()
    session = session_with(files=servers.url, vault_ids=[vault.pk])
    events = run(session, message(call("echo", text="in"), DONE))
    assert told(events)["content"][0]["text"] == "you said in"
    assert [path for _, path, _ in servers.asked].count("/token") == 1


def test_a_failed_renewal_is_told_to_webhooks_and_the_session_goes_on(servers, session_with, run, oauth):
    servers.accepted = {"new"}
    vault, credential = oauth()
    session = session_with(files=servers.url, vault_ids=[vault.pk])
    events = run(session, message({"text": "without"}))
    assert error(events)["type"] == "mcp_authentication_failed_error"
    assert OutboxEvent.objects.filter(type="vault_credential.refresh_failed", object_id=credential.pk).count() == 1
    assert [path for _, path, _ in servers.asked].count("/token") == 1


def test_a_server_that_is_down_is_tried_again_when_the_session_runs_again(servers, session_with, run):
    session = session_with(files=servers.url)
    servers.is_down = True
    events = run(session, message(call("echo", text="x"), DONE))
    assert error(events)["type"] == "mcp_connection_failed_error"
    assert types(events).count("session.error") == 1
    assert session.stop_reason == {"type": "end_turn"}
    servers.is_down = False
    events = run(session, message(call("echo", text="back"), DONE))
    assert told(events)["content"][0]["text"] == "you said back"


def test_nobody_there_is_one_error_beside_a_server_that_answers(servers, session_with, run):
    session = session_with(files=servers.url, gone="http://127.0.0.1:9/mcp")
    events = run(session, message(call("echo", text="x"), DONE))
    assert error(events)["mcp_server_name"] == "gone"
    assert told(events)["content"][0]["text"] == "you said x"


def test_a_private_address_is_not_called_unless_a_setting_says_so(servers, session_with, run, settings):
    settings.LUCID_ALLOW_PRIVATE_MCP = False
    events = run(session_with(files=servers.url), message({"text": "without"}))
    assert error(events)["type"] == "mcp_connection_failed_error"
    assert servers.asked == []


def test_a_server_that_hangs_keeps_a_turn_waiting_for_a_while_only(servers, session_with, run, monkeypatch):
    monkeypatch.setattr(limits, "MCP_CONNECT_SECONDS", 0.6)
    events = run(session_with(files=f"{servers.base}/hang"), message({"text": "without"}))
    assert types(events) == [*RUNNING, "user.message", "session.error", *REQUEST, *IDLE]
    assert "in time" in error(events)["message"]


def test_a_call_that_hangs_is_an_error_of_the_call(servers, session_with, run, monkeypatch):
    monkeypatch.setattr(limits, "MCP_CALL_SECONDS", 0.6)
    events = run(session_with(files=servers.url), message(call("slow"), DONE))
    assert told(events)["is_error"] is True
    assert "did not answer within" in told(events)["content"][0]["text"]
    assert "session.error" not in types(events)


def test_an_interrupt_ends_the_wait_for_a_call(servers, session_with, actor):
    session = session_with(files=servers.url)
    send_events(session, [message(call("slow"), DONE)], actor=actor)
    worker = threading.Thread(target=run_in_thread, args=(session.threads.get().pk,))
    worker.start()
    wait_for(lambda: servers.called or None, 60)
    send_events(session, [{"type": "user.interrupt"}], actor=actor)
    worker.join(60)
    events = list(session.events.in_order())
    assert told(events)["content"][0]["text"] == INTERRUPTED
    assert types(events)[-4:] == ["user.interrupt", *IDLE]


def test_an_interrupt_ends_the_wait_for_a_server_that_hangs(servers, session_with, actor):
    session = session_with(files=f"{servers.base}/hang")
    send_events(session, [message(DONE)], actor=actor)
    worker = threading.Thread(target=run_in_thread, args=(session.threads.get().pk,))
    worker.start()
    wait_for(lambda: servers.asked or None, 60)
    send_events(session, [{"type": "user.interrupt"}], actor=actor)
    worker.join(60)
    assert types(session.events.in_order()) == [*RUNNING, "user.message", "user.interrupt", *IDLE]


def run_in_thread(thread_id):
    try:
        jobs.run_thread(thread_id)
    finally:
        connections.close_all()


def test_tools_with_schemas_that_are_none_are_left_out_and_the_others_stay(servers, session_with):
    session = session_with(files=f"{servers.base}/bad")
    tools = McpServers(session.pk, session.agent_snapshot)
    tools.connect(lambda: False)
    tools.close()
    assert [tool["name"] for tool in tools.definitions] == ["mcp__files__sound"]


def test_an_answer_of_fifty_megabytes_is_refused_and_never_held(servers, session_with, run):
    session = session_with(files=f"{servers.base}/bad")
    tracemalloc.start()
    events = run(session, message(call("sound"), DONE))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told(events)["is_error"] is True
    assert "more than 8,388,608 bytes" in told(events)["content"][0]["text"]
    assert peak < 40_000_000
    assert session.stop_reason == {"type": "end_turn"}


def test_a_compressed_answer_is_not_unpacked(servers, session_with, run):
    events = run(session_with(files=f"{servers.base}/bomb"), message({"text": "without"}))
    assert "compressed" in error(events)["message"]


@pytest.mark.parametrize(
    "place", ["http://localhost:1/mcp", "http://169.254.169.254/latest/meta-data", "//[::1]:1/mcp"]
)
def test_a_redirect_to_another_host_is_not_followed(servers, session_with, run, vault_with, place):
    servers.moved_to = place.encode()
    vault, _ = vault_with(type="static_bearer", token="s3cret", mcp_server_url=f"{servers.base}/elsewhere")
    session = session_with(files=f"{servers.base}/elsewhere", vault_ids=[vault.pk])
    events = run(session, message({"text": "without"}))
    assert error(events)["type"] == "mcp_connection_failed_error"
    assert {path for _, path, _ in servers.asked} == {"/elsewhere"}


def test_tools_that_are_named_like_others_are_told_apart(servers, session_with, run):
    """A server cannot put itself in the place of a built-in tool or of a client's."""
    find = {"type": "custom", "name": "find_order", "description": "Finds.", "input_schema": {"type": "object"}}
    session = session_with(files=f"{servers.base}/builtin", tools=[{"type": "agent_toolset_20260401"}, find])
    steps = {"tools": [call("bash"), {"tool": "find_order", "input": {}}, {"tool": "nothing", "input": {}}]}
    events = run(session, message(steps, DONE))
    uses = [event for event in events if event.type.endswith("tool_use")]
    assert types(uses) == ["agent.mcp_tool_use", "agent.custom_tool_use", "agent.tool_use"]
    assert [use.payload["name"] for use in uses] == ["bash", "find_order", "nothing"]
    assert session.stop_reason == {"type": "requires_action", "event_ids": [uses[1].event_id]}


def test_a_tool_that_is_listed_and_not_there_is_an_error_of_the_call(servers, session_with, run):
    session = session_with(files=f"{servers.base}/builtin")
    events = run(session, message(call("read"), call("never_listed"), DONE))
    results = [event.payload for event in events if event.type == "agent.mcp_tool_result"]
    assert [result["is_error"] for result in results] == [True, True]
    assert "Unknown tool: read" in results[0]["content"][0]["text"]
    assert results[1]["content"][0]["text"] == "The tool never_listed of the MCP server files is not available."
    assert session.stop_reason == {"type": "end_turn"}


@pytest.mark.parametrize(
    ("path", "offered", "lists"),
    [("many", limits.AGENT_TOOLS_MAX, 1), ("circle", 1, limits.MCP_LIST_PAGES_MAX)],
)
def test_a_list_without_an_end_is_cut(servers, session_with, path, offered, lists):
    session = session_with(files=f"{servers.base}/{path}")
    tools = McpServers(session.pk, session.agent_snapshot)
    tools.connect(lambda: False)
    tools.close()
    assert (len(tools.definitions), servers.called.count("tools/list")) == (offered, lists)
    assert tools.failures == {}


def test_an_answer_that_breaks_off_is_an_error_of_the_call(servers, session_with, run):
    session = session_with(files=f"{servers.base}/cut")
    events = run(session, message(call("cut"), DONE))
    assert told(events)["is_error"] is True
    assert "did not carry out the call" in told(events)["content"][0]["text"]
    assert types(events)[-4:] == ["span.model_request_end", *IDLE]
    assert session.stop_reason == {"type": "end_turn"}


def test_a_token_that_is_withdrawn_in_the_middle_of_a_turn_is_a_session_error(servers, session_with, run, vault_with):
    servers.accepted = {"s3cret"}
    vault, _ = vault_with(type="static_bearer", token="s3cret")
    session = session_with(toolset={}, files=servers.url, vault_ids=[vault.pk])
    events = run(session, message(call("echo", text="x"), DONE))
    servers.accepted = set()
    events = run(session, confirmation(only(events, "agent.mcp_tool_use"), "allow"))
    assert error(events)["type"] == "mcp_authentication_failed_error"
    assert told(events)["is_error"] is True
    assert session.stop_reason == {"type": "end_turn"}


def test_a_conversation_that_the_server_forgot_is_begun_again(servers, session_with):
    session = session_with(old=f"{servers.base}/session")
    tools = McpServers(session.pk, session.agent_snapshot)
    tools.connect(lambda: False)
    assert tools.run("old", "echo", {"text": "1"}, stop=lambda: False).text == "you said 1"
    servers.forgets = True
    assert tools.run("old", "echo", {"text": "2"}, stop=lambda: False).text == "you said 2"
    tools.close()
    assert servers.forgets is False
    assert servers.called == ["1", "2"]


def test_a_server_that_lets_the_goodbye_hang_keeps_nothing_alive(servers, session_with, monkeypatch):
    monkeypatch.setattr(limits, "MCP_CLOSE_SECONDS", 0.2)
    servers.refuses_goodbyes = True
    session = session_with(old=f"{servers.base}/session")
    tools = McpServers(session.pk, session.agent_snapshot)
    tools.connect(lambda: False)
    assert asyncio.all_tasks(mcp_loop())
    tools.close()
    wait_for(lambda: not asyncio.all_tasks(mcp_loop()) or None, 60)
    assert ("DELETE", "/session", "") in servers.asked
