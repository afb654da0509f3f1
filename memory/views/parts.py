"""What the pages of memory share: the browser's tree, a version as the history shows it, and names of authors."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agents.diffs import count_words
from agents.http import HtmxHttpRequest
from agents.models import ApiKey, Member, Workspace
from memory.forms import FileSearch
from memory.models import Memory, MemoryStore, MemoryVersion
from memory.tree import grow


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One version as the history shows it."""

    version: MemoryVersion
    author: str
    session_id: str
    added: int
    removed: int
    is_head: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a file and the version that brought it."""

    number: int
    text: str
    origin: MemoryVersion | None
    starts_run: bool


def browser(request: HtmxHttpRequest, store: MemoryStore, memory_id: str = "") -> dict[str, Any]:
    """A store's tree, narrowed by what is searched for, and what may be done with the store."""
    form = FileSearch(request.GET)
    files = form.narrow(Memory.objects.filter(store=store))
    return {
        "section": "memory",
        "store": store,
        "form": form,
        "tree": grow(files.values_list("pk", "path", "content_size_bytes")),
        "here": memory_id,
        "is_filtered": form.is_narrowing,
        "may_change": request.member.is_admin,
        "may_write": request.member.is_admin and not store.is_archived,
    }


def steps_of(workspace: Workspace, versions: list[MemoryVersion], *, with_words: bool) -> list[Step]:
    """The versions with their authors' names, and how many words each added and removed where that is wanted."""
    names = author_names(workspace, versions)
    heads = set(
        Memory.objects.filter(head_version_id__in=[v.pk for v in versions]).values_list("head_version_id", flat=True)
    )
    return [
        Step(
            version=version,
            author=names.get(version.actor_id or "", "the platform"),
            session_id=(version.actor_id or "") if version.actor_type == "session_actor" else "",
            is_head=version.pk in heads,
            **_words(versions, index, with_words),
        )
        for index, version in enumerate(versions)
    ]


def _words(versions: list[MemoryVersion], index: int, wanted: bool) -> dict[str, int]:
    """Against the version before; the last of a page has none at hand unless it created the file."""
    version = versions[index]
    if not wanted or (index + 1 == len(versions) and version.operation != "created"):
        return {"added": 0, "removed": 0}
    before = "" if version.operation == "created" else versions[index + 1].content or ""
    added, removed = count_words(before, version.content or "")
    return {"added": added, "removed": removed}


def author_names(workspace: Workspace, versions: Iterable[MemoryVersion]) -> dict[str, str]:
    """Names of people and keys, sessions by their id; two queries however many versions."""
    by_kind: dict[str, set[str]] = {}
    for version in versions:
        by_kind.setdefault(version.actor_type or "", set()).add(version.actor_id or "")
    members = Member.objects.in_workspace(workspace).filter(pk__in=by_kind.get("user_actor", ()))
    keys = ApiKey.objects.in_workspace(workspace).filter(pk__in=by_kind.get("api_actor", ()))
    return {
        **{member.pk: member.user.get_username() for member in members.select_related("user")},
        **{key.pk: f"API key {key.name}" for key in keys},
        **dict.fromkeys(by_kind.get("session_actor", ()), "an agent's session"),
    }
