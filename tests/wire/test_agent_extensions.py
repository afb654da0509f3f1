"""The fields of agents beyond the wire, sent as the official client sends extra members of a body."""

import anthropic
import pytest

from agents.models import AgentVersion, Session
from memory.models import MemoryStore

RUBRIC = [{"name": "Correct", "weight": 0.7, "description": "No wrong figure."}, {"name": "Short", "weight": 0.3}]


@pytest.fixture
def make(wire):
    """`make(**extension fields)`: an agent with them."""
    return lambda **fields: wire.beta.agents.create(name="Ann", model="m", extra_body=fields)


def extra(agent, name):
    return agent.to_dict().get(name)


def mounted(wire, agent, environment, **members):
    session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, **members)
    return [(found.memory_store_id, found.access) for found in session.resources]


def test_what_was_never_set_is_not_shown(wire, agent):
    for shown in (agent, wire.beta.agents.retrieve(agent.id), next(iter(wire.beta.agents.list()))):
        assert not {"memory", "outcomes", "dreaming"} & shown.to_dict().keys()


def test_memory_without_a_store_makes_one_that_every_session_mounts(wire, make, environment):
    agent = make(memory={"enabled": True, "scope": "agent"})
    (store_id,) = extra(agent, "memory")["stores"]
    assert extra(agent, "memory") == {"enabled": True, "scope": "agent", "stores": [store_id]}
    assert wire.beta.memory_stores.retrieve(store_id).name == "Ann memory"
    assert mounted(wire, agent, environment) == [(store_id, "read_write")]
    assert extra(wire.beta.agents.retrieve(agent.id), "memory") == extra(agent, "memory")
    assert extra(next(iter(wire.beta.agents.list())), "memory") == extra(agent, "memory")


def test_named_stores_are_mounted_besides_the_callers(wire, make, environment, store):
    other = wire.beta.memory_stores.create(name="Other")
    agent = make(memory={"enabled": True, "stores": [store.id, other.id]})
    assert MemoryStore.objects.count() == 2
    assert mounted(wire, agent, environment) == [(store.id, "read_write"), (other.id, "read_write")]
    mine = {"type": "memory_store", "memory_store_id": other.id, "access": "read_only"}
    assert mounted(wire, agent, environment, resources=[mine]) == [(other.id, "read_only"), (store.id, "read_write")]


def test_a_store_that_went_away_is_left_out(wire, make, environment, store):
    other, third = (wire.beta.memory_stores.create(name=name) for name in ("Other", "Third"))
    agent = make(memory={"enabled": True, "stores": [other.id, store.id, third.id]})
    wire.beta.memory_stores.archive(other.id)
    wire.beta.memory_stores.delete(third.id)
    assert mounted(wire, agent, environment) == [(store.id, "read_write")]


def test_memory_is_switched_off_and_on_without_losing_its_store(wire, make, environment):
    agent = make(memory={"enabled": True})
    (store_id,) = extra(agent, "memory")["stores"]
    off = wire.beta.agents.update(agent.id, extra_body={"memory": {"enabled": False}})
    assert extra(off, "memory")["enabled"] is False
    assert mounted(wire, agent, environment) == []
    wire.beta.agents.update(agent.id, extra_body={"memory": {"enabled": True}})
    assert mounted(wire, agent, environment) == [(store_id, "read_write")]
    gone = wire.beta.agents.update(agent.id, extra_body={"memory": None})
    assert extra(gone, "memory") is None
    assert mounted(wire, agent, environment) == []
    assert wire.beta.memory_stores.retrieve(store_id).archived_at is None


def test_the_fields_stand_beside_the_versions(wire, make, environment, store):
    agent = make(outcomes={"rubric": RUBRIC})
    wire.beta.agents.update(agent.id, system="s", extra_body={"memory": {"enabled": True, "stores": [store.id]}})
    changed = wire.beta.agents.update(agent.id, extra_body={"outcomes": {"rubric": RUBRIC, "threshold": 0.8}})
    assert (changed.version, changed.updated_at > agent.updated_at) == (2, True)
    assert AgentVersion.objects.count() == 2
    old = wire.beta.agents.retrieve(agent.id, version=1)
    assert extra(old, "outcomes") == {"rubric": RUBRIC, "threshold": 0.8}
    same = wire.beta.agents.update(agent.id, extra_body={"outcomes": {"rubric": RUBRIC, "threshold": 0.8}})
    assert same == changed
    pinned = {"type": "agent", "id": agent.id, "version": 1}
    session = wire.beta.sessions.create(agent=pinned, environment_id=environment.id)
    assert [found.memory_store_id for found in session.resources] == [store.id]


def test_a_stale_version_changes_no_field_either(wire, make, agent):
    with pytest.raises(anthropic.ConflictError):
        wire.beta.agents.update(agent.id, version=2, extra_body={"memory": {"enabled": True}})
    assert not MemoryStore.objects.exists()


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"memory": {}}, 400, "memory.enabled: "),
        ({"memory": {"enabled": True, "scope": "workspace"}}, 400, "memory.scope: "),
        ({"memory": {"enabled": True, "more": 1}}, 400, "memory.more: "),
        ({"memory": {"enabled": True, "stores": ["memstore_x"]}}, 404, "Memory store 'memstore_x'"),
        ({"memory": {"enabled": True, "stores": ["a", "a"]}}, 400, "memory.stores: "),
        ({"memory": {"enabled": True, "stores": list("abcdefghi")}}, 400, "memory.stores: "),
        ({"outcomes": {}}, 400, "outcomes.rubric: "),
        ({"outcomes": {"rubric": []}}, 400, "outcomes.rubric: "),
        ({"outcomes": {"rubric": [{"name": "a", "weight": 0.9}]}}, 400, "outcomes.rubric: the weights sum to 0.9"),
        ({"outcomes": {"rubric": [{"name": "a", "weight": 0.5}] * 2}}, 400, "outcomes.rubric.1.name: "),
        ({"outcomes": {"rubric": [{"name": " ", "weight": 1}]}}, 400, "outcomes.rubric.0.name: "),
        (
            {"outcomes": {"rubric": [{"name": "a", "weight": -1}, {"name": "b", "weight": 2}]}},
            400,
            "outcomes.rubric.0.w",
        ),
        ({"outcomes": {"rubric": [{"name": "a", "weight": 1}], "threshold": 1.5}}, 400, "outcomes.threshold: "),
        ({"nonsense": {}}, 400, "nonsense: "),
    ],
)
def test_a_bad_field_makes_no_agent(wire, make, fields, status, message):
    with pytest.raises(anthropic.APIStatusError) as refusal:
        make(**fields)
    assert refusal.value.status_code == status
    assert refusal.value.body["error"]["message"].startswith(message)
    assert list(wire.beta.agents.list()) == []
    assert not MemoryStore.objects.exists()


def test_a_store_that_cannot_be_attached_is_refused(wire, make, store):
    wire.beta.memory_stores.archive(store.id)
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        make(memory={"enabled": True, "stores": [store.id]})


def test_weights_that_no_float_can_hold_sum_to_one(make):
    thirds = [{"name": str(number), "weight": 1 / 3} for number in range(3)]
    assert extra(make(outcomes={"rubric": thirds}), "outcomes") == {"rubric": thirds}


def test_more_stores_than_a_session_takes_are_refused_by_the_session(wire, make, environment):
    stores = [wire.beta.memory_stores.create(name=str(number)).id for number in range(9)]
    agent = make(memory={"enabled": True, "stores": stores[:8]})
    extra_store = {"type": "memory_store", "memory_store_id": stores[8]}
    with pytest.raises(anthropic.BadRequestError, match="at most 8"):
        wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, resources=[extra_store])
    assert not Session.objects.exists()
