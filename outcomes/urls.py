"""Page routes of outcomes."""

from django.urls import path

from outcomes.views import agent_detail

urlpatterns = [
    path("agents/<str:agent_id>/", agent_detail, name="agent"),
]
