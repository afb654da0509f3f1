"""A short run of `tests.chaos`: parts are killed and stopped under load, and every event and every answer is there
once."""

import shutil

import pytest

from tests.chaos.model import running_model
from tests.chaos.run import chaos
from tests.stack import short_folder

SECONDS, SEED = 12.0, 11


@pytest.fixture(scope="module")
def model():
    folder = short_folder()
    with running_model(folder) as model:
        yield model
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stack_environment(model):
    return model.environment


def test_a_product_whose_parts_are_killed_loses_nothing_and_doubles_nothing(stack, live_sdk, redis_server, model):
    found = chaos(stack, live_sdk, redis_server, model, seconds=SECONDS, seed=SEED)
    assert found.problems == []
    assert found.killed
    assert found.messages > 0
