"""Repositories of sessions, through the official client."""

import anthropic
import pytest

from agents.models import SessionResource

URL = "https://github.com/acme/tools"


@pytest.fixture
def create(wire, agent, environment):
    def create_session(**members):
        attached = {"type": "github_repository", "url": URL, **members}
        return wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, resources=[attached])

    return create_session


def test_a_repository_is_echoed_without_its_token(wire, create):
    session = create(url=f"{URL}.git", authorization_token="ghp_secret", checkout={"type": "branch", "name": "a/b"})
    (resource,) = session.resources
    assert (resource.url, resource.mount_path) == (URL, "/workspace/tools")
    assert resource.checkout.name == "a/b"
    listed = wire.beta.sessions.resources.list(session.id).data[0]
    for shown in (resource, listed, wire.beta.sessions.resources.retrieve(resource.id, session_id=session.id)):
        assert "ghp_secret" not in shown.to_json()
    row = SessionResource.objects.get()
    assert "ghp_secret" not in f"{row.config}{row.sealed_token}"


def test_a_token_is_replaced_and_never_shown(wire, create):
    session = create()
    resource = session.resources[0]
    updated = wire.beta.sessions.resources.update(resource.id, session_id=session.id, authorization_token="ghp_new")
    assert updated.updated_at > updated.created_at
    assert "ghp_new" not in updated.to_json()
    assert SessionResource.objects.get().sealed_token
    gone = wire.beta.sessions.resources.delete(resource.id, session_id=session.id)
    assert gone.type == "session_resource_deleted"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"url": "http://github.com/acme/tools"}, "url"),
        ({"url": "https://github.com/acme"}, "url"),
        ({"url": "https://token@github.com/acme/tools"}, "url"),
        ({"url": "https://github.com/acme/.."}, "url"),
        ({"url": "https://internal.example/acme/tools"}, "url"),
        ({"url": "https://github.com/acme/tools?x=--upload-pack"}, "url"),
        ({"mount_path": "/etc/x"}, "mount_path"),
        ({"mount_path": "/workspace/../x"}, "mount_path"),
        ({"mount_path": "/workspace"}, "mount_path"),
        ({"checkout": {"type": "branch", "name": "--upload-pack=x"}}, "checkout.name"),
        ({"checkout": {"type": "branch", "name": "a..b"}}, "checkout.name"),
        ({"checkout": {"type": "commit", "sha": "HEAD"}}, "checkout.sha"),
        ({"authorization_token": "a\nb"}, "authorization_token"),
    ],
)
def test_what_is_no_repository_is_refused(create, members, field):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        create(**members)
    assert refusal.value.body["error"]["message"].startswith(f"resources.0.{field}: ")


def test_two_repositories_in_one_place_are_refused(wire, agent, environment):
    both = [{"type": "github_repository", "url": url} for url in (URL, "https://github.com/other/tools")]
    with pytest.raises(anthropic.BadRequestError, match="mount_path"):
        wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, resources=both)
