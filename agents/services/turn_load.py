"""What each workspace has under way and in line, for operators and for whoever asks about their own workspace."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, Q, Sum
from django.utils import timezone

from agents.models import InboxEvent, Session, Thread, Workspace

REPEATED_DAYS = 1


@dataclass(slots=True, kw_only=True)
class Load:
    """`running`: turns that a worker drives. `waiting`: those that could go on, of them `lost` by a worker; `since` is
    when the oldest unread message of theirs came. `retrying`: those that wait to ask the model again. `losses`: workers
    lost with the steps now under way or in line. `repeated`: model requests that recovery asked again in a day."""

    workspace: Workspace
    running: int = 0
    waiting: int = 0
    lost: int = 0
    retrying: int = 0
    losses: int = 0
    repeated: int = 0
    since: datetime | None = None

    @property
    def is_quiet(self) -> bool:
        return not (self.running or self.waiting or self.retrying or self.repeated)


def loads_of(workspaces: Iterable[Workspace], now: datetime | None = None) -> list[Load]:
    """Of each of these workspaces, whoever waits most first."""
    now = now or timezone.now()
    loads = {workspace.pk: Load(workspace=workspace) for workspace in workspaces}
    for row in _counts(loads, now):
        load = loads[row.pop("workspace_id")]
        for name, count in row.items():
            setattr(load, name, count or 0)
    for workspace_id, since in _oldest(loads, now):
        loads[workspace_id].since = since
    for workspace_id, repeated in _repeated(loads, now):
        loads[workspace_id].repeated = repeated or 0
    return sorted(loads.values(), key=lambda load: (-load.waiting, -load.running, load.workspace.name))


def _counts(loads: Iterable[str], now: datetime) -> Any:
    driven, later = Q(lease_until__gte=now), Q(wake_at__gt=now)
    free = ~driven | Q(lease_until=None)
    threads = Thread.objects.filter(workspace__in=loads, wake__gt=F("seen")).values("workspace_id")
    return threads.annotate(
        running=Count("pk", filter=driven),
        waiting=Count("pk", filter=free & (Q(wake_at=None) | Q(wake_at__lte=now))),
        lost=Count("pk", filter=Q(lease_until__lt=now)),
        retrying=Count("pk", filter=free & later),
        losses=Sum("losses"),
    )


def _oldest(loads: Iterable[str], now: datetime) -> Any:
    free, due = Q(lease_until=None) | Q(lease_until__lt=now), Q(wake_at=None) | Q(wake_at__lte=now)
    waiting = Thread.objects.filter(free, due, workspace__in=loads, wake__gt=F("seen"))
    mail = InboxEvent.objects.filter(thread__in=waiting)
    return mail.values_list("thread__workspace").annotate(at=Min("created_at"))


def _repeated(loads: Iterable[str], now: datetime) -> Any:
    since = now - timedelta(days=REPEATED_DAYS)
    sessions = Session.objects.filter(workspace__in=loads, updated_at__gte=since, repeated_requests__gt=0)
    return sessions.values_list("workspace").annotate(sum=Sum("repeated_requests"))
