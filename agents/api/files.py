"""Files."""

from typing import Any

from django.http import HttpResponseBase
from ninja import Router

from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.multipart import Part, read_parts
from agents.api.openapi import asks
from agents.api.pagination import limit_of, page_of
from agents.api.shapes.files import file_shape
from agents.downloads import send_file
from agents.exceptions import InvalidRequest
from agents.limits import FILE_IDS_MAX, FILE_MAX_BYTES, FILES_PAGE_MAX
from agents.models import File
from agents.models.files import FileQuerySet
from agents.services import files as services
from agents.services.files import access_file

OLD_SHAPE = "files-api-2025-04-14"  # clients of this beta page by ids
FIELDS = {"file", "expires_in_seconds"}
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "expires_in_seconds": {"type": "integer"},
                    },
                }
            }
        },
    }
}

router = Router(tags=["files"])


@router.post("", openapi_extra=FORM)
def upload_file(request: ApiRequest) -> dict[str, Any]:
    with read_parts(request, parts_max=len(FIELDS), bytes_max=FILE_MAX_BYTES) as parts:
        by_name = _by_name(parts)
        part = by_name["file"]
        content = services.Content(
            file=part.file,
            filename=part.filename,
            mime_type=part.content_type,
            size=part.size,
            sha256=part.sha256,
        )
        expires_in_seconds = _whole(by_name.get("expires_in_seconds"))
        return file_shape(services.upload_file(content, expires_in_seconds=expires_in_seconds, actor=request.auth))


@router.get("", openapi_extra=asks("ids[]", "scope_id", "limit", "page", "after_id", "before_id", most=FILES_PAGE_MAX))
def list_files(request: ApiRequest) -> dict[str, Any]:
    """Newest first; by ids on one page."""
    rows = File.objects.in_workspace(request.auth.workspace)
    if scope_id := queries.text(request, "scope_id"):
        rows = rows.filter(session=scope_id)
    if ids := _ids(request):
        found = rows.filter(pk__in=ids).order_by("-created_at", "-pk")
        return {"data": [file_shape(row) for row in found], "next_page": None}
    limit = limit_of(request, longest=FILES_PAGE_MAX)
    # Whoever pages by ids gets pages by ids, also without the header: a cursor that is ignored is an endless list.
    if OLD_SHAPE in request.headers.get("anthropic-beta", "") or {"after_id", "before_id"} & set(request.GET):
        return _page_by_ids(request, rows, limit)
    return page_of(request, rows, file_shape, listing="files", limit=limit)


@router.get("/{file_id}")
def get_file(request: ApiRequest, file_id: str) -> dict[str, Any]:
    return file_shape(access_file(request.auth, file_id))


@router.get("/{file_id}/content")
def download_file(request: ApiRequest, file_id: str) -> HttpResponseBase:
    file = access_file(request.auth, file_id)
    content = services.open_file(file)
    return send_file(request, content, filename=file.filename, content_type=file.mime_type, size=file.size_bytes)


@router.delete("/{file_id}")
def delete_file(request: ApiRequest, file_id: str) -> dict[str, Any]:
    services.delete_file(access_file(request.auth, file_id), actor=request.auth)
    return {"id": file_id, "type": "file_deleted"}


def _by_name(parts: list[Part]) -> dict[str, Part]:
    by_name = {part.name: part for part in parts}
    if "file" not in by_name:
        raise InvalidRequest("file: Field required")
    if unknown := sorted(set(by_name) - FIELDS):
        raise InvalidRequest(f"{unknown[0]}: Extra inputs are not permitted")
    if len(by_name) < len(parts):
        raise InvalidRequest("file: send one file at a time.")
    return by_name


def _whole(part: Part | None) -> int | None:
    if part is None:
        return None
    if not (part.text.isascii() and part.text.isdecimal() and len(part.text) < 12):
        raise InvalidRequest(f"{part.name}: it must be a whole number.")
    return int(part.text)


def _ids(request: ApiRequest) -> set[str]:
    given = [*request.GET.getlist("ids[]"), *request.GET.getlist("ids")]
    ids = {value for entry in given for value in entry.split(",") if value}
    if len(ids) > FILE_IDS_MAX:
        raise InvalidRequest(f"ids: at most {FILE_IDS_MAX} are allowed.")
    if ids and {"page", "limit"} & set(request.GET):
        raise InvalidRequest("ids: it cannot be combined with page or limit.")
    return ids


def _page_by_ids(request: ApiRequest, rows: FileQuerySet, limit: int) -> dict[str, Any]:
    """The shape that older clients know, beside the present one's members."""
    after, before = queries.text(request, "after_id"), queries.text(request, "before_id")
    if not after and not before:
        page = page_of(request, rows, file_shape, listing="files", limit=limit)
        return _with_ends(page, has_more=page["next_page"] is not None)
    if after and before:
        raise InvalidRequest("after_id: it cannot be combined with before_id.")
    edge = access_file(request.auth, after or before or "")
    beyond = rows.older_than(edge) if after else rows.newer_than(edge)
    sign = "-" if after else ""
    found = list(beyond.order_by(f"{sign}created_at", f"{sign}pk")[: limit + 1])
    shown = found[:limit] if after else found[:limit][::-1]
    return _with_ends({"data": [file_shape(row) for row in shown], "next_page": None}, has_more=len(found) > limit)


def _with_ends(page: dict[str, Any], *, has_more: bool) -> dict[str, Any]:
    data = page["data"]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {**page, "has_more": has_more, **ends}
