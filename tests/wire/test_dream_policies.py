"""Dream policies: ours, in the style of the wire."""

from typing import Any

import anthropic
import pytest

from agents.actors import Actor
from dreams.models import Dream
from memory.models import MemoryStore, Tier
from tests.dreams import events
from tests.dreams.dreaming import session_of, store_of

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/v1/dream_policies"


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return store_of(actor)


def post(wire: anthropic.Anthropic, path: str = "", **body: Any) -> Any:
    return wire.post(f"{PATH}{path}", body=body, cast_to=object)


def get(wire: anthropic.Anthropic, path: str = "") -> Any:
    return wire.get(f"{PATH}{path}", cast_to=object)


def test_a_policy_is_nightly_unless_it_says_otherwise(wire: anthropic.Anthropic, store: MemoryStore) -> None:
    policy = post(wire, memory_store_id=store.pk)
    assert policy["id"].startswith("dpol_")
    assert (policy["type"], policy["mode"], policy["enabled"], policy["agent_id"]) == (
        "dream_policy",
        "review",
        True,
        None,
    )
    assert policy["sessions"] == {"limit": 100, "window_days": 30}
    schedule = policy["schedule"]
    assert (schedule["expression"], schedule["timezone"], schedule["last_run_at"]) == ("0 3 * * *", "UTC", None)
    assert [moment[10:] for moment in schedule["upcoming_runs_at"]] == ["T03:00:00Z"] * 5
    assert get(wire, f"/{policy['id']}") == policy
    assert get(wire)["data"] == [policy]


def test_an_update_keeps_what_it_leaves_out(wire: anthropic.Anthropic, store: MemoryStore) -> None:
    policy = post(wire, memory_store_id=store.pk, objective="Look hard.", sessions={"limit": 7})
    schedule = {"type": "cron", "expression": "*/5 * * * 1-5", "timezone": "Europe/Berlin"}
    changed = post(wire, f"/{policy['id']}", schedule=schedule, sessions={"window_days": 3}, model="claude-x")
    assert (changed["objective"], changed["sessions"]) == ("Look hard.", {"limit": 7, "window_days": 3})
    assert changed["schedule"]["timezone"] == "Europe/Berlin"
    assert changed["model"] == {"id": "claude-x", "speed": "standard"}
    cleared = post(wire, f"/{policy['id']}", schedule=None, objective=None, model=None)
    assert (cleared["schedule"], cleared["objective"], cleared["model"]) == (None, None, None)
    assert post(wire, f"/{policy['id']}", schedule=None) == cleared


def test_bad_policies_name_what_is_wrong(wire: anthropic.Anthropic, actor: Actor, store: MemoryStore) -> None:
    daily = {"type": "cron", "expression": "0 3 * * *"}
    cases: list[tuple[dict[str, Any], type[anthropic.APIStatusError], str]] = [
        ({"memory_store_id": "memstore_x"}, anthropic.NotFoundError, "memstore_x"),
        ({"agent_id": "agent_x"}, anthropic.NotFoundError, "agent_x"),
        ({"mode": "wild"}, anthropic.BadRequestError, "mode"),
        ({"objective": "x" * 4_097}, anthropic.BadRequestError, "objective"),
        ({"name": ""}, anthropic.BadRequestError, "name"),
        ({"sessions": {"limit": 101}}, anthropic.BadRequestError, "sessions.limit"),
        ({"sessions": {"window_days": 0}}, anthropic.BadRequestError, "window_days"),
        ({"schedule": {"type": "cron", "expression": "@daily"}}, anthropic.BadRequestError, "schedule.expression"),
        ({"schedule": {"type": "cron", "expression": ""}}, anthropic.BadRequestError, "5 fields"),
        ({"schedule": {**daily, "timezone": "Mars/Base"}}, anthropic.BadRequestError, "schedule.timezone"),
        ({"model": {"id": "m", "speed": "fast"}}, anthropic.BadRequestError, "speed"),
        ({"colour": "red"}, anthropic.BadRequestError, "colour"),
        (
            {"mode": "auto", "memory_store_id": store_of(actor, tier=Tier.VERIFIED).pk},
            anthropic.PermissionDeniedError,
            "verified",
        ),
    ]
    for changes, error, words in cases:
        with pytest.raises(error, match=words):
            post(wire, **{"memory_store_id": store.pk, **changes})
    with pytest.raises(anthropic.BadRequestError, match="memory_store_id"):
        post(wire)
    assert get(wire)["data"] == []


def test_a_run_by_hand_names_its_dream_or_says_why_there_is_none(
    wire: anthropic.Anthropic, actor: Actor, store: MemoryStore
) -> None:
    policy = post(wire, memory_store_id=store.pk)
    empty = post(wire, f"/{policy['id']}/run")
    assert (empty["result"], empty["dream_id"], empty["trigger_context"]) == ("nothing_new", None, {"type": "manual"})
    session_of(actor, events.mended())
    run = post(wire, f"/{policy['id']}/run")
    assert (run["result"], run["reason"], run["session_count"]) == ("started", None, 1)
    assert wire.beta.dreams.retrieve(run["dream_id"]).status == "pending"
    assert get(wire, f"/{policy['id']}/runs")["data"] == [run, empty]
    assert get(wire, f"/{policy['id']}")["schedule"]["last_run_at"] is None
    assert Dream.objects.count() == 1


def test_an_archived_policy_does_nothing_more(wire: anthropic.Anthropic, store: MemoryStore) -> None:
    policy = post(wire, memory_store_id=store.pk)
    archived = post(wire, f"/{policy['id']}/archive")
    assert archived["archived_at"] is not None
    assert archived["schedule"]["upcoming_runs_at"] == []
    assert post(wire, f"/{policy['id']}/archive") == archived
    for path, body in ((f"/{policy['id']}", {"enabled": True}), (f"/{policy['id']}/run", {})):
        with pytest.raises(anthropic.BadRequestError, match="archived"):
            post(wire, path, **body)
    assert get(wire)["data"] == []
    assert [found["id"] for found in get(wire, "?include_archived=true")["data"]] == [policy["id"]]


def test_policies_are_found_by_agent_and_store(wire: anthropic.Anthropic, agent: Any, store: MemoryStore) -> None:
    of_agent = post(wire, memory_store_id=store.pk, agent_id=agent.id)
    post(wire, memory_store_id=store.pk)
    assert of_agent["name"] == "Dreams of Ann"
    assert [found["id"] for found in get(wire, f"?agent_id={agent.id}")["data"]] == [of_agent["id"]]
    assert len(get(wire, f"?memory_store_id={store.pk}")["data"]) == 2


# The shorthand on agents


def dreaming_agent(wire: anthropic.Anthropic, **dreaming: Any) -> Any:
    extra = {"dreaming": {"enabled": True, **dreaming}, "memory": {"enabled": True}}
    return wire.beta.agents.create(name="Ann", model="claude-opus-5-5", extra_body=extra)


def test_an_agent_that_dreams_has_a_policy_over_its_own_memory(wire: anthropic.Anthropic) -> None:
    agent = dreaming_agent(wire, schedule="30 4 * * *", timezone="Europe/Berlin", objective="Look hard.")
    (policy,) = get(wire)["data"]
    assert (policy["agent_id"], policy["objective"], policy["mode"]) == (agent.id, "Look hard.", "review")
    assert policy["schedule"]["expression"] == "30 4 * * *"
    assert policy["memory_store_id"] == agent.memory["stores"][0]
    shown = {"schedule": "30 4 * * *", "timezone": "Europe/Berlin", "objective": "Look hard.", "mode": "review"}
    assert agent.dreaming == {"enabled": True, **shown}
    assert wire.beta.agents.retrieve(agent.id).version == 1


def test_the_policy_is_the_truth_whoever_changes_it(wire: anthropic.Anthropic) -> None:
    agent: Any = dreaming_agent(wire)
    (policy,) = get(wire)["data"]
    post(wire, f"/{policy['id']}", enabled=False, objective="From the policy.")
    seen: Any = wire.beta.agents.retrieve(agent.id)
    assert (seen.dreaming["enabled"], seen.dreaming["objective"]) == (False, "From the policy.")
    wire.beta.agents.update(agent.id, version=1, extra_body={"dreaming": {"mode": "auto", "timezone": "Asia/Tokyo"}})
    changed = get(wire, f"/{policy['id']}")
    assert (changed["mode"], changed["enabled"], changed["objective"]) == ("auto", False, "From the policy.")
    assert (changed["schedule"]["expression"], changed["schedule"]["timezone"]) == ("0 3 * * *", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"schedule": "@daily"}, "dreaming.schedule: shortcuts"),
        ({"timezone": "Mars/Base"}, "dreaming.timezone: "),
        ({"objective": "x" * 4_097}, "dreaming.objective: "),
    ],
)
def test_an_agents_bad_dreaming_is_refused_by_its_name(
    wire: anthropic.Anthropic, wanted: dict[str, Any], message: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as refusal:
        dreaming_agent(wire, **wanted)
    assert refusal.value.body["error"]["message"].startswith(message)  # type: ignore[index]


def test_null_ends_an_agents_dreaming_and_it_may_begin_anew(wire: anthropic.Anthropic) -> None:
    agent: Any = dreaming_agent(wire)
    cleared: Any = wire.beta.agents.update(agent.id, version=1, extra_body={"dreaming": None})
    assert "dreaming" not in cleared.to_dict()
    assert get(wire)["data"] == []
    wire.beta.agents.update(agent.id, version=1, extra_body={"dreaming": {"enabled": True}})
    assert len(get(wire)["data"]) == 1
    assert len(get(wire, "?include_archived=true")["data"]) == 2


def test_an_agent_without_memory_has_nothing_to_dream_into(wire: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="memory"):
        wire.beta.agents.create(name="Bea", model="m", extra_body={"dreaming": {"enabled": True}})
    with pytest.raises(anthropic.BadRequestError, match=r"dreaming\.colour"):
        wire.beta.agents.create(name="Bea", model="m", extra_body={"dreaming": {"colour": "red"}})
    assert list(wire.beta.agents.list()) == []
