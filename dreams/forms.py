"""Forms of reviewing and dreaming."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from agents import cron
from agents.forms.editing import EditionForm
from agents.forms.parts import ListFilter, offer
from agents.models import Agent, Session
from dreams.limits import (
    INSTRUCTIONS_MAX_CHARS,
    MODEL_ID_MAX_CHARS,
    POLICY_NAME_MAX_CHARS,
    SESSIONS_MAX,
    WINDOW_DAYS,
    WINDOW_DAYS_MAX,
)
from dreams.models import Dream, DreamPolicy, DreamStatus, Lane, PolicyMode, Proposal, ProposalKind
from dreams.models.dream import OutputBehavior
from memory.limits import CONTENT_MAX_BYTES
from memory.models import MemoryStore

REASONS = (
    ("wrong_fact", "Wrong fact"),
    ("no_evidence", "No evidence"),
    ("out_of_date", "Out of date"),
    ("duplicate", "Duplicate"),
    ("too_specific", "Too specific"),
    ("private", "Private or sensitive"),
    ("wrong_place", "Wrong place"),
    ("bad_wording", "Bad wording"),
    ("other", "Other"),
)
TABS = ("pending", "quarantine", "decided", "all")


class InboxFilter(ListFilter):
    """The filters of the inbox."""

    store = forms.ChoiceField(required=False, label="Store")
    dream = forms.ChoiceField(required=False, label="Dream")
    kind = forms.ChoiceField(required=False, label="Kind", choices=[("", "Any kind"), *ProposalKind.choices])
    lane = forms.ChoiceField(required=False, label="Lane", choices=[("", "Any lane"), *Lane.choices])
    q = forms.CharField(required=False, label="Search", max_length=200)

    def offer(self, stores: Iterable[MemoryStore], dreams: Iterable[Dream]) -> None:
        """The choices that depend on the workspace."""
        offer(self, "store", [("", "Any store"), *((store.pk, store.name) for store in stores)])
        named = [(dream.pk, f"Dream of {dream.created_at:%d %b, %H:%M}") for dream in dreams]
        offer(self, "dream", [("", "Any dream"), *named])

    @property
    def dream_id(self) -> str:
        """The dream whose proposals alone are shown; "" for all."""
        return self.chosen.get("dream", "")

    @property
    def is_of_dream_alone(self) -> bool:
        """Whether the dream is the only filter."""
        return self.chosen.keys() == {"dream"}

    def narrow(self, proposals: QuerySet[Proposal]) -> QuerySet[Proposal]:
        """The proposals that fit."""
        chosen = self.chosen
        words = chosen.pop("q", "")
        columns = {"store": "store", "dream": "review__dream", "kind": "kind", "lane": "lane"}
        found = proposals.filter(**{columns[name]: value for name, value in chosen.items()})
        holds = Q(path__icontains=words) | Q(after__icontains=words) | Q(before__icontains=words)
        return found.filter(holds) if words else found


class DecisionForm(forms.Form):
    """What every decision carries: which text it is about."""

    base_sha256 = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    revision = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)


class EditForm(DecisionForm):
    """The reviewer's own wording."""

    text = forms.CharField(
        label="Text that will be stored",
        max_length=CONTENT_MAX_BYTES,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "class": "code", "spellcheck": "true"}),
        error_messages={"required": "There is no text left. To drop the change, reject it."},
    )


class RejectForm(DecisionForm):
    """Why not; the reason teaches the next dream."""

    reason_code = forms.ChoiceField(
        choices=REASONS, widget=forms.RadioSelect, error_messages={"required": "Choose a reason."}
    )
    reason = forms.CharField(required=False, max_length=2_000, label="In your words")


class ReasonForm(forms.Form):
    """Why a quarantined text may be trusted."""

    reason = forms.CharField(
        max_length=2_000,
        label="Why can this be trusted?",
        error_messages={"required": "Say why this text can be trusted."},
    )


class DreamForm(forms.Form):
    """Which sessions shall be read into which store."""

    store = forms.ChoiceField(label="Memory store", error_messages={"required": "Choose a memory store."})
    sessions = forms.MultipleChoiceField(
        label="Sessions to read", error_messages={"required": "Choose at least one session."}
    )
    model = forms.CharField(
        label="Model",
        max_length=MODEL_ID_MAX_CHARS,
        help_text="The id as the model endpoint knows it.",
        error_messages={"required": "Name the model that shall read the sessions."},
    )
    instructions = forms.CharField(
        required=False,
        max_length=INSTRUCTIONS_MAX_CHARS,
        label="What to look for",
        help_text="Optional. The dream reads it as your instruction.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    output = forms.ChoiceField(
        label="Where the result goes",
        required=False,
        choices=[
            (OutputBehavior.CREATE_NEW, "A candidate copy with every change; the store waits for your approval"),
            (OutputBehavior.UPDATE_EXISTING, "The store itself: what an open gate lets through, the rest waits"),
        ],
    )

    def offer(self, stores: Iterable[MemoryStore], sessions: Iterable[Session]) -> None:
        """The choices of the workspace."""
        for name, rows in (("store", stores), ("sessions", sessions)):
            offer(self, name, [(row.pk, str(row)) for row in rows])

    def clean_sessions(self) -> list[str]:
        """The wire's bound."""
        chosen = list(self.cleaned_data["sessions"])
        if len(chosen) > SESSIONS_MAX:
            raise forms.ValidationError(f"A dream reads at most {SESSIONS_MAX} sessions; you chose {len(chosen)}.")
        return chosen


class DreamFilter(ListFilter):
    """The filters of the list of dreams."""

    status = forms.ChoiceField(required=False, label="Status", choices=[("", "Any status"), *DreamStatus.choices])
    store = forms.ChoiceField(required=False, label="Store")
    policy = forms.ChoiceField(required=False, label="Started by")
    archived = forms.ChoiceField(
        required=False, label="Archived", choices=[("", "Not archived"), ("all", "Archived ones, too")]
    )

    def offer(self, stores: Iterable[MemoryStore], policies: Iterable[DreamPolicy]) -> None:
        """The choices that depend on the workspace."""
        offer(self, "store", [("", "Any store"), *((store.pk, store.name) for store in stores)])
        named = ((policy.pk, policy.name) for policy in policies)
        offer(self, "policy", [("", "Any start"), ("none", "By hand"), *named])

    def narrow(self, dreams: QuerySet[Dream]) -> QuerySet[Dream]:
        """The dreams that fit."""
        chosen = self.chosen
        if chosen.get("archived") != "all":
            dreams = dreams.filter(archived_at=None)
        if "policy" in chosen:
            dreams = dreams.filter(policy=None if chosen["policy"] == "none" else chosen["policy"])
        columns = {"status": "status", "store": "input_store_id"}
        return dreams.filter(**{column: chosen[name] for name, column in columns.items() if name in chosen})


class PolicyForm(EditionForm):
    """What is dreamt about, when, and how freely."""

    places = {
        "schedule.expression": "cron",
        "schedule.timezone": "timezone",
        "memory_store_id": "store",
        "agent_id": "agent",
    }

    name = forms.CharField(label="Name", max_length=POLICY_NAME_MAX_CHARS)
    agent = forms.ChoiceField(label="Sessions of", required=False)
    store = forms.ChoiceField(label="Memory store", error_messages={"required": "Choose a memory store."})
    objective = forms.CharField(
        required=False,
        max_length=INSTRUCTIONS_MAX_CHARS,
        label="What to look for",
        help_text="Optional. Every dream reads it as your instruction.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    cron = forms.CharField(
        required=False,
        label="When",
        max_length=255,
        help_text="Minute, hour, day of month, month, day of week: 0 3 * * * is every night at three."
        " Leave it empty to run by hand only.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )
    timezone = forms.ChoiceField(label="Time zone")
    mode = forms.ChoiceField(
        label="Who decides",
        choices=[
            (PolicyMode.REVIEW, "A person decides on every change"),
            (PolicyMode.AUTO, "What an open gate lets through is written at once, the rest waits for a person"),
        ],
        help_text="Gates open for a kind of change when people keep approving it. In a new workspace all are closed.",
    )
    limit = forms.IntegerField(label="Sessions a dream reads at most", min_value=1, max_value=SESSIONS_MAX)
    window_days = forms.IntegerField(
        label="Days back that it looks for sessions", min_value=1, max_value=WINDOW_DAYS_MAX
    )
    model = forms.CharField(
        required=False,
        max_length=MODEL_ID_MAX_CHARS,
        label="Model",
        help_text="Optional: else the model that the agent has at that time.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "timezone", [(name, name) for name in cron.zone_names()])

    @staticmethod
    def usual() -> dict[str, Any]:
        """A new policy: every night at three, everything waits for a person."""
        return {
            "name": "Nightly dream",
            "cron": "0 3 * * *",
            "timezone": "UTC",
            "limit": SESSIONS_MAX,
            "window_days": WINDOW_DAYS,
        }

    @classmethod
    def shown(cls, row: DreamPolicy) -> dict[str, Any]:
        return {
            "name": row.name,
            "agent": row.agent_id or "",
            "store": row.store_id or "",
            "objective": row.objective or "",
            "cron": row.cron,
            "timezone": row.timezone,
            "mode": row.mode,
            "limit": row.session_limit,
            "window_days": row.window_days,
            "model": (row.model or {}).get("id", ""),
        }

    def offer(self, stores: Iterable[MemoryStore], agents: Iterable[Agent]) -> None:
        """The choices of the workspace."""
        offer(self, "store", [(store.pk, store.name) for store in stores])
        offer(self, "agent", [("", "All agents"), *((agent.pk, agent.name) for agent in agents)])

    def body(self) -> dict[str, Any]:
        """What was entered, as the API would be told it."""
        given = self.cleaned_data
        schedule = {"type": "cron", "expression": given["cron"], "timezone": given["timezone"]}
        return {
            "name": given["name"],
            "agent_id": given["agent"] or None,
            "memory_store_id": given["store"],
            "objective": given["objective"] or None,
            "schedule": schedule if given["cron"].strip() else None,
            "mode": given["mode"],
            "sessions": {"limit": given["limit"], "window_days": given["window_days"]},
            "model": given["model"] or None,
        }
