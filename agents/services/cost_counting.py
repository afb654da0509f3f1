"""Adds sessions that rest to the sums of their day (`CostDay`), and makes sums anew that are not right any more.

Sums are made outside of a transaction. A short one then writes them, when neither the day's version nor any of the
sessions has changed: who is killed has written nothing, and of two at once one finds that it came too late.
"""

import json
import time
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from heapq import nlargest

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from agents.models import CostDay, Session, SessionStatus, Uncounted, Workspace
from agents.prices import BUILT_IN_EDITION, PriceBook
from agents.services import cost_days, spent_sums
from agents.services.cost_days import RANKED, Period, Ranked, Rows, countable
from agents.services.prices import book_of

RESTS = timedelta(hours=1)  # what goes on sooner would have to be taken out of its day's sums again
AT_ONCE = 500  # sessions; SQLite has one writer, and turns wait for it
ROUND_SECONDS = 0.5  # the scheduler has more to do


def count_resting(now: datetime | None = None) -> int:
    """One round; how many days it brought nearer to what they should be."""
    now, stop_at = now or timezone.now(), time.monotonic() + ROUND_SECONDS
    done = 0
    for workspace_id, day in _due(now):
        done += bring_up(workspace_id, day, now)
        if time.monotonic() > stop_at:
            break
    return done


def _due(now: datetime) -> list[tuple[str, date]]:
    """Days of the first sessions that wait, in the order of their index: there may be very many after an update."""
    wanted = Q(uncounted=Uncounted.CHANGED) | _resting(now)
    waiting = Session.objects.filter(wanted, uncounted__isnull=False).order_by("workspace_id", "created_at")
    days = [(pk, at.astimezone(UTC).date()) for pk, at in waiting.values_list("workspace_id", "created_at")[:AT_ONCE]]
    outdated = CostDay.objects.filter(Q(sums=None) | ~Q(edition__startswith=BUILT_IN_EDITION))
    return list(dict.fromkeys([*days, *outdated.values_list("workspace_id", "day")[:AT_ONCE]]))


def _resting(now: datetime) -> Q:
    still = (SessionStatus.IDLE, SessionStatus.TERMINATED)
    return Q(uncounted=Uncounted.NEW, updated_at__lt=now - RESTS, status__in=still)


def bring_up(workspace_id: str, day: date, now: datetime) -> bool:
    """One step: the sums made anew where they are not right, or else some sessions added. False when somebody else
    changed what they were made from."""
    empty = {"sums": cost_days.dump({}), "edition": lambda: _book(workspace_id).edition}
    kept, _ = CostDay.objects.get_or_create(workspace_id=workspace_id, day=day, defaults=empty)
    book = _book(workspace_id)  # after the day: whoever changes a price from now on changes the day's version, too
    sessions = Period.of_day(day).sessions(workspace_id)
    changed = list(sessions.filter(uncounted=Uncounted.CHANGED).values_list("pk", flat=True))
    if changed or kept.sums is None or kept.edition != book.edition:
        return _make_anew(kept, sessions.filter(uncounted=None), changed, book)
    return _add(kept, sessions.filter(_resting(now)), book)


def _book(workspace_id: str) -> PriceBook:
    return book_of(Workspace.objects.get(pk=workspace_id))


def _make_anew(kept: CostDay, counted: QuerySet[Session], changed: list[str], book: PriceBook) -> bool:
    """Of the sessions that are in it and have not changed. The others are new ones again."""
    rows = cost_days.add({}, spent_sums.used(countable(counted)))
    ranked = cost_days.rank(countable(counted), rows, book)
    with transaction.atomic():
        moved = _locked(changed, Uncounted.CHANGED)
        is_ours = _write(kept, rows, ranked, book)
        if is_ours:
            Session.objects.filter(pk__in=list(moved)).update(uncounted=Uncounted.NEW)
    return is_ours


def _add(kept: CostDay, resting: QuerySet[Session], book: PriceBook) -> bool:
    seen = dict(resting.order_by("created_at").values_list("pk", "updated_at")[:AT_ONCE])
    if not seen:
        return False
    found = countable(Session.objects.filter(pk__in=list(seen)))
    more = cost_days.add({}, spent_sums.used(found))
    ranked = nlargest(RANKED, [*cost_days.load_ranked(kept), *cost_days.rank(found, more, book)], key=cost_days.by_cost)
    rows = cost_days.add(cost_days.add({}, cost_days.load(kept)), more.items())
    with transaction.atomic():
        is_ours = _locked(seen, Uncounted.NEW) == seen and _write(kept, rows, ranked, book)
        if is_ours:
            Session.objects.filter(pk__in=list(seen)).update(uncounted=None)
    return is_ours


def _locked(ids: Collection[str], state: str) -> dict[str, datetime]:
    """Sessions before days, and in order: as whoever deletes a session locks them."""
    rows = Session.objects.select_for_update().filter(pk__in=list(ids), uncounted=state).order_by("pk")
    return dict(rows.values_list("pk", "updated_at"))


def _write(kept: CostDay, rows: Rows, ranked: list[Ranked], book: PriceBook) -> bool:
    """Whether nobody else wrote since it was read."""
    told = json.dumps([(pk, str(usd), unpriced) for pk, usd, unpriced in ranked])
    same = CostDay.objects.filter(pk=kept.pk, version=kept.version)
    return bool(same.change(sums=cost_days.dump(rows), ranked=told, edition=book.edition))
