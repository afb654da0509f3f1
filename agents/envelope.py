"""PURE: the wire's error envelope."""

from typing import Any

from agents.exceptions import DomainError, RateLimited


def error_body(error: DomainError, request_id: str) -> dict[str, Any]:
    """The envelope of every error; `details` where it has a machine code."""
    details = {"details": {"error_code": error.code, **error.details}} if error.code else {}
    return {
        "type": "error",
        "error": {"type": error.type, "message": error.message, **details, **error.extra},
        "request_id": request_id,
    }


def error_headers(error: DomainError) -> dict[str, str]:
    """A conflict does not go away by asking again: the official clients would, twice. Of too many calls they are told
    when to ask again."""
    if isinstance(error, RateLimited):
        return {"retry-after": str(error.retry_after)}
    return {"x-should-retry": "false"} if error.status == 409 else {}
