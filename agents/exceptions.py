"""The expected failures: each class carries its wire `type` and HTTP status; edges render them in one place."""

from typing import Any


class DomainError(Exception):
    """An expected refusal. `message` names the field or the cause for people; `code` is the wire's machine code."""

    type = "invalid_request_error"
    status = 400

    def __init__(self, message: str, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.extra = extra
        self.details: dict[str, Any] = {}  # what goes beside the code


class InvalidRequest(DomainError):
    """The request itself is wrong: validation, wrong state, unsupported combination."""


class NotAuthenticated(DomainError):
    type = "authentication_error"
    status = 401


class PermissionDenied(DomainError):
    type = "permission_error"
    status = 403


class NotFound(DomainError):
    type = "not_found_error"
    status = 404


class Conflict(DomainError):
    """Somebody else was faster, or the name is taken."""

    type = "conflict_error"
    status = 409


class EditedMeanwhile(Conflict):
    """What somebody wants to change is not what they saw any more."""


class LeaseLost(DomainError):
    """The heartbeat that a worker knows is not the stored one: `state` is the lease as it stands."""

    status = 412

    def __init__(self, message: str, state: dict[str, Any]) -> None:
        super().__init__(message, code="heartbeat_precondition_failed")
        self.details = {"current_state": state}


class TooLarge(DomainError):
    type = "request_too_large"
    status = 413


class RateLimited(DomainError):
    """Too many calls; after `retry_after` seconds there is room again."""

    type = "rate_limit_error"
    status = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """A part of this installation does not work at the moment (no sandbox, no model endpoint, no Redis)."""

    type = "api_error"
    status = 503


class SecretUnreadable(Unavailable):
    """A stored secret does not open: its key is not among this installation's, or the text was tampered with."""


class Fenced(Exception):
    """The lease was lost to another worker: whatever this one still wanted to write must not be written."""
