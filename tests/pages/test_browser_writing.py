"""A session's page in a browser while the practice model writes: the text grows, and its event takes its place."""

import json
import re

from playwright.sync_api import Page, expect

from tests.pages.browsing import sign_in

WORDS = " ".join(f"word{number}" for number in range(40))


def test_the_text_grows_word_by_word_until_its_event_takes_its_place(stack, live_sdk, as_alice, page: Page):
    agent = live_sdk.beta.agents.create(name="Ann", model="practice-1")
    session = live_sdk.beta.sessions.create(
        agent=agent.id, environment_id=live_sdk.beta.environments.create(name="box").id
    )
    sign_in(page, stack, as_alice)
    with page.expect_response(re.compile("/stream/")):  # what the agent writes is shown to those who are there
        page.goto(f"{stack.url}/sessions/{session.id}/")
    page.evaluate(
        """() => {
            window.seen = [];
            const writing = document.getElementById("writing");
            new MutationObserver(() => seen.push(writing.textContent)).observe(writing, { childList: true });
        }"""
    )
    program = {"steps": [{"text": f"<b>First</b>\n\n  line {WORDS}"}]}
    page.get_by_label("Message").fill(f"practice: {json.dumps(program)}")
    page.get_by_role("button", name="Send").click()
    said = page.locator(".event-agent:not(.is-writing) .said")
    expect(said).to_have_text(f"<b>First</b> line {WORDS}")
    *growing, last = page.evaluate("seen")
    assert len(growing) > 1
    assert all(f"<b>First</b>\n\n  line {WORDS}".startswith(text) for text in growing)
    assert last == ""
    expect(page.locator(".is-writing")).to_be_hidden()
