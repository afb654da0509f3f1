"""How long a turn takes with an instant model, and how many a second the product makes."""

import threading
import time
from typing import Any

from tests.bench.client import Product
from tests.bench.report import Row, percentile

WARM_UP, TURNS = 10, 200
TURNS_PER_SESSION = 10
SESSIONS, TURNS_EACH = 50, 4
MESSAGE: Any = [{"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}]


def latency(product: Product) -> list[Row]:
    """From sending a message to `session.status_idle` on a stream that is open already."""
    taken: list[float] = []
    for _ in range(WARM_UP + TURNS):
        if len(taken) % TURNS_PER_SESSION == 0:
            session = product.new_session()
        taken.append(one_turn(product, session) * 1000)
    taken = taken[WARM_UP:]
    return [
        Row(what=f"turn, p50 of {TURNS}", value=f"{percentile(taken, 0.5):.1f} ms", goal="15 ms"),
        Row(what="turn, p95", value=f"{percentile(taken, 0.95):.1f} ms", goal="30 ms"),
        Row(what="turn, longest", value=f"{max(taken):.1f} ms"),
    ]


def one_turn(product: Product, session: str) -> float:
    with product.sdk.beta.sessions.events.stream(session) as events:
        began = time.perf_counter()
        product.sdk.beta.sessions.events.send(session, events=MESSAGE)
        for event in events:
            if event.type == "session.status_idle":
                break
        return time.perf_counter() - began


def throughput(product: Product) -> list[Row]:
    """Many sessions at once, each with several messages sent together; done when all came to rest."""
    seconds, used = worked_off(product, SESSIONS, MESSAGE * TURNS_EACH)
    turns = SESSIONS * TURNS_EACH
    what = f"{SESSIONS} sessions x {TURNS_EACH} turns"
    return [Row(what=what, value=f"{turns / seconds:.0f} turns/s", goal="120 turns/s"), *cpu_per_turn(used, turns)]


def worked_off(product: Product, count: int, messages: Any) -> tuple[float, dict[str, float]]:
    """Send the messages to that many new sessions; the seconds until all came to rest, and the CPU seconds of each
    part."""
    sessions = [product.new_session() for _ in range(count)]
    cpu, began = product.cpu_by_part(), time.perf_counter()
    halves = (sessions[::2], sessions[1::2])
    senders = [threading.Thread(target=send_all, args=(product, half, messages)) for half in halves]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    wait_until_answered(sessions, turns=len(messages))
    seconds, after = time.perf_counter() - began, product.cpu_by_part()
    return seconds, {part: after[part] - before for part, before in cpu.items()}


def cpu_per_turn(used: dict[str, float], turns: int) -> list[Row]:
    return [
        Row(what="CPU per turn, all processes", value=f"{sum(used.values()) / turns * 1000:.1f} ms"),
        *(Row(what=f"  of it {part}", value=f"{seconds / turns * 1000:.1f} ms") for part, seconds in used.items()),
    ]


def send_all(product: Product, sessions: list[str], messages: Any) -> None:
    client = product.client()
    for session in sessions:
        client.beta.sessions.events.send(session, events=messages)


def wait_until_answered(sessions: list[str], *, turns: int) -> None:
    from agents.models import Event

    wanted = len(sessions) * turns
    rested = Event.objects.filter(session_id__in=sessions, type="session.status_idle")
    while rested.count() < wanted:
        time.sleep(0.05)
