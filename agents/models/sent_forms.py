"""What forms of pages have made, so that one which arrives twice makes it once."""

from django.db import models

from agents.models.base import WorkspaceOwned


class SentForm(WorkspaceOwned):
    """A form that did what it asks for. The digest is of who sent what from which page; `name` is what people call the
    secret that was shown for it, empty where it made none, and `url` where that, or what it made, is found."""

    digest = models.CharField(max_length=64, primary_key=True)
    name = models.TextField(blank=True)
    url = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="sent_form_by_age")]

    def __str__(self) -> str:
        return self.name or self.url
