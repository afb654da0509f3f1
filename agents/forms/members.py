"""Forms of the members of a workspace."""

from django import forms

from agents.forms.editing import EditionForm
from agents.models import Role

ROLE_WORDS = {
    Role.VIEWER: "Viewer: reads everything in this workspace",
    Role.REVIEWER: "Reviewer: also decides on proposals, starts dreams and judges sessions",
    Role.ADMIN: "Admin: also talks to agents, and sets up everything here",
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


class RoleForm(EditionForm):
    """What a member may do."""

    role = forms.ChoiceField(label="Role", choices=list(ROLE_WORDS.items()))
