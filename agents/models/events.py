"""The append-only log of a session, and the inbox where client events wait until they are processed."""

from typing import Any, NoReturn, Self

from django.db import models

from agents.ids import MAX_ID_LENGTH
from agents.models.base import PublicIdField
from agents.models.sessions import Session, Thread


class EventQuerySet(models.QuerySet[Any]):
    """Reading only: what is in the log stays as it is; a session's deletion takes its rows along in the database."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("Events are append-only.")

    def in_order(self) -> Self:
        return self.order_by("seq")

    def after(self, seq: int) -> Self:
        return self.filter(seq__gt=seq)


class Event(models.Model):
    """One event on one thread. `seq` is its place in the whole session; `event_id` is its wire id, shared by the copy
    that a child's call leaves on the primary thread."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="events")
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveBigIntegerField()
    event_id = models.CharField(max_length=MAX_ID_LENGTH)
    type = models.CharField(max_length=64)
    payload = models.JSONField(default=dict)  # the wire's members but id, type, processed_at; `_private` is ours
    trust = models.PositiveSmallIntegerField(default=0)
    processed_at = models.DateTimeField()

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "seq"], name="event_seq_once"),
            models.UniqueConstraint(fields=["thread", "event_id"], name="event_once_per_thread"),
        ]
        indexes = [
            models.Index(fields=["thread", "seq"], name="event_of_thread"),
            models.Index(fields=["event_id"], name="event_by_id"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Events are append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Events are append-only.")


class InboxEvent(models.Model):
    """A client event that was accepted and not yet processed; its id is the one the log will give it."""

    id = PublicIdField("event", primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="inbox")
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="inbox")
    position = models.PositiveBigIntegerField()  # arrival order in the session
    type = models.CharField(max_length=64)
    payload = models.JSONField(default=dict)
    trust = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "position"], name="inbox_position_once")]
        indexes = [models.Index(fields=["thread", "position"], name="inbox_of_thread")]

    def __str__(self) -> str:
        return f"{self.id} {self.type}"
