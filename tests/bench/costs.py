"""How long the sums of costs take over many sessions: the report of the API, and the page."""

import random
from datetime import timedelta
from typing import Any

from tests.bench.client import Product
from tests.bench.lists import measured, take_stock
from tests.bench.report import Row

SESSIONS, DAYS, AGENTS, LOADS = 100_000, 90, 20, 5
MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "nobody-knows-it")


def sums(product: Product) -> list[Row]:
    """Each session used one model, and time: 200,000 rows of usage."""
    fill(product)
    take_stock()
    groups = "&".join(f"group_by[]={name}" for name in ("day", "kind", "agent_id", "model"))
    paths = {"in one sum": "/v1/costs", "by model": "/v1/costs?group_by[]=model", "by all": f"/v1/costs?{groups}"}
    what = f"costs of {SESSIONS:,} sessions"
    return [measured(product, f"{what}, {word}", path, goal=1_000, loads=LOADS) for word, path in paths.items()]


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
