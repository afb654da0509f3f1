"""System checks of the composition: what is named in settings exists, and nothing opens the pages' policy."""

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.utils.module_loading import import_string

PLUGS = ("MODEL_CLIENT", "SANDBOX_BACKEND", "SEARCH_PROVIDER")
PLUG_TABLES = ("SESSION_RESOURCE_KINDS", "AGENT_EXTENSIONS")
QUEUES = ("turns", "batch")
SECRET_KEY_MIN_CHARS = 32


@register()
def check_plugs(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every dotted path of the plug section can be imported."""
    paths = [(name, getattr(settings, name)) for name in PLUGS]
    paths += [(name, path) for name in PLUG_TABLES for path in getattr(settings, name).values()]
    return [
        Error(f"{name}: {path!r} cannot be imported: {problem}", id="lucid.E001")
        for name, path in paths
        if (problem := _import_problem(path))
    ]


@register()
def check_content_policy(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Nothing inline and nothing from elsewhere: memory text and model output are shown on these pages."""
    policy: Any = settings.SECURE_CSP
    allowed = [(name, source) for name, sources in policy.items() for source in sources]
    return [
        Error(f"SECURE_CSP: {name} allows {source}.", id="lucid.E002")
        for name, source in allowed
        if "unsafe" in source or source == "*" or source.startswith(("http:", "https:"))
    ]


@register()
def check_queues(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Jobs are enqueued on these names."""
    return [
        Error(f"RQ_QUEUES: the queue {name!r} is missing.", id="lucid.E003")
        for name in QUEUES
        if name not in settings.RQ_QUEUES
    ]


@register()
def check_secret(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """API keys are kept as digests under this secret."""
    if len(settings.SECRET_KEY) >= SECRET_KEY_MIN_CHARS:
        return []
    hint = f"Use at least {SECRET_KEY_MIN_CHARS} random characters, or unset it to have one made."
    return [Warning("SECRET_KEY is short.", hint=hint, id="lucid.W001")]


def _import_problem(path: str) -> str:
    try:
        import_string(path)
    except ImportError:
        return _module_problem(path)
    return ""


def _module_problem(path: str) -> str:
    """Resource kinds and extensions are whole modules."""
    from importlib import import_module

    try:
        import_module(path)
    except ImportError as error:
        return str(error)
    return ""
