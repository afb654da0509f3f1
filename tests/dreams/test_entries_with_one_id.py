"""An agent copies lines, ids included: a store with several entries of one id can still be dreamt over."""

from agents.actors import Actor
from dreams import reviewing
from dreams.changes import apply_changes
from dreams.compiler import compile_changes
from tests.dreams.dreaming import files_in, store_of
from tests.dreams.test_decide_on_proposals import propose

LINE = "- [w-aaaa] when `zorp` is called → add `--x`"
OTHER = "- [w-aaaa] when `blik` is called → add `--y`"
PATH = "/workarounds/zorp.md"


def test_three_equal_lines_become_one() -> None:
    files = {PATH: f"# zorp\n\n{LINE}\n{LINE}\n{LINE}\n"}
    after = apply_changes(files, compile_changes([], files).changes)
    assert after[PATH] == f"# zorp\n\n{LINE}\n"


def test_an_entry_that_shares_its_id_with_merged_ones_is_kept() -> None:
    files = {PATH: f"# zorp\n\n{LINE}\n{LINE}\n{OTHER}\n"}
    after = apply_changes(files, compile_changes([], files).changes)
    assert after[PATH] == f"# zorp\n\n{LINE}\n{OTHER}\n"


def test_approving_the_merge_of_three_equal_lines_leaves_one(actor: Actor) -> None:
    store = store_of(actor, {PATH: f"# zorp\n\n{LINE}\n{LINE}\n{LINE}\n"})
    proposal = propose(actor, store, "merge", LINE, "w-aaaa", "w-aaaa~2", "w-aaaa~3", path=PATH)
    reviewing.approve_proposal(proposal, actor=actor)
    assert files_in(store)[PATH] == f"# zorp\n\n{LINE}\n"
