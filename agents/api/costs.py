"""What sessions and dreams cost at list price: sums by day, kind, agent and model."""

from datetime import date
from typing import Any

from ninja import Router

from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.openapi import asks
from agents.prices import CURRENCY, monetary_amount
from agents.services import costs
from agents.services.prices import book_of

router = Router(tags=["costs"])


@router.get(
    "",
    openapi_extra=asks("group_by[]", *queries.CREATED_AT, group_by=costs.GROUPS),
)
def get_costs(request: ApiRequest) -> dict[str, Any]:
    """Sessions and dreams created within the bounds, their usage priced at the day on which it arose. `group_by` takes
    day, kind, agent_id and model; without it there is one sum. `list_cost` is null where a model has no price: then
    `unpriced_tokens` says how much that is, and `priced_list_cost` is the rest. A null model is running
    time and searches, a null agent a dream."""
    names = list(dict.fromkeys(queries.many(request, "group_by", costs.GROUPS)))
    workspace = request.auth.workspace
    period = costs.Period.within(queries.bounds(request, "created_at"))
    sums = costs.Costs(workspace, period, book_of(workspace)).by(*names)
    return {
        "type": "cost_report",
        "currency": CURRENCY,
        "group_by": names,
        "data": [_row(dict(zip(names, key, strict=True)), total) for key, total in sums.items()],
    }


def _row(group: dict[str, Any], total: costs.Sum) -> dict[str, Any]:
    return {
        "type": "cost",
        **{name: value.isoformat() if isinstance(value, date) else value or None for name, value in group.items()},
        "sessions": total.sessions,
        "completed_sessions": total.completed,
        "tokens": total.tokens,
        "cache_read_input_tokens": total.cached_tokens,
        "unpriced_tokens": total.unpriced_tokens,
        "list_cost": monetary_amount(total.known_usd),
        "priced_list_cost": monetary_amount(total.usd),
        "practice_list_cost": monetary_amount(total.practice_usd),
    }
