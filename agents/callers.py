"""Tells the server in front whose request it answered, so that it can keep a caller from taking all of its threads."""

from django.http import HttpRequest

CALLER = "lucid.caller"  # no header of a request is called so


def tell_caller(request: HttpRequest, caller: str) -> None:
    """To be said of who proved it, by a key or by having signed in."""
    request.META[CALLER] = caller
