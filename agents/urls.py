"""Page routes of the kernel, grouped by noun."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from agents.forms import SignInForm
from agents.views.agents import agent_list
from agents.views.answers import session_answer, session_confirm, session_interrupt
from agents.views.preferences import preferences
from agents.views.sessions import session_detail, session_list, session_send, session_verdict
from agents.views.setup import setup

urlpatterns = [
    path("login/", LoginView.as_view(form_class=SignInForm), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("preferences/", preferences, name="preferences"),
    path("setup/", setup, name="setup"),
    path("agents/", agent_list, name="agents"),
    path("sessions/", session_list, name="sessions"),
    path("sessions/<str:session_id>/", session_detail, name="session"),
    path("sessions/<str:session_id>/send/", session_send, name="session-send"),
    path("sessions/<str:session_id>/interrupt/", session_interrupt, name="session-interrupt"),
    path("sessions/<str:session_id>/confirm/", session_confirm, name="session-confirm"),
    path("sessions/<str:session_id>/answer/", session_answer, name="session-answer"),
    path("sessions/<str:session_id>/verdict/", session_verdict, name="session-verdict"),
]
