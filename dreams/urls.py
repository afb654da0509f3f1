"""Page routes of dreaming and reviewing; literal paths before converters."""

from django.urls import path

from dreams.demo.views import demo_run
from dreams.views import dream_detail, dreams, home, inbox, policies, proposals

urlpatterns = [
    path("", home.home, name="home"),
    path("inbox/", inbox.proposal_list, name="inbox"),
    path("proposals/<str:proposal_id>/", proposals.proposal_detail, name="proposal"),
    path("proposals/<str:proposal_id>/approve/", proposals.proposal_approve, name="proposal-approve"),
    path("proposals/<str:proposal_id>/edit/", proposals.proposal_edit, name="proposal-edit"),
    path("proposals/<str:proposal_id>/reject/", proposals.proposal_reject, name="proposal-reject"),
    path("proposals/<str:proposal_id>/release/", proposals.proposal_release, name="proposal-release"),
    path("proposals/<str:proposal_id>/undo/", proposals.proposal_undo, name="proposal-undo"),
    path("dreams/", dreams.dream_list, name="dreams"),
    path("dreams/new/", dreams.dream_new, name="dream-new"),
    path("dreams/schedules/", policies.policy_list, name="dream-policies"),
    path("dreams/schedules/new/", policies.policy_new, name="dream-policy-new"),
    path("dreams/schedules/preview/", policies.policy_preview, name="dream-policy-preview"),
    path("dreams/schedules/<str:policy_id>/", policies.policy_detail, name="dream-policy"),
    path("dreams/schedules/<str:policy_id>/edit/", policies.policy_edit, name="dream-policy-edit"),
    path("dreams/schedules/<str:policy_id>/run/", policies.policy_run, name="dream-policy-run"),
    path("dreams/schedules/<str:policy_id>/pause/", policies.policy_pause, name="dream-policy-pause"),
    path("dreams/schedules/<str:policy_id>/resume/", policies.policy_resume, name="dream-policy-resume"),
    path("dreams/schedules/<str:policy_id>/archive/", policies.policy_archive, name="dream-policy-archive"),
    path("dreams/<str:dream_id>/", dream_detail.dream_detail, name="dream"),
    path("dreams/<str:dream_id>/manifest.json", dream_detail.dream_manifest, name="dream-manifest"),
    path("dreams/<str:dream_id>/cancel/", dreams.dream_cancel, name="dream-cancel"),
    path("dreams/<str:dream_id>/archive/", dreams.dream_archive, name="dream-archive"),
    path("demo/run/", demo_run, name="demo-run"),
]
