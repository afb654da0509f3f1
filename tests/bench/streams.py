"""How late events come when many streams are open, and what those cost."""

import json
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

from tests.bench.client import Product
from tests.bench.report import Row, percentile
from tests.bench.turns import MESSAGE, wait_until_answered

STREAMS, SESSIONS = 500, 20
TURNS_EACH, PAUSE_SECONDS = 5, 0.1  # ten turns a second, whose every event goes to the 25 streams of its session
MEGABYTE = 1_000_000


def delivery(product: Product) -> list[Row]:
    """From the time that an event carries, which is before its commit, to its arrival in another process."""
    sessions = [product.new_session() for _ in range(SESSIONS)]
    web, closed = product.web_process(), product.web_process().memory_full_info().uss
    with listening(product, sessions) as listeners:
        grown, used = web.memory_full_info().uss - closed, web.cpu_times()
        for _ in range(TURNS_EACH):
            for session in sessions:
                threading.Thread(target=product.sdk.beta.sessions.events.send, args=(session,), kwargs=SENT).start()
                time.sleep(PAUSE_SECONDS)
        wait_until_answered(sessions, turns=TURNS_EACH)
        time.sleep(1)
        cpu = sum(web.cpu_times()[:2]) - sum(used[:2])
        output, _ = listeners.communicate()
    late = json.loads(output)
    return [
        Row(what=f"{STREAMS} open streams, delivery, p50", value=f"{percentile(late, 0.5):.1f} ms"),
        Row(what="delivery, p95", value=f"{percentile(late, 0.95):.1f} ms", goal="50 ms"),
        Row(what="delivery, longest", value=f"{max(late):.0f} ms"),
        Row(what="deliveries", value=f"{len(late):,}"),
        Row(what="CPU of the web process per turn with its deliveries", value=f"{cpu / turns() * 1000:.1f} ms"),
        Row(what="growth of the web process by the open streams", value=f"{grown / MEGABYTE:.0f} MB"),
    ]


SENT = {"events": MESSAGE}


def turns() -> int:
    return SESSIONS * TURNS_EACH


def listening(product: Product, sessions: list[str]) -> "subprocess.Popen[str]":
    at = urlsplit(product.stack.url)
    command = [sys.executable, "-m", "tests.bench.listeners", at.hostname, at.port, product.api_key, STREAMS, *sessions]
    words = [str(word) for word in command]
    listeners = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert listeners.stdout
    assert listeners.stdout.readline() == "open\n"
    return listeners
