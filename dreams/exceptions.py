"""What can go wrong with dreams and reviews, beside the kernel's own family."""

from typing import Any

from agents.exceptions import Conflict


class ReviewConflict(Conflict):
    """Somebody was faster, or the store says something else by now: `mine` was about to be written over `theirs`."""

    def __init__(self, message: str, *, mine: str = "", theirs: str = "", **extra: Any) -> None:
        super().__init__(message, mine=mine, theirs=theirs, **extra)
        self.mine = mine
        self.theirs = theirs


class DreamFailure(Exception):
    """A dream cannot go on; `type` is the wire's error type, the message is for people."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type
        self.message = message


class DreamCanceled(Exception):
    """Somebody ended the dream while it ran."""
