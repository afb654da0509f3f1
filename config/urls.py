"""Which part of the product answers which address."""

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.urls import URLPattern, URLResolver, include, path

from agents.forms.account import SignInForm


class AdminSignInForm(SignInForm, AdminAuthenticationForm):
    """The same pause at the other door."""


admin.site.login_form = AdminSignInForm

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("v1/", include("config.api")),
    path("", include("agents.urls")),
    path("", include("memory.urls")),
    path("", include("dreams.urls")),
    path("", include("outcomes.urls")),
]
