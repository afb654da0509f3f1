"""The form of a workspace: what its admins can set."""

from typing import Any

from django import forms

from agents.forms.editing import EditionForm
from agents.limits import METADATA_KEY_MAX, WORKSPACE_NAME_MAX
from agents.models import Workspace
from agents.services.workspaces import settings_of


class WorkspaceForm(EditionForm):
    """What an admin can set about the workspace."""

    name = forms.CharField(label="Name", max_length=WORKSPACE_NAME_MAX)
    principal_key = forms.CharField(
        label="Metadata key that names the principal",
        max_length=METADATA_KEY_MAX,
        help_text="On whose behalf a session ran: programs say so in the session's metadata under this key. "
        "Dreams count how many different people a lesson comes from, so a wrong key makes everybody look like one.",
    )
    allow_unreviewed_stores = forms.BooleanField(
        label="Let sessions mount memory that nobody has reviewed",
        required=False,
        help_text="A dream can leave a candidate copy of a store. Off, which is safer: no session may use it "
        "until every change in it was approved.",
    )

    @classmethod
    def shown(cls, row: Workspace) -> dict[str, Any]:
        return settings_of(row)
