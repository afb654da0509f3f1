"""People of a workspace: letting them in, what they may do, and letting them go."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connections
from django.test import Client

from agents.actors import Actor
from agents.exceptions import Conflict
from agents.models import ApiKey, AuditEvent, Member, Role
from agents.services.api_keys import issue_api_key
from agents.services.members import add_member, change_role
from tests.conftest import PASSWORD

NEW_PASSWORD = "correct-horse-7"


@pytest.fixture(autouse=True)
def _nobody_guessed():
    cache.clear()


def link_in(page):
    return re.search(r'id="link"[^>]*>http://testserver([^<]+)<', page.content.decode()).group(1)


def invite(client, name="mia", role=Role.REVIEWER):
    return client.post("/members/", {"username": name, "role": role})


def set_password(client, link, password=NEW_PASSWORD):
    form = client.get(link, follow=True)
    return client.post(form.request["PATH_INFO"], {"new_password1": password, "new_password2": password})


def test_a_newcomer_comes_in_by_a_link_that_works_once(as_alice, client):
    shown = invite(as_alice)
    link = link_in(shown)
    assert "no-store" in shown["Cache-Control"]
    assert link not in as_alice.get("/members/").content.decode()
    assert set_password(client, link)["Location"] == "/"
    assert "Welcome to Lucid" in client.get("/").content.decode()
    assert Member.objects.get(user__username="mia").role == Role.REVIEWER
    assert "does not work any more" in Client().get(link, follow=True).content.decode()
    assert Client().login(username="mia", password=NEW_PASSWORD)


def test_a_weak_first_password_is_refused_in_words(as_alice, client):
    response = set_password(client, link_in(invite(as_alice)), "short")
    assert response.status_code == 422
    assert "too short" in response.content.decode()


def test_somebody_known_elsewhere_is_let_in_as_they_are(as_alice, charlie, workspace):
    response = invite(as_alice, "Charlie")
    assert response["Location"] == "/members/"
    assert Member.objects.get(workspace=workspace, user=charlie.user).role == Role.REVIEWER


def test_an_admin_cannot_take_over_a_person_of_another_workspace(as_alice, charlie, workspace):
    guest = add_member(workspace, charlie.user)
    assert as_alice.post(f"/members/{guest.pk}/link/").status_code == 403
    assert "Make a sign-in link" not in as_alice.get(f"/members/{guest.pk}/").content.decode()


def test_who_was_let_in_elsewhere_and_never_came_is_not_said_to_sign_in_as_before(as_alice, as_charlie):
    as_charlie.post("/members/", {"username": "dana", "role": "viewer"})
    answer = as_alice.post("/members/", {"username": "dana", "role": "viewer"}, follow=True).content.decode()
    assert "signs in as before" not in answer
    assert "make sure that it is the person you mean" in answer


def test_who_runs_the_installation_gets_no_link_from_others(as_alice, workspace):
    root = add_member(workspace, User.objects.create_superuser("root", password=PASSWORD))
    assert as_alice.post(f"/members/{root.pk}/link/").status_code == 403


def test_a_forgotten_password_is_mended_by_a_new_link(as_alice, bob):
    response = as_alice.post(f"/members/{bob.pk}/link/")
    browser = Client()
    set_password(browser, link_in(response))
    assert Client().login(username="bob", password=NEW_PASSWORD)


@pytest.mark.parametrize("name", ["", "bad name", "x" * 151, "bob"])
def test_a_name_that_will_not_do_is_said_at_the_field(as_alice, bob, name):
    response = invite(as_alice, name)
    assert response.status_code == 422
    assert 'class="error"' in response.content.decode()


def test_a_role_is_changed_and_told(as_alice, bob):
    as_alice.post(f"/members/{bob.pk}/role/", {"role": "reviewer"})
    bob.refresh_from_db()
    event = AuditEvent.objects.get(action="member.role_changed")
    assert (bob.role, event.actor_name, event.detail) == (Role.REVIEWER, "alice", "viewer → reviewer")


def test_the_last_admin_stays_and_the_page_says_why(as_alice, alice, bob):
    refused = as_alice.post(f"/members/{alice.pk}/role/", {"role": "viewer"})
    assert refused.status_code == 422
    assert "at least one admin" in refused.content.decode()
    assert "at least one admin" in as_alice.get(f"/members/{alice.pk}/remove/").content.decode()
    assert as_alice.post(f"/members/{alice.pk}/remove/").status_code == 409
    alice.refresh_from_db()
    assert (alice.role, alice.removed_at) == (Role.ADMIN, None)


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_who_demote_each_other_at_once_one_stays(alice, workspace):
    both = [alice, add_member(workspace, User.objects.create_user("anna"), Role.ADMIN)]
    together = Barrier(2)

    def demote(member):
        together.wait()
        try:
            change_role(Member.objects.get(pk=member.pk), Role.VIEWER)
        except Conflict:
            return "refused"
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(demote, both)) == ["done", "refused"]
    assert Member.objects.filter(workspace=workspace, role=Role.ADMIN).count() == 1


def test_who_was_removed_is_out_at_once_and_can_come_back(as_alice, as_bob, bob, workspace):
    key, _ = issue_api_key(workspace, "bobs", actor=Actor.of_member(bob))
    assert "bobs" in as_alice.get(f"/members/{bob.pk}/remove/").content.decode()
    as_alice.post(f"/members/{bob.pk}/remove/")
    assert as_bob.get("/").status_code == 403
    assert ApiKey.objects.get(pk=key.pk).revoked_at is None
    assert f"/members/{bob.pk}/" not in as_alice.get("/members/").content.decode()
    invite(as_alice, "bob", Role.VIEWER)
    assert as_bob.get("/").status_code == 200
    bob.refresh_from_db()
    assert bob.removed_at is None


def test_their_keys_go_with_them_when_the_admin_says_so(as_alice, bob, workspace):
    key, _ = issue_api_key(workspace, "bobs", actor=Actor.of_member(bob))
    as_alice.post(f"/members/{bob.pk}/remove/", {"with_keys": "1"})
    assert ApiKey.objects.get(pk=key.pk).revoked_at


def test_a_person_changes_their_own_password(as_bob, bob):
    wrong = {"old_password": "no", "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert as_bob.post("/password/", wrong).status_code == 422
    assert as_bob.post("/password/", {**wrong, "old_password": PASSWORD}).status_code == 302
    assert as_bob.get("/").status_code == 200
    assert Client().login(username="bob", password=NEW_PASSWORD)
    assert AuditEvent.objects.get(action="member.password_set").actor_name == "bob"


def test_a_person_of_two_workspaces_goes_from_one_to_the_other(as_alice, alice, charlie):
    add_member(charlie.workspace, alice.user)
    as_alice.post("/workspaces/choose/", {"workspace": charlie.workspace_id})
    page = as_alice.get("/members/").content.decode()
    assert "charlie" in page
    assert "Add a person" not in page
    assert as_alice.post("/workspaces/choose/", {"workspace": "wrkspc_none"}).status_code == 404


def test_nobody_goes_where_they_are_no_member(as_alice, charlie):
    assert as_alice.post("/workspaces/choose/", {"workspace": charlie.workspace_id}).status_code == 404


def test_an_admin_founds_a_workspace_and_is_its_admin(as_alice, alice):
    assert as_alice.post("/workspaces/", {"name": "Acme"}).status_code == 422
    as_alice.post("/workspaces/", {"name": "Second"})
    assert Member.objects.get(workspace__name="Second").user == alice.user
    assert "<b>Second</b>" in as_alice.get("/").content.decode()


def test_the_settings_of_the_workspace_are_changed_and_told(as_alice, workspace):
    workspace.settings = {"something": "else"}
    workspace.save()
    as_alice.post("/workspace/", {"name": "Acme", "principal_key": "customer", "allow_unreviewed_stores": "on"})
    workspace.refresh_from_db()
    assert workspace.settings == {"something": "else", "principal_key": "customer", "allow_unreviewed_stores": True}
    detail = AuditEvent.objects.get(action="workspace.updated").detail
    assert detail == "principal_key principal → customer, allow_unreviewed_stores False → True"
    as_alice.post("/workspace/", {"name": "Acme", "principal_key": "customer", "allow_unreviewed_stores": "on"})
    assert AuditEvent.objects.filter(action="workspace.updated").count() == 1


def test_when_somebody_was_last_seen_stands_in_the_list(as_alice, as_bob, bob):
    as_bob.get("/")
    bob.refresh_from_db()
    assert bob.last_seen_at is not None
