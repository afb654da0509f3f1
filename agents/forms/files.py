"""Forms of the pages of files."""

from django import forms
from django.db.models import QuerySet

from agents.forms.parts import ListFilter
from agents.limits import FILE_MAX_BYTES
from agents.models import File

DAY = 86_400
EVERY, UPLOADS, OUTPUTS = "", "uploads", "outputs"


class FileFilter(ListFilter):
    """The filters of the list of files."""

    q = forms.CharField(required=False, label="Search", max_length=200)
    origin = forms.ChoiceField(
        required=False,
        label="From",
        choices=[(EVERY, "From anywhere"), (UPLOADS, "Uploaded"), (OUTPUTS, "Made by sessions")],
    )
    session = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def narrow(self, files: QuerySet[File]) -> QuerySet[File]:
        chosen = self.chosen
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
