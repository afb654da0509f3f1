"""The filters of the audit log."""

from collections.abc import Iterable
from datetime import UTC, datetime, time

from django import forms
from django.db.models import QuerySet

from agents.forms.parts import ListFilter, offer
from agents.ids import PREFIXES
from agents.models import AuditEvent

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


class AuditFilter(ListFilter):
    """The filters of the audit log."""

    actor = forms.ChoiceField(required=False, label="Who")
    action = forms.ChoiceField(required=False, label="What")
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    q = forms.CharField(required=False, label="Object", max_length=200)

    def offer(self, actors: Iterable[tuple[str, str]]) -> None:
        """The choices: who there is, and the kind of action, or the one action that the address names."""
        offer(self, "actor", [("", "Anybody"), *actors])
        exact = str(self.data.get("action", ""))
        named = [(exact, exact.replace("_", " ").replace(".", " "))] if "." in exact else []
        offer(self, "action", [("", "Anything"), *named, *KINDS_OF_ACTION.items()])

    def narrow(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """The events that fit; days are whole days in UTC."""
        chosen = self.chosen
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
