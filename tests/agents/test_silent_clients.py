"""Clients that never read and clients that never answer: they cost a bounded amount, and nobody else."""

import asyncio
import socket
import sys
import threading
from contextlib import contextmanager

import django_rq
import pytest
import uvicorn

from agents import fairness, jobs, sse
from agents.models import Event
from agents.services.agents import create_agent
from agents.services.events import send_events
from config.stack import web
from config.worker import ThreadSlot
from tests.agents.test_answers import CUSTOM, message
from tests.stack import wait_for

SILENT, FRAME = 20, b"x" * 65_536
MADE_MAX = 32 * 1024 * 1024  # what the system buffers for one connection, several times over


class Streams:
    """An application of endless streams, which knows how much it made for each client and who is served still."""

    def __init__(self):
        self.made = {}

    async def frames(self, name):
        # The reader's are so small that nothing waits for it, however slowly it reads.
        frame = FRAME[:1] if name == "/reader" else FRAME
        try:
            while True:
                self.made[name] = self.made.get(name, 0) + len(frame)
                yield frame
                await asyncio.sleep(0.001)
        finally:
            self.made[name] = -self.made[name]

    async def __call__(self, scope, receive, send):
        await sse.send_stream(self.frames(scope["path"]), receive, send, request_id="req_1")


@contextmanager
def serving(application):
    listener = web.listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield listener.getsockname(), server
    finally:
        server.should_exit = server.force_exit = True
        thread.join(60)
        listener.close()


def asking(address, name):
    line = socket.create_connection(address)
    line.sendall(f"GET /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return line


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep such a connection, without its stream")
def test_a_client_that_never_reads_is_cut_off_and_others_are_not(monkeypatch):
    monkeypatch.setattr(sse, "SEND_SECONDS", 1.0)
    monkeypatch.setattr(web, "SILENT_SECONDS", 2.0)
    streams = Streams()
    with serving(streams) as (address, server):
        silent = [asking(address, f"silent-{number}") for number in range(SILENT)]
        with asking(address, "reader") as reader:
            reader.settimeout(60)

            def only_the_reader_is_left():
                assert reader.recv(1 << 20)
                return True if len(server.server_state.connections) == 1 and len(streams.made) > SILENT else None

            wait_for(only_the_reader_is_left, 120)
            assert streams.made["/reader"] > 0
        ended = [-made for name, made in streams.made.items() if name != "/reader"]
        assert len(ended) == SILENT
        assert 0 < max(ended) < MADE_MAX
        for line in silent:
            line.close()


@pytest.mark.django_db(transaction=True)
def test_clients_that_never_answer_hold_no_slot_and_wake_nobody(practice, clean_redis, make_session, actor):
    asker = create_agent({"name": "Asker", "model": "practice-1", "tools": [CUSTOM]}, actor=actor)
    ask = message({"tool": "find_order", "input": {"order": "7"}}, {"text": "never"})
    for _ in range(5):
        send_events(make_session(agent=asker.pk), [ask], actor=actor)
    last = make_session()
    send_events(last, [message({"text": "Hello"})], actor=actor)
    source = django_rq.get_queue("turns")
    slot = ThreadSlot([source], connection=source.connection, queue_class=type(source), log_job_description=False)
    slot.work(burst=True, logging_level="WARNING")
    reasons = Event.objects.filter(type="session.status_idle").values_list("payload__stop_reason__type", flat=True)
    assert sorted(reasons) == ["end_turn", *["requires_action"] * 5]
    assert fairness.standings() == []
    assert jobs.sweep_threads() == 0
