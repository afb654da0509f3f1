"""PURE: which addresses a conversation has shown the model, by who showed them, and which domains an agent may open."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

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


def _is_below(host: str, domains: Iterable[str]) -> bool:
    return any(host == domain.lower() or host.endswith(f".{domain.lower()}") for domain in domains)
