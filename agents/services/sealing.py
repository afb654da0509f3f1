"""Which columns hold sealed texts, and how they come under the newest sealing key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from agents.crypto import is_sealed_with_newest_key, purpose_of, seal, unseal
from agents.exceptions import SecretUnreadable
from agents.models import Credential, Deployment, SessionResource, WebhookEndpoint

# Whoever adds a column of sealed texts adds it here; its texts are sealed for `purpose_of(row, column)`.
COLUMNS: tuple[tuple[type[Model], str], ...] = (
    (Credential, "sealed"),
    (WebhookEndpoint, "sealed_secret"),
    (Deployment, "sealed_tokens"),
    (SessionResource, "sealed_token"),
)
BATCH = 200


@dataclass(slots=True, kw_only=True)
class Count:
    """What became of the texts in one column."""

    column: str
    resealed: int = 0
    current: int = 0
    unreadable: int = 0


def reseal_all() -> Iterator[Count]:
    """Column by column; safe to repeat and to stop at any point, beside a running installation."""
    for model, column in COLUMNS:
        yield _reseal_column(model, column)


def _reseal_column(model: type[Model], column: str) -> Count:
    count = Count(column=f"{model._meta.label_lower}.{column}")
    rows: Any = model._default_manager.exclude(**{column: ""}).only("pk", column).order_by("pk")
    last = ""
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        for row in batch:
            _reseal_row(row, column, count)
        last = batch[-1].pk
    return count


def _reseal_row(row: Model, column: str, count: Count) -> None:
    sealed, purpose = getattr(row, column), purpose_of(row, column)
    if is_sealed_with_newest_key(sealed):
        count.current += 1
        return
    try:
        again = seal(unseal(sealed, purpose=purpose), purpose=purpose)
    except SecretUnreadable:
        count.unreadable += 1
        return
    # Somebody may have replaced the secret meanwhile, under the newest key.
    count.resealed += type(row)._default_manager.filter(pk=row.pk, **{column: sealed}).update(**{column: again})
