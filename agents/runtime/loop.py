"""The agent loop: decide what comes next, do it, append its events; one committed step after the other until it rests.

A worker may be killed between any two statements. What a step did outside the database is either recorded in the
transaction that follows it or was never seen by anyone; the next worker reads the log and goes on from there.
"""

import logging
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import limits, trust
from agents.eventlog.append import NewEvent, append, lock_session
from agents.eventlog.fold import usage_shape
from agents.exceptions import Fenced
from agents.models import Event, InboxEvent, Session, Thread
from agents.plugs import model_client
from agents.runtime import decide as steps
from agents.runtime.leases import Lease, acquire, held, release, rest_connection
from agents.runtime.model import ModelError, Reply
from agents.runtime.prompt import INTERRUPTED, build_request
from agents.runtime.toolbox import Toolbox

logger = logging.getLogger(__name__)


def run_thread(thread_id: str) -> None:
    """Drive a thread until it rests; returns at once when somebody else does or there is nothing to do."""
    while lease := acquire(Thread, thread_id):
        with held(lease):
            try:
                Turn(lease).run()
            except Fenced as fact:
                logger.warning("%s", fact)
                return
            except Exception as error:
                logger.exception("The thread %s came to a stop.", thread_id)
                _stop_broken(lease, error)
                return


class Turn:
    """One holder's work on one thread."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.thread = Thread.objects.select_related("session").get(pk=lease.pk)
        self.session: Session = self.thread.session
        self.events: list[Event] = list(Event.objects.filter(thread=self.thread).in_order())
        self.is_recovered = True
        self.is_done = False

    @cached_property
    def toolbox(self) -> Toolbox:
        return Toolbox(self.session, self.thread.agent_snapshot)

    def run(self) -> None:
        while not self.is_done:
            self.take(self.next_step())
            self.is_recovered = False

    def next_step(self) -> steps.Step:
        return steps.decide(
            steps.position_of(self._since_rest()), has_mail=self._has_mail(), is_recovered=self.is_recovered
        )

    def take(self, step: steps.Step) -> None:
        match step:
            case steps.Rest():
                self._rest()
            case steps.TakeInput(opens_turn=opens_turn):
                self._take_input(opens_turn)
            case steps.CallModel(request=None, resumes=resumes):
                self._commit([*(self._running() if resumes else []), NewEvent(type="span.model_request_start")])
            case steps.CallModel(request=str(request)):
                self._call_model(request)
            case steps.RunTools(calls=calls):
                self._run_tools(calls)
            case steps.ReportInterrupted(calls=calls):
                self._commit([_result(call, _text(INTERRUPTED), is_error=True) for call in calls])
            case steps.Finish(stop_reason=reason, error=error):
                message = "The turn asked for more model requests than a turn may make."
                self._finish([_error(error, message, "exhausted")] if error else [], {"type": reason})

    # Input

    def _has_mail(self) -> bool:
        return InboxEvent.objects.filter(thread=self.thread).exists()

    def _take_input(self, opens_turn: bool) -> None:
        """Move the oldest message from the inbox into the log and open the model request it leads to."""
        with transaction.atomic():
            lock_session(self.session.pk)
            mail = InboxEvent.objects.filter(thread=self.thread).order_by("position").first()
            if mail is None:
                self.lease.check()
                return
            opening = self._running() if opens_turn else []
            message = NewEvent(type=mail.type, payload=mail.payload, event_id=mail.pk, trust=mail.trust)
            request = NewEvent(type="span.model_request_start")
            rows = append(self.session.pk, self.thread, [*opening, message, request])
            InboxEvent.objects.filter(pk=mail.pk).delete()
            self.lease.check()
        self.events += rows

    # The model

    def _call_model(self, request_id: str) -> None:
        if self.is_recovered:
            Session.objects.filter(pk=self.session.pk).update(repeated_requests=F("repeated_requests") + 1)
        request = build_request(
            self.thread.agent_snapshot, self.events, tools=self.toolbox.definitions, notes=self.toolbox.notes
        )
        rest_connection()
        try:
            reply = model_client().answer(request)
        except ModelError as error:
            self._model_failed(request_id, error)
            return
        self._take_reply(request_id, reply)

    def _take_reply(self, request_id: str, reply: Reply) -> None:
        events = [NewEvent(type="agent.thinking") for block in reply.content if block["type"] == "thinking"]
        texts = [block for block in reply.content if block["type"] == "text" and block["text"]]
        if texts:
            events.append(NewEvent(type="agent.message", payload={"content": texts}))
        uses = [self._use(block) for block in reply.tool_uses]
        end = _request_end(request_id, reply.usage)
        refusals = [
            _result_of(use.event_id, _text(f"Permission to use {use.payload['name']} has been denied."), is_error=True)
            for use in uses
            if use.payload["evaluated_permission"] == "deny"
        ]
        if uses:
            self._commit([*events, *uses, end, *refusals])
        elif reply.stop_reason == "refusal":
            reason = {"stop_reason": {"type": "refusal"}, "stop_details": _refusal(reply.stop_details)}
            self._finish([*events, end], **reason)
        else:
            self._finish([*events, end], {"type": "end_turn"})

    def _use(self, block: dict[str, Any]) -> NewEvent:
        permission = self.toolbox.permission(block["name"])
        return NewEvent(
            type="agent.tool_use",
            payload={"name": block["name"], "input": block["input"], **permission.wire},
            trust=trust.TOOL_INPUT,
        )

    def _model_failed(self, request_id: str, error: ModelError) -> None:
        failures = steps.position_of(self._since_rest()).failures
        end = _request_end(request_id, {}, is_error=True)
        if error.is_transient and failures < len(limits.MODEL_RETRY_DELAYS):
            self._reschedule(end, error, limits.MODEL_RETRY_DELAYS[failures])
        else:
            flush = [end, _error(error.type, error.message, "exhausted")]
            self._finish(flush, {"type": "retries_exhausted"}, drops_mail=True)

    def _reschedule(self, end: NewEvent, error: ModelError, delay: float) -> None:
        """Wait without holding a slot: the sweeper wakes the thread when the delay is over."""
        with transaction.atomic():
            append(
                self.session.pk,
                self.thread,
                [
                    end,
                    _error(error.type, error.message, "retrying"),
                    NewEvent(type="session.status_rescheduled"),
                    self._thread_status("rescheduled"),
                ],
            )
            wake_at = timezone.now() + timedelta(seconds=delay)
            self.lease.check(lease_until=None, lease_owner=None, enqueued_at=None, wake_at=wake_at)
        self.is_done = True

    # Tools

    def _run_tools(self, calls: tuple[Any, ...]) -> None:
        results = []
        rest_connection()
        for call in calls:
            outcome = self.toolbox.run(call.payload["name"], call.payload["input"])
            results.append(_result(call, outcome.content, is_error=outcome.is_error))
        problems = self.toolbox.collect()
        if problems and results:
            results[-1].payload["content"] = [*results[-1].payload["content"], *_text("\n".join(problems))]
        self._commit([*results, NewEvent(type="span.model_request_start")])

    # The ends of steps

    def _commit(self, events: list[NewEvent]) -> None:
        """Append under the lease; the transaction is void when somebody else took over."""
        with transaction.atomic():
            rows = append(self.session.pk, self.thread, events)
            self.lease.check()
        self.events += rows

    def _finish(
        self,
        events: list[NewEvent],
        stop_reason: dict[str, Any],
        stop_details: dict[str, Any] | None = None,
        *,
        drops_mail: bool = False,
    ) -> None:
        """Come to rest, and give the lease back unless a queued message begins the next turn at once."""
        with transaction.atomic():
            rows = append(self.session.pk, self.thread, events)
            rows += append(self.session.pk, self.thread, self._idle(stop_reason, stop_details))
            if drops_mail:
                InboxEvent.objects.filter(thread=self.thread).delete()
            # Input takes the session's row lock, which this transaction holds: what is not there now comes with a wake-up.
            self.is_done = not self._has_mail()
            if self.is_done:
                self.lease.check(lease_until=None, lease_owner=None, enqueued_at=None, seen=F("wake"))
            else:
                self.lease.check()
        self.events += rows

    def _rest(self) -> None:
        with transaction.atomic():
            lock_session(self.session.pk)
            self.is_done = not self._has_mail()
            if self.is_done:
                release(self.lease, seen=F("wake"))

    # Events

    def _running(self) -> list[NewEvent]:
        return [NewEvent(type="session.status_running"), self._thread_status("running")]

    def _idle(self, stop_reason: dict[str, Any], stop_details: dict[str, Any] | None) -> list[NewEvent]:
        """The three that end every turn; call it after the turn's own events were appended, it reads their usage."""
        session = Session.objects.get(pk=self.session.pk)
        since = session.running_since
        active = session.active_seconds + ((timezone.now() - since).total_seconds() if since else 0.0)
        reason = {"stop_reason": stop_reason, "stop_details": stop_details}
        return [
            self._thread_status("idle", **reason),
            NewEvent(type="session.usage", payload={"usage": usage_shape(session.usage, active)}),
            NewEvent(type="session.status_idle", payload=reason),
        ]

    def _thread_status(self, status: str, **payload: Any) -> NewEvent:
        names = {"session_thread_id": self.thread.pk, "agent_name": self.thread.agent_name}
        return NewEvent(type=f"session.thread_status_{status}", payload={**names, **payload})

    def _since_rest(self) -> list[Event]:
        for index in range(len(self.events) - 1, -1, -1):
            event = self.events[index]
            if event.type == "session.thread_status_idle" and event.payload["session_thread_id"] == self.thread.pk:
                return self.events[index + 1 :]
        return self.events


def _stop_broken(lease: Lease, error: Exception) -> None:
    """A fault of ours: the session says so and comes to rest, instead of being tried for ever."""
    turn = Turn(lease)
    position = steps.position_of(turn._since_rest())
    closing = [_request_end(position.open_request, {}, is_error=True)] if position.open_request else []
    closing += [_result(call, _text(INTERRUPTED), is_error=True) for call in position.calls]
    fault = _error("unknown_error", f"Lucid failed on this turn: {type(error).__name__}.", "exhausted")
    turn._finish([*closing, fault], {"type": "retries_exhausted"}, drops_mail=True)


def _request_end(request_id: str, usage: dict[str, int], *, is_error: bool = False) -> NewEvent:
    counters = {
        "input_tokens": usage.get("input_tokens", 0),
        "output_tokens": usage.get("output_tokens", 0),
        "cache_creation_input_tokens": usage.get("cache_creation_input_tokens", 0),
        "cache_read_input_tokens": usage.get("cache_read_input_tokens", 0),
    }
    payload = {"model_request_start_id": request_id, "model_usage": counters, "is_error": is_error}
    return NewEvent(type="span.model_request_end", payload=payload)


def _result(call: Any, content: list[dict[str, Any]], *, is_error: bool) -> NewEvent:
    return _result_of(call.event_id, content, is_error=is_error)


def _result_of(tool_use_id: str, content: list[dict[str, Any]], *, is_error: bool) -> NewEvent:
    payload = {"tool_use_id": tool_use_id, "content": content, "is_error": is_error}
    level = trust.TOOL_ERROR if is_error else trust.OUTSIDE
    return NewEvent(type="agent.tool_result", payload=payload, trust=level)


def _error(type: str, message: str, retry: str) -> NewEvent:
    body = {"type": type, "message": message, "retry_status": {"type": retry}}
    return NewEvent(type="session.error", payload={"error": body})


def _refusal(details: dict[str, Any] | None) -> dict[str, Any]:
    details = details or {}
    return {"type": "refusal", "category": details.get("category"), "explanation": details.get("explanation")}


def _text(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]
