"""Pages of memory: stores, the browser of one, a file with its history, and the diff of any two versions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from agents.access import require_role
from agents.diffs import compare, count_words
from agents.exceptions import NotFound
from agents.http import HtmxHttpRequest, newest_first, page
from agents.models import ApiKey, Member, Role, Workspace
from memory.access import access_memory, access_store, access_version
from memory.forms import CompareForm, FileSearch
from memory.models import Memory, MemoryStore, MemoryVersion
from memory.tree import grow, origins

PAGE_SIZE = 50
FEED_SIZE = 20
COPIES_SHOWN = 200
COPY = "reviews__dream__output_store"
BLAME_VERSIONS_MAX = 100  # older versions cost a page load and change nothing for nearly every line


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


@require_GET
@require_role(Role.VIEWER)
def store_list(request: HtmxHttpRequest) -> HttpResponse:
    """The stores of the workspace with their size."""
    stores = MemoryStore.objects.in_workspace(request.workspace).annotate(
        files=Count("memories"), size=Sum("memories__content_size_bytes", default=0)
    )
    after = request.GET.get("after", "")
    left = _read_by_dreams(request.workspace).values(COPY)
    originals = stores.filter(unreviewed_review_id=None).exclude(pk__in=left)
    rows = newest_first(originals, after=after, size=PAGE_SIZE)
    copies = _copies(request.workspace, stores)
    context = {
        "section": "memory",
        "stores": [(store, copies.get(store.pk, [])) for store in rows.items],
        "loose": [] if after else copies.get("", []),
        "next": rows.next_query(request),
    }
    return page(request, "memory/store_list.html", context)


@require_GET
@require_role(Role.VIEWER)
def store_detail(request: HtmxHttpRequest, store_id: str) -> HttpResponse:
    """The browser without a file: what changed lately."""
    store = access_store(request.actor, store_id)
    versions = list(MemoryVersion.objects.filter(store=store).order_by("-created_at", "-pk")[:FEED_SIZE])
    context = {**_browser(request, store), "steps": _steps(request.workspace, versions, with_words=False)}
    return page(request, "memory/store_detail.html", context, partial={"tree": "memory/tree.html"})


@require_GET
@require_role(Role.VIEWER)
def memory_file(request: HtmxHttpRequest, store_id: str, memory_id: str) -> HttpResponse:
    """A file as it is now, each line with what brought it."""
    store = access_store(request.actor, store_id)
    memory = access_memory(store, memory_id)
    context = {
        **_browser(request, store, memory_id),
        "memory": memory,
        "version": None,
        "path": memory.path,
        "lines": _lines(memory.content, _history(store, memory_id)[:BLAME_VERSIONS_MAX]),
    }
    return page(request, "memory/memory_detail.html", context)


@require_GET
@require_role(Role.VIEWER)
def memory_version(request: HtmxHttpRequest, store_id: str, version_id: str) -> HttpResponse:
    """A file as it was at one version."""
    store = access_store(request.actor, store_id)
    version = access_version(store, version_id)
    (step,) = _steps(request.workspace, [version], with_words=False)
    lines = [
        Line(number=number, text=text, origin=None, starts_run=False)
        for number, text in enumerate((version.content or "").splitlines(), start=1)
    ]
    context = {
        **_browser(request, store, version.memory_id),
        "memory": None,
        "version": version,
        "path": version.path or "redacted",
        "step": step,
        "lines": lines,
    }
    return page(request, "memory/memory_detail.html", context)


@require_GET
@require_role(Role.VIEWER)
def memory_history(request: HtmxHttpRequest, store_id: str, memory_id: str) -> HttpResponse:
    """Every version of a file, deleted ones included; any two can be compared."""
    store = access_store(request.actor, store_id)
    found = newest_first(
        MemoryVersion.objects.filter(store=store, memory_id=memory_id),
        after=request.GET.get("after", ""),
        size=PAGE_SIZE,
    )
    if not found.items:
        raise NotFound(f"Memory {memory_id!r} was not found.")
    context = {
        "section": "memory",
        "store": store,
        "memory": Memory.objects.filter(store=store, pk=memory_id).first(),
        "memory_id": memory_id,
        "path": next((version.path for version in found.items if version.path), memory_id),
        "steps": _steps(request.workspace, found.items, with_words=True),
        "next": found.next_query(request),
    }
    return page(request, "memory/memory_history.html", context)


@require_GET
@require_role(Role.VIEWER)
def memory_compare(request: HtmxHttpRequest, store_id: str) -> HttpResponse:
    """The word diff of two versions of this store."""
    store = access_store(request.actor, store_id)
    form = CompareForm(request.GET)
    if not form.is_valid():
        raise NotFound("Choose two versions to compare.")
    old, new = (access_version(store, form.cleaned_data[name]) for name in ("old", "new"))
    if new.created_at < old.created_at:
        old, new = new, old
    older, newer = _steps(request.workspace, [old, new], with_words=False)
    context = {
        "section": "memory",
        "store": store,
        "older": older,
        "newer": newer,
        "path": new.path or old.path,
        "memory_id": new.memory_id,
        "is_redacted": bool(old.redacted_at or new.redacted_at),
        "diff": compare(old.content or "", new.content or ""),
    }
    return page(request, "memory/memory_compare.html", context)


def _read_by_dreams(workspace: Workspace) -> QuerySet[MemoryStore]:
    """A row for each copy that a dream left: the store that it read. Reviews belong to an app above this one: the
    relation's far end is followed."""
    return MemoryStore.objects.in_workspace(workspace).filter(
        reviews__dream__output_store__isnull=False, reviews__dream__output_behavior="create_new"
    )


def _copies(workspace: Workspace, stores: QuerySet[MemoryStore]) -> dict[str, list[MemoryStore]]:
    """What dreams left, newest first, by the store that they read; under "" while a dream still runs."""
    sources = dict(_read_by_dreams(workspace).values_list(COPY, "pk"))
    found: dict[str, list[MemoryStore]] = {}
    newest = stores.filter(~Q(unreviewed_review_id=None) | Q(pk__in=sources)).order_by("-created_at", "-pk")
    for copy in newest[:COPIES_SHOWN]:
        found.setdefault(sources.get(copy.pk, ""), []).append(copy)
    return found


def _browser(request: HtmxHttpRequest, store: MemoryStore, memory_id: str = "") -> dict[str, Any]:
    form = FileSearch(request.GET)
    files = form.narrow(Memory.objects.filter(store=store))
    return {
        "section": "memory",
        "store": store,
        "form": form,
        "tree": grow(files.values_list("pk", "path", "content_size_bytes")),
        "here": memory_id,
        "is_filtered": form.is_narrowing,
    }


def _history(store: MemoryStore, memory_id: str) -> Any:
    return MemoryVersion.objects.filter(store=store, memory_id=memory_id).order_by("-created_at", "-pk")


def _lines(content: str, versions: Iterable[MemoryVersion]) -> list[Line]:
    texts = content.splitlines()
    by_id = {version.pk: version for version in versions}
    sources = origins(texts, ((version.pk, version.content or "") for version in by_id.values()))
    lines, previous = [], None
    for number, (text, source) in enumerate(zip(texts, sources, strict=True), start=1):
        lines.append(Line(number=number, text=text, origin=by_id.get(source or ""), starts_run=source != previous))
        previous = source or previous
    return lines


def _steps(workspace: Workspace, versions: list[MemoryVersion], *, with_words: bool) -> list[Step]:
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
