"""Who acts: a person, a program with a key, an agent in its session, or the platform itself."""

from dataclasses import dataclass
from typing import Any

from agents import trust
from agents.exceptions import PermissionDenied
from agents.models.sessions import Session
from agents.models.tenancy import ApiKey, Member, Role, Scope, Workspace
from agents.models.work import EnvironmentKey

# What a role may do, in the words of the API's scopes, so that a page and an API call ask the same question.
ROLE_SCOPES: dict[str, frozenset[str]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.REVIEWER: frozenset({Scope.READ, Scope.REVIEW}),
    Role.ADMIN: frozenset({Scope.READ, Scope.WRITE, Scope.REVIEW, Scope.OPERATOR}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One of member, api_key, environment_key and session_id is set; with none of them the platform acts by itself. A
    session acts through its agent's tools, also where a self-hosted worker runs them with the session's token."""

    workspace: Workspace
    member: Member | None = None
    api_key: ApiKey | None = None
    environment_key: EnvironmentKey | None = None
    session_id: str | None = None

    @classmethod
    def of_member(cls, member: Member) -> "Actor":
        return cls(workspace=member.workspace, member=member)

    @classmethod
    def of_api_key(cls, key: ApiKey) -> "Actor":
        return cls(workspace=key.workspace, api_key=key)

    @classmethod
    def of_environment_key(cls, key: EnvironmentKey) -> "Actor":
        return cls(workspace=key.workspace, environment_key=key)

    @classmethod
    def of_session(cls, session: Session) -> "Actor":
        return cls(workspace=session.workspace, session_id=session.pk)

    @property
    def kind(self) -> str | None:
        """The wire's actor type; None for the platform, which the wire shows as an unknown author."""
        if self.member:
            return "user_actor"
        if self.api_key:
            return "api_actor"
        if self.environment_key:
            return "environment_key"
        return "session_actor" if self.session_id else None

    @property
    def id(self) -> str:
        if self.member:
            return str(self.member.pk)
        key = self.api_key or self.environment_key
        return str(key.pk) if key else self.session_id or "platform"

    @property
    def name(self) -> str:
        """What people call the actor: the member's user name, the key's name."""
        if self.member:
            return str(self.member)
        key = self.api_key or self.environment_key
        return str(key.name) if key else self.session_id or "Lucid"

    @property
    def wire(self) -> dict[str, Any] | None:
        """The actor object of memory versions; None where the wire knows no such author."""
        return actor_shape(self.kind, self.id)

    @property
    def is_trusted(self) -> bool:
        """Whether what it says in a session counts as a person's: a member, or an operator's program."""
        return self.member is not None or (self.api_key is not None and self.api_key.is_operator)

    @property
    def trust(self) -> int:
        """The trust of a message that this actor sends."""
        return trust.PERSON if self.is_trusted else trust.OUTSIDE

    @property
    def may_review(self) -> bool:
        return (self.member is not None or self.api_key is not None) and self.may(Scope.REVIEW)

    def may(self, scope: str) -> bool:
        if self.member:
            return scope in ROLE_SCOPES[self.member.role]
        return self.api_key.has_scope(scope) if self.api_key else True

    def require(self, scope: str) -> None:
        if not self.may(scope):
            who = "Your role" if self.member else "This API key"
            raise PermissionDenied(f"{who} does not allow this: the scope {str(scope)!r} is missing.")

    def require_review(self) -> None:
        if not self.may_review:
            raise PermissionDenied(
                "Deciding on proposals takes the role reviewer or admin, or a key with scope review."
            )


def platform(workspace: Workspace) -> Actor:
    """The platform's own hand: demo data, schedules, promotion by an open gate."""
    return Actor(workspace=workspace)


_ID_MEMBER = {
    "user_actor": "user_id",
    "api_actor": "api_key_id",
    "session_actor": "session_id",
    "service_account_actor": "service_account_id",
}


def actor_shape(kind: str | None, actor_id: str | None) -> dict[str, Any] | None:
    """The wire object of an author that is stored as type and id."""
    member = _ID_MEMBER.get(kind or "")
    return {"type": kind, member: actor_id} if member and actor_id else None
