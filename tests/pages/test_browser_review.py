"""In a real browser: sessions are imported, dreamt over, and the proposal is read, edited, approved and undone."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from agents.actors import Actor
from agents.services.imports import import_transcripts
from dreams.models import Proposal
from memory.models import Memory
from memory.services import create_store
from tests.conftest import PASSWORD
from tests.pages.browsing import arrived, settled
from tests.stack import Stack

pytestmark = pytest.mark.browser
TOOLS = ("pay_order", "refund_order")
ERROR = "Error: gift card balance is not enough"
PAGES = ("/", "/inbox/", "/dreams/", "/dreams/new/", "/sessions/", "/agents/", "/memory/")
DREAM_MILLISECONDS = 180_000


def transcript(number: int) -> dict[str, Any]:
    """One customer whose first payment or refund is refused and whose second one works."""
    tool = TOOLS[number % len(TOOLS)]

    def call(call_id: str, method: str) -> dict[str, Any]:
        arguments = json.dumps({"order": f"A{number}", "method": method})
        return {"id": call_id, "type": "function", "function": {"name": tool, "arguments": arguments}}

    return {
        "messages": [
            {"role": "user", "content": f"Please see to my order A{number}."},
            {"role": "assistant", "content": None, "tool_calls": [call("c1", "gift_card")]},
            {"role": "tool", "tool_call_id": "c1", "name": tool, "content": ERROR},
            {"role": "assistant", "content": None, "tool_calls": [call("c2", "credit_card")]},
            {"role": "tool", "tool_call_id": "c2", "name": tool, "content": "paid"},
            {"role": "assistant", "content": "It is paid."},
        ],
        "reward": 1.0,
        "principal": f"customer-{number}",
    }


def may_sign_in() -> None:
    """Tests hash passwords in a way that the running product does not accept."""
    hasher = PBKDF2PasswordHasher()
    User.objects.filter(username="alice").update(password=hasher.encode(PASSWORD, "salt", iterations=1))


@pytest.fixture
def signed_in(stack: Stack, actor: Actor, page: Page) -> Iterator[Page]:
    """Alice at home, with imported sessions and an empty store; nothing may break the page's policy."""
    import_transcripts([json.dumps(transcript(number)) for number in range(4)], "Payments", actor=actor)
    create_store(actor.workspace, name="Payment notes")
    may_sign_in()
    broken: list[str] = []
    page.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error('policy', e.violatedDirective))"
    )
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda message: broken.append(message.text) if "policy" in message.text else None)
    page.goto(stack.url)
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    yield page
    assert broken == []


def shown_on(page: Page) -> Proposal:
    """The proposal whose page is open."""
    found = re.search(r"/proposals/([^/?]+)/", page.url)
    assert found is not None, page.url
    return Proposal.objects.get(pk=found[1])


def dream(page: Page) -> None:
    page.get_by_role("link", name="Start a dream").first.click()
    page.get_by_role("button", name="Dream over the chosen sessions").click()
    page.get_by_role("link", name=re.compile("^Review ")).click(timeout=DREAM_MILLISECONDS)
    arrived(page, "Inbox")


def test_a_proposal_is_read_edited_approved_and_undone(signed_in: Page, stack: Stack) -> None:
    page = signed_in
    dream(page)
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    expect(page.locator("blockquote").filter(has_text="gift card balance").first).to_be_visible()
    settled(page)
    proposal = shown_on(page)

    page.get_by_role("link", name="Open this quote in the session's trace").first.click()
    expect(page.locator(".event.is-target")).to_be_in_viewport()
    page.go_back()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    settled(page)

    page.keyboard.press("e")
    page.get_by_label("Text that will be stored").fill("when `pay_order` refuses a gift card → ask for a credit card")
    page.get_by_role("button", name="Approve a", exact=True).click()
    expect(page.get_by_text("You changed the text.")).to_be_visible()
    expect(page.get_by_label("Text that will be stored")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#last-decision, #messages").filter(has_text="dited and approved").first).to_be_visible()

    page.goto(f"{stack.url}/proposals/{proposal.pk}/")
    page.get_by_role("link", name="See the versions of the file").click()
    expect(page.get_by_role("link", name="reviewed proposal").first).to_be_visible()
    assert "ask for a credit card" in Memory.objects.get(store=proposal.store, path=proposal.path).content

    page.get_by_role("link", name="reviewed proposal").first.click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    settled(page)
    page.keyboard.press("u")
    expect(page.get_by_text("Undone: the decision was taken back.")).to_be_visible()
    assert not Memory.objects.filter(store=proposal.store, content__contains="ask for a credit card").exists()


def test_the_whole_queue_is_decided_by_keyboard(signed_in: Page) -> None:
    page = signed_in
    dream(page)
    left = page.locator("[data-row]").count()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator("#live")).to_contain_text(re.compile(r"^Approved\."))
    if left > 1:
        expect(page.locator("[data-row]").nth(1).locator("[data-open]")).to_be_focused()
    settled(page)
    page.keyboard.press("u")
    expect(page.get_by_text("Undone: the decision was taken back.")).to_be_visible()
    settled(page)
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.get_by_text("Why not?")).to_be_visible()
    settled(page)
    page.keyboard.press("2")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text(re.compile(r"You rejected|Rejected\.")).first).to_be_visible()
    assert Proposal.objects.filter(status="rejected").count() == 1


def test_shortcuts_rest_while_somebody_types_and_when_they_are_off(signed_in: Page) -> None:
    page = signed_in
    dream(page)
    page.keyboard.press("/")
    page.keyboard.type("gia")
    expect(page.get_by_label("Search paths and text")).to_have_value("gia")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("button", name="Turn single-key shortcuts off").click()
    expect(page.locator("html")).to_have_attribute("data-shortcuts", "off")
    settled(page)
    page.keyboard.press("j")
    page.keyboard.press("a")
    assert not Proposal.objects.exclude(status="pending").exists()


def test_without_javascript_the_review_works_as_well(signed_in: Page) -> None:
    dream(signed_in)
    context = signed_in.context.browser.new_context(  # type: ignore[union-attr]
        java_script_enabled=False, storage_state=signed_in.context.storage_state()
    )
    page = context.new_page()
    page.goto(signed_in.url)
    page.locator("[data-open]").first.click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(page.get_by_text(re.compile(r"Approved\."))).to_be_visible()
    context.close()
    assert Proposal.objects.filter(status="applied").count() == 1


@pytest.mark.parametrize("width", [320, 375])
def test_no_page_scrolls_sideways_on_a_phone(signed_in: Page, stack: Stack, width: int) -> None:
    page = signed_in
    dream(page)
    page.locator("[data-open]").first.click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    session = shown_on(page).evidence.all()[0].session_id
    page.set_viewport_size({"width": width, "height": 812})
    wide = []
    for address in (page.url, *(f"{stack.url}{path}" for path in (*PAGES, f"/sessions/{session}/"))):
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(address)
    assert wide == []
