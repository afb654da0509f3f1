"""What counts as the same, and as almost the same."""

import pytest

from dreams.compiler import compile_changes
from dreams.entries import Entry
from dreams.sameness import duplicates, near_duplicates
from tests.dreams.test_compiler import operation

SAID = "the nightly report is sent to the people of finance on `/srv/reports` before noon"


def entry(number: int, text: str) -> Entry:
    return Entry(id=f"k-aaa{number}", path="/facts/a.md", text=f"- [k-aaa{number}] {text}")


def test_the_same_words_in_another_case_are_duplicates_and_other_flags_are_not() -> None:
    same = [entry(1, "When X → use `-r`."), entry(2, "when x → use `-r`"), entry(3, "when x → use `-R`")]
    assert [[e.id for e in group] for group in duplicates(same)] == [["k-aaa1", "k-aaa2"]]


@pytest.mark.parametrize(
    ("other", "is_near"),
    [
        (SAID.replace("sent", "send"), True),
        (SAID, False),
        (SAID.replace("/srv/reports", "/srv/report2"), False),
        ("`/srv/reports` is full", False),
    ],
)
def test_near_is_what_names_the_same_in_almost_the_same_words(other: str, is_near: bool) -> None:
    assert bool(near_duplicates(entry(1, SAID), [entry(2, other)])) is is_near


def test_a_proposal_names_the_entries_that_say_almost_the_same() -> None:
    files = {"/facts/a.md": f"- [k-aaa2] {SAID}\n"}
    added = operation("ADD", path="/facts/b.md", text=SAID.replace("sent", "send"))
    (change,) = compile_changes([added], files).changes
    assert change.alike == ("/facts/a.md#k-aaa2",)
