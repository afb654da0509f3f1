"""How long the server takes for an inbox with ten thousand proposals."""

import time
from typing import Any

from tests.bench.client import Product
from tests.bench.report import Row, percentile

PROPOSALS, REVIEWS, LOADS = 10_000, 20, 20


def server_time(product: Product) -> list[Row]:
    fill()
    browser = signed_in()
    taken = []
    for _ in range(LOADS):
        began = time.perf_counter()
        assert browser.get("/inbox/").status_code == 200
        taken.append((time.perf_counter() - began) * 1000)
    return [
        Row(what=f"inbox with {PROPOSALS:,} proposals, p50", value=f"{percentile(taken, 0.5):.0f} ms", goal="300 ms"),
        Row(what="inbox, longest", value=f"{max(taken):.0f} ms"),
    ]


def signed_in() -> Any:
    from django.contrib.auth.models import User
    from django.test import Client

    browser = Client(headers={"host": "localhost"})
    browser.force_login(User.objects.get(username="admin"))
    return browser


def fill() -> None:
    from django.utils import timezone

    from agents.models import Workspace
    from dreams.models import Dream, Lane, Proposal, ProposalKind, Review
    from memory.models import MemoryStore

    workspace, now = Workspace.objects.get(), timezone.now()
    store = MemoryStore.objects.create(workspace=workspace, name="Inbox", updated_at=now)
    made = []
    for _ in range(REVIEWS):
        dream = Dream.objects.create(
            workspace=workspace,
            status="completed",
            input_store_id=store.pk,
            input_session_ids=[],
            model={"id": "practice-1", "speed": "standard"},
            seen=1,
            ended_at=now,
        )
        review = Review.objects.create(workspace=workspace, dream=dream, store=store)
        for position in range(PROPOSALS // REVIEWS):
            text = f"- [p-{position:04x}] when `tool-{position}` is called → expect `error {position}`"
            made.append(
                Proposal(
                    workspace=workspace,
                    review=review,
                    store=store,
                    position=position,
                    kind=ProposalKind.ADD,
                    path=f"/pitfalls/tool-{position % 50}.md",
                    after=text,
                    reason="Seen in several sessions.",
                    support={"sessions": position % 9, "principals": position % 5, "last_seen": None},
                    lane=Lane.REVIEW,
                    risk_rank=position % 4,
                    words_added=12,
                    evidence_count=3,
                    updated_at=now,
                )
            )
    Proposal.objects.bulk_create(made, batch_size=500)
