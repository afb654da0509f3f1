"""The Messages request that a log leads to."""

import re
from types import SimpleNamespace

import pytest

from agents.runtime.conversation import Conversation
from agents.runtime.prompt import build_request

AGENT = {"model": {"id": "any-model", "effort": {"type": "high"}}, "system": "Be brief."}


def event(type, event_id="sevt_1", **payload):
    return SimpleNamespace(type=type, event_id=event_id, payload=payload)


def text(words):
    return [{"type": "text", "text": words}]


CONVERSATION = [
    event("session.status_running"),
    event("user.message", content=text("Go")),
    event("span.model_request_start"),
    event("agent.message", content=text("Looking.")),
    event("agent.tool_use", "sevt_use", name="bash", input={"command": "ls"}),
    event("span.model_request_end"),
    event("agent.tool_result", tool_use_id="sevt_use", content=text("a"), is_error=False),
    event("user.message", content=text("And?")),
]


@pytest.mark.parametrize("name", ["rm -rf /", "", "x" * 500, "wörk", "bash\n"])
def test_a_tool_name_that_a_model_made_up_is_sent_as_one_that_endpoints_take(name):
    use = event("agent.tool_use", "sevt_use", name=name, input={})
    (block,) = Conversation([use]).messages[0]["content"]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", block["name"])


def test_roles_alternate_and_a_result_names_its_call():
    messages = Conversation(CONVERSATION).messages
    roles = [(message["role"], [block["type"] for block in message["content"]]) for message in messages]
    assert roles == [
        ("user", ["text"]),
        ("assistant", ["text", "tool_use"]),
        ("user", ["tool_result", "text"]),
    ]
    assert Conversation(CONVERSATION).messages[2]["content"][0]["tool_use_id"] == "sevt_use"


@pytest.mark.parametrize(
    ("kind", "source", "said"),
    [
        ("image", {"type": "base64", "media_type": "image/png", "data": ""}, "source.data: it is not base64"),
        ("image", {"type": "base64", "media_type": "image/bmp", "data": "Qk0="}, "source.media_type: "),
        ("document", {"type": "base64", "media_type": "image/png", "data": "Qk0="}, "source.media_type: "),
        ("document", {"type": "url", "url": "file:///etc/passwd"}, "source.url: "),
    ],
)
def test_of_what_no_model_reads_in_a_result_the_model_is_told(kind, source, said):
    content = [{"type": kind, "source": source}, *text("rest")]
    given = event("user.custom_tool_result", custom_tool_use_id="sevt_use", content=content)
    (block,) = Conversation([CONVERSATION[4], given]).messages[1]["content"]
    told, rest = block["content"]
    assert (told["type"], said in told["text"], rest) == ("text", True, text("rest")[0])


def test_platform_notes_follow_the_agents_own_system_prompt():
    request = build_request(AGENT, Conversation(CONVERSATION).messages, tools=[], notes=["Memory is mounted.", ""])
    assert request["system"] == "Be brief.\n\nMemory is mounted."


def test_effort_is_passed_only_when_it_is_not_the_default():
    assert "output_config" not in build_request(AGENT, [], tools=[], notes=[])
    keen = {**AGENT, "model": {"id": "any-model", "effort": {"type": "max"}}}
    assert build_request(keen, [], tools=[], notes=[])["output_config"] == {"effort": "max"}


def test_the_place_where_a_model_must_run_is_passed():
    assert "inference_geo" not in build_request(AGENT, [], tools=[], notes=[])
    local = {**AGENT, "model": {"id": "any-model", "inference_geo": "us"}}
    assert build_request(local, [], tools=[], notes=[])["inference_geo"] == "us"
