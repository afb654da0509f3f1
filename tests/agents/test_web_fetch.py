"""The tool `web_fetch`: what an agent gets to read of the web, what it does not, and what becomes of hostile pages."""

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from agents import jobs
from agents.eventlog.fold import usage_shape
from agents.models import Event, Thread
from agents.prices import RUNTIME
from agents.readable import TEXT_MAX, readable
from agents.runtime.tools.web import web_fetch
from agents.runtime.tools.web_sources import canonical, is_open_domain, was_shown
from agents.sandbox.base import SandboxStopped
from agents.services.agents import create_agent
from agents.services.events import send_events
from tests.agents.conftest import TOOLSET
from tests.loopback import serving

PAGE = (
    "<html><head><title>Zorp</title><script>bad()</script></head><body><h1>How</h1><p>to <b>zorp</b></p></body></html>"
)
PDF = b"%PDF-1.4 a small one"


class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(self.path)
        status, kind, body, headers = self.server.pages.get(self.path, (404, "text/plain", b"gone", {}))
        self.send_response(status)
        self.send_header("content-type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.path == "/hangs":
            self.server.may_end.wait(60)
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def running_pages():
    with serving(Pages) as server:
        server.seen, server.may_end = [], threading.Event()
        server.pages = {
            "/": (200, "text/html; charset=utf-8", PAGE.encode(), {}),
            "/latin": (200, "text/html; charset=iso-8859-1", "<p>Grüße</p>".encode("latin-1"), {}),
            "/deep": (200, "text/html", b"<div>" * 6_000 + b"deep", {}),
            "/data": (200, "application/json", b'{"a": 1}', {}),
            "/long": (200, "text/plain", b"x" * 500_000, {}),
            "/endless": (200, "text/plain", b"x" * (11 * 1024 * 1024), {}),
            "/paper": (200, "application/pdf", PDF, {}),
            "/book": (200, "application/pdf", PDF * 700_000, {}),
            "/no-paper": (200, "application/pdf", b"<p>Not found</p>", {}),
            "/film": (200, "video/mp4", b"film", {}),
            "/zip": (200, "text/html", b"bomb", {"content-encoding": "gzip"}),
            "/hangs": (200, "text/plain", b"late", {}),
            "/moved": (302, "text/plain", b"", {"location": "/"}),
            "/round": (302, "text/plain", b"", {"location": "/round"}),
            "/inside": (302, "text/plain", b"", {"location": "http://169.254.169.254/latest/meta-data"}),
            "/undefined": (200, "text/plain; charset=undefined", b"plain words", {}),
            "/punycode": (200, "text/plain; charset=PunyCode", b"plain words", {}),
            "/idna": (200, "text/plain; charset=idna", b"plain words", {}),
            "/no-address": (302, "text/plain", b"", {"location": "http://[/"}),
            "/no-host": (302, "text/plain", b"", {"location": "http://a..b%00\u00ff/"}),
            "/file": (302, "text/plain", b"", {"location": "file:///etc/passwd"}),
            "/elsewhere": (302, "text/plain", b"", {"location": server.base.replace("127.0.0.1", "localhost") + "/"}),
        }
        try:
            yield server
        finally:
            server.may_end.set()


@pytest.fixture(scope="module")
def pages():
    with running_pages() as server:
        yield server


@pytest.fixture
def fetch(pages, settings):
    pages.seen.clear()
    settings.LUCID_EGRESS_PRIVATE = [pages.base.removeprefix("http://")]

    def fetch(path, stop=None, **config):
        return web_fetch("sesn_1", {"url": pages.base + path}, config, stop=stop)

    return fetch


def test_a_page_is_read_as_text(fetch, pages):
    outcome = fetch("/")
    assert not outcome.is_error
    assert outcome.text == f"{pages.base}/\n\n# Zorp\n\n# How\n\nto **zorp**"


@pytest.mark.parametrize(
    ("path", "text"), [("/latin", "Grüße"), ("/data", '{"a": 1}'), ("/deep", "deep"), ("/moved", "to **zorp**")]
)
def test_what_can_be_read_is_read(fetch, path, text):
    assert text in fetch(path).text


@pytest.mark.parametrize("path", ["/undefined", "/punycode", "/idna"])
def test_a_charset_that_is_none_harms_nobody(fetch, path):
    assert fetch(path).text.endswith("\n\nplain words")


@pytest.mark.parametrize("path", ["/no-address", "/no-host"])
def test_a_redirect_to_what_is_no_address_is_the_calls_error(fetch, path):
    outcome = fetch(path)
    assert outcome.is_error
    assert outcome.text.startswith("web_fetch: ")


@pytest.mark.parametrize("host", ["www\u3002evil.example", "\uff45vil.example", "EVIL.example."])
def test_a_blocked_domain_is_blocked_in_every_spelling(host):
    outcome = web_fetch("sesn_1", {"url": f"http://{host}/"}, {"blocked_domains": ["evil.example"]}, stop=None)
    assert outcome.is_error
    assert "url_not_allowed: The agent's settings of web_fetch do not let it open" in outcome.text


@pytest.mark.parametrize(
    "url",
    ["http://[", "http://[::1", "http://[::1%25]/", "http://a b/", "http://a\u2100b.example/", "http://\u00df..a/"],
)
def test_an_address_that_is_none_is_the_calls_error(url):
    outcome = web_fetch("sesn_1", {"url": url}, {}, stop=None)
    assert outcome.is_error
    assert outcome.text.startswith("web_fetch: ")


def test_what_only_says_that_it_is_a_pdf_reaches_no_conversation(fetch):
    outcome = fetch("/no-paper")
    assert (outcome.is_error, [block["type"] for block in outcome.content]) == (True, ["text"])
    assert outcome.text == "web_fetch: unsupported_content_type: It says that it is a PDF, and is none."


def test_a_page_is_read_no_further_than_anybody_needs():
    assert len(readable(b"<p>" + b"word " * 300_000)) == TEXT_MAX


def test_a_pdf_is_a_document(fetch, pages):
    link, document = fetch("/paper").content
    assert link == {"type": "text", "text": f"{pages.base}/paper"}
    assert base64.b64decode(document["source"]["data"]) == PDF


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/nothing", "url_not_accessible: It answered with the status 404."),
        ("/round", "url_not_accessible: It redirects again and again."),
        ("/inside", "url_not_allowed: The address leads into a private network."),
        ("/elsewhere", "url_not_allowed: The agent's settings"),
        ("/file", "invalid_tool_input"),
        ("/film", "unsupported_content_type"),
        ("/zip", "url_not_accessible: It sent a compressed answer"),
        ("/book", "content_too_large"),
        ("/" + "x" * 2_100, "url_too_long"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_code(fetch, path, told):
    outcome = fetch(path, blocked_domains=["localhost"])
    assert outcome.is_error
    assert outcome.text.startswith(f"web_fetch: {told}")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:1/", "url_not_allowed"),
        ("http://localhost/", "url_not_allowed"),
        ("http://[::ffff:169.254.169.254]/", "url_not_allowed"),
        ("http://2130706433/", "url_not_allowed"),
        ("http://0x7f.1/", "url_not_allowed"),
        ("http://me:secret@example.com/", "url_not_allowed"),
        ("http://example.com:25/", "url_not_allowed"),
        ("ftp://example.com/", "invalid_tool_input"),
        ("http://[::1", "invalid_tool_input"),
        ("http://example.com/\r\nx: y", "invalid_tool_input"),
        ("", "invalid_tool_input"),
        (None, "invalid_tool_input"),
        (["http://example.com"], "invalid_tool_input"),
    ],
)
def test_no_address_leads_inside(url, code, settings):
    outcome = web_fetch("sesn_1", {"url": url}, {}, stop=None)
    assert outcome.is_error
    assert f": {code}: " in outcome.text


def test_text_is_cut_where_the_agent_says(fetch, pages):
    assert len(fetch("/long", max_content_tokens=10).text) == 40 + len("\n\n[The rest was left out.]")
    assert fetch("/endless").text.endswith("[The rest was left out.]")


def test_an_interrupt_ends_the_wait(fetch, pages):
    with pytest.raises(SandboxStopped):
        fetch("/hangs", stop=lambda: "/hangs" in pages.seen)


@pytest.mark.parametrize(
    ("config", "host", "is_open"),
    [
        ({}, "a.io", True),
        ({"allowed_domains": ["a.io"]}, "docs.a.io", True),
        ({"allowed_domains": ["A.io"]}, "a.io", True),
        ({"allowed_domains": ["a.io"]}, "nota.io", False),
        ({"blocked_domains": ["a.io"]}, "docs.a.io", False),
        ({"blocked_domains": ["a.io"]}, "b.io", True),
    ],
)
def test_domains_hold_for_what_lies_below_them(config, host, is_open):
    assert is_open_domain(host, config) is is_open


SAID = [
    ("1", "user.message", {"content": [{"type": "text", "text": "Read (https://User.example/a/)."}]}),
    ("2", "agent.custom_tool_use", {"name": "crm"}),
    ("3", "user.custom_tool_result", {"custom_tool_use_id": "2", "content": [{"text": '"https://crm.example/b"'}]}),
    ("4", "agent.tool_use", {"name": "web_fetch"}),
    ("5", "agent.tool_result", {"tool_use_id": "4", "content": [{"text": "[x](https://page.example/c)"}]}),
    ("6", "agent.tool_use", {"name": "bash"}),
    ("7", "agent.tool_result", {"tool_use_id": "6", "content": [{"text": "https://shell.example/d"}]}),
]
CRM = {"type": "only", "tools": [{"type": "tool_reference", "name": "crm"}]}


@pytest.mark.parametrize(
    ("sources", "shown"),
    [
        ({}, {"user", "crm", "page"}),
        ({"user_input": {"type": "none"}}, {"crm", "page"}),
        ({"client_tool_results": {"type": "none"}, "server_tool_results": {"type": "none"}}, {"user"}),
        ({"client_tool_results": CRM}, {"user", "crm", "page"}),
        ({"client_tool_results": {**CRM, "type": "except"}}, {"user", "page"}),
    ],
)
def test_an_address_must_come_from_a_source_that_counts(sources, shown):
    urls = {"user": "https://user.example/a", "crm": "https://crm.example/b", "page": "https://page.example/c#top"}
    urls["shell"] = "https://shell.example/d"
    assert {name for name, url in urls.items() if was_shown(url, SAID, sources)} == shown


def test_spellings_of_one_address_are_one():
    assert canonical("HTTPS://A.example:443/x/#y") == canonical("https://a.example/x")


@pytest.mark.django_db(transaction=True)
def test_a_turn_fetches_only_what_was_named_and_counts_it(make_session, actor, clean_redis, pages, fetch):
    sources = {"user_input": "all", "client_tool_results": "none", "server_tool_results": "none"}
    config = {"name": "web_fetch", "url_sources": sources}
    tools = [{**TOOLSET, "configs": [config]}]
    agent = create_agent({"name": "Reader", "model": "practice-1", "tools": tools}, actor=actor)
    session = make_session(agent=agent.pk)
    steps = [{"tool": "web_fetch", "input": {"url": pages.base + path}} for path in ("/", "/data")]
    asked = f"practice: {json.dumps({'steps': [steps[0], steps[1], {'text': 'done'}]})}".replace("/data", "/da\\u0074a")
    send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": asked}]}], actor=actor)
    jobs.run_thread(Thread.objects.get(session=session).pk)
    results = Event.objects.filter(session=session, type="agent.tool_result").order_by("seq")
    assert [event.payload["is_error"] for event in results] == [False, True]
    assert "url_not_allowed: Nobody whom this agent may follow" in results[1].payload["content"][0]["text"]
    session.refresh_from_db()
    (spent,) = session.spent.values()
    assert spent[RUNTIME]["web_fetch_requests"] == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("result", "counted"), [("allow", 1), ("deny", 0)])
def test_a_fetch_that_a_person_allowed_is_counted(make_session, actor, clean_redis, pages, fetch, result, counted):
    asks = {"name": "web_fetch", "permission_policy": {"type": "always_ask"}}
    agent = create_agent(
        {"name": "Reader", "model": "practice-1", "tools": [{**TOOLSET, "configs": [asks]}]}, actor=actor
    )
    session = make_session(agent=agent.pk)
    call = {"tool": "web_fetch", "input": {"url": f"{pages.base}/"}}
    asked = f"practice: {json.dumps({'steps': [call, {'text': 'done'}]})}"
    send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": asked}]}], actor=actor)
    thread = Thread.objects.get(session=session)
    jobs.run_thread(thread.pk)
    use = Event.objects.get(session=session, type="agent.tool_use")
    said = {"type": "user.tool_confirmation", "tool_use_id": use.event_id, "result": result}
    send_events(session, [said], actor=actor)
    jobs.run_thread(thread.pk)
    session.refresh_from_db()
    shown = usage_shape(session.usage, 0.0, spent=session.spent)
    assert shown.get("server_tool_use", {}).get("web_fetch_requests", 0) == counted
    assert session.stop_reason == {"type": "end_turn"}


@pytest.mark.django_db(transaction=True)
def test_where_the_operator_wants_no_network_nothing_is_fetched(
    make_session, actor, clean_redis, pages, fetch, settings
):
    settings.LUCID_EGRESS = False
    session = make_session()
    program = {"steps": [{"tool": "web_fetch", "input": {"url": pages.base}}, {"text": "done"}]}
    message = {"type": "user.message", "content": [{"type": "text", "text": f"practice: {json.dumps(program)}"}]}
    send_events(session, [message], actor=actor)
    jobs.run_thread(Thread.objects.get(session=session).pk)
    assert pages.seen == []
