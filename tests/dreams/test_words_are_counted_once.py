"""The inbox and the proposal's page give the same number of words, whatever the proposal does to which files."""

import pytest

from agents.actors import Actor
from dreams import reviewing
from dreams.entries import parse_file
from dreams.models import Proposal
from dreams.preview import preview, words_changed
from dreams.promotion import current_entries
from dreams.store_files import read_files
from tests.dreams import events
from tests.dreams.dreaming import begin, proposals_of, session_of, store_of
from tests.dreams.messages_server import honest, serving
from tests.dreams.test_decide_on_proposals import FILE, NEIGHBOUR, NEW, OLD, PATH


def on_the_page(proposal: Proposal) -> tuple[int, int]:
    files = read_files(proposal.store_id)
    entries = current_entries(proposal, files)
    shown = preview(kind=proposal.kind, path=proposal.path, entries=entries, text=proposal.text, files=files)
    return sum(file.words_added for file in shown), sum(file.words_removed for file in shown)


@pytest.mark.django_db(transaction=True)
def test_a_dreams_proposals_count_the_same_in_the_inbox_and_on_the_page(actor: Actor) -> None:
    from dreams import pipeline

    store = store_of(actor)
    dream = begin(actor, store, [session_of(actor, events.mended(), principal=name) for name in ("ann", "ben")])
    with serving(honest):
        pipeline.run_dream(dream.pk)
    dream.refresh_from_db()
    (proposal,) = proposals_of(dream)
    assert (proposal.words_added, proposal.words_removed) == on_the_page(proposal)
    assert proposal.words_added > 0
    reviewing.edit_and_approve(proposal, "when `zorp` fails → stop", actor=actor)
    reviewing.undo_decision(proposal, actor=actor)
    proposal.refresh_from_db()
    assert (proposal.words_added, proposal.words_removed) == on_the_page(proposal)


@pytest.mark.parametrize(
    ("kind", "text", "ids", "path", "expected"),
    [
        ("add", NEW, (), "/workarounds/new.md", (15, 0)),
        ("add", NEW, (), PATH, (15, 0)),
        ("supersede", OLD.replace("--slow", "--fast"), ("w-aaaa",), PATH, (1, 1)),
        ("retire", "", ("w-bbbb",), PATH, (0, 7)),
        ("move", NEIGHBOUR, ("w-bbbb",), "/workarounds/blik.md", (7, 7)),
    ],
)
def test_words_are_those_of_the_entries_and_of_no_title(
    kind: str, text: str, ids: tuple[str, ...], path: str, expected: tuple[int, int]
) -> None:
    files = {PATH: FILE}
    entries = [entry for entry in parse_file(PATH, FILE).entries if entry.id in ids]
    shown = preview(kind=kind, path=path, entries=entries, text=text, files=files)
    assert (sum(f.words_added for f in shown), sum(f.words_removed for f in shown)) == expected
    assert words_changed(kind=kind, path=path, entries=entries, text=text) == expected
