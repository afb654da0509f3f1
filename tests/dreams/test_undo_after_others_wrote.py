"""Undo meets what was written since: it asks before it overwrites, and when told to overwrite, it does."""

import pytest

from agents.actors import Actor
from dreams import reviewing
from dreams.exceptions import ReviewConflict
from memory.models import MemoryStore
from tests.dreams.dreaming import files_in, store_of
from tests.dreams.test_decide_on_proposals import FILE, OLD, PATH, propose, store, write

__all__ = ["store"]  # a fixture


def test_a_whole_file_that_has_entries_by_now_is_not_overwritten_unasked(actor: Actor) -> None:
    prose = store_of(actor, {"/a.md": "Old prose.\n"})
    proposal = propose(actor, prose, "supersede", "New prose.\n", "file", path="/a.md")
    reviewing.approve_proposal(proposal, actor=actor)
    write(prose, "New prose.\n- [w-dddd] an agent wrote this\n", actor, "/a.md")
    with pytest.raises(ReviewConflict):
        reviewing.undo_decision(proposal, actor=actor)
    assert "an agent wrote this" in files_in(prose)["/a.md"]
    reviewing.undo_decision(proposal, actor=actor, overwrite=True)
    assert files_in(prose)["/a.md"] == "Old prose.\n"


def test_overwriting_an_entry_that_came_back_otherwise_restores_it(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "retire", "", "w-aaaa")
    reviewing.approve_proposal(proposal, actor=actor)
    write(store, FILE.replace("--slow", "--other"), actor)
    with pytest.raises(ReviewConflict):
        reviewing.undo_decision(proposal, actor=actor)
    reviewing.undo_decision(proposal, actor=actor, overwrite=True)
    assert OLD in files_in(store)[PATH]
