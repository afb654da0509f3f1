"""The tool `web_search`: what an agent is shown of what was found, and what becomes of engines that fail."""

import base64
import json

import pytest

from agents import jobs
from agents.models import Event, Thread
from agents.prices import RUNTIME
from agents.runtime.tools.web_search import web_search
from agents.runtime.tools.web_sources import is_open_page, page_of, was_shown
from agents.sandbox.base import SandboxStopped
from agents.services.agents import create_agent
from agents.services.events import send_events
from agents.services.web_tools import missing_web_tools
from tests.agents.conftest import TOOLSET
from tests.agents.search_engine import engine, running

__all__ = ["engine", "running"]  # fixtures


@pytest.fixture
def search(engine, settings):
    def search(query="zorp", path=None, stop=None, **config):
        if path:
            settings.LUCID_SEARCH_URL = engine.base + path
        return web_search({"query": query}, config, stop=stop)

    return search


def sources(outcome):
    return [block.get("source") for block in outcome.content]


def test_what_is_found_comes_as_search_results(search, engine):
    outcome = search(" how to\nzorp ")
    assert not outcome.is_error
    assert outcome.content[0] == {
        "type": "search_result",
        "source": "https://a.example/docs/zorp",
        "title": "Zorp in short",
        "content": [{"type": "text", "text": "Zorp is a tool."}],
        "citations": {"enabled": False},
    }
    (path, asked, headers), *others = engine.seen
    assert (path, asked, others) == ("/search", {"q": "how to zorp", "format": "json"}, [])
    assert headers["accept-encoding"] == "identity"


def test_a_page_without_title_and_extract_goes_by_its_address(search):
    last = search().content[-1]
    assert (last["title"], last["content"][0]["text"]) == ("https://c.example/", "https://c.example/")


def test_parameters_and_password_of_the_setting_go_along(search, engine, settings):
    settings.LUCID_SEARCH_URL = f"{engine.base.replace('//', '//me:s%20ecret@')}/search?language=de&engines=wiki"
    place = {"type": "approximate", "city": "Bonn", "country": "DE", "region": None, "timezone": "Europe/Berlin"}
    assert not search(user_location=place).is_error
    _, asked, headers = engine.seen[0]
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"me:s ecret"
    assert asked == {
        "language": "de",
        "engines": "wiki",
        "q": "zorp",
        "format": "json",
        "city": "Bonn",
        "country": "DE",
        "timezone": "Europe/Berlin",
    }


def test_a_redirect_within_the_engine_is_followed(search):
    assert len(search(path="/moved").content) == 3


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/blocked", "None of the engines that it asks gave it an answer."),
        ("/html-only", "It refuses to answer, at least as JSON: SearXNG's search.formats must name json."),
        ("/broken", "It answered with the status 500."),
        ("/page", "It answered something that is not JSON."),
        ("/bomb", "It answered something that is not JSON."),
        ("/list", "It answered JSON without a list of results."),
        ("/odd", "It answered JSON without a list of results."),
        ("/long", "It answered more than 2 MB."),
        ("/zip", "It sent a compressed answer that nobody asked for."),
        ("/round", "It redirects again and again."),
        ("/inside", "It redirects to another place; the setting must name that one."),
        ("/elsewhere", "It redirects to another place; the setting must name that one."),
        ("/no-address", "It redirects to another place; the setting must name that one."),
    ],
)
def test_an_engine_that_fails_is_the_calls_error_in_our_words(search, path, told):
    outcome = search(path=path)
    assert outcome.is_error
    assert outcome.text == f"web_search: unavailable: The search engine gave no answer. {told}"


def test_an_engine_that_is_asked_too_often_says_so(search):
    outcome = search(path="/busy")
    assert outcome.text.startswith("web_search: too_many_requests: ")
    assert "as I say" not in outcome.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/search", "http:///search"])
def test_an_engine_that_is_not_there_is_the_calls_error(search, settings, url):
    settings.LUCID_SEARCH_URL = url
    assert search().text.startswith("web_search: unavailable: ")


def test_an_engine_that_hangs_is_left_after_its_time(search, monkeypatch):
    monkeypatch.setattr("agents.limits.SEARCH_SECONDS", 0.3)
    assert "The search engine gave no answer. It did not answer " in search(path="/hangs").text


def test_an_interrupt_ends_the_wait(search, engine):
    with pytest.raises(SandboxStopped):
        search(path="/hangs", stop=lambda: bool(engine.seen))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "invalid_tool_input"),
        (None, "invalid_tool_input"),
        (["a"], "invalid_tool_input"),
        ("x" * 1_001, "query_too"),
    ],
)
def test_what_is_no_query_is_not_asked(search, engine, query, code):
    outcome = search(query)
    assert outcome.is_error
    assert outcome.text.startswith(f"web_search: {code}")
    assert engine.seen == []


def test_unstorable_text_of_a_query_is_asked_all_the_same(search):
    assert not search("zo\ud800rp").is_error


def test_nothing_found_is_an_answer(search):
    outcome = search(path="/empty")
    assert (outcome.is_error, outcome.text) == (False, "Nothing was found.")


# Domains


def test_blocked_domains_are_left_out_without_a_word(search):
    assert sources(search(blocked_domains=["b.example"])) == ["https://a.example/docs/zorp", "https://c.example/"]
    assert search(blocked_domains=["a.example", "b.example", "c.example"]).text == "Nothing was found."


def test_allowed_domains_are_asked_for_by_name_where_too_few_pages_are_theirs(search, engine):
    assert sources(search(allowed_domains=["c.example", "d.example"])) == [
        "https://c.example/",
        "https://deep.d.example/zorp",
    ]
    assert [asked["q"] for _, asked, _ in engine.seen] == ["zorp", "zorp (site:c.example OR site:d.example)"]


def test_pages_of_allowed_domains_are_shown_although_the_second_question_fails(search, engine):
    engine.answers["/once"] = (200, lambda asked: {"results": []} if "site:" not in asked["q"] else b"busy", {})
    assert search(path="/once", allowed_domains=["a.example"]).text == "Nothing was found."


@pytest.mark.parametrize(
    ("config", "url", "is_open"),
    [
        ({}, "https://a.io/x", True),
        ({"allowed_domains": ["A.io"]}, "https://Docs.A.IO./x", True),
        ({"allowed_domains": ["a.io"]}, "https://nota.io/", False),
        ({"allowed_domains": ["a.io"]}, "https://b.io/?next=a.io", False),
        ({"allowed_domains": ["a.io/docs"]}, "https://a.io/docs", True),
        ({"allowed_domains": ["a.io/docs/"]}, "https://a.io/docs/x?y#z", True),
        ({"allowed_domains": ["a.io/docs"]}, "https://a.io/docsy", False),
        ({"allowed_domains": ["a.io/docs"]}, "https://a.io/", False),
        ({"allowed_domains": ["a.io/docs"]}, "https://a.io/docs/../secret", False),
        ({"allowed_domains": ["a.io/docs"]}, "https://a.io/docs/%2e%2e/secret", False),
        ({"allowed_domains": ["a.io/docs"]}, "https://a.io/docs\\..\\secret", False),
        ({"blocked_domains": ["a.io/docs"]}, "https://www.a.io//%64ocs/x", False),
        ({"blocked_domains": ["a.io/docs"]}, "https://a.io/blog", True),
        ({"blocked_domains": ["evil.io"]}, "https://www\u3002\uff45vil.io/", False),
    ],
)
def test_lists_hold_for_what_lies_below_them_in_every_spelling(config, url, is_open):
    assert is_open_page(page_of(url), config) is is_open


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://a.io/",
        "//a.io/",
        "a.io",
        "",
        "https://",
        "https://[/",
        "https://a.io:x/",
        "https://a.io@evil.io/",
        "https://evil.io\\@a.io/",
        "https://a.io/\x1b[2J",
        "https://a.io/a\nb",
    ],
)
def test_what_is_no_clear_address_is_no_hit(url, search, engine):
    engine.answers["/hostile"] = (200, {"results": [{"url": url, "title": "t", "content": "c"}]}, {})
    assert search(path="/hostile").text == "Nothing was found."


def test_hits_are_bounded_and_each_page_comes_once(search, engine):
    many = [{"url": f"https://a.io/{n}", "title": "t\x00" * 1_000, "content": "c" * 9_000} for n in range(50)]
    odd = [7, None, {"url": 7}, {"title": "x"}, {"url": "https://a.io/" + "x" * 3_000}, {"url": "HTTPS://A.io:443/0/"}]
    engine.answers["/many"] = (200, {"results": [*odd, *many, *many]}, {})
    outcome = search(path="/many")
    assert sources(outcome) == ["HTTPS://A.io:443/0/", *(f"https://a.io/{n}" for n in range(1, 10))]
    last = outcome.content[-1]
    assert (len(last["title"]), len(last["content"][0]["text"]), "\x00" in last["title"]) == (300, 2_000, False)


def test_what_a_search_found_may_be_fetched_where_searches_count_as_a_source(search):
    asked = [("1", "agent.tool_use", {"name": "web_search"})]
    told = [*asked, ("2", "agent.tool_result", {"tool_use_id": "1", "content": search().content})]
    none = {"user_input": {"type": "none"}, "server_tool_results": {"type": "none"}}
    only = {"type": "only", "tools": [{"type": "tool_reference", "name": "web_search"}]}
    assert was_shown("https://news.b.example/zorp?page=2", told, {**none, "server_tool_results": only})
    assert not was_shown("https://news.b.example/zorp?page=2", told, none)


# In sessions


def answer_of(session):
    return Event.objects.filter(session=session, type="agent.tool_result").order_by("-seq")[0].payload


def run(session, actor, *steps):
    program = json.dumps({"steps": [*steps, {"text": "done"}]})
    message = {"type": "user.message", "content": [{"type": "text", "text": f"practice: {program}"}]}
    send_events(session, [message], actor=actor)
    jobs.run_thread(Thread.objects.get(session=session).pk)


SEARCH = {"tool": "web_search", "input": {"query": "zorp"}}


def test_without_an_engine_there_is_nobody_to_ask(settings):
    settings.LUCID_SEARCH_URL = ""
    assert list(missing_web_tools()) == ["web_search"]
    settings.LUCID_SEARCH_URL = "http://127.0.0.1:1"
    assert missing_web_tools() == {}
    settings.LUCID_EGRESS = False
    assert list(missing_web_tools()) == ["web_fetch", "web_search"]


@pytest.mark.django_db(transaction=True)
def test_without_an_engine_a_model_that_calls_the_tool_is_refused(make_session, actor, clean_redis, settings):
    settings.LUCID_SEARCH_URL = ""
    session = make_session()
    run(session, actor, SEARCH)
    assert answer_of(session)["content"][0]["text"] == "Permission to use web_search has been denied."


@pytest.mark.django_db(transaction=True)
def test_searches_that_were_answered_are_counted(make_session, actor, clean_redis, engine):
    session = make_session()
    run(session, actor, SEARCH, SEARCH, {"tool": "web_search", "input": {}})
    assert answer_of(session)["is_error"]
    session.refresh_from_db()
    (spent,) = session.spent.values()
    assert spent[RUNTIME]["web_search_requests"] == 2


@pytest.mark.django_db(transaction=True)
def test_a_search_that_asks_first_is_counted_when_it_was_allowed(make_session, actor, clean_redis, engine):
    tools = [{**TOOLSET, "configs": [{"name": "web_search", "permission_policy": {"type": "always_ask"}}]}]
    session = make_session(agent=create_agent({"name": "A", "model": "practice-1", "tools": tools}, actor=actor).pk)
    run(session, actor, SEARCH)
    assert engine.seen == []
    call = Event.objects.get(session=session, type="agent.tool_use")
    allowed = {"type": "user.tool_confirmation", "tool_use_id": call.event_id, "result": "allow"}
    send_events(session, [allowed], actor=actor)
    jobs.run_thread(Thread.objects.get(session=session).pk)
    assert answer_of(session)["content"][0]["type"] == "search_result"
    session.refresh_from_db()
    (spent,) = session.spent.values()
    assert spent[RUNTIME]["web_search_requests"] == 1
