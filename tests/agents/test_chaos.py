"""A short run of `tests.chaos`: parts are killed under load, and every event and every answer is there once."""

from tests.chaos.run import chaos

SECONDS, SEED = 12.0, 11


def test_a_product_whose_parts_are_killed_loses_nothing_and_doubles_nothing(stack, live_sdk, redis_server):
    found = chaos(stack, live_sdk, redis_server, seconds=SECONDS, seed=SEED)
    assert found.problems == []
    assert found.killed
    assert found.messages > 0
