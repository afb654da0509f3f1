"""The list of stores, and the pages that make one, change it, archive it and delete it."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from agents.access import require_role
from agents.exceptions import DomainError, EditedMeanwhile
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import Role, Session, SessionResource, Workspace
from agents.views.asking import ask_first
from agents.views.editing import lay_over
from agents.views.once import once
from memory import services
from memory.access import access_store
from memory.exceptions import PreconditionFailed
from memory.forms import StoreDeleteForm, StoreForm
from memory.models import Memory, MemoryStore, MemoryVersion
from memory.views.parts import browser, steps_of

FORM, CONFIRM = "memory/store_form.html", "memory/store_confirm.html"
PAGE_SIZE = 50
FEED_SIZE = 20
COPIES_SHOWN = 200
COPY = "reviews__dream__output_store_id"


@require_GET
@require_role(Role.VIEWER)
def store_list(request: HtmxHttpRequest) -> HttpResponse:
    """The stores of the workspace with their size."""
    latest = MemoryVersion.objects.filter(store=OuterRef("pk")).order_by("-pk").values("created_at")[:1]
    stores = MemoryStore.objects.in_workspace(request.workspace).annotate(
        files=Count("memories"), size=Sum("memories__content_size_bytes", default=0), written_at=Subquery(latest)
    )
    after = request.GET.get("after", "")
    left = _read_by_dreams(request.workspace).values(COPY)
    originals = stores.filter(unreviewed_review_id=None).exclude(pk__in=left)
    rows = newest_first(request, originals, size=PAGE_SIZE)
    copies = _copies(request.workspace, stores)
    context = {
        "section": "memory",
        "stores": [(store, copies.get(store.pk, [])) for store in rows.items],
        "loose": [] if after else copies.get("", []),
        "next": rows.next_query(request),
        "may_write": request.member.is_admin,
    }
    return page(request, "memory/store_list.html", context)


@require_GET
@require_role(Role.VIEWER)
def store_detail(request: HtmxHttpRequest, store_id: str) -> HttpResponse:
    """The browser without a file: what changed lately."""
    store = access_store(request.actor, store_id)
    versions = list(MemoryVersion.objects.filter(store=store).order_by("-created_at", "-pk")[:FEED_SIZE])
    context = {**browser(request, store), "steps": steps_of(request.workspace, versions, with_words=False)}
    return page(request, "memory/store_detail.html", context, partial={"tree": "memory/tree.html"})


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def store_new(request: HtmxHttpRequest) -> HttpResponseBase:
    form = StoreForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            store = services.create_store(request.workspace, **form.said, actor=request.actor)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, f"{store.name} is ready. Write its first file, or let agents write it.")
            return go(request, "store", store.pk)
    return _form_page(request, form, None)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def store_edit(request: HtmxHttpRequest, store_id: str) -> HttpResponseBase:
    """Only what this person changed is saved; who changed the same is told of by the next page."""
    store = access_store(request.actor, store_id)
    form = StoreForm(request.POST if request.method == "POST" else None, initial=StoreForm.showing(store))
    if form.is_valid():
        try:
            services.update_store(store, form.changes(), actor=request.actor, edition=form.seen)
        except EditedMeanwhile:
            lay_over(request, form, access_store(request.actor, store_id))
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Saved.")
            return go(request, "store", store.pk)
    return _form_page(request, form, store)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def store_archive(request: HtmxHttpRequest, store_id: str) -> HttpResponseBase:
    """Asks first: there is no way back."""
    store = access_store(request.actor, store_id)
    if request.method == "POST":
        services.archive_store(store, actor=request.actor)
        messages.success(request, f"{store.name} is archived.")
        return go(request, "store", store.pk)
    return _confirm(request, store, verb="archive", button="Archive the store")


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def store_delete(request: HtmxHttpRequest, store_id: str) -> HttpResponseBase:
    """Everything in it goes for good, so its number of files is asked for, and must still be true."""
    store = access_store(request.actor, store_id)
    form = StoreDeleteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            services.delete_store(store, expected_files=form.cleaned_data["number"], actor=request.actor)
        except PreconditionFailed as refusal:
            form.add_error("number", refusal.message)
        else:
            messages.success(request, f"{store.name} is deleted with everything in it.")
            return go(request, "memory")
    button, status = "Delete the store and all that is in it", 422 if form.errors else 200
    return _confirm(request, store, verb="delete", button=button, form=form, status=status)


def _confirm(request: HtmxHttpRequest, store: MemoryStore, *, verb: str, **asked: Any) -> HttpResponse:
    crumbs = [(reverse("memory"), "Memory"), (reverse("store", args=[store.pk]), store.name)]
    title = f"{verb.capitalize()} {store.name}?"
    return ask_first(request, title, crumbs=crumbs, template=CONFIRM, verb=verb, **_held(store), **asked)


def _form_page(request: HtmxHttpRequest, form: StoreForm, store: MemoryStore | None) -> HttpResponse:
    context = {"section": "memory", "form": form, "store": store}
    return page(request, FORM, context, status=form.status)


def _held(store: MemoryStore) -> dict[str, Any]:
    """What goes with the store, and who still uses it."""
    live = Session.objects.filter(archived_at=None).exclude(status="terminated")
    mounted = SessionResource.objects.filter(kind="memory_store", target_id=store.pk, session__in=live)
    return {
        "section": "memory",
        "store": store,
        "files": Memory.objects.filter(store=store).count(),
        "versions": MemoryVersion.objects.filter(store=store).count(),
        "sessions": mounted.count(),
    }


def _read_by_dreams(workspace: Workspace) -> QuerySet[MemoryStore]:
    """A row for each copy that a dream left: the store that it read. Reviews belong to an app above this one: the
    relation's far end is followed."""
    return MemoryStore.objects.in_workspace(workspace).filter(
        reviews__dream__output_store_id__isnull=False, reviews__dream__output_behavior="create_new"
    )


def _copies(workspace: Workspace, stores: QuerySet[MemoryStore]) -> dict[str, list[MemoryStore]]:
    """What dreams left, newest first, by the store that they read; under "" while a dream still runs."""
    sources = dict(_read_by_dreams(workspace).values_list(COPY, "pk"))
    found: dict[str, list[MemoryStore]] = {}
    newest = stores.filter(~Q(unreviewed_review_id=None) | Q(pk__in=sources)).order_by("-created_at", "-pk")
    for copy in newest[:COPIES_SHOWN]:
        found.setdefault(sources.get(copy.pk, ""), []).append(copy)
    return found
