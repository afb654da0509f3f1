"""The number beside Inbox in every page's navigation."""

from typing import Any

from django.http import HttpRequest

from dreams.inbox import pending


def waiting(request: HttpRequest) -> dict[str, Any]:
    """`inbox_count` is a function: fragments that do not print it must not pay for it."""
    workspace = getattr(request, "workspace", None)
    return {"inbox_count": pending(workspace).count if workspace else 0}
