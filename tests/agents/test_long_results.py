"""Results over 100,000 characters: the model gets their ends and the path of a file with the whole, wherever they come
from; where no file can be laid, it is told so."""

import json
from itertools import count

import pytest

from agents import limits, long_results
from agents.models import Session
from agents.plugs import sandbox
from agents.runtime import tool_calls, turn
from agents.runtime.prompt import CLIENTS, INTERRUPTED
from agents.runtime.toolbox import Toolbox
from agents.runtime.turn_log import TurnLog
from agents.sandbox import limits as sandbox_limits
from agents.sandbox.base import BadPath, SandboxUnavailable
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from agents.services.events import send_events
from tests.agents import test_kill_at_every_step as killing
from tests.agents.mcp_servers import running_mcp
from tests.agents.test_answers import CUSTOM, FIND, TOOLSET, bash, message, only, result, run, session_with

__all__ = ["run", "session_with"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)

TOOLS = {"type": TOOLSET}
LONG = "seq -w 1 30000"  # 180,000 characters
DONE = {"text": "done"}


def lines():
    return "".join(f"{number:05}\n" for number in range(1, 30_001))


def texts(events, type="agent.tool_result"):
    return [event.payload["content"][0]["text"] for event in events if event.type == type]


def path_of(text):
    assert long_results.FOLDER in text
    return text[text.index(long_results.FOLDER) :].split(",")[0]


def kept(session, text):
    return sandbox().read_file(session.pk, path_of(text)).decode()


def asked(session):
    """The tool results as the model was sent them."""
    log = TurnLog(session.threads.get().pk)
    blocks = [block for said in log.conversation.messages for block in said["content"]]
    return [block["content"][0]["text"] for block in blocks if block["type"] == "tool_result"]


def test_a_long_output_becomes_a_file_that_the_agent_can_read(session_with, run):
    session = session_with(TOOLS)
    call = {"tool": "grep", "input": {"pattern": "^15000$", "path": ".tool_results"}}
    _, events = run(session, message(bash(LONG), call, DONE))
    long, found = texts(events)
    assert long.startswith("[The result has 179,999 characters. All of it is in the file ")
    assert "\n\n00001\n00002\n" in long
    assert long.endswith("\n29999\n30000")
    assert "169,999 characters are left out" in long
    assert len(long) < limits.TOOL_PREVIEW_CHARS + 500
    assert kept(session, long) == lines()[:-1]
    assert found.endswith(":15000:15000")
    assert asked(session)[0] == long


def test_what_is_not_over_the_bound_stays_whole_however_many_bytes_it_has(session_with, run):
    wide = bash("head -c 99999 /dev/zero | sed 's/\\x00/日/g'; echo x")
    plain = bash("head -c 100001 /dev/zero | tr '\\0' x")
    whole, long = texts(run(session_with(TOOLS), message(wide, plain, DONE))[1])
    assert whole == "日" * 99_999 + "x"
    assert long.startswith("[The result has 100,001 characters.")


def test_of_an_endless_output_the_file_has_the_end(session_with, run):
    session = session_with(TOOLS)
    [long] = texts(run(session, message(bash("seq 1 2000000"), DONE))[1])
    text = kept(session, long)
    assert text.startswith("[output truncated]\n")
    assert text.endswith("\n1999999\n2000000")
    assert limits.BASH_OUTPUT_MAX_BYTES - 100 < len(text) <= limits.BASH_OUTPUT_MAX_BYTES + 20


def test_a_failed_command_is_told_the_same_way(session_with, run):
    session = session_with(TOOLS)
    _, events = run(session, message(bash(f"{LONG}; false"), DONE))
    assert only(events, "agent.tool_result").payload["is_error"] is True
    assert kept(session, texts(events)[0]) == lines()[:-1]


def test_a_file_that_is_read_is_not_copied(session_with, run):
    session = session_with(TOOLS)
    read = {"tool": "read", "input": {"file_path": "numbers"}}
    _, long, listed = texts(run(session, message(bash(f"{LONG} > numbers"), read, bash("ls -A"), DONE))[1])
    assert "All of it is in the file numbers," in long
    assert listed == "numbers"


def test_a_link_in_the_folders_place_is_not_followed(session_with, run):
    session = session_with(TOOLS)
    steps = [bash("mkdir /workspace/aim; ln -s aim .tool_results"), bash(LONG), bash("ls -A aim; echo none"), DONE]
    _, long, listed = texts(run(session, message(*steps))[1])
    assert "It could not be kept as a file: " in long
    assert "a link" in long
    assert limits.TOOL_RESULT_MAX_CHARS < len(long) < limits.TOOL_RESULT_MAX_CHARS + 500
    assert listed == "none"


@pytest.mark.parametrize("failure", [SandboxUnavailable("no host", "Start it"), BadPath("no space left on device")])
def test_without_the_sandbox_the_middle_is_left_out(session_with, run, monkeypatch, failure):
    def keep_result(self, *given):
        raise failure

    monkeypatch.setattr(type(sandbox()), "keep_result", keep_result)
    [long] = texts(run(session_with(TOOLS), message(bash(LONG), DONE))[1])
    assert f"It could not be kept as a file: {failure}]" in long
    assert long.endswith("\n30000")


def test_the_files_of_a_session_have_a_bound(make_session, sandbox_host):
    session = make_session()
    sandbox().keep_result(session.pk, long_results.path_of("sevt_1"), lambda: "12345")
    most = sandbox_limits.RESULTS_MAX_BYTES
    sandbox().run_tool(session.pk, "bash", {"command": f"truncate -s {most - 10} .tool_results/large"})
    with pytest.raises(BadPath, match="256 MiB"):
        sandbox().keep_result(session.pk, long_results.path_of("sevt_2"), lambda: "123456")
    sandbox().keep_result(session.pk, long_results.path_of("sevt_1"), lambda: "is there already")
    sandbox().keep_result(session.pk, long_results.path_of("sevt_3"), lambda: "12345")


def test_a_path_that_climbs_out_is_refused(make_session, sandbox_host):
    for path in ("/workspace/../x", "/mnt/session/uploads/x", "/etc/passwd", "/workspace/a/../b"):
        with pytest.raises(BadPath):
            sandbox().keep_result(make_session().pk, path, lambda: "x")


# What clients send


def test_a_clients_long_result_stays_in_the_log_and_becomes_a_file(session_with, run):
    session = session_with(CUSTOM, TOOLS)
    _, events = run(session, message(FIND, bash("cat .tool_results/* | sha256sum; cat .tool_results/*"), DONE))
    call = only(events, "agent.custom_tool_use")
    [sent], events = run(session, result(call, lines()))
    assert sent["content"] == [{"type": "text", "text": lines()}]
    assert set(sent) == {"id", "type", "custom_tool_use_id", "content", "processed_at"}
    assert kept(session, asked(session)[0]) == lines()
    assert session.events.get(event_id=sent["id"]).payload["content"] == sent["content"]
    # What the agent printed of it is a long result again.
    assert kept(session, texts(events)[0]).partition("\n")[2] == lines().rstrip("\n")


def test_it_is_laid_again_where_the_box_was_lost(session_with, run):
    session = session_with(CUSTOM, TOOLS)
    _, events = run(session, message(FIND, DONE))
    run(session, result(only(events, "agent.custom_tool_use"), lines()))
    sandbox().destroy(session.pk)
    _, events = run(session, message(bash("wc -c < .tool_results/*"), DONE))
    assert texts(events) == ["180000"]


def test_without_a_tool_to_look_into_files_there_is_no_file(session_with, run):
    session = session_with(CUSTOM)
    _, events = run(session, message(FIND, DONE))
    run(session, result(only(events, "agent.custom_tool_use"), lines()))
    [told] = asked(session)
    assert told.startswith(f"[The result has 180,000 characters, which is too long: its middle is left out. {CLIENTS}]")
    assert len(told) < limits.TOOL_RESULT_MAX_CHARS + 500


def test_a_workers_long_result_is_bounded_without_a_file(practice, clean_redis, actor, run, make_session):
    environment = create_environment({"name": "own", "config": {"type": "self_hosted"}}, actor=actor)
    agent = create_agent({"name": "Asker", "model": "practice-1", "tools": [TOOLS]}, actor=actor)
    session = make_session(agent=agent.pk, environment_id=environment.pk)
    _, events = run(session, message(bash(LONG), DONE))
    call = only(events, "agent.tool_use")
    content = [{"type": "text", "text": lines()}]
    [sent], _ = run(session, {"type": "user.tool_result", "tool_use_id": call.event_id, "content": content})
    assert sent["content"] == content
    assert CLIENTS in asked(session)[0]


def test_an_mcp_servers_long_result_becomes_a_file(
    practice, sandbox_host, clean_redis, actor, make_session, run, settings
):
    settings.LUCID_ALLOW_PRIVATE_MCP = True
    with running_mcp() as servers:
        allowed = {"default_config": {"permission_policy": {"type": "always_allow"}}}
        body = {
            "name": "Caller",
            "model": "practice-1",
            "mcp_servers": [{"type": "url", "name": "files", "url": servers.url}],
            "tools": [{"type": "mcp_toolset", "mcp_server_name": "files", **allowed}, TOOLS],
        }
        session = make_session(agent=create_agent(body, actor=actor).pk)
        call = {"tool": "mcp__files__long", "input": {}}
        _, events = run(session, message(call, bash("wc -c < .tool_results/*"), DONE))
    [long] = texts(events, "agent.mcp_tool_result")
    assert len(kept(session, long)) == 300_000
    assert texts(events) == ["300000"]


# Pure


def test_pictures_stay_and_every_kind_of_text_counts():
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    found = {"type": "search_result", "title": "T", "source": "s", "content": [{"type": "text", "text": "f" * 60_000}]}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d" * 60_000}}
    assert not long_results.is_long([picture, found])
    assert long_results.is_long([picture, found, document])
    told, *others = long_results.previewed([picture, found, document], "/workspace/x")
    assert "\n\nT (s)\nfff" in told["text"]
    assert told["text"].endswith("ddd")
    assert others == [picture]
    assert not long_results.is_long(None)


# A worker that is killed


class Countdown(killing.Countdown):
    def patch(self) -> None:
        kinds = ((Toolbox, "bounded"), (type(sandbox()), "keep_result"), (type(sandbox()), "run_tool"))
        for owner, name in (*kinds, (turn, "append"), (tool_calls, "run_tools")):
            setattr(owner, name, self.around(getattr(owner, name)))


def test_a_worker_killed_around_the_file_leaves_one_result(make_session, actor, sandbox_host, clean_redis, monkeypatch):
    monkeypatch.setattr(killing, "Countdown", Countdown)
    program = "practice: " + json.dumps({"steps": [bash(LONG), DONE]})
    seen = set()
    for boundary in count(1):
        session: Session = make_session()
        send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": program}]}], actor=actor)
        was_killed = killing.run_and_die(session.threads.get().pk, boundary)
        killing.recover(session)
        session.refresh_from_db()
        events = list(session.events.in_order())
        assert [event.type for event in events] == killing.OUTLINE
        [told] = texts(events)
        seen.add(told == INTERRUPTED)
        if told != INTERRUPTED:
            assert kept(session, told) == lines()[:-1]
        if not was_killed:
            break
    assert boundary > 10
    assert seen == {True, False}
