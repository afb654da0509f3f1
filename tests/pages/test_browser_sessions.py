"""In a real browser: a session at work, seen live by two people, answered, denied, allowed, stopped, caught up with."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Locator, Page, Route, expect

from agents.actors import Actor
from agents.models import Role, Session
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from agents.services.members import add_member
from agents.services.sessions import create_session
from tests.chaos.parts import PARTS, find
from tests.pages.browsing import problems, sign_in
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.browser
PATIENCE = 60_000  # milliseconds; what is waited for comes in well under one second
FIND = {"type": "custom", "name": "find_order", "description": "Finds an order.", "input_schema": {"type": "object"}}
ASKS = {"type": "agent_toolset_20260401", "default_config": {"permission_policy": {"type": "always_ask"}}}
SLOW = {"text": "Too late.", "delay_ms": 240_000}


@pytest.fixture
def session(stack: Stack, actor: Actor) -> Session:
    agent = create_agent({"name": "Clerk", "model": "practice-1", "tools": [ASKS, FIND]}, actor=actor)
    environment = create_environment({"name": "box"}, actor=actor)
    body = {"agent": agent.pk, "environment_id": environment.pk, "title": "Order A1"}
    return create_session(body, actor=actor)


def program(*steps: dict[str, Any]) -> str:
    return f"Please.\npractice: {json.dumps({'steps': steps})}"


def opened(page: Page, stack: Stack, client: Client, session: Session) -> list[str]:
    """Opens the session's page as who is signed in with the client; returns the errors that the browser will tell."""
    page.set_default_timeout(PATIENCE)
    sign_in(page, stack, client)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"{stack.url}/sessions/{session.pk}/")
    return errors


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("")  # the form is a new one: it may be filled again


def waits(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=f"Waits for you: {name}")


def log(page: Page) -> Locator:
    return page.locator("#timeline")


def test_two_people_watch_one_denies_allows_and_answers(
    stack: Stack, session: Session, as_alice: Client, page: Page, browser: Browser
) -> None:
    dora = Client()
    dora.force_login(add_member(session.workspace, User.objects.create_user("dora"), Role.ADMIN).user)
    other = browser.new_page()
    errors, others_errors = opened(page, stack, as_alice, session), opened(other, stack, dora, session)
    glob, grep = ({"tool": name, "input": {"pattern": "order*"}} for name in ("glob", "grep"))
    say(page, program({"tools": [glob, grep, {"tool": "find_order", "input": {"order": "A1"}}]}, {"text": "All done."}))

    for looking in (page, other):
        expect(looking.get_by_role("link", name="waits for you")).to_be_visible()
        expect(looking.locator("#live")).to_have_text("The agent waits for you: glob, grep, find_order.")
    waits(other, "glob").get_by_label("Why not").fill("half a reason")
    # What comes live may be half drawn when the audit looks; what is wrong stays wrong.
    wait_for(lambda: problems(page) == [] or None, PATIENCE / 1000)

    waits(page, "grep").get_by_label("Why not").fill("Orders are private.")
    waits(page, "grep").get_by_role("button", name="Deny").click()
    for looking in (page, other):
        expect(waits(looking, "grep")).to_have_count(0)
        expect(log(looking)).to_contain_text("Denied: Orders are private.")
    expect(waits(other, "glob").get_by_label("Why not")).to_have_value("half a reason")
    expect(waits(other, "glob").get_by_label("Why not")).to_be_focused()
    waits(page, "glob").get_by_role("button", name="Allow").click()
    expect(waits(other, "glob")).to_have_count(0)
    waits(other, "find_order").get_by_label("What find_order gives back").fill("The archive is closed.")
    waits(other, "find_order").get_by_label("It failed").check()
    waits(other, "find_order").get_by_role("button", name="Answer").click()

    for looking in (page, other):
        expect(log(looking)).to_contain_text("All done.")
        expect(looking.locator("#live")).to_have_text("The agent waits for a message.")
        expect(log(looking)).to_contain_text(re.compile("The archive is closed"))
    assert [errors, others_errors] == [[], []]
    other.close()


def test_a_thinking_agent_is_interrupted_and_takes_what_waited(
    stack: Stack, session: Session, as_alice: Client, page: Page
) -> None:
    errors = opened(page, stack, as_alice, session)
    say(page, program(SLOW))
    expect(log(page)).to_contain_text("Model request")
    say(page, program({"text": "Something else then."}))
    expect(page.locator("#desk")).to_contain_text("1 message waiting for the agent")
    page.get_by_role("button", name="Interrupt").click()
    expect(log(page)).to_contain_text("Interrupted")
    expect(page.locator("#timeline .said", has_text=re.compile("^Something else then"))).to_be_visible()
    expect(page.locator("#desk")).not_to_contain_text("waiting for the agent")
    expect(page.get_by_role("button", name="Interrupt")).to_have_count(0)
    assert errors == []


def test_what_is_typed_while_a_message_is_on_its_way_stays(
    stack: Stack, session: Session, as_alice: Client, page: Page
) -> None:
    errors = opened(page, stack, as_alice, session)
    message = page.get_by_label("Message", exact=True)

    def type_on(route: Route) -> None:
        message.press_sequentially(" And then")
        route.continue_()

    expect(page.get_by_text("Nothing happened yet.")).to_be_visible()
    page.route("**/send/", type_on)
    message.fill("The first.")
    message.press("Control+Enter")
    expect(message).to_have_value("And then")
    expect(message).to_be_focused()
    expect(log(page).locator(".said", has_text=re.compile("^The first.$"))).to_be_visible()
    expect(page.get_by_text("Nothing happened yet.")).to_be_hidden()
    assert errors == []


def test_what_could_not_be_sent_stays_and_says_so_where_one_looks(
    stack: Stack, session: Session, as_alice: Client, page: Page
) -> None:
    opened(page, stack, as_alice, session)
    page.set_viewport_size({"width": 800, "height": 420})
    message = page.get_by_label("Message", exact=True)
    say(page, program({"text": "\n".join(["A long answer."] * 60)}))
    expect(log(page)).to_contain_text("A long answer.")
    page.route("**/send/", lambda route: route.abort())
    message.fill("And one more.")
    message.press("Control+Enter")
    expect(page.get_by_role("alert")).to_be_in_viewport()
    expect(message).to_have_value("And one more.")
    page.unroute("**/send/")
    message.press("Control+Enter")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(message).to_have_value("")


def test_the_page_catches_up_once_the_web_process_is_back(
    stack: Stack, session: Session, as_alice: Client, page: Page
) -> None:
    opened(page, stack, as_alice, session)
    say(page, "One.")
    expect(log(page)).to_contain_text("You said: “One.”")
    wait_for(lambda: find(stack, PARTS["web server"]), 60).kill()
    as_alice.post(f"/sessions/{session.pk}/send/", {"text": "Two."})
    expect(log(page)).to_contain_text("You said: “Two.”")
    expect(page.locator("#live")).to_have_text("The agent waits for a message.")
    say(page, "Three.")
    expect(log(page)).to_contain_text("You said: “Three.”")
    anchors = page.eval_on_selector_all("#timeline > [id]", "lines => lines.map(line => line.id)")
    assert len(anchors) == len(set(anchors))


def test_without_script_every_answer_is_a_form(
    stack: Stack, session: Session, as_alice: Client, browser: Browser
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    opened(page, stack, as_alice, session)
    with page.expect_event("load"):  # of the page that the form leads to; until then nothing may be loaded again
        say(page, program({"tools": [{"tool": "glob", "input": {"pattern": "*"}}]}, {"text": "All done."}))

    def looks_again(until: Locator) -> None:
        def seen() -> bool | None:
            page.reload()
            return until.is_visible() or None

        wait_for(seen, PATIENCE / 1000)

    looks_again(waits(page, "glob"))
    with page.expect_event("load"):
        waits(page, "glob").get_by_role("button", name="Allow").click()
    looks_again(page.locator("#timeline .said", has_text=re.compile("^All done")))
    page.context.close()
