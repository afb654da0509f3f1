"""A worker that is killed around a call of an MCP server leaves a turn that ends once; the call is never made twice."""

import json
from itertools import count

import mcp  # noqa: F401  # taken in before the forks, which would each take a second for it
import pytest

from agents.runtime import turn
from agents.runtime.prompt import INTERRUPTED
from agents.runtime.tools.mcp import McpServers
from agents.services.agents import create_agent
from agents.services.events import send_events
from tests.agents import test_kill_at_every_step as killing
from tests.agents.mcp_servers import running_mcp

SERVER = "files"
OUTLINE = [
    "session.status_running",
    "session.thread_status_running",
    "user.message",
    "span.model_request_start",
    "agent.mcp_tool_use",
    "span.model_request_end",
    "agent.mcp_tool_result",
    "span.model_request_start",
    "agent.message",
    "span.model_request_end",
    "session.thread_status_idle",
    "session.usage",
    "session.status_idle",
]


class Countdown(killing.Countdown):
    def patch(self) -> None:
        for owner, name in ((McpServers, "connect"), (McpServers, "run"), (turn, "append")):
            setattr(owner, name, self.around(getattr(owner, name)))


@pytest.mark.django_db(transaction=True)
def test_no_call_is_made_twice_wherever_its_worker_is_killed(
    make_session, actor, practice, clean_redis, settings, monkeypatch
):
    settings.LUCID_ALLOW_PRIVATE_MCP = True
    monkeypatch.setattr(killing, "Countdown", Countdown)
    with running_mcp() as servers:
        allowed = {"default_config": {"permission_policy": {"type": "always_allow"}}}
        body = {
            "name": "Caller",
            "model": "practice-1",
            "mcp_servers": [{"type": "url", "name": SERVER, "url": servers.url}],
            "tools": [{"type": "mcp_toolset", "mcp_server_name": SERVER, **allowed}],
        }
        agent = create_agent(body, actor=actor)
        for boundary in count(1):
            session = make_session(agent=agent.pk)
            send_events(session, [message(boundary)], actor=actor)
            was_killed = killing.run_and_die(session.threads.get().pk, boundary)
            killing.recover(session)
            check(session, servers.called.count(f"call {boundary}"))
            if not was_killed:
                break
    assert boundary > 10


def message(boundary: int) -> dict[str, object]:
    call = {"tool": f"mcp__{SERVER}__echo", "input": {"text": f"call {boundary}"}}
    text = f"practice: {json.dumps({'steps': [call, {'text': 'done'}]})}"
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def check(session, calls: int) -> None:
    events = list(session.events.in_order())
    assert [event.type for event in events] == OUTLINE
    told = events[6].payload["content"][0]["text"] == INTERRUPTED
    assert calls <= 1
    assert told or calls == 1
    assert events[6].payload["is_error"] is told
