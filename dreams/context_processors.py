"""The number beside Inbox in every page's navigation."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from dreams.models import Proposal, ProposalStatus

WAITING = [status.value for status in ProposalStatus if status.is_waiting]


def waiting(request: HttpRequest) -> dict[str, Any]:
    """`inbox_count` is a function: fragments that do not print it must not pay for it."""
    workspace = getattr(request, "workspace", None)
    return {"inbox_count": _counter(workspace) if workspace else 0}


def _counter(workspace: Any) -> Callable[[], int]:
    return lambda: Proposal.objects.in_workspace(workspace).filter(status__in=WAITING).count()
