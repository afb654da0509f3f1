"""PURE: the words of the sandbox: mounts, outcomes, reports, errors, and what any backend must offer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from agents.exceptions import InvalidRequest, Unavailable

Access = Literal["read_only", "read_write"]
type SkillFiles = Mapping[str, tuple[bytes, bool]]  # path -> bytes, and whether it may be executed


@dataclass(frozen=True)
class Mount:
    """A folder below /mnt/memory: `path` is the whole mount path, `/mnt/memory/<slug>`."""

    path: str
    access: Access

    @property
    def slug(self) -> str:
        return self.path.removeprefix("/mnt/memory/")


@dataclass(frozen=True)
class Variable:
    """A secret that commands use without having it: in a box it is `placeholder`; on its way to a host of `hosts`,
    None for any that the box may reach, it becomes `value`."""

    name: str
    placeholder: str
    value: str = field(repr=False)
    hosts: tuple[str, ...] | None = None
    in_header: bool = True
    in_body: bool = True


@dataclass(frozen=True)
class Network:
    """What commands in a box may reach: `hosts` by name or `*.` wildcard, None for every public one."""

    hosts: tuple[str, ...] | None = None
    variables: tuple[Variable, ...] = ()
    trusted: tuple[str, ...] = ()  # `host:port` that an operator named, and that may lead anywhere


@dataclass(frozen=True)
class Packages:
    """What an environment wants installed: manager -> packages; `hosts` as in its network, for the installers."""

    names: Mapping[str, tuple[str, ...]]
    hosts: tuple[str, ...] | None = None


@dataclass(frozen=True)
class PackagesState:
    """How far the packages of one manager are on this machine; `said` are the installer's last lines."""

    state: Literal["waiting", "installing", "installed", "failed"]
    said: str = ""


def network_of(values: Mapping[str, Any]) -> Network:
    """What `dataclasses.asdict` and JSON made of a network."""
    variables = [Variable(**{**each, "hosts": _hosts_of(each["hosts"])}) for each in values["variables"]]
    return Network(_hosts_of(values["hosts"]), tuple(variables), tuple(map(str, values.get("trusted") or ())))


def _hosts_of(hosts: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if hosts is None else tuple(str(host) for host in hosts)


@dataclass(frozen=True)
class ToolOutcome:
    """What a tool call answered: wire content blocks (text, image, document), never empty."""

    content: list[dict[str, Any]]
    is_error: bool

    @property
    def text(self) -> str:
        return "\n".join(block["text"] for block in self.content if block["type"] == "text")


@dataclass(frozen=True)
class SandboxReport:
    """Whether boxes work on this machine, and if not, why and how to mend it."""

    works: bool
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class RefusedFile:
    """A file of a mount that cannot become a memory."""

    path: str
    reason: str


@dataclass(frozen=True)
class CollectedMount:
    """The text files of a mount (`/prefs/x.md` -> text), and the entries that were refused. Unless it `is_whole`, there
    are more entries than it names, and what it does not name may well be there."""

    files: dict[str, str]
    refused: list[RefusedFile] = field(default_factory=list)
    is_whole: bool = True


@dataclass(frozen=True)
class OutputFile:
    """A file below /mnt/session/outputs; its hash is empty where only a look was asked for."""

    size: int
    sha256: str


@dataclass(frozen=True)
class OutputListing:
    """The outputs (`charts/a.png` -> size and hash), and the entries that cannot be kept."""

    files: dict[str, OutputFile]
    refused: list[RefusedFile] = field(default_factory=list)


@dataclass(frozen=True)
class TakenOutput:
    """A copy of an output on this machine, for the caller to read and delete."""

    path: str
    size: int
    sha256: str


class SandboxUnavailable(Unavailable):
    """No box can be opened here; the message names the cause and the remedy."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}. {remedy}" if remedy else reason)
        self.reason = reason
        self.remedy = remedy


class SandboxLost(Unavailable):
    """The host went away in the middle of a call: what the call did is unknown, the session's files remain."""


class SandboxStopped(Unavailable):
    """The caller's own `stop` ended the call; whatever it had started was killed."""


class BadPath(InvalidRequest):
    """A path that no session folder has."""


class Sandbox(Protocol):
    """What runs a session's tools. Every method may raise SandboxUnavailable or SandboxLost."""

    def run_tool(
        self,
        session_id: str,
        name: str,
        input: Mapping[str, Any],
        *,
        mounts: Sequence[Mount] = (),
        network: Network | None = None,
        packages: Packages | None = None,
        timeout: float | None = None,
        stop: Callable[[], bool] | None = None,
        output_bytes: int | None = None,
    ) -> ToolOutcome: ...

    def install_packages(self, packages: Packages, *, stop: Callable[[], bool] | None = None) -> Mapping[str, str]: ...

    def packages_state(self, packages: Packages) -> Mapping[str, PackagesState]: ...

    def put_files(self, session_id: str, files: Mapping[str, bytes]) -> None: ...

    def read_file(self, session_id: str, path: str) -> bytes: ...

    def sync_mount(self, session_id: str, mount: Mount, files: Mapping[str, str]) -> None: ...

    def collect_mount(self, session_id: str, mount_path: str) -> CollectedMount: ...

    def sync_uploads(self, session_id: str, wanted: Mapping[str, str]) -> list[str]: ...

    def put_upload(self, session_id: str, path: str, name: str, source: str) -> None: ...

    def put_folder(self, session_id: str, path: str, source: str) -> None: ...

    def keep_result(self, session_id: str, path: str, load: Callable[[], str]) -> None: ...

    def list_outputs(self, session_id: str, *, is_hashed: bool) -> OutputListing: ...

    def take_output(self, session_id: str, path: str) -> TakenOutput: ...

    def place_skill(self, session_id: str, name: str, version: str, load: Callable[[], SkillFiles]) -> None: ...

    def release(self, session_id: str) -> None: ...

    def destroy(self, session_id: str) -> None: ...

    def probe(self) -> SandboxReport: ...
