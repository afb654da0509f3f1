"""The form of a webhook endpoint."""

from typing import Any

from django import forms

from agents.forms.editing import EditionForm
from agents.limits import URL_MAX, WEBHOOK_DESCRIPTION_MAX, WEBHOOK_NAME_MAX
from agents.models import WebhookEndpoint
from agents.webhook_events import ALIASES, FAMILIES

FAMILY_WORDS = {name: name.replace("_", " ").capitalize() + "s" for name in FAMILIES}
FAMILY_WORDS["memory_store"], FAMILY_WORDS["vault_credential"] = "Memory stores", "Credentials in vaults"
FAMILY_WORDS["dream_policy"] = "Dream schedules"


class WebhookForm(EditionForm):
    """Where to send, and which events."""

    url = forms.CharField(
        label="Address",
        max_length=URL_MAX,
        widget=forms.URLInput(attrs={"placeholder": "https://hooks.example.com/lucid"}),
        help_text="A public https address on port 443, unless this installation permits private ones.",
    )
    name = forms.CharField(label="Name", required=False, max_length=WEBHOOK_NAME_MAX)
    description = forms.CharField(
        label="Notes",
        required=False,
        max_length=WEBHOOK_DESCRIPTION_MAX,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    enabled_events = forms.MultipleChoiceField(
        label="Events",
        choices=[
            (FAMILY_WORDS[family], [(name, name) for name in names if name not in ALIASES])
            for family, names in FAMILIES.items()
        ],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick at least one."},
    )

    def __init__(self, data: Any = None, *, endpoint: WebhookEndpoint | None = None) -> None:
        super().__init__(data, initial=self.showing(endpoint) if endpoint else None)
        self.offer(endpoint.enabled_events if endpoint else [])

    def offer(self, chosen: list[str]) -> None:
        """What was chosen over the API and is not offered here stays choosable."""
        field = self.fields["enabled_events"]
        assert isinstance(field, forms.MultipleChoiceField)
        offered = {name for _, names in self.families() for name, _ in names}
        if others := [name for name in chosen if name not in offered]:
            field.choices = [*self.families(), ("Others", [(name, name) for name in others])]

    def families(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The groups of the picker."""
        field = self.fields["enabled_events"]
        assert isinstance(field, forms.MultipleChoiceField)
        return list(field.choices)  # type: ignore[arg-type]

    @property
    def chosen(self) -> set[str]:
        return set(self["enabled_events"].value() or ())
