"""The agent loop: decide what comes next, do it, append its events; one committed step after the other until it rests.

A worker may be killed between any two statements. What a step did outside the database is either recorded in the
transaction that follows it or was never seen by anyone; the next worker reads the log and goes on from there.
"""

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from agents import limits, trust
from agents.environment_config import SELF_HOSTED, WORKERS_TOOLS
from agents.eventlog import statements
from agents.eventlog.append import NewEvent, append, lock_session
from agents.eventlog.channel import wants_previews
from agents.eventlog.fold import Projection, spent_until, usage_shape
from agents.eventlog.statements import INTERRUPT, MAIL_MAX
from agents.eventlog.wire import Logged
from agents.exceptions import Fenced
from agents.leases import RELEASED, acquire, held, lease_of, rest_connection
from agents.models import InboxEvent, Session, Thread
from agents.plugs import model_client
from agents.prices import PriceBook, cost_of, monetary_amount
from agents.runtime import decide as steps
from agents.runtime.conversation import Conversation, Known, known_threads
from agents.runtime.mcp_client import McpFailure
from agents.runtime.model import ModelError, ModelStopped, Reply
from agents.runtime.previews import Preview
from agents.runtime.prompt import INTERRUPTED, build_request
from agents.runtime.toolbox import Toolbox
from agents.runtime.tools.mcp import McpStopped
from agents.sandbox.base import SandboxStopped
from agents.services.budgets import REACHED, announce, is_reached
from agents.services.named_files import with_files
from agents.services.prices import book_from
from agents.services.work import queue_work

logger = logging.getLogger(__name__)

# Set when this process is asked to end: turns are handed over at their next step.
stopping = threading.Event()

SYSTEM = "system.message"
SEQ_MAX = 2**62  # behind every event


def run_thread(thread_id: str) -> None:
    """Drive a thread until it rests; returns at once when somebody else does or there is nothing to do."""
    thread = acquire(Thread, thread_id)
    if thread is None:
        return
    with held(lease_of(thread)):
        try:
            _drive(Turn(thread))
        except Fenced as fact:
            logger.warning("%s", fact)
        except OperationalError:
            # The database was busy or away, which is nobody's fault: when the lease runs out, a worker goes on here.
            logger.exception("The thread %s waits for the database.", thread_id)
            with suppress(OperationalError):
                lease_of(thread).row().update(losses=0)
        except Exception as error:
            logger.exception("The thread %s came to a stop.", thread_id)
            if fresh := Thread.objects.filter(pk=thread.pk, fence=thread.fence).first():
                Turn(fresh).stop_broken(f"Lucid failed on this turn: {type(error).__name__}.")


def _drive(turn: "Turn") -> None:
    try:
        if turn.thread.losses < limits.STEP_LOSSES_MAX:
            turn.run()
        else:
            turn.stop_broken(f"Lucid gave up on this turn: {turn.thread.losses} workers were lost with the same step.")
    finally:
        turn.close()


class Turn:
    """One holder's work on one thread."""

    def __init__(self, thread: Thread) -> None:
        self.thread = thread
        self.lease = lease_of(thread)
        self.session_id = thread.session_id
        self.events: list[Logged] = []  # the end of the log: at least from the last end of a turn on
        self.conversation = Conversation()
        self.last_seq = 0
        self._recall()
        self._read_log()
        self.mail: list[InboxEvent] = []
        self.is_recovered: bool = thread.was_lost
        self.is_done = False

    @cached_property
    def toolbox(self) -> Toolbox:
        return Toolbox(self.session_id, self.thread.agent_snapshot, is_self_hosted=bool(self.elsewhere))

    @cached_property
    def elsewhere(self) -> frozenset[str]:
        """The tools that a worker of a self-hosted environment carries out."""
        return WORKERS_TOOLS if self._terms[3].get("type") == SELF_HOSTED else frozenset()

    @cached_property
    def prices(self) -> PriceBook:
        return book_from(*self._terms[:2])

    @cached_property
    def is_capped(self) -> bool:
        """Whether the session has a budget; it can lose one on the way and never get one."""
        return self._terms[2] is not None

    @cached_property
    def _terms(self) -> tuple[str, dict[str, Any], dict[str, Any] | None, dict[str, Any]]:
        """What money is counted by, and where tools run; one query for a whole turn."""
        terms = statements.terms_of.first(self.session_id)
        if terms is None:
            raise Fenced(f"The session {self.session_id} is gone.")
        return terms

    def run(self) -> None:
        while not self.is_done:
            self.take(self.next_step())
            self.is_recovered = False
            if stopping.is_set() and not self.is_done:
                self._hand_over()
        self._remember()

    def close(self) -> None:
        """Let go of what the turn kept open outside the database."""
        if "toolbox" in self.__dict__:
            self.toolbox.servers.close()

    def _hand_over(self) -> None:
        """Between two steps everything is in the log: another worker goes on as if nothing had been."""
        self.lease.row().update(**RELEASED)
        self.is_done = True

    def next_step(self) -> steps.Step:
        position = self.position
        self.mail = self._look_for_mail() if position.wants_mail else []
        types = {mail.type for mail in self.mail}
        return steps.decide(
            position,
            has_mail="user.message" in types,
            is_recovered=self.is_recovered,
            is_interrupted=INTERRUPT in types,
            is_over_budget=position.wants_money and self._is_over_budget(),
        )

    def _is_over_budget(self) -> bool:
        if not self.is_capped:
            return False
        spent = Session.objects.only("budget", "spent", "running_since").get(pk=self.session_id)
        return is_reached(spent, self.prices)

    def _next_request(self) -> list[NewEvent]:
        """The opening of the next model request, to go with what leads to it; with a budget that is asked first, and
        with MCP servers they are."""
        waits = self.is_capped or not self._has_tools
        return [] if waits else [NewEvent(type="span.model_request_start")]

    @property
    def position(self) -> steps.Position:
        return steps.position_of(self._since_rest(), elsewhere=self.elsewhere)

    def _since_rest(self) -> list[Logged]:
        for index in range(len(self.events) - 1, -1, -1):
            if self._is_own_rest(self.events[index]):
                return self.events[index + 1 :]
        return self.events

    def _is_own_rest(self, event: Logged) -> bool:
        return steps.is_rest(event) and event.payload["session_thread_id"] == self.thread.pk

    def take(self, step: steps.Step) -> None:
        match step:
            case steps.Rest():
                self._rest()
            case steps.TakeInput(opens_turn=opens_turn):
                self._take_input(opens_turn)
            case steps.CallModel(request=None, resumes=resumes):
                self._open_request(resumes)
            case steps.CallModel(request=str(request)):
                self._call_model(request)
            case steps.Reopen():
                self._commit(self._running())
            case steps.RunTools(calls=calls):
                self._run_tools(calls)
            case steps.ReportDenied(calls=calls):
                decided = self.position.decided
                self._commit([self._closed(call, _denial(call, decided[call.event_id])) for call in calls])
            case steps.ReportInterrupted(calls=calls):
                self.toolbox.collect()  # what the lost worker's tools wrote is the agent's all the same
                self._commit([self._interrupted(call) for call in calls])
            case steps.Await():
                self._await_client([])
            case steps.Pause():
                self._pause()
            case steps.Interrupt():
                self._interrupt()
            case steps.Finish(stop_reason=reason, error=error):
                message = "The turn asked for more model requests than a turn may make."
                self._finish([_error(error, message, "exhausted")] if error else [], {"type": reason})

    # Input

    def _look_for_mail(self) -> list[InboxEvent]:
        return statements.mail_of.all(self.thread.pk)

    def _is_interrupted(self) -> bool:
        return statements.interrupts.exists(self.thread.pk)

    def _should_stop(self) -> bool:
        """Asked again and again during a wait, which must not hold a database connection: tools take minutes, and the
        pool has fewer connections than a worker has slots."""
        asked = self._is_interrupted()
        rest_connection()
        return asked

    def _recall(self) -> None:
        """Begin with what this process knows of the log already, if the log still says so."""
        known = known_threads.take(self.thread.pk)
        if known is None:
            return
        there = statements.logged_between.first(self.thread.pk, known.last_seq - 1, known.last_seq + 1)
        if there and there[1] == known.last_id:
            self.events, self.conversation, self.last_seq = known.events, known.conversation, known.last_seq

    def _remember(self) -> None:
        """For this thread's next turn; everything that is here is committed."""
        if not self.events:
            return
        rests = [index for index, event in enumerate(self.events) if self._is_own_rest(event)]
        tail = self.events[rests[-2] + 1 :] if len(rests) > 1 else self.events
        known = Known(
            last_seq=self.last_seq, last_id=self.events[-1].event_id, events=tail, conversation=self.conversation
        )
        known_threads.leave(self.thread.pk, known)

    def _take_in(self, event: Logged) -> None:
        self.events.append(event)
        self.conversation.add(event)

    def _read_log(self, *, before: int | None = None) -> None:
        """Take in what was logged since: clients answer calls, and their answers are in the log at once."""
        rows = statements.logged_between.all(self.thread.pk, self.last_seq, before or SEQ_MAX)
        for seq, event_id, type, payload in rows:
            self.last_seq = seq
            self._take_in(Logged(event_id=event_id, type=type, payload=payload))

    def _take_input(self, opens_turn: bool) -> None:
        """Move the oldest message from the inbox into the log and open the model request it leads to."""
        # Only the holder of the lease takes mail, so what is the oldest now is still there in the transaction.
        mail = next(mail for mail in self.mail if mail.type == "user.message")
        taken = [mail, *self._companion(mail)]
        messages = [NewEvent(type=row.type, payload=row.payload, event_id=row.pk, trust=row.trust) for row in taken]
        if opens_turn and "toolbox" in self.__dict__:
            self.toolbox.servers.try_again()
        with transaction.atomic():
            opening = self._running() if opens_turn else []
            self._append([*opening, *messages, *self._next_request()])
            statements.delete_mail.run(self.thread.pk, mail.position, taken[-1].position)

    def _companion(self, mail: InboxEvent) -> list[InboxEvent]:
        """The system message that was sent with it, and belongs to its turn."""
        if mail is self.mail[-1] and len(self.mail) == MAIL_MAX:  # the look into the inbox ended between the two
            return list(InboxEvent.objects.filter(thread=self.thread, type=SYSTEM, position=mail.position + 1))
        return [row for row in self.mail if (row.type, row.position) == (SYSTEM, mail.position + 1)]

    # MCP servers

    @property
    def _has_tools(self) -> bool:
        """Whether it is known what the model may call; of MCP servers that is found out once a turn."""
        if not self.thread.agent_snapshot.get("mcp_servers"):
            return True
        return "toolbox" in self.__dict__ and self.toolbox.servers.is_ready

    def _reach_servers(self) -> list[NewEvent]:
        """Ask the agent's MCP servers for their tools; the errors of those that the session goes on without."""
        if self._has_tools:
            return []
        rest_connection()
        self.toolbox.servers.connect(self._should_stop)
        return self._server_errors()

    def _server_errors(self) -> list[NewEvent]:
        """One error for each server that fails, unless it was told since the session was set to work."""
        told = set()
        for event in reversed(self.events):
            if event.type == "session.thread_status_running":
                break
            if event.type == "session.error":
                told.add(event.payload["error"].get("mcp_server_name"))
        failures = self.toolbox.servers.failures.items()
        return [_server_error(name, failure) for name, failure in failures if name not in told]

    # The model

    def _open_request(self, resumes: bool) -> None:
        opening = self._running() if resumes else []
        if opening and not self._has_tools:
            self._commit(opening)  # before a wait
            opening = []
        try:
            errors = self._reach_servers()
        except McpStopped:
            self._interrupt()
        else:
            self._commit([*opening, *errors, NewEvent(type="span.model_request_start")])

    def _call_model(self, request_id: str) -> None:
        try:
            if errors := self._reach_servers():
                self._commit(errors)
        except McpStopped:
            self._interrupt()
            return
        if self.is_recovered:
            Session.objects.filter(pk=self.session_id).update(repeated_requests=F("repeated_requests") + 1)
        request = build_request(
            self.thread.agent_snapshot,
            self.conversation.messages,
            tools=self.toolbox.definitions,
            notes=self.toolbox.notes,
        )
        if self.conversation.names_files:
            request["messages"] = with_files(request["messages"], self._terms[0])
        rest_connection()
        preview = Preview(self.thread.pk, request_id)
        listener = preview if wants_previews(self.thread.pk) else None
        try:
            reply = model_client().answer(request, stop=self._should_stop, listener=listener)
        except ModelError as error:
            self._model_failed(request_id, error)
        except ModelStopped:
            self._interrupt()
        else:
            self._take_reply(request_id, reply, preview)

    def _take_reply(self, request_id: str, reply: Reply, preview: Preview) -> None:
        thoughts = [block for block in reply.content if block["type"] == "thinking"]
        events = [NewEvent(type="agent.thinking", event_id=preview.thinking_id(n)) for n in range(len(thoughts))]
        # Blank text is no message, and endpoints refuse a conversation that repeats one.
        texts = [block for block in reply.content if block["type"] == "text" and block["text"].strip()]
        if texts:
            events.append(NewEvent(type="agent.message", payload={"content": texts}, event_id=preview.message_id))
        uses = [self._use(block) for block in reply.tool_uses]
        end = _request_end(request_id, reply.usage)
        refusals = [
            self._closed(use, _result(use, _text(_refused(use)), is_error=True))
            for use in uses
            if use.payload.get("evaluated_permission") == "deny"
        ]
        if uses and all(self._is_for_client(use) for use in uses):
            self._await_client([*events, *uses, end])
        elif uses:
            self._commit([*events, *uses, end, *refusals])
        elif reply.stop_reason == "refusal":
            self._finish([*events, end], {"type": "refusal"}, _refusal(reply.stop_details))
        else:
            self._finish([*events, end], {"type": "end_turn"})

    def _use(self, block: dict[str, Any]) -> NewEvent:
        kind, members = self.toolbox.use(block["name"], block["input"])
        return NewEvent(type=kind, payload={**members, "input": block["input"]}, trust=trust.TOOL_INPUT)

    def _model_failed(self, request_id: str, error: ModelError) -> None:
        failures = self.position.failures
        end = _request_end(request_id, {}, is_error=True)
        if error.is_transient and failures < len(limits.MODEL_RETRY_DELAYS):
            self._reschedule(end, error, limits.MODEL_RETRY_DELAYS[failures])
        else:
            flush = [end, _error(error.type, error.message, "exhausted")]
            self._finish(flush, {"type": "retries_exhausted"}, drops_mail=True)

    def _reschedule(self, end: NewEvent, error: ModelError, delay: float) -> None:
        """Wait without holding a slot: the sweeper wakes the thread when the delay is over."""
        waiting = [NewEvent(type="session.status_rescheduled"), self._thread_status("rescheduled")]
        wake_at = timezone.now() + timedelta(seconds=delay)
        with transaction.atomic():
            self._append([end, _error(error.type, error.message, "retrying"), *waiting], **RELEASED, wake_at=wake_at)
        self.is_done = True

    # Tools

    def _run_tools(self, calls: tuple[Logged, ...]) -> None:
        results: list[NewEvent] = []
        rest_connection()
        with suppress(SandboxStopped, McpStopped):
            for call in calls:
                results.append(self._run_tool(call))  # what is done stays when the next one is stopped
        if any(call.type == "agent.tool_use" for call in calls):
            self._log_errors()
            problems = self.toolbox.collect()
            if problems and results:
                results[-1].payload["content"] = [*results[-1].payload["content"], *_text("\n".join(problems))]
        errors = self._server_errors()
        if len(results) < len(calls) or self._is_interrupted():
            self._interrupt([*errors, *results])
        elif self.position.blocked:
            self._await_client([*errors, *results])
        else:
            self._commit([*errors, *results, *self._next_request()])

    def _is_for_client(self, use: NewEvent) -> bool:
        if use.type == "agent.custom_tool_use" or use.payload.get("evaluated_permission") == "ask":
            return True
        return self._is_elsewhere(use) and use.payload.get("evaluated_permission") != "deny"

    def _is_elsewhere(self, call: Logged | NewEvent) -> bool:
        return call.type == "agent.tool_use" and call.payload["name"] in self.elsewhere

    def _closed(self, call: Logged | NewEvent, result: NewEvent) -> NewEvent:
        """A worker that comes back runs each of its calls again that has no result of its own kind."""
        return replace(result, type=steps.WORKERS_RESULT[0]) if self._is_elsewhere(call) else result

    def _interrupted(self, call: Logged) -> NewEvent:
        return self._closed(call, _result(call, _text(INTERRUPTED), is_error=True))

    def _run_tool(self, call: Logged) -> NewEvent:
        name, given = call.payload["name"], call.payload["input"]
        if call.type == "agent.mcp_tool_use":
            server = call.payload["mcp_server_name"]
            outcome = self.toolbox.servers.run(server, name, given, stop=self._should_stop)
        else:
            outcome = self.toolbox.run(name, given, stop=self._should_stop)
        return _result(call, outcome.content, is_error=outcome.is_error)

    def _log_errors(self) -> None:
        """What could not be made ready for the tools; the session goes on without it."""
        errors, self.toolbox.errors = self.toolbox.errors, []
        if errors:
            self._commit([NewEvent(type="session.error", payload={"error": error}) for error in errors])

    def _await_client(self, events: list[NewEvent]) -> None:
        """Rest until clients have answered what only they can; they may have done so already."""
        if events:
            self._commit(events)
        with transaction.atomic():
            session = lock_session(self.session_id)
            self._read_log()
            position = self.position
            blocked = [call.event_id for call in position.blocked]
            if not blocked:
                return
            if self._is_interrupted():
                # It came while the model answered: with `seen` written below, nobody would look at it again.
                self._interrupt()
                return
            if any(position.is_elsewhere(call) for call in position.blocked):
                queue_work(session)
            reason = {"stop_reason": {"type": "requires_action", "event_ids": blocked}, "stop_details": None}
            self.is_done = True
            self._come_to_rest(session, reason)

    def _pause(self) -> None:
        """Rest before the next model request until the budget is raised or removed; it may have been just now."""
        with transaction.atomic():
            session = lock_session(self.session_id)
            if self._is_interrupted():
                self._interrupt()
                return
            if not is_reached(session, self.prices):
                return
            announce(session)
            self.is_done = True
            self._come_to_rest(session, {"stop_reason": {"type": REACHED}, "stop_details": None})

    def _come_to_rest(self, session: Session, reason: dict[str, Any]) -> None:
        """In the middle of a turn, with everything taken in that there is."""
        closing = partial(self._idle, session, reason)
        self._append([], locked=session, closing=closing, **RELEASED, seen=F("wake"))

    def _interrupt(self, results: Sequence[NewEvent] = ()) -> None:
        """End the turn as a client asked: open calls are told, the open request is closed, its answer is dropped."""
        answered = {result.payload.get(steps.CALL_MEMBER.get(result.type, "")) for result in results}
        with transaction.atomic():
            lock_session(self.session_id)
            self._read_log()  # a client may have answered a call in the meantime: one result is all a call may have
            position = self.position
            open_calls = [call for call in position.calls if call.event_id not in answered]
            closing = [*results, *(self._interrupted(call) for call in open_calls)]
            if position.open_request:
                closing.append(_request_end(position.open_request, {}, is_error=True))
            mail = InboxEvent.objects.filter(thread=self.thread, type=INTERRUPT).order_by("position")
            asked = [NewEvent(type=row.type, payload=row.payload, event_id=row.pk) for row in mail]
            mail.delete()
            if position.is_open or position.awaited is not None:
                self._finish([*closing, *asked], {"type": "end_turn"})
            else:
                self._append(asked)

    # The ends of steps

    def _commit(self, events: list[NewEvent]) -> None:
        with transaction.atomic():
            self._append(events)

    def _append(self, events: list[NewEvent], **options: Any) -> None:
        """Append under the lease: the transaction is void when somebody else took over."""
        rows = append(self.session_id, self.thread, events, lease=self.lease, **options)
        if rows[0].seq > self.last_seq + 1:
            self._read_log(before=rows[0].seq)
        self.last_seq = rows[-1].seq
        for row in rows:
            self._take_in(Logged(event_id=row.event_id, type=row.type, payload=row.payload))

    def _finish(
        self,
        events: list[NewEvent],
        stop_reason: dict[str, Any],
        stop_details: dict[str, Any] | None = None,
        *,
        drops_mail: bool = False,
    ) -> None:
        """Come to rest, and give the lease back unless a queued message begins the next turn at once."""
        reason = {"stop_reason": stop_reason, "stop_details": stop_details}
        with transaction.atomic():
            session = lock_session(self.session_id)
            closing = partial(self._idle, session, reason)
            if drops_mail:
                InboxEvent.objects.filter(thread=self.thread).delete()
            # Input takes the session's row lock, which this transaction holds: what is not there now comes with a
            # wake-up of its own.
            self.is_done = not statements.some_mail.exists(self.thread.pk)
            released = {**RELEASED, "seen": F("wake")} if self.is_done else {}
            self._append(events, locked=session, closing=closing, **released)

    def _rest(self) -> None:
        with transaction.atomic():
            lock_session(self.session_id)
            self._read_log()
            self.is_done = isinstance(self.next_step(), steps.Rest)
            if self.is_done:
                self.lease.check(**RELEASED, seen=F("wake"))

    def stop_broken(self, message: str) -> None:
        """A fault of ours: the session says so and comes to rest, instead of being tried for ever."""
        position = self.position
        closing = [_request_end(position.open_request, {}, is_error=True)] if position.open_request else []
        closing += [self._interrupted(call) for call in position.calls]
        fault = _error("unknown_error", message, "exhausted")
        self._finish([*closing, fault], {"type": "retries_exhausted"}, drops_mail=True)

    # Events

    def _running(self) -> list[NewEvent]:
        return [NewEvent(type="session.status_running"), self._thread_status("running")]

    def _idle(self, session: Session, reason: dict[str, Any], state: Projection, now: datetime) -> list[NewEvent]:
        """The three that end every turn."""
        return [
            self._thread_status("idle", **reason),
            NewEvent(type="session.usage", payload=self._usage(session, state, now)),
            NewEvent(type="session.status_idle", payload=reason),
        ]

    def _usage(self, session: Session, state: Projection, now: datetime) -> dict[str, Any]:
        """What the session has used and cost until now, and its budget where it has one."""
        active = state.active_seconds + ((now - state.running_since).total_seconds() if state.running_since else 0.0)
        cost = cost_of(spent_until(state.spent, state.running_since, now), self.prices)
        list_cost = monetary_amount(cost.known_usd)
        usage = usage_shape(state.usage, active, spent=state.spent, list_cost=list_cost)
        return {"usage": usage, "budget": session.budget} if session.budget else {"usage": usage}

    def _thread_status(self, status: str, **payload: Any) -> NewEvent:
        names = {"session_thread_id": self.thread.pk, "agent_name": self.thread.agent_name}
        return NewEvent(type=f"session.thread_status_{status}", payload={**names, **payload})


def _request_end(request_id: str, usage: dict[str, int], *, is_error: bool = False) -> NewEvent:
    counters = {
        "input_tokens": usage.get("input_tokens", 0),
        "output_tokens": usage.get("output_tokens", 0),
        "cache_creation_input_tokens": usage.get("cache_creation_input_tokens", 0),
        "cache_read_input_tokens": usage.get("cache_read_input_tokens", 0),
    }
    payload = {"model_request_start_id": request_id, "model_usage": counters, "is_error": is_error}
    return NewEvent(type="span.model_request_end", payload=payload)


def _denial(call: Logged, decision: Logged) -> NewEvent:
    reason = decision.payload.get("deny_message")
    said = f"The user rejected this tool call: {reason}" if reason else "The user rejected this tool call."
    return replace(_result(call, _text(said), is_error=True), trust=trust.OUTSIDE)  # a client's words, not the tool's


def _result(call: Logged | NewEvent, content: list[dict[str, Any]], *, is_error: bool) -> NewEvent:
    """The event that closes the call. Only the errors of our own tools are ours: an MCP server says what it likes."""
    kind, member = steps.RESULT_OF[call.type]
    payload = {member: call.event_id, "content": content, "is_error": is_error}
    is_ours = is_error and call.type == "agent.tool_use"
    return NewEvent(type=kind, payload=payload, trust=trust.TOOL_ERROR if is_ours else trust.OUTSIDE)


def _refused(use: NewEvent) -> str:
    if use.type == "agent.mcp_tool_use":
        return f"The tool {use.payload['name']} of the MCP server {use.payload['mcp_server_name']} is not available."
    return f"Permission to use {use.payload['name']} has been denied."


def _server_error(name: str, failure: McpFailure) -> NewEvent:
    kind = "mcp_authentication_failed_error" if failure.is_denied else "mcp_connection_failed_error"
    message = f"The session goes on without the MCP server {name!r}. {failure.reason}"
    error = _error(kind, message, "retrying")
    error.payload["error"]["mcp_server_name"] = name
    return error


def _error(type: str, message: str, retry: str) -> NewEvent:
    body = {"type": type, "message": message, "retry_status": {"type": retry}}
    return NewEvent(type="session.error", payload={"error": body})


def _refusal(details: dict[str, Any] | None) -> dict[str, Any]:
    details = details or {}
    return {"type": "refusal", "category": details.get("category"), "explanation": details.get("explanation")}


def _text(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]
