"""Who is in the workspace and as what: inviting people, changing their role, letting them in again, removing them."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.text import capfirst
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.access import access_member, require_role
from agents.exceptions import Conflict, DomainError, EditedMeanwhile, PermissionDenied
from agents.forms.members import PersonForm, RoleForm
from agents.forms.parts import NameFilter
from agents.http import HtmxHttpRequest, Rows, go, page
from agents.models import Member, Role
from agents.services import members as services
from agents.services.api_keys import live_keys_of
from agents.views.asking import ask_first
from agents.views.editing import lay_over
from agents.views.once import once, show_once

LIST, DETAIL = "agents/member_list.html", "agents/member_detail.html"
PAGE_SIZE = 50
NOT_YET_IN = (
    "was let into another workspace first and has not signed in yet. Only an admin there can make the link that sets"
    " their password: make sure that it is the person you mean."
)


@require_http_methods(["GET", "POST"])
@require_role(Role.VIEWER)
def member_list(request: HtmxHttpRequest) -> HttpResponseBase:
    """The people of the workspace; an admin adds one here."""
    if request.method == "POST":
        return _add(request)
    return _list(request, PersonForm())


@require_GET
@require_role(Role.VIEWER)
def member_detail(request: HtmxHttpRequest, member_id: str) -> HttpResponse:
    member = access_member(request.actor, member_id)
    return page(request, DETAIL, _detail(request, member, RoleForm(initial=RoleForm.showing(member))))


@require_POST
@require_role(Role.ADMIN)
def member_role(request: HtmxHttpRequest, member_id: str) -> HttpResponseBase:
    member = access_member(request.actor, member_id)
    form = RoleForm(request.POST)
    if form.is_valid():
        try:
            member = services.change_role(member, form.said["role"], actor=request.actor, edition=form.seen)
        except EditedMeanwhile:
            member = access_member(request.actor, member_id)
            lay_over(request, form, member)
        except Conflict as error:
            form.add_error("role", error.message)
    if form.status != HTTPStatus.OK:
        return page(request, DETAIL, _detail(request, member, form), status=form.status)
    messages.success(request, f"{member} is {Role(member.role).label.lower()} now.")
    return go(request, "member", member.pk)


@never_cache
@require_POST
@require_role(Role.ADMIN)
@once
def member_link(request: HtmxHttpRequest, member_id: str) -> HttpResponse:
    """A fresh one-time link, for somebody who lost theirs or forgot the password."""
    return _link_page(request, access_member(request.actor, member_id))


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def member_remove(request: HtmxHttpRequest, member_id: str) -> HttpResponseBase:
    """Asks first; the last admin stays, and the page says why."""
    member = access_member(request.actor, member_id)
    problem = ""
    if request.method == "POST":
        try:
            services.remove_member(member, actor=request.actor, with_keys=bool(request.POST.get("with_keys")))
        except Conflict as error:
            problem = error.message
        else:
            messages.success(request, f"{member} is out of this workspace.")
            return go(request, "home" if member.pk == request.member.pk else "members")
    is_self = member.pk == request.member.pk
    return ask_first(
        request,
        "Leave this workspace?" if is_self else f"Remove {member}?",
        button="Leave" if is_self else "Remove",
        crumbs=[(reverse("members"), "Members"), (reverse("member", args=[member.pk]), str(member))],
        tab="members",
        problem=problem or services.why_kept(member),
        template="agents/member_confirm.html",
        status=409 if problem else 200,
        keys=live_keys_of(member),
        is_self=is_self,
    )


@never_cache
@once
def _add(request: HtmxHttpRequest) -> HttpResponseBase:
    if not request.member.is_admin:
        raise PermissionDenied("Only an admin lets people into a workspace.")
    form = PersonForm(request.POST)
    if form.is_valid():
        try:
            member = services.invite_person(**form.cleaned_data, actor=request.actor)
        except DomainError as error:
            form.add_error("username", capfirst(error.message.removeprefix("username: ")))
    if not form.is_valid():
        return _list(request, form, status=422)
    if not member.user.has_usable_password() and services.may_renew_sign_in(member, request.actor):
        return _link_page(request, member)
    if member.user.has_usable_password():
        messages.success(request, f"{member} has an account here already and signs in as before.")
    else:
        messages.warning(request, f"{member} {NOT_YET_IN}")
    return go(request, "members")


def _list(request: HtmxHttpRequest, form: PersonForm, status: int = 200) -> HttpResponse:
    search = NameFilter(request.GET)
    found = search.narrow(Member.objects.present().in_workspace(request.workspace), "user__username")
    rows = _by_name(found.select_related("user"), after=request.GET.get("after", ""))
    context = {
        "section": "setup",
        "filter": search,
        "members": rows.items,
        "next": rows.next_query(request),
        "form": form if request.member.is_admin else None,
    }
    return page(request, LIST, context, partial={"member-rows": "rows"}, status=status)


def _by_name(members: QuerySet[Member], *, after: str) -> Rows[Member]:
    """A page of them; user names are one of a kind, so the last one shown says where the next page begins."""
    items = list(members.filter(user__username__gt=after).order_by("user__username")[: PAGE_SIZE + 1])
    last = items[PAGE_SIZE - 1].user.get_username() if len(items) > PAGE_SIZE else ""
    return Rows(items=items[:PAGE_SIZE], next=last)


def _detail(request: HtmxHttpRequest, member: Member, form: RoleForm) -> dict[str, Any]:
    is_admin = request.member.is_admin
    return {
        "section": "setup",
        "person": member,
        "form": form if is_admin else None,
        "is_self": member.pk == request.member.pk,
        "may_renew": is_admin and services.may_renew_sign_in(member, request.actor),
        "is_waiting": not member.user.has_usable_password(),
    }


def _link_page(request: HtmxHttpRequest, member: Member) -> HttpResponse:
    link = reverse("welcome", args=services.sign_in_token(member, actor=request.actor))
    context = {"section": "setup", "person": member, "link": request.build_absolute_uri(link)}
    what, lost = f"a sign-in link for {member}", reverse("member", args=[member.pk])
    return show_once(request, "agents/member_link.html", context, what=what, lost=lost)
