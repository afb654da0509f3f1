"""The files of a store as a whole: read at once, and brought from one state to another in one transaction."""

from collections.abc import Callable

from agents.actors import Actor
from dreams.entries import INDEX_PATH, render_index
from dreams.limits import INDEX_MAX_LINES
from memory import services
from memory.exceptions import PathConflict, PreconditionFailed
from memory.models import Memory, MemoryStore
from memory.provenance import Provenance

WRITE_ATTEMPTS = 6

type Files = dict[str, str]  # path -> content


def read_files(store_id: str) -> Files:
    """Every memory of a store."""
    return dict(Memory.objects.filter(store=store_id).values_list("path", "content"))


def despite_others(write: Callable[[], None]) -> None:
    """Read and write, and again where somebody else wrote in between: `write` reads the files anew each time."""
    for attempt in range(1, WRITE_ATTEMPTS + 1):
        try:
            write()
            return
        except (PreconditionFailed, PathConflict):
            if attempt == WRITE_ATTEMPTS:
                raise


def write_files(
    store: MemoryStore, before: Files, after: Files, *, actor: Actor, provenance: Provenance
) -> list[dict[str, str]]:
    """Bring a store from `before` to `after`, index included, in the caller's transaction; returns the new versions."""
    changed = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    if changed:
        after[INDEX_PATH] = render_index(after, max_lines=INDEX_MAX_LINES)
        changed = sorted({*changed, INDEX_PATH})
    memories = {m.path: m for m in Memory.objects.filter(store=store, path__in=changed).select_related("store")}
    written = []
    for path in changed:
        if before.get(path) == after.get(path):
            continue
        version_id, memory_id = _write_file(
            store, path, before.get(path), after.get(path), memories.get(path), actor, provenance
        )
        written.append({"path": path, "memory_id": memory_id, "version_id": version_id})
    return written


def _write_file(
    store: MemoryStore,
    path: str,
    old: str | None,
    new: str | None,
    memory: Memory | None,
    actor: Actor,
    provenance: Provenance,
) -> tuple[str, str]:
    if old is None:
        made = services.create_memory(store, path=path, content=new or "", actor=actor, provenance=provenance)
        return made.head_version_id, made.pk
    if memory is None:
        raise PreconditionFailed(f"The memory {path} has just been deleted.")
    expected = services.sha256_of(old)
    if new is None:
        gone = services.delete_memory(memory, expected_sha256=expected, actor=actor, provenance=provenance)
        return gone.pk, memory.pk
    changed = services.update_memory(memory, content=new, expected_sha256=expected, actor=actor, provenance=provenance)
    return changed.head_version_id, changed.pk
