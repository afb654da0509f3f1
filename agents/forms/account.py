"""Forms of a person: signing in, and a workspace of their own."""

from hashlib import sha256
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.cache import cache

from agents.limits import SIGN_IN_FAILURES_MAX, SIGN_IN_PAUSE_SECONDS, WORKSPACE_NAME_MAX
from agents.services.members import note_failed_sign_in, note_sign_in


class SignInForm(AuthenticationForm):
    """Signing in, with a pause after too many wrong passwords for one name from one address."""

    def clean(self) -> dict[str, Any]:
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        name = str(self.cleaned_data.get("username", ""))
        key = "sign-in:" + sha256(f"{address} {name}".encode()).hexdigest()
        if cache.get(key, 0) >= SIGN_IN_FAILURES_MAX:
            raise forms.ValidationError("Too many wrong passwords. Wait a few minutes, then try again.", code="paused")
        try:
            cleaned = super().clean()
        except forms.ValidationError:
            cache.add(key, 0, SIGN_IN_PAUSE_SECONDS)
            cache.incr(key)
            note_failed_sign_in(name)
            raise
        note_sign_in(self.get_user())
        return cleaned


class NewWorkspaceForm(forms.Form):
    """A tenant of its own."""

    name = forms.CharField(label="Name", max_length=WORKSPACE_NAME_MAX)
