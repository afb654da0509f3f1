"""Keys of programs: shown once, replaced with an overlap, revoked for ever."""

import re

from agents.crypto import key_digest
from agents.models import ApiKey, AuditEvent
from agents.services.api_keys import issue_api_key
from tests.wire.conftest import Caller


def key_in(page):
    return re.search(r'id="key"[^>]*>(lucid_\w+)<', page.content.decode()).group(1)


def make(client, **fields):
    return client.post("/api-keys/", {"name": "nightly", "scopes": ["read", "write"], **fields})


def test_a_key_is_shown_once_and_works(as_alice, alice):
    shown = make(as_alice)
    text = key_in(shown)
    key = ApiKey.objects.get(digest=key_digest(text))
    assert (key.name, key.scopes, key.created_by) == ("nightly", ["read", "write"], alice)
    assert "no-store" in shown["Cache-Control"]
    assert Caller(text)("GET", "agents").status_code == 200
    for address in ("/api-keys/", f"/api-keys/{key.pk}/", "/audit/"):
        page = as_alice.get(address).content.decode()
        assert text not in page
        assert "nightly" in page
    assert text not in str(AuditEvent.objects.values())


def test_the_guide_names_this_server(as_alice):
    page = as_alice.get("/api-keys/").content.decode()
    assert "curl http://testserver/v1/agents" in page
    assert "base_url=&quot;http://testserver&quot;" in page or 'base_url="http://testserver"' in page


def test_a_key_without_a_name_or_a_right_is_refused_at_the_field(as_alice):
    response = as_alice.post("/api-keys/", {"name": " "})
    assert response.status_code == 422
    assert response.content.decode().count('class="error"') == 2
    assert make(as_alice, scopes=["everything"]).status_code == 422
    assert not ApiKey.objects.exists()


def test_while_a_key_is_replaced_both_work(as_alice, workspace):
    old, text = issue_api_key(workspace, "nightly", scopes=["read"])
    shown = as_alice.post(f"/api-keys/{old.pk}/rotate/")
    new = ApiKey.objects.exclude(pk=old.pk).get()
    assert (new.name, new.scopes) == ("nightly", ["read"])
    assert f"/api-keys/{old.pk}/revoke/" in shown.content.decode()
    assert [Caller(each)("GET", "agents").status_code for each in (text, key_in(shown))] == [200, 200]


def test_a_revoked_key_opens_nothing_and_is_not_replaced(as_alice, workspace):
    key, text = issue_api_key(workspace, "nightly")
    assert "at once, for ever" in as_alice.get(f"/api-keys/{key.pk}/revoke/").content.decode()
    assert Caller(text)("GET", "agents").status_code == 200
    assert as_alice.post(f"/api-keys/{key.pk}/revoke/")["Location"] == "/api-keys/"
    assert Caller(text)("GET", "agents").status_code == 401
    assert as_alice.post(f"/api-keys/{key.pk}/rotate/").status_code == 400
    as_alice.post(f"/api-keys/{key.pk}/revoke/")
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == 1


def test_only_admins_see_the_way_there(as_alice, as_rita):
    assert "/api-keys/" in as_alice.get("/setup/").content.decode()
    assert "/api-keys/" not in as_rita.get("/setup/").content.decode()
