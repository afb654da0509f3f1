"""Dreams through the official SDK."""

from typing import Any

import anthropic
import pytest
import time_machine
from django.conf import LazySettings

from agents.actors import Actor
from agents.models import Session
from dreams import pipeline
from dreams.limits import STORE_MAX_BYTES
from dreams.models import Dream, DreamStatus, Proposal
from memory.limits import CONTENT_MAX_BYTES
from memory.models import MemoryStore, Tier
from memory.services import archive_store, create_memory
from tests.dreams import events
from tests.dreams.dreaming import MODEL, dream_over, files_in, proposals_of, session_of, store_of
from tests.dreams.messages_server import Body, Reply, honest, prompt, refused, serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return store_of(actor)


@pytest.fixture
def sessions(actor: Actor) -> list[Session]:
    return [session_of(actor, events.mended(), principal=name) for name in ("ann", "ben")]


def inputs(store: MemoryStore, sessions: list[Session]) -> list[Any]:
    return [
        {"type": "memory_store", "memory_store_id": store.pk},
        {"type": "sessions", "session_ids": [session.pk for session in sessions]},
    ]


def test_a_created_dream_waits_and_shows_what_was_asked(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    dream = wire.beta.dreams.create(inputs=inputs(store, sessions[::-1]), model=MODEL, instructions="Look hard.")
    assert dream.status == "pending"
    assert dream.outputs == []
    assert dream.session_id is None
    assert dream.usage.input_tokens == 0
    assert dream.model.id == MODEL
    assert dream.model.speed == "standard"
    assert dream.instructions == "Look hard."
    assert dream.output_behavior.type == "create_new"
    assert dream.to_dict()["inputs"][1] == {"type": "sessions", "session_ids": sorted(s.pk for s in sessions)}  # type: ignore[index]
    assert wire.beta.dreams.retrieve(dream.id) == dream


def test_a_completed_dream_names_its_store_session_and_usage(
    wire: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    with serving(honest):
        ended = dream_over(actor, store, sessions)
    dream = wire.beta.dreams.retrieve(ended.pk)
    assert dream.status == "completed"
    assert dream.ended_at is not None
    assert dream.error is None
    assert dream.usage.input_tokens > 0
    assert dream.session_id is not None
    trace = wire.beta.sessions.retrieve(dream.session_id)
    assert trace.status == "terminated"
    assert trace.archived_at is not None
    copied = wire.beta.memory_stores.memories.list(dream.outputs[0].memory_store_id).data
    assert {memory.path for memory in copied} == {"/_index.md", "/workarounds/zorp.md"}


def test_a_dream_still_names_the_store_that_it_wrote_when_that_is_deleted(
    wire: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    with serving(honest):
        ended = dream_over(actor, store, sessions)
    before = wire.beta.dreams.retrieve(ended.pk)
    wire.beta.memory_stores.delete(before.outputs[0].memory_store_id)
    assert wire.beta.dreams.retrieve(ended.pk) == before


def test_dreams_are_listed_newest_first_by_status(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    made = [wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL).id for _ in range(3)]
    wire.beta.dreams.cancel(made[0])
    assert [dream.id for dream in wire.beta.dreams.list(limit=2)] == made[::-1]
    assert [dream.id for dream in wire.beta.dreams.list(statuses=["canceled"])] == made[:1]
    assert [dream.id for dream in wire.beta.dreams.list(statuses=["pending", "running"])] == made[:0:-1]


def test_cancel_is_final_and_repeatable(wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]) -> None:
    dream = wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    canceled = wire.beta.dreams.cancel(dream.id)
    assert canceled.status == "canceled"
    assert wire.beta.dreams.cancel(dream.id) == canceled


@pytest.mark.parametrize("status", [DreamStatus.COMPLETED, DreamStatus.FAILED])
def test_a_dream_that_ended_cannot_be_canceled(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session], status: str
) -> None:
    dream = wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    Dream.objects.update(status=status)
    with pytest.raises(anthropic.BadRequestError, match=status):
        wire.beta.dreams.cancel(dream.id)


def test_an_archived_dream_leaves_the_list_and_keeps_its_status(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    dream = wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    with pytest.raises(anthropic.BadRequestError, match="cancel it first"):
        wire.beta.dreams.archive(dream.id)
    wire.beta.dreams.cancel(dream.id)
    archived = wire.beta.dreams.archive(dream.id)
    assert archived.status == "canceled"
    assert archived.archived_at is not None
    assert wire.beta.dreams.archive(dream.id) == archived
    assert list(wire.beta.dreams.list()) == []
    assert [found.id for found in wire.beta.dreams.list(include_archived=True)] == [dream.id]


def test_bad_requests_name_what_is_wrong(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    good = inputs(store, sessions)
    other = {"type": "memory_store", "memory_store_id": "memstore_other"}
    cases: list[tuple[dict[str, Any], type[anthropic.APIStatusError], str]] = [
        ({"inputs": good[:1]}, anthropic.BadRequestError, "inputs"),
        ({"inputs": [*good, good[0]]}, anthropic.BadRequestError, "inputs"),
        ({"inputs": [good[0], {"type": "sessions", "session_ids": []}]}, anthropic.BadRequestError, "1 to 100"),
        ({"inputs": [good[0], {"type": "sessions", "session_ids": ["a"] * 2}]}, anthropic.BadRequestError, "twice"),
        ({"inputs": [good[0], {"type": "sessions", "session_ids": ["sesn_x"]}]}, anthropic.NotFoundError, "sesn_x"),
        ({"inputs": [other, good[1]]}, anthropic.NotFoundError, "memstore_other"),
        ({"inputs": [{"type": "files"}]}, anthropic.BadRequestError, "inputs"),
        ({"model": {"id": MODEL, "speed": "fast"}}, anthropic.BadRequestError, "speed"),
        ({"model": ""}, anthropic.BadRequestError, "model"),
        ({"instructions": "x" * 4_097}, anthropic.BadRequestError, "instructions"),
        ({"instructions": ""}, anthropic.BadRequestError, "instructions"),
        (
            {"output_behavior": {"type": "update_existing", "memory_store_id": "memstore_other"}},
            anthropic.BadRequestError,
            "memory_store_id",
        ),
        ({"extra_body": {"colour": "red"}}, anthropic.BadRequestError, "colour"),
    ]
    for changes, error, words in cases:
        with pytest.raises(error, match=words):
            wire.beta.dreams.create(**{"inputs": good, "model": MODEL, **changes})
    assert not Dream.objects.exists()


def test_an_archived_store_is_refused(wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]) -> None:
    archive_store(store)
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)


def test_only_one_dream_at_a_time_updates_a_store(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    behavior: Any = {"type": "update_existing", "memory_store_id": store.pk}
    first = wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL, output_behavior=behavior)
    with pytest.raises(anthropic.ConflictError, match=first.id):
        wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL, output_behavior=behavior)
    wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    wire.beta.dreams.cancel(first.id)
    wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL, output_behavior=behavior)


def test_a_read_only_tier_cannot_be_updated_by_a_dream(
    wire: anthropic.Anthropic, actor: Actor, sessions: list[Session]
) -> None:
    standards = store_of(actor, tier=Tier.ORGANIZATION)
    behavior: Any = {"type": "update_existing", "memory_store_id": standards.pk}
    with pytest.raises(anthropic.PermissionDeniedError, match="organization"):
        wire.beta.dreams.create(inputs=inputs(standards, sessions), model=MODEL, output_behavior=behavior)


def test_lists_keep_within_their_bounds(wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]) -> None:
    made = [wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL) for _ in range(3)]
    between = wire.beta.dreams.list(created_at_gt=made[0].created_at, created_at_lt=made[2].created_at)
    assert [dream.id for dream in between] == [made[1].id]
    for limit in (0, 101):
        with pytest.raises(anthropic.BadRequestError, match="limit"):
            wire.beta.dreams.list(limit=limit)
    with pytest.raises(anthropic.BadRequestError, match="statuses"):
        wire.beta.dreams.list(statuses=["asleep"])  # type: ignore[list-item]


def test_a_dream_reads_a_hundred_sessions_and_not_one_more(wire: anthropic.Anthropic, store: MemoryStore) -> None:
    ids = [f"sesn_{number}" for number in range(101)]
    entry: Any = {"type": "sessions", "session_ids": ids}
    with pytest.raises(anthropic.BadRequestError, match="1 to 100"):
        wire.beta.dreams.create(inputs=[inputs(store, [])[0], entry], model=MODEL)


def test_a_dream_reads_archived_sessions_too(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    for session in sessions:
        wire.beta.sessions.archive(session.pk)
    assert wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL).status == "pending"


def test_an_update_writes_what_an_open_gate_lets_through_and_leaves_the_rest_to_people(
    wire: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    actor.workspace.settings = {"open_kinds": [["add", "workaround"]]}
    actor.workspace.save()
    failed = [session_of(actor, events.mended("blik"), principal=name, verdict="failed") for name in ("ann", "ben")]
    behavior: Any = {"type": "update_existing", "memory_store_id": store.pk}
    wanted = inputs(store, [*sessions, *failed])
    with serving(honest):
        dream = wire.beta.dreams.create(inputs=wanted, model=MODEL, output_behavior=behavior)
        pipeline.run_dream(dream.id)
    ended = wire.beta.dreams.retrieve(dream.id)
    assert ended.status == "completed"
    assert ended.outputs[0].memory_store_id == store.pk
    assert ended.output_behavior.to_dict() == behavior
    assert {(p.topic, p.lane, p.status) for p in proposals_of(Dream.objects.get())} == {
        ("workaround", "auto", "applied"),
        ("pitfall", "review", "pending"),
    }
    assert set(files_in(store)) == {"/_index.md", "/workarounds/zorp.md"}


def test_an_update_waits_until_a_canceled_one_has_stopped(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    behavior: Any = {"type": "update_existing", "memory_store_id": store.pk}
    first = wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL, output_behavior=behavior)
    refusals = []

    def cancels(request: Body) -> Reply:
        wire.beta.dreams.cancel(first.id)
        with pytest.raises(anthropic.ConflictError) as conflict:
            wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL, output_behavior=behavior)
        refusals.append(conflict.value)
        return honest(request)

    with serving(cancels):
        pipeline.run_dream(first.id)
    assert refusals
    wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL, output_behavior=behavior)


def test_what_was_asked_when_it_was_canceled_is_still_counted(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    dream = wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)

    def cancels(request: Body) -> Reply:
        assert wire.beta.dreams.cancel(dream.id).status == "canceled"
        return honest(request)

    with serving(cancels) as endpoint:
        pipeline.run_dream(dream.id)
    canceled = wire.beta.dreams.retrieve(dream.id)
    assert (canceled.status, canceled.error) == ("canceled", None)
    assert canceled.usage.input_tokens == 10 * len(endpoint.requests) > 0


# Why a dream failed


def failed(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session], answer: Any = honest
) -> tuple[str, str]:
    """A dream over the sessions that is expected to fail: its error's type and message, as the wire shows them."""
    dream = wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    with serving(answer):
        pipeline.run_dream(dream.id)
    ended = wire.beta.dreams.retrieve(dream.id)
    assert ended.status == "failed"
    assert ended.ended_at is not None
    assert ended.error is not None
    if ended.session_id:
        assert wire.beta.sessions.retrieve(ended.session_id).archived_at is not None
    return ended.error.type, ended.error.message


def test_a_model_that_refuses_is_an_internal_error(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    type, message = failed(wire, store, sessions, lambda request: refused(401, "bad key"))
    assert type == "internal_error"
    assert "bad key" in message


def test_a_dream_that_takes_too_long_times_out(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    with time_machine.travel("2026-11-21 03:00", tick=True) as clock:

        def slow(request: Body) -> Reply:
            clock.shift(5 * 3600)
            return honest(request)

        assert failed(wire, store, sessions, slow)[0] == "timeout"


def test_a_store_that_is_archived_meanwhile_is_unavailable(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    def archives(request: Body) -> Reply:
        archive_store(store)
        return honest(request)

    assert failed(wire, store, sessions, archives)[0] == "input_memory_store_unavailable"


def test_a_store_that_is_deleted_meanwhile_is_unavailable(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    def deletes(request: Body) -> Reply:
        wire.beta.memory_stores.delete(store.pk)
        return honest(request)

    assert failed(wire, store, sessions, deletes)[0] == "input_memory_store_unavailable"


def test_a_session_that_is_deleted_meanwhile_is_unavailable(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    def deletes(request: Body) -> Reply:
        if sessions[0].pk in prompt(request):
            wire.beta.sessions.delete(sessions[0].pk)
        return honest(request)

    type, message = failed(wire, store, sessions, deletes)
    assert type == "input_session_unavailable"
    assert sessions[0].pk in message


def test_a_store_beyond_what_a_dream_can_hold_is_too_large(
    wire: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    for number in range(STORE_MAX_BYTES // CONTENT_MAX_BYTES + 1):
        create_memory(store, path=f"/{number}.md", content="x" * CONTENT_MAX_BYTES, actor=actor)
    type, message = failed(wire, store, sessions)
    assert type == "input_memory_store_too_large"
    assert "16,000,000" in message


def test_no_room_for_the_candidate_store_is_the_limit_of_stores(
    wire: anthropic.Anthropic, store: MemoryStore, sessions: list[Session], settings: LazySettings
) -> None:
    settings.LUCID_MEMORY_STORES_MAX = 1
    assert failed(wire, store, sessions)[0] == "memory_store_org_limit_exceeded"
    with pytest.raises(anthropic.BadRequestError, match="archive some first"):
        wire.beta.memory_stores.create(name="one too many")


def test_a_dreams_own_session_is_no_evidence(
    wire: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    with serving(honest):
        ended = dream_over(actor, store, sessions)
    assert ended.session is not None
    with pytest.raises(anthropic.BadRequestError, match="no evidence"):
        wire.beta.dreams.create(inputs=inputs(store, [ended.session]), model=MODEL)


def test_a_stranger_sees_and_touches_nothing(
    wire: anthropic.Anthropic, stranger: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    dream = wire.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    assert list(stranger.beta.dreams.list()) == []
    for call in (stranger.beta.dreams.retrieve, stranger.beta.dreams.cancel, stranger.beta.dreams.archive):
        with pytest.raises(anthropic.NotFoundError):
            call(dream.id)
    with pytest.raises(anthropic.NotFoundError):
        stranger.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)


# Reviews and proposals: ours, in the same style


def proposal_of(actor: Actor, store: MemoryStore, sessions: list[Session]) -> Proposal:
    with serving(honest):
        return proposals_of(dream_over(actor, store, sessions))[0]


def test_a_proposal_is_read_approved_and_undone(
    wire: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    proposal = proposal_of(actor, store, sessions)
    listed: Any = wire.get("/v1/proposals?statuses=pending", cast_to=object)
    assert [found["id"] for found in listed["data"]] == [proposal.pk]
    read: Any = wire.get(f"/v1/proposals/{proposal.pk}", cast_to=object)
    assert {row["session_id"] for row in read["evidence"]} == {session.pk for session in sessions}
    seen = {"revision": read["revision"], "base_sha256": read["base_sha256"]}
    approved: Any = wire.post(f"/v1/proposals/{proposal.pk}/approve", body=seen, cast_to=object)
    assert approved["status"] == "applied"
    assert len(approved["memory_versions"]) == 2
    undone: Any = wire.post(f"/v1/proposals/{proposal.pk}/undo", body={}, cast_to=object)
    assert (undone["status"], undone["decided_at"], undone["memory_versions"]) == ("pending", None, [])


def test_a_second_approval_is_a_conflict_with_both_texts(
    wire: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    proposal = proposal_of(actor, store, sessions)
    wire.post(f"/v1/proposals/{proposal.pk}/approve", body={}, cast_to=object)
    with pytest.raises(anthropic.ConflictError) as conflict:
        wire.post(f"/v1/proposals/{proposal.pk}/approve", body={}, cast_to=object)
    body: Any = conflict.value.body
    assert {"mine", "theirs"} <= set(body["error"])


def test_reviews_count_their_proposals(
    wire: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    proposal = proposal_of(actor, store, sessions)
    body = {"reason": "No.", "reason_code": "other"}
    wire.post(f"/v1/proposals/{proposal.pk}/reject", body=body, cast_to=object)
    (review,) = wire.get("/v1/reviews", cast_to=object)["data"]  # type: ignore[index]
    assert review["proposal_counts"] == {"rejected": 1}
    assert wire.get(f"/v1/reviews/{review['id']}", cast_to=object) == review


def test_proposals_of_another_workspace_do_not_exist(
    stranger: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    proposal = proposal_of(actor, store, sessions)
    for verb in ("approve", "reject", "undo", "release"):
        with pytest.raises(anthropic.NotFoundError):
            stranger.post(f"/v1/proposals/{proposal.pk}/{verb}", body={"reason": "x"}, cast_to=object)
    assert stranger.get("/v1/proposals", cast_to=object)["data"] == []  # type: ignore[index]
