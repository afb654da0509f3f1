"""The form of a skill's upload."""

from typing import Any

from django import forms

from agents.limits import DISPLAY_NAME_MAX
from agents.models import Skill


class SkillForm(forms.Form):
    """A skill's folder as one zip; what it is called can be said once, with the first."""

    archive = forms.FileField(
        label="Zip of the skill's folder",
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,.skill,application/zip"}),
        error_messages={"required": "Choose a zip first.", "empty": "The file is empty."},
    )
    display_name = forms.CharField(
        label="Shown as",
        required=False,
        max_length=DISPLAY_NAME_MAX,
        help_text="Left empty, the name in SKILL.md.",
    )

    def __init__(self, *given: Any, skill: Skill | None = None, **options: Any) -> None:
        super().__init__(*given, **options)
        if skill:
            del self.fields["display_name"]
