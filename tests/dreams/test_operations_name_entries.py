"""An operation changes the entry that the model was shown, and no other one of the same name."""

from dreams.compiler import compile_changes
from dreams.entries import all_entries
from dreams.operations import read_operations
from tests.dreams.test_compiler import cluster

FILES = {"/a.md": "Prose about apples.\n", "/b.md": "Prose about `zorp`.\n"}


def retire(name: str) -> dict[str, object]:
    return {"op": "RETIRE", "id": name, "claims": ["c1"], "why": "It is wrong."}


def test_prose_of_another_file_is_left_alone() -> None:
    shown = [entry for entry in all_entries(FILES) if entry.path == "/b.md"]
    operations, dropped = read_operations([retire("file")], cluster(), shown)
    assert dropped == []
    (change,) = compile_changes(operations, FILES).changes
    assert [entry.path for entry in change.targets] == ["/b.md"]


def test_a_name_that_means_two_entries_is_dropped_unless_it_says_the_file() -> None:
    operations, dropped = read_operations([retire("file"), retire("/b.md#file")], cluster(), all_entries(FILES))
    assert [operation.ids for operation in operations] == [("/b.md#file",)]
    assert len(dropped) == 1
