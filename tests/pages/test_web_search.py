"""What pages say of web searches: whether there is an engine, and what one found."""

import pytest
from django.test import Client

from agents.models import Member
from agents.views.trace import Lanes, View, show

HIT = {
    "type": "search_result",
    "source": "https://a.example/zorp",
    "title": "Zorp <b>in</b>\n\u202eshort",
    "content": [{"type": "text", "text": "Zorp is a tool."}],
    "citations": {"enabled": False},
}
RESULT = {"id": "sevt_2", "type": "agent.tool_result", "tool_use_id": "sevt_1", "is_error": False, "content": [HIT] * 2}
USE = {"id": "sevt_1", "type": "agent.tool_use", "name": "web_search", "input": {"query": "zorp"}}

pytestmark = pytest.mark.django_db


def text(client: Client, url: str) -> str:
    return " ".join(client.get(url).content.decode().split())


def test_an_agents_page_says_that_there_is_nobody_to_ask(as_alice: Client, settings) -> None:
    settings.LUCID_SEARCH_URL = ""
    assert "Search the web (not offered: no search engine is connected, as LUCID_SEARCH_URL is not set)" in text(
        as_alice, "/agents/new/"
    )
    settings.LUCID_SEARCH_URL = "http://127.0.0.1:1/search"
    assert "Search the web</label>" in text(as_alice, "/agents/new/")
    settings.LUCID_EGRESS = False
    assert "Search the web (not offered: LUCID_EGRESS=off keeps agents off the network)" in text(
        as_alice, "/agents/new/"
    )


def test_the_operations_page_says_whom_searches_ask(as_alice: Client, alice: Member, settings, clean_redis) -> None:
    settings.LUCID_SEARCH_URL = ""
    assert "no search engine is connected, as LUCID_SEARCH_URL is not set" in text(as_alice, "/operations/")
    settings.LUCID_SEARCH_URL = "http://me:secret@searx.internal:8888/search?token=secret"
    page = text(as_alice, "/operations/")
    assert '<dt>Web search</dt><dd class="anywhere">connected</dd>' in page
    assert "searx.internal" not in page  # an admin of a workspace does not run the installation
    alice.user.is_superuser = True
    alice.user.save()
    page = text(as_alice, "/operations/")
    assert "asks http://searx.internal:8888/search</dd>" in page
    assert "secret" not in page


def test_a_search_reads_as_what_was_found() -> None:
    lanes = Lanes("sthr_1", {})
    shown = show(lanes.row(thread_id="sthr_1", seq=2, event=RESULT))
    assert shown
    assert shown.summary == r"2 found: Zorp <b>in</b> \u202eshort; Zorp <b>in</b> \u202eshort"
    assert shown.fold.split("\n\n")[0] == "Zorp <b>in</b>\n\\u202eshort\nhttps://a.example/zorp\nZorp is a tool."
    story = show(lanes.row(thread_id="sthr_1", seq=1, event=USE), View.STORY)
    assert story
    assert story.text == "Searched the web for zorp"
