"""What tests in a browser share: somebody signed in, a page that is there whole, and what an audit finds on it.

A click returns when the next page begins to come, and who looks at once sees half of it: `arrived` waits for the rest.
"""

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from tests.stack import Stack

# axe leaves target size out unless it is asked for.
RULES: dict[str, object] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # what is right needs no details
}
COLOURS: dict[str, object] = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
UNSETTLED = ".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added"


def sign_in(page: Page, stack: Stack, client: Client) -> None:
    """As who is signed in with the client."""
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": stack.url}])


def arrived(page: Page, heading: str) -> None:
    """Wait until the page under that heading is there, its scripts too."""
    expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()
    settled(page)


def settled(page: Page) -> None:
    """Wait until the page that is there is loaded and no part of it is being changed."""
    page.wait_for_load_state()
    expect(page.locator(UNSETTLED)).to_have_count(0)


def problems(page: Page, rules: dict[str, object] = RULES) -> list[str]:
    """Where the page breaks one of the rules."""
    settled(page)
    return [
        f"{page.url} {problem['id']}: {node['html'][:160]}"
        for problem in Axe().run(page, options=rules).response["violations"]
        for node in problem["nodes"][:3]
    ]
