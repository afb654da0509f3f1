"""How long a dream over finished sessions takes with an instant model."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.client import Product
from tests.bench.report import Row
from tests.stack import ROOT

AGENT = "Imported"
SESSIONS_MAX = 100  # wire contract: sessions of one dream
FINAL = ("completed", "failed", "canceled")


def time_to_review(product: Product, transcripts: Path | None) -> list[Row]:
    if transcripts is None:
        return [Row(what="dream", value="not measured: name a file with --transcripts", goal="60 s")]
    began = time.perf_counter()
    command = [sys.executable, "manage.py", "import_sessions", str(transcripts), "--agent", AGENT]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    imported = time.perf_counter() - began
    sessions = [
        session.id for session in product.sdk.beta.sessions.list(limit=SESSIONS_MAX) if session.agent.name == AGENT
    ]
    dream, seconds, used = dream_over(product, sessions[:SESSIONS_MAX])
    return [
        Row(what=f"import of {len(sessions)} sessions, process included", value=f"{imported:.1f} s", goal="10 s"),
        Row(what=f"dream over {len(sessions)} sessions ({dream.status})", value=f"{seconds:.1f} s", goal="60 s"),
        Row(what="CPU of the dream", value=f"{used:.1f} s"),
        Row(what="proposals", value=str(count_proposals(dream.id))),
    ]


def dream_over(product: Product, sessions: list[str]) -> tuple[Any, float, float]:
    store = product.sdk.beta.memory_stores.create(name="Bench notes")
    inputs: Any = [
        {"type": "memory_store", "memory_store_id": store.id},
        {"type": "sessions", "session_ids": sessions},
    ]
    cpu, began = product.cpu_seconds(), time.perf_counter()
    dream = product.sdk.beta.dreams.create(inputs=inputs, model="practice-1")
    while dream.status not in FINAL:
        time.sleep(0.2)
        dream = product.sdk.beta.dreams.retrieve(dream.id)
    return dream, time.perf_counter() - began, product.cpu_seconds() - cpu


def count_proposals(dream_id: str) -> int:
    from dreams.models import Proposal

    return Proposal.objects.filter(review__dream=dream_id).count()
