"""A request that finds its session and then loses it to a deletion is told so."""

import pytest

from agents.exceptions import NotFound
from agents.models import Session
from agents.services.session_updates import delete_session
from agents.services.sessions import archive_session, send_events

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


def test_a_session_that_was_deleted_meanwhile_is_not_found(clean_redis, make_session, actor):
    session = make_session()
    delete_session(Session.objects.get(pk=session.pk), actor=actor)
    with pytest.raises(NotFound):
        send_events(session, [HELLO], actor=actor)
    with pytest.raises(NotFound):
        archive_session(session, actor=actor)
