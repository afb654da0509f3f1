"""Forms of the deployment pages: the filter of the list, a deployment, and what its schedule comes to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet

from agents import cron, limits
from agents.exceptions import InvalidRequest
from agents.forms.editing import EditionForm
from agents.forms.parts import MESSAGE_MAX_CHARS, USD_MAX, ListFilter, offer
from agents.models import Deployment, DeploymentStatus

STORE = "memory_store"
ARCHIVED = "archived"
CENT = Decimal("0.01")
type Choice = tuple[str, str]


class DeploymentFilter(ListFilter):
    """Which deployments the list shows."""

    state = forms.ChoiceField(
        required=False,
        label="State",
        choices=[("", "All but archived"), *DeploymentStatus.choices, (ARCHIVED, "Archived")],
    )

    def narrow(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """The deployments that fit."""
        state = self.chosen.get("state")
        if state == ARCHIVED:
            return rows.exclude(archived_at=None)
        rows = rows.filter(archived_at=None)
        return rows.filter(status=state) if state else rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a schedule that somebody types comes to: its next times by its own clocks, or what is wrong with it."""

    zone: str = "UTC"
    ahead: Sequence[str] = ()
    problem: str = ""

    @classmethod
    def of(cls, expression: str, zone: str, now: datetime) -> "Preview":
        if not expression.strip():
            return cls()
        try:
            ahead = cron.upcoming(expression, zone, now)
        except InvalidRequest as refusal:
            return cls(problem=refusal.message.partition(": ")[2])
        return cls(zone=zone, ahead=by_clocks_of(zone, ahead))


def by_clocks_of(zone: str, moments: Iterable[datetime]) -> list[str]:
    """Written here, because a template would show them by the clocks of the server."""
    local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    return [f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M %Z}" for moment in local]


class DeploymentForm(EditionForm):
    """A deployment as people fill it in; `kept` is the one that is changed. Events and resources that this form cannot
    show were set through the API, and stay."""

    places = {
        "agent_id": "agent",
        "environment_id": "environment",
        "resources": "stores",
        "initial_events": "message",
        "schedule.expression": "expression",
        "schedule.timezone": "timezone",
    }

    name = forms.CharField(label="Name", max_length=limits.DEPLOYMENT_NAME_MAX)
    description = forms.CharField(label="Description", required=False, max_length=limits.AGENT_DESCRIPTION_MAX)
    agent = forms.ChoiceField(label="Agent", error_messages={"required": "Choose an agent."})
    version = forms.IntegerField(
        label="Version",
        required=False,
        min_value=1,
        max_value=2_147_483_647,
        help_text="Optional: else the latest. A newer version is used only once you choose it here.",
    )
    environment = forms.ChoiceField(label="Environment", error_messages={"required": "Choose an environment."})
    message = forms.CharField(
        label="First message",
        max_length=MESSAGE_MAX_CHARS,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="What each session is asked to do. You speak here: sessions run on your behalf.",
    )
    expression = forms.CharField(
        label="When",
        required=False,
        max_length=cron.EXPRESSION_MAX,
        help_text="Minute, hour, day of month, month, day of week: 30 8 * * 1-5 is half past eight on weekdays."
        " Leave it empty to start by hand only.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )
    timezone = forms.ChoiceField(label="Time zone", initial="UTC")
    stores = forms.MultipleChoiceField(label="Memory", required=False, widget=forms.CheckboxSelectMultiple)
    dollars = forms.DecimalField(
        label="Budget of each session in USD",
        required=False,
        min_value=CENT,
        max_value=USD_MAX,
        decimal_places=2,
        help_text="Optional. A session that has used it up pauses until you raise it.",
        widget=forms.NumberInput(attrs={"step": "0.01", "min": "0", "inputmode": "decimal"}),
    )

    def __init__(self, data: Any = None, *, kept: Deployment | None = None) -> None:
        super().__init__(data, initial=self.showing(kept) if kept else {"timezone": "UTC"})
        self.kept = kept
        offer(self, "timezone", [(name, name) for name in cron.zone_names()])
        if not self.shows_message:
            del self.fields["message"]

    @property
    def shows_message(self) -> bool:
        """Whether the first message is a plain text, and all that a session begins with."""
        return self.kept is None or _plain_text(self.kept.initial_events) is not None

    @classmethod
    def as_typed(cls, data: Any, *, kept: Deployment | None = None) -> "DeploymentForm":
        """With what somebody typed until now, and without a word about what is missing."""
        form = cls(kept=kept)
        for name in form.fields:
            form.initial[name] = data.getlist(name) if name == "stores" else data.get(name, "")
        return form

    def offer(self, *, agents: Iterable[Choice], environments: Iterable[Choice], stores: Iterable[Choice]) -> None:
        """The choices that depend on the workspace, and what the deployment has, even if nobody may choose it anew."""
        kept = self.kept
        offer(self, "agent", _with(agents, [(kept.agent_id, kept.agent.name)] if kept else []))
        offer(self, "environment", _with(environments, [(kept.environment_id, kept.environment.name)] if kept else []))
        offer(self, "stores", _with(stores, [(pk, pk) for pk in self.initial.get("stores") or []]))

    @classmethod
    def shown(cls, row: Deployment) -> dict[str, Any]:
        return {
            "name": row.name,
            "description": row.description,
            "agent": row.agent_id,
            "version": row.agent_version,
            "environment": row.environment_id,
            "message": _plain_text(row.initial_events),
            "expression": row.cron,
            "timezone": row.timezone,
            "stores": [entry["memory_store_id"] for entry in row.resources if entry["type"] == STORE],
            "dollars": (Decimal(row.budget["max_list_cost"]["amount"]) / 100).quantize(CENT) if row.budget else None,
        }

    def body(self, attached: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        """The wire's members; `attached` are the resources it has, with their tokens."""
        said = self.cleaned_data
        version = {"version": said["version"]} if said["version"] else {}
        body = {
            "name": said["name"],
            "description": said["description"],
            "agent": {"type": "agent", "id": said["agent"], **version},
            "environment_id": said["environment"],
            "schedule": self._schedule(),
            "resources": self._resources(attached),
            "budget": self._budget(),
        }
        if "message" in said and said["message"] != self._kept_message:
            body["initial_events"] = [{"type": "user.message", "content": [{"type": "text", "text": said["message"]}]}]
        return body

    @property
    def _kept_message(self) -> str | None:
        """As a browser gives it back: who did not touch it must not become the one who speaks in it."""
        text = _plain_text(self.kept.initial_events) if self.kept else None
        return text and text.replace("\r\n", "\n").strip()

    def clean_message(self) -> str:
        return str(self.cleaned_data["message"]).replace("\r\n", "\n")

    def _schedule(self) -> dict[str, Any] | None:
        expression = " ".join(self.cleaned_data["expression"].split())
        zone = self.cleaned_data["timezone"]
        return {"type": "cron", "expression": expression, "timezone": zone} if expression else None

    def _resources(self, attached: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """A store that stays keeps what was said about it."""
        wanted = self.cleaned_data["stores"]
        known = {entry["memory_store_id"]: entry for entry in attached if entry["type"] == STORE}
        others = [entry for entry in attached if entry["type"] != STORE]
        return [*others, *(known.get(pk) or {"type": STORE, "memory_store_id": pk} for pk in wanted)]

    def _budget(self) -> dict[str, Any] | None:
        dollars = self.cleaned_data["dollars"]
        if dollars is None:
            return None
        return {"type": "limit", "max_list_cost": {"amount": f"{dollars * 100:.0f}", "currency": "USD"}}


def _with(offered: Iterable[Choice], kept: Iterable[Choice]) -> list[Choice]:
    choices = dict(offered)
    gone = {pk: f"{name} (no longer offered)" for pk, name in kept if pk not in choices}
    return [*choices.items(), *gone.items()]


def _plain_text(events: Sequence[dict[str, Any]]) -> str | None:
    """The text of the one message that there is."""
    content = events[0].get("content") or [] if len(events) == 1 else []
    return str(content[0]["text"]) if len(content) == 1 and content[0]["type"] == "text" else None
