"""Makes config an app, so that it can hold system checks and commands."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Lucid"

    def ready(self) -> None:
        from config import checks  # noqa: F401 (importing it registers them)
