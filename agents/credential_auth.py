"""PURE: a credential's `auth`: what a request says -> what everybody may see, what is sealed, and what it is for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from agents.definitions.mcp import host_of
from agents.exceptions import InvalidRequest
from agents.limits import CREDENTIAL_HOSTS_MAX, SECRET_MAX, SECRET_NAME_MAX, URL_MAX

DEFAULT_PORTS = {"http": 80, "https": 443}
LOCATIONS = ("body", "header")
NO_CLIENT_AUTH = "none"

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = re.compile(r"(?=.{1,253}$)(?:(?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)*(?!-)[A-Za-z0-9-]{0,62}[A-Za-z]\Z")
_HEADER_SAFE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_ADDRESS_SAFE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """`shown` is the wire's object without secrets, `secrets` what a request gave of them."""

    shown: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict, repr=False)


def new_auth(given: Mapping[str, Any], now: datetime) -> Auth:
    """The auth of a new credential; no error repeats a value that may be secret."""
    if given["type"] == "environment_variable":
        return _new_variable(given)
    shown = {"type": given["type"], "mcp_server_url": _address(given["mcp_server_url"], "auth.mcp_server_url")}
    if given["type"] == "static_bearer":
        return Auth(shown=shown, secrets={"token": _bearer(given["token"], "auth.token")})
    refresh = _new_refresh(given["refresh"]) if given.get("refresh") else Auth(shown={})
    shown |= {"expires_at": _expiry(given.get("expires_at"), now), "refresh": refresh.shown or None}
    secrets = {"access_token": _bearer(given["access_token"], "auth.access_token")}
    return Auth(shown=shown, secrets=secrets | refresh.secrets)


def changed_auth(stored: Mapping[str, Any], given: Mapping[str, Any], now: datetime) -> Auth:
    """What an update leaves of the shown auth, and the secrets that it replaces; null and left out mean unchanged."""
    if given["type"] != stored["type"]:
        raise InvalidRequest(f"auth.type: a credential of the type {stored['type']} stays one.")
    if given["type"] == "static_bearer":
        return Auth(shown=dict(stored), secrets=_given(given, token=_bearer))
    if given["type"] == "environment_variable":
        return _changed_variable(stored, given)
    refresh = _changed_refresh(stored["refresh"], given.get("refresh") or {})
    shown = {**stored, "refresh": refresh.shown or None}
    if "expires_at" in given:
        shown["expires_at"] = _expiry(given["expires_at"], now)
    return Auth(shown=shown, secrets=_given(given, access_token=_bearer) | refresh.secrets)


def slot_of(shown: Mapping[str, Any]) -> str:
    """What a vault holds only one active credential for."""
    if shown["type"] == "environment_variable":
        return f"env:{shown['secret_name']}"
    return mcp_slot(shown["mcp_server_url"])


def mcp_slot(url: str) -> str:
    """The slot of a server's address: scheme and host in lower case, without a default port and a last slash."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = "" if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return "mcp:" + urlunsplit((parts.scheme, host + port, parts.path.rstrip("/"), parts.query, ""))


def rfc3339(moment: datetime) -> str:
    """A time as the wire writes it, in UTC with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _new_refresh(given: Mapping[str, Any]) -> Auth:
    path = "auth.refresh"
    client = given["token_endpoint_auth"]
    shown = {
        "client_id": _text(given["client_id"], f"{path}.client_id"),
        "token_endpoint": _address(given["token_endpoint"], f"{path}.token_endpoint"),
        "token_endpoint_auth": {"type": client["type"]},
        "resource": given.get("resource"),
        "scope": given.get("scope") or None,
    }
    secrets = {"refresh_token": _text(given["refresh_token"], f"{path}.refresh_token")}
    if client["type"] != NO_CLIENT_AUTH:
        secrets["client_secret"] = _text(client["client_secret"], f"{path}.token_endpoint_auth.client_secret")
    return Auth(shown=shown, secrets=secrets)


def _changed_refresh(stored: Mapping[str, Any] | None, given: Mapping[str, Any]) -> Auth:
    if stored is None:
        if given:
            raise InvalidRequest("auth.refresh: this credential was created without one and takes none later.")
        return Auth(shown={})
    client_secret = (given.get("token_endpoint_auth") or {}).get("client_secret")
    secrets = _given(given, "auth.refresh", refresh_token=_text)
    if client_secret is not None:
        if stored["token_endpoint_auth"]["type"] == NO_CLIENT_AUTH:
            raise InvalidRequest("auth.refresh.token_endpoint_auth: this credential's client has no secret.")
        secrets["client_secret"] = _text(client_secret, "auth.refresh.token_endpoint_auth.client_secret")
    scope = given.get("scope")
    return Auth(shown={**stored, "scope": stored["scope"] if scope is None else scope or None}, secrets=secrets)


def _new_variable(given: Mapping[str, Any]) -> Auth:
    name = given["secret_name"]
    if not _VARIABLE.fullmatch(name) or len(name) > SECRET_NAME_MAX:
        raise InvalidRequest(
            "auth.secret_name: it must be the name of an environment variable: letters, digits and underscores,"
            f" no digit first, at most {SECRET_NAME_MAX} characters."
        )
    location = given.get("injection_location")
    wanted = dict.fromkeys(LOCATIONS, location is None) | dict(location or {})
    shown = {
        "type": given["type"],
        "secret_name": name,
        "networking": _networking(given["networking"]),
        "injection_location": _location(wanted),
    }
    return Auth(shown=shown, secrets={"secret_value": _text(given["secret_value"], "auth.secret_value")})


def _changed_variable(stored: Mapping[str, Any], given: Mapping[str, Any]) -> Auth:
    shown = dict(stored)
    if given.get("networking"):
        shown["networking"] = _networking(given["networking"])
    if given.get("injection_location"):
        shown["injection_location"] = _location({**stored["injection_location"], **given["injection_location"]})
    return Auth(shown=shown, secrets=_given(given, secret_value=_text))


def _location(wanted: Mapping[str, bool]) -> dict[str, bool]:
    if not any(wanted.values()):
        raise InvalidRequest("auth.injection_location: enable header or body, or both.")
    return {name: wanted[name] for name in LOCATIONS}


def _networking(given: Mapping[str, Any]) -> dict[str, Any]:
    if given["type"] == "unrestricted":
        return {"type": "unrestricted"}
    hosts = list(given["allowed_hosts"])
    if len(hosts) > CREDENTIAL_HOSTS_MAX:
        raise InvalidRequest(f"auth.networking.allowed_hosts: at most {CREDENTIAL_HOSTS_MAX} are allowed.")
    for index, host in enumerate(hosts):
        if not _is_host(host):
            raise InvalidRequest(
                f"auth.networking.allowed_hosts.{index}: it must be a bare host name, an IPv4 address,"
                " or a wildcard such as *.example.com."
            )
    return {"type": "limited", "allowed_hosts": hosts}


def _is_host(host: str) -> bool:
    if _HOST.match(host.removeprefix("*.")):
        return True
    try:
        return bool(IPv4Address(host))
    except AddressValueError:
        return False


def _given(given: Mapping[str, Any], path: str = "auth", **checks: Any) -> dict[str, str]:
    """The secrets that an update replaces."""
    return {name: check(given[name], f"{path}.{name}") for name, check in checks.items() if given.get(name) is not None}


def _text(value: str, place: str) -> str:
    if not 1 <= len(value) <= SECRET_MAX:
        raise InvalidRequest(f"{place}: it must have 1 to {SECRET_MAX:,} characters.")
    return value


def _bearer(value: str, place: str) -> str:
    if not _HEADER_SAFE.fullmatch(_text(value, place)):
        raise InvalidRequest(f"{place}: it may hold visible ASCII characters only, because it travels in a header.")
    return value


def _address(url: str, place: str) -> str:
    if not _ADDRESS_SAFE.fullmatch(url) or len(url) > URL_MAX or host_of(url) is None:
        raise InvalidRequest(f"{place}: it must be an http or https address of at most {URL_MAX:,} characters.")
    if "@" in urlsplit(url).netloc:
        raise InvalidRequest(f"{place}: user name and password do not belong into an address.")
    return url


def _expiry(value: str | datetime | None, now: datetime) -> str | None:
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest("auth.expires_at: it is no RFC 3339 time.")
    if moment <= now:
        raise InvalidRequest("auth.expires_at: it must be in the future.")
    return rfc3339(moment)
