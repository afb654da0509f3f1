"""In a real browser: somebody new makes an agent, is told what is wrong, and starts its first session."""

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from agents.models import Agent, Session
from tests.pages.browsing import arrived, problems, sign_in
from tests.stack import Stack

pytestmark = pytest.mark.browser


@pytest.fixture
def signed_in(stack: Stack, as_alice: Client, page: Page) -> Page:
    sign_in(page, stack, as_alice)
    return page


def test_a_first_agent_and_its_first_session(stack: Stack, signed_in: Page) -> None:
    page = signed_in
    page.goto(f"{stack.url}/agents/")
    page.get_by_role("link", name="New agent").click()
    arrived(page, "New agent")
    assert problems(page) == []
    page.get_by_label("Name", exact=True).fill("Helper")
    page.get_by_label("Model").fill("practice-1")
    page.get_by_label("System prompt").fill("You help.")
    page.get_by_label("Run commands in a shell").select_option("asks first")
    page.get_by_label("Custom tools").fill(
        '[\n{"name": "bash", "description": "d", "input_schema": {"type": "object"}}]'
    )
    page.get_by_role("button", name="Create the agent").click()
    expect(page.get_by_text("Line 2: name: 'bash' is reserved.")).to_be_visible()
    expect(page.get_by_label("System prompt")).to_have_value("You help.")
    assert problems(page) == []

    page.get_by_label("Custom tools").fill("")
    page.get_by_label("Keep memory between sessions").check()
    page.get_by_role("button", name="Create the agent").click()
    expect(page.get_by_role("heading", name="Start a session")).to_be_visible()
    assert problems(page) == []
    page.get_by_label("First message").fill("Hello there")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name="Hello there")).to_be_visible()
    expect(page.get_by_role("link", name="Helper memory")).to_be_visible()
    assert Session.objects.get().agent.name == "Helper"


def test_the_other_pages_of_an_agent_and_of_environments_break_no_rule(stack: Stack, signed_in: Page) -> None:
    page = signed_in
    page.goto(f"{stack.url}/environments/new/")
    page.get_by_label("Name", exact=True).fill("research")
    assert problems(page) == []
    page.get_by_role("button", name="Create the environment").click()
    arrived(page, "research")
    assert problems(page) == []
    page.goto(f"{stack.url}/agents/new/")
    page.get_by_label("Name", exact=True).fill("Helper")
    page.get_by_label("Model").fill("practice-1")
    page.get_by_role("button", name="Create the agent").click()
    expect(page.get_by_role("heading", name="Start a session")).to_be_visible()
    agent = Agent.objects.get()
    page.goto(f"{stack.url}/agents/{agent.pk}/edit/")
    page.get_by_label("System prompt").fill("You help.")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page).to_have_url(f"{stack.url}/agents/{agent.pk}/")  # the form's heading was the agent's name, too
    assert agent.versions.count() == 2
    for address in ("/environments/", *(f"/agents/{agent.pk}/{name}/" for name in ("versions", "compare", "archive"))):
        page.goto(stack.url + address)
        assert problems(page) == []
