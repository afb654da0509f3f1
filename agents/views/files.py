"""Files: what was uploaded and what sessions made; upload, download and delete them."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from agents.access import require_role
from agents.downloads import send_file
from agents.exceptions import DomainError
from agents.forms.files import FileFilter, UploadForm
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import File, Role, SessionResource
from agents.services import files as services
from agents.services.files import access_file
from agents.templatetags.ui import plural
from agents.views.asking import ask_first

LIST, FORM = "agents/file_list.html", "agents/file_form.html"
PAGE_SIZE = 50


@require_GET
@require_role(Role.VIEWER)
def file_list(request: HtmxHttpRequest) -> HttpResponse:
    """Newest first; the copies mounted in sessions are shown with those."""
    form = FileFilter(request.GET)
    found = File.objects.in_workspace(request.workspace).originals().select_related("session")
    rows = newest_first(request, form.narrow(found), size=PAGE_SIZE)
    context = {
        "section": "setup",
        "form": form,
        "files": rows.items,
        "next": rows.next_query(request),
        "is_filtered": form.is_narrowing,
        "may_write": request.member.is_admin,
        "stored": services.stored_bytes(request.workspace),
    }
    return page(request, LIST, context, partial="rows")


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def file_upload(request: HtmxHttpRequest) -> HttpResponseBase:
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_bound and form.is_valid():
        sent = form.cleaned_data["file"]
        try:
            content = services.content_of(sent.file, filename=sent.name, mime_type=sent.content_type)
            expires = form.cleaned_data["expires_in_seconds"]
            file = services.upload_file(content, expires_in_seconds=expires, actor=request.actor)
        except DomainError as refusal:
            form.add_error("file", refusal.message)
        else:
            messages.success(request, f"{file.filename} is uploaded as {file.pk}.")
            return go(request, "files")
    return page(request, FORM, {"section": "setup", "form": form}, status=422 if form.errors else 200)


@require_GET
@require_role(Role.VIEWER)
def file_download(request: HtmxHttpRequest, file_id: str) -> HttpResponseBase:
    file = access_file(request.actor, file_id)
    content = services.open_file(file)
    return send_file(request, content, filename=file.filename, content_type=file.mime_type, size=file.size_bytes)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def file_delete(request: HtmxHttpRequest, file_id: str) -> HttpResponseBase:
    """The page says which sessions keep a copy."""
    file = access_file(request.actor, file_id)
    if request.method == "POST":
        services.delete_file(file, actor=request.actor)
        messages.success(request, f"{file.filename} is deleted.")
        return go(request, "files")
    copies = SessionResource.objects.filter(kind="file", config__original_id=file.pk).count()
    kept = f" {plural(copies, 'session keeps,sessions keep')} the copy that was attached." if copies else ""
    named = "" if file.session_id else " Messages that name it show that it was deleted."
    return ask_first(
        request,
        f"Delete {file.filename}?",
        f"It is gone with the next click and cannot be brought back.{kept}{named}",
        button="Delete",
        crumbs=[(reverse("files"), "Files")],
        tab="files",
    )
