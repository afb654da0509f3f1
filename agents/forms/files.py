"""Forms of the pages of files."""

from django import forms
from django.db.models import QuerySet

from agents.limits import FILE_MAX_BYTES
from agents.models import File

DAY = 86_400
EVERY, UPLOADS, OUTPUTS = "", "uploads", "outputs"


class FileFilter(forms.Form):
    """The filters of the list; an unknown value counts as not chosen."""

    q = forms.CharField(required=False, label="Search", max_length=200)
    origin = forms.ChoiceField(
        required=False,
        label="From",
        choices=[(EVERY, "From anywhere"), (UPLOADS, "Uploaded"), (OUTPUTS, "Made by sessions")],
    )
    session = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    @property
    def is_narrowing(self) -> bool:
        return any(self._chosen().values())

    def narrow(self, files: QuerySet[File]) -> QuerySet[File]:
        chosen = self._chosen()
        if text := chosen.get("q"):
            files = files.filter(filename__icontains=text)
        if session := chosen.get("session"):
            files = files.filter(session=session)
        match chosen.get("origin"):
            case "uploads":
                return files.filter(session=None)
            case "outputs":
                return files.filter(downloadable=True)
        return files

    def _chosen(self) -> dict[str, str]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if "\x00" not in value}


class UploadForm(forms.Form):
    """One file, for good or for a while."""

    file = forms.FileField(
        label="File",
        help_text=f"At most {FILE_MAX_BYTES // 1024**2} MB.",
        error_messages={"required": "Choose a file first.", "empty": "This file is empty."},
        allow_empty_file=True,
    )
    expires_in_seconds = forms.TypedChoiceField(
        label="Keep it",
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "until it is deleted"), *((days * DAY, f"for {days} days") for days in (1, 7, 30, 90))],
    )
