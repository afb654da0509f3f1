"""Forms of the memory pages."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from agents.forms.editing import EditionForm, differences
from agents.forms.parts import RefusableForm, offer
from agents.ids import MAX_ID_LENGTH
from agents.models import Workspace
from memory.limits import CONTENT_MAX_BYTES, STORE_DESCRIPTION_MAX, STORE_NAME_MAX
from memory.models import Memory, MemoryStore, Tier
from memory.provenance import Provenance

STORES_OFFERED = 200
REASON_MAX = 500
SHA256_LENGTH = 64
TIERS = (
    (Tier.WORKING, "Working memory: read and write"),
    (Tier.VERIFIED, "Verified facts: read-only"),
    (Tier.ORGANIZATION, "Organization standards: read-only"),
)


class FileSearch(forms.Form):
    """Search in a store, in paths and text."""

    q = forms.CharField(required=False, label="Search this store", max_length=200)

    @property
    def is_narrowing(self) -> bool:
        """Whether something is searched for."""
        return bool(self._wanted())

    def narrow(self, files: QuerySet[Memory]) -> QuerySet[Memory]:
        """The files whose path or text holds the words."""
        wanted = self._wanted()
        return files.filter(Q(path__icontains=wanted) | Q(content__icontains=wanted)) if wanted else files

    def _wanted(self) -> str:
        return self.cleaned_data["q"] if self.is_valid() else ""


class CompareForm(forms.Form):
    """Two versions."""

    old = forms.CharField(max_length=MAX_ID_LENGTH)
    new = forms.CharField(max_length=MAX_ID_LENGTH)


class StoreForm(EditionForm):
    """A store's name, description and tier. Each field remembers what it showed, so that an edit sends only what the
    person changed."""

    name = forms.CharField(label="Name", max_length=STORE_NAME_MAX, show_hidden_initial=True)
    description = forms.CharField(
        label="Description",
        required=False,
        max_length=STORE_DESCRIPTION_MAX,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Agents read it when the store is mounted: say what is in it and when to look.",
        show_hidden_initial=True,
    )
    tier = forms.ChoiceField(
        label="What it is for",
        choices=TIERS,
        initial=Tier.WORKING,
        help_text="Working memory is what agents note and dreams tidy up. Verified facts were confirmed by a person, "
        "standards hold for everybody; people alone write those two.",
        show_hidden_initial=True,
    )

    def clean_description(self) -> str:
        """A browser sends line ends as CR LF."""
        return _plain_ends(self.cleaned_data["description"])

    def changes(self) -> dict[str, Any]:
        return {name: self.said[name] for name in self.changed_data if name in self.said}

    def lay_over(self, saved: Mapping[str, Any], author: str = "") -> None:
        """What this person did not touch is shown as it is saved now."""
        super().lay_over(saved, author)
        untouched = {name: value for name, value in saved.items() if name not in self.changed_data}
        self._fill(**untouched, **{f"initial-{name}": value for name, value in untouched.items()})
        self.theirs = differences(self, saved)


class StoreDeleteForm(forms.Form):
    number = forms.IntegerField(label="Type the number of files", min_value=0)


class ReasonForm(RefusableForm):
    """Why somebody writes by hand; it stands beside the version and in the audit log."""

    reason = forms.CharField(
        label="Why (optional)", required=False, max_length=REASON_MAX, help_text="Kept with the version for ever."
    )

    def provenance(self) -> Provenance | None:
        reason = self.cleaned_data["reason"]
        return Provenance(note=reason) if reason else None


class MemoryForm(ReasonForm):
    """A file as a person writes it. `base_sha256` is the text that the person started from, and `replaces` the same
    once somebody else's text came between: then saving replaces theirs, and wants a reason."""

    path = forms.CharField(
        label="Path",
        help_text="Such as /projects/foo/notes.md: up to 20 parts and 1,024 bytes.",
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocomplete": "off"}),
        show_hidden_initial=True,
    )
    content = forms.CharField(
        label="Text",
        required=False,
        strip=False,
        help_text=f"Up to {CONTENT_MAX_BYTES:,} bytes. It is stored as you write it.",
        widget=forms.Textarea(attrs={"rows": 16, "class": "code", "spellcheck": "true"}),
    )
    base_sha256 = forms.CharField(required=False, max_length=SHA256_LENGTH, widget=forms.HiddenInput)
    replaces = forms.CharField(required=False, max_length=SHA256_LENGTH, widget=forms.HiddenInput)
    field_order = ("path", "content", "reason")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.replaced:
            self._ask_why()

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if said.get("replaces") and not said.get("reason"):
            self.add_error("reason", "Say why yours is to replace theirs.")
        return said

    @property
    def typed(self) -> str:
        """The text that the browser sent, with plain line ends, whether or not the form is valid."""
        return _plain_ends(self.data.get("content", ""))

    @property
    def replaced(self) -> str:
        """The hash of the text that this person started from, while another one stands there."""
        return str(self.data.get("replaces", ""))

    def text(self, base: str = "") -> str:
        """What is to be stored: a browser sends every line end as CR LF, so the ends that the file had are kept."""
        if self.typed == _plain_ends(base):
            return base
        ends = base.count("\n")
        return self.typed.replace("\n", "\r\n") if ends and base.count("\r\n") == ends else self.typed

    def text_if_changed(self, base: str | None) -> str | None:
        text = self.text(base or "")
        return None if text == base else text

    def replace(self, theirs: str) -> None:
        """From here on saving means to replace the text with this hash."""
        self._send(replaces=self.replaced or self.data.get("base_sha256", ""), base_sha256=theirs)
        self._ask_why()

    def forget_base(self) -> None:
        self._send(replaces="", base_sha256="")

    def _ask_why(self) -> None:
        self["reason"].label = "Why yours is to replace theirs"

    def _send(self, **values: str) -> None:
        self.data = {**_last_values(self.data), **values}


class DeleteForm(ReasonForm):
    base_sha256 = forms.CharField(max_length=SHA256_LENGTH, widget=forms.HiddenInput)

    def start_from(self, sha256: str) -> None:
        self.data = {**_last_values(self.data), "base_sha256": sha256}


class RedactForm(forms.Form):
    reason = forms.CharField(
        label="Why it must go", max_length=REASON_MAX, help_text="Kept in the audit log; do not repeat what is wiped."
    )


class AgentMemoryForm(forms.Form):
    """What an agent keeps between sessions; part of the agent's own page."""

    template = "memory/agent_memory_form.html"
    extension = ""

    memory_enabled = forms.BooleanField(label="Keep memory between sessions", required=False)
    memory_stores = forms.MultipleChoiceField(
        label="Stores that every session mounts", required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any, *, workspace: Workspace, kept: dict[str, Any] | None) -> None:
        chosen = kept["stores"] if kept else []
        super().__init__(data, initial={"memory_enabled": kept and kept["enabled"], "memory_stores": chosen})
        self.was_set = kept is not None
        stores = MemoryStore.objects.in_workspace(workspace).live().filter(unreviewed_review_id=None)
        offered = stores.order_by("name")[:STORES_OFFERED]
        named = ((store.pk, f"{store.name} ({store.get_tier_display().lower()})") for store in offered)
        offer(self, "memory_stores", named)

    def wanted(self) -> dict[str, Any] | None:
        """The member of the wire; None where it was never set and is not now."""
        said = self.cleaned_data
        if not self.was_set and not said["memory_enabled"]:
            return None
        return {"enabled": said["memory_enabled"], "scope": "agent", "stores": said["memory_stores"]}


def _last_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """Of a query: unpacking one gives the lists in it."""
    return {name: data[name] for name in data}


def _plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
