"""How long the sums of costs take over many sessions: the report of the API, and the page; before and after the
sessions are counted into the sums of their days, and how long that takes."""

import random
import time
from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.bench.client import Product
from tests.bench.inbox import signed_in
from tests.bench.lists import measured, take_stock
from tests.bench.report import Row, percentile

SESSIONS, DAYS, AGENTS, LOADS = 100_000, 90, 20, 9
MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "nobody-knows-it")
GOAL = 300  # milliseconds


def sums(product: Product) -> list[Row]:
    """Each session used one model, and time: 200,000 rows of usage."""
    fill(product)
    take_stock()
    began = reports(product, "none of them counted", loads=1)
    counting = counted()
    take_stock()
    return [*began, counting, *reports(product, "counted", loads=LOADS, goal=GOAL)]


def reports(product: Product, state: str, *, loads: int, goal: int = 10_000) -> list[Row]:
    from agents.services.costs import GROUPS

    what = f"costs of {SESSIONS:,} sessions, {state}"
    groups = "&".join(f"group_by[]={name}" for name in GROUPS)
    paths = {"in one sum": "/v1/costs", "by model": "/v1/costs?group_by[]=model", "by all": f"/v1/costs?{groups}"}
    rows = [measured(product, f"{what}, {word}", path, goal=goal, loads=loads) for word, path in paths.items()]
    since = (timezone.now() - timedelta(days=DAYS)).date()
    pages = {
        "page of a month": "/costs/",
        "page of all": f"/costs/?since={since}",
        "file": f"/costs/export/?since={since}",
    }
    return rows + [seen(f"{what}, {word}", path, goal, loads) for word, path in pages.items()]


def seen(what: str, path: str, goal: int, loads: int) -> Row:
    browser, taken = signed_in(), []
    for _ in range(loads):
        began = time.perf_counter()
        assert browser.get(path).status_code == 200
        taken.append((time.perf_counter() - began) * 1000)
    value = f"{percentile(taken, 0.5):.1f} / {max(taken):.0f} ms"
    return Row(what=f"{what}, p50 / longest", value=value, goal=f"{goal} ms")


def counted() -> Row:
    """As the scheduler does it, without what it waits in between; the product's own does it, too."""
    from agents.models import Session
    from agents.services.cost_counting import count_resting

    began, longest = time.perf_counter(), 0.0
    while Session.objects.filter(pk__startswith="sesn_cost").exclude(uncounted=None).exists():
        round_began = time.perf_counter()
        count_resting()
        longest = max(longest, time.perf_counter() - round_began)
    taken = time.perf_counter() - began
    return Row(what="counting them all; longest round of the scheduler", value=f"{taken:.0f} s; {longest:.1f} s")


def fill(product: Product) -> None:
    from agents.models import Agent, Session

    first = Session.objects.get(pk=product.new_session())
    columns = {field.attname: getattr(first, field.attname) for field in Session._meta.concrete_fields}
    agent = {field.attname: getattr(first.agent, field.attname) for field in Agent._meta.concrete_fields}
    agents = [
        Agent(**{**agent, "id": f"agent_bench{number:04d}", "name": f"Bench {number}"}) for number in range(AGENTS)
    ]
    Agent.objects.bulk_create(agents)
    chance = random.Random(7)
    made = []
    for number in range(SESSIONS):
        made.append(Session(**{**columns, "id": f"sesn_cost{number:08d}", "agent_id": chance.choice(agents).pk}))
        made[-1].created_at = first.created_at - timedelta(days=chance.random() * DAYS)
        made[-1].updated_at = made[-1].created_at - timedelta(days=1)  # it rests
        made[-1].spent = spent(chance, made[-1].created_at.date().isoformat())
        made[-1].verdict = chance.choice(("completed", "failed", None))
    Session.objects.bulk_create(made, batch_size=1_000)


def spent(chance: random.Random, day: str) -> dict[str, Any]:
    used = {
        "input_tokens": chance.randrange(200_000),
        "output_tokens": chance.randrange(20_000),
        "cache_creation_input_tokens": chance.randrange(50_000),
        "cache_read_input_tokens": chance.randrange(500_000),
    }
    model = chance.choice(MODELS)
    counted = {**used, "long": used} if chance.random() < 0.1 else used
    return {day: {model: counted, "": {"active_seconds": round(chance.random() * 600, 6)}}}
