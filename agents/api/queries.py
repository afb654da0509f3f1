"""Query strings as both SDKs write them: brackets for arrays and dates, true and false, whole numbers.

An empty value is one that was not given: the TypeScript SDK writes null so.
"""

from collections.abc import Collection
from datetime import UTC, datetime

from django.http import HttpRequest

from agents.exceptions import InvalidRequest

BOOLEANS = {"true": True, "false": False}
COMPARISONS = ("gt", "gte", "lt", "lte")
CREATED_AT = tuple(f"created_at[{operator}]" for operator in COMPARISONS)


def text(request: HttpRequest, name: str) -> str | None:
    """As it was sent, None when it was not."""
    return request.GET.get(name) or None


def choice(request: HttpRequest, name: str, allowed: Collection[str], default: str) -> str:
    """One of `allowed`, `default` when it is not given; `InvalidRequest` for anything else."""
    value = text(request, name) or default
    if value not in allowed:
        raise InvalidRequest(f"{name}: {value!r} is not allowed; use {', '.join(filter(None, allowed))}.")
    return value


def flag(request: HttpRequest, name: str) -> bool:
    """False when it is not given."""
    value = (text(request, name) or "false").lower()
    if value not in BOOLEANS:
        raise InvalidRequest(f"{name}: it must be true or false.")
    return BOOLEANS[value]


def whole(request: HttpRequest, name: str, *, least: int, most: int) -> int | None:
    """A whole number within bounds, None when it is not given."""
    value = text(request, name)
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < 12 and least <= int(value) <= most):
        raise InvalidRequest(f"{name}: it must be a whole number from {least} to {most}.")
    return int(value)


def many(request: HttpRequest, name: str, allowed: Collection[str]) -> list[str]:
    """An array: `name[]=a&name[]=b`, and also `name=a&name=b` or `name=a,b`."""
    given = [*request.GET.getlist(f"{name}[]"), *request.GET.getlist(name)]
    values = [value for entry in given for value in entry.split(",") if value]
    if unknown := next((value for value in values if value not in allowed), None):
        raise InvalidRequest(f"{name}: {unknown!r} is not allowed; use {', '.join(sorted(allowed))}.")
    return values


def bounds(request: HttpRequest, name: str, operators: Collection[str] = COMPARISONS) -> dict[str, datetime]:
    """`created_at[gte]=…` as `{"gte": …}`."""
    found = {operator: request.GET.get(f"{name}[{operator}]") for operator in operators}
    return {operator: moment(value, f"{name}[{operator}]") for operator, value in found.items() if value}


def moment(value: str, name: str) -> datetime:
    """A time in UTC; without a zone it is taken for one."""
    try:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{name}: {value!r} is no RFC 3339 time.")
