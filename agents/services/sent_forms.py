"""Forms of pages that make something: however often one arrives, it makes it once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.actors import Actor
from agents.limits import SENT_FORMS_DAYS
from agents.models import SentForm


class SentBefore(Exception):
    """The form did what it asks for when it arrived first; `sent` says what that was."""

    def __init__(self, sent: SentForm) -> None:
        super().__init__(str(sent))
        self.sent = sent


@contextmanager
def sent_once(digest: str, *, actor: Actor) -> Iterator[SentForm]:
    """What is done inside is done once for that digest, in one transaction with the note of it, or `SentBefore`. Of two
    at once the second waits for the first one's end. Who gives the note no `url` did nothing, and may try again."""
    with transaction.atomic():
        sent = _noted(digest, actor)
        yield sent
        if sent.url:
            sent.save(update_fields=["name", "url"])
        else:
            transaction.set_rollback(True)


def _noted(digest: str, actor: Actor) -> SentForm:
    now = timezone.now()
    SentForm.objects.filter(created_at__lt=now - timedelta(days=SENT_FORMS_DAYS)).delete()
    try:
        with transaction.atomic():
            return SentForm.objects.create(digest=digest, workspace=actor.workspace, created_at=now)
    except IntegrityError:
        raise SentBefore(SentForm.objects.get(pk=digest)) from None
