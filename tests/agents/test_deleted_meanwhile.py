"""A request that finds something and then loses it to a deletion is told so."""

import pytest
from django.db import transaction

from agents.exceptions import NotFound
from agents.models import AuditEvent, Environment, Session
from agents.services.environments import delete_environment
from agents.services.events import send_events
from agents.services.session_resources import detach_resource
from agents.services.sessions import archive_session, delete_session, open_session

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


def test_a_session_that_was_deleted_meanwhile_is_not_found(clean_redis, make_session, actor):
    session = make_session()
    delete_session(Session.objects.get(pk=session.pk), actor=actor)
    with pytest.raises(NotFound):
        send_events(session, [HELLO], actor=actor)
    with pytest.raises(NotFound):
        archive_session(session, actor=actor)


def test_no_session_begins_in_an_environment_that_was_deleted_meanwhile(agent, environment, actor):
    found = Environment.objects.get(pk=environment.pk)
    delete_environment(environment, actor=actor)
    with pytest.raises(NotFound), transaction.atomic():
        open_session(agent, agent.versions.get(), found, actor=actor)
    assert not Session.objects.exists()


def test_a_resource_that_two_take_away_is_taken_away_once(clean_redis, make_session, actor):
    session = make_session(resources=[{"type": "github_repository", "url": "https://github.com/acme/tools"}])
    found = session.resources.get()
    detach_resource(session.resources.get(), actor=actor)
    with pytest.raises(NotFound):
        detach_resource(found, actor=actor)
    assert AuditEvent.objects.filter(action="session.resource_removed").count() == 1
