"""What the pages of forms share when somebody else saved the same thing first."""

from typing import Any

from agents import audit
from agents.forms.editing import EditionForm
from agents.http import HtmxHttpRequest

MYSELF = "You, in another tab,"


def lay_over(request: HtmxHttpRequest, form: EditionForm, theirs: Any, object_id: str = "") -> None:
    """Both are shown, and who saved `theirs`; saving once more replaces it."""
    last = audit.last_of(request.actor, object_id or theirs.pk)
    author = "" if last is None else MYSELF if last.actor_id == request.actor.id else last.actor_name
    form.lay_over(form.showing(theirs), author)
