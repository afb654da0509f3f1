"""A store as a folder of the sandbox: its files go in before a turn's first tool, and what tools wrote comes back.

Both directions compare with what folder and store were when they last agreed: `synced` in the resource's config, path
to hash, kept in the database because another worker may run the next step. A file that changed on both sides is never
overwritten: the store keeps its text, and the agent's goes beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agents.actors import Actor
from agents.exceptions import DomainError
from agents.models import SessionResource
from agents.sandbox.base import CollectedMount, Mount, Sandbox
from memory import services
from memory.exceptions import PathConflict
from memory.models import Memory, MemoryStore
from memory.reconcile import Change, beside, digest, reconcile
from memory.tiers import READ_WRITE

# Always in the folder. Without it the folder was lost or wiped, and no missing file was deleted by itself.
MARKER = "/.memory-store"
MARKER_TEXT = "This folder is a memory store. Files here are kept for later sessions.\n"
FILE_NAME_MAX_BYTES = 255  # of the file systems that folders lie on


@dataclass(slots=True)
class Homecoming:
    """One pass over a folder's changes: what is told to the agent, and what stays in the folder because the store
    refused it. `known` is what was refused before, so that nothing is told twice."""

    store: MemoryStore
    actor: Actor
    known: Mapping[str, str]
    problems: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # path -> hash or reason
    leftovers: dict[str, str] = field(default_factory=dict)  # path -> text
    must_put: bool = False

    def attempt(self, change: Change) -> bool:
        fingerprint = digest(change.text) or "deleted"
        if self.known.get(change.path) == fingerprint:
            self.failed[change.path] = fingerprint
        else:
            try:
                _write(self.store, change, self.actor)
                return True
            except DomainError as refusal:
                self.refuse(change.path, fingerprint, refusal.message)
        if change.text is not None:
            self.leftovers[change.path] = change.text
        return False

    def refuse(self, path: str, fingerprint: str, reason: str) -> None:
        self.failed[path] = fingerprint
        if self.known.get(path) != fingerprint:
            self.problems.append(f"{path} was not kept: {reason}")

    def set_beside(self, change: Change) -> None:
        """The file changed in the store as well: the store keeps its text, the agent's becomes a file of its own."""
        if change.text is None:
            self.problems.append(f"{change.path}: it was changed elsewhere in the meantime and is not deleted.")
            return
        number, path = 1, beside(change.path, self.actor.id)
        while Memory.objects.filter(store=self.store, path=path).exists():
            number += 1
            path = beside(change.path, self.actor.id, number)
        if self.attempt(Change(path=path, text=change.text, expected=None)):
            self.problems.append(f"{change.path}: it was changed elsewhere in the meantime; your text is in {path}.")


def mount_of(resource: SessionResource) -> Mount:
    return Mount(path=resource.config["mount_path"], access=resource.config["access"])


def refresh(resource: SessionResource, sandbox: Sandbox) -> None:
    """Before a turn's first tool: keep what a killed worker left in the folder, then put the store's files there."""
    if resource.config["access"] == READ_WRITE:
        keep(resource, sandbox)
    _put(resource, sandbox, leftovers={})


def keep(resource: SessionResource, sandbox: Sandbox) -> list[str]:
    """After tools: the agent's changes become versions; returns a sentence for each that could not be kept."""
    if "synced" not in resource.config:
        return []
    store = MemoryStore.objects.filter(pk=resource.target_id).first()
    if store is None:
        return [f"{resource.config['mount_path']}: the memory store was deleted, changes are not kept."]
    collected = sandbox.collect_mount(resource.session_id, resource.config["mount_path"])
    home = Homecoming(store, Actor.of_session(resource.session), resource.config.get("failed", {}))
    _bring_home(home, dict(resource.config["synced"]), collected)
    if home.must_put or _hashes(store) != resource.config["synced"]:
        _put(resource, sandbox, home.leftovers)
    _save(resource, failed=home.failed)
    return home.problems


def _bring_home(home: Homecoming, base: dict[str, str], collected: CollectedMount) -> None:
    local = dict(collected.files)
    if local.pop(MARKER, None) is None:
        base = {path: known for path, known in base.items() if path in local}
        home.must_put = True
    if not collected.is_whole:
        base = {path: known for path, known in base.items() if path in local}
    for file in collected.refused:
        base.pop(file.path, None)  # it is there, only not as text: not deleted
        home.refuse(file.path, file.reason, file.reason)
    plan = reconcile(base, local, _hashes(home.store))
    home.must_put |= bool(plan.writes or plan.collisions or plan.kept)
    home.problems += [f"{path}: too many files were deleted at once, it was put back." for path in plan.kept]
    for change in plan.writes:
        home.attempt(change)
    for change in plan.collisions:
        home.set_beside(change)


def _write(store: MemoryStore, change: Change, actor: Actor) -> None:
    if change.expected is None:
        services.create_memory(store, path=change.path, content=change.text or "", actor=actor)
        return
    memory = Memory.objects.filter(store=store, path=change.path).select_related("store").first()
    if memory is None:
        raise PathConflict("it was deleted or moved elsewhere in the meantime.")
    if change.text is None:
        services.delete_memory(memory, expected_sha256=change.expected, actor=actor)
    else:
        services.update_memory(memory, content=change.text, expected_sha256=change.expected, actor=actor)


def _put(resource: SessionResource, sandbox: Sandbox, leftovers: Mapping[str, str]) -> None:
    rows = Memory.objects.filter(store_id=resource.target_id).values_list("path", "content")
    stored = {path: content for path, content in rows if _can_be_a_file(path)}
    sandbox.sync_mount(resource.session_id, mount_of(resource), {**leftovers, **stored, MARKER: MARKER_TEXT})
    _save(resource, synced={path: digest(text) for path, text in stored.items()})


def _hashes(store: MemoryStore) -> dict[str, str]:
    rows = Memory.objects.filter(store=store).values_list("path", "content_sha256")
    return {path: known for path, known in rows if _can_be_a_file(path)}


def _can_be_a_file(path: str) -> bool:
    """What cannot stays in the store and out of the folder, where its absence must not count as a deletion."""
    is_in_the_way = path == MARKER or path.startswith(f"{MARKER}/")
    return not is_in_the_way and all(len(name.encode()) <= FILE_NAME_MAX_BYTES for name in path.split("/"))


def _save(resource: SessionResource, **members: object) -> None:
    config = {**resource.config, **members}
    if config != resource.config:
        resource.config = config
        SessionResource.objects.filter(pk=resource.pk).update(config=config)
