"""Page routes of dreaming and reviewing; literal paths before converters."""

from django.urls import path

from dreams.demo.views import demo_run
from dreams.views import dreams, home, inbox, proposals

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
    path("dreams/<str:dream_id>/", dreams.dream_detail, name="dream"),
    path("dreams/<str:dream_id>/cancel/", dreams.dream_cancel, name="dream-cancel"),
    path("demo/run/", demo_run, name="demo-run"),
]
