"""In a real browser: the newcomer starts the product, approves what the demo's dream proposes, runs the tasks again."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests import stack as parts
from tests.pages.browsing import settled
from tests.stack import Stack

pytestmark = pytest.mark.browser
DEMO_MILLISECONDS = 300_000
LOOK_MILLISECONDS = 1_000


@pytest.fixture
def product() -> Iterator[Stack]:
    """A first start with the demo, on a database of its own."""
    folder = parts.short_folder()
    try:
        with parts.running_up(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def share(page: Page, side: str) -> float:
    """Completed of all with a verdict, as the page's table states it."""
    row = page.get_by_role("row", name=re.compile("^Completed"))
    text = row.get_by_role("cell").nth(0 if side == "before" else 1).inner_text()
    done, total = (int(number) for number in text.split(" of "))
    return done / total


def wait_for_proposals(page: Page, product: Stack) -> None:
    """The first round and its dream run by themselves; the newcomer looks again now and then."""
    button = page.get_by_role("link", name="Start reviewing")
    for _look in range(DEMO_MILLISECONDS // LOOK_MILLISECONDS):
        page.goto(f"{product.url}/inbox/")
        if button.is_visible():
            return
        page.wait_for_timeout(LOOK_MILLISECONDS)
    raise AssertionError(product.output())


def test_the_demos_loop_closes(product: Stack, page: Page) -> None:
    password = re.search(r"password\s+(\S+)", product.output())
    assert password, product.output()
    page.goto(product.url)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(password[1])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("First steps")).to_be_visible()

    wait_for_proposals(page, product)
    page.get_by_role("link", name="Start reviewing").click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    settled(page)
    while page.locator("[data-key=a]").is_visible():
        here = page.url
        page.keyboard.press("a")
        expect(page).not_to_have_url(here)
        settled(page)

    page.goto(f"{product.url}/agents/")
    page.get_by_role("link", name="Demo: generated tasks").click()
    expect(page.get_by_text("Practice model, generated tasks.").first).to_be_visible()
    page.get_by_role("button", name="Run the tasks again").click()
    expect(page.locator(".verdict")).to_contain_text("points", timeout=DEMO_MILLISECONDS)
    expect(page.locator("#outcome .badge-live")).to_have_count(0, timeout=DEMO_MILLISECONDS)
    settled(page)
    page.get_by_text("Show the numbers as a table").click()
    expect(page.get_by_role("row", name=re.compile("^Completed"))).to_be_visible()
    assert share(page, "after") > share(page, "before")
