"""The form of a program's key."""

from django import forms

from agents.limits import API_KEY_NAME_MAX
from agents.models import Scope
from agents.services.api_keys import DEFAULT_SCOPES

SCOPE_WORDS = {
    Scope.READ: "Read: list and get everything in this workspace, the audit log included",
    Scope.WRITE: "Write: create and change agents, sessions, memory and all else that the API has",
    Scope.REVIEW: "Review: approve, reject and undo proposals, as a reviewer does",
    Scope.OPERATOR: "Operator: what it says to agents counts as a person's word when dreams weigh the evidence",
}


class ApiKeyForm(forms.Form):
    """What a program's key is for, and what it opens."""

    name = forms.CharField(
        label="What it is for",
        max_length=API_KEY_NAME_MAX,
        widget=forms.TextInput(attrs={"placeholder": "nightly import"}),
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=list(SCOPE_WORDS.items()),
        initial=list(DEFAULT_SCOPES),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick at least one; a key that may do nothing is no use."},
    )
