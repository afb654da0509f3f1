"""One holder's work on one thread: what it knows of the log, the inbox, money and tools, and how it writes."""

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import limits, queue
from agents.environment_config import SELF_HOSTED, WORKERS_TOOLS, wanted_packages
from agents.eventlog import statements
from agents.eventlog.append import NewEvent, append, model_of
from agents.eventlog.statements import INTERRUPT
from agents.exceptions import Fenced
from agents.leases import RELEASED, lease_of, rest_connection
from agents.model_facts import window_of
from agents.models import InboxEvent, Session, Thread
from agents.prices import PriceBook
from agents.runtime.context import Window, tokens, weight, window
from agents.runtime.decide import decide
from agents.runtime.position import Position, position_of
from agents.runtime.steps import Step
from agents.runtime.toolbox import Toolbox
from agents.runtime.turn_log import TurnLog
from agents.services.budgets import is_reached
from agents.services.prices import book_from
from agents.services.threads import RUN_THREAD

# Set when this process is asked to end: turns are handed over at their next step.
stopping = threading.Event()


class Turn:
    """`is_recovered`: the holder before was lost in the middle of a step, until this one has made its first."""

    def __init__(self, thread: Thread) -> None:
        self.thread = thread
        self.lease = lease_of(thread)
        self.session_id = thread.session_id
        self.log = TurnLog(thread.pk)
        self.mail: list[InboxEvent] = []
        self.is_recovered: bool = thread.was_lost
        self.is_done = False

    def close(self) -> None:
        """Let go of what the turn kept open outside the database."""
        if self.has_toolbox:
            self.toolbox.servers.close()

    def hand_over(self) -> None:
        """Between two steps everything is in the log: another worker goes on as if nothing had been."""
        self.lease.row().update(**RELEASED)
        self.is_done = True

    def step_aside(self) -> None:
        """Between two turns: let others have the slot, and stand in line again."""
        self.lease.row().update(**{**RELEASED, "enqueued_at": timezone.now()})
        queue.enqueue(RUN_THREAD, self.thread.pk)
        self.is_done = True

    # What comes next

    def next_step(self) -> Step:
        position = self.position
        self.mail = statements.mail_of.all(self.thread.pk) if position.wants_mail else []
        types = {mail.type for mail in self.mail}
        return decide(
            position,
            has_mail="user.message" in types,
            is_recovered=self.is_recovered,
            is_interrupted=INTERRUPT in types,
            is_over_budget=position.wants_money and self._is_over_budget(),
            is_full=position.wants_request and self._is_full(position.compactions),
        )

    @property
    def position(self) -> Position:
        return position_of(self.log.since_rest(), elsewhere=self.elsewhere)

    def _is_over_budget(self) -> bool:
        if not self.is_capped:
            return False
        spent = Session.objects.only("budget", "spent", "running_since").get(pk=self.session_id)
        return is_reached(spent, self.prices)

    def _is_full(self, compactions: int) -> bool:
        """Once room was made, only the model itself knows that it was not enough."""
        extent = self.log.conversation.extent
        return extent.is_refused or (not compactions and extent.size > self.room)

    def would_fit(self, events: Sequence[NewEvent]) -> bool:
        """Whether the model could be asked when these are in the log, too."""
        more = sum([weight(event.payload.get("content")) for event in events])
        return self.log.conversation.extent.size + tokens(more) <= self.room

    def is_interrupted(self) -> bool:
        return statements.interrupts.exists(self.thread.pk)

    def about_to_ask(self) -> None:
        """Right before a model request: whoever is lost earlier has asked nobody, so no request is repeated."""
        if self.is_recovered:
            Session.objects.filter(pk=self.session_id).update(repeated_requests=F("repeated_requests") + 1)
        rest_connection()

    def should_stop(self) -> bool:
        """Asked again and again during a wait, which must not hold a database connection: tools take minutes, and the
        pool has fewer connections than a worker has slots."""
        asked = self.is_interrupted()
        rest_connection()
        return asked

    # What it works with

    @cached_property
    def toolbox(self) -> Toolbox:
        packages = wanted_packages(self._terms[3])
        return Toolbox(
            self.session_id, self.thread.agent_snapshot, is_self_hosted=bool(self.elsewhere), packages=packages
        )

    @property
    def has_toolbox(self) -> bool:
        return "toolbox" in self.__dict__

    @cached_property
    def elsewhere(self) -> frozenset[str]:
        """The tools that a worker of a self-hosted environment carries out."""
        return WORKERS_TOOLS if self._terms[3].get("type") == SELF_HOSTED else frozenset()

    @property
    def model(self) -> str:
        return model_of(self.thread)

    @cached_property
    def window(self) -> Window:
        return window(window_of(self.model, settings.LUCID_MODEL_WINDOWS), limits.MODEL_MAX_TOKENS)

    @property
    def room(self) -> int:
        """Tokens that a request may have: fewer when the endpoint refused so many before."""
        ceiling = self.log.conversation.extent.ceiling
        return self.window.limit if ceiling is None else min(self.window.limit, int(ceiling * 0.9))

    @cached_property
    def prices(self) -> PriceBook:
        return book_from(*self._terms[:2])

    @cached_property
    def is_capped(self) -> bool:
        """Whether the session has a budget; it can lose one on the way and never get one."""
        return self._terms[2] is not None

    @property
    def workspace_id(self) -> str:
        return self._terms[0]

    @cached_property
    def _terms(self) -> tuple[str, dict[str, Any], dict[str, Any] | None, dict[str, Any]]:
        """What money is counted by, and where tools run; one query for a whole turn."""
        terms = statements.terms_of.first(self.session_id)
        if terms is None:
            raise Fenced(f"The session {self.session_id} is gone.")
        return terms

    # How it writes

    def commit(self, events: list[NewEvent]) -> None:
        with transaction.atomic():
            self.append(events)

    def append(self, events: list[NewEvent], **options: Any) -> None:
        """Append under the lease: the transaction is void when somebody else took over."""
        self.log.add(append(self.session_id, self.thread, events, lease=self.lease, **options))

    def running(self) -> list[NewEvent]:
        """The two that set a session to work."""
        return [NewEvent(type="session.status_running"), self.thread_status("running")]

    def thread_status(self, status: str, **payload: Any) -> NewEvent:
        names = {"session_thread_id": self.thread.pk, "agent_name": self.thread.agent_name}
        return NewEvent(type=f"session.thread_status_{status}", payload={**names, **payload})
