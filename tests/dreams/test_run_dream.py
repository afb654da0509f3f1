"""A dream from its creation to its review."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.actors import Actor
from agents.models import Session, Thread
from dreams import pipeline, services
from dreams.holding import PHASES
from dreams.models import Dream, DreamStatus, Lane, ProposalStatus
from dreams.questions import Interview
from memory.services import archive_store
from tests.dreams import events
from tests.dreams.dreaming import (
    begin,
    dream_over,
    error_of,
    files_in,
    output_of,
    proposals_of,
    session_of,
    store_of,
    trace_of,
)
from tests.dreams.messages_server import Body, Reply, forced, honest, prompt, refused, serving, spoken
from tests.stack import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def two_sessions(actor: Actor) -> list[Session]:
    return [session_of(actor, events.mended(), principal=name) for name in ("ann", "ben")]


def test_what_mended_a_call_in_two_sessions_is_proposed_with_its_evidence(actor: Actor) -> None:
    with serving(honest):
        dream = dream_over(actor, store_of(actor), two_sessions(actor))
    (proposal,) = proposals_of(dream)
    assert dream.status == DreamStatus.COMPLETED
    assert "when `zorp` is run on `*.kel` → add `--compat`" in proposal.after
    assert "(2 principals, 2 sessions" in proposal.after
    assert proposal.lane == Lane.REVIEW
    assert {row.session_id for row in proposal.evidence.all()} == set(dream.input_session_ids)
    assert "zorp: a.kel: bad header" in [row.quote for row in proposal.evidence.all()]


def test_the_input_store_is_untouched_and_the_candidate_holds_the_change(actor: Actor) -> None:
    store = store_of(actor, {"/notes.md": "Written by hand.\n"})
    with serving(honest):
        dream = dream_over(actor, store, two_sessions(actor))
    assert files_in(store) == {"/notes.md": "Written by hand.\n"}
    assert "--compat" in files_in(output_of(dream))["/workarounds/zorp.md"]
    assert files_in(output_of(dream))["/notes.md"] == "Written by hand.\n"
    assert output_of(dream).unreviewed_review_id == dream.review.pk


def test_a_dream_that_updates_its_store_writes_nothing_while_the_gate_is_closed(actor: Actor) -> None:
    store = store_of(actor)
    with serving(honest):
        dream = dream_over(actor, store, two_sessions(actor), output_behavior="update_existing")
    assert output_of(dream) == store
    assert files_in(store) == {}
    assert [proposal.status for proposal in proposals_of(dream)] == [ProposalStatus.PENDING]


def test_every_request_is_a_thread_with_its_usage_and_what_was_kept(actor: Actor) -> None:
    with serving(honest):
        dream = dream_over(actor, store_of(actor), two_sessions(actor))
    threads = Thread.objects.filter(session=dream.session, parent__isnull=False)
    assert threads.count() == 3  # two sessions read, one cluster written
    for thread in threads:
        types = list(thread.events.order_by("seq").values_list("type", flat=True))
        assert types[:3] == [
            "agent.thread_message_received",
            "session.thread_status_running",
            "span.model_request_start",
        ]
        assert types[3:6] == ["span.model_request_end", "agent.tool_use", "agent.tool_result"]
        assert types[-1] == "session.thread_status_terminated"
        assert thread.archived_at is not None
    assert dream.usage["input_tokens"] == 30
    assert trace_of(dream).usage["input_tokens"] == 30
    assert trace_of(dream).status == "terminated"
    assert trace_of(dream).archived_at is not None


def test_all_ten_phases_are_recorded_in_order(actor: Actor) -> None:
    with serving(honest):
        dream = dream_over(actor, store_of(actor), two_sessions(actor))
    assert [phase.name for phase in dream.phases.all()] == list(PHASES)


def test_dreaming_again_over_an_approved_store_proposes_nothing(actor: Actor) -> None:
    from dreams.reviewing import approve_proposal

    store, sessions = store_of(actor), two_sessions(actor)
    with serving(honest):
        first = dream_over(actor, store, sessions)
        for proposal in proposals_of(first):
            approve_proposal(proposal, actor=actor)
        before = files_in(store)
        second = dream_over(actor, store, sessions)
    assert proposals_of(second) == []
    assert files_in(output_of(second)) == before


def test_a_newer_dream_takes_the_place_of_proposals_that_still_wait(actor: Actor) -> None:
    store, sessions = store_of(actor), two_sessions(actor)
    with serving(honest):
        first = dream_over(actor, store, sessions)
        second = dream_over(actor, store, sessions)
    assert [proposal.status for proposal in proposals_of(first)] == [ProposalStatus.SUPERSEDED]
    assert [proposal.status for proposal in proposals_of(second)] == [ProposalStatus.PENDING]


def test_what_a_person_turned_down_is_not_proposed_again(actor: Actor) -> None:
    from dreams.reviewing import reject_proposal

    store, sessions = store_of(actor), two_sessions(actor)
    with serving(honest):
        (proposal,) = proposals_of(dream_over(actor, store, sessions))
        reject_proposal(proposal, actor=actor, reason_code="wrong_fact")
        assert proposals_of(dream_over(actor, store, sessions)) == []


def test_a_failed_session_speaks_of_pitfalls_only(actor: Actor) -> None:
    sessions = [session_of(actor, events.mended(), principal=name, verdict="failed") for name in ("ann", "ben")]
    with serving(honest):
        (proposal,) = proposals_of(dream_over(actor, store_of(actor), sessions))
    assert proposal.topic == "pitfall"
    assert "--compat" not in proposal.after


class Killed(BaseException):
    """What `kill -9` looks like from inside: nothing that follows is run."""


def killed_before(monkeypatch: pytest.MonkeyPatch, name: str, when: int) -> None:
    """The worker dies instead of making this call for the `when`-th time, or with that question: how many it opens or
    settles in one call is the machine's affair. The one after it lives."""
    owner = pipeline.Run if hasattr(pipeline.Run, name) else Interview
    original, seen = getattr(owner, name), list[int]()

    def dies(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = sum(seen)
        seen.append(len(args[0]) if name in ("_open", "_settle") else 1)
        if before < when <= sum(seen):
            raise Killed
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, dies)


def _is_driven_on(dream: Dream) -> bool | None:
    """The lease of the dead runs out and the next worker comes; None where a last beat of it came in between."""
    dream.refresh_from_db()
    deaths = dream.fence
    Dream.objects.filter(pk=dream.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    pipeline.run_dream(dream.pk)
    dream.refresh_from_db()
    return True if dream.fence > deaths else None


@pytest.mark.parametrize(
    ("name", "when"),
    [
        *[("_settle", n) for n in range(1, 5)],
        *[("_open", n) for n in range(1, 4)],
        *[("record_phase", n) for n in range(1, 11)],
        ("_pin", 1),
        ("complete", 1),
    ],
)
def test_a_killed_dream_goes_on_where_it_was(
    actor: Actor, monkeypatch: pytest.MonkeyPatch, name: str, when: int
) -> None:
    sessions = [
        session_of(actor, events.mended(program), principal=principal)
        for program in ("zorp", "blik")
        for principal in ("ann", "ben")
    ]
    killed_before(monkeypatch, name, when)
    with serving(honest):
        dream = begin(actor, store_of(actor), sessions)
        with pytest.raises(Killed):
            pipeline.run_dream(dream.pk)
        wait_for(lambda: _is_driven_on(dream), 60)
    assert dream.status == DreamStatus.COMPLETED
    assert [phase.name for phase in dream.phases.all()] == list(PHASES)
    assert len(proposals_of(dream)) == 2
    assert dream.requests.count() == 6
    assert not Thread.objects.filter(session=dream.session, archived_at=None).exists()
    spans = trace_of(dream).events
    starts = spans.filter(type="span.model_request_start").count()
    assert starts == spans.filter(type="span.model_request_end").count()
    assert trace_of(dream).usage == trace_of(dream).usage | dream.usage


def test_an_answer_in_the_wrong_form_is_asked_for_once_more_and_then_left_out(actor: Actor) -> None:
    def sloppy(request: Body) -> Reply:
        if "record_claims" in request["tool_choice"]["name"] and prompt(request).count(bad):
            return forced(request, {"claims": "none"})
        return honest(request)

    sessions = [*two_sessions(actor), session_of(actor, events.mended(), principal="eve")]
    bad = sessions[2].pk
    with serving(sloppy) as endpoint:
        dream = dream_over(actor, store_of(actor), sessions)
    assert dream.status == DreamStatus.COMPLETED
    assert len([request for request in endpoint.requests if bad in prompt(request)]) == 2
    assert "(2 principals, 2 sessions" in proposals_of(dream)[0].after
    assert "claims" in dream.requests.get(key=bad).problem


def test_a_model_without_a_usable_answer_fails_the_dream_with_its_reason(actor: Actor) -> None:
    def mute(request: Body) -> Reply:
        return spoken(request, [{"type": "text", "text": "I would rather not."}], "end_turn")

    with serving(mute):
        dream = dream_over(actor, store_of(actor), two_sessions(actor))
    assert dream.status == DreamStatus.FAILED
    assert error_of(dream)["type"] == "internal_error"
    assert "did not call record_claims" in error_of(dream)["message"]
    assert trace_of(dream).archived_at is not None


def test_an_endpoint_that_refuses_fails_the_dream_and_nothing_is_half_written(actor: Actor) -> None:
    store = store_of(actor)
    with serving(lambda request: refused(401, "bad key")):
        dream = dream_over(actor, store, two_sessions(actor))
    assert dream.status == DreamStatus.FAILED
    assert "401" in error_of(dream)["message"]
    assert "bad key" in error_of(dream)["message"]
    assert files_in(output_of(dream)) == {}
    assert not hasattr(dream, "review")


def test_an_endpoint_that_is_busy_is_asked_again(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dreams.asking.MODEL_BACKOFF_SECONDS", (0.01,))
    turned_away: set[str] = set()

    def busy(request: Body) -> Reply:
        if prompt(request) not in turned_away:
            turned_away.add(prompt(request))
            return refused(529, "overloaded")
        return honest(request)

    with serving(busy):
        dream = dream_over(actor, store_of(actor), two_sessions(actor))
    assert dream.status == DreamStatus.COMPLETED
    assert trace_of(dream).events.filter(type="session.error").count() == 3


def test_a_dream_canceled_while_it_waits_ends_at_once_and_writes_nothing(actor: Actor) -> None:
    dream = begin(actor, store_of(actor), two_sessions(actor))

    def cancels(request: Body) -> Reply:
        services.cancel_dream(dream, actor=actor)
        return honest(request)

    with serving(cancels):
        pipeline.run_dream(dream.pk)
    dream.refresh_from_db()
    assert dream.status == DreamStatus.CANCELED
    assert trace_of(dream).archived_at is not None
    assert not hasattr(dream, "review")
    assert dream.wake == dream.seen


def test_a_dream_whose_store_is_archived_while_it_runs_fails_with_the_wires_word(actor: Actor) -> None:
    store = store_of(actor)

    def archives(request: Body) -> Reply:
        archive_store(store)
        return honest(request)

    with serving(archives):
        dream = dream_over(actor, store, two_sessions(actor))
    assert dream.status == DreamStatus.FAILED
    assert error_of(dream)["type"] == "input_memory_store_unavailable"


def test_a_dream_whose_session_is_deleted_fails_with_the_wires_word(actor: Actor) -> None:
    sessions = two_sessions(actor)
    dream = begin(actor, store_of(actor), sessions)
    Session.objects.filter(pk=sessions[0].pk).delete()
    with serving(honest):
        pipeline.run_dream(dream.pk)
    dream.refresh_from_db()
    assert error_of(dream)["type"] == "input_session_unavailable"
    assert sessions[0].pk in error_of(dream)["message"]


def test_two_workers_make_one_dream(actor: Actor) -> None:
    dream = begin(actor, store_of(actor), two_sessions(actor))

    def second_worker(request: Body) -> Reply:
        pipeline.run_dream(dream.pk)
        return honest(request)

    with serving(second_worker) as endpoint:
        pipeline.run_dream(dream.pk)
    dream.refresh_from_db()
    assert dream.status == DreamStatus.COMPLETED
    assert len(endpoint.requests) == 3
    assert len(proposals_of(dream)) == 1


def test_no_secret_of_a_session_reaches_the_model_or_the_store(actor: Actor) -> None:
    secret = "sk-ant-REDACTED"
    mail = "jane.doe@corp.example.com"
    story = [events.said(f"My key is {secret} and I am {mail}"), *events.mended()]
    sessions = [session_of(actor, story, principal=name) for name in ("ann", "ben")]
    with serving(honest) as endpoint:
        dream = dream_over(actor, store_of(actor), sessions)
    sent = "\n".join(prompt(request) for request in endpoint.requests)
    assert secret not in sent
    assert mail not in sent
    assert "«SECRET:anthropic:" in sent
    assert secret not in "".join(files_in(output_of(dream)).values())


def test_the_request_offers_no_tool_but_the_forced_one(actor: Actor) -> None:
    def tries_tools(request: Body) -> Reply:
        other = {"type": "tool_use", "id": "toolu_9", "name": "bash", "input": {"command": "rm -rf /"}}
        status, reply = honest(request)
        return status, {**reply, "content": [other, *reply["content"]]}

    with serving(tries_tools) as endpoint:
        dream = dream_over(actor, store_of(actor), two_sessions(actor))
    assert dream.status == DreamStatus.COMPLETED
    assert {len(request["tools"]) for request in endpoint.requests} == {1}
    assert not trace_of(dream).events.filter(type="agent.tool_use", payload__name="bash").exists()


def test_the_store_is_read_as_it_was_when_the_dream_began(actor: Actor) -> None:
    from memory.models import Memory
    from memory.services import update_memory

    store = store_of(actor, {"/workarounds/zorp.md": "- [w-aaaa] when `zorp` is slow → wait\n"})

    def somebody_writes(request: Body) -> Reply:
        memory = Memory.objects.get(store=store)
        update_memory(memory, content="- [w-aaaa] when `zorp` is slow → go home\n", actor=actor)
        return honest(request)

    with serving(somebody_writes):
        dream = dream_over(actor, store, two_sessions(actor))
    assert "wait" in files_in(output_of(dream))["/workarounds/zorp.md"]
    assert "go home" in files_in(store)["/workarounds/zorp.md"]
