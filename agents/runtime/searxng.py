"""Searches the web by any engine that speaks SearXNG's JSON: `GET LUCID_SEARCH_URL?q=…&format=json`.

The address is the operator's, so it may lead into a private network; where it redirects to may not leave it."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urljoin, urlsplit

from django.conf import settings
from httpx2 import InvalidURL

from agents import limits
from agents.addresses import Unreachable
from agents.outbound import Answer, request
from agents.search import Hit, SearchFailed

HEADERS = {"user-agent": "Lucid web_search", "accept": "application/json"}
REDIRECTS = (301, 302, 303, 307, 308)
PLACES = ("city", "region", "country", "timezone")  # parameters that SearXNG ignores, and others may know


class SearXng:
    """What the address says besides a place is kept: a user and a password, and parameters such as `language`."""

    @property
    def connected_to(self) -> str:
        parts = urlsplit(settings.LUCID_SEARCH_URL)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()

    def search(self, query: str, *, location: Mapping[str, Any] | None) -> list[Hit]:
        place = [(name, location[name]) for name in PLACES if location and location.get(name)]
        url = urlsplit(settings.LUCID_SEARCH_URL)
        own = parse_qsl(url.query, keep_blank_values=True)
        asked = urlencode([*own, *place, ("q", query), ("format", "json")], errors="replace")
        return _hits(_checked(_answer(url._replace(query=asked, fragment=""))))


def _answer(url: SplitResult) -> Answer:
    for _ in range(limits.FETCH_REDIRECTS_MAX + 1):
        answer = _asked(url)
        if answer.status not in REDIRECTS:
            return answer
        url = _led_to(url, answer.headers.get("location", ""))
    raise _unavailable("It redirects again and again.")


def _asked(url: SplitResult) -> Answer:
    try:
        return request(
            "GET",
            url.geturl(),
            headers=HEADERS,
            allow_private=True,
            seconds=limits.SEARCH_SECONDS,
            most=limits.SEARCH_MAX_BYTES,
        )
    except Unreachable as error:
        raise _unavailable(str(error)) from None
    except (InvalidURL, ValueError):
        raise _unavailable("Its address cannot be called.") from None


def _led_to(url: SplitResult, location: str) -> SplitResult:
    try:
        there = urlsplit(urljoin(url.geturl(), location))
        is_same = (there.scheme, there.hostname, there.port) == (url.scheme, url.hostname, url.port)
    except ValueError:
        is_same = False
    if not is_same:
        raise _unavailable("It redirects to another place; the setting must name that one.")
    return url._replace(path=there.path, query=there.query)


def _checked(answer: Answer) -> bytes:
    match answer.status:
        case 429:
            raise SearchFailed("too_many_requests", "The search engine was asked too often. Try again in a while.")
        case 403:
            raise _unavailable("It refuses to answer, at least as JSON: SearXNG's search.formats must name json.")
        case status if not answer.is_success:
            raise _unavailable(f"It answered with the status {status}.")
    if answer.is_cut_off:
        raise _unavailable(f"It answered more than {limits.SEARCH_MAX_BYTES // 1024**2} MB.")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise _unavailable("It sent a compressed answer that nobody asked for.")
    return answer.body


def _hits(body: bytes) -> list[Hit]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise _unavailable("It answered something that is not JSON.") from None
    found = said.get("results") if isinstance(said, dict) else None
    if not isinstance(found, list):
        raise _unavailable("It answered JSON without a list of results.")
    hits = [_hit(each) for each in found if isinstance(each, dict) and isinstance(each.get("url"), str)]
    if not hits and said.get("unresponsive_engines"):
        raise _unavailable("None of the engines that it asks gave it an answer.")
    return hits


def _hit(found: Mapping[str, Any]) -> Hit:
    title, text = found.get("title"), found.get("content")
    return Hit(
        url=found["url"], title=title if isinstance(title, str) else "", text=text if isinstance(text, str) else ""
    )


def _unavailable(reason: str) -> SearchFailed:
    return SearchFailed("unavailable", f"The search engine gave no answer. {reason}")
