"""PURE: where a path of a tool call leads, as far as its text says."""

import posixpath
import re
from collections.abc import Sequence

WORKSPACE = "/workspace"
_HOME = r"(?:~[^/]*|\$\{?HOME\}?|/root|/home/[^/]+|/workspace|\.)"
SECRETS = re.compile(
    rf"(?:{_HOME}/)?\.(?:ssh|aws|gnupg|netrc|git-credentials|kube)(?:/.*)?"
    r"|/proc/(?:.*/)?(?:environ|mem)|/etc/(?:shadow|gshadow|sudoers)-?|/run/secrets(?:/.*)?|/dev/k?mem"
)
# The roots that hold everything, and the folders right below the one of the machine.
ROOTS = re.compile(
    r"/?|/\*|(?:~[^/]*|\$\{?HOME\}?)(?:/\*?)?|/mnt(?:/\*|/(?:session|memory|skills)(?:/[^/]+)?)?(?:/\*)?"
    r"|/(?:bin|boot|dev|etc|home|lib\d*|opt|proc|root|run|sbin|srv|sys|usr|var)(?:/\*)?"
)
MACHINE = re.compile(r"/(?:dev|proc|sys|boot)/.+")
NO_DEVICE = re.compile(r"/dev/(?:null|zero|full|u?random|tty|std(?:in|out|err)|fd/\d+)")


def _absolute(path: str) -> str:
    return re.sub("^/+", "/", posixpath.normpath(posixpath.join(WORKSPACE, path)))


def is_within(path: str, folders: Sequence[str]) -> bool:
    """Whether a path, as a command in the workspace names it, lies in one of the folders whatever it goes through."""
    if not path or path.startswith("~") or not path.isprintable():
        return False
    whole = _absolute(path)
    return any(whole == folder or whole.startswith(f"{folder}/") for folder in folders)


def is_secret(path: str) -> bool:
    """Whether keys and passwords lie there on most machines."""
    return bool(SECRETS.fullmatch(path) or SECRETS.fullmatch(_absolute(path)))


def is_of_machine(path: str) -> bool:
    """Whether it is a device, or a file with which the machine itself is set."""
    whole = _absolute(path)
    return bool(MACHINE.fullmatch(whole)) and not NO_DEVICE.fullmatch(whole)


def is_root(path: str) -> bool:
    """Whether it holds everything of the session, of a person or of the machine."""
    return bool(ROOTS.fullmatch(path.rstrip("/") or "/") or ROOTS.fullmatch(_absolute(path)))
