"""What an admin can set about the workspace."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.utils.text import capfirst
from django.views.decorators.http import require_http_methods

from agents.access import require_role
from agents.exceptions import DomainError, EditedMeanwhile
from agents.forms.workspace import WorkspaceForm
from agents.http import HtmxHttpRequest, go, page
from agents.models import Role
from agents.services.workspaces import update_workspace
from agents.views.editing import lay_over


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def workspace_settings(request: HtmxHttpRequest) -> HttpResponseBase:
    workspace = request.workspace
    form = WorkspaceForm(request.POST if request.method == "POST" else None, initial=WorkspaceForm.showing(workspace))
    if form.is_valid():
        try:
            update_workspace(workspace, **form.said, actor=request.actor, edition=form.seen)
        except EditedMeanwhile:
            workspace.refresh_from_db()
            lay_over(request, form, workspace)
        except DomainError as error:
            form.add_error("name", capfirst(error.message.removeprefix("name: ")))
        else:
            messages.success(request, "Saved.")
            return go(request, "workspace")
    context = {"section": "setup", "form": form}
    return page(request, "agents/workspace_form.html", context, status=form.status)
