"""The button that runs the demo's tasks again."""

import pytest
from django.urls import reverse

from dreams.demo.rounds import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(workspace, clean_redis):
    return build(workspace)


def press(client, demo):
    return client.post(reverse("demo-run"), {"agent_id": demo.agent.pk})


def test_a_reviewer_begins_the_next_round_and_comes_back_to_the_agent(demo, as_rita):
    answer = press(as_rita, demo)
    assert (answer.status_code, answer.headers["Location"]) == (303, reverse("agent", args=[demo.agent.pk]))
    assert demo.latest_round == 1
    assert demo.sessions(1).count() == len(demo.tasks(1))


def test_pressing_twice_begins_one_round(demo, as_rita):
    press(as_rita, demo)
    press(as_rita, demo)
    assert demo.sessions().count() == len(demo.tasks(1))


def test_a_viewer_may_not_and_a_stranger_finds_nothing(demo, as_bob, as_charlie):
    assert press(as_bob, demo).status_code == 403
    assert press(as_charlie, demo).status_code == 404
    assert demo.latest_round == 0


def test_an_agent_that_is_no_demo_is_not_found(demo, as_rita):
    assert as_rita.post(reverse("demo-run"), {"agent_id": "agent_none"}).status_code == 404
    assert as_rita.get(reverse("demo-run")).status_code == 405
