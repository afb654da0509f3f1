"""Skills and their versions. Older clients, which say so in a header, get the older shapes."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from agents.access import access_skill, access_skill_version
from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.multipart import Part, read_parts
from agents.api.openapi import asks
from agents.api.pagination import limit_of, page_of
from agents.api.shapes.skills import CUSTOM, old_skill_shape, old_version_shape, skill_shape, version_shape
from agents.definitions.skills import LATEST
from agents.exceptions import InvalidRequest
from agents.limits import SKILL_FILES_MAX, SKILL_MAX_BYTES, SKILLS_PAGE_MAX
from agents.models import Skill, SkillVersion
from agents.services import skills as services
from agents.skill_archives import folder_of_upload
from agents.skill_folders import SkillFolder

OLD_SHAPES = "skills-2025-10-02"
FILES = ("files[]", "files")
NAMES = ("display_name", "display_title")  # the second is how older clients call it
FIELDS_MAX = 10
ZIP_BYTES = 1024 * 1024  # what a zip may have around its members
SOURCES = (CUSTOM, "anthropic")

router = Router(tags=["skills"])


def _takes(*fields: str) -> dict[str, Any]:
    """The description of an upload."""
    files = {
        "type": "array",
        "items": {"type": "string", "format": "binary"},
        "description": "The files of one folder with SKILL.md at its root, or one zip of that folder.",
    }
    texts = {name: {"type": "string"} for name in fields}
    schema = {"type": "object", "required": ["files[]"], "properties": {"files[]": files, **texts}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.post("", openapi_extra=_takes("display_name"))
def create_skill(request: ApiRequest) -> dict[str, Any]:
    folder, display_name = _upload(request, NAMES)
    return _skill(request, services.create_skill(folder, display_name=display_name, actor=request.auth))


@router.get("", openapi_extra=asks("limit", "page", "source", most=SKILLS_PAGE_MAX, source=SOURCES))
def list_skills(request: ApiRequest) -> dict[str, Any]:
    rows = Skill.objects.in_workspace(request.auth.workspace).with_latest()
    if queries.choice(request, "source", SOURCES, CUSTOM) != CUSTOM:
        rows = rows.none()  # this platform hosts none
    shape = old_skill_shape if _is_old(request) else skill_shape
    page = page_of(request, rows, shape, listing="skills", limit=limit_of(request, longest=SKILLS_PAGE_MAX))
    return _page(request, page)


@router.get("/{skill_id}")
def get_skill(request: ApiRequest, skill_id: str) -> dict[str, Any]:
    return _skill(request, access_skill(request.auth, skill_id))


@router.delete("/{skill_id}")
def delete_skill(request: ApiRequest, skill_id: str) -> dict[str, Any]:
    services.delete_skill(access_skill(request.auth, skill_id), actor=request.auth)
    return {"id": skill_id, "type": "skill_deleted"}


@router.post("/{skill_id}/versions", openapi_extra=_takes())
def create_version(request: ApiRequest, skill_id: str) -> dict[str, Any]:
    skill = access_skill(request.auth, skill_id)
    folder, _ = _upload(request, ())
    return _version(request, services.add_version(skill, folder, actor=request.auth))


@router.get("/{skill_id}/versions", openapi_extra=asks("limit", "page", most=SKILLS_PAGE_MAX))
def list_versions(request: ApiRequest, skill_id: str) -> dict[str, Any]:
    """Newest first."""
    skill = access_skill(request.auth, skill_id)
    shape = old_version_shape if _is_old(request) else version_shape
    limit = limit_of(request, longest=SKILLS_PAGE_MAX)
    rows = skill.versions.select_related("skill")
    return _page(request, page_of(request, rows, shape, listing=f"versions of {skill.pk}", limit=limit))


@router.get("/{skill_id}/versions/{version_id}")
def get_version(request: ApiRequest, skill_id: str, version_id: str) -> dict[str, Any]:
    """`latest` is the newest."""
    skill = access_skill(request.auth, skill_id)
    wanted = skill.latest_version_id if version_id == LATEST else version_id
    return _version(request, access_skill_version(skill, wanted))


@router.delete("/{skill_id}/versions/{version_id}")
def delete_version(request: ApiRequest, skill_id: str, version_id: str) -> dict[str, Any]:
    version = access_skill_version(access_skill(request.auth, skill_id), version_id)
    services.delete_version(version, actor=request.auth)
    return {"id": version_id, "type": "skill_version_deleted"}


@router.get("/{skill_id}/versions/{version_id}/content")
def download_version(request: ApiRequest, skill_id: str, version_id: str) -> HttpResponse:
    """A zip with one top folder, named as the skill."""
    skill = access_skill(request.auth, skill_id)
    return zip_response(skill, access_skill_version(skill, version_id))


def zip_response(skill: Skill, version: SkillVersion) -> HttpResponse:
    headers = {"content-disposition": f'attachment; filename="{skill.name}.zip"'}
    return HttpResponse(services.content_of(version), content_type="application/zip", headers=headers)


def _upload(request: HttpRequest, names: tuple[str, ...]) -> tuple[SkillFolder, str | None]:
    """The folder that a request sends, and what it is to be called."""
    with read_parts(request, parts_max=SKILL_FILES_MAX + FIELDS_MAX, bytes_max=SKILL_MAX_BYTES + ZIP_BYTES) as parts:
        if unknown := next((part.name for part in parts if part.name not in (*FILES, *names)), None):
            raise InvalidRequest(f"{unknown[:80]}: Extra inputs are not permitted")
        files = [_named(part) for part in parts if part.name in FILES]
        if not files:
            raise InvalidRequest("files: Field required")
        display_name = next((part.text for part in parts if part.name in names), None)
    return folder_of_upload(files), display_name


def _named(part: Part) -> tuple[str | None, bytes]:
    return part.filename, part.file.read()


def _is_old(request: HttpRequest) -> bool:
    return OLD_SHAPES in map(str.strip, request.headers.get("anthropic-beta", "").split(","))


def _skill(request: HttpRequest, skill: Skill) -> dict[str, Any]:
    return old_skill_shape(skill) if _is_old(request) else skill_shape(skill)


def _version(request: HttpRequest, version: SkillVersion) -> dict[str, Any]:
    return old_version_shape(version) if _is_old(request) else version_shape(version)


def _page(request: HttpRequest, page: dict[str, Any]) -> dict[str, Any]:
    return {**page, "has_more": page["next_page"] is not None} if _is_old(request) else page
