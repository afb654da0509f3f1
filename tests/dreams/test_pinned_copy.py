"""The candidate copy holds the very versions that the dream pinned, whoever writes while it begins."""

import threading

import pytest
from django.db import connections

from agents.actors import Actor
from dreams import inputs, pipeline
from dreams.models import DreamStatus
from memory.models import Memory, MemoryStore
from memory.services import update_memory
from tests.dreams.dreaming import begin, files_in, output_of, session_of, store_of

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/notes.md"
MESSAGE = {"id": "sevt_1", "type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


def test_a_write_while_the_dream_begins_does_not_fail_it(
    clean_redis: str, practice: str, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, pin, writers = store_of(actor, {PATH: "First.\n"}), inputs.pin, []

    def write() -> None:
        update_memory(Memory.objects.get(store=store), content="Second.\n", actor=actor)
        connections.close_all()

    def pin_beside_a_writer(pinned: MemoryStore) -> dict[str, object]:
        manifest = pin(pinned)
        writers.append(threading.Thread(target=write))
        writers[0].start()
        writers[0].join(1.0)
        return manifest

    monkeypatch.setattr(inputs, "pin", pin_beside_a_writer)
    dream = begin(actor, store, [session_of(actor, [MESSAGE])])
    pipeline.run_dream(dream.pk)
    writers[0].join()
    dream.refresh_from_db()
    assert (dream.status, dream.error) == (DreamStatus.COMPLETED, None)
    assert files_in(output_of(dream))[PATH] == "First.\n"
    assert files_in(store)[PATH] == "Second.\n"
