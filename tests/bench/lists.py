"""How fast the control plane's lists are: requests a second of one web process, and server time over many rows."""

import subprocess
import sys
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from tests.bench.client import Product
from tests.bench.report import Row, percentile

AGENTS, SECONDS, CONNECTIONS = 20, 8, 8
SESSIONS, EVENTS, LOADS = 100_000, 10_000, 30
WAITING_EVERY = 500  # of so many sessions one has a message that waits
BETA = {"anthropic-version": "2026-10-21", "anthropic-beta": "managed-agents-2026-04-01"}


def server_time(product: Product) -> list[Row]:
    return [*agents_per_second(product), *many_rows(product)]


def agents_per_second(product: Product) -> list[Row]:
    """Twenty agents with a toolset and a custom tool each, asked for by a program in another process."""
    tools: Any = [
        {"type": "agent_toolset_20260401"},
        {
            "type": "custom",
            "name": "look_up",
            "description": "Look an order up",
            "input_schema": {"type": "object", "properties": {"order": {"type": "string"}}},
        },
    ]
    for number in range(AGENTS):
        product.sdk.beta.agents.create(name=f"Agent {number}", model="practice-1", system="Be kind. " * 40, tools=tools)
    web = product.web_process()
    used, answered = web.cpu_times(), loaded(product, f"/v1/agents?limit={AGENTS}")
    cpu = sum(web.cpu_times()[:2]) - sum(used[:2])
    return [
        Row(what=f"list of {AGENTS} agents", value=f"{answered / SECONDS:.0f} requests/s", goal="500 requests/s"),
        Row(what="CPU of the web process per such request", value=f"{cpu / answered * 1000:.2f} ms"),
    ]


def loaded(product: Product, path: str) -> int:
    at = urlsplit(product.stack.url)
    command = [sys.executable, "-m", "tests.bench.load", at.hostname, at.port, path, product.api_key]
    words = [str(word) for word in [*command, SECONDS, CONNECTIONS]]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def many_rows(product: Product) -> list[Row]:
    last = fill_sessions(product)
    log = fill_events(product)
    take_stock()
    agent, when = product.agent_id, last.isoformat().replace("+00:00", "Z")
    sessions = {
        "newest": "/v1/sessions?limit=100",
        "one agent's": f"/v1/sessions?limit=100&agent_id={agent}&agent_version=1",
        "rare status": "/v1/sessions?limit=100&statuses[]=rescheduling",
        "running, most of them in line": "/v1/sessions?limit=100&statuses[]=running",
        "idle, and none in line": "/v1/sessions?limit=100&statuses[]=idle",
        "bounds, oldest first": f"/v1/sessions?limit=100&order=asc&created_at[gte]={when}",
        "archived too": "/v1/sessions?limit=100&include_archived=true&statuses[]=idle&statuses[]=terminated",
    }
    events = {
        "first page": f"/v1/sessions/{log}/events?limit=1000",
        "newest first": f"/v1/sessions/{log}/events?limit=1000&order=desc",
        "one type": f"/v1/sessions/{log}/events?limit=1000&types[]=session.error",
    }
    rows = [measured(product, f"sessions of {SESSIONS:,}, {word}", path) for word, path in sessions.items()]
    rows.append(measured(product, "sessions, 20th page", nth_page(product, "/v1/sessions?limit=100", 20)))
    rows += [measured(product, f"events of {EVENTS:,}, {word}", path) for word, path in events.items()]
    rows.append(measured(product, "events, 9th page", nth_page(product, f"/v1/sessions/{log}/events?limit=1000", 9)))
    rows.append(measured(product, "OpenAPI page", "/v1/docs", goal=300))
    rows.append(measured(product, "OpenAPI document", "/v1/openapi.json", goal=300))
    return rows


def take_stock() -> None:
    """What a database does by itself within a minute of so many new rows; until then it plans by guessing."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def measured(product: Product, what: str, path: str, goal: int = 50, loads: int = LOADS) -> Row:
    taken = []
    for _ in range(loads):
        began = time.perf_counter()
        get(product, path)
        taken.append((time.perf_counter() - began) * 1000)
    return Row(
        what=f"{what}, p50 / longest",
        value=f"{percentile(taken, 0.5):.1f} / {max(taken):.0f} ms",
        goal=f"{goal} ms",
    )


def nth_page(product: Product, path: str, number: int) -> str:
    page = ""
    for _ in range(number - 1):
        page = f"&page={get(product, path + page).json()['next_page']}"
    return path + page


def get(product: Product, path: str) -> Any:
    """In this process, so that only the server's time counts."""
    from django.test import Client

    headers = {"host": "localhost", "authorization": f"Bearer {product.api_key}", **BETA}
    response = Client(headers=headers).get(path)
    assert response.status_code == 200, response.content[:300]
    return response


def fill_sessions(product: Product) -> Any:
    """Copies of one session, a second apart; some archived, a few with a rare status. The time of the middle one."""
    from agents.models import Session, SessionStatus

    first = Session.objects.get(pk=product.new_session())
    columns = {field.attname: getattr(first, field.attname) for field in Session._meta.concrete_fields}
    made = []
    for number in range(SESSIONS):
        made.append(Session(**{**columns, "id": f"sesn_bench{number:08d}"}))
        made[-1].created_at = first.created_at - timedelta(seconds=number)
        made[-1].archived_at = first.created_at if number % 3 == 0 else None
        made[-1].status = SessionStatus.RESCHEDULING if number % 20_000 == 19_999 else SessionStatus.IDLE
    Session.objects.bulk_create(made, batch_size=1_000)
    fill_threads(made)
    return first.created_at - timedelta(seconds=SESSIONS // 2)


def fill_threads(sessions: list[Any]) -> None:
    """One each; a message waits in some, and no worker takes it for an hour."""
    from agents.models import Thread

    Thread.objects.bulk_create(
        [
            Thread(
                session=session,
                workspace_id=session.workspace_id,
                agent_snapshot=session.agent_snapshot,
                created_at=session.created_at,
                updated_at=session.created_at,
                wake=number % WAITING_EVERY == 1,
                wake_at=session.created_at + timedelta(days=2, seconds=number),
            )
            for number, session in enumerate(sessions)
        ],
        batch_size=1_000,
    )


def fill_events(product: Product) -> str:
    from agents.models import Event, Session

    session = Session.objects.get(pk=product.new_session())
    thread = session.threads.get()
    payload = {"content": [{"type": "text", "text": "A sentence of the usual length, and then some more of it. " * 4}]}
    Event.objects.bulk_create(
        (
            Event(
                session=session,
                thread=thread,
                seq=number,
                event_id=f"sevt_bench{number:08d}",
                type="agent.message" if number % 100 else "session.status_running",
                payload=payload if number % 100 else {},
                processed_at=session.created_at + timedelta(milliseconds=number),
            )
            for number in range(1, EVENTS + 1)
        ),
        batch_size=1_000,
    )
    Session.objects.filter(pk=session.pk).update(next_seq=EVENTS + 1)
    return str(session.pk)
