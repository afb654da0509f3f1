"""The sandbox host as web and workers see it: plain blocking calls, safe in many threads, one connection each."""

import base64
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agents.exceptions import TooLarge
from agents.sandbox import limits, wire
from agents.sandbox.base import (
    BadPath,
    CollectedMount,
    Mount,
    Network,
    OutputFile,
    OutputListing,
    Packages,
    PackagesState,
    RefusedFile,
    SandboxLost,
    SandboxReport,
    SandboxStopped,
    SandboxUnavailable,
    SkillFiles,
    TakenOutput,
    ToolOutcome,
)

LOOK_SECONDS = 0.2
SLACK_SECONDS = 30.0  # on top of a call's own limit: the host may wait for room and open a box first
RETURN_SECONDS = 8.0  # a host that ended is started again by then; nothing of a call has happened before
COPY_SECONDS = 300.0  # for whole files; a slow disk takes a minute for half a gigabyte
CHUNK_BYTES = 1024 * 1024


class SandboxClient:
    """Every method may raise SandboxUnavailable (nothing happened) or SandboxLost (unknown what happened)."""

    def __init__(self, socket_path: str | os.PathLike[str]) -> None:
        self.socket_path = os.fspath(socket_path)

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
    ) -> ToolOutcome:
        """Run a built-in tool. A box that is opened for it reaches `network`, as far as the host lets any out, and has
        what of `packages` is installed; of one that is open, only the secrets are brought up to date. `timeout` can
        only shorten the platform's own; when `stop` turns true, the call is killed and SandboxStopped is raised.
        `output_bytes`: how much of a command's output comes back, where that is not the SDK's 100 KiB."""
        answer = self._ask(
            {
                "operation": "run_tool",
                "session_id": session_id,
                "name": name,
                "input": dict(input) if isinstance(input, Mapping) else input,
                "mounts": [{"path": mount.path, "access": mount.access} for mount in mounts],
                "network": None if network is None else asdict(network),
                "packages": None if packages is None else asdict(packages),
                "timeout": timeout,
                "output_bytes": output_bytes,
            },
            seconds=limits.TOOL_TIMEOUT_SECONDS + limits.BOX_WAIT_SECONDS,
            stop=stop,
        )
        return ToolOutcome(answer["content"], answer["is_error"])

    def install_packages(self, packages: Packages, *, stop: Callable[[], bool] | None = None) -> dict[str, str]:
        """Have them on this machine for boxes that are opened from now on; returns by manager what went wrong. An
        install that was begun goes on when `stop` turns true."""
        request = {"operation": "install_packages", "packages": asdict(packages)}
        problems: dict[str, str] = self._ask(request, seconds=limits.PACKAGES_WAIT_SECONDS, stop=stop)["problems"]
        return problems

    def packages_state(self, packages: Packages) -> dict[str, PackagesState]:
        """How far each manager's are, without beginning anything."""
        answer = self._ask({"operation": "packages_state", "packages": asdict(packages)}, patience=0.0)
        return {manager: PackagesState(*found) for manager, found in answer["states"].items()}

    def put_files(self, session_id: str, files: Mapping[str, bytes]) -> None:
        """Write whole files below /workspace, /mnt/session/uploads or /mnt/session/outputs."""
        encoded = {path: base64.b64encode(data).decode() for path, data in files.items()}
        self._ask({"operation": "put_files", "session_id": session_id, "files": encoded})

    def read_file(self, session_id: str, path: str) -> bytes:
        """A regular file below one of the same folders; BadPath when there is none."""
        answer = self._ask({"operation": "read_file", "session_id": session_id, "path": path})
        return base64.b64decode(answer["data"])

    def sync_mount(self, session_id: str, mount: Mount, files: Mapping[str, str]) -> None:
        """Let the mount's folder hold exactly these files (`/prefs/x.md` -> text), read-only mounts included."""
        entry = {"path": mount.path, "access": mount.access}
        self._ask({"operation": "sync_mount", "session_id": session_id, "mount": entry, "files": dict(files)})

    def collect_mount(self, session_id: str, mount_path: str) -> CollectedMount:
        """What the mount's folder holds now; links and whatever is no text are named, not followed."""
        answer = self._ask({"operation": "collect_mount", "session_id": session_id, "path": mount_path})
        refused = [RefusedFile(path, reason) for path, reason in answer["refused"]]
        return CollectedMount(answer["files"], refused, answer["is_whole"])

    def sync_uploads(self, session_id: str, wanted: Mapping[str, str]) -> list[str]:
        """Let /mnt/session/uploads hold none but these (path -> the name of its content); returns what is missing."""
        missing: list[str] = self._ask(
            {"operation": "sync_uploads", "session_id": session_id, "wanted": dict(wanted)}, seconds=COPY_SECONDS
        )["missing"]
        return missing

    def put_upload(self, session_id: str, path: str, name: str, source: str) -> None:
        """Copy a file of this machine below /mnt/session/uploads, where agents only read."""
        request = {"operation": "put_upload", "session_id": session_id, "path": path, "name": name, "source": source}
        self._ask(request, seconds=COPY_SECONDS)

    def put_folder(self, session_id: str, path: str, source: str) -> None:
        """Copy a folder of this machine below /workspace, for the agent to have; BadPath where something is already."""
        request = {"operation": "put_folder", "session_id": session_id, "path": path, "source": source}
        self._ask(request, seconds=COPY_SECONDS)

    def keep_result(self, session_id: str, path: str, load: Callable[[], str]) -> None:
        """Let a text lie below /workspace, where nothing is yet; `load` is asked for it unless something is there."""
        wanted = {"operation": "keep_result", "session_id": session_id, "path": path}
        if not self._ask(wanted)["is_here"]:
            self._ask({**wanted, "text": load()}, seconds=COPY_SECONDS)

    def list_outputs(self, session_id: str, *, is_hashed: bool) -> OutputListing:
        """What lies below /mnt/session/outputs; links and special files are named, not followed."""
        answer = self._ask(
            {"operation": "list_outputs", "session_id": session_id, "is_hashed": is_hashed}, seconds=COPY_SECONDS
        )
        files = {path: OutputFile(size, digest) for path, (size, digest) in answer["files"].items()}
        return OutputListing(files, [RefusedFile(path, reason) for path, reason in answer["refused"]])

    def take_output(self, session_id: str, path: str) -> TakenOutput:
        """A copy of one output, which the caller deletes; BadPath when there is none."""
        answer = self._ask({"operation": "take_output", "session_id": session_id, "path": path}, seconds=COPY_SECONDS)
        return TakenOutput(answer["path"], answer["size"], answer["sha256"])

    def place_skill(self, session_id: str, name: str, version: str, load: Callable[[], SkillFiles]) -> None:
        """Let the session see the version below /mnt/skills/<name>; `load` is asked for it where this machine lacks it:
        path to bytes, and whether the file may be executed."""
        wanted = {"session_id": session_id, "name": name, "version": version}
        for _ in range(2):
            if self._ask({"operation": "place_skill", **wanted})["is_here"]:
                return
            files = {path: (base64.b64encode(data).decode(), program) for path, (data, program) in load().items()}
            self._ask({"operation": "put_skill", "version": version, "files": files})
        if not self._ask({"operation": "place_skill", **wanted})["is_here"]:
            raise SandboxUnavailable(f"the skill {name} was unpacked and is gone again", "Try again")

    def release(self, session_id: str) -> None:
        """End the session's shell and processes; its files stay."""
        self._ask({"operation": "release", "session_id": session_id})

    def destroy(self, session_id: str) -> None:
        """End the session's processes and delete its files."""
        self._ask({"operation": "destroy", "session_id": session_id})

    def stats(self) -> dict[str, int]:
        """How many boxes are open and busy, and how many there may be."""
        return self._ask({"operation": "stats"}, patience=0.0)

    def probe(self) -> SandboxReport:
        """Run a command in a real box and say whether that worked."""
        if not sys.platform.startswith("linux"):
            return SandboxReport(False, "tools need Linux", "Run Lucid on Linux, for example in a virtual machine")
        try:
            self._ask({"operation": "probe"}, patience=0.0)
        except SandboxUnavailable as error:
            return SandboxReport(False, error.reason, error.remedy)
        except SandboxLost as error:
            return SandboxReport(False, error.message, "Start the sandbox host again")
        return SandboxReport(True)

    def _ask(
        self,
        request: dict[str, Any],
        *,
        seconds: float = 60.0,
        patience: float | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> dict[str, Any]:
        message = wire.pack(request)
        if len(message) > limits.MESSAGE_MAX_BYTES:
            raise TooLarge(f"{len(message)} bytes at once are more than the sandbox's {limits.MESSAGE_MAX_BYTES}")
        try:
            line = self._connect(patience, stop)
        except OSError as error:
            raise SandboxUnavailable(
                f"the sandbox host does not answer ({error.strerror})", "Start it, or the whole with `manage.py up`"
            ) from error
        with line:
            try:
                answer = exchange(line, message, time.monotonic() + seconds + SLACK_SECONDS, stop)
            except (OSError, wire.BadMessage) as error:
                raise SandboxLost("the sandbox host went away in the middle of a call") from error
        if "error" in answer:
            raise refusal(answer["error"])
        return answer

    def _connect(self, patience: float | None, stop: Callable[[], bool] | None) -> socket.socket:
        """Where a host has listened before, wait for the next one."""
        deadline = time.monotonic() + (RETURN_SECONDS if patience is None else patience)
        while True:
            try:
                return wire.connect(self.socket_path)
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
            if stop is not None and stop():
                raise SandboxStopped("the call was stopped")
            time.sleep(LOOK_SECONDS)


def refusal(error: dict[str, Any]) -> Exception:
    if error["kind"] == "unavailable":
        return SandboxUnavailable(error["message"], error["remedy"])
    if error["kind"] == "bad_path":
        return BadPath(error["message"])
    return ValueError(error["message"])


def exchange(line: socket.socket, message: bytes, deadline: float, stop: Callable[[], bool] | None) -> dict[str, Any]:
    line.settimeout(SLACK_SECONDS)
    line.sendall(message)
    line.settimeout(LOOK_SECONDS)
    (length,) = wire.HEADER.unpack(read(line, wire.HEADER.size, deadline, stop))
    return wire.unpack(read(line, length, deadline, stop))


def read(line: socket.socket, length: int, deadline: float, stop: Callable[[], bool] | None) -> bytes:
    data = bytearray()
    while len(data) < length:
        if stop is not None and stop():
            raise SandboxStopped("the call was stopped")
        try:
            chunk = line.recv(min(length - len(data), CHUNK_BYTES))
        except TimeoutError:
            if time.monotonic() > deadline:
                raise
            continue
        if not chunk:
            raise ConnectionResetError("end of stream")
        data += chunk
    return bytes(data)
