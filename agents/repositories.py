"""PURE: which repositories may be attached to a session, where they lie in it, and what their going wrong is called."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from agents.exceptions import InvalidRequest

WORKSPACE_ROOT = "/workspace"
_URL = re.compile(r"https://(?P<host>[A-Za-z0-9.:-]+)/(?P<path>[\w.-]+/(?P<name>[\w.-]+?))(?:\.git)?/?", re.ASCII)
_PART = re.compile(r"[\w.+-]{1,255}", re.ASCII)
_BRANCH = re.compile(r"(?!-)(?!.*(?:\.\.|@\{|//))[^\s\x00-\x1f\x7f~^:?*\[\\]{1,255}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)
# What git says -> the wire's word for it; the first that fits counts.
_CAUSES = (
    ("repository_authentication_error", re.compile(r"authentication failed|could not read|\b401\b", re.IGNORECASE)),
    ("repository_forbidden_error", re.compile(r"\b403\b|forbidden|access denied", re.IGNORECASE)),
    ("repository_not_found_error", re.compile(r"not found|\b404\b|does not exist", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Whence it is cloned, and where it lies in a sandbox."""

    url: str
    mount_path: str


class CloneFailed(Exception):
    """No clone; `type` is the wire's error type."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type
        self.message = message


def checked(url: str, mount_path: str | None, hosts: Collection[str]) -> Repository:
    """A repository that a session may attach: from one of these hosts, to a place below its workspace."""
    found = _URL.fullmatch(url)
    if found is None or found["name"] in (".", ".."):
        raise InvalidRequest("url: give it as https://github.com/OWNER/REPOSITORY.")
    if found["host"].lower() not in hosts:
        raise InvalidRequest(f"url: repositories come from {', '.join(sorted(hosts))} only.")
    return Repository(
        url=f"https://{found['host'].lower()}/{found['path']}", mount_path=_place(mount_path or found["name"])
    )


def check_checkout(checkout: dict[str, Any] | None) -> None:
    """Refuse what git would take for an option, or not find in any repository."""
    if checkout is None:
        return
    if checkout["type"] == "branch" and not _BRANCH.fullmatch(checkout["name"]):
        raise InvalidRequest("checkout.name: it is no name of a branch.")
    if checkout["type"] == "commit" and not _COMMIT.fullmatch(checkout["sha"]):
        raise InvalidRequest("checkout.sha: it must have 7 to 64 hexadecimal digits.")


def cause_of(said: str) -> str:
    """The wire's word for what git said."""
    return next((word for word, pattern in _CAUSES if pattern.search(said)), "repository_clone_error")


def _place(wanted: str) -> str:
    below = wanted.removeprefix(f"{WORKSPACE_ROOT}/").rstrip("/")
    parts = below.split("/")
    if wanted.startswith("/") and below == wanted.rstrip("/"):
        raise InvalidRequest(f"mount_path: it must lie below {WORKSPACE_ROOT}.")
    if any(part in (".", "..") or not _PART.fullmatch(part) for part in parts) or len(parts) > 20:
        raise InvalidRequest("mount_path: use letters, digits, '.', '_', '+' and '-' in its parts.")
    return f"{WORKSPACE_ROOT}/{below}"
