"""Forms of sessions: starting one, finding one, talking, answering, judging, its budget."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet

from agents import limits
from agents.forms.parts import MESSAGE_MAX_CHARS, ListFilter, offer, usd_field
from agents.ids import MAX_ID_LENGTH
from agents.models import Agent, Session, SessionStatus, VerdictResult

NO_VERDICT = "none"
AWAITS = "awaits"
NEW_ENVIRONMENT = "new"
FIRST_WORDS_MAX = 80  # of the first message, as the title of a session that was given none


class SessionFilter(ListFilter):
    """The filters of the session list."""

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
        offer(self, "agent", [("", "Any agent"), *((agent.pk, agent.name) for agent in agents)])

    def narrow(self, sessions: QuerySet[Session]) -> QuerySet[Session]:
        """The sessions that fit."""
        chosen = self.chosen
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


class StartForm(forms.Form):
    """The first message of a session, where it runs, and what it is given."""

    environment = forms.ChoiceField(label="Environment")
    title = forms.CharField(label="Title", required=False, max_length=limits.SESSION_TITLE_MAX)
    text = forms.CharField(
        label="First message",
        max_length=MESSAGE_MAX_CHARS,
        widget=forms.Textarea(attrs={"rows": 5, "placeholder": "What should the agent do?"}),
        error_messages={"required": "Write a message first."},
    )
    uploads = forms.MultipleChoiceField(label="Files to read", required=False, widget=forms.CheckboxSelectMultiple)
    vaults = forms.MultipleChoiceField(label="Vaults it may use", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self,
        data: Any = None,
        *,
        environments: Sequence[tuple[str, str]],
        uploads: Sequence[tuple[str, str]] = (),
        vaults: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(data)
        environments = environments or [(NEW_ENVIRONMENT, "A new one, named default")]
        for name, choices in (("environment", environments), ("uploads", uploads), ("vaults", vaults)):
            offer(self, name, choices)

    def body(self, agent_id: str, environment_id: str) -> dict[str, Any]:
        """The wire's members of a session that starts at once."""
        said = self.cleaned_data
        message = {"type": "user.message", "content": [{"type": "text", "text": said["text"]}]}
        start = {
            "agent": agent_id,
            "environment_id": environment_id,
            "initial_events": [message],
            "resources": [{"type": "file", "file_id": file_id} for file_id in said["uploads"]],
            "vault_ids": said["vaults"],
        }
        return {**start, "title": said["title"] or said["text"].strip().splitlines()[0][:FIRST_WORDS_MAX]}


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


class BudgetForm(forms.Form):
    """A session's new cap, in dollars."""

    dollars = usd_field("New budget in USD", 2)

    def budget(self) -> dict[str, Any]:
        """The wire's object."""
        return {
            "type": "limit",
            "max_list_cost": {"amount": f"{self.cleaned_data['dollars'] * 100:.0f}", "currency": "USD"},
        }
