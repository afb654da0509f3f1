"""Web searches of sessions, as the official client sees them and as models are told of them."""

from contextlib import contextmanager

import pytest
from django.conf import settings as now

from agents import plugs
from tests.agents.scripted_model import answer, scripted_model, text, use
from tests.agents.search_engine import engine, running
from tests.wire.scenes import TOOLSET, Scene, confirm, custom_result, policy, says
from tests.wire.story import lines

__all__ = ["engine", "running"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)

SEARCH = {"tool": "web_search", "input": {"query": "zorp"}}
DONE = {"text": "done"}
CITED = {
    "type": "search_result",
    "source": "https://crm.example/1",
    "title": "Order",
    "content": [{"type": "text", "text": "in Berlin"}],
    "citations": {"enabled": True},
}
FIND = {"type": "custom", "name": "find", "description": "Find.", "input_schema": {"type": "object"}}


@pytest.fixture
def scene(wire, environment, practice, sandbox_host, clean_redis, engine):
    def make(*tools, model="claude-opus-5-5", **more):
        agent = wire.beta.agents.create(name="Ann", model=model, tools=list(tools))
        where = {"environment_id": environment.id, **more}
        return Scene(wire, wire.beta.sessions.create(agent=agent.id, **where))

    return make


@contextmanager
def told(scripts):
    """A model that answers with one script after the other; what it was sent."""
    with scripted_model() as model, pytest.MonkeyPatch.context() as patch:
        coming = iter(scripts)
        model.script = lambda request: answer(next(coming))
        patch.setattr(now, "ANTHROPIC_BASE_URL", model.url)
        plugs.model_client.cache_clear()
        yield model.requests
    plugs.model_client.cache_clear()


def results_in(request):
    contents = [message["content"] for message in request["messages"]]
    return [block for content in contents for block in content if block["type"] == "tool_result"]


def test_a_search_is_an_event_of_search_results_and_costs_a_cent(scene, wire):
    s = scene({"type": TOOLSET})
    assert s.act(says("Search", SEARCH, DONE)) == lines("""
        running
        user.message Search
        span.model_request_start
        agent.tool_use a web_search allow by always_allow
        span.model_request_end
        agent.tool_result a search_result search_result search_result
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)
    result = next(event for event in s.events() if event.type == "agent.tool_result")
    assert (result.is_error, result.content[0].type) == (False, "search_result")
    assert (result.content[0].source, result.content[0].title) == ("https://a.example/docs/zorp", "Zorp in short")
    assert (result.content[0].content[0].text, result.content[0].citations.enabled) == ("Zorp is a tool.", False)
    usage = wire.beta.sessions.retrieve(s.session.id).usage
    assert usage.server_tool_use.web_search_requests == 1
    assert int(usage.list_cost.amount) >= 1


def test_an_engine_that_fails_is_told_and_the_session_goes_on(scene, engine, settings):
    settings.LUCID_SEARCH_URL = f"{engine.base}/broken"
    s = scene({"type": TOOLSET})
    s.act(says("Search", SEARCH, DONE))
    result = next(event for event in s.events() if event.type == "agent.tool_result")
    assert result.is_error
    assert result.content[0].text.startswith("web_search: unavailable: ")
    assert (s.status, s.events()[-1].stop_reason.type) == ("idle", "end_turn")


def test_a_search_that_asks_first_waits_and_may_be_denied(scene, engine):
    s = scene(policy("always_ask", "web_search"))
    s.act(says("Search", SEARCH, DONE))
    s.act(confirm(s["a"], "deny", deny_message="Not the web."))
    result = next(event for event in s.events() if event.type == "agent.tool_result")
    assert result.content[0].text == "The user rejected this tool call: Not the web."
    assert engine.seen == []


@pytest.mark.parametrize(("domains", "permission"), [(["a.example"], "allow"), (None, "ask")])
def test_the_policy_auto_lets_searches_of_named_domains_run(scene, domains, permission):
    settings = {"allowed_domains": domains} if domains else {}
    config = {"name": "web_search", "permission_policy": {"type": "auto"}, **settings}
    s = scene({"type": TOOLSET, "configs": [config]})
    s.act(says("Search", SEARCH, DONE))
    assert next(event for event in s.events() if event.type == "agent.tool_use").evaluated_permission == permission


def test_searches_of_a_self_hosted_session_run_here(scene, wire):
    ours = wire.beta.environments.create(name="ours", config={"type": "self_hosted"})
    s = scene({"type": TOOLSET}, environment_id=ours.id)
    s.act(says("Search", SEARCH, DONE))
    result = next(event for event in s.events() if event.type == "agent.tool_result")
    assert result.content[0].type == "search_result"
    assert s.events()[-1].stop_reason.type == "end_turn"


@pytest.mark.parametrize(("model", "kind"), [("claude-opus-5-5", "search_result"), ("llama-4", "text")])
def test_a_model_reads_the_results_as_blocks_if_it_knows_them(scene, model, kind):
    with told([use("web_search", '{"query": "zorp"}'), text("done")]) as requests:
        s = scene({"type": TOOLSET}, model=model)
        s.act(says("Search"))
    assert "web_search" in [tool["name"] for tool in requests[0]["tools"]]
    (result,) = results_in(requests[1])
    assert {block["type"] for block in result["content"]} == {kind}
    if kind == "text":
        assert result["content"][0]["text"] == "Zorp in short (https://a.example/docs/zorp)\nZorp is a tool."


def test_results_that_may_be_cited_and_others_are_never_sent_together(scene):
    """Endpoints refuse such a request, and with it every later one of the session."""
    with told([use("find", "{}"), use("web_search", '{"query": "zorp"}', id="toolu_2"), text("done")]) as requests:
        s = scene({"type": TOOLSET}, FIND)
        s.act(says("Find"))
        s.act(custom_result(s["a"], "", content=[CITED]))
    alone, (found, searched) = results_in(requests[1]), results_in(requests[2])
    assert [block["citations"]["enabled"] for block in alone[0]["content"]] == [True]
    assert {block["citations"]["enabled"] for block in [*found["content"], *searched["content"]]} == {False}
    sent = next(event for event in s.events() if event.type == "user.custom_tool_result")
    assert sent.content[0].citations.enabled


@pytest.mark.parametrize("blank", [{"content": []}, {"content": [{"type": "text", "text": " "}]}, {"title": ""}])
def test_a_clients_result_that_says_nothing_is_no_block_that_endpoints_refuse(scene, blank):
    with told([use("find", "{}"), text("done")]) as requests:
        s = scene(FIND)
        s.act(says("Find"))
        s.act(custom_result(s["a"], "", content=[CITED, {**CITED, **blank}]))
    (found,) = results_in(requests[1])
    assert [block["type"] for block in found["content"]] == ["search_result", "text"]


def test_without_an_engine_no_model_is_offered_the_tool(scene, settings):
    settings.LUCID_SEARCH_URL = ""
    with told([text("done")]) as requests:
        scene({"type": TOOLSET}).act(says("Hello"))
    offered = [tool["name"] for tool in requests[0]["tools"]]
    assert ("web_fetch" in offered, "web_search" in offered) == (True, False)
