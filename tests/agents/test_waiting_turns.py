"""A turn that waits for a tool holds no database connection: on PostgreSQL the pool is smaller than the slots."""

import pytest
from django.db import connection

from agents.plugs import sandbox
from tests.agents.test_answers import TOOLSET, bash, message, run, session_with

__all__ = ["run", "session_with"]  # fixtures

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has no connections to spare"),
]


def test_no_connection_is_held_while_a_tool_runs(session_with, run, monkeypatch):
    session = session_with({"type": TOOLSET})
    held = []
    client = type(sandbox())
    run_tool = client.run_tool

    def watched(self, *arguments, stop, **options):
        def look():
            asked = stop()
            held.append(connection.connection is not None)
            return asked

        return run_tool(self, *arguments, stop=look, **options)

    monkeypatch.setattr(client, "run_tool", watched)
    run(session, message(bash("sleep 1"), {"text": "done"}))
    assert held
    assert not any(held)
