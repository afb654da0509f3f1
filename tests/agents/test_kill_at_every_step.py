"""A worker that is killed with SIGKILL between any two steps of a turn leaves a turn that ends exactly once."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from django.db import connections
from django.utils import timezone

from agents import jobs, leases
from agents.eventlog.fold import fold
from agents.models import Session, Thread
from agents.plugs import model_client, sandbox
from agents.runtime import inputs, loop, messages_api, rests, tool_calls, turn
from agents.runtime.prompt import INTERRUPTED
from agents.services.events import send_events

PROGRAM = 'practice: {"steps": [{"tool": "bash", "input": {"command": "echo ran >> effects"}}, {"text": "done"}]}'
OUTLINE = [
    "session.status_running",
    "session.thread_status_running",
    "user.message",
    "span.model_request_start",
    "agent.tool_use",
    "span.model_request_end",
    "agent.tool_result",
    "span.model_request_start",
    "agent.message",
    "span.model_request_end",
    "session.thread_status_idle",
    "session.usage",
    "session.status_idle",
]
BOUNDARIES_MAX = 200  # a turn has about forty; more means that the countdown never ran out


class Countdown:
    """Kills this process at the n-th boundary: before and after every effect and every write of a turn."""

    def __init__(self, boundary: int) -> None:
        self.left = boundary

    def pass_boundary(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function):
        def guarded(*args, **kwargs):
            self.pass_boundary()
            result = function(*args, **kwargs)
            self.pass_boundary()
            return result

        return guarded

    def patch(self) -> None:
        for owner, name in (
            (loop, "acquire"),
            (turn, "append"),
            (rests, "lock_session"),
            (inputs, "take_input"),
            (turn.Turn, "commit"),
            (rests, "finish"),
            (tool_calls, "run_tools"),
            (leases.Lease, "check"),
            (type(model_client()), "answer"),
            (type(sandbox()), "run_tool"),
        ):
            setattr(owner, name, self.around(getattr(owner, name)))


def run_and_die(thread_id: str, boundary: int) -> bool:
    """Drive the thread in a process of its own that is killed at the boundary; whether it was."""
    pid = os.fork()
    if pid == 0:
        try:
            forget_connections()
            leases._beater = leases._Beater()
            messages_api._requests = ThreadPoolExecutor(1)
            Countdown(boundary).patch()
            loop.run_thread(thread_id)
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the worker failed before its boundary"
    return os.WIFSIGNALED(status)


def forget_connections() -> None:
    """What this process inherited belongs to its parent: it must be neither used nor closed here."""
    for connection in connections.all():
        connection.connection = None
        getattr(type(connection), "_connection_pools", {}).clear()


def recover(session: Session) -> None:
    """What the sweeper does when the lost worker's lease has run out."""
    Thread.objects.filter(session=session).exclude(lease_until=None).update(lease_until=timezone.now())
    Thread.objects.filter(session=session).update(enqueued_at=None)
    for thread in session.threads.all():
        jobs.run_thread(thread.pk)


def check(session: Session, boundary: int) -> None:
    session.refresh_from_db()
    events = list(session.events.in_order())
    assert [event.type for event in events] == OUTLINE, f"killed at boundary {boundary}"
    assert [event.seq for event in events] == list(range(1, len(OUTLINE) + 1))
    assert events[9].payload["model_request_start_id"] == events[7].event_id
    state = fold([(event.type, event.payload, event.processed_at) for event in events])
    assert (state.status, state.usage) == (session.status, session.usage) == ("idle", session.usage)
    assert not session.inbox.exists()
    thread = session.threads.get()
    assert (thread.lease_until, thread.wake) == (None, thread.seen)
    check_effect(session, events[6])


def check_effect(session: Session, result) -> None:
    """A call ran once and its result stands there, or the agent was told that it was interrupted; never twice."""
    told = result.payload["content"][0]["text"] == INTERRUPTED
    try:
        runs = sandbox().read_file(session.pk, "/workspace/effects").count(b"ran")
    except Exception:
        runs = 0
    assert runs <= 1
    assert told or runs == 1
    assert result.payload["is_error"] is told


@pytest.mark.django_db(transaction=True)
def test_a_turn_ends_exactly_once_wherever_its_worker_is_killed(make_session, actor, sandbox_host, clean_redis):
    for boundary in count(1):
        session = make_session()
        send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": PROGRAM}]}], actor=actor)
        was_killed = run_and_die(session.threads.get().pk, boundary)
        recover(session)
        check(session, boundary)
        assert boundary < BOUNDARIES_MAX
        if not was_killed:
            break
    assert boundary > 30
