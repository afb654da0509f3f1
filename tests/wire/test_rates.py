"""How many calls a workspace may make in a minute, once an operator bounds them."""

import json

import anthropic
import pytest
import time_machine
from django.test import override_settings

from agents import queue
from tests.wire.conftest import Caller

AGENT = json.dumps({"name": "Ann", "model": "m"})

pytestmark = pytest.mark.usefixtures("clean_redis")


@time_machine.travel("2030-01-01T00:00:20Z", tick=False)
@override_settings(LUCID_READS_PER_MINUTE=2, LUCID_WRITES_PER_MINUTE=1)
def test_a_workspace_is_told_when_it_may_ask_again_and_others_go_on(call, stranger_key):
    assert [call("GET", "agents").status_code for _ in range(3)] == [200, 200, 429]
    assert [call("POST", "agents", AGENT).status_code for _ in range(2)] == [200, 429]
    refused = call("GET", "agents")
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert refused.headers["retry-after"] == "41"
    assert "x-should-retry" not in refused.headers
    assert Caller(stranger_key)("GET", "agents").status_code == 200
    with time_machine.travel("2030-01-01T00:01:01Z", tick=False):
        assert call("GET", "agents").status_code == 200


@override_settings(LUCID_READS_PER_MINUTE=1)
def test_the_official_client_raises_its_own_error(wire):
    with time_machine.travel("2030-01-01T00:00:20Z", tick=False):
        wire.beta.agents.list()
        with pytest.raises(anthropic.RateLimitError) as refusal:
            wire.with_options(max_retries=0).beta.agents.list()
    assert refusal.value.type == "rate_limit_error"


def test_nothing_is_counted_where_no_bound_is_set(call):
    assert {call("GET", "agents").status_code for _ in range(30)} == {200}


@override_settings(LUCID_READS_PER_MINUTE=1, REDIS_URL="unix:///nowhere/redis.sock")
def test_without_redis_nothing_is_refused(call):
    queue.connection.cache_clear()
    try:
        assert {call("GET", "agents").status_code for _ in range(3)} == {200}
    finally:
        queue.connection.cache_clear()
