"""Who may see what: lookups inside one workspace, where a foreign id is a missing one, and the role a page asks for."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core import exceptions
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase

from agents.actors import Actor
from agents.exceptions import InvalidRequest, NotFound
from agents.models import (
    Agent,
    AgentVersion,
    ApiKey,
    Credential,
    Deployment,
    DeploymentRun,
    Environment,
    EnvironmentKey,
    Member,
    Role,
    Session,
    Skill,
    SkillVersion,
    Thread,
    Vault,
    WebhookEndpoint,
    WorkItem,
    Workspace,
)
from agents.models.base import WorkspaceOwned
from agents.models.skills import moment_of_epoch
from agents.prepared import PreparedQuery

Scoped = Actor | Workspace
View = Callable[..., HttpResponseBase]

SHOWN_ID = 80  # characters of an id that is not here, in the message about it
_RANKS = {Role.VIEWER: 0, Role.REVIEWER: 1, Role.ADMIN: 2}


def workspace_of(scoped: Scoped) -> Workspace:
    return scoped.workspace if isinstance(scoped, Actor) else scoped


def access_row[Row: WorkspaceOwned](
    model: type[Row], scoped: Scoped, row_id: str, noun: str, *, code: str | None = None, **filters: Any
) -> Row:
    """The row of this workspace with that id, or `NotFound`; whether it exists elsewhere is not told."""
    row: Row | None = None
    if "\x00" not in row_id:  # PostgreSQL cannot even be asked for such an id
        workspace = workspace_of(scoped)
        if filters:
            row = model.objects.in_workspace(workspace).filter(pk=row_id, **filters).first()
        else:
            row = _row_in(model).first(workspace.pk, row_id)
    return _there(row, row_id, noun, code)


@cache
def _row_in(model: type[WorkspaceOwned]) -> PreparedQuery[Any]:
    return PreparedQuery(lambda workspace, pk: model.objects.in_workspace(workspace).filter(pk=pk))


def _row_of[Row: Model](rows: QuerySet[Row], row_id: str, noun: str, *, code: str | None = None) -> Row:
    """The same among rows that are already narrowed to what may be seen."""
    return _there(None if "\x00" in row_id else rows.filter(pk=row_id).first(), row_id, noun, code)


def _there[Row](row: Row | None, row_id: str, noun: str, code: str | None) -> Row:
    if row is None:
        raise NotFound(f"{noun} {row_id[:SHOWN_ID]!r} was not found.", code=code)
    return row


def access_agent(scoped: Scoped, agent_id: str) -> Agent:
    return access_row(Agent, scoped, agent_id, "Agent")


def access_agent_version(scoped: Scoped, agent_id: str, number: int | None = None) -> tuple[Agent, AgentVersion]:
    """An agent and its version of that number, the latest without one."""
    agent = access_agent(scoped, agent_id)
    number = agent.version if number is None else number
    if number < 1:
        raise InvalidRequest("agent.version: it must be at least 1.")
    # No version is newer than the latest; a huge number would not even fit the column.
    version = agent.versions.filter(number=number).first() if number <= agent.version else None
    if version is None:
        raise NotFound(f"Agent {agent_id!r} has no version {number}.")
    return agent, version


def access_environment(scoped: Scoped, environment_id: str) -> Environment:
    return access_row(Environment, scoped, environment_id, "Environment", code="environment_not_found", deleted_at=None)


def access_environment_key(environment: Environment, key_id: str) -> EnvironmentKey:
    return _row_of(environment.keys.all(), key_id, "Environment key")


def access_work(environment: Environment, work_id: str) -> WorkItem:
    return _row_of(environment.work.all(), work_id, "Work item")


def access_vault(scoped: Scoped, vault_id: str) -> Vault:
    return access_row(Vault, scoped, vault_id, "Vault")


def access_credential(vault: Vault, credential_id: str) -> Credential:
    return _row_of(vault.credentials.select_related("vault"), credential_id, "Credential")


def access_webhook_endpoint(scoped: Scoped, endpoint_id: str) -> WebhookEndpoint:
    return access_row(WebhookEndpoint, scoped, endpoint_id, "Webhook endpoint")


def access_session(scoped: Scoped, session_id: str) -> Session:
    return access_row(Session, scoped, session_id, "Session")


def access_thread(session: Session, thread_id: str) -> Thread:
    return _row_of(session.threads.all(), thread_id, "Thread")


def access_deployment(scoped: Scoped, deployment_id: str) -> Deployment:
    return access_row(Deployment, scoped, deployment_id, "Deployment")


def access_deployment_run(scoped: Scoped, run_id: str) -> DeploymentRun:
    return access_row(DeploymentRun, scoped, run_id, "Deployment run")


def access_skill(scoped: Scoped, skill_id: str) -> Skill:
    """With the columns of its newest version."""
    skills = Skill.objects.in_workspace(workspace_of(scoped)).with_latest()
    return _row_of(skills, skill_id, "Skill", code="skill_not_found")


def access_skill_version(skill: Skill, version_id: str) -> SkillVersion:
    """By its id, or by its time of creation, which is how older clients name it."""
    created_at = moment_of_epoch(version_id)
    wanted = {"created_at": created_at} if created_at else {"pk": version_id}
    version = None if "\x00" in version_id else skill.versions.filter(**wanted).first()
    if version is None:
        raise NotFound(f"Skill {skill.pk!r} has no version {version_id!r}.", code="skill_not_found")
    return version


def access_member(scoped: Scoped, member_id: str) -> Member:
    return access_row(Member, scoped, member_id, "Member", removed_at=None)


def access_api_key(scoped: Scoped, key_id: str) -> ApiKey:
    return access_row(ApiKey, scoped, key_id, "API key")


def has_role(member: Any, role: str) -> bool:
    return member is not None and _RANKS[Role(member.role)] >= _RANKS[Role(role)]


def require_role(role: str) -> Callable[[View], View]:
    """Pages: sign in first; then the member's role must be this one or a higher one."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not has_role(getattr(request, "member", None), role):
                raise exceptions.PermissionDenied(f"This needs the role {Role(role).label.lower()}.")
            return view(request, *args, **kwargs)

        return guarded

    return decorate
