"""The practice model through the official client: what it answers, streams, counts and refuses."""

import json
import subprocess
import sys
import time

import anthropic
import httpx2 as httpx
import pytest

from tests.agents.practice_server import ROOT, client_of, running_practice

TOOL = {"name": "bash", "input_schema": {"type": "object"}}


@pytest.fixture(scope="module")
def url():
    with running_practice() as address:
        yield address


@pytest.fixture(scope="module")
def client(url):
    return client_of(url)


def said(text, **options):
    return {"model": "practice", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **options}


def program(*steps):
    return "practice: " + json.dumps({"steps": steps})


def test_it_says_what_it_is_and_quotes_the_question(client):
    reply = client.messages.create(**said("What is the weather?"))
    assert "practice model" in reply.content[0].text
    assert "What is the weather?" in reply.content[0].text
    assert reply.stop_reason == "end_turn"
    assert reply.usage.input_tokens > 0


def test_the_same_request_gets_the_same_bytes(url):
    replies = {httpx.post(f"{url}/v1/messages", timeout=60, json=said("hello")).content for _time in range(3)}
    assert len(replies) == 1


def test_nothing_is_kept_between_requests(url):
    before = httpx.post(f"{url}/v1/messages", timeout=60, json=said("hello")).content
    httpx.post(f"{url}/v1/messages", timeout=60, json=said("remember the number 7"))
    assert httpx.post(f"{url}/v1/messages", timeout=60, json=said("hello")).content == before


def test_a_streamed_reply_is_the_same_message(client):
    use = {"tool": "bash", "input": {"command": "echo ä"}}
    request = said(program({"thinking": "hm", "text": "x" * 200, "tools": [use]}))
    whole = client.messages.create(**request)
    with client.messages.stream(**request) as stream:
        streamed = stream.get_final_message()
    assert streamed.model_dump(exclude_none=True) == whole.model_dump(exclude_none=True)


def test_a_reply_that_breaks_off_says_its_first_half(client):
    heard = []
    half = said(program({"half": True, "text": "a b c d e f"}))
    with pytest.raises(httpx.HTTPError), client.messages.stream(**half) as stream:
        list(map(heard.append, stream.text_stream))
    assert heard == ["a", " b", " c"]


def test_tokens_are_counted_as_the_reply_reports_them(client):
    request = said("x" * 400)
    counted = client.messages.count_tokens(model="practice", messages=request["messages"])
    assert counted.input_tokens == client.messages.create(**request).usage.input_tokens >= 100


def test_a_program_is_played_step_by_step(client):
    steps = program({"text": "first", "tool": "bash", "input": {"command": "echo 1"}}, {"text": "done"})
    request = said(steps, tools=[TOOL])
    first = client.messages.create(**request)
    use = first.content[1]
    assert (first.content[0].text, use.input, first.stop_reason) == ("first", {"command": "echo 1"}, "tool_use")
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "1"}]
    follow = [{"role": "assistant", "content": first.to_dict()["content"]}, {"role": "user", "content": results}]
    last = client.messages.create(**{**request, "messages": request["messages"] + follow})
    assert (last.content[0].text, last.stop_reason) == ("done", "end_turn")


def test_a_program_begins_anew_with_each_message_that_carries_one(client):
    messages = [
        {"role": "user", "content": program({"text": "one"})},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": program({"text": "two"})},
    ]
    assert client.messages.create(model="practice", max_tokens=10, messages=messages).content[0].text == "two"


def test_several_calls_come_in_one_reply_with_ids_of_their_own(client):
    calls = [{"tool": "bash", "input": {"command": "a"}}, {"tool": "bash", "input": {"command": "a"}}]
    reply = client.messages.create(**said(program({"tools": calls}), tools=[TOOL]))
    assert len({block.id for block in reply.content}) == 2


def test_a_program_can_refuse(client):
    reply = client.messages.create(**said(program({"text": "no", "stop_reason": "refusal"})))
    assert reply.stop_reason == "refusal"


def test_a_program_can_fail_as_an_endpoint_fails(client):
    with pytest.raises(anthropic.OverloadedError, match="overloaded_error"):
        client.messages.create(**said(program({"error": {"status": 529, "type": "overloaded_error"}})))
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**said(program({"error": {"status": 429, "type": "rate_limit_error"}})))


def test_a_fault_with_times_passes_when_the_client_tries_again(url):
    step = {"error": {"status": 529, "type": "overloaded_error"}, "times": 1}
    reply = client_of(url, max_retries=1).messages.create(**said(program(step, {"text": "at last"})))
    assert reply.content[0].text == "at last"


def test_a_server_that_counts_attempts_lets_a_fault_pass_for_a_client_that_does_not():
    step = {"error": {"status": 500, "type": "api_error"}, "times": 2}
    with running_practice("--count-attempts") as address:
        client = client_of(address)
        for _attempt in range(2):
            with pytest.raises(anthropic.InternalServerError):
                client.messages.create(**said(program(step, {"text": "at last"})))
        assert client.messages.create(**said(program(step, {"text": "at last"}))).content[0].text == "at last"


def test_a_program_can_answer_rubbish_hang_and_break_off(client):
    with pytest.raises(json.JSONDecodeError):
        client.messages.create(**said(program({"garbage": True})))
    with pytest.raises(anthropic.APIConnectionError):
        client.messages.create(**said(program({"disconnect": True})))
    with pytest.raises(anthropic.APITimeoutError):
        client.messages.create(**said(program({"hang": True})), timeout=0.3)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model": ""}, "model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "user role"),
        ({"tools": [TOOL, TOOL]}, "unique"),
        ({"tool_choice": {"type": "tool", "name": "nothing"}}, "tool_choice"),
        ({"messages": [{"role": "user", "content": "practice: {]}"}]}, "practice program"),
    ],
)
def test_a_wrong_request_is_refused_with_the_field_named(client, change, named):
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(**{**said("x"), **change})
    assert refused.value.body["error"]["type"] == "invalid_request_error"
    assert named in refused.value.body["error"]["message"]


def test_a_tool_use_without_its_result_is_refused_as_a_real_endpoint_does(client):
    use = {"type": "tool_use", "id": "toolu_1", "name": "bash", "input": {}}
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [use]}]
    for follow in ([], [{"role": "user", "content": "and?"}]):
        with pytest.raises(anthropic.BadRequestError, match="without `tool_result`"):
            client.messages.create(**said("", messages=messages + follow))


def test_malformed_json_other_paths_and_other_methods_are_refused_in_the_wire_envelope(url):
    broken = httpx.post(f"{url}/v1/messages", timeout=60, content=b'{"model":')
    assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")
    assert httpx.post(f"{url}/v1/elsewhere", timeout=60, json={}).json()["error"]["type"] == "not_found_error"
    assert httpx.get(f"{url}/v1/messages", timeout=60).status_code == 405


def test_a_forced_call_it_has_no_part_for_is_not_invented(client):
    tool = {"name": "record_verdict", "input_schema": {"type": "object"}}
    request = said("grade", tools=[tool], tool_choice={"type": "tool", "name": "record_verdict"})
    reply = client.messages.create(**request)
    assert [block.type for block in reply.content] == ["text"]


def test_the_address_can_be_announced_in_a_file(tmp_path):
    told = tmp_path / "address"
    with subprocess.Popen([sys.executable, "-m", "agents.practice.server", "--announce", told], cwd=ROOT) as process:
        for _wait in range(1_200):
            if told.exists():
                break
            time.sleep(0.05)
        assert client_of(told.read_text().strip()).messages.create(**said("hello")).role == "assistant"
        process.terminate()
