"""Puts a dream's questions to a model: a thread of the dream's session for each, a few in flight at once, every answer
kept as it comes, so that a worker that takes over asks only for what is missing."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from agents.eventlog.fold import add_usage
from agents.leases import Lease, rest_connection
from agents.models import Event, Session, Thread
from dreams import trace
from dreams.asking import Answer, ask
from dreams.claims import Dropped
from dreams.exceptions import DreamCanceled, DreamFailure
from dreams.limits import CANCEL_GRACE_SECONDS, MODEL_REQUESTS_AT_ONCE
from dreams.models import Dream, DreamRequest
from dreams.services import NO_USAGE

POLL_SECONDS = 1.0  # how soon a cancel is noticed while a model is thinking


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One model request that the dream wants answered. `read` turns the raw items of the answer into how many were kept
    and what was dropped."""

    kind: str  # map | reduce
    key: str
    name: str
    task: str
    tool: str
    noun: str
    request: Callable[[], dict[str, Any]]
    parse: Callable[[Any], list[Any]]
    read: Callable[[Sequence[Any]], tuple[int, list[Dropped]]]


class Interview:
    """One holder's requests for one dream. `check_goes_on` raises when the dream was ended from elsewhere."""

    def __init__(self, dream: Dream, lease: Lease, check_goes_on: Callable[[], None]) -> None:
        self.dream, self.lease, self.check_goes_on = dream, lease, check_goes_on

    @property
    def session(self) -> Session:
        assert self.dream.session is not None, "the first phase opens the session"
        return self.dream.session

    def ask_all(self, kind: str, questions: Sequence[Question]) -> tuple[dict[str, list[Any]], list[str]]:
        """The items of every usable answer by the question's key, and why the others are not; what an earlier run was
        answered is not asked again."""
        rows = {row.key: row for row in self.dream.requests.filter(kind=kind)}
        open_questions = [q for q in questions if q.key not in rows or not _is_settled(rows[q.key])]
        with ThreadPoolExecutor(max_workers=MODEL_REQUESTS_AT_ONCE, thread_name_prefix="dream") as pool:
            try:
                self._work_off(pool, open_questions, rows)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        settled = self.dream.requests.filter(kind=kind, key__in=[q.key for q in questions])
        answers = {row.key: row.answer["items"] for row in settled if row.answer is not None}
        return answers, [row.problem for row in settled if row.problem]

    def _work_off(self, pool: ThreadPoolExecutor, questions: Sequence[Question], rows: dict[str, DreamRequest]) -> None:
        waiting = list(questions)
        flying: dict[Future[Answer], tuple[Question, Thread, str]] = {}
        while waiting or flying:
            try:
                self.check_goes_on()
            except DreamCanceled:
                self._count_what_flies(flying)
                raise
            batch = waiting[: MODEL_REQUESTS_AT_ONCE - len(flying)]
            del waiting[: len(batch)]
            for question, (thread, span_id) in zip(batch, self._open(batch, rows), strict=True):
                flying[pool.submit(ask, question.request(), question.parse)] = (question, thread, span_id)
            rest_connection()
            done, _ = wait(flying, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            if done:
                self._settle([(flying.pop(future), future.result()) for future in done])

    def _count_what_flies(self, flying: dict[Future[Answer], tuple[Question, Thread, str]]) -> None:
        """What was asked is paid for: a canceled dream still takes in the answers that come soon."""
        rest_connection()
        done, _ = wait(flying, timeout=CANCEL_GRACE_SECONDS)
        if done:
            with suppress(DreamFailure):
                self._settle([(flying.pop(future), future.result()) for future in done])

    def _open(self, batch: Sequence[Question], rows: dict[str, DreamRequest]) -> list[tuple[Thread, str]]:
        """A thread for each question; one that a killed worker left open is used again."""
        if not batch:
            return []
        opened: dict[str, tuple[Thread, str]] = {}
        fresh = [question for question in batch if question.key not in rows]
        with transaction.atomic():
            self.lease.check()
            for question in batch:
                if question.key in rows:
                    opened[question.key] = self._reopen(rows[question.key])
            made = (
                trace.open_threads(self.session, [(q.name, q.task) for q in fresh], self.dream.model) if fresh else []
            )
            DreamRequest.objects.bulk_create(
                DreamRequest(dream=self.dream, kind=q.kind, key=q.key, thread_id=thread.pk)
                for q, (thread, _) in zip(fresh, made, strict=True)
            )
        opened |= {q.key: thread for q, thread in zip(fresh, made, strict=True)}
        return [opened[question.key] for question in batch]

    def _reopen(self, row: DreamRequest) -> tuple[Thread, str]:
        thread = Thread.objects.get(pk=row.thread_id)
        spans = Event.objects.filter(thread=thread, type="span.model_request_start").in_order()
        last = spans.values_list("event_id", flat=True).last()
        DreamRequest.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1)
        return thread, trace.reopen_thread(self.session, thread, str(last))

    def _settle(self, done: Sequence[tuple[tuple[Question, Thread, str], Answer]]) -> None:
        """Keep the answers and close their threads in one transaction; an endpoint that gave up ends the dream."""
        finished = []
        usage = self.dream.usage or NO_USAGE
        for (question, thread, span_id), answer in done:
            kept, dropped = (0, []) if answer.problem else question.read(answer.items)
            finished.append(
                trace.Finished(
                    thread=thread,
                    span_id=span_id,
                    tool=question.tool,
                    answer=answer,
                    kept=kept,
                    dropped=tuple(dropped),
                    noun=question.noun,
                )
            )
            for attempt in answer.attempts:
                usage = add_usage(usage, attempt.usage)
        with transaction.atomic():
            self.lease.check(usage=usage)
            trace.close_threads(self.session, finished)
            for (question, _, _), answer in done:
                if answer.failure is None:
                    self._keep(question, answer)
        self.dream.usage = usage
        for _, answer in done:
            if answer.failure is not None:
                raise DreamFailure("internal_error", f"The model could not be asked: {answer.failure.message}")

    def _keep(self, question: Question, answer: Answer) -> None:
        kept = {"answer": None, "problem": answer.problem} if answer.problem else {"answer": {"items": answer.items}}
        usage = NO_USAGE
        for attempt in answer.attempts:
            usage = add_usage(usage, attempt.usage)
        self.dream.requests.filter(kind=question.kind, key=question.key).update(
            **kept, usage=usage, attempts=F("attempts") + len(answer.attempts) - 1
        )


def _is_settled(row: DreamRequest) -> bool:
    return row.answer is not None or bool(row.problem)
