"""Pages that make an agent, change it into a new version, archive it, and start a session of it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import F
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents import diffs
from agents.access import access_agent, access_environment, require_role
from agents.definitions import resolve
from agents.definitions.as_text import as_text
from agents.definitions.parts import Definition
from agents.editions import edition_of
from agents.exceptions import Conflict, DomainError, InvalidRequest
from agents.forms.agents import KNOWN_MODELS, AgentForm
from agents.forms.editing import Difference, differences
from agents.forms.sessions import NEW_ENVIRONMENT, StartForm
from agents.http import HtmxHttpRequest, go, page
from agents.models import Agent, AgentVersion, Environment, File, Role, Skill, Vault
from agents.plugs import agent_extensions
from agents.services.agents import archive_agent, beside_version, create_agent, update_agent
from agents.services.environments import create_environment
from agents.services.sessions import create_session
from agents.views.asking import ask_first, turned_back
from agents.views.editing import author_of
from agents.views.once import once
from agents.views.tools import tools_problem

FORM, START = "agents/agent_form.html", "agents/agent_start.html"
OFFERED_MAX = 200  # of anything that the form lets one tick
NEWEST_OFFERED = 20
DEFAULT_ENVIRONMENT = "default"


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def agent_new(request: HtmxHttpRequest) -> HttpResponseBase:
    form, parts = _forms(request, None, None)
    if request.method == "POST" and _are_valid(form, parts):
        try:
            agent = create_agent({**form.body(), **_beside(parts)}, actor=request.actor)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, f"{agent.name} is ready. Start a session to see it work.")
            return go(request, "agent-start", agent.pk)
    return _form_page(request, form, parts, None)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def agent_edit(request: HtmxHttpRequest, agent_id: str) -> HttpResponseBase:
    """What is saved is a new version, unless somebody else saved one first: then both are shown."""
    agent = access_agent(request.actor, agent_id)
    if page_of_it := turned_back(request, agent, "agent"):
        return page_of_it
    before = agent.versions.get(number=agent.version).definition
    form, parts = _forms(request, agent, before)
    if request.method == "POST" and _are_valid(form, parts):
        body = {**form.body(), **_beside(parts), "version": form.cleaned_data["version"] or agent.version}
        seen = form.cleaned_data["edition"]
        try:
            saved = update_agent(agent, body, actor=request.actor, edition=seen)
        except Conflict:
            return _conflict(request, form, parts, agent, before)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            is_new = saved.version != agent.version
            messages.success(request, f"Saved as version {saved.version}." if is_new else "Saved.")
            return go(request, "agent", agent.pk)
    return _form_page(request, form, parts, agent)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def agent_start(request: HtmxHttpRequest, agent_id: str) -> HttpResponseBase:
    """A first message is all that a session needs."""
    agent = access_agent(request.actor, agent_id)
    if page_of_it := turned_back(request, agent, "agent"):
        return page_of_it
    form = _start_form(request)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                environment = _environment(request, form.cleaned_data["environment"])
                session = create_session(form.body(agent.pk, environment.pk), actor=request.actor)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            return go(request, "session", session.pk)
    context = {"section": "agents", "agent": agent, "here": "start", "form": form, "may_write": True, **tools_problem()}
    return page(request, START, context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def agent_archive(request: HtmxHttpRequest, agent_id: str) -> HttpResponseBase:
    """Asks first: there is no way back."""
    agent = access_agent(request.actor, agent_id)
    if request.method == "POST":
        archive_agent(agent, actor=request.actor)
        messages.success(request, f"{agent.name} is archived.")
        return go(request, "agent", agent.pk)
    return ask_first(
        request,
        f"Archive {agent.name}?",
        "It is archived already."
        if agent.is_archived
        else "It starts no more sessions, takes no more changes, its deployments stop and its dream schedules pause. "
        "Sessions that run go on, and everything it did stays to be read. An archived agent cannot be brought back.",
        button="" if agent.is_archived else "Archive",
        crumbs=[(reverse("agents"), "Agents"), (reverse("agent", args=[agent.pk]), agent.name)],
        section="agents",
    )


def _start_form(request: HtmxHttpRequest) -> StartForm:
    """With what there is to choose from; of files and vaults the newest."""
    environments = Environment.objects.in_workspace(request.workspace).kept().live().filter(is_internal=False)
    uploads = File.objects.in_workspace(request.workspace).filter(session=None).unexpired().newest_first()
    vaults = Vault.objects.in_workspace(request.workspace).live().newest_first()
    return StartForm(
        request.POST or None,
        environments=[(row.pk, row.name) for row in environments.order_by("name")[:OFFERED_MAX]],
        uploads=[(row.pk, row.filename) for row in uploads[:NEWEST_OFFERED]],
        vaults=[(row.pk, row.display_name) for row in vaults[:NEWEST_OFFERED]],
    )


def _forms(request: HtmxHttpRequest, agent: Agent | None, before: Definition | None) -> tuple[AgentForm, list[Any]]:
    """The form of the definition, and one for each extension that can be set on a page."""
    data = request.POST if request.method == "POST" else None
    kept = agent.extensions if agent else {}
    form = AgentForm(
        data,
        before=before,
        version=agent.version if agent else None,
        edition=edition_of(beside_version(agent)) if agent else "",
        skills=[(skill.pk, str(skill)) for skill in Skill.objects.in_workspace(request.workspace)[:OFFERED_MAX]],
        agents=_callable(request, agent),
    )
    made = [
        (name, module.form(request.workspace, kept.get(name), data))
        for name, module in agent_extensions().items()
        if hasattr(module, "form")
    ]
    for name, part in made:
        part.extension = name
    return form, [part for _, part in made]


def _callable(request: HtmxHttpRequest, agent: Agent | None) -> list[tuple[str, str]]:
    """Agents that may stand in a roster: alive, with none of their own."""
    latest = AgentVersion.objects.filter(
        number=F("agent__version"),
        agent__workspace=request.workspace,
        agent__is_internal=False,
        agent__archived_at=None,
    ).exclude(agent=agent)
    rows = latest.order_by("agent__name").values_list("agent_id", "agent__name", "definition__multiagent")
    return [(pk, name) for pk, name, roster in rows[:OFFERED_MAX] if roster is None]


def _are_valid(form: AgentForm, parts: Sequence[Any]) -> bool:
    return all([form.is_valid(), *(part.is_valid() for part in parts)])


def _beside(parts: Sequence[Any]) -> dict[str, Any]:
    """What the extensions' forms say; one that was never set and is not now is left out."""
    return {part.extension: said for part in parts if (said := part.wanted()) is not None}


def _form_page(
    request: HtmxHttpRequest, form: AgentForm, parts: Sequence[Any], agent: Agent | None, **more: Any
) -> HttpResponse:
    is_wrong = form.errors or any(part.errors for part in parts)
    context = {
        "section": "agents",
        "agent": agent,
        "here": "edit",
        "form": form,
        "parts": parts,
        "models": KNOWN_MODELS,
        "may_write": True,
        **more,
    }
    return page(request, FORM, context, status=422 if is_wrong else 409 if more else 200)


def _conflict(
    request: HtmxHttpRequest, form: AgentForm, parts: Sequence[Any], agent: Agent, before: Definition
) -> HttpResponse:
    """Theirs against what was typed; saving once more lies over theirs, and says so."""
    agent.refresh_from_db()
    theirs = agent.versions.get(number=agent.version).definition
    mine = {**theirs, **_shown(form, before)}
    form.data = again = request.POST.copy()
    again["version"], again["edition"] = str(agent.version), edition_of(beside_version(agent))
    shown = {"diff": diffs.compare(as_text(theirs), as_text(mine)), "beside": _beside_theirs(request, agent, parts)}
    return _form_page(request, form, parts, agent, **shown, author=author_of(request, agent.pk), is_conflict=True)


def _beside_theirs(request: HtmxHttpRequest, agent: Agent, parts: Sequence[Any]) -> list[Difference]:
    """The same for what no version holds."""
    found: list[Difference] = []
    for part in parts:
        kept = agent.extensions.get(part.extension)
        saved = agent_extensions()[part.extension].form(request.workspace, kept, None)
        found += differences(part, {name: saved[name].value() for name in saved.fields})
    return found


def _shown(form: AgentForm, before: Definition) -> Definition:
    """What was typed, as the definition that it would make."""
    body = form.body()
    skills = [{"version": "latest", **skill} for skill in body.pop("skills")]
    beside = {"skills": skills, "multiagent": body.pop("multiagent", before["multiagent"])}
    try:
        return {**resolve(body, previous={**before, "skills": [], "multiagent": None}), **beside}
    except InvalidRequest:
        return {name: body[name] for name in ("name", "description", "system")}


def _environment(request: HtmxHttpRequest, chosen: str) -> Environment:
    if chosen != NEW_ENVIRONMENT:
        return access_environment(request.actor, chosen)
    return create_environment({"name": DEFAULT_ENVIRONMENT}, actor=request.actor)
