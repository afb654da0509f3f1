"""Whose a request is, told without the database: what it brings as proof is known from an earlier answer."""

from collections.abc import Mapping
from ipaddress import IPv6Address
from typing import Any

from django.conf import settings
from django.http import parse_cookie

from agents.callers import CALLER
from agents.middleware import API_PREFIX

KNOWN_MAX = 4_096


class Callers:
    """Remembers who keys and sign-ins belong to, of a bounded number of them, and only their hashes.

    Whoever never proved anything is known by address alone: a stranger who makes up a cookie for each request stays one
    caller, and somebody with many sign-ins does as well.
    """

    def __init__(self) -> None:
        self.known: dict[int, str] = {}

    def caller_of(self, environ: Mapping[str, Any]) -> str:
        return self.known.get(_proof(environ)) or _network(environ.get("REMOTE_ADDR", ""))

    def learn(self, environ: Mapping[str, Any]) -> None:
        """After the answer, which says who it was for if that is known."""
        caller = environ.get(CALLER)
        if caller is None or (proof := _proof(environ)) in self.known:
            return
        while len(self.known) >= KNOWN_MAX:
            del self.known[next(iter(self.known))]  # its next answer says it again
        self.known[proof] = caller


def _proof(environ: Mapping[str, Any]) -> int:
    """Read as the application reads it, or other ways to write one key would look like many."""
    if environ["PATH_INFO"].startswith(API_PREFIX):
        key = environ.get("HTTP_X_API_KEY") or environ.get("HTTP_AUTHORIZATION", "").partition(" ")[2].strip()
        return hash(key)
    return hash(parse_cookie(environ.get("HTTP_COOKIE", "")).get(settings.SESSION_COOKIE_NAME))


def _network(address: str) -> str:
    """Of an address of IPv6 the half that a network is given: the other half is free to choose."""
    if ":" not in address:
        return address
    try:
        number = IPv6Address(address)
    except ValueError:
        return address
    return str(number.ipv4_mapped or int(number) >> 64)
