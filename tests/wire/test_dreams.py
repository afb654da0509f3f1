"""Dreams through the official SDK, with strict validation of every response."""

from typing import Any

import anthropic
import pytest
from anthropic.types.beta import BetaDream

from agents.actors import Actor
from agents.models import Session
from dreams.models import Dream, DreamStatus, Proposal
from memory.models import MemoryStore, Tier
from memory.services import archive_store
from tests.dreams import events
from tests.dreams.dreaming import MODEL, dream_over, proposals_of, session_of, store_of
from tests.dreams.messages_server import honest, serving

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


def strict(dream: BetaDream) -> BetaDream:
    return BetaDream.model_validate(dream.model_dump(), strict=False)


def test_a_created_dream_waits_and_shows_what_was_asked(
    sdk: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    dream = strict(sdk.beta.dreams.create(inputs=inputs(store, sessions[::-1]), model=MODEL, instructions="Look hard."))
    assert dream.status == "pending"
    assert dream.outputs == []
    assert dream.session_id is None
    assert dream.usage.input_tokens == 0
    assert dream.model.id == MODEL
    assert dream.model.speed == "standard"
    assert dream.instructions == "Look hard."
    assert dream.output_behavior.type == "create_new"
    assert dream.to_dict()["inputs"][1] == {"type": "sessions", "session_ids": sorted(s.pk for s in sessions)}  # type: ignore[index]
    assert sdk.beta.dreams.retrieve(dream.id) == dream


def test_a_completed_dream_names_its_store_session_and_usage(
    sdk: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    with serving(honest):
        ended = dream_over(actor, store, sessions)
    dream = strict(sdk.beta.dreams.retrieve(ended.pk))
    assert dream.status == "completed"
    assert dream.ended_at is not None
    assert dream.error is None
    assert dream.usage.input_tokens > 0
    assert dream.session_id is not None
    trace = sdk.beta.sessions.retrieve(dream.session_id)
    assert trace.status == "terminated"
    assert trace.archived_at is not None
    copied = sdk.beta.memory_stores.memories.list(dream.outputs[0].memory_store_id).data
    assert {memory.path for memory in copied} == {"/_index.md", "/workarounds/zorp.md"}


def test_dreams_are_listed_newest_first_by_status(
    sdk: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    made = [sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL).id for _ in range(3)]
    sdk.beta.dreams.cancel(made[0])
    assert [dream.id for dream in sdk.beta.dreams.list(limit=2)] == made[::-1]
    assert [dream.id for dream in sdk.beta.dreams.list(statuses=["canceled"])] == made[:1]
    assert [dream.id for dream in sdk.beta.dreams.list(statuses=["pending", "running"])] == made[:0:-1]


def test_cancel_is_final_and_repeatable(sdk: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]) -> None:
    dream = sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    canceled = sdk.beta.dreams.cancel(dream.id)
    assert canceled.status == "canceled"
    assert sdk.beta.dreams.cancel(dream.id) == canceled


@pytest.mark.parametrize("status", [DreamStatus.COMPLETED, DreamStatus.FAILED])
def test_a_dream_that_ended_cannot_be_canceled(
    sdk: anthropic.Anthropic, store: MemoryStore, sessions: list[Session], status: str
) -> None:
    dream = sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    Dream.objects.update(status=status)
    with pytest.raises(anthropic.BadRequestError, match=status):
        sdk.beta.dreams.cancel(dream.id)


def test_an_archived_dream_leaves_the_list_and_keeps_its_status(
    sdk: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    dream = sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    with pytest.raises(anthropic.BadRequestError, match="cancel it first"):
        sdk.beta.dreams.archive(dream.id)
    sdk.beta.dreams.cancel(dream.id)
    archived = sdk.beta.dreams.archive(dream.id)
    assert archived.status == "canceled"
    assert archived.archived_at is not None
    assert sdk.beta.dreams.archive(dream.id) == archived
    assert list(sdk.beta.dreams.list()) == []
    assert [found.id for found in sdk.beta.dreams.list(include_archived=True)] == [dream.id]


def test_bad_requests_name_what_is_wrong(sdk: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]) -> None:
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
            sdk.beta.dreams.create(**{"inputs": good, "model": MODEL, **changes})
    assert not Dream.objects.exists()


def test_an_archived_store_is_refused(sdk: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]) -> None:
    archive_store(store)
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)


def test_only_one_dream_at_a_time_updates_a_store(
    sdk: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    behavior: Any = {"type": "update_existing", "memory_store_id": store.pk}
    first = sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL, output_behavior=behavior)
    with pytest.raises(anthropic.ConflictError, match=first.id):
        sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL, output_behavior=behavior)
    sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    sdk.beta.dreams.cancel(first.id)
    sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL, output_behavior=behavior)


def test_a_read_only_tier_cannot_be_updated_by_a_dream(
    sdk: anthropic.Anthropic, actor: Actor, sessions: list[Session]
) -> None:
    standards = store_of(actor, tier=Tier.ORGANIZATION)
    behavior: Any = {"type": "update_existing", "memory_store_id": standards.pk}
    with pytest.raises(anthropic.PermissionDeniedError, match="organization"):
        sdk.beta.dreams.create(inputs=inputs(standards, sessions), model=MODEL, output_behavior=behavior)


def test_a_dreams_own_session_is_no_evidence(
    sdk: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    with serving(honest):
        ended = dream_over(actor, store, sessions)
    assert ended.session is not None
    with pytest.raises(anthropic.BadRequestError, match="no evidence"):
        sdk.beta.dreams.create(inputs=inputs(store, [ended.session]), model=MODEL)


def test_a_stranger_sees_and_touches_nothing(
    sdk: anthropic.Anthropic, stranger_sdk: anthropic.Anthropic, store: MemoryStore, sessions: list[Session]
) -> None:
    dream = sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)
    assert list(stranger_sdk.beta.dreams.list()) == []
    for call in (stranger_sdk.beta.dreams.retrieve, stranger_sdk.beta.dreams.cancel, stranger_sdk.beta.dreams.archive):
        with pytest.raises(anthropic.NotFoundError):
            call(dream.id)
    with pytest.raises(anthropic.NotFoundError):
        stranger_sdk.beta.dreams.create(inputs=inputs(store, sessions), model=MODEL)


# Reviews and proposals: ours, in the same style


def proposal_of(actor: Actor, store: MemoryStore, sessions: list[Session]) -> Proposal:
    with serving(honest):
        return proposals_of(dream_over(actor, store, sessions))[0]


def test_a_proposal_is_read_approved_and_undone(
    sdk: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    proposal = proposal_of(actor, store, sessions)
    listed: Any = sdk.get("/v1/proposals?statuses=pending", cast_to=object)
    assert [found["id"] for found in listed["data"]] == [proposal.pk]
    read: Any = sdk.get(f"/v1/proposals/{proposal.pk}", cast_to=object)
    assert {row["session_id"] for row in read["evidence"]} == {session.pk for session in sessions}
    seen = {"revision": read["revision"], "base_sha256": read["base_sha256"]}
    approved: Any = sdk.post(f"/v1/proposals/{proposal.pk}/approve", body=seen, cast_to=object)
    assert approved["status"] == "applied"
    assert len(approved["memory_versions"]) == 2
    undone: Any = sdk.post(f"/v1/proposals/{proposal.pk}/undo", body={}, cast_to=object)
    assert (undone["status"], undone["decided_at"], undone["memory_versions"]) == ("pending", None, [])


def test_a_second_approval_is_a_conflict_with_both_texts(
    sdk: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    proposal = proposal_of(actor, store, sessions)
    sdk.post(f"/v1/proposals/{proposal.pk}/approve", body={}, cast_to=object)
    with pytest.raises(anthropic.ConflictError) as conflict:
        sdk.post(f"/v1/proposals/{proposal.pk}/approve", body={}, cast_to=object)
    body: Any = conflict.value.body
    assert {"mine", "theirs"} <= set(body["error"])


def test_reviews_count_their_proposals(
    sdk: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    proposal = proposal_of(actor, store, sessions)
    body = {"reason": "No.", "reason_code": "other"}
    sdk.post(f"/v1/proposals/{proposal.pk}/reject", body=body, cast_to=object)
    (review,) = sdk.get("/v1/reviews", cast_to=object)["data"]  # type: ignore[index]
    assert review["proposal_counts"] == {"rejected": 1}
    assert sdk.get(f"/v1/reviews/{review['id']}", cast_to=object) == review


def test_proposals_of_another_workspace_do_not_exist(
    stranger_sdk: anthropic.Anthropic, actor: Actor, store: MemoryStore, sessions: list[Session]
) -> None:
    proposal = proposal_of(actor, store, sessions)
    for verb in ("approve", "reject", "undo", "release"):
        with pytest.raises(anthropic.NotFoundError):
            stranger_sdk.post(f"/v1/proposals/{proposal.pk}/{verb}", body={"reason": "x"}, cast_to=object)
    assert stranger_sdk.get("/v1/proposals", cast_to=object)["data"] == []  # type: ignore[index]
