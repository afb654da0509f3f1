"""The tool `web_fetch`: runs on the host, wherever the session's other tools run, by the rules of `agents.outbound`.

Every redirect is looked at like the first address. What the page says is somebody else's word; what went wrong is
told with the codes of the Messages API's tool of this name."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, urljoin

from django.conf import settings
from httpx2 import InvalidURL

from agents import limits
from agents.addresses import NotPublic, Unreachable
from agents.models import Event
from agents.outbound import Answer, Reach, request
from agents.readable import Unreadable, readable
from agents.runtime.tools.waiting import awaited
from agents.runtime.tools.web_sources import SOURCE_TYPES, Said, is_open_domain, spelled_in_ascii, was_shown
from agents.sandbox.base import ToolOutcome
from agents.sandbox.egress.policy import REFUSED_PORTS, exemption, openings
from agents.storable import storable

REDIRECTS = (301, 302, 303, 307, 308)
HEADERS = {"user-agent": "Lucid web_fetch", "accept": "text/html,application/pdf,text/*;q=0.9,*/*;q=0.5"}
HTML = ("text/html", "application/xhtml+xml")
PDF = "application/pdf"
PDF_MARK, PDF_MARK_WITHIN = b"%PDF-", 1024
CHARS_PER_TOKEN = 4
CHARSET = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
NO_CHARSETS = ("", "punycode", "idna")  # Python has decoders by these names, which take minutes for a long text


class FetchFailed(Exception):
    """`code` is one that models know from the Messages API."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"web_fetch: {code}: {reason}")


def web_fetch(
    session_id: str, arguments: Mapping[str, Any], config: Mapping[str, Any], *, stop: Callable[[], bool] | None
) -> ToolOutcome:
    """`config`: the agent's settings of the tool. Whatever goes wrong is the call's error."""
    try:
        url = _checked(arguments.get("url"))
        _check_domain(url, config)
        sources = config.get("url_sources")
        if sources is not None and not was_shown(url.geturl(), _said(session_id), sources):
            raise FetchFailed("url_not_allowed", "Nobody whom this agent may follow has named this address.")
        return ToolOutcome(content=awaited(lambda: _fetched(url, config), stop), is_error=False)
    except FetchFailed as failure:
        return ToolOutcome(content=[_text(str(failure))], is_error=True)


def _checked(url: object) -> SplitResult:
    if not isinstance(url, str) or not url.strip():
        raise FetchFailed("invalid_tool_input", "The member url must be an address such as https://example.com/.")
    if len(url) > limits.URL_MAX:
        raise FetchFailed("url_too_long", f"An address has at most {limits.URL_MAX:,} characters.")
    try:
        parts = spelled_in_ascii(url.strip())
        port, host = parts.port, (parts.hostname or "").rstrip(".")
    except ValueError:
        port, host = None, ""
    if not host or parts.scheme not in ("http", "https") or not url.isprintable():
        raise FetchFailed("invalid_tool_input", "The address must begin with http:// or https:// and name a host.")
    if "@" in parts.netloc:
        raise FetchFailed("url_not_allowed", "User name and password do not belong into an address.")
    if port in REFUSED_PORTS:
        raise FetchFailed("url_not_allowed", f"The port {port} is for mail.")
    return parts


def _check_domain(url: SplitResult, config: Mapping[str, Any], called: str = "") -> None:
    """`called`: what to call a host whose name is somebody else's choice."""
    host = (url.hostname or "").rstrip(".")
    if not is_open_domain(host, config):
        raise FetchFailed("url_not_allowed", f"The agent's settings of web_fetch do not let it open {called or host}.")


def _said(session_id: str) -> Iterable[Said]:
    shown = Event.objects.filter(session=session_id, type__in=SOURCE_TYPES).order_by("seq")
    return shown.values_list("event_id", "type", "payload").iterator()


def _fetched(url: SplitResult, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    for _ in range(limits.FETCH_REDIRECTS_MAX + 1):
        answer = _asked(url)
        if answer.status not in REDIRECTS or "location" not in answer.headers:
            return _blocks(url, answer, config)
        url = _checked(_led_to(url, answer.headers["location"]))
        _check_domain(url, config, "the host that it redirects to")
    raise FetchFailed("url_not_accessible", "It redirects again and again.")


def _led_to(url: SplitResult, location: str) -> str:
    try:
        return urljoin(url.geturl(), location)
    except ValueError:
        raise FetchFailed("url_not_accessible", "It redirects to what is no address.") from None


def _asked(url: SplitResult) -> Answer:
    reach = Reach(exempt=exemption(openings(settings.LUCID_EGRESS_PRIVATE)), takes_http=True, refuses_own=True)
    try:
        return request(
            "GET",
            url._replace(fragment="").geturl(),
            headers=HEADERS,
            reach=reach,
            seconds=limits.FETCH_SECONDS,
            most=limits.FETCH_MAX_BYTES,
        )
    except NotPublic:
        raise FetchFailed("url_not_allowed", "The address leads into a private network.") from None
    except (Unreachable, InvalidURL, ValueError) as error:
        reason = str(error) if isinstance(error, Unreachable) else "The address cannot be called."
        raise FetchFailed("url_not_accessible", reason) from None


def _blocks(url: SplitResult, answer: Answer, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not answer.is_success:
        raise FetchFailed("url_not_accessible", f"It answered with the status {answer.status}.")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise FetchFailed("url_not_accessible", "It sent a compressed answer that nobody asked for.")
    kind, _, rest = answer.headers.get("content-type", "text/html").partition(";")
    kind = kind.strip().lower()
    named = re.search(r"charset=\"?([^\s\";]+)", rest, re.IGNORECASE)
    charset = named[1] if named and CHARSET.fullmatch(named[1]) else ""
    if kind == PDF:
        return [_text(url.geturl()), _document(answer)]
    return [_text(_cut(f"{url.geturl()}\n\n{_as_text(answer, kind, charset)}", answer.is_cut_off, config))]


def _document(answer: Answer) -> dict[str, Any]:
    if answer.is_cut_off:
        raise FetchFailed("content_too_large", f"The PDF has more than {limits.FETCH_MAX_BYTES // 1024**2} MB.")
    if PDF_MARK not in answer.body[:PDF_MARK_WITHIN]:
        # Endpoints refuse every request with a document that is none: it would cost the session all that follow.
        raise FetchFailed("unsupported_content_type", "It says that it is a PDF, and is none.")
    data = base64.standard_b64encode(answer.body).decode("ascii")
    return {"type": "document", "source": {"type": "base64", "media_type": PDF, "data": data}}


def _as_text(answer: Answer, kind: str, charset: str) -> str:
    if kind in HTML:
        try:
            return readable(answer.body[: limits.FETCH_PAGE_MAX_BYTES], charset)
        except Unreadable as error:
            raise FetchFailed("url_not_accessible", f"{str(error).capitalize()}.") from None
    if kind.startswith("text/") or kind.endswith(("json", "xml", "yaml", "javascript")):
        try:
            return answer.body.decode(charset if charset.lower() not in NO_CHARSETS else "utf-8", "replace")
        except (LookupError, ValueError):
            return answer.body.decode("utf-8", "replace")
    raise FetchFailed("unsupported_content_type", "It is neither text, nor a web page, nor a PDF.")


def _cut(text: str, is_cut_off: bool, config: Mapping[str, Any]) -> str:
    tokens = config.get("max_content_tokens")
    most = min(limits.FETCH_MAX_CHARS, tokens * CHARS_PER_TOKEN if tokens else limits.FETCH_MAX_CHARS)
    if len(text) <= most and not is_cut_off:
        return text
    return f"{text[:most]}\n\n[The rest was left out.]"


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": storable(text)}
