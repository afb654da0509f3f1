"""Page routes of the kernel, grouped by noun."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from agents.forms.account import SignInForm
from agents.views.account import ChangePassword, Welcome, workspace_choose, workspace_list
from agents.views.agent_forms import agent_archive, agent_edit, agent_new, agent_start
from agents.views.agent_versions import agent_compare, agent_versions
from agents.views.agents import agent_list
from agents.views.answers import session_answer, session_confirm, session_interrupt
from agents.views.api_keys import api_key_detail, api_key_list, api_key_revoke, api_key_rotate
from agents.views.audit import audit_export, audit_list
from agents.views.costs import costs, costs_export
from agents.views.deployments import (
    deployment_archive,
    deployment_detail,
    deployment_edit,
    deployment_list,
    deployment_new,
    deployment_pause,
    deployment_preview,
    deployment_run,
    deployment_unpause,
)
from agents.views.environment_keys import environment_key_new, environment_key_revoke
from agents.views.environments import (
    environment_archive,
    environment_delete,
    environment_detail,
    environment_edit,
    environment_list,
    environment_new,
)
from agents.views.files import file_delete, file_download, file_list, file_upload
from agents.views.members import member_detail, member_link, member_list, member_remove, member_role
from agents.views.operations import operations
from agents.views.preferences import preferences
from agents.views.prices import price_delete, price_list, price_runtime, price_save
from agents.views.sessions import session_budget, session_detail, session_list, session_send, session_verdict
from agents.views.setup import setup
from agents.views.skills import (
    skill_delete,
    skill_detail,
    skill_download,
    skill_list,
    skill_new,
    skill_upload,
    skill_version,
    skill_version_delete,
)
from agents.views.vaults import (
    credential_archive,
    credential_check,
    credential_delete,
    credential_edit,
    credential_new,
    vault_archive,
    vault_delete,
    vault_detail,
    vault_edit,
    vault_list,
    vault_new,
)
from agents.views.webhooks import (
    webhook_delete,
    webhook_detail,
    webhook_edit,
    webhook_list,
    webhook_new,
    webhook_secret,
    webhook_state,
)
from agents.views.workspace import workspace_settings

urlpatterns = [
    path("login/", LoginView.as_view(form_class=SignInForm), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("preferences/", preferences, name="preferences"),
    path("welcome/<uidb64>/<token>/", Welcome.as_view(), name="welcome"),
    path("password/", ChangePassword.as_view(), name="password"),
    path("workspaces/", workspace_list, name="workspaces"),
    path("workspaces/choose/", workspace_choose, name="workspace-choose"),
    path("workspace/", workspace_settings, name="workspace"),
    path("members/", member_list, name="members"),
    path("members/<str:member_id>/", member_detail, name="member"),
    path("members/<str:member_id>/role/", member_role, name="member-role"),
    path("members/<str:member_id>/link/", member_link, name="member-link"),
    path("members/<str:member_id>/remove/", member_remove, name="member-remove"),
    path("api-keys/", api_key_list, name="api-keys"),
    path("api-keys/<str:key_id>/", api_key_detail, name="api-key"),
    path("api-keys/<str:key_id>/rotate/", api_key_rotate, name="api-key-rotate"),
    path("api-keys/<str:key_id>/revoke/", api_key_revoke, name="api-key-revoke"),
    path("audit/", audit_list, name="audit"),
    path("audit/export/", audit_export, name="audit-export"),
    path("setup/", setup, name="setup"),
    path("operations/", operations, name="operations"),
    path("costs/", costs, name="costs"),
    path("costs/export/", costs_export, name="costs-export"),
    path("prices/", price_list, name="prices"),
    path("prices/save/", price_save, name="price-save"),
    path("prices/runtime/", price_runtime, name="price-runtime"),
    path("prices/<str:price_id>/delete/", price_delete, name="price-delete"),
    path("agents/", agent_list, name="agents"),
    path("agents/new/", agent_new, name="agent-new"),
    path("agents/<str:agent_id>/edit/", agent_edit, name="agent-edit"),
    path("agents/<str:agent_id>/start/", agent_start, name="agent-start"),
    path("agents/<str:agent_id>/archive/", agent_archive, name="agent-archive"),
    path("agents/<str:agent_id>/versions/", agent_versions, name="agent-versions"),
    path("agents/<str:agent_id>/compare/", agent_compare, name="agent-compare"),
    path("environments/", environment_list, name="environments"),
    path("environments/new/", environment_new, name="environment-new"),
    path("environments/<str:environment_id>/", environment_detail, name="environment"),
    path("environments/<str:environment_id>/edit/", environment_edit, name="environment-edit"),
    path("environments/<str:environment_id>/archive/", environment_archive, name="environment-archive"),
    path("environments/<str:environment_id>/delete/", environment_delete, name="environment-delete"),
    path("environments/<str:environment_id>/keys/", environment_key_new, name="environment-key-new"),
    path(
        "environments/<str:environment_id>/keys/<str:key_id>/revoke/",
        environment_key_revoke,
        name="environment-key-revoke",
    ),
    path("deployments/", deployment_list, name="deployments"),
    path("deployments/new/", deployment_new, name="deployment-new"),
    path("deployments/preview/", deployment_preview, name="deployment-preview"),
    path("deployments/<str:deployment_id>/", deployment_detail, name="deployment"),
    path("deployments/<str:deployment_id>/edit/", deployment_edit, name="deployment-edit"),
    path("deployments/<str:deployment_id>/run/", deployment_run, name="deployment-run"),
    path("deployments/<str:deployment_id>/pause/", deployment_pause, name="deployment-pause"),
    path("deployments/<str:deployment_id>/unpause/", deployment_unpause, name="deployment-unpause"),
    path("deployments/<str:deployment_id>/archive/", deployment_archive, name="deployment-archive"),
    path("files/", file_list, name="files"),
    path("files/upload/", file_upload, name="file-upload"),
    path("files/<str:file_id>/download/", file_download, name="file-download"),
    path("files/<str:file_id>/delete/", file_delete, name="file-delete"),
    path("skills/", skill_list, name="skills"),
    path("skills/new/", skill_new, name="skill-new"),
    path("skills/<str:skill_id>/", skill_detail, name="skill"),
    path("skills/<str:skill_id>/upload/", skill_upload, name="skill-upload"),
    path("skills/<str:skill_id>/delete/", skill_delete, name="skill-delete"),
    path("skills/<str:skill_id>/versions/<str:version_id>/", skill_version, name="skill-version"),
    path("skills/<str:skill_id>/versions/<str:version_id>/download/", skill_download, name="skill-download"),
    path("skills/<str:skill_id>/versions/<str:version_id>/delete/", skill_version_delete, name="skill-version-delete"),
    path("sessions/", session_list, name="sessions"),
    path("sessions/<str:session_id>/", session_detail, name="session"),
    path("sessions/<str:session_id>/send/", session_send, name="session-send"),
    path("sessions/<str:session_id>/interrupt/", session_interrupt, name="session-interrupt"),
    path("sessions/<str:session_id>/confirm/", session_confirm, name="session-confirm"),
    path("sessions/<str:session_id>/answer/", session_answer, name="session-answer"),
    path("sessions/<str:session_id>/budget/", session_budget, name="session-budget"),
    path("sessions/<str:session_id>/verdict/", session_verdict, name="session-verdict"),
    path("vaults/", vault_list, name="vaults"),
    path("vaults/new/", vault_new, name="vault-new"),
    path("vaults/<str:vault_id>/", vault_detail, name="vault"),
    path("vaults/<str:vault_id>/edit/", vault_edit, name="vault-edit"),
    path("vaults/<str:vault_id>/archive/", vault_archive, name="vault-archive"),
    path("vaults/<str:vault_id>/delete/", vault_delete, name="vault-delete"),
    path("vaults/<str:vault_id>/credentials/new/", credential_new, name="credential-new"),
    path("vaults/<str:vault_id>/credentials/<str:credential_id>/", credential_edit, name="credential-edit"),
    path("vaults/<str:vault_id>/credentials/<str:credential_id>/check/", credential_check, name="credential-check"),
    path(
        "vaults/<str:vault_id>/credentials/<str:credential_id>/archive/", credential_archive, name="credential-archive"
    ),
    path("vaults/<str:vault_id>/credentials/<str:credential_id>/delete/", credential_delete, name="credential-delete"),
    path("webhooks/", webhook_list, name="webhooks"),
    path("webhooks/new/", webhook_new, name="webhook-new"),
    path("webhooks/<str:endpoint_id>/", webhook_detail, name="webhook"),
    path("webhooks/<str:endpoint_id>/edit/", webhook_edit, name="webhook-edit"),
    path("webhooks/<str:endpoint_id>/state/", webhook_state, name="webhook-state"),
    path("webhooks/<str:endpoint_id>/secret/", webhook_secret, name="webhook-secret"),
    path("webhooks/<str:endpoint_id>/delete/", webhook_delete, name="webhook-delete"),
]
