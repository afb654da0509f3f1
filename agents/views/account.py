"""A person's own affairs: the first password, a new one, and which of their workspaces they look at."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView, PasswordResetConfirmView
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse_lazy
from django.utils.text import capfirst
from django.views.decorators.http import require_http_methods, require_POST

from agents.access import require_role
from agents.exceptions import DomainError, NotFound, PermissionDenied
from agents.forms.account import NewWorkspaceForm
from agents.http import HtmxHttpRequest, go, page
from agents.middleware import WORKSPACE_KEY
from agents.models import Member, Role
from agents.services.members import note_password
from agents.services.workspaces import found_workspace

HINT = "At least 10 characters, and none of the passwords that everybody uses."


class Welcome(PasswordResetConfirmView):
    """A one-time link leads here. The link's secret moves from the address into the browser's session before the page
    is shown, and dies with the password that is set."""

    template_name = "registration/welcome.html"
    post_reset_login = True
    post_reset_login_backend = "django.contrib.auth.backends.ModelBackend"
    success_url = reverse_lazy("home")

    def get_form(self, form_class: Any = None) -> Any:
        return _explained(super().get_form(form_class))

    def form_valid(self, form: SetPasswordForm[User]) -> HttpResponse:
        response = super().form_valid(form)
        note_password(form.user)
        messages.success(self.request, "Your password is set. Welcome to Lucid.")
        return response

    def form_invalid(self, form: SetPasswordForm[User]) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


class ChangePassword(PasswordChangeView):
    """Ends every other browser's sign-in of this person."""

    template_name = "registration/password.html"
    success_url = reverse_lazy("home")
    extra_context: Any = {"section": ""}

    def get_form(self, form_class: Any = None) -> Any:
        return _explained(super().get_form(form_class))

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        note_password(form.user)
        messages.success(self.request, "Your password is changed. Other browsers are signed out.")
        return response

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


@require_http_methods(["GET", "POST"])
@require_role(Role.VIEWER)
def workspace_list(request: HtmxHttpRequest) -> HttpResponseBase:
    """The workspaces that this person is in; an admin founds another one here, and looks at it at once."""
    form = NewWorkspaceForm(request.POST if request.method == "POST" else None)
    if form.is_bound and not request.member.is_admin:
        raise PermissionDenied("Only an admin founds a workspace.")
    if form.is_valid():
        try:
            member = found_workspace(form.cleaned_data["name"], founder=request.member.user)
        except DomainError as error:
            form.add_error("name", capfirst(error.message.removeprefix("name: ")))
        else:
            return _look_at(request, member)
    members = Member.objects.present().filter(user=request.user).select_related("workspace")
    context = {"section": "setup", "members": list(members.order_by("workspace__name")), "form": form}
    return page(request, "agents/workspace_list.html", context, status=422 if form.is_bound else 200)


@require_POST
@require_role(Role.VIEWER)
def workspace_choose(request: HtmxHttpRequest) -> HttpResponseBase:
    """Look at another of one's workspaces; one that is not theirs does not exist for them."""
    wanted = request.POST.get("workspace", "").replace("\x00", "")
    member = Member.objects.present().filter(user=request.user, workspace=wanted).select_related("workspace").first()
    if member is None:
        raise NotFound(f"Workspace {wanted!r} was not found.")
    return _look_at(request, member)


def _explained(form: Any) -> Any:
    """One sentence instead of Django's list, which no paragraph can hold."""
    form.fields["new_password1"].help_text = HINT
    return form


def _look_at(request: HtmxHttpRequest, member: Member) -> HttpResponseBase:
    request.session[WORKSPACE_KEY] = member.workspace_id
    messages.success(request, f"You are in the workspace {member.workspace} now.")
    return go(request, "home")
