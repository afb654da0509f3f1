"""Sums over what sessions have `spent`, made by the database out of its JSON: day -> model -> counters.

Every sum is of whole numbers, so it is exact and the same on both databases: running time is counted in microseconds,
which is how finely the log tells it.
"""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Case, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast

from agents.models import Session, SessionKind, VerdictResult

GROUPS = ("day", "kind", "agent_id", "model")
TOKENS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
SEARCHES = "web_search_requests"
SECONDS = "active_seconds"
COUNTERS = (*TOKENS, SEARCHES, SECONDS)
MICRO = 1_000_000

type Counters = dict[str, Any]  # as a session's `spent` has them for a day and a model
type Rates = list[Any]  # day, model, 1 where it has no price, and what one of each counter and long token costs

# How the members of a JSON object become rows with `key` and `value`, and a number in it a number.
_EACH = {"postgresql": "jsonb_each({})", "sqlite": "json_each({})"}
# The rates of a day and a model: PostgreSQL looks them up; SQLite makes an index of them, which it does of a table that
# it cannot fold into the rest of the statement (the LIMIT) and must not read first (the CROSS JOIN).
_RATES = {
    "postgresql": "CROSS JOIN LATERAL (SELECT %s::jsonb -> day.key -> model.key AS value OFFSET 0) AS rate",
    "sqlite": (
        "CROSS JOIN (SELECT value, json_extract(value, '$[0]') AS day, json_extract(value, '$[1]') AS model"
        " FROM json_each(%s) LIMIT -1) AS rate ON rate.day = day.key AND rate.model = model.key"
    ),
}
_COLUMNS = {"day": "day.key", "kind": "used.kind", "agent_id": "used.agent_id", "model": "model.key"}
_PRACTICE = len(GROUPS)


def used(found: QuerySet[Session], names: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], bool, Counters]]:
    """Day, kind, agent and model, whether the practice model answered, and what was used. Of kind and agent those that
    are not among the names are empty; without day and model nothing could be priced."""
    wanted = {"day", "model", *names}
    columns = [_COLUMNS[name] if name in wanted else "''" for name in GROUPS]
    grouped = ", ".join([*(_COLUMNS[name] for name in GROUPS if name in wanted), "used.is_practice"])
    sums = [f"sum({_whole(name)})" for name in COUNTERS] + [f"sum({_number('long', name)})" for name in TOKENS]
    selected = ", ".join([*columns, "used.is_practice", *sums])
    sql = f"SELECT {selected} FROM {_models()} GROUP BY {grouped}"  # noqa: S608 - of the constants above
    for row in _asked(found, sql):
        numbers = [int(number) for number in row[_PRACTICE + 1 :]]
        counters: Counters = dict(zip(COUNTERS, numbers, strict=False))
        counters[SECONDS] = Decimal(counters[SECONDS]) / MICRO
        counters["long"] = dict(zip(TOKENS, numbers[len(COUNTERS) :], strict=True))
        yield row[:_PRACTICE], bool(row[_PRACTICE]), counters


def counts(found: QuerySet[Session], names: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], int, int]]:
    """For each group by these names, how many sessions used something in it, and how many of them did their job."""
    columns = [_COLUMNS[name] for name in names]
    source = _models() if "model" in names else _days() if "day" in names else "used"
    # A session has several days, and on each of them a model once.
    distinct = "DISTINCT " if "model" in names and "day" not in names else ""
    done = f"count({distinct}CASE WHEN used.is_completed THEN used.id END)"
    selected = ", ".join([*columns, f"count({distinct}used.id)", done])
    grouped = f" GROUP BY {', '.join(columns)}" if columns else ""
    sql = f"SELECT {selected} FROM {source}{grouped}"  # noqa: S608
    for row in _asked(found, sql):
        yield row[:-2], row[-2], row[-1]


def dearest(found: QuerySet[Session], rates: Sequence[Rates], number: int) -> list[str]:
    """The ids of the sessions that cost most, by these rates; of unpriced ones those with most tokens."""
    paths = [*((name,) for name in COUNTERS), *(("long", name) for name in TOKENS)]
    usd = " + ".join(f"{_number(*path, kind='float')} * {_rate(3 + place)}" for place, path in enumerate(paths))
    unpriced = " + ".join(_number(name) for name in TOKENS)
    order = f"sum({usd}) DESC, sum(({unpriced}) * {_rate(2)}) DESC"
    sql = f"SELECT used.id FROM {_models()} {_RATES[connection.vendor]} GROUP BY used.id ORDER BY {order} LIMIT %s"  # noqa: S608
    by_day: dict[str, dict[str, Rates]] = {}
    for rate in rates:
        by_day.setdefault(rate[0], {})[rate[1]] = rate
    given = by_day if connection.vendor == "postgresql" else rates
    return [row[0] for row in _asked(found, sql, json.dumps(given), number)]


def _asked(found: QuerySet[Session], sql: str, *values: Any) -> list[tuple[Any, ...]]:
    is_dream = Q(kind=SessionKind.DREAM)
    rows = found.order_by().values_list(
        "pk",
        Case(When(is_dream, then=Value("dream")), default=Value("session"), output_field=TextField()),
        Case(When(is_dream, then=Value("")), default=Cast("agent_id", TextField()), output_field=TextField()),
        "is_practice",
        Case(
            When(verdict=VerdictResult.COMPLETED, escalated_at=None, then=True),
            default=False,
            output_field=BooleanField(),
        ),
        "spent",
    )
    inner, parameters = rows.query.sql_with_params()
    columns = "id, kind, agent_id, is_practice, is_completed, spent"
    with connection.cursor() as cursor:
        cursor.execute(f"WITH used ({columns}) AS ({inner}) {sql}", [*parameters, *values])
        return list(cursor.fetchall())


def _days() -> str:
    return f"used CROSS JOIN {_EACH[connection.vendor].format('used.spent')} AS day"


def _models() -> str:
    return f"{_days()} CROSS JOIN {_EACH[connection.vendor].format('day.value')} AS model"


def _number(*path: str, kind: str = "bigint") -> str:
    if connection.vendor == "sqlite":
        return f"coalesce(json_extract(model.value, '$.{'.'.join(path)}'), 0)"
    steps = "".join(f" -> '{part}'" for part in path)
    return f"coalesce((model.value{steps})::{kind}, 0)"


def _whole(name: str) -> str:
    if name != SECONDS:
        return _number(name)
    number = f"round({_number(name, kind='numeric')} * {MICRO})"
    return f"cast({number} AS integer)" if connection.vendor == "sqlite" else number


def _rate(place: int) -> str:
    if connection.vendor == "sqlite":
        return f"json_extract(rate.value, '$[{place}]')"
    return f"(rate.value -> {place})::float"
