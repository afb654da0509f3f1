"""What the tests themselves stand on: nothing of one test is left for the next."""

import json
import threading

import pytest
from django.db import connection, transaction

from agents.models import Session, Workspace
from tests.database import come_to_rest, empty_database
from tests.stack import wait_for

SLOW = f"practice: {json.dumps({'steps': [{'text': 'Too late.', 'delay_ms': 240_000}]})}"


@pytest.mark.django_db(transaction=True)
def test_the_database_is_emptied_once_nobody_holds_a_row(workspace):
    is_held, is_over = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Workspace.objects.filter(pk=workspace.pk).update(name="Held")
            is_held.set()
            is_over.wait(60)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_held.wait(60)
    threading.Timer(0.2, is_over.set).start()
    empty_database()
    holder.join(60)
    assert not Workspace.objects.exists()


def test_a_turn_that_a_test_left_under_way_is_ended(live_sdk):
    agent = live_sdk.beta.agents.create(name="Ann", model="practice-1")
    environment = live_sdk.beta.environments.create(name="box")
    session = live_sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    content = [{"type": "text", "text": SLOW}]
    live_sdk.beta.sessions.events.send(session.id, events=[{"type": "user.message", "content": content}])
    row = Session.objects.get(pk=session.id)
    wait_for(lambda: row.events.filter(type="span.model_request_start").first(), 60)
    assert come_to_rest() == []
    row.refresh_from_db()
    assert row.status == "idle"
