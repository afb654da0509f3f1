"""A person puts a credential into a vault and takes it through its life, in a real Chromium."""

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from agents.models import Credential, WebhookEndpoint
from agents.services.credential_secrets import secrets_of
from tests.pages.browsing import arrived, problems, settled, sign_in
from tests.stack import Stack

pytestmark = pytest.mark.browser
TOKEN = "tok-3f9a-plain"


@pytest.fixture
def browser_page(stack: Stack, as_alice: Client, page: Page) -> Page:
    sign_in(page, stack, as_alice)
    return page


def test_a_credential_is_added_changed_and_archived(stack: Stack, browser_page: Page) -> None:
    page, found = browser_page, []
    page.goto(f"{stack.url}/setup/")
    page.locator(".setup-section", has_text="Vaults").click()
    arrived(page, "Vaults")
    page.get_by_role("link", name="New vault").click()
    arrived(page, "New vault")
    page.get_by_label("Name").fill("Ann's accounts")
    page.get_by_role("button", name="Create the vault").click()
    arrived(page, "Ann's accounts")
    page.get_by_role("link", name="Bearer token").click()
    arrived(page, "New bearer token")
    page.get_by_label("Name").fill("Tracker")
    page.get_by_label("Address of the MCP server").fill("https://mcp.example.com/mcp")
    page.get_by_label("Token").fill(TOKEN)
    found += problems(page)
    page.get_by_role("button", name="Add the credential").click()
    expect(page.locator("#messages")).to_contain_text("nothing shows it again")
    expect(page.get_by_role("table")).to_contain_text("https://mcp.example.com/mcp")
    found += problems(page)
    assert TOKEN not in page.content()
    assert secrets_of(Credential.objects.get()) == {"token": TOKEN}

    page.get_by_role("link", name="Change Tracker").click()
    expect(page.get_by_label("Token")).to_have_value("")
    page.get_by_label("Token").fill("another")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#messages")).to_contain_text("Tracker is changed")
    assert secrets_of(Credential.objects.get()) == {"token": "another"}
    page.get_by_role("link", name="Change Tracker").click()
    arrived(page, "Change Tracker")
    page.get_by_role("link", name="Archive…").click()
    arrived(page, "Archive Tracker?")
    found += problems(page)
    page.get_by_role("button", name="Archive the credential").click()
    expect(page.get_by_role("table")).to_contain_text("wiped")
    assert Credential.objects.get().sealed == ""
    assert not found, "\n".join(found)


def test_a_signing_secret_is_shown_once(stack: Stack, browser_page: Page) -> None:
    page = browser_page
    page.goto(f"{stack.url}/webhooks/new/")
    page.get_by_label("Address").fill("https://hooks.example.com/lucid")
    page.get_by_label("session.status_idled").check()
    found = problems(page)
    page.get_by_role("button", name="Add the endpoint").click()
    arrived(page, "The signing secret")
    secret = page.locator("#secret").inner_text()
    assert secret.startswith("whsec_")
    assert "whsec" not in page.url
    found += problems(page)
    page.reload()
    arrived(page, "This form was sent before")
    expect(page.locator("[data-focus]")).to_be_focused()
    found += problems(page)
    assert WebhookEndpoint.objects.count() == 1
    page.get_by_role("link", name="Go there").click()
    expect(page.get_by_text("not shown again")).to_be_visible()
    settled(page)
    assert secret not in page.content()
    assert not found + problems(page)
