"""Sums over what sessions have `spent`, made by the database out of its JSON: day -> model -> counters.

Every sum is of whole numbers, so it is exact and the same on both databases: running time is counted in microseconds,
which is how finely the log tells it.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Case, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast

from agents.models import Session, SessionKind, VerdictResult

TOKENS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
SEARCHES = "web_search_requests"
SECONDS = "active_seconds"
COUNTERS = (*TOKENS, SEARCHES, SECONDS)
MICRO = 1_000_000
PRICED = len(COUNTERS) + len(TOKENS)  # numbers that have a price: of all prompts, and of long ones
SECONDS_AT = COUNTERS.index(SECONDS)

type Key = tuple[str, str, str, str, bool]  # day, kind, agent, model, whether the practice model answered
type Rates = list[Any]  # day, model, 1 where it has no price, and what one of each counter and long token costs

# How the members of a JSON object become rows with `key` and `value`, `place` among them, and a number in it a number.
_EACH = {
    "postgresql": "jsonb_each({}) WITH ORDINALITY AS {} (key, value, place)",
    "sqlite": "json_each({}) AS {}",
}
_PLACE = {"postgresql": "{}.place - 1", "sqlite": "{}.rowid"}
# The rates of a day and a model: PostgreSQL looks them up; SQLite makes an index of them, which it does of a table that
# it cannot fold into the rest of the statement (the LIMIT) and must not read first (the CROSS JOIN).
_RATES = {
    "postgresql": "CROSS JOIN LATERAL (SELECT %s::jsonb -> day.key -> model.key AS value OFFSET 0) AS rate",
    "sqlite": (
        "CROSS JOIN (SELECT value, json_extract(value, '$[0]') AS day, json_extract(value, '$[1]') AS model"
        " FROM json_each(%s) LIMIT -1) AS rate ON rate.day = day.key AND rate.model = model.key"
    ),
}
_COLUMNS = ("day.key", "used.kind", "used.agent_id", "model.key", "used.is_practice")


def used(found: QuerySet[Session]) -> Iterator[tuple[Key, list[int]]]:
    """By day, kind, agent, model and whether it was the practice model: the counters, those of long prompts; how many
    sessions have a part in it, for how many it is the first of their day, of their model and of all; and the same four
    of those that did their job."""
    sums = [f"sum({_whole(name)})" for name in COUNTERS] + [f"sum({_number('long', name)})" for name in TOKENS]
    firsts = _firsts()
    counts = [f"count(CASE WHEN {each} THEN 1 END)" for each in firsts]
    completed = [f"count(CASE WHEN used.is_completed AND {each} THEN 1 END)" for each in firsts]
    group = ", ".join(_COLUMNS)
    sql = f"SELECT {', '.join([group, *sums, *counts, *completed])} FROM {_models()} GROUP BY {group}"  # noqa: S608
    for row in _asked(found, sql):
        day, kind, agent_id, model, is_practice, *numbers = row
        yield (day, kind, agent_id, model, bool(is_practice)), [int(number) for number in numbers]


def _firsts() -> list[str]:
    """A session has several days, and on each of them several models. So that a sum over many groups counts it once,
    each group tells as well for how many sessions it is the first of its day, of its model, and of all."""
    day, model = (_PLACE[connection.vendor].format(name) for name in ("day", "model"))
    each, earlier = _EACH[connection.vendor], _PLACE[connection.vendor].format("earlier")
    others = f"{each.format('used.spent', 'earlier')} CROSS JOIN {each.format('earlier.value', 'its')}"
    before = f"EXISTS (SELECT 1 FROM {others} WHERE {earlier} < {day} AND its.key = model.key)"  # noqa: S608
    return ["TRUE", f"{model} = 0", f"({day} = 0 OR NOT {before})", f"{day} = 0 AND {model} = 0"]


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


def _models() -> str:
    each = _EACH[connection.vendor]
    return f"used CROSS JOIN {each.format('used.spent', 'day')} CROSS JOIN {each.format('day.value', 'model')}"


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
