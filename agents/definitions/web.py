"""PURE: what an agent may fetch and search in the web: domains, sources of addresses, place of the user."""

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from agents.exceptions import InvalidRequest
from agents.limits import HOST_NAME_MAX, URL_SOURCE_TOOLS_MAX, WEB_DOMAINS_MAX

FETCH, SEARCH = "web_fetch", "web_search"
DOMAIN_LISTS = ("allowed_domains", "blocked_domains")
SOURCES = ("client_tool_results", "server_tool_results", "user_input")

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_LOCAL = ("localhost", "localdomain", "local", "internal")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PLACES = ("city", "country", "region", "timezone")


def web_settings(config: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The members that only a web tool has, null where they are not set; nothing for another tool."""
    name = config["name"]
    if name not in (FETCH, SEARCH):
        return {}
    if all(config.get(member) is not None for member in DOMAIN_LISTS):
        raise InvalidRequest(f"{field}: give allowed_domains or blocked_domains, not both.")
    shown: dict[str, Any] = {
        member: _domains(config.get(member), f"{field}.{member}", has_path=name == SEARCH) for member in DOMAIN_LISTS
    }
    if name == SEARCH:
        return {**shown, "user_location": _location(config.get("user_location"), f"{field}.user_location")}
    most = config.get("max_content_tokens")
    if most is not None and most < 1:
        raise InvalidRequest(f"{field}.max_content_tokens: it must be larger than 0.")
    sources = _url_sources(config.get("url_sources"), f"{field}.url_sources")
    return {**shown, "max_content_tokens": most, "url_sources": sources}


def check_sources_are_tools(tools: Sequence[Mapping[str, Any]]) -> None:
    """A source names tools: custom ones of the same agent, or the two web tools."""
    custom = {tool["name"] for tool in tools if tool["type"] == "custom"}
    known = {"client_tool_results": custom, "server_tool_results": {FETCH, SEARCH}}
    for place, config in enumerate(tools):
        for index, entry in enumerate(config.get("configs") or []):
            for source, names in known.items():
                chosen = (entry.get("url_sources") or {}).get(source) or {}
                for tool in chosen.get("tools") or []:
                    if tool["name"] not in names:
                        field = f"tools.{place}.configs.{index}.url_sources.{source}"
                        raise InvalidRequest(f"{field}: {tool['name']!r} is no such tool of this agent.")


def is_host_name(name: str) -> bool:
    """A plain name with a dot: no scheme, port, wildcard, address, bare top-level domain or name of this machine."""
    labels = name.split(".")
    if len(name) > HOST_NAME_MAX or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return False
    return not labels[-1].isdigit() and labels[-1].lower() not in _LOCAL and not _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _domains(domains: Sequence[str] | None, field: str, *, has_path: bool) -> list[str] | None:
    if domains is None:
        return None
    if not 1 <= len(domains) <= WEB_DOMAINS_MAX:
        raise InvalidRequest(f"{field}: name 1 to {WEB_DOMAINS_MAX} domains, or leave it out.")
    seen: set[str] = set()
    for index, domain in enumerate(domains):
        host, slash, path = domain.partition("/")
        if not is_host_name(host) or (slash and not (has_path and _is_path(path))):
            raise InvalidRequest(f"{field}.{index}: {domain!r} is no plain host name such as docs.example.com.")
        if (key := f"{host.lower()}{slash}{path}") in seen:
            raise InvalidRequest(f"{field}.{index}: {domain!r} appears twice.")
        seen.add(key)
    return list(domains)


def _is_path(path: str) -> bool:
    return path.isascii() and path.isprintable() and not set(path) & set(" *?#")


def _location(location: Mapping[str, Any] | None, field: str) -> dict[str, Any] | None:
    if location is None:
        return None
    country, timezone = location.get("country"), location.get("timezone")
    if country is not None and not _COUNTRY.fullmatch(country):
        raise InvalidRequest(f"{field}.country: it must be two capital letters, as in ISO 3166-1.")
    if timezone is not None and timezone not in zoneinfo.available_timezones():
        raise InvalidRequest(f"{field}.timezone: {timezone!r} is no IANA time zone.")
    return {"type": "approximate", **{place: location.get(place) for place in _PLACES}}


def _url_sources(sources: Mapping[str, Any] | None, field: str) -> dict[str, Any] | None:
    if sources is None:
        return None
    shown = {name: _source(sources.get(name), f"{field}.{name}") for name in SOURCES}
    if all(source == {"type": "none"} for source in shown.values()):
        raise InvalidRequest(f"{field}: with none of the three there is no address left to fetch.")
    return shown


def _source(source: str | Mapping[str, Any] | None, field: str) -> dict[str, Any] | None:
    if source is None:
        return None
    if isinstance(source, str) or source["type"] in ("all", "none"):
        return {"type": source if isinstance(source, str) else source["type"]}
    names = [tool["name"] for tool in source["tools"]]
    if not 1 <= len(names) <= URL_SOURCE_TOOLS_MAX:
        raise InvalidRequest(f"{field}.tools: name 1 to {URL_SOURCE_TOOLS_MAX} tools.")
    if len(set(names)) < len(names):
        raise InvalidRequest(f"{field}.tools: each tool may be named once.")
    return {"type": source["type"], "tools": [{"type": "tool_reference", "name": name} for name in names]}
