"""Who acts: a member, an API key, a session or the platform itself, always inside one workspace."""

from dataclasses import dataclass

from agents.exceptions import PermissionDenied
from agents.models import ApiKey, Member, Scope, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """At most one of `member`, `api_key` and `session_id` is set; none means the platform."""

    workspace: Workspace
    member: Member | None = None
    api_key: ApiKey | None = None
    session_id: str | None = None

    @property
    def id(self) -> str:
        if self.member:
            return self.member.pk
        if self.api_key:
            return self.api_key.pk
        return self.session_id or "platform"

    @property
    def wire(self) -> dict[str, str] | None:
        """The actor object of memory versions; `None` where the wire knows no such author."""
        if self.member:
            return {"type": "user_actor", "user_id": self.member.pk}
        if self.api_key:
            return {"type": "api_actor", "api_key_id": self.api_key.pk}
        if self.session_id:
            return {"type": "session_actor", "session_id": self.session_id}
        return None

    @property
    def is_trusted(self) -> bool:
        """Whether what it says in a session is a person's word: a member, or a program that an admin marked operator."""
        return self.member is not None or (self.api_key is not None and self.api_key.is_operator)

    @property
    def may_review(self) -> bool:
        if self.member:
            return self.member.may_review
        return self.api_key is not None and self.api_key.has_scope(Scope.REVIEW)

    def require_review(self) -> None:
        if not self.may_review:
            raise PermissionDenied("Deciding on proposals takes the role reviewer or admin, or a key with scope review.")


def platform(workspace: Workspace) -> Actor:
    """The platform's own hand: demo data, schedules, promotion by an open gate."""
    return Actor(workspace=workspace)
