"""The SDK's request types, made strict."""

import json

import pytest
from anthropic.types.beta import AgentCreateParams, DreamCreateParams, EnvironmentCreateParams, SessionCreateParams
from anthropic.types.beta.memory_stores import MemoryCreateParams
from anthropic.types.beta.sessions import EventSendParams

from agents.api.bodies import Body
from agents.exceptions import InvalidRequest

AGENT = {"name": "Ann", "model": "m"}
TOOLSET = {"type": "agent_toolset_20260401"}
CUSTOM = {"type": "custom", "name": "t", "description": "d", "input_schema": {"type": "object", "x-more": [1]}}
MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "hi"}]}
SESSIONS = {"type": "sessions", "session_ids": ["a"]}
DREAM = {"model": "m", "inputs": [{"type": "memory_store", "memory_store_id": "s"}, SESSIONS]}


def parse(typed_dict, body):
    return Body(typed_dict).parse(body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("typed_dict", "body"),
    [
        (AgentCreateParams, {**AGENT, "tools": [TOOLSET, CUSTOM], "metadata": {"a": "b"}, "system": None}),
        (AgentCreateParams, {**AGENT, "model": {"id": "any-id", "effort": "low"}}),
        (AgentCreateParams, {**AGENT, "model": {"id": "any-id", "effort": {"type": "low"}}}),
        (EnvironmentCreateParams, {"name": "e", "config": {"type": "cloud", "networking": {"type": "unrestricted"}}}),
        (SessionCreateParams, {"agent": "agent_1", "environment_id": "env_1", "initial_events": [MESSAGE]}),
        (SessionCreateParams, {"agent": {"type": "agent", "id": "a", "version": 2}, "environment_id": "e"}),
        (EventSendParams, {"events": [MESSAGE, {"type": "user.interrupt"}]}),
        (DreamCreateParams, DREAM),
    ],
)
def test_a_good_body_comes_through_unchanged(typed_dict, body):
    assert parse(typed_dict, body) == body


@pytest.mark.parametrize(
    ("typed_dict", "body", "message"),
    [
        (AgentCreateParams, {"name": "Ann"}, "model: Field required"),
        (AgentCreateParams, {**AGENT, "name": 5}, "name: Input should be a valid string"),
        (AgentCreateParams, {**AGENT, "zzz": 1}, "zzz: Extra inputs are not permitted"),
        (AgentCreateParams, {**AGENT, "betas": ["x"]}, "betas: Extra inputs are not permitted"),
        (AgentCreateParams, {**AGENT, "model": 5}, "model: Input should be a valid string"),
        (AgentCreateParams, {**AGENT, "model": {"id": 5}}, "model.id: Input should be a valid string"),
        (AgentCreateParams, {**AGENT, "model": {"id": "m", "effort": "no"}}, "model.effort: "),
        (AgentCreateParams, {**AGENT, "metadata": {"a": 1}}, "metadata.a: Input should be a valid string"),
        (AgentCreateParams, {**AGENT, "tools": [{"type": "nonsense"}]}, "tools.0.type: Input should be 'agent_"),
        (AgentCreateParams, {**AGENT, "tools": [{"configs": []}]}, "tools.0.type: Field required"),
        (AgentCreateParams, {**AGENT, "tools": [TOOLSET, {**CUSTOM, "name": 1}]}, "tools.1.name: Input should be"),
        (
            AgentCreateParams,
            {**AGENT, "tools": [{**TOOLSET, "configs": [{"name": "bassh"}]}]},
            "tools.0.configs.0.name",
        ),
        (AgentCreateParams, {**AGENT, "tools": [{**TOOLSET, "more": 1}]}, "tools.0.more: Extra inputs"),
        (AgentCreateParams, {**AGENT, "tools": "x"}, "tools: Input should be a valid"),
        (SessionCreateParams, {"agent": {"type": "agent"}, "environment_id": "e"}, "agent.id: Field required"),
        (EventSendParams, {"events": [{"type": "user.sing"}]}, "events.0.type: Input should be 'user.message'"),
        (EventSendParams, {"events": [{**MESSAGE, "content": [{"type": "text"}]}]}, "events.0.content.0.text: Field"),
        (
            EventSendParams,
            {"events": [{**MESSAGE, "content": [{"type": "image", "source": {"type": "url", "url": "x", "a": 1}}]}]},
            "events.0.content.0.source.a: Extra inputs",
        ),
        (
            EventSendParams,
            {"events": [{"type": "user.tool_confirmation", "tool_use_id": "t", "result": "maybe"}]},
            "events.0.result: Input should be 'allow' or 'deny'",
        ),
        (DreamCreateParams, {**DREAM, "inputs": [{**SESSIONS, "session_ids": "a"}]}, "inputs.0.session_ids: "),
        (MemoryCreateParams, {"path": "/a"}, "content: Field required"),
        (MemoryCreateParams, b'{"path": "/a", "content": "a\\u0000b"}', "content: the character U+0000"),
        (AgentCreateParams, b'{"name": "a"', "The request body is not JSON"),
        (AgentCreateParams, b"\xff\xfe", "The request body is not JSON"),
        (AgentCreateParams, b"[1]", "The request body must be a JSON object"),
        (AgentCreateParams, b'"x"', "The request body must be a JSON object"),
        (
            AgentCreateParams,
            b'{"name": "a", "model": "m", "tools": [{"type": "custom", "name": "t", "description": "d",'
            b' "input_schema": {"type": "object", "x": NaN}}]}',
            "tools.0.input_schema.x: NaN",
        ),
    ],
)
def test_a_bad_body_gets_one_line_with_the_members_path(typed_dict, body, message):
    with pytest.raises(InvalidRequest) as refusal:
        parse(typed_dict, body)
    assert refusal.value.message.startswith(message)
    assert "\n" not in refusal.value.message
