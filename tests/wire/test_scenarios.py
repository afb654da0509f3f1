"""Every scenario of a session, event by event: what a client does, and exactly what the log then holds.

More on budgets, system messages and what is refused stands in files of their own; `story.py` says how the tables are
read and what is checked of every story besides.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import anthropic
import pytest
from django.conf import settings

from agents import limits, plugs
from agents.models import OutboxEvent
from agents.runtime.model_requests import CUT_OFF
from agents.runtime.prompt import INTERRUPTED
from agents.services.prices import set_price
from tests.agents.practice_server import running_practice
from tests.wire.scenes import (
    DONE,
    FIND,
    INTERRUPT,
    TOOLSET,
    Scene,
    bash,
    confirm,
    custom_result,
    fails,
    find,
    policy,
    says,
    worked,
)
from tests.wire.story import lines

pytestmark = pytest.mark.django_db(transaction=True)

ASKS = policy("always_ask", "bash")
OVERLOADED = fails(529, "overloaded_error")


@pytest.fixture(scope="module")
def _practice():
    """A practice model that remembers how often it was asked the same, so that a fault can pass."""
    with running_practice("--count-attempts") as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "ANTHROPIC_BASE_URL", url)
        plugs.model_client.cache_clear()
        yield
    plugs.model_client.cache_clear()


@pytest.fixture
def scene(wire, environment, _practice, sandbox_host, clean_redis):
    """`scene(*tools)`: an idle session of an agent with these tools."""

    def make(*tools, model="claude-opus-5-5", **more):
        agent = wire.beta.agents.create(name="Ann", model=model, tools=list(tools))
        where = {"environment_id": environment.id, **more}
        return Scene(wire, wire.beta.sessions.create(agent=agent.id, **where))

    return make


# Turns


def test_a_message_is_answered(scene):
    s = scene()
    (echo,) = s.send(says("Hello", DONE))
    assert (echo.type, echo.processed_at) == ("user.message", None)
    assert s.new() == ["(q) user.message Hello"]
    assert s.drive() == lines("""
        running
        user.message Hello
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)
    (message,) = [event for event in s.events() if event.type == "user.message"]
    assert (message.id, message.content) == (echo.id, echo.content)
    assert s.status == "idle"


def test_thinking_is_told_before_what_was_thought(scene):
    assert scene().act(says("Hello", {"thinking": "hm", "text": "done"})) == lines("""
        running
        user.message Hello
        span.model_request_start
        agent.thinking
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_a_session_with_a_first_message_is_created_running(scene):
    s = scene(initial_events=[says("Hello", DONE)])
    assert (s.session.status, s.status) == ("running", "running")
    assert s.new() == lines("""
        running
        (q) user.message Hello
    """)
    assert s.drive() == lines("""
        user.message Hello
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_two_messages_are_two_turns(scene):
    s = scene()
    s.send(says("One", {"text": "1"}))
    assert s.act(says("Two", {"text": "2"})) == lines("""
        running
        user.message One
        span.model_request_start
        agent.message 1
        span.model_request_end
        idle end_turn
        running
        user.message Two
        span.model_request_start
        agent.message 2
        span.model_request_end
        idle end_turn
    """)


def test_an_answer_without_a_word_is_no_message(scene):
    assert scene().act(says("Hello", {"text": " \n"})) == lines("""
        running
        user.message Hello
        span.model_request_start
        span.model_request_end
        idle end_turn
    """)


def test_a_refusal_ends_the_turn_as_one(scene):
    s = scene()
    assert s.act(says("Hello", {"text": "no", "stop_reason": "refusal"})) == lines("""
        running
        user.message Hello
        span.model_request_start
        agent.message no
        span.model_request_end
        idle refusal
    """)
    assert s.events()[-1].stop_details.to_dict() == {"type": "refusal", "category": None, "explanation": None}
    assert s.act(says("Sorry", DONE))[-1] == "session.status_idle end_turn"


def test_what_a_refusing_model_was_about_to_call_is_not_called(scene):
    s = scene({"type": TOOLSET}, FIND)
    step = {"text": "I will", "tools": [bash("echo 1"), find()], "stop_reason": "refusal"}
    assert s.act(says("Go", step)) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.message I will
        span.model_request_end
        idle refusal
    """)


def test_a_call_that_was_cut_off_is_not_carried_out_and_the_model_hears_why(scene):
    s = scene({"type": TOOLSET}, FIND)
    cut = {"tools": [bash("echo 1"), find("A")], "stop_reason": "max_tokens"}
    assert s.act(says("Go", cut, DONE))[4:] == lines(f"""
        agent.tool_use a bash allow by always_allow
        agent.tool_use b find_order deny
        span.model_request_end
        agent.tool_result b error {CUT_OFF}
        agent.tool_result a 1
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        ({"type": "refusal", "category": "cyber", "explanation": "No."}, {"category": "cyber", "explanation": "No."}),
        ({"type": "refusal", "category": 7, "explanation": ["x"]}, {"category": None, "explanation": None}),
    ],
)
def test_a_refusal_says_what_the_model_endpoint_says_of_it(scene, monkeypatch, details, shown):
    client = type(plugs.model_client())
    answer = client.answer
    monkeypatch.setattr(client, "answer", lambda *a, **more: replace(answer(*a, **more), stop_details=details))
    s = scene()
    s.act(says("Hello", {"text": "no", "stop_reason": "refusal"}))
    thread_idle, _, idle = s.events()[-3:]
    assert thread_idle.stop_details == idle.stop_details
    assert idle.stop_details.to_dict() == {"type": "refusal", **shown}


# Tools


def test_a_call_that_is_allowed_runs_at_once(scene):
    s = scene({"type": TOOLSET})
    assert s.act(says("Go", {"text": "I look.", **bash("echo out")}, DONE)) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.message I look.
        agent.tool_use a bash allow by always_allow
        span.model_request_end
        agent.tool_result a out
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)
    (use,) = [event for event in s.events() if event.type == "agent.tool_use"]
    assert use.input == {"command": "echo out"}


def test_the_calls_of_one_answer_stand_before_their_results(scene):
    s = scene({"type": TOOLSET})
    missing = {"tool": "read", "input": {"file_path": "nothing.txt"}}
    assert s.act(says("Go", {"tools": [bash("echo 1"), missing, bash("exit 3")]}, DONE)) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a bash allow by always_allow
        agent.tool_use b read allow by always_allow
        agent.tool_use c bash allow by always_allow
        span.model_request_end
        agent.tool_result a 1
        agent.tool_result b error read: nothing.txt: no such file or directory
        agent.tool_result c error (no output)
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_tools_that_are_unknown_or_switched_off_are_denied_before_any_policy(scene):
    s = scene({"type": TOOLSET, "configs": [{"name": "write", "enabled": False}]})
    write = {"tool": "write", "input": {"file_path": "a.txt", "content": "x"}}
    assert s.act(says("Go", {"tools": [{"tool": "launch"}, write, find()]}, DONE)) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a launch deny
        agent.tool_use b write deny
        agent.tool_use c find_order deny
        span.model_request_end
        agent.tool_result a error Permission to use launch has been denied.
        agent.tool_result b error Permission to use write has been denied.
        agent.tool_result c error Permission to use find_order has been denied.
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_with_a_toolset_that_is_off_only_what_is_switched_on_runs(scene):
    only = {"type": TOOLSET, "default_config": {"enabled": False}, "configs": [{"name": "bash", "enabled": True}]}
    s = scene(only)
    told = s.act(says("Go", {"tools": [bash("echo on"), {"tool": "glob", "input": {"pattern": "*"}}]}, DONE))
    assert told[4:6] == ["agent.tool_use a bash allow by always_allow", "agent.tool_use b glob deny"]
    assert s.status == "idle"


def test_a_tools_own_policy_wins_over_the_toolsets(scene):
    own = {"name": "bash", "permission_policy": {"type": "always_allow"}}
    s = scene({**policy("always_ask"), "configs": [own]})
    told = s.act(says("Go", {"tools": [bash("echo on"), {"tool": "glob", "input": {"pattern": "*"}}]}, DONE))
    assert told[4:] == lines("""
        agent.tool_use a bash allow by always_allow
        agent.tool_use b glob ask by always_ask
        span.model_request_end
        agent.tool_result a on
        idle requires_action b
    """)


# Confirmations


def test_a_call_that_asks_runs_when_it_is_allowed(scene):
    s = scene(ASKS)
    assert s.act(says("Go", bash("echo yes"), DONE)) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a bash ask by always_ask
        span.model_request_end
        idle requires_action a
    """)
    (echo,) = s.send(confirm(s["a"]))
    assert echo.processed_at
    assert s.drive() == lines("""
        user.tool_confirmation a allow
        running
        agent.tool_result a yes
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"deny_message": "not today"}, "The user rejected this tool call: not today"),
        ({}, "The user rejected this tool call."),
    ],
)
def test_a_call_that_is_denied_never_runs(scene, more, said):
    s = scene(ASKS)
    s.act(says("Go", bash("touch ran"), {"tool": "glob", "input": {"pattern": "*"}}, DONE))
    assert s.act(confirm(s["a"], "deny", **more)) == lines(f"""
        user.tool_confirmation a deny {more.get("deny_message", "")}
        running
        agent.tool_result a error {said}
        span.model_request_start
        agent.tool_use b glob allow by always_allow
        span.model_request_end
        agent.tool_result b no matches
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_what_is_left_to_decide_is_named_again(scene):
    s = scene(ASKS)
    told = s.act(says("Go", {"tools": [bash("echo 1"), bash("echo 2"), bash("echo 3")]}, DONE))
    assert told[-1] == "session.status_idle requires_action a b c"
    assert s.act(confirm(s["b"])) == lines("""
        user.tool_confirmation b allow
        idle requires_action a c
    """)
    assert s.act(confirm(s["a"], "deny")) == lines("""
        user.tool_confirmation a deny
        idle requires_action c
    """)
    assert s.act(confirm(s["c"])) == lines("""
        user.tool_confirmation c allow
        running
        agent.tool_result a error The user rejected this tool call.
        agent.tool_result b 2
        agent.tool_result c 3
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_all_are_decided_at_once(scene):
    s = scene(ASKS)
    s.act(says("Go", {"tools": [bash("echo 1"), bash("echo 2")]}, DONE))
    assert s.act(confirm(s["a"]), confirm(s["b"], "deny")) == lines("""
        user.tool_confirmation a allow
        user.tool_confirmation b deny
        running
        agent.tool_result b error The user rejected this tool call.
        agent.tool_result a 1
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_what_is_allowed_runs_beside_what_waits(scene):
    s = scene(policy("always_ask", "glob"), FIND)
    calls = [bash("echo now"), {"tool": "glob", "input": {"pattern": "*"}}, find(), {"tool": "launch"}]
    assert s.act(says("Go", {"tools": calls}, DONE)) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a bash allow by always_allow
        agent.tool_use b glob ask by always_ask
        agent.custom_tool_use c find_order
        agent.tool_use d launch deny
        span.model_request_end
        agent.tool_result d error Permission to use launch has been denied.
        agent.tool_result a now
        idle requires_action b c
    """)
    assert s.act(custom_result(s["c"], "found"), confirm(s["b"])) == lines("""
        user.custom_tool_result c found
        user.tool_confirmation b allow
        running
        agent.tool_result b no matches
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_what_is_answered_while_another_call_runs_is_not_waited_for(scene):
    s = scene(policy("always_ask", "glob"), FIND)
    slow = bash("until test -e go; do sleep 0.05; done; echo gone on")
    s.send(says("Go", {"tools": [slow, find(), {"tool": "glob", "input": {"pattern": "*.txt"}}]}, DONE))
    with s.driving("span.model_request_end"):
        s.send(custom_result(s["b"], "here"), confirm(s["c"]))
        plugs.sandbox().put_files(s.session.id, {"/workspace/go": b""})
    assert s.new() == lines("""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a bash allow by always_allow
        agent.custom_tool_use b find_order
        agent.tool_use c glob ask by always_ask
        span.model_request_end
        user.custom_tool_result b here
        user.tool_confirmation c allow
        agent.tool_result a gone on
        agent.tool_result c no matches
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_auto_judges_each_call_for_itself(scene):
    s = scene(policy("auto"))
    calls = [bash("echo one"), bash("rm -rf /"), bash("touch new && ls")]
    assert s.act(says("Go", {"tools": calls}, DONE)) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a bash allow by auto
        agent.tool_use b bash deny by auto high_risk
        agent.tool_use c bash ask by auto indeterminate
        span.model_request_end
        agent.tool_result b error Permission to use bash has been denied.
        agent.tool_result a one
        idle requires_action c
    """)
    with pytest.raises(anthropic.BadRequestError, match="asks for permission"):
        s.send(confirm(s["b"]))
    assert s.act(confirm(s["c"])) == lines("""
        user.tool_confirmation c allow
        running
        agent.tool_result c new
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_auto_denies_clear_harm_without_a_pause(scene):
    assert scene(policy("auto")).act(says("Go", bash("rm -rf /"), DONE)) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a bash deny by auto high_risk
        span.model_request_end
        agent.tool_result a error Permission to use bash has been denied.
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


# Custom tools


PICTURE = {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}}
FOUND = {
    "type": "search_result",
    "source": "https://a.example",
    "title": "A",
    "content": [{"type": "text", "text": "in Berlin"}],
    "citations": {"enabled": False},
}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "here"),
        ({"is_error": False}, "here"),
        ({"is_error": None}, "here"),
        ({"is_error": True}, "error here"),
        ({"content": []}, ""),
        ({"content": [PICTURE, FOUND]}, "image search_result"),
    ],
)
def test_a_custom_tool_is_the_clients_and_its_result_goes_on(scene, more, told):
    s = scene(FIND)
    assert s.act(says("Where is A1?", find("A1"), DONE)) == lines("""
        running
        user.message Where is A1?
        span.model_request_start
        agent.custom_tool_use a find_order
        span.model_request_end
        idle requires_action a
    """)
    (echo,) = s.send(custom_result(s["a"], "here", **more))
    assert echo.processed_at
    assert s.drive() == lines(f"""
        user.custom_tool_result a {told}
        running
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_one_of_two_results_leaves_the_other_to_wait(scene):
    s = scene(FIND)
    s.act(says("Go", {"tools": [find("A1"), find("A2")]}, DONE))
    assert s.act(custom_result(s["b"], "second")) == lines("""
        user.custom_tool_result b second
        idle requires_action a
    """)
    assert s.act(custom_result(s["a"], "first")) == lines("""
        user.custom_tool_result a first
        running
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_a_second_result_for_one_call_is_taken_and_ignored(scene):
    s = scene(FIND)
    s.act(says("Go", find(), DONE))
    (first,) = s.send(custom_result(s["a"], "one"))
    same = s.send(custom_result(s["a"], "two"), custom_result(s["a"], "three"))
    assert same == [first, first]
    assert s.drive()[0] == "user.custom_tool_result a one"
    assert s.send(custom_result(s["a"], "late")) == [first]
    assert s.drive() == []


def test_a_message_sent_while_a_call_waits_is_the_next_turn(scene):
    s = scene(FIND)
    s.act(says("Go", find(), DONE))
    assert s.act(says("More", {"text": "later"})) == ["(q) user.message More"]
    assert s.status == "idle"
    assert s.act(custom_result(s["a"], "here")) == lines("""
        user.custom_tool_result a here
        running
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
        running
        user.message More
        span.model_request_start
        agent.message later
        span.model_request_end
        idle end_turn
    """)


# Workers of a self-hosted environment


@pytest.fixture
def at_home(scene, wire):
    """`at_home(*tools)`: the same, where a worker of the client's own carries out the built-in tools."""
    ours = wire.beta.environments.create(name="ours", config={"type": "self_hosted"})
    return lambda *tools: scene(*tools, environment_id=ours.id)


def test_a_workers_call_waits_for_its_result(at_home):
    s = at_home({"type": TOOLSET}, FIND)
    assert s.act(says("Go", {"tools": [bash("echo 1"), find(), bash("echo 2"), {"tool": "launch"}]}, DONE)) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a bash allow by always_allow
        agent.custom_tool_use b find_order
        agent.tool_use c bash allow by always_allow
        agent.tool_use d launch deny
        span.model_request_end
        agent.tool_result d error Permission to use launch has been denied.
        idle requires_action a b c
    """)
    (echo,) = s.send(worked(s["a"], "1"))
    assert echo.processed_at
    assert s.send(worked(s["a"], "once more")) == [echo]
    assert s.drive() == lines("""
        user.tool_result a 1
        idle requires_action b c
    """)
    assert s.act(worked(s["c"], "broken", is_error=True), custom_result(s["b"], "found")) == lines("""
        user.tool_result c error broken
        user.custom_tool_result b found
        running
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_a_workers_call_that_asks_is_confirmed_before_it_is_carried_out(at_home):
    s = at_home(ASKS)
    s.act(says("Go", {"tools": [bash("echo 1"), bash("echo 2")]}, DONE))
    with pytest.raises(anthropic.BadRequestError, match="was not allowed to run"):
        s.send(worked(s["a"], "too early"))
    assert s.act(confirm(s["a"])) == ["user.tool_confirmation a allow"]
    assert s.act(confirm(s["b"], "deny")) == lines("""
        user.tool_confirmation b deny
        idle requires_action a
    """)
    with pytest.raises(anthropic.BadRequestError, match="was not allowed to run"):
        s.send(worked(s["b"], "in spite of it"))
    assert s.act(worked(s["a"], "1")) == lines("""
        user.tool_result a 1
        running
        user.tool_result b error The user rejected this tool call.
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_an_interrupt_closes_a_workers_call_in_the_workers_own_way(at_home):
    s = at_home({"type": TOOLSET})
    s.act(says("Go", bash("sleep 60"), DONE))
    assert s.act(INTERRUPT) == lines(f"""
        user.tool_result a error {INTERRUPTED}
        user.interrupt
        idle end_turn
    """)
    assert s.act(worked(s["a"], "late")) == []


# Interrupts


def test_an_interrupt_stops_a_model_request_and_the_next_message_is_answered(scene):
    s = scene()
    s.send(says("Go", {"text": "late", "delay_ms": 60_000}))
    with s.driving("span.model_request_start"):
        echo, _ = s.send(INTERRUPT, says("Next", {"text": "next"}))
        assert (echo.type, echo.processed_at) == ("user.interrupt", None)
    assert s.new() == lines("""
        running
        user.message Go
        span.model_request_start
        span.model_request_end error
        user.interrupt
        idle end_turn
        running
        user.message Next
        span.model_request_start
        agent.message next
        span.model_request_end
        idle end_turn
    """)
    assert echo.id in [event.id for event in s.events() if event.type == "user.interrupt"]


def test_an_interrupt_jumps_the_queue(scene):
    s = scene()
    s.send(says("Go", {"text": "late", "delay_ms": 60_000}))
    with s.driving("span.model_request_start"):
        s.send(says("Next", {"text": "next"}), INTERRUPT)
    assert s.new()[4:] == lines("""
        span.model_request_end error
        user.interrupt
        idle end_turn
        running
        user.message Next
        span.model_request_start
        agent.message next
        span.model_request_end
        idle end_turn
    """)


def test_an_interrupt_stops_a_tool_that_runs(scene):
    s = scene({"type": TOOLSET})
    s.send(says("Go", {"tools": [bash("sleep 60"), bash("echo never")]}, {"text": "never"}))
    with s.driving("span.model_request_end"):
        s.send(INTERRUPT)
    assert s.new() == lines(f"""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a bash allow by always_allow
        agent.tool_use b bash allow by always_allow
        span.model_request_end
        agent.tool_result a error {INTERRUPTED}
        agent.tool_result b error {INTERRUPTED}
        user.interrupt
        idle end_turn
    """)


def test_no_call_is_begun_after_an_interrupt(scene, monkeypatch):
    s = scene({"type": TOOLSET})
    client = type(plugs.model_client())
    answer = client.answer

    def answer_while_interrupted(self, request, **options):
        reply = answer(self, request, **options)
        if "touch" in str(reply.content):
            s.send(INTERRUPT)
        return reply

    monkeypatch.setattr(client, "answer", answer_while_interrupted)
    assert s.act(says("Go", {"tools": [bash("touch a"), bash("touch b")]}, DONE))[4:] == lines(f"""
        agent.tool_use a bash allow by always_allow
        agent.tool_use b bash allow by always_allow
        span.model_request_end
        agent.tool_result a error {INTERRUPTED}
        agent.tool_result b error {INTERRUPTED}
        user.interrupt
        idle end_turn
    """)
    assert "agent.tool_result c no matches" in s.act(says("Look", {"tool": "glob", "input": {"pattern": "*"}}, DONE))


def test_an_interrupt_closes_every_call_that_waits_for_a_client(scene):
    s = scene(ASKS, FIND)
    s.act(says("Go", {"tools": [bash("echo 1"), bash("echo 2"), find()]}, DONE))
    s.act(confirm(s["b"]))
    assert s.act(INTERRUPT) == lines(f"""
        agent.tool_result a error {INTERRUPTED}
        agent.tool_result b error {INTERRUPTED}
        user.custom_tool_result c error {INTERRUPTED}
        user.interrupt
        idle end_turn
    """)
    for answer in (confirm(s["a"]), confirm(s["b"])):
        with pytest.raises(anthropic.BadRequestError):
            s.send(answer)
    assert s.act(says("Next", {"text": "next"}))[-1] == "session.status_idle end_turn"


def test_an_answer_and_an_interrupt_that_come_together_both_count(scene):
    s = scene(ASKS, FIND)
    s.act(says("Go", {"tools": [bash("touch ran"), find()]}, DONE))
    assert s.act(confirm(s["a"]), custom_result(s["b"], "here"), INTERRUPT) == lines(f"""
        user.tool_confirmation a allow
        user.custom_tool_result b here
        agent.tool_result a error {INTERRUPTED}
        user.interrupt
        idle end_turn
    """)


def test_an_interrupt_ends_the_wait_for_the_next_try(scene):
    s = scene()
    s.act(says("Go", OVERLOADED))
    assert s.status == "rescheduling"
    assert s.act(INTERRUPT) == lines("""
        user.interrupt
        idle end_turn
    """)
    assert s.status == "idle"


def test_an_interrupt_of_a_session_at_rest_changes_nothing(scene):
    s = scene()
    assert s.act(INTERRUPT) == ["user.interrupt"]
    s.act(says("Go", DONE))
    assert s.act(INTERRUPT) == ["user.interrupt"]
    assert s.status == "idle"


def test_an_interrupt_may_name_the_primary_thread(scene):
    s = scene(FIND)
    s.act(says("Go", find(), DONE))
    (echo,) = s.send({**INTERRUPT, "session_thread_id": s.thread_id})
    assert s.drive() == lines(f"""
        user.custom_tool_result a error {INTERRUPTED}
        user.interrupt
        idle end_turn
    """)
    (interrupt,) = [event for event in s.events() if event.type == "user.interrupt"]
    assert (interrupt.id, interrupt.session_thread_id) == (echo.id, s.thread_id)


# Errors of the model


def test_a_request_that_fails_is_tried_again_and_the_turn_goes_on(scene):
    s = scene()
    assert s.act(says("Go", {**OVERLOADED, "times": 1}, {"text": "at last"})) == lines("""
        running
        user.message Go
        span.model_request_start
        span.model_request_end error
        session.error model_overloaded_error retrying
        session.status_rescheduled
        session.thread_status_rescheduled
    """)
    assert s.status == "rescheduling"
    assert s.retry() == lines("""
        running
        span.model_request_start
        agent.message at last
        span.model_request_end
        idle end_turn
    """)


def test_a_message_that_comes_before_the_next_try_waits_for_its_turn(scene):
    s = scene()
    s.act(says("Go", {**OVERLOADED, "times": 1}, {"text": "one"}))
    s.send(says("More", {"text": "two"}))
    assert s.retry() == lines("""
        running
        span.model_request_start
        agent.message one
        span.model_request_end
        idle end_turn
        running
        user.message More
        span.model_request_start
        agent.message two
        span.model_request_end
        idle end_turn
    """)


@pytest.mark.parametrize(
    ("step", "error", "words"),
    [
        (OVERLOADED, "model_overloaded_error", "529"),
        (fails(429, "rate_limit_error"), "model_rate_limited_error", "429"),
        (fails(500), "model_request_failed_error", "500"),
        ({"garbage": True}, "model_request_failed_error", "not JSON"),
        ({"disconnect": True}, "model_request_failed_error", "cannot be reached"),
    ],
)
def test_after_the_last_try_the_turn_is_given_up_and_what_waits_is_dropped(scene, step, error, words):
    s = scene()
    told = s.act(says("Go", step))
    s.send(says("More", {"text": "never"}))
    for _ in limits.MODEL_RETRY_DELAYS:
        told += [line for line in s.retry() if not line.startswith("(q)")]
    again = f"""
        span.model_request_end error
        session.error {error} retrying
        session.status_rescheduled
        session.thread_status_rescheduled
        running
        span.model_request_start
    """
    assert told == lines(f"""
        running
        user.message Go
        span.model_request_start
        {again * len(limits.MODEL_RETRY_DELAYS)}
        span.model_request_end error
        session.error {error} exhausted
        idle retries_exhausted
    """)
    assert words in [event for event in s.events() if event.type == "session.error"][-1].error.message
    assert s.act(says("Again", DONE))[2] == "user.message Again"


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (fails(400, "invalid_request_error"), "model_request_failed_error"),
        (fails(401, "authentication_error"), "model_request_failed_error"),
        (fails(402, "billing_error"), "billing_error"),
        (fails(403, "billing_error"), "billing_error"),
    ],
)
def test_a_request_that_will_never_be_answered_is_not_repeated(scene, step, error):
    assert scene().act(says("Go", step)) == lines(f"""
        running
        user.message Go
        span.model_request_start
        span.model_request_end error
        session.error {error} exhausted
        idle retries_exhausted
    """)


def test_a_turn_that_never_ends_is_ended(scene, monkeypatch):
    monkeypatch.setattr(limits, "MODEL_REQUESTS_PER_TURN_MAX", 1)
    assert scene({"type": TOOLSET}).act(says("Go", bash("echo 1"), DONE)) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a bash allow by always_allow
        span.model_request_end
        agent.tool_result a 1
        session.error tool_use_limit_reached_error exhausted
        idle retries_exhausted
    """)


# Budgets


@pytest.fixture
def dear(actor):
    """A model of which one token costs a cent, so that the first request uses up every small budget."""
    rates = dict.fromkeys(("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"), Decimal(10_000))
    return set_price("dear-model", date(2020, 1, 1), rates, actor=actor).model


def cap(cents):
    return {"type": "limit", "max_list_cost": {"amount": str(cents), "currency": "USD"}}


def test_a_turn_pauses_at_its_budget_and_goes_on_when_that_is_raised_or_removed(scene, wire, dear):
    s = scene({"type": TOOLSET}, model=dear, budget=cap(1))
    paused = lines("""
        agent.tool_use a bash allow by always_allow
        span.model_request_end
        agent.tool_result a 1
        idle budget_reached
    """)
    assert s.act(says("Go", bash("echo 1"), bash("echo 2"), DONE))[4:] == paused
    spent = int(wire.beta.sessions.retrieve(s.session.id).usage.list_cost.amount)
    wire.beta.sessions.update(s.session.id, budget=cap(spent + 1))
    assert s.drive() == lines("""
        session.updated budget
        running
        span.model_request_start
        agent.tool_use b bash allow by always_allow
        span.model_request_end
        agent.tool_result b 2
        idle budget_reached
    """)
    assert [event.budget.to_dict() for event in s.events() if event.type == "session.usage"] == [cap(1), cap(spent + 1)]
    wire.beta.sessions.update(s.session.id, budget=None)
    assert s.drive() == lines("""
        session.updated budget
        running
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_a_result_that_comes_at_the_cap_is_taken_and_the_turn_pauses_before_it_is_read(scene, wire, dear):
    s = scene(FIND, model=dear, budget=cap(1))
    assert s.act(says("Go", find(), DONE))[-1] == "session.status_idle requires_action a"
    with pytest.raises(anthropic.BadRequestError, match="has reached its budget"):
        s.send(says("More"))
    assert s.act(custom_result(s["a"], "here")) == lines("""
        user.custom_tool_result a here
        running
        idle budget_reached
    """)
    (echo,) = s.send(INTERRUPT)
    assert (echo.id != "", echo.processed_at, s.drive()) == (True, None, [])
    wire.beta.sessions.update(s.session.id, budget=None)
    assert s.drive()[-1] == "session.status_idle end_turn"


# Errors beside the turn


def test_a_secret_for_a_host_that_the_network_keeps_out_is_told_and_the_session_goes_on(scene, wire):
    vault = wire.beta.vaults.create(display_name="keys")
    auth = {"type": "environment_variable", "secret_name": "TOKEN", "secret_value": "s3cret"}
    far = {"networking": {"type": "limited", "allowed_hosts": ["api.example", "a.example"]}}
    credential = wire.beta.vaults.credentials.create(vault.id, auth={**auth, **far})
    near = {"secret_name": "OTHER", "networking": {"type": "limited", "allowed_hosts": ["a.example"]}}
    wire.beta.vaults.credentials.create(vault.id, auth={**auth, **near})
    limited = {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": ["a.example"]}}
    place = wire.beta.environments.create(name="limited", config=limited)
    s = scene({"type": TOOLSET}, environment_id=place.id, vault_ids=[vault.id])
    told = s.act(says("Go", bash("echo 1"), bash("echo 2"), DONE))
    assert told[4:8] == lines("""
        agent.tool_use a bash allow by always_allow
        span.model_request_end
        session.error credential_host_unreachable_error retrying
        agent.tool_result a 1 The network of the environment does not permit api.example, where TOKEN may be sent.
    """)
    assert "agent.tool_result b 2" in told
    (error,) = [event.error for event in s.events() if event.type == "session.error"]
    assert (error.credential_id, error.vault_id) == (credential.id, vault.id)


# Changes between turns


def test_the_next_turn_has_the_tools_that_an_idle_session_was_given(scene, wire):
    s = scene({"type": TOOLSET})
    s.act(says("Go", bash("echo 1"), DONE))
    wire.beta.sessions.update(s.session.id, agent={"tools": [FIND]}, title="Orders", metadata={"a": "1"})
    assert s.new() == ["session.updated agent metadata title"]
    wire.beta.sessions.update(s.session.id, agent={"tools": [FIND]}, title="Orders", metadata={"a": "1"})
    assert s.act(says("Again", {"tools": [bash("echo 2"), find()]}, DONE)) == lines("""
        running
        user.message Again
        span.model_request_start
        agent.tool_use b bash deny
        agent.custom_tool_use c find_order
        span.model_request_end
        agent.tool_result b error Permission to use bash has been denied.
        idle requires_action c
    """)
    wire.beta.sessions.update(s.session.id, agent={"tools": [{"type": TOOLSET}]})
    assert s.act(custom_result(s["c"], "found")) == lines("""
        session.updated agent
        user.custom_tool_result c found
        running
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_the_next_turn_has_the_mcp_servers_that_an_idle_session_was_given(scene, wire):
    s = scene()
    s.act(says("Go", DONE))
    server = {"type": "url", "name": "gone", "url": "http://127.0.0.1:9/mcp"}
    agent = {"tools": [{"type": "mcp_toolset", "mcp_server_name": "gone"}], "mcp_servers": [server]}
    wire.beta.sessions.update(s.session.id, agent=agent)
    assert s.act(says("Again", DONE)) == lines("""
        session.updated agent
        running
        user.message Again
        session.error mcp_connection_failed_error retrying
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)
    wire.beta.sessions.update(s.session.id, agent={"tools": [], "mcp_servers": []})
    assert "session.error" not in " ".join(s.act(says("Once more", DONE)))


# The end


def test_a_running_session_is_neither_archived_nor_deleted_and_an_interrupted_one_is(scene, wire):
    s = scene()
    s.send(says("Go", {"text": "late", "delay_ms": 60_000}))
    with s.driving("span.model_request_start"):
        before = s.events()
        for refused in (wire.beta.sessions.archive, wire.beta.sessions.delete):
            with pytest.raises(anthropic.BadRequestError, match="running"):
                refused(s.session.id)
        assert s.events() == before
        s.send(INTERRUPT)
    s.new()
    archived = wire.beta.sessions.archive(s.session.id)
    assert (archived.status, wire.beta.sessions.archive(s.session.id).archived_at) == (
        "terminated",
        archived.archived_at,
    )
    assert s.new() == ["session.thread_status_terminated", "session.status_terminated"]
    with pytest.raises(anthropic.BadRequestError, match="is archived"):
        s.send(says("More"))
    wire.beta.sessions.delete(s.session.id)
    with pytest.raises(anthropic.NotFoundError):
        s.events()


@pytest.mark.parametrize("step", [find(), OVERLOADED])
def test_a_session_that_waits_is_archived_and_deleted_as_any_other(scene, wire, step):
    s = scene(FIND)
    s.act(says("Go", step))
    assert wire.beta.sessions.archive(s.session.id).status == "terminated"
    assert s.new() == ["session.thread_status_terminated", "session.status_terminated"]
    assert s.retry() == []
    with pytest.raises(anthropic.BadRequestError, match="is archived"):
        s.send(INTERRUPT)
    other = scene(FIND)
    other.act(says("Go", step))
    wire.beta.sessions.delete(other.session.id)
    with pytest.raises(anthropic.NotFoundError):
        other.send(INTERRUPT)


def test_time_and_usage_are_counted_while_it_works_and_stand_still_when_it_is_over(scene, wire):
    s = scene()
    s.act(says("Go", DONE))
    (usage,) = [event.usage for event in s.events() if event.type == "session.usage"]
    one, other = (wire.beta.sessions.retrieve(s.session.id) for _ in range(2))
    (thread,) = wire.beta.sessions.threads.list(s.session.id)
    assert 0 < one.stats.active_seconds == other.stats.active_seconds == thread.stats.active_seconds
    assert one.stats.duration_seconds <= other.stats.duration_seconds
    assert 0 < usage.active_seconds <= one.usage.active_seconds == other.usage.active_seconds
    assert usage.input_tokens == one.usage.input_tokens == thread.usage.input_tokens > 0
    s.act(says("More", DONE))
    assert wire.beta.sessions.retrieve(s.session.id).stats.active_seconds > one.stats.active_seconds
    archived = wire.beta.sessions.archive(s.session.id)
    assert wire.beta.sessions.retrieve(s.session.id) == archived


def test_every_turn_is_told_to_webhooks(scene):
    s = scene()
    s.act(says("Go", DONE))
    left = OutboxEvent.objects.filter(object_id=s.session.id).order_by("pk")
    assert [row.type for row in left] == ["session.created", "session.status_run_started", "session.status_idled"]
