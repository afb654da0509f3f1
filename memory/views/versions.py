"""A file's versions: one as it was, the history, the diff of any two, and wiping what one said."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods

from agents.access import require_role
from agents.diffs import compare
from agents.exceptions import DomainError, NotFound
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import Role
from memory import services
from memory.access import access_store, access_version
from memory.forms import CompareForm, RedactForm
from memory.models import Memory, MemoryVersion
from memory.views.parts import Line, browser, steps_of

PAGE_SIZE = 50


@require_GET
@require_role(Role.VIEWER)
def memory_version(request: HtmxHttpRequest, store_id: str, version_id: str) -> HttpResponse:
    """A file as it was at one version."""
    store = access_store(request.actor, store_id)
    version = access_version(store, version_id)
    (step,) = steps_of(request.workspace, [version], with_words=False)
    lines = [
        Line(number=number, text=text, origin=None, starts_run=False)
        for number, text in enumerate((version.content or "").splitlines(), start=1)
    ]
    context = {
        **browser(request, store, version.memory_id),
        "memory": None,
        "is_there": Memory.objects.filter(store=store, pk=version.memory_id).exists(),
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
    found = newest_first(request, MemoryVersion.objects.filter(store=store, memory_id=memory_id), size=PAGE_SIZE)
    if not found.items:
        raise NotFound(f"Memory {memory_id!r} was not found.")
    context = {
        "section": "memory",
        "store": store,
        "memory": Memory.objects.filter(store=store, pk=memory_id).first(),
        "memory_id": memory_id,
        "path": next((version.path for version in found.items if version.path), memory_id),
        "steps": steps_of(request.workspace, found.items, with_words=True),
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
    older, newer = steps_of(request.workspace, [old, new], with_words=False)
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


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def version_redact(request: HtmxHttpRequest, store_id: str, version_id: str) -> HttpResponseBase:
    """Wipes one version's text for good; where it is the current one the page says what to do instead."""
    store = access_store(request.actor, store_id)
    version = access_version(store, version_id)
    form = RedactForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            services.redact_version(version, reason=form.cleaned_data["reason"], actor=request.actor)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(
                request, "The version is redacted: its text and path are gone, who wrote it and when stay."
            )
            return go(request, "memory-version", store.pk, version.pk)
    (step,) = steps_of(request.workspace, [version], with_words=False)
    same = MemoryVersion.objects.filter(store=store, content_sha256=version.content_sha256).exclude(pk=version.pk)
    context = {
        "section": "memory",
        "store": store,
        "version": version,
        "step": step,
        "form": form,
        "same_text": same.count() if version.content else 0,
    }
    return page(request, "memory/version_redact.html", context, status=422 if form.errors else 200)
