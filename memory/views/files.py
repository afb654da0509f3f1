"""One file of a store: reading it, and writing it by hand without losing what anybody else wrote."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from agents.access import require_role
from agents.diffs import compare
from agents.exceptions import DomainError, NotFound
from agents.http import HtmxHttpRequest, go, page
from agents.models import Role
from agents.views.asking import ask_first
from memory import services
from memory.access import access_memory, access_store, access_version
from memory.exceptions import PathConflict, PreconditionFailed
from memory.forms import DeleteForm, MemoryForm
from memory.models import Memory, MemoryStore, MemoryVersion
from memory.tree import origins
from memory.views.parts import Line, browser, steps_of

FORM, CONFIRM = "memory/memory_form.html", "memory/memory_confirm.html"
BLAME_VERSIONS_MAX = 100  # older versions cost a page load and change nothing for nearly every line


@require_GET
@require_role(Role.VIEWER)
def memory_file(request: HtmxHttpRequest, store_id: str, memory_id: str) -> HttpResponse:
    """A file as it is now, each line with what brought it."""
    store = access_store(request.actor, store_id)
    memory = access_memory(store, memory_id)
    context = {
        **browser(request, store, memory_id),
        "memory": memory,
        "version": None,
        "path": memory.path,
        "lines": _lines(memory.content, _versions(store, memory_id)[:BLAME_VERSIONS_MAX]),
    }
    return page(request, "memory/memory_detail.html", context)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def memory_new(request: HtmxHttpRequest, store_id: str) -> HttpResponseBase:
    """A file written by hand; `?from=` starts it with an old version, such as the last one of a deleted file."""
    store = access_store(request.actor, store_id)
    old = _chosen_version(request, store)
    initial = {"path": old.path, "content": old.content} if old else {"path": "/"}
    form = MemoryForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        said = form.cleaned_data
        try:
            memory = services.create_memory(
                store, path=said["path"], content=form.text(), actor=request.actor, provenance=form.provenance()
            )
        except DomainError as refusal:
            return _refused(request, form, refusal, store, None)
        messages.success(request, f"{memory.path} is written.")
        return go(request, "memory-file", store.pk, memory.pk)
    return _form_page(request, form, store, None)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def memory_edit(request: HtmxHttpRequest, store_id: str, memory_id: str) -> HttpResponseBase:
    """Saves only over the text that this person saw; otherwise both are shown, and nothing that was typed is lost."""
    store = access_store(request.actor, store_id)
    memory = Memory.objects.filter(store=store, pk=memory_id).select_related("store").first()
    if memory is None:
        return _gone(request, store, memory_id)
    old = _chosen_version(request, store)
    now = {"path": memory.path, "content": memory.content, "base_sha256": memory.content_sha256}
    initial = {**now, "content": old.content if old else memory.content}
    form = MemoryForm(request.POST if request.method == "POST" else None, initial=initial)
    if not form.is_valid():
        return _form_page(request, form, store, memory, **_collision(request, form, memory))
    try:
        saved = _save(request, form, memory)
    except PreconditionFailed:
        return _conflict(request, form, store, memory_id)
    except NotFound:
        return _gone(request, store, memory_id)
    except DomainError as refusal:
        return _refused(request, form, refusal, store, memory, **_collision(request, form, memory))
    is_new = saved.head_version_id != memory.head_version_id
    messages.success(request, "Saved as a new version." if is_new else "Nothing was changed.")
    return go(request, "memory-file", store.pk, memory.pk)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def memory_delete(request: HtmxHttpRequest, store_id: str, memory_id: str) -> HttpResponseBase:
    """Asks first, and deletes only the text that was shown."""
    store = access_store(request.actor, store_id)
    memory = access_memory(store, memory_id)
    form = DeleteForm(
        request.POST if request.method == "POST" else None, initial={"base_sha256": memory.content_sha256}
    )
    is_stale = False
    if form.is_valid():
        base = form.cleaned_data["base_sha256"]
        try:
            services.delete_memory(memory, expected_sha256=base, actor=request.actor, provenance=form.provenance())
        except PreconditionFailed:
            is_stale = True
            form.start_from(memory.content_sha256)
        else:
            messages.success(request, f"{memory.path} is deleted; its versions stay.")
            return go(request, "memory-history", store.pk, memory_id)
    return ask_first(
        request,
        f"Delete {memory.path}?",
        button="Delete the file",
        crumbs=[
            (reverse("memory"), "Memory"),
            (reverse("store", args=[store.pk]), store.name),
            (reverse("memory-file", args=[store.pk, memory.pk]), memory.path),
        ],
        section="memory",
        template=CONFIRM,
        status=409 if is_stale else 422 if form.errors else 200,
        store=store,
        memory=memory,
        form=form,
        is_stale=is_stale,
    )


def _save(request: HtmxHttpRequest, form: MemoryForm, memory: Memory) -> Memory:
    """What was not touched is not sent, so that a file that moved meanwhile is not moved back."""
    base = form.cleaned_data["base_sha256"]
    text = form.text_if_changed(_text_of(memory, base))
    return services.update_memory(
        memory,
        path=form.cleaned_data["path"] if "path" in form.changed_data else None,
        content=text,
        expected_sha256=None if text is None else base,
        actor=request.actor,
        provenance=form.provenance(),
    )


def _conflict(request: HtmxHttpRequest, form: MemoryForm, store: MemoryStore, memory_id: str) -> HttpResponse:
    memory = Memory.objects.filter(store=store, pk=memory_id).select_related("store").first()
    if memory is None:
        return _gone(request, store, memory_id)
    form.replace(memory.content_sha256)
    return _form_page(request, form, store, memory, status=409, **_collision(request, form, memory))


def _collision(request: HtmxHttpRequest, form: MemoryForm, memory: Memory) -> dict[str, Any]:
    """Base, theirs and mine while somebody decides whose text stays; nothing where no two texts collide."""
    replaced = form.replaced
    if not replaced:
        return {}
    base, mine = _text_of(memory, replaced), form.typed
    heads = list(_versions(memory.store, memory.pk)[:1])
    return {
        "is_conflict": True,
        "their_step": steps_of(request.workspace, heads, with_words=False)[0],
        "is_base_known": base is not None,
        "theirs": compare(base or "", memory.content),
        "mine": compare(memory.content if base is None else base, mine),
    }


def _gone(request: HtmxHttpRequest, store: MemoryStore, memory_id: str) -> HttpResponse:
    """The file was deleted while somebody typed: the text may become a new one."""
    if request.method != "POST" or not _versions(store, memory_id).exists():
        raise NotFound(f"Memory {memory_id!r} was not found.")
    form = MemoryForm(request.POST)
    form.forget_base()
    return _form_page(request, form, store, None, status=409, is_gone=True)


def _refused(
    request: HtmxHttpRequest,
    form: MemoryForm,
    refusal: DomainError,
    store: MemoryStore,
    memory: Memory | None,
    **more: Any,
) -> HttpResponse:
    form.add_refusal(refusal)
    found = refusal.extra.get("conflicting_memory_id") if isinstance(refusal, PathConflict) else None
    status = 409 if found else 422
    return _form_page(request, form, store, memory, status=status, path_taken_by=found, **more)


def _form_page(
    request: HtmxHttpRequest,
    form: MemoryForm,
    store: MemoryStore,
    memory: Memory | None,
    *,
    status: int = 0,
    **more: Any,
) -> HttpResponse:
    context = {"section": "memory", "store": store, "memory": memory, "form": form, **more}
    return page(request, FORM, context, status=status or (422 if form.errors else 200))


def _chosen_version(request: HtmxHttpRequest, store: MemoryStore) -> MemoryVersion | None:
    """The old version that a form starts with; one without a text is none."""
    chosen = request.GET.get("from", "")
    version = access_version(store, chosen) if chosen else None
    return version if version and version.content is not None else None


def _text_of(memory: Memory, sha256: str) -> str | None:
    """What the file said when it had this hash; None once that was redacted."""
    if sha256 == memory.content_sha256:
        return memory.content
    version = _versions(memory.store, memory.pk).filter(content_sha256=sha256).first()
    return version.content if version else None


def _versions(store: MemoryStore, memory_id: str) -> Any:
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
