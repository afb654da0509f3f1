"""What the pages of forms share when somebody else saved the same thing first."""

from typing import Any

from agents import audit
from agents.forms.editing import EditionForm
from agents.http import HtmxHttpRequest

MYSELF = "You, in another tab,"


def lay_over(request: HtmxHttpRequest, form: EditionForm, theirs: Any, object_id: str = "") -> None:
    """Both are shown, and who saved `theirs`; saving once more replaces it."""
    form.lay_over(form.showing(theirs), author_of(request, object_id or theirs.pk))


def author_of(request: HtmxHttpRequest, object_id: str) -> str:
    """Who changed it last, as far as the audit log knows."""
    last = audit.last_of(request.actor, object_id)
    return "" if last is None else MYSELF if last.actor_id == request.actor.id else last.actor_name
