"""Skills: upload, look into, download and delete them."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from agents.access import access_skill, access_skill_version, require_role
from agents.api.skills import zip_response
from agents.exceptions import DomainError, InvalidRequest
from agents.forms.parts import NameFilter
from agents.forms.skills import SkillForm
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import Role, Skill, SkillVersion
from agents.services import skills as services
from agents.skill_archives import folder_of_zip
from agents.views.asking import ask_first

LIST, DETAIL = "agents/skill_list.html", "agents/skill_detail.html"
FORM, CONFIRM = "agents/skill_form.html", "agents/skill_confirm.html"
PAGE_SIZE = 50
VERSIONS_SHOWN = 50


@require_GET
@require_role(Role.VIEWER)
def skill_list(request: HtmxHttpRequest) -> HttpResponse:
    form = NameFilter(request.GET)
    found = Skill.objects.in_workspace(request.workspace).with_latest()
    rows = newest_first(request, form.narrow(found, "display_name"), size=PAGE_SIZE)
    context = {
        "section": "setup",
        "filter": form,
        "skills": rows.items,
        "next": rows.next_query(request),
        "may_write": request.member.is_admin,
    }
    return page(request, LIST, context, partial={"skill-rows": "rows"})


@require_GET
@require_role(Role.VIEWER)
def skill_detail(request: HtmxHttpRequest, skill_id: str) -> HttpResponse:
    """The newest version."""
    skill = access_skill(request.actor, skill_id)
    return _version_page(request, skill, access_skill_version(skill, skill.latest_version_id))


@require_GET
@require_role(Role.VIEWER)
def skill_version(request: HtmxHttpRequest, skill_id: str, version_id: str) -> HttpResponse:
    skill = access_skill(request.actor, skill_id)
    return _version_page(request, skill, access_skill_version(skill, version_id))


@require_GET
@require_role(Role.VIEWER)
def skill_download(request: HtmxHttpRequest, skill_id: str, version_id: str) -> HttpResponse:
    skill = access_skill(request.actor, skill_id)
    return zip_response(skill, access_skill_version(skill, version_id))


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def skill_new(request: HtmxHttpRequest) -> HttpResponseBase:
    return _form_page(request, None)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def skill_upload(request: HtmxHttpRequest, skill_id: str) -> HttpResponseBase:
    """A newer version."""
    return _form_page(request, access_skill(request.actor, skill_id))


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def skill_delete(request: HtmxHttpRequest, skill_id: str) -> HttpResponseBase:
    """The page names the agents that will miss it."""
    skill = access_skill(request.actor, skill_id)
    if request.method == "POST":
        services.delete_skill(skill, actor=request.actor)
        messages.success(request, f"{skill.display_name} is deleted.")
        return go(request, "skills")
    return _confirm(request, skill, agents=services.agents_with(skill))


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def skill_version_delete(request: HtmxHttpRequest, skill_id: str, version_id: str) -> HttpResponseBase:
    skill = access_skill(request.actor, skill_id)
    version = access_skill_version(skill, version_id)
    problem = ""
    if request.method == "POST":
        try:
            services.delete_version(version, actor=request.actor)
        except InvalidRequest as refusal:
            problem = refusal.message
        else:
            messages.success(request, "The version is deleted.")
            return go(request, "skill", skill.pk)
    last = "This is the only version. Delete the skill instead." if skill.versions.count() == 1 else ""
    return _confirm(
        request,
        skill,
        version=version,
        agents=services.agents_with(skill, version),
        problem=problem or last,
        status=409 if problem else 200,
    )


def _confirm(
    request: HtmxHttpRequest, skill: Skill, *, version: SkillVersion | None = None, **asked: Any
) -> HttpResponse:
    return ask_first(
        request,
        f"Delete {'a version of ' if version else ''}{skill.display_name}?",
        button="Delete",
        crumbs=[(reverse("skills"), "Skills"), (reverse("skill", args=[skill.pk]), skill.display_name)],
        tab="skills",
        template=CONFIRM,
        version=version,
        **asked,
    )


def _version_page(request: HtmxHttpRequest, skill: Skill, version: SkillVersion) -> HttpResponse:
    try:
        text, problem = services.text_of(version), ""
    except DomainError as refusal:
        text, problem = "", refusal.message
    context = {
        "section": "setup",
        "skill": skill,
        "version": version,
        "versions": list(skill.versions.order_by("-created_at", "-pk")[:VERSIONS_SHOWN]),
        "text": text,
        "problem": problem,
        "agents": services.agents_with(skill),
        "may_write": request.member.is_admin,
    }
    return page(request, DETAIL, context)


def _form_page(request: HtmxHttpRequest, skill: Skill | None) -> HttpResponseBase:
    is_sent = request.method == "POST"
    form = SkillForm(request.POST if is_sent else None, request.FILES if is_sent else None, skill=skill)
    if is_sent and form.is_valid():
        try:
            folder = folder_of_zip(form.cleaned_data["archive"].read())
            if skill:
                services.add_version(skill, folder, actor=request.actor)
            else:
                name = form.cleaned_data["display_name"]
                skill = services.create_skill(folder, display_name=name, actor=request.actor)
        except DomainError as refusal:
            form.add_error("archive", refusal.message.removeprefix("files: "))
        else:
            messages.success(request, f"{skill.display_name} is uploaded.")
            return go(request, "skill", skill.pk)
    context = {"section": "setup", "skill": skill, "form": form}
    return page(request, FORM, context, status=422 if form.errors else 200)
