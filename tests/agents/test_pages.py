"""Pages of rows whose SQL is made once hold what pages of a queryset hold, whatever is asked."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.test import RequestFactory

from agents.api.pagination import NEWEST_FIRST, OLDEST_FIRST, live_or_all, page_of
from agents.models import Vault, Workspace

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
BOUNDS: list[dict[str, datetime]] = [
    {},
    {"gte": BEGAN + timedelta(minutes=1)},
    {"gt": BEGAN, "lte": BEGAN + timedelta(minutes=3)},
]


@pytest.fixture
def workspaces():
    """Two with vaults of the same times, two at each time, every third archived."""
    found = [Workspace.objects.create(name=name) for name in ("one", "two")]
    for workspace in found:
        for number in range(10):
            Vault.objects.create(
                workspace=workspace,
                display_name=f"Vault {number}",
                created_at=BEGAN + timedelta(minutes=number // 2),
                updated_at=BEGAN,
                archived_at=None if number % 3 else BEGAN,
            )
    return found


def pages(rows, **asked):
    """All pages of a list, forwards, then the one before the last."""
    found, page, query = [], "", {"limit": 2}
    while page is not None:
        request = RequestFactory().get(f"/?{urlencode({**query, 'page': page})}")
        one = page_of(request, rows, lambda row: {"id": row.pk}, listing="vaults", is_bidirectional=True, **asked)
        found.append(one)
        page = one["next_page"]
    if back := found[-1]["prev_page"]:
        request = RequestFactory().get(f"/?{urlencode({**query, 'page': back})}")
        found.append(
            page_of(request, rows, lambda row: {"id": row.pk}, listing="vaults", is_bidirectional=True, **asked)
        )
    return found


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("order", [NEWEST_FIRST, OLDEST_FIRST])
def test_pages_are_the_same_either_way(workspaces, order, bounds):
    prepared = live_or_all(lambda workspace: Vault.objects.in_workspace(workspace))
    for workspace in workspaces:
        plain = Vault.objects.in_workspace(workspace)
        asked = {"order": order, "created_at": bounds}
        assert pages(prepared[True].of(workspace.pk), **asked) == pages(plain, **asked)
        assert pages(prepared[False].of(workspace.pk), **asked) == pages(plain.live(), **asked)
