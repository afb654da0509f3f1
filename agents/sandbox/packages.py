"""The packages of environments on this machine: every list of a manager is installed once, and shown to any box.

An installer runs the code of whatever it installs, so it has a box of its own: no session, no memory, no secret, and no
way out but the proxy's. What it wrote is renamed into place when it ended well; boxes see it read-only. Each manager's
list is a content of its own, so that one that fails takes no other along."""

import asyncio
import json
import os
import platform
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from agents.package_names import is_package
from agents.sandbox import installers, launch, limits
from agents.sandbox.base import Network, Packages, PackagesState, SandboxUnavailable
from agents.sandbox.box.watch import measure
from agents.sandbox.boxes import Box, BoxLost, BoxStuck, Provisions
from agents.sandbox.egress.gates import system_certificates
from agents.sandbox.machine import Machine, Order
from agents.sandbox.mirrors import Mirrors, authorities_in, holds_password, hosts_of

STORE = ".packages"
SCRATCH = "packages_"
TARGET = "packages"
CERTIFICATES = "certificates.pem"
FAILED, SIZE = ".failed", ".size"
FAILURE_KEPT_SECONDS = 30 * 24 * 3600.0
LOCAL = ("localhost", "127.0.0.1", "::1")
WAITING = "They are still being installed, and are there in a later turn."
OFFLINE = "This installation gives sandboxes no network, so that nothing can be installed."


class InstallFailed(Exception):
    """The installer's last words, or why there was none."""


@dataclass(frozen=True)
class Failure:
    """Kept on disk; `at` is by the clock of the wall, `took` in seconds."""

    at: float
    took: float
    said: str

    @property
    def is_recent(self) -> bool:
        """What failed after long is not tried again in every turn."""
        pause = min(self.took * limits.PACKAGES_AGAIN_FACTOR, limits.PACKAGES_AGAIN_MAX_SECONDS)
        return 0 <= time.time() - self.at < pause


class PackageStore:
    """`in_use`: the contents that open boxes show; `clear` empties the trash."""

    def __init__(
        self,
        machine: Machine,
        mirrors: Mirrors,
        trash: str,
        *,
        in_use: Callable[[], Collection[str]],
        clear: Callable[[], Awaitable[None]],
    ) -> None:
        self.machine = machine
        self.mirrors = mirrors
        self.trash = trash
        self.in_use = in_use
        self.clear = clear
        self.folder = os.path.join(machine.root, STORE)
        self.tasks: dict[str, asyncio.Task[str]] = {}
        self._slots = asyncio.Semaphore(limits.PACKAGES_AT_ONCE)
        os.makedirs(self.folder, mode=0o711, exist_ok=True)
        self._clean()

    def _clean(self) -> None:
        """What a host that was killed left half done."""
        for name in os.listdir(self.machine.root):
            if name.startswith(SCRATCH):
                self._discard(os.path.join(self.machine.root, name))
        for name in os.listdir(self.folder):
            is_orphan = name.endswith(SIZE) and not os.path.isdir(self._place(name.removesuffix(SIZE)))
            failure = self._failure(name.removesuffix(FAILED)) if name.endswith(FAILED) else None
            if is_orphan or (failure and time.time() - failure.at > FAILURE_KEPT_SECONDS):
                os.unlink(self._place(name))

    def provisions(self, packages: Packages) -> Provisions:
        """What a box that is opened now gets; asking counts as use."""
        wanted = self.names_of(packages)
        return Provisions(wanted, {manager: name for manager, name in wanted.items() if self._touch(name)})

    def names_of(self, packages: Packages) -> dict[str, str]:
        return {manager: name_of(manager, packages) for manager, names in packages.names.items() if names}

    async def install(self, packages: Packages) -> dict[str, str]:
        """Wait until all are there, within bounds; returns by manager what went wrong. Whoever waits may go away."""
        names = self.names_of(packages)
        begun = {manager: self._begin(manager, name, packages) for manager, name in names.items()}
        if begun:
            await asyncio.wait(begun.values(), timeout=limits.PACKAGES_WAIT_SECONDS)
        said = {manager: task.result() if task.done() else WAITING for manager, task in begun.items()}
        return {manager: problem for manager, problem in said.items() if problem}

    def states(self, packages: Packages) -> dict[str, PackagesState]:
        return {manager: self._state(name) for manager, name in self.names_of(packages).items()}

    def _state(self, name: str) -> PackagesState:
        if os.path.isdir(self._place(name)):
            return PackagesState("installed")
        if name in self.tasks:
            return PackagesState("installing")
        failure = self._failure(name)
        return PackagesState("failed", failure.said) if failure else PackagesState("waiting")

    def _begin(self, manager: str, name: str, packages: Packages) -> asyncio.Task[str]:
        """One install of a content at a time, however many sessions wait for it."""
        if name not in self.tasks:
            task = asyncio.create_task(self._have(manager, name, packages))
            task.add_done_callback(lambda _: self.tasks.pop(name, None))
            self.tasks[name] = task
        return self.tasks[name]

    async def _have(self, manager: str, name: str, packages: Packages) -> str:
        """Empty, or what went wrong."""
        if self._touch(name):
            return ""
        failure = self._failure(name)
        if failure is not None and failure.is_recent:
            return failure.said
        async with self._slots:
            began = time.monotonic()
            try:
                await self._install(manager, name, packages)
            except (InstallFailed, SandboxUnavailable, BoxLost, BoxStuck, OSError) as error:
                said = str(error) or type(error).__name__
                self._note(name, Failure(time.time(), time.monotonic() - began, said))
                return said
            finally:
                await self.clear()
        with suppress(FileNotFoundError):
            os.unlink(self._place(name + FAILED))
        return ""

    async def _install(self, manager: str, name: str, packages: Packages) -> None:
        if problem := self._impossible(manager, packages.names[manager]):
            raise InstallFailed(problem)
        scratch = SCRATCH + secrets.token_hex(8)
        folder = self.machine.folder(scratch)
        target = os.path.join(folder, TARGET)
        try:
            self.machine.prepare(scratch, ())
            self.machine.make(target, for_agent=True)
            box = await self.machine.open(self._order(scratch, manager, packages.hosts))
            try:
                await self._run(box, installers.command(manager, packages.names[manager], self.machine.sources.python))
            finally:
                await asyncio.shield(box.close())
            await self._keep(target, name)
        finally:
            with suppress(FileNotFoundError):
                self._discard(folder)

    def _impossible(self, manager: str, names: Collection[str]) -> str:
        if self.machine.egress is None:
            return OFFLINE
        if wrong := [name for name in names if not is_package(name, manager)]:  # of an environment from before
            return f"{wrong[0]!r} is no package, with or without its version."
        if manager != "apt":
            return self.mirrors.problem
        if not os.path.exists(installers.APT_STATUS):
            return "This machine has no apt."
        return "The sources of apt on this machine hold a password." if holds_password(self._apt_sources()) else ""

    def _apt_sources(self) -> str:
        """The text of all of them, as apt reads them."""
        folder = Path(self.machine.apt_folder)
        files = [folder / "sources.list", *sorted(folder.glob("sources.list.d/*"))]
        return "\n".join(path.read_text(errors="replace") for path in files if path.is_file())

    def _order(self, scratch: str, manager: str, hosts: tuple[str, ...] | None) -> Order:
        named = self.mirrors.trusted if manager != "apt" else authorities_in(self._apt_sources())
        network = Network(hosts, self.mirrors.variables, named)
        return Order(
            scratch, network=network, installed={manager: f"{scratch}/{TARGET}"}, outside=self._outside(network)
        )

    def _outside(self, network: Network) -> launch.Outside:
        """The proxy serves what is otherwise a box's own, where a mirror has such an address."""
        certificates = self._certificates(network)
        told = launch.outside(Network(), certificates and os.path.join(self.machine.seen_root, certificates))
        own = ",".join(name for name in LOCAL if name not in hosts_of(network.trusted))
        environment = {**told.environment, **installers.QUIET, **self.mirrors.environment}
        return launch.Outside({**environment, "NO_PROXY": own, "no_proxy": own}, told.trust)

    def _certificates(self, network: Network) -> str:
        """A file below the root with whatever this host itself trusts; empty where that is nothing."""
        if network.variables and self.machine.egress is not None:
            return self.machine.egress.bundle()
        if not (trusted := system_certificates()):
            return ""
        path = self._place(CERTIFICATES)
        with open(f"{path}.new", "w") as file:
            file.write(trusted)
        os.chmod(f"{path}.new", 0o644)
        os.rename(f"{path}.new", path)
        return os.path.join(STORE, CERTIFICATES)

    async def _run(self, box: Box, command: str) -> None:
        seconds = limits.PACKAGES_INSTALL_SECONDS
        arguments = {"command": command, "timeout_ms": int(seconds * 1000)}
        answer = await box.call("bash", arguments, seconds + limits.GRACE_SECONDS, seconds)
        if answer["is_error"]:
            raise InstallFailed(last_words(answer["content"][0].get("text", "")))

    async def _keep(self, target: str, name: str) -> None:
        """From here on boxes may see it."""
        size, _, _ = await asyncio.to_thread(measure, [target], limits.PACKAGES_ENTRIES)
        os.chmod(target, 0o755)  # noqa: S103 - for the boxes' user, who may only read
        with open(self._place(name + SIZE), "w") as file:
            file.write(str(size))
        os.rename(target, self._place(name))
        self._make_room(name)

    def _make_room(self, fresh: str) -> None:
        """Let go of what no open box shows and was not used for longest."""
        found = [entry for entry in os.scandir(self.folder) if entry.is_dir(follow_symlinks=False)]
        found.sort(key=lambda entry: entry.stat(follow_symlinks=False).st_mtime, reverse=True)
        kept, size, used = 0, 0, {fresh, *self.in_use()}
        for entry in found:
            kept, size = kept + 1, size + self._size(entry.name)
            if (kept > limits.PACKAGES_STORE_MAX or size > limits.PACKAGES_STORE_SIZE) and entry.name not in used:
                self._discard(entry.path)
                for note in (SIZE, FAILED):
                    with suppress(FileNotFoundError):
                        os.unlink(entry.path + note)
                kept, size = kept - 1, size - self._size(entry.name)

    def _size(self, name: str) -> int:
        try:
            with open(self._place(name + SIZE)) as file:
                return int(file.read())
        except (OSError, ValueError):
            return 0

    def _touch(self, name: str) -> bool:
        with suppress(FileNotFoundError):
            os.utime(self._place(name))
            return True
        return False

    def _failure(self, name: str) -> Failure | None:
        try:
            with open(self._place(name + FAILED)) as file:
                return Failure(**json.load(file))
        except (OSError, TypeError, ValueError):
            return None

    def _note(self, name: str, failure: Failure) -> None:
        path = self._place(name + FAILED)
        with open(f"{path}.new", "w") as file:
            json.dump(asdict(failure), file)
        os.rename(f"{path}.new", path)

    def _place(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _discard(self, path: str) -> None:
        os.rename(path, os.path.join(self.trash, secrets.token_hex(8)))

    async def stop(self) -> None:
        """End the installs under way, and their boxes."""
        for task in (tasks := list(self.tasks.values())):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def folder_of(name: str) -> str:
    """Below the sandbox root."""
    return os.path.join(STORE, name)


def name_of(manager: str, packages: Packages) -> str:
    """By what is asked for, for which Python and processor, and what the installers may reach: on that depends what
    they make of it."""
    hosts = None if packages.hosts is None else sorted(packages.hosts)
    kind = [installers.LAYOUT, launch.VERSION, platform.machine()]
    content = json.dumps([kind, manager, sorted(set(packages.names[manager])), hosts])
    return f"{manager}-{sha256(content.encode()).hexdigest()[:32]}"


def packages_of(values: Mapping[str, Any]) -> Packages:
    """What `dataclasses.asdict` and JSON made of packages."""
    names = {str(manager): tuple(map(str, listed)) for manager, listed in values["names"].items()}
    if unknown := set(names) - set(installers.MANAGERS):
        raise ValueError(f"unknown package managers {unknown}")
    hosts = values["hosts"]
    return Packages(names, None if hosts is None else tuple(map(str, hosts)))


def last_words(text: str) -> str:
    """Whole lines, as many as fit."""
    said = text.strip()[-limits.PACKAGES_SAID_MAX :]
    return said if len(said) < limits.PACKAGES_SAID_MAX else said.partition("\n")[2] or said
