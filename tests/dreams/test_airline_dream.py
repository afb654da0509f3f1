"""A dream over real customer-service sessions, held against an independent count of the raw file."""

import json

import pytest

from agents.actors import Actor
from agents.models import Event
from agents.services.imports import import_transcripts
from dreams.models import Dream, Evidence, Proposal
from tests.dreams import airline
from tests.dreams.dreaming import begin, files_in, output_of, proposals_of, store_of
from tests.dreams.messages_server import honest, serving
from tests.dreams.pure_dream import digest_of, dream
from tests.dreams.signature_oracle import errors_of, normalised, recurring

pytestmark = airline.needs_sessions
COVERED_MIN = 0.9


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return airline.SESSIONS.read_text().splitlines()


@pytest.fixture
def dreamt(transactional_db: None, actor: Actor, lines: list[str]) -> tuple[Dream, dict[str, int]]:
    """The dream, and session id -> line of the raw file."""
    from agents.models import Session
    from dreams import pipeline

    report = import_transcripts(lines, "Airline", actor=actor)
    assert len(report.imported) == len(lines)
    store = store_of(actor)
    created = begin(actor, store, list(Session.objects.filter(pk__in=report.imported)))
    with serving(honest):
        pipeline.run_dream(created.pk)
    created.refresh_from_db()
    return created, {session_id: number for number, session_id in enumerate(report.imported)}


def signature_of(row: Evidence) -> tuple[str, str] | None:
    """The oracle's signature of an evidence row, where it quotes an error."""
    event = Event.objects.filter(session_id=row.session_id, event_id=row.event_id).first()
    if event is None or not event.payload.get("is_error"):
        return None
    use = Event.objects.filter(session_id=row.session_id, event_id=event.payload["custom_tool_use_id"]).first()
    return (use.payload["name"], normalised(row.quote)) if use else None


def quotable(event: Event) -> str:
    texts = [block["text"] for block in event.payload.get("content", []) if block["type"] == "text"]
    return "\n".join([*texts, json.dumps(event.payload.get("input", {}), ensure_ascii=False)])


def test_the_dream_covers_what_recurs_with_real_quotes_of_sessions_that_show_it(
    dreamt: tuple[Dream, dict[str, int]],
) -> None:
    created, line_of = dreamt
    assert created.status == "completed", created.error
    expected = recurring(airline.SESSIONS, sessions=3)
    assert expected
    cited: dict[tuple[str, str], set[int]] = {}
    for proposal in proposals_of(created):
        for row in proposal.evidence.all():
            event = Event.objects.get(session_id=row.session_id, event_id=row.event_id)
            assert row.quote in quotable(event), (proposal.pk, row.quote)
            if signature := signature_of(row):
                cited.setdefault(signature, set()).add(line_of[row.session_id])
    covered = {signature for signature in expected if cited.get(signature)}
    assert len(covered) >= COVERED_MIN * len(expected), expected.keys() - covered
    for signature, sessions in expected.items():
        assert cited.get(signature, set()) <= sessions


def test_no_proposal_cites_a_session_that_does_not_show_it(dreamt: tuple[Dream, dict[str, int]]) -> None:
    created, line_of = dreamt
    rows = airline.rows()
    for proposal in proposals_of(created):
        shown = {signature for row in proposal.evidence.all() if (signature := signature_of(row))}
        assert len(shown) == 1, "a proposal speaks of one error"
        for session_id in proposal.evidence.values_list("session_id", flat=True).distinct():
            assert shown & set(errors_of(rows[line_of[session_id]]))


def test_lanes_reasons_and_risks_are_stored(dreamt: tuple[Dream, dict[str, int]]) -> None:
    created, _ = dreamt
    for proposal in Proposal.objects.filter(review__dream=created):
        assert proposal.lane == "review"
        assert proposal.lane_reasons
        assert {"code", "severity", "message", "span"} <= set(proposal.risks[0])
        assert proposal.evidence_count == proposal.evidence.count() > 0


def test_the_trace_shows_a_thread_for_every_session_and_the_tokens(dreamt: tuple[Dream, dict[str, int]]) -> None:
    created, line_of = dreamt
    assert created.session is not None
    readers = created.session.threads.filter(agent_snapshot__name="Reader")
    assert readers.count() == len(line_of)
    assert created.usage["input_tokens"] == created.session.usage["input_tokens"] > 0
    assert files_in(output_of(created))


def test_the_order_of_the_sessions_does_not_matter() -> None:
    digests = [
        digest_of(
            airline.wire_events(row, f"s{number:03}"),
            session_id=f"s{number:03}",
            principal=f"p{number % 7}",
            verdict="completed" if row["reward"] == 1.0 else "failed",
            tools=airline.tools_of(row),
        )
        for number, row in enumerate(airline.rows())
    ]
    assert dream(digests).changes == dream(digests[::-1]).changes
