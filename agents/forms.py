"""Forms of the kernel's pages; numbers come from limits.py, choices from the models."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.cache import cache
from django.db.models import QuerySet

from agents.ids import MAX_ID_LENGTH
from agents.limits import SIGN_IN_FAILURES_MAX, SIGN_IN_PAUSE_SECONDS
from agents.models import Agent, Session, SessionStatus, VerdictResult

MESSAGE_MAX_CHARS = 100_000  # a person types or pastes it; the wire allows more in more blocks
NO_VERDICT = "none"


class SignInForm(AuthenticationForm):
    """Signing in, with a pause after too many wrong passwords for one name from one address."""

    def clean(self) -> dict[str, Any]:
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        name = str(self.cleaned_data.get("username", ""))
        key = "sign-in:" + sha256(f"{address} {name}".encode()).hexdigest()
        if cache.get(key, 0) >= SIGN_IN_FAILURES_MAX:
            raise forms.ValidationError("Too many wrong passwords. Wait a few minutes, then try again.", code="paused")
        try:
            return super().clean()
        except forms.ValidationError:
            cache.add(key, 0, SIGN_IN_PAUSE_SECONDS)
            cache.incr(key)
            raise


class SessionFilter(forms.Form):
    """The filters of the session list; an unknown value counts as not chosen."""

    agent = forms.ChoiceField(required=False, label="Agent")
    status = forms.ChoiceField(required=False, label="Status", choices=[("", "Any status"), *SessionStatus.choices])
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
        if "status" in chosen:
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
