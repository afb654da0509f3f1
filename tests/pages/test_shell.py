"""What every page shares: the policy, sign-in, errors, colours, shortcuts, partials."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from agents.models import Member
from dreams.models import Proposal

PAGES = ["/", "/inbox/", "/dreams/", "/dreams/new/", "/memory/", "/sessions/", "/agents/"]
PAGES += ["/setup/", "/members/", "/audit/", "/workspaces/", "/password/"]


@pytest.mark.parametrize("address", PAGES)
def test_an_empty_workspace_has_a_page_everywhere(as_rita: Client, address: str) -> None:
    page = as_rita.get(address)
    assert page.status_code == 200
    assert page.content.decode().count("<h1") == 1


@pytest.mark.parametrize("address", PAGES)
def test_nobody_sees_a_page_without_signing_in(client: Client, db: None, address: str) -> None:
    assert client.get(address)["Location"].startswith("/login/?next=")


def test_the_policy_allows_nothing_inline(as_rita: Client) -> None:
    policy = as_rita.get("/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy


@pytest.mark.parametrize("address", PAGES)
def test_no_page_carries_an_inline_script_or_style(as_rita: Client, address: str) -> None:
    page = as_rita.get(address).content.decode()
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\bsrc=)", page) == []


def test_sign_in_and_out(client: Client, alice: Member) -> None:
    alice.user.set_password("a-long-password-1")
    alice.user.save()
    assert client.post("/login/", {"username": "alice", "password": "wrong"}).status_code == 200
    assert client.post("/login/", {"username": "alice", "password": "a-long-password-1"}).status_code == 302
    assert client.get("/").status_code == 200
    client.post("/logout/")
    assert client.get("/").status_code == 302


def test_what_is_not_there_is_a_readable_page(as_rita: Client) -> None:
    response = as_rita.get("/memory/memstore_none/")
    assert response.status_code == 404
    assert "&#x27;memstore_none&#x27; was not found" in response.content.decode()
    assert "Request <code>" in response.content.decode()


def test_colours_are_chosen_once_and_stay(as_rita: Client) -> None:
    response = as_rita.post("/preferences/", {"theme": "dark", "next": "/inbox/"})
    assert response["Location"] == "/inbox/"
    assert '<html lang="en" data-theme="dark"' in as_rita.get("/").content.decode()


def test_single_key_shortcuts_can_be_turned_off(as_rita: Client) -> None:
    as_rita.post("/preferences/", {"shortcuts": "off"})
    assert 'data-shortcuts="off"' in as_rita.get("/").content.decode()


def test_preferences_lead_back_into_the_product_only(as_rita: Client) -> None:
    assert as_rita.post("/preferences/", {"theme": "dark", "next": "https://evil.example/"})["Location"] == "/"


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    root = Path(settings.BASE_DIR)
    sprite = set(re.findall(r'symbol id="([\w-]+)"', (root / "static/img/icons.svg").read_text()))
    used = set()
    for template in (root / "templates").rglob("*.html"):
        text = template.read_text()
        used |= set(re.findall(r'{% icon "([\w-]+)" %}', text)) | set(re.findall(r'\bicon="([\w-]+)"', text))
    kinds = {choice for choice, _ in Proposal._meta.get_field("kind").choices or ()}
    assert (used | kinds) - sprite == set()


def test_a_fragment_of_an_ended_sign_in_sends_the_browser_home(client: Client, db: None) -> None:
    response = client.get("/inbox/", headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == "/"


def test_a_forged_form_is_refused_in_words(alice: Member) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice.user)
    response = strict.post("/preferences/", {"theme": "dark"})
    assert response.status_code == 403
    assert "Go back, reload the page" in response.content.decode()


@pytest.mark.parametrize(
    ("action", "page"),
    [
        ("/proposals/prop_1/undo/", "/proposals/prop_1/"),
        ("/proposals/prop_1/reject/", "/proposals/prop_1/"),
        ("/sessions/sesn_1/send/", "/sessions/sesn_1/"),
        ("/dreams/drm_1/cancel/", "/dreams/drm_1/"),
    ],
)
def test_an_action_opened_as_a_page_leads_to_what_it_acts_on(as_rita: Client, action: str, page: str) -> None:
    assert as_rita.get(action)["Location"] == page


@pytest.mark.parametrize("address", ["/", "/inbox/", "/agents/new/", "/audit/export/"])
def test_a_page_answers_head_as_it_answers_get(as_alice: Client, address: str) -> None:
    head, get = as_alice.head(address), as_alice.get(address)
    assert (head.status_code, head.headers["Content-Type"]) == (200, get.headers["Content-Type"])


@pytest.mark.parametrize(("method", "address"), [("get", "/demo/run/"), ("get", "/logout/"), ("post", "/inbox/")])
def test_a_wrong_method_is_a_readable_page(as_rita: Client, method: str, address: str) -> None:
    response = getattr(as_rita, method)(address)
    assert (response.status_code, "Allow" in response) == (405, True)
    assert "Not possible" in response.content.decode()
