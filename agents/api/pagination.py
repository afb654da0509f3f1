"""Cursor pages: a cursor names the list, its order and the key of the row where the page ends, so pages stay stable
while rows come and go."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from agents.api import queries
from agents.exceptions import InvalidRequest
from agents.limits import PAGE_DEFAULT, PAGE_MAX
from agents.prepared import PreparedQuery
from agents.storable import storable

PREFIX = "page_"
NEWEST_FIRST = "desc"
OLDEST_FIRST = "asc"
ORDERS = (NEWEST_FIRST, OLDEST_FIRST)
COLUMN_MAX = 2**63 - 1  # what a database can be asked for
type Key = tuple[Any, ...]
type Shape = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a page begins: after `key` in the given order of the named list, or before it."""

    listing: str
    order: str
    key: Key
    is_backwards: bool = False

    def encoded(self) -> str:
        key = [part.isoformat() if isinstance(part, datetime) else part for part in self.key]
        data = json.dumps([self.listing, self.order, key, self.is_backwards], separators=(",", ":"))
        return PREFIX + base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")

    @classmethod
    def decoded(cls, text: str, listing: str, order: str) -> "Cursor":
        try:
            data = text.removeprefix(PREFIX).encode()
            padded = data + b"=" * (-len(data) % 4)
            found, cursor_order, key, is_backwards = json.loads(base64.urlsafe_b64decode(padded))
            cursor = cls(listing=found, order=cursor_order, key=tuple(key), is_backwards=bool(is_backwards))
        except (ValueError, TypeError, RecursionError, binascii.Error):
            raise InvalidRequest("page: this cursor cannot be read.")
        if not text.startswith(PREFIX) or cursor.listing != listing:
            raise InvalidRequest("page: this cursor belongs to another list.")
        if cursor.order != order:
            raise InvalidRequest("page: this cursor belongs to another order.")
        return cursor


class Rows:
    """Rows to take pages of, where the SQL of each kind of page is made once: making it takes Django three times as
    long as the database needs to answer. `make` is a queryset of the values that a request brings; `build` is what to
    make of the tuples of its `values_list`, with the names `pk` and `created_at`."""

    def __init__(self, make: Callable[..., QuerySet[Any, Any]], build: Callable[..., Any] | None = None) -> None:
        self._make = make
        self._build = build
        self._queries: dict[Any, PreparedQuery[Any]] = {}

    def of(self, *values: Any) -> "RowsOf":
        return RowsOf(self, values)

    def page(
        self, values: Key, bounds: Mapping[str, datetime], key: Key, *, is_descending: bool, count: int
    ) -> list[Any]:
        kind = (len(values), tuple(bounds), len(key), is_descending)
        query = self._queries.get(kind) or self._prepared(*kind)
        found = query.all(*values, *bounds.values(), *key, count)
        return [self._build(*row) for row in found] if self._build else found

    def _prepared(self, given: int, bounds: tuple[str, ...], key: int, is_descending: bool) -> PreparedQuery[Any]:
        def make(*slots: Any) -> QuerySet[Any, Any]:
            edges, end = slots[given:], len(slots)
            between = dict(zip(bounds, edges, strict=False))
            return _asked(self._make(*slots[:given]), between, slots[end - key :], is_descending=is_descending)

        kind = (given, bounds, key, is_descending)
        self._queries[kind] = PreparedQuery(make, parameters=given + len(bounds) + key, is_limited=True)
        return self._queries[kind]


@dataclass(frozen=True, slots=True)
class RowsOf:
    """Rows with the values of one request."""

    rows: Rows
    values: Key


def live_or_all(make: Callable[..., Any], build: Callable[..., Any] | None = None) -> dict[bool, Rows]:
    """By whether the archived ones are included."""
    return {False: Rows(lambda *values: make(*values).live(), build), True: Rows(make, build)}


def limit_of(request: HttpRequest, *, default: int = PAGE_DEFAULT, longest: int = PAGE_MAX) -> int:
    return queries.whole(request, "limit", least=1, most=longest) or default


def cursor_of(request: HttpRequest, listing: str, order: str, kinds: Sequence[type]) -> Cursor | None:
    """The request's cursor, its key's parts being of the given kinds."""
    text = request.GET.get("page")
    if not text:
        return None
    cursor = Cursor.decoded(text, listing, order)
    if len(cursor.key) != len(kinds):
        raise InvalidRequest("page: this cursor cannot be read.")
    key = tuple(_part(part, kind) for part, kind in zip(cursor.key, kinds, strict=True))
    return Cursor(listing=listing, order=order, key=key, is_backwards=cursor.is_backwards)


def page_of(
    request: HttpRequest,
    rows: QuerySet[Any] | RowsOf,
    shape: Shape,
    *,
    listing: str,
    order: str = NEWEST_FIRST,
    limit: int | None = None,
    created_at: Mapping[str, datetime] | None = None,
    is_bidirectional: bool = False,
    parts: Sequence[QuerySet[Any]] = (),
) -> dict[str, Any]:
    """A page of rows by creation; `created_at` bounds are applied, and a cursor that they exclude is refused. `parts`:
    which of the rows, where that is several sets that have nothing in common, each with an index of its own."""
    cursor, bounds = cursor_of(request, listing, order, (datetime, str)), created_at or {}
    if cursor:
        check_within(cursor.key[0], bounds)
    limit, key = limit or limit_of(request), cursor.key if cursor else ()
    is_backwards = cursor is not None and cursor.is_backwards
    is_descending = (order == NEWEST_FIRST) != is_backwards
    if isinstance(rows, RowsOf):
        found = rows.rows.page(rows.values, bounds, key, is_descending=is_descending, count=limit + 1)
    else:
        asked = partial(_asked, bounds=bounds, key=key, is_descending=is_descending)
        if len(parts) > 1:
            firsts = [asked(part).prefetch_related(None).values_list("pk", flat=True)[: limit + 1] for part in parts]
            rows = rows.filter(pk__in=[pk for first in firsts for pk in first])
        found = list(asked(parts[0] if len(parts) == 1 else rows)[: limit + 1])
    has_more, found = len(found) > limit, found[:limit]
    if is_backwards:
        found.reverse()
    has_next, has_previous = (bool(found), has_more) if is_backwards else (has_more, cursor is not None)
    page = {
        "data": [shape(row) for row in found],
        "next_page": _cursor_at(found[-1], listing, order) if has_next and found else None,
    }
    if is_bidirectional:
        first = found[0] if found and has_previous else None
        page["prev_page"] = _cursor_at(first, listing, order, is_backwards=True) if first else None
    return page


def slice_of[Item](
    request: HttpRequest,
    items: Sequence[Item],
    key: Callable[[Item], Key],
    *,
    listing: str,
    order: str,
    kinds: Sequence[type],
    limit: int,
) -> tuple[list[Item], str | None]:
    """A page of a list that is short enough to be in memory, already sorted by `key`; also the next cursor."""
    cursor = cursor_of(request, listing, order, kinds)
    is_ascending = order == OLDEST_FIRST
    if cursor:
        start = cursor.key
        items = [item for item in items if (key(item) > start if is_ascending else key(item) < start)]
    page = list(items[:limit])
    if len(items) <= limit:
        return page, None
    return page, Cursor(listing=listing, order=order, key=key(page[-1])).encoded()


def _part(part: Any, kind: type) -> Any:
    if kind is datetime and isinstance(part, str):
        return queries.moment(part, "page")
    is_beyond = abs(part) > COLUMN_MAX if isinstance(part, int) else storable(part) != part
    if not isinstance(part, kind) or is_beyond:
        raise InvalidRequest("page: this cursor cannot be read.")
    return part


def _asked(rows: QuerySet[Any], bounds: Mapping[str, Any], key: Key, *, is_descending: bool) -> QuerySet[Any]:
    """The rows between the bounds and beyond the key, in order."""
    rows = rows.filter(**{f"created_at__{operator}": bound for operator, bound in bounds.items()})
    if key:
        rows = rows.filter(_beyond(key, "lt" if is_descending else "gt"))
    sign = "-" if is_descending else ""
    return rows.order_by(f"{sign}created_at", f"{sign}pk")


def check_within(edge: datetime, bounds: Mapping[str, datetime]) -> None:
    """Refuse a cursor whose row, which is of that time, the bounds of this page exclude."""
    for operator, bound in bounds.items():
        if not _holds(edge, operator, bound):
            raise InvalidRequest(f"page: this cursor lies outside created_at[{operator}].")


def _holds(value: datetime, operator: str, bound: datetime) -> bool:
    return {"gt": value > bound, "gte": value >= bound, "lt": value < bound, "lte": value <= bound}[operator]


def _beyond(key: Key, operator: str) -> Q:
    moment, pk = key
    # Not as "later, or equal and ...": only a plain range lets the index begin at the cursor.
    within = Q(**{f"created_at__{operator}e": moment})
    return within & (Q(**{f"created_at__{operator}": moment}) | Q(**{f"pk__{operator}": pk}))


def _cursor_at(row: Model, listing: str, order: str, *, is_backwards: bool = False) -> str:
    key = (row.created_at, row.pk)  # type: ignore[attr-defined]
    return Cursor(listing=listing, order=order, key=key, is_backwards=is_backwards).encoded()
