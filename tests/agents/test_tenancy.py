"""Workspaces, members and API keys."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from agents.access import access_row
from agents.actors import Actor
from agents.crypto import is_well_formed, key_digest, new_key
from agents.exceptions import Conflict, InvalidRequest, NotFound, PermissionDenied
from agents.models import ApiKey, Environment, Role, Scope, Workspace
from agents.services import api_keys, members, workspaces

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Workspace:
    return workspaces.create_workspace("Acme")


def test_a_mistyped_key_is_noticed_without_the_database():
    key = new_key()
    swapped = key[:-1] + ("2" if key[-1] == "1" else "1")
    assert is_well_formed(key)
    assert not is_well_formed(swapped)
    assert not is_well_formed(key[:-1])


def test_the_text_of_a_key_is_kept_nowhere(acme):
    key, text = api_keys.issue_api_key(acme, "ci")
    stored = ApiKey.objects.values().get(pk=key.pk)
    assert text not in str(stored)
    assert stored["digest"] == key_digest(text)
    assert stored["prefix"] == text[: len(stored["prefix"])]


def test_a_key_may_read_and_write_unless_told_otherwise(acme):
    key, _ = api_keys.issue_api_key(acme, "ci")
    assert Actor.of_api_key(key).may(Scope.WRITE)
    assert not Actor.of_api_key(key).may(Scope.REVIEW)


def test_messages_of_an_operator_key_are_trusted_like_a_persons(acme, django_user_model):
    plain, _ = api_keys.issue_api_key(acme, "plain")
    operator, _ = api_keys.issue_api_key(acme, "operator", scopes=["read", "write", "operator"])
    person = members.add_member(acme, django_user_model.objects.create_user("ann"))
    assert [Actor.of_api_key(plain).trust, Actor.of_api_key(operator).trust, Actor.of_member(person).trust] == [0, 2, 2]


def test_an_unknown_scope_is_refused_by_name(acme):
    with pytest.raises(InvalidRequest, match="'sing' is unknown"):
        api_keys.issue_api_key(acme, "ci", scopes=["sing"])


def test_revoking_twice_keeps_the_first_time(acme):
    key, _ = api_keys.issue_api_key(acme, "ci")
    first = api_keys.revoke_api_key(key).revoked_at
    assert first is not None
    assert api_keys.revoke_api_key(key).revoked_at == first


def test_a_workspace_name_is_taken_once(acme):
    with pytest.raises(Conflict, match="Acme"):
        workspaces.create_workspace("Acme")


def test_the_last_admin_stays_admin(acme, django_user_model):
    admin = members.add_member(acme, django_user_model.objects.create_user("ann"), Role.ADMIN)
    with pytest.raises(Conflict, match="at least one admin"):
        members.change_role(admin, Role.VIEWER)
    members.add_member(acme, django_user_model.objects.create_user("bob"), Role.ADMIN)
    assert members.change_role(admin, Role.VIEWER).role == Role.VIEWER


def test_a_viewer_may_read_and_not_write(acme, django_user_model):
    viewer = Actor.of_member(members.add_member(acme, django_user_model.objects.create_user("val")))
    viewer.require(Scope.READ)
    with pytest.raises(PermissionDenied, match="'write' is missing"):
        viewer.require(Scope.WRITE)


def test_an_id_of_another_workspace_is_not_found(acme):
    other = workspaces.create_workspace("Other")
    environment = Environment.objects.create(
        workspace=other, name="e", config={"type": "cloud"}, updated_at=other.created_at
    )
    with pytest.raises(NotFound):
        access_row(Environment, acme, environment.pk, "Environment")
    assert access_row(Environment, other, environment.pk, "Environment") == environment


def test_the_command_prints_one_line_that_is_the_key(acme):
    out = StringIO()
    call_command("create_api_key", "--name", "ci", "--scope", "read", stdout=out)
    (line,) = out.getvalue().splitlines()
    assert ApiKey.objects.get(digest=key_digest(line)).scopes == ["read"]


def test_the_command_asks_which_workspace_when_there_are_several(acme):
    workspaces.create_workspace("Other")
    with pytest.raises(CommandError, match="workspace"):
        call_command("create_api_key", "--name", "ci")


def test_one_person_is_a_member_once(acme, django_user_model):
    ann: User = django_user_model.objects.create_user("ann")
    members.add_member(acme, ann)
    with pytest.raises(Conflict):
        members.add_member(acme, ann)
