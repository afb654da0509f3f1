"""Deployments and their runs through the official client."""

from datetime import UTC, datetime, timedelta

import anthropic
import pytest
import time_machine

from agents.api.auth import MANAGED_AGENTS
from agents.models import AgentVersion, Deployment, DeploymentRun, Environment, InboxEvent, OutboxEvent, Session
from agents.services.deployment_runs import start_due_deployments

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Write the report"}]}
SYSTEM = {"type": "system.message", "content": [{"type": "text", "text": "Be brief"}]}
NIGHTLY = {"type": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def make(wire, agent, environment):
    def make(**members):
        body = {"name": "Report", "agent": agent.id, "environment_id": environment.id, "initial_events": [MESSAGE]}
        return wire.beta.deployments.create(**body | members)

    return make


@pytest.fixture
def deployment(make):
    return make(schedule=NIGHTLY)


def refused(call, **members):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        call(**members)
    return refusal.value.body["error"]["message"]


def emitted():
    rows = OutboxEvent.objects.filter(type__startswith="deployment").order_by("created_at")
    return [row.type for row in rows]


# Create, retrieve, list


@time_machine.travel("2026-10-24T12:00:00Z", tick=False)
def test_a_new_deployment_comes_back_as_it_was_given(wire, make, agent, environment, store):
    resource = {"type": "memory_store", "memory_store_id": store.id, "access": "read_only", "instructions": "Look"}
    made = make(description="d", metadata={"team": "a"}, schedule=NIGHTLY, resources=[resource])
    assert made == wire.beta.deployments.retrieve(made.id)
    assert made.id.startswith("depl_")
    assert (made.agent.id, made.agent.version, made.agent.type) == (agent.id, 1, "agent")
    assert (made.status, made.paused_reason, made.archived_at) == ("active", None, None)
    assert made.initial_events[0].to_dict() == MESSAGE
    assert made.resources[0].to_dict() == resource
    assert made.schedule.last_run_at is None
    assert [f"{moment:%m-%d %H:%M}" for moment in made.schedule.upcoming_runs_at] == [
        "10-25 00:30",  # 02:30 in Berlin, and an hour later it is 02:30 again
        "10-25 01:30",
        "10-26 01:30",
        "10-27 01:30",
        "10-28 01:30",
    ]
    assert emitted() == ["deployment.created"]


def test_one_without_schedule_starts_by_hand_only(make):
    made = make()
    assert (made.schedule, made.description, made.metadata, made.vault_ids) == (None, None, {}, [])
    assert "budget" not in made.to_dict()
    assert Deployment.objects.get().next_run_at is None


def test_an_old_version_can_be_pinned(wire, make, agent):
    wire.beta.agents.update(agent.id, version=1, system="New")
    assert make(agent={"type": "agent", "id": agent.id, "version": 1}).agent.version == 1
    assert make(agent={"type": "agent", "id": agent.id}).agent.version == 2
    assert make().agent.version == 2


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"name": " "}, "name: "),
        ({"name": "x" * 257}, "name: "),
        ({"initial_events": []}, "initial_events: 1 to 50"),
        ({"initial_events": [MESSAGE] * 51}, "initial_events: 1 to 50"),
        ({"initial_events": [{"type": "user.interrupt"}]}, "initial_events.0.type: "),
        ({"initial_events": [SYSTEM]}, "initial_events.0: a system.message must come last"),
        ({"initial_events": [MESSAGE, SYSTEM, MESSAGE]}, "initial_events.1: a system.message must come last"),
        ({"initial_events": [MESSAGE, SYSTEM, SYSTEM]}, "initial_events.1: "),
        ({"schedule": {**NIGHTLY, "expression": "@daily"}}, "schedule.expression: shortcuts"),
        ({"schedule": {**NIGHTLY, "expression": "0 0 30 2 *"}}, "schedule.expression: '0 0 30 2 *' never fires"),
        ({"schedule": {**NIGHTLY, "timezone": "Mars/Base"}}, "schedule.timezone: "),
        ({"schedule": {"type": "cron", "expression": "0 9 * * *"}}, "schedule.timezone"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"vault_ids": ["vlt_x"] * 51}, "vault_ids: at most 50"),
        ({"resources": [{"type": "file", "file_id": "file_x"}] * 501}, "resources: at most 500"),
        ({"extra_body": {"cron": "x"}}, "cron: "),
    ],
)
def test_a_bad_member_is_refused_by_its_name(make, members, message):
    assert refused(make, **members).startswith(message)
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    "members",
    [
        {"agent": "agent_x"},
        {"environment_id": "env_x"},
        {"resources": [{"type": "memory_store", "memory_store_id": "memstore_x"}]},
    ],
)
def test_what_does_not_exist_is_missing(make, members):
    with pytest.raises(anthropic.NotFoundError):
        make(**members)


def test_what_a_session_could_not_start_with_is_refused_at_once(wire, make, agent, environment, store):
    wire.beta.memory_stores.archive(store.id)
    assert "archived" in refused(make, resources=[{"type": "memory_store", "memory_store_id": store.id}])
    wire.beta.environments.archive(environment.id)
    assert "archived" in refused(make)
    wire.beta.agents.archive(agent.id)
    assert "archived" in refused(make)
    assert not Session.objects.exists()
    assert not OutboxEvent.objects.filter(type="session.created").exists()


def test_a_workspace_has_room_for_so_many_schedules(make, monkeypatch):
    monkeypatch.setattr("agents.limits.SCHEDULED_DEPLOYMENTS_MAX", 1)
    make(schedule=NIGHTLY)
    make()
    assert "at most 1 scheduled" in refused(make, schedule=NIGHTLY)


def test_lists_are_filtered(wire, make, agent):
    other = wire.beta.agents.create(name="Bea", model="m")
    first, second, third = make(), make(agent=other.id), make()
    wire.beta.deployments.pause(second.id)
    wire.beta.deployments.archive(third.id)

    def listed(**filters):
        return [found.id for found in wire.beta.deployments.list(**filters)]

    assert listed() == [second.id, first.id]
    assert listed(limit=1) == [second.id, first.id]
    assert listed(include_archived=True) == [third.id, second.id, first.id]
    assert (listed(status="paused"), listed(status="active")) == ([second.id], [first.id])
    assert listed(agent_id=agent.id) == [first.id]
    assert listed(agent_id="agent_x") == []
    assert listed(created_at_gte=second.created_at, created_at_lte=second.created_at) == [second.id]
    assert "include_archived" in refused(wire.beta.deployments.list, status="paused", include_archived=True)
    refused(wire.beta.deployments.list, status="sleeping")
    refused(wire.beta.deployments.list, limit=101)


# Update


def test_an_update_replaces_what_it_names(wire, make, agent, environment, store):
    made = make(description="d", metadata={"a": "1", "b": "2"}, schedule=NIGHTLY)
    wire.beta.agents.update(agent.id, version=1, system="New")
    changed = wire.beta.deployments.update(
        made.id,
        name="Weekly",
        description="",
        metadata={"a": None, "c": "3"},
        agent=agent.id,
        resources=[{"type": "memory_store", "memory_store_id": store.id}],
        initial_events=[MESSAGE, SYSTEM],
        schedule={**NIGHTLY, "expression": "0 9 * * 1"},
    )
    assert (changed.name, changed.description, changed.metadata) == ("Weekly", None, {"b": "2", "c": "3"})
    assert (changed.agent.version, len(changed.initial_events), len(changed.resources)) == (2, 2, 1)
    assert changed.schedule.expression == "0 9 * * 1"
    kept = wire.beta.deployments.update(made.id, name="Weekly")
    assert kept == changed
    cleared = wire.beta.deployments.update(made.id, resources=None, schedule=None, description=None)
    assert (cleared.resources, cleared.schedule) == ([], None)
    assert Deployment.objects.get().next_run_at is None
    assert emitted() == ["deployment.created", "deployment.updated", "deployment.updated"]


def test_an_update_keeps_the_pinned_version(wire, deployment, agent):
    wire.beta.agents.update(agent.id, version=1, system="New")
    assert wire.beta.deployments.update(deployment.id, name="x").agent.version == 1


@pytest.mark.parametrize(
    "members",
    [
        {"name": ""},
        {"initial_events": []},
        {"schedule": {**NIGHTLY, "expression": "* * * *"}},
        {"environment_id": None},
        {"agent": None},
        {"metadata": {str(number): "x" for number in range(17)}},
    ],
)
def test_a_bad_update_changes_nothing(wire, deployment, members):
    refused(wire.beta.deployments.update, deployment_id=deployment.id, **members)
    assert wire.beta.deployments.retrieve(deployment.id) == deployment


def test_the_same_schedule_again_loses_no_time_that_is_due(wire, deployment):
    Deployment.objects.update(next_run_at=datetime(2026, 1, 1, tzinfo=UTC))
    wire.beta.deployments.update(deployment.id, name="Other", schedule=NIGHTLY)
    assert Deployment.objects.get().next_run_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_who_rewrites_the_events_is_the_one_on_whose_behalf_sessions_run(wire, deployment, workspace):
    Deployment.objects.update(created_by="user_x")
    wire.beta.deployments.update(deployment.id, name="Other")
    assert Deployment.objects.get().created_by == "user_x"
    wire.beta.deployments.update(deployment.id, initial_events=[MESSAGE, MESSAGE])
    assert Deployment.objects.get().created_by.startswith("apikey_")


# Pause, unpause, archive


def test_pausing_stops_the_schedule_and_keeps_showing_it(wire, deployment):
    paused = wire.beta.deployments.pause(deployment.id)
    assert (paused.status, paused.paused_reason.type) == ("paused", "manual")
    assert len(paused.schedule.upcoming_runs_at) == 5
    assert wire.beta.deployments.pause(deployment.id) == paused
    assert Deployment.objects.get().next_run_at is None
    resumed = wire.beta.deployments.unpause(deployment.id)
    assert (resumed.status, resumed.paused_reason) == ("active", None)
    assert wire.beta.deployments.unpause(deployment.id) == resumed
    assert Deployment.objects.get().next_run_at == resumed.schedule.upcoming_runs_at[0]
    assert emitted() == ["deployment.created", "deployment.paused", "deployment.unpaused"]


def test_a_schedule_given_while_paused_waits_for_the_unpausing(wire, make):
    made = make()
    wire.beta.deployments.pause(made.id)
    wire.beta.deployments.update(made.id, schedule=NIGHTLY)
    assert Deployment.objects.get().next_run_at is None
    wire.beta.deployments.unpause(made.id)
    assert Deployment.objects.get().next_run_at is not None


def test_archiving_is_final_and_idempotent(wire, deployment):
    wire.beta.deployments.pause(deployment.id)
    archived = wire.beta.deployments.archive(deployment.id)
    assert (archived.status, archived.paused_reason, archived.schedule.upcoming_runs_at) == ("active", None, [])
    assert archived.archived_at is not None
    assert wire.beta.deployments.archive(deployment.id) == archived
    calls = wire.beta.deployments
    for call in (calls.pause, calls.unpause, calls.run, calls.update):
        assert "archived" in refused(call, deployment_id=deployment.id)
    assert emitted()[-1] == "deployment.archived"


def test_archiving_the_agent_archives_its_deployments(wire, deployment, agent):
    wire.beta.agents.archive(agent.id)
    assert wire.beta.deployments.retrieve(deployment.id).archived_at is not None
    assert Deployment.objects.get().next_run_at is None
    assert not DeploymentRun.objects.exists()
    assert emitted() == ["deployment.created", "deployment.archived"]


# Runs


def test_a_run_by_hand_starts_a_session(wire, make, store, agent):
    made = make(
        resources=[{"type": "memory_store", "memory_store_id": store.id}],
        metadata={"team": "a"},
        initial_events=[MESSAGE, SYSTEM],
    )
    wire.beta.deployments.pause(made.id)
    run = wire.beta.deployments.run(made.id)
    assert (run.trigger_context.type, run.error, run.deployment_id) == ("manual", None, made.id)
    assert (run.agent.id, run.agent.version) == (agent.id, 1)
    assert run == wire.beta.deployment_runs.retrieve(run.id)
    session = wire.beta.sessions.retrieve(run.session_id)
    assert (session.deployment_id, session.status, session.metadata) == (made.id, "running", {"team": "a"})
    assert session.resources[0].memory_store_id == store.id
    assert [row.type for row in InboxEvent.objects.order_by("position")] == ["user.message", "system.message"]
    assert Session.objects.get().principal.startswith("apikey_")
    assert [found.id for found in wire.beta.sessions.list(deployment_id=made.id)] == [session.id]
    assert [found.id for found in wire.beta.sessions.list(deployment_id="depl_x")] == []
    assert wire.beta.deployments.retrieve(made.id).paused_reason.type == "manual"
    assert "deployment_run.started" not in emitted()


def test_the_run_stays_when_its_session_is_deleted(wire, deployment):
    run = wire.beta.deployments.run(deployment.id)
    Session.objects.update(status="idle")
    InboxEvent.objects.all().delete()
    wire.beta.sessions.delete(run.session_id)
    assert wire.beta.deployment_runs.retrieve(run.id) == run


def test_metadata_may_name_on_whose_behalf_it_runs(wire, make):
    wire.beta.deployments.run(make(metadata={"principal": "maria"}).id)
    assert Session.objects.get().principal == "maria"


def test_a_run_keeps_the_agent_that_the_deployment_had(wire, deployment, agent):
    run = wire.beta.deployments.run(deployment.id)
    other = wire.beta.agents.create(name="Bea", model="m")
    wire.beta.deployments.update(deployment.id, agent=other.id)
    assert wire.beta.deployment_runs.retrieve(run.id).agent.id == agent.id


@time_machine.travel("2026-10-24T12:00:00Z", tick=False)
def test_a_scheduled_run_says_when_it_was_due(wire, deployment):
    due = deployment.schedule.upcoming_runs_at[0]
    with time_machine.travel(due + timedelta(seconds=1), tick=False):
        assert start_due_deployments() == 1
        assert start_due_deployments() == 0
    run = wire.beta.deployment_runs.list().data[0]
    assert (run.trigger_context.type, run.trigger_context.scheduled_at) == ("schedule", due)
    assert wire.beta.deployments.retrieve(deployment.id).schedule.last_run_at == due + timedelta(seconds=1)
    assert emitted() == ["deployment.created", "deployment_run.started", "deployment_run.succeeded"]


def fire(deployment):
    """Let the schedule fire now."""
    Deployment.objects.filter(pk=deployment.id).update(next_run_at=datetime.now(UTC).replace(second=0, microsecond=0))
    assert start_due_deployments() == 1
    return DeploymentRun.objects.filter(trigger="schedule").latest("created_at")


def archive_environment(wire, deployment, store):
    wire.beta.environments.archive(deployment.environment_id)


def delete_environment(wire, deployment, store):
    wire.beta.environments.delete(deployment.environment_id)


def archive_store(wire, deployment, store):
    wire.beta.memory_stores.archive(store.id)


def delete_store(wire, deployment, store):
    wire.beta.memory_stores.delete(store.id)


def host_itself(wire, deployment, store):
    Environment.objects.update(config={"type": "self_hosted"})
    Deployment.objects.update(resources=[{"type": "file", "file_id": "file_x", "mount_path": None}])


def lose_a_vault(wire, deployment, store):
    Deployment.objects.update(vault_ids=["vlt_x"], environment=Deployment.objects.get().environment)


def archive_vault(wire, deployment, store):
    vault = wire.beta.vaults.create(display_name="Keys")
    wire.beta.deployments.update(deployment.id, vault_ids=[vault.id])
    wire.beta.vaults.archive(vault.id)


def lose_a_file(wire, deployment, store):
    Deployment.objects.update(resources=[{"type": "file", "file_id": "file_x", "mount_path": None}])


def lose_a_skill(wire, deployment, store):
    redefine(skills=[{"type": "custom", "skill_id": "skill_x", "version": "skver_x"}])


def close_the_network(wire, deployment, store):
    redefine(mcp_servers=[{"type": "url", "name": "a", "url": "https://a.example/mcp"}])
    closed = {"type": "limited", "allowed_hosts": [], "allow_mcp_servers": False, "allow_package_managers": False}
    Environment.objects.update(config={**Environment.objects.get().config, "networking": closed})


def redefine(**members):
    version = AgentVersion.objects.get()
    AgentVersion.objects.update(definition={**version.definition, **members})


@pytest.mark.parametrize(
    ("breaks", "error"),
    [
        (archive_vault, "vault_archived_error"),
        (lose_a_file, "file_not_found_error"),
        (lose_a_skill, "skill_not_found_error"),
        (close_the_network, "mcp_egress_blocked_error"),
        (archive_environment, "environment_archived_error"),
        (delete_environment, "environment_not_found_error"),
        (archive_store, "memory_store_archived_error"),
        (delete_store, "session_resource_not_found_error"),
        (host_itself, "self_hosted_resources_unsupported_error"),
        (lose_a_vault, "vault_not_found_error"),
    ],
)
def test_a_start_that_will_never_succeed_pauses_the_deployment(wire, make, store, breaks, error):
    made = make(schedule=NIGHTLY, resources=[{"type": "memory_store", "memory_store_id": store.id}])
    breaks(wire, made, store)
    by_hand = wire.beta.deployments.run(made.id)
    assert by_hand.error.type == error
    assert wire.beta.deployments.retrieve(made.id).status == "active"
    run = fire(made)
    shown = wire.beta.deployment_runs.retrieve(run.pk)
    assert (shown.session_id, shown.error.type) == (None, error)
    assert shown.error.message
    paused = wire.beta.deployments.retrieve(made.id)
    assert (paused.status, paused.paused_reason.type, paused.paused_reason.error.type) == ("paused", "error", error)
    assert not Session.objects.exists()
    assert emitted()[-3:] == ["deployment_run.started", "deployment_run.failed", "deployment.paused"]


def test_a_refusal_for_another_reason_does_not_pause(wire, deployment):
    Deployment.objects.update(initial_events=[MESSAGE] * 1_001)  # more than may wait in a session
    assert fire(deployment).error["type"] == "session_creation_rejected_error"
    assert wire.beta.deployments.retrieve(deployment.id).status == "active"


def test_a_fault_of_ours_is_an_unknown_error(wire, deployment, monkeypatch):
    def fail(*args, **kwargs):
        raise KeyError("secret detail")

    monkeypatch.setattr("agents.services.deployment_runs.create_session", fail)
    run = fire(deployment)
    assert run.error["type"] == "unknown_error"
    assert "secret" not in run.error["message"]
    assert wire.beta.deployments.retrieve(deployment.id).paused_reason.error.type == "unknown_error"


def test_runs_are_filtered(wire, make, deployment):
    other = make()
    first, second = wire.beta.deployments.run(deployment.id), wire.beta.deployments.run(other.id)
    wire.beta.environments.archive(deployment.environment_id)
    scheduled = fire(deployment)

    def listed(**filters):
        return [found.id for found in wire.beta.deployment_runs.list(**filters)]

    assert listed() == listed(limit=1) == [scheduled.pk, second.id, first.id]
    assert listed(deployment_id=deployment.id) == [scheduled.pk, first.id]
    assert listed(deployment_id="depl_x") == []
    assert (listed(has_error=True), listed(has_error=False)) == ([scheduled.pk], [second.id, first.id])
    assert (listed(trigger_type="schedule"), listed(trigger_type="manual")) == ([scheduled.pk], [second.id, first.id])
    assert listed(created_at_gt=first.created_at, created_at_lt=scheduled.created_at) == [second.id]
    assert listed(created_at_gte=first.created_at, created_at_lte=first.created_at) == [first.id]
    assert len(wire.beta.deployment_runs.list(limit=1_000).data) == 3
    refused(wire.beta.deployment_runs.list, limit=1_001)
    refused(wire.beta.deployment_runs.list, page="page_x")
    refused(wire.beta.deployment_runs.list, trigger_type="moon")


def test_without_the_beta_there_is_nothing(call):
    for path in ("deployments", "deployment_runs"):
        assert call("GET", path, **{"anthropic-beta": None}).status_code == 404
        assert call("GET", path, **{"anthropic-beta": MANAGED_AGENTS}).status_code == 200
