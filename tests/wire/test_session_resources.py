"""What is attached to a session, through the official client."""

import anthropic
import pytest
from django.utils import timezone

from agents import plugs
from agents.models import SessionResource


@pytest.fixture
def resources(wire):
    return wire.beta.sessions.resources


@pytest.fixture
def session(wire, agent, environment):
    stores = [wire.beta.memory_stores.create(name=name).id for name in ("First", "Second", "Third")]
    attached = [{"type": "memory_store", "memory_store_id": store} for store in stores]
    return wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, resources=attached)


@pytest.fixture
def note(settings, session):
    """A resource of a kind that shows its id."""
    settings.SESSION_RESOURCE_KINDS = {**settings.SESSION_RESOURCE_KINDS, "note": "tests.wire.notes"}
    plugs.resource_kinds.cache_clear()
    yield SessionResource.objects.create(
        session_id=session.id, kind="note", target_id="file_1", position=3, created_at=timezone.now()
    )
    plugs.resource_kinds.cache_clear()


def test_resources_are_listed_in_the_order_of_their_attaching(resources, session):
    assert list(resources.list(session.id)) == session.resources
    assert [store.name for store in resources.list(session.id, limit=2)] == ["First", "Second", "Third"]
    with pytest.raises(anthropic.BadRequestError, match="limit"):
        resources.list(session.id, limit=1001)


def test_a_memory_store_is_listed_and_has_no_address_of_its_own(resources, session):
    assert "id" not in session.resources[0].to_dict()
    hidden = SessionResource.objects.first().pk
    for call in (resources.retrieve, resources.delete):
        with pytest.raises(anthropic.NotFoundError):
            call(hidden, session_id=session.id)
    with pytest.raises(anthropic.NotFoundError):
        resources.update(hidden, session_id=session.id, authorization_token="x")
    assert SessionResource.objects.count() == 3


def test_a_resource_with_an_id_is_read_and_taken_away(resources, session, note):
    assert resources.retrieve(note.pk, session_id=session.id).id == note.pk
    with pytest.raises(anthropic.BadRequestError, match="authorization_token"):
        resources.update(note.pk, session_id=session.id, authorization_token="x")
    gone = resources.delete(note.pk, session_id=session.id)
    assert (gone.id, gone.type) == (note.pk, "session_resource_deleted")
    assert len(list(resources.list(session.id))) == 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"type": "memory_store", "file_id": "file_1"}, "type: "),
        ({"type": "github_repository", "file_id": "file_1"}, "type: "),
        ({"type": "github_repository", "url": "https://github.com/a/b"}, "type: "),
        ({"type": "file"}, "file_id: "),
    ],
)
def test_what_cannot_be_added_later_is_refused_by_its_type(wire, session, body, message):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.post(
            f"/v1/sessions/{session.id}/resources",
            cast_to=object,
            body=body,
            options={"headers": {"anthropic-beta": "managed-agents-2026-04-01"}},
        )
    assert refusal.value.body["error"]["message"].startswith(message)
