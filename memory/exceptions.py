"""Refusals that only memory knows."""

from agents.exceptions import Conflict, InvalidRequest


class PathConflict(Conflict):
    """The path is taken, or a file and a folder would share it."""

    type = "memory_path_conflict_error"


class PreconditionFailed(Conflict):
    """The stored content is not what the caller last saw."""

    type = "memory_precondition_failed_error"


class StoreLimitReached(InvalidRequest):
    """The workspace holds as many stores as the operator allows."""
