"""What clients may ask of the host: each request checked, each refusal an answer that names its cause."""

import asyncio
import base64
import binascii
import os
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from agents.sandbox import arguments, exchange, folders, limits
from agents.sandbox.base import BadPath, Mount, SandboxUnavailable, network_of
from agents.sandbox.boxes import NOTHING
from agents.sandbox.mirrors import mirrors_of
from agents.sandbox.packages import PackageStore, packages_of
from agents.sandbox.pool import Pool, failure
from agents.sandbox.skills import SkillStore

SESSION_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}")
SLUG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}")
SKILL_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")  # of a folder, and of a version
PLACES = {"/workspace": "workspace", "/mnt/session/uploads": "uploads", "/mnt/session/outputs": "outputs"}
NAMES = [
    *("run_tool", "put_files", "read_file", "sync_mount", "collect_mount"),
    *("sync_uploads", "put_upload", "put_folder", "list_outputs", "take_output"),
    *("keep_result",),
    *("put_skill", "place_skill"),
    *("install_packages", "packages_state"),
    *("release", "destroy", "probe", "stats"),
]
TRASH_AT_ONCE = 500  # what fits on a command line
AGENTS_OWN = ("workspace", "outputs")


class BadRequest(Exception):
    """A request that no client of ours sends."""


class Operations:
    """Every method named in NAMES takes a request and returns an answer."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.machine = pool.machine
        self._works = False
        self._files: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.trash = os.path.join(self.machine.root, ".trash")
        os.makedirs(self.trash, mode=0o700, exist_ok=True)
        self.skills = SkillStore(self.machine.root, self.trash)
        self._skills = asyncio.Lock()  # no version is unpacked, linked and let go of at once
        self.packages = PackageStore(
            self.machine, mirrors_of(os.environ), self.trash, in_use=pool.packages_in_use, clear=self.clear_trash
        )
        self.taken = os.path.join(self.machine.root, ".taken")  # copies of outputs, until whoever asked has read them
        with suppress(FileNotFoundError):
            os.rename(self.taken, os.path.join(self.trash, secrets.token_hex(8)))
        os.makedirs(self.taken, mode=0o700)

    def files_of(self, session_id: str) -> asyncio.Lock:
        """Apart from the lock on tool calls: files may be exchanged while a command runs."""
        return self._files.setdefault(session_id, asyncio.Lock())

    async def perform(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            name = request.get("operation")
            if name not in NAMES:
                raise BadRequest(f"unknown operation {name!r}")
            perform: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]] = getattr(self, name)
            return await perform(request)
        except SandboxUnavailable as error:
            return {"error": {"kind": "unavailable", "message": error.reason, "remedy": error.remedy}}
        except BadPath as error:
            return {"error": {"kind": "bad_path", "message": error.message}}
        except (BadRequest, AttributeError, KeyError, TypeError, ValueError) as error:
            return {"error": {"kind": "bad_request", "message": str(error)}}
        except OSError as error:
            return {"error": {"kind": "unavailable", "message": f"the sandbox folder: {error.strerror}", "remedy": ""}}

    async def run_tool(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id, mounts, name = session_of(request), mounts_of(request), request["name"]
        if name not in arguments.TOOL_NAMES:
            raise BadRequest(f"unknown tool {name!r}")
        try:
            checked = arguments.checked(name, request["input"])
        except arguments.BadArguments as error:
            return failure(str(error))
        if name == "bash" and request.get("output_bytes"):
            checked["output_bytes"] = int(request["output_bytes"])
        network = network_of(request["network"]) if request.get("network") else None
        seconds = min(float(request.get("timeout") or limits.TOOL_TIMEOUT_SECONDS), limits.TOOL_TIMEOUT_SECONDS)
        wanted = request.get("packages")
        provisions = self.packages.provisions(packages_of(wanted)) if wanted else NOTHING
        return await self.pool.run_tool(session_id, name, checked, mounts, seconds, network, provisions)

    async def put_files(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id = session_of(request)
        files = {str(path): decoded(data) for path, data in request["files"].items()}
        places = {path: place_of(path) for path in files}
        async with self.files_of(session_id):
            await asyncio.to_thread(self.machine.prepare, session_id, ())
            for path, (place, rest) in places.items():
                owner = self.machine.owner if place in AGENTS_OWN else folders.Owner(None, None)
                root, scratch = self.inside(session_id, place), self.inside(session_id, "state")
                await asyncio.to_thread(folders.write_file, root, rest, files[path], owner, scratch)
        return {}

    async def read_file(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id = session_of(request)
        place, rest = place_of(request["path"])
        data = await asyncio.to_thread(
            folders.read_file, self.inside(session_id, place), rest, limits.FILE_READ_MAX_BYTES
        )
        return {"data": base64.b64encode(data).decode()}

    async def sync_mount(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id = session_of(request)
        mount = mount_of(request["mount"])
        files = {str(path): str(text) for path, text in request["files"].items()}
        folder, scratch = self.machine.mount_folder(session_id, mount.path), self.inside(session_id, "state")
        async with self.files_of(session_id):
            await asyncio.to_thread(self.machine.prepare, session_id, (mount,))
            await asyncio.to_thread(folders.make_equal, folder, files, self.machine.owner, scratch, self.trash)
            await self.clear_trash()
        return {}

    async def collect_mount(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id = session_of(request)
        mount = mount_of({"path": request["path"], "access": "read_write"})
        async with self.files_of(session_id):
            await asyncio.to_thread(self.machine.prepare, session_id, (mount,))
            found = await asyncio.to_thread(folders.collect, self.machine.mount_folder(session_id, mount.path))
        refused = [[each.path, each.reason] for each in found.refused]
        return {"files": found.files, "refused": refused, "is_whole": found.is_whole}

    async def sync_uploads(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id = session_of(request)
        wanted = {str(path): str(name) for path, name in request["wanted"].items()}
        uploads, state = self.inside(session_id, "uploads"), self.inside(session_id, "state")
        if not wanted and not os.path.exists(os.path.join(state, exchange.UPLOADS_NOTE)):
            return {"missing": []}  # most sessions: nothing there, nothing to be made for it
        async with self.files_of(session_id):
            await asyncio.to_thread(self.machine.prepare, session_id, ())
            missing = await asyncio.to_thread(exchange.sync_uploads, uploads, state, wanted, self.trash)
            await self.clear_trash()
        return {"missing": missing}

    async def put_upload(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id = session_of(request)
        uploads, state = self.inside(session_id, "uploads"), self.inside(session_id, "state")
        path, name, source = str(request["path"]), str(request["name"]), str(request["source"])
        async with self.files_of(session_id):
            await asyncio.to_thread(self.machine.prepare, session_id, ())
            await asyncio.to_thread(exchange.put_upload, uploads, state, path, name, source)
        return {}

    async def put_folder(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id = session_of(request)
        workspace, state = self.inside(session_id, "workspace"), self.inside(session_id, "state")
        rest = below_workspace(request["path"])
        async with self.files_of(session_id):
            await asyncio.to_thread(self.machine.prepare, session_id, ())
            source, owner = str(request["source"]), self.machine.owner
            await asyncio.to_thread(exchange.put_folder, workspace, state, rest, source, owner)
        return {}

    async def keep_result(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id = session_of(request)
        workspace, state = self.inside(session_id, "workspace"), self.inside(session_id, "state")
        rest = below_workspace(request["path"])
        text = None if request.get("text") is None else str(request["text"])
        async with self.files_of(session_id):
            await asyncio.to_thread(self.machine.prepare, session_id, ())
            is_here = await asyncio.to_thread(exchange.keep_result, workspace, state, rest, text, self.machine.owner)
        return {"is_here": is_here}

    async def list_outputs(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id = session_of(request)
        outputs, state = self.inside(session_id, "outputs"), self.inside(session_id, "state")
        async with self.files_of(session_id):
            found = await asyncio.to_thread(exchange.list_outputs, outputs, state, is_hashed=bool(request["is_hashed"]))
        files = {path: [file.size, file.sha256] for path, file in found.files.items()}
        return {"files": files, "refused": [[each.path, each.reason] for each in found.refused]}

    async def take_output(self, request: dict[str, Any]) -> dict[str, Any]:
        outputs = self.inside(session_of(request), "outputs")
        taken = await asyncio.to_thread(exchange.take_output, outputs, str(request["path"]), self.taken)
        return {"path": taken.path, "size": taken.size, "sha256": taken.sha256}

    async def put_skill(self, request: dict[str, Any]) -> dict[str, Any]:
        """Keep a version of a skill on this machine, for any session that is given it."""
        version = skill_name(request["version"])
        files = {str(path): (decoded(data), bool(is_program)) for path, (data, is_program) in request["files"].items()}
        async with self._skills:
            await asyncio.to_thread(self.skills.put, version, files)
        await self.clear_trash()
        return {}

    async def place_skill(self, request: dict[str, Any]) -> dict[str, Any]:
        """Show a session the version under a folder's name, if it is here."""
        session_id, version, name = session_of(request), skill_name(request["version"]), skill_name(request["name"])
        async with self._skills, self.files_of(session_id):
            if not self.skills.has(version):
                return {"is_here": False}
            await asyncio.to_thread(self.machine.prepare, session_id, ())
            folder, note = self.inside(session_id, "skills"), self.inside(session_id, f"state/skill-{name}")
            await asyncio.to_thread(self.skills.place, version, folder, name, note)
        return {"is_here": True}

    async def install_packages(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"problems": await self.packages.install(packages_of(request["packages"]))}

    async def packages_state(self, request: dict[str, Any]) -> dict[str, Any]:
        states = self.packages.states(packages_of(request["packages"]))
        return {"states": {manager: [found.state, found.said] for manager, found in states.items()}}

    async def release(self, request: dict[str, Any]) -> dict[str, Any]:
        await self.pool.release(session_of(request))
        return {}

    async def destroy(self, request: dict[str, Any]) -> dict[str, Any]:
        session_id = session_of(request)
        async with self.pool.lock(session_id), self.files_of(session_id):
            await self.pool.close_session(session_id)
            with suppress(FileNotFoundError):
                os.rename(self.machine.folder(session_id), os.path.join(self.trash, secrets.token_hex(8)))
        await self.clear_trash()
        return {}

    async def clear_trash(self) -> None:
        """By programs that follow no link and stop at no depth; folders an agent closed are opened first."""
        while discarded := [os.path.join(self.trash, name) for name in os.listdir(self.trash)[:TRASH_AT_ONCE]]:
            if await run("rm", "-rf", *discarded) == 0:
                continue
            await run("chmod", "-R", "u+rwx", *discarded)
            if await run("rm", "-rf", *discarded) != 0:
                return  # somebody else's; the next start tries again

    async def probe(self, request: dict[str, Any]) -> dict[str, Any]:
        """Really open a box and run a command in it; a success is remembered."""
        if not self._works:
            session_id = f"probe_{secrets.token_hex(4)}"
            try:
                answer = await self.pool.run_tool(session_id, "bash", {"command": "echo $((6 * 7))"}, (), 20.0)
            finally:
                await self.destroy({"session_id": session_id})
            if answer["content"][0]["text"] != "42":
                raise SandboxUnavailable(f"a box did not run a command: {answer['content'][0]['text'][:200]}")
            self._works = True
        return {"works": True}

    async def stats(self, request: dict[str, Any]) -> dict[str, Any]:
        boxes = self.pool.boxes.values()
        return {"open": len(boxes), "busy": sum(box.calls > 0 for box in boxes), "boxes_max": self.pool.boxes_max}

    def inside(self, session_id: str, place: str) -> str:
        return os.path.join(self.machine.folder(session_id), place)


async def run(*command: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()


def session_of(request: dict[str, Any]) -> str:
    session_id = request["session_id"]
    if not isinstance(session_id, str) or not SESSION_ID.fullmatch(session_id):
        raise BadRequest(f"{session_id!r} is no session id")
    return session_id


def mounts_of(request: dict[str, Any]) -> list[Mount]:
    return [mount_of(each) for each in request.get("mounts") or []]


def mount_of(value: dict[str, Any]) -> Mount:
    mount = Mount(str(value["path"]), value["access"])
    if not mount.path.startswith("/mnt/memory/") or not SLUG.fullmatch(mount.slug):
        raise BadPath(f"{mount.path!r} is no mount path below /mnt/memory")
    if mount.access not in ("read_only", "read_write"):
        raise BadRequest(f"{mount.access!r} is no access")
    return mount


def skill_name(value: Any) -> str:
    if not isinstance(value, str) or not SKILL_NAME.fullmatch(value):
        raise BadRequest(f"{value!r} names no skill")
    return value


def place_of(path: str) -> tuple[str, str]:
    """(session folder, path inside it)"""
    for prefix, place in PLACES.items():
        if path.startswith(prefix + "/"):
            return place, path[len(prefix) + 1 :]
    raise BadPath(f"{path!r} is not below {', '.join(PLACES)}")


def below_workspace(path: str) -> str:
    place, rest = place_of(path)
    if place != "workspace":
        raise BadPath(f"{path!r} is not below /workspace")
    return rest


def decoded(data: Any) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise BadRequest("files are sent in base64") from error
