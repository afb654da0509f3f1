"""Forms of the kernel's pages; numbers come from limits.py, choices from the models."""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from hashlib import sha256
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.cache import cache
from django.db.models import Model, Q, QuerySet

from agents.ids import MAX_ID_LENGTH, PREFIXES
from agents.limits import (
    DISPLAY_NAME_MAX,
    ENVIRONMENT_KEY_NAME_MAX,
    METADATA_KEY_MAX,
    SIGN_IN_FAILURES_MAX,
    SIGN_IN_PAUSE_SECONDS,
)
from agents.models import Agent, AuditEvent, Role, Scope, Session, SessionStatus, Skill, VerdictResult
from agents.services.tenancy import (
    DEFAULT_SCOPES,
    KEY_NAME_MAX,
    WORKSPACE_NAME_MAX,
    note_failed_sign_in,
    note_sign_in,
)

MESSAGE_MAX_CHARS = 100_000  # a person types or pastes it; the wire allows more in more blocks
NO_VERDICT = "none"
AWAITS = "awaits"


class SignInForm(AuthenticationForm):
    """Signing in, with a pause after too many wrong passwords for one name from one address."""

    def clean(self) -> dict[str, Any]:
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        name = str(self.cleaned_data.get("username", ""))
        key = "sign-in:" + sha256(f"{address} {name}".encode()).hexdigest()
        if cache.get(key, 0) >= SIGN_IN_FAILURES_MAX:
            raise forms.ValidationError("Too many wrong passwords. Wait a few minutes, then try again.", code="paused")
        try:
            cleaned = super().clean()
        except forms.ValidationError:
            cache.add(key, 0, SIGN_IN_PAUSE_SECONDS)
            cache.incr(key)
            note_failed_sign_in(name)
            raise
        note_sign_in(self.get_user())
        return cleaned


class SessionFilter(forms.Form):
    """The filters of the session list; an unknown value counts as not chosen."""

    agent = forms.ChoiceField(required=False, label="Agent")
    status = forms.ChoiceField(
        required=False,
        label="Status",
        choices=[("", "Any status"), *SessionStatus.choices, (AWAITS, "Waits for an answer")],
    )
    verdict = forms.ChoiceField(
        required=False,
        label="Verdict",
        choices=[("", "Any verdict"), *VerdictResult.choices, (NO_VERDICT, "No verdict")],
    )
    q = forms.CharField(required=False, label="Search", max_length=200)

    def offer_agents(self, agents: Iterable[Agent]) -> None:
        """The choices of the agent filter."""
        field = self.fields["agent"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Any agent"), *((agent.pk, agent.name) for agent in agents)]

    @property
    def is_narrowing(self) -> bool:
        """Whether any filter is set."""
        return bool(self._chosen())

    def narrow(self, sessions: QuerySet[Session]) -> QuerySet[Session]:
        """The sessions that fit."""
        chosen = self._chosen()
        if "agent" in chosen:
            sessions = sessions.filter(agent=chosen["agent"])
        if chosen.get("status") == AWAITS:
            sessions = sessions.filter(status=SessionStatus.IDLE, stop_reason__type="requires_action")
        elif "status" in chosen:
            sessions = sessions.filter(status=chosen["status"])
        if "verdict" in chosen:
            verdict = None if chosen["verdict"] == NO_VERDICT else chosen["verdict"]
            sessions = sessions.filter(verdict=verdict)
        if "q" in chosen:
            sessions = sessions.filter(title__icontains=chosen["q"])
        return sessions

    def _chosen(self) -> dict[str, str]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class SkillForm(forms.Form):
    """A skill's folder as one zip; what it is called can be said once, with the first."""

    archive = forms.FileField(
        label="Zip of the skill's folder",
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,.skill,application/zip"}),
        error_messages={"required": "Choose a zip first.", "empty": "The file is empty."},
    )
    display_name = forms.CharField(
        label="Shown as",
        required=False,
        max_length=DISPLAY_NAME_MAX,
        help_text="Left empty, the name in SKILL.md.",
    )

    def __init__(self, *given: Any, skill: Skill | None = None, **options: Any) -> None:
        super().__init__(*given, **options)
        if skill:
            del self.fields["display_name"]


class MessageForm(forms.Form):
    """What a person says to the agent."""

    text = forms.CharField(
        label="Message",
        max_length=MESSAGE_MAX_CHARS,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Say something to the agent"}),
        error_messages={"required": "Write a message first."},
    )


class ConfirmationForm(forms.Form):
    """May the agent make this call?"""

    tool_use_id = forms.CharField(max_length=MAX_ID_LENGTH)
    result = forms.ChoiceField(choices=[("allow", "Allow"), ("deny", "Deny")])
    deny_message = forms.CharField(required=False, max_length=2_000)

    def event(self) -> dict[str, Any]:
        """The client event; a reason goes with a refusal only."""
        said = {name: self.cleaned_data[name] for name in ("tool_use_id", "result")}
        reason = self.cleaned_data["deny_message"] if said["result"] == "deny" else ""
        return {"type": "user.tool_confirmation", **said, **({"deny_message": reason} if reason else {})}


class AnswerForm(forms.Form):
    """What a call that only the client can answer gives back."""

    custom_tool_use_id = forms.CharField(max_length=MAX_ID_LENGTH)
    text = forms.CharField(max_length=MESSAGE_MAX_CHARS)
    is_error = forms.BooleanField(required=False)

    def event(self) -> dict[str, Any]:
        """The client event."""
        return {
            "type": "user.custom_tool_result",
            "custom_tool_use_id": self.cleaned_data["custom_tool_use_id"],
            "content": [{"type": "text", "text": self.cleaned_data["text"]}],
            "is_error": self.cleaned_data["is_error"],
        }


class VerdictForm(forms.Form):
    """Did the session do its job?"""

    result = forms.ChoiceField(choices=VerdictResult.choices)


ROLE_WORDS = {
    Role.VIEWER: "Viewer: reads everything in this workspace",
    Role.REVIEWER: "Reviewer: also decides on proposals, starts dreams and judges sessions",
    Role.ADMIN: "Admin: also talks to agents, and sets up everything here",
}
SCOPE_WORDS = {
    Scope.READ: "Read: list and get everything in this workspace, the audit log included",
    Scope.WRITE: "Write: create and change agents, sessions, memory and all else that the API has",
    Scope.REVIEW: "Review: approve, reject and undo proposals, as a reviewer does",
    Scope.OPERATOR: "Operator: what it says to agents counts as a person's word when dreams weigh the evidence",
}
NAME_OF_PERSON_MAX = 150  # of Django's user names


class PersonForm(forms.Form):
    """Who joins the workspace, and as what."""

    username = forms.CharField(
        label="User name",
        max_length=NAME_OF_PERSON_MAX,
        help_text="What the person types to sign in: letters, digits and @ . + - _",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(label="Role", choices=list(ROLE_WORDS.items()), initial=Role.VIEWER)


class RoleForm(forms.Form):
    """What a member may do."""

    role = forms.ChoiceField(label="Role", choices=list(ROLE_WORDS.items()))


class ApiKeyForm(forms.Form):
    """What a program's key is for, and what it opens."""

    name = forms.CharField(
        label="What it is for", max_length=KEY_NAME_MAX, widget=forms.TextInput(attrs={"placeholder": "nightly import"})
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=list(SCOPE_WORDS.items()),
        initial=list(DEFAULT_SCOPES),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick at least one; a key that may do nothing is no use."},
    )


class EnvironmentKeyForm(forms.Form):
    """Which worker a new key is for."""

    key_name = forms.CharField(
        label="Which worker it is for",
        max_length=ENVIRONMENT_KEY_NAME_MAX,
        widget=forms.TextInput(attrs={"placeholder": "build machine"}),
    )
    may_confirm = forms.BooleanField(
        label="It may allow and deny tool calls that ask",
        required=False,
        help_text="Only where the agent's commands cannot read the key: whoever has it allows what an agent asks for.",
    )


class WorkspaceForm(forms.Form):
    """What an admin can set about the workspace."""

    name = forms.CharField(label="Name", max_length=WORKSPACE_NAME_MAX)
    principal_key = forms.CharField(
        label="Metadata key that names the principal",
        max_length=METADATA_KEY_MAX,
        help_text="On whose behalf a session ran: programs say so in the session's metadata under this key. "
        "Dreams count how many different people a lesson comes from, so a wrong key makes everybody look like one.",
    )
    allow_unreviewed_stores = forms.BooleanField(
        label="Let sessions mount memory that nobody has reviewed",
        required=False,
        help_text="A dream can leave a candidate copy of a store. Off, which is safer: no session may use it "
        "until every change in it was approved.",
    )


class NewWorkspaceForm(forms.Form):
    """A tenant of its own."""

    name = forms.CharField(label="Name", max_length=WORKSPACE_NAME_MAX)


KINDS_OF_ACTION = {
    "agent": "Agents",
    "environment": "Environments",
    "environment_key": "Keys of environments",
    "session": "Sessions",
    "memory_store": "Memory stores",
    "memory": "Memories",
    "memory_version": "Memory versions",
    "dream": "Dreams",
    "dream_policy": "Dream policies",
    "proposal": "Proposals",
    "file": "Files",
    "skill": "Skills",
    "vault": "Vaults",
    "vault_credential": "Credentials",
    "deployment": "Deployments",
    "webhook_endpoint": "Webhooks",
    "work": "Work of self-hosted environments",
    "price": "Prices",
    "member": "Members",
    "api_key": "API keys",
    "workspace": "Workspace",
}


class NameFilter(forms.Form):
    """The search field of a list; what is too long to be a name counts as nothing."""

    q = forms.CharField(required=False, max_length=DISPLAY_NAME_MAX)

    @property
    def words(self) -> str:
        self.is_valid()
        return str(self.cleaned_data.get("q", ""))

    def narrow[Row: Model](self, rows: QuerySet[Row], column: str) -> QuerySet[Row]:
        """Those with the words in their name, or with just this id."""
        words = self.words
        return rows.filter(Q(pk=words) | Q((f"{column}__icontains", words))) if words else rows


class AuditFilter(forms.Form):
    """The filters of the audit log; an unknown value counts as not chosen."""

    actor = forms.ChoiceField(required=False, label="Who")
    action = forms.ChoiceField(required=False, label="What")
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    q = forms.CharField(required=False, label="Object", max_length=200)

    def offer(self, actors: Iterable[tuple[str, str]]) -> None:
        """The choices: who there is, and the kind of action, or the one action that the address names."""
        self._choose("actor", [("", "Anybody"), *actors])
        exact = str(self.data.get("action", ""))
        named = [(exact, exact.replace("_", " ").replace(".", " "))] if "." in exact else []
        self._choose("action", [("", "Anything"), *named, *KINDS_OF_ACTION.items()])

    @property
    def is_narrowing(self) -> bool:
        """Whether any filter is set."""
        return bool(self._chosen())

    def narrow(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """The events that fit; days are whole days in UTC."""
        chosen = self._chosen()
        if "actor" in chosen:
            events = events.filter(actor_id=chosen["actor"])
        if action := chosen.get("action"):
            events = events.filter(action=action) if "." in action else events.filter(action__startswith=f"{action}.")
        if "since" in chosen:
            events = events.filter(created_at__gte=datetime.combine(chosen["since"], time(), UTC))
        if "until" in chosen:
            events = events.filter(created_at__lte=datetime.combine(chosen["until"], time.max, UTC))
        if words := chosen.get("q"):
            is_id = f"{words.partition('_')[0]}_" in PREFIXES.values()
            events = events.filter(object_id=words) if is_id else events.filter(object_name__icontains=words)
        return events

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def _chosen(self) -> dict[str, Any]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
