"""System checks: a broken composition is named before it serves anybody."""

import pytest
from django.core.checks import run_checks

pytestmark = pytest.mark.django_db


def ids() -> set[str | None]:
    return {message.id for message in run_checks() if str(message.id).startswith("lucid.")}


def test_the_product_as_it_is_passes():
    assert ids() == set()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MODEL_CLIENT", "agents.nowhere.Client", "lucid.E001"),
        ("SEARCH_PROVIDER", "agents.nowhere.Search", "lucid.E001"),
        ("SESSION_RESOURCE_KINDS", {"memory_store": "memory.nowhere"}, "lucid.E001"),
        ("AGENT_EXTENSIONS", {"memory": "memory.nowhere"}, "lucid.E001"),
        ("SECURE_CSP", {"script-src": ["'self'", "'unsafe-inline'"]}, "lucid.E002"),
        ("SECURE_CSP", {"img-src": ["https://elsewhere.example"]}, "lucid.E002"),
        ("RQ_QUEUES", {"turns": {}}, "lucid.E003"),
        ("SECRET_KEY", "short", "lucid.W001"),
    ],
)
def test_what_is_broken_is_named(settings, name, value, expected):
    setattr(settings, name, value)
    assert ids() == {expected}
