"""An error that some sessions got past: the entry says how often, what was changed, and no more than was seen."""

from typing import Any

import pytest

from dreams import reviewing
from dreams.gate import REJECTED
from tests.dreams import events
from tests.dreams.dreaming import begin, proposals_of, session_of, store_of
from tests.dreams.messages_server import honest, serving
from tests.dreams.pure_dream import Dreamt, digest_of, dream, practice

ERROR = "Error: flight full"


def refused() -> list[dict[str, Any]]:
    return events.called("book", {"user": "u1", "flights": ["a"]}, ERROR, fails=True)


def mended() -> list[dict[str, Any]]:
    return [*refused(), *events.called("book", {"user": "u1", "flights": ["b"]}, "ok")]


def dreamt(*stories: list[dict[str, Any]], **options: Any) -> Dreamt:
    tools = frozenset({"book"})
    return dream([digest_of(story, session_id=f"sesn_{n}", tools=tools) for n, story in enumerate(stories)], **options)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_a_fix_seen_in_one_session_is_told_with_how_often_it_was_seen(order: tuple[int, ...]) -> None:
    stories = [refused(), refused(), mended()]
    (change,) = dreamt(*[stories[n] for n in order]).changes
    words = f"when `book` is called → expect `{ERROR}`; in 1 of 3 sessions a later call worked after changing `flights`"
    assert words in change.after
    assert change.novel == ()


def test_without_a_fix_the_entry_says_that_none_was_seen() -> None:
    (change,) = dreamt(refused(), refused()).changes
    assert f"expect `{ERROR}`; no fix was seen (" in change.after


def test_a_session_that_got_past_the_error_does_not_say_that_no_fix_was_seen() -> None:
    result = dreamt([*refused(), *mended()])
    assert [claim.text for claim in result.claims] == [
        f"expect `{ERROR}`; a later call worked after changing `flights`"
    ]


def test_a_count_that_is_not_true_is_refused() -> None:
    def boasting(request: dict[str, Any]) -> Any:
        answer = practice(request)
        for operation in answer.get("operations", []):
            operation["text"] = operation["text"].replace("in 1 of 3", "in 2 of 3")
        return answer

    assert dreamt(refused(), refused(), mended(), model=boasting).lanes() == [REJECTED]


@pytest.mark.django_db(transaction=True)
def test_what_was_turned_down_is_not_proposed_again_because_one_more_session_met_it(actor: Any) -> None:
    from dreams import pipeline

    store = store_of(actor)
    sessions = [session_of(actor, story, tools=["book"]) for story in (refused(), mended(), refused())]
    first, second = (begin(actor, store, some) for some in (sessions[:2], sessions))
    with serving(honest):
        pipeline.run_dream(first.pk)
        first.refresh_from_db()
        (proposal,) = proposals_of(first)
        assert "in 1 of 2 sessions" in proposal.after
        reviewing.reject_proposal(proposal, actor=actor, reason_code="other")
        pipeline.run_dream(second.pk)
    second.refresh_from_db()
    assert proposals_of(second) == []
