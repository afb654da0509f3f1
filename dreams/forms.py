"""Forms of reviewing and dreaming."""

from collections.abc import Iterable

from django import forms
from django.db.models import Q, QuerySet

from agents.models import Session
from dreams.limits import INSTRUCTIONS_MAX_CHARS, MODEL_ID_MAX_CHARS, SESSIONS_MAX
from dreams.models import Dream, Lane, Proposal, ProposalKind
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


class InboxFilter(forms.Form):
    """The filters of the inbox; an unknown value counts as not chosen."""

    store = forms.ChoiceField(required=False, label="Store")
    dream = forms.ChoiceField(required=False, label="Dream")
    kind = forms.ChoiceField(required=False, label="Kind", choices=[("", "Any kind"), *ProposalKind.choices])
    lane = forms.ChoiceField(required=False, label="Lane", choices=[("", "Any lane"), *Lane.choices])
    q = forms.CharField(required=False, label="Search", max_length=200)

    def offer(self, stores: Iterable[MemoryStore], dreams: Iterable[Dream]) -> None:
        """The choices that depend on the workspace."""
        self._choose("store", [("", "Any store"), *((store.pk, store.name) for store in stores)])
        named = [(dream.pk, f"Dream of {dream.created_at:%d %b, %H:%M}") for dream in dreams]
        self._choose("dream", [("", "Any dream"), *named])

    @property
    def is_narrowing(self) -> bool:
        """Whether any filter is set."""
        return bool(self._chosen())

    def narrow(self, proposals: QuerySet[Proposal]) -> QuerySet[Proposal]:
        """The proposals that fit."""
        chosen = self._chosen()
        words = chosen.pop("q", "")
        columns = {"store": "store", "dream": "review__dream", "kind": "kind", "lane": "lane"}
        found = proposals.filter(**{columns[name]: value for name, value in chosen.items()})
        holds = Q(path__icontains=words) | Q(after__icontains=words) | Q(before__icontains=words)
        return found.filter(holds) if words else found

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def _chosen(self) -> dict[str, str]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


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

    def offer(self, stores: Iterable[MemoryStore], sessions: Iterable[Session]) -> None:
        """The choices of the workspace."""
        for name, rows in (("store", stores), ("sessions", sessions)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [(row.pk, str(row)) for row in rows]

    def clean_sessions(self) -> list[str]:
        """The wire's bound."""
        chosen = list(self.cleaned_data["sessions"])
        if len(chosen) > SESSIONS_MAX:
            raise forms.ValidationError(f"A dream reads at most {SESSIONS_MAX} sessions; you chose {len(chosen)}.")
        return chosen
