"""Deploying an agent in a real browser: the preview follows the typing, and the button starts a session."""

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from agents.actors import Actor
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from tests.pages.browsing import arrived, problems, sign_in
from tests.stack import Stack

pytestmark = pytest.mark.browser


def test_an_agent_is_deployed_and_run(stack: Stack, actor: Actor, as_alice: Client, page: Page) -> None:
    create_agent({"name": "Ann", "model": "practice-1"}, actor=actor)
    create_environment({"name": "box"}, actor=actor)
    sign_in(page, stack, as_alice)
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)

    page.goto(f"{stack.url}/deployments/")
    page.get_by_role("link", name="Deploy an agent").first.click()
    arrived(page, "Deploy an agent")
    page.get_by_label("Name", exact=True).fill("Morning report")
    page.get_by_label("First message").fill("Write the report")
    page.get_by_label("When").fill("30 8 * *")
    expect(page.locator("#next-runs")).to_contain_text("5 fields")
    page.get_by_label("When").fill("30 8 * * 1-5")
    expect(page.locator("#next-runs li")).to_have_count(5)
    page.get_by_label("Time zone").select_option("Asia/Kathmandu")
    expect(page.locator("#next-runs")).to_contain_text("Asia/Kathmandu")
    page.get_by_role("button", name="Deploy").click()

    arrived(page, "Morning report")
    expect(page.get_by_text("The next five starts")).to_be_visible()
    assert not problems(page)
    page.get_by_role("link", name="Change").click()
    arrived(page, "Change the deployment")
    assert not problems(page)
    page.go_back()
    arrived(page, "Morning report")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("Write the report").first).to_be_visible()
    assert not refused
