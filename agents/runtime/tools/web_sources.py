"""PURE: which addresses a conversation has shown the model, by who showed them, and which domains an agent may open."""

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from agents.definitions.web import FETCH, SEARCH

URL = re.compile(r"https?://[^\s<>\"'`\\\])}|]+", re.IGNORECASE)
TRAILING = ".,;:!?*_"
DEFAULT_PORTS = {"http": 80, "https": 443}
TOOLS = {"agent.tool_use": "agent.tool_result", "agent.custom_tool_use": "user.custom_tool_result"}
NAMING = {"agent.tool_result": "tool_use_id", "user.custom_tool_result": "custom_tool_use_id"}
SOURCE_TYPES = ("user.message", *TOOLS, *NAMING)

type Said = tuple[str, str, Mapping[str, Any]]  # an event's id, type and payload


def is_open_domain(host: str, config: Mapping[str, Any]) -> bool:
    """By `allowed_domains` or `blocked_domains`, each with what lies below it."""
    allowed, blocked = config.get("allowed_domains"), config.get("blocked_domains")
    if allowed is not None:
        return _is_below(host, allowed)
    return not _is_below(host, blocked or [])


def page_of(url: str) -> SplitResult | None:
    """The address of a page of the web; None for what is none, or what clients may take for another one."""
    try:
        parts = spelled_in_ascii(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018 (reading it checks it)
    except ValueError:
        return None
    is_clear = url.isprintable() and not set(parts.netloc) & set("@\\ ")
    return parts if host.strip(".") and parts.scheme in ("http", "https") and is_clear else None


def is_open_page(page: SplitResult, config: Mapping[str, Any]) -> bool:
    """By the same lists, whose entries may name a path: then they mean it and what lies below it."""
    allowed, blocked = config.get("allowed_domains"), config.get("blocked_domains")
    if allowed is not None:
        return _lies_in(page, allowed)
    return not _lies_in(page, blocked or [])


def was_shown(url: str, events: Iterable[Said], sources: Mapping[str, Any]) -> bool:
    """Whether one of the chosen sources has named the address. `events` in the order of the log."""
    wanted, tools = canonical(url), {}
    for event_id, type, payload in events:
        if type in TOOLS:
            tools[event_id] = str(payload.get("name"))
            continue
        tool = tools.get(str(payload.get(NAMING.get(type, ""))), "")
        if _contributes(type, tool, sources) and wanted in _urls(payload.get("content")):
            return True
    return False


def spelled_in_ascii(url: str) -> SplitResult:
    """With the host as name servers are asked for it: it has other spellings, which no list of domains names.
    Raises ValueError for what is no address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host.isascii():
        return parts
    return urlsplit(urlunsplit(parts._replace(netloc=parts.netloc.lower().replace(host, host.encode("idna").decode()))))


def canonical(url: str) -> str:
    """Scheme and host in lower case, no default port, no fragment, no last slash."""
    try:
        parts = spelled_in_ascii(url)
        port = parts.port
    except ValueError:
        return url
    host = (parts.hostname or "").rstrip(".")
    place = host if port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{port}"
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), parts.query, ""))


def _contributes(type: str, tool: str, sources: Mapping[str, Any]) -> bool:
    if type == "user.message":
        return (sources.get("user_input") or {}).get("type") != "none"
    if type == "agent.tool_result" and tool not in (FETCH, SEARCH):
        return False
    source = sources.get("server_tool_results" if type == "agent.tool_result" else "client_tool_results") or {}
    named = tool in [each["name"] for each in source.get("tools") or []]
    match source.get("type"):
        case "none":
            return False
        case "only":
            return named
        case "except":
            return not named
    return True


def _urls(content: Any) -> set[str]:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return {canonical(found.rstrip(TRAILING)) for found in URL.findall(text)}


def _lies_in(page: SplitResult, places: Iterable[str]) -> bool:
    host, path = (page.hostname or "").rstrip("."), _plain(page.path)
    for place in places:
        domain, _, folder = place.partition("/")
        below = _plain(folder).rstrip("/")
        if _is_below(host, [domain]) and (path == below or path.startswith(f"{below}/")):
            return True
    return False


def _plain(path: str) -> str:
    """As whoever opens it reads it: it has other spellings, which no list names."""
    return posixpath.normpath(f"/{unquote(path).replace(chr(92), '/').lstrip('/')}")


def _is_below(host: str, domains: Iterable[str]) -> bool:
    return any(host == domain.lower() or host.endswith(f".{domain.lower()}") for domain in domains)
