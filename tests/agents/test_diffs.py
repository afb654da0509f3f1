"""What a reviewer sees of two texts: aligned blocks, words inside them, moves, folds."""

import random

from agents.diffs import Block, Diff, Kind, compare, count_words


def changes(diff: Diff) -> list[Block]:
    return [block for hunk in diff.hunks for block in hunk.blocks if block.kind is not Kind.SAME]


def rebuild(diff: Diff, *, without: Kind, moved: Kind) -> str:
    lines = []
    for hunk in diff.hunks:
        for block in hunk.blocks:
            texts = [span.text for span in block.spans if span.kind is not without]
            if block.kind is not moved and texts:
                lines.append("".join(texts))
    return "\n".join(lines)


def test_equal_texts_have_no_change() -> None:
    diff = compare("# Zorp\n\n- one\n", "# Zorp\n\n- one\n")
    assert diff.is_empty
    assert not changes(diff)


def test_a_changed_word_is_marked_inside_its_list_item() -> None:
    (block,) = changes(compare("- run zorp with the fast flag", "- run zorp with the slow flag"))
    assert block.kind is Kind.CHANGED
    assert [(span.kind, span.text) for span in block.spans if span.kind is not Kind.SAME] == [
        (Kind.REMOVED, "fast"),
        (Kind.ADDED, "slow"),
    ]


def test_a_flag_is_one_word() -> None:
    (block,) = changes(compare("add `--encoding utf-8`", "add `--encoding utf-8-sig`"))
    assert [span.text for span in block.spans if span.kind is not Kind.SAME] == ["utf-8", "utf-8-sig"]


def test_neighbouring_changed_words_are_one_phrase() -> None:
    rest = "and only then touch anything that other people rely on every day"
    (block,) = changes(
        compare(f"please read the whole manual first, {rest}", f"please skim a short manual first, {rest}")
    )
    assert [span.text for span in block.spans if span.kind is Kind.REMOVED] == ["read the whole"]
    assert [span.text for span in block.spans if span.kind is Kind.ADDED] == ["skim a short"]


def test_an_added_item_leaves_its_neighbours_alone() -> None:
    (block,) = changes(compare("- alpha one\n- gamma three", "- alpha one\n- beta two\n- gamma three"))
    assert (block.kind, block.old_line, block.new_line) == (Kind.ADDED, None, 2)


def test_a_mostly_new_text_under_the_same_entry_id_is_shown_as_rewritten() -> None:
    old = "- [w-7f3a] when `zorp` is called → add `--quiet`"
    new = "- [w-7f3a] never trust exit codes of that program, read its report file instead"
    (block,) = changes(compare(old, new))
    assert block.kind is Kind.REWRITTEN
    assert [span.text for span in block.spans] == [old, new]


def test_different_entry_ids_are_never_paired() -> None:
    kinds = [block.kind for block in changes(compare("- [w-aaaa] use the flag", "- [w-bbbb] use the flag"))]
    assert kinds == [Kind.ADDED, Kind.REMOVED]


def test_unlike_blocks_are_removed_and_added_whole() -> None:
    kinds = {block.kind for block in changes(compare("- cats sleep all day", "- compile before you ship it"))}
    assert kinds == {Kind.ADDED, Kind.REMOVED}


def test_an_exact_block_elsewhere_is_moved_not_rewritten() -> None:
    old = "- alpha beta gamma\n- one two three\n- four five six"
    new = "- one two three\n- four five six\n- alpha beta gamma"
    diff = compare(old, new)
    assert {block.kind for block in changes(diff)} == {Kind.MOVED_AWAY, Kind.MOVED_HERE}
    assert (diff.added_words, diff.removed_words) == (0, 0)


def test_a_repeated_block_is_not_called_moved() -> None:
    diff = compare("- a b c\n- p q r\n- x y z", "- p q r\n- x y z\n- a b c\n- a b c")
    assert Kind.MOVED_HERE not in {block.kind for block in changes(diff)}


def test_far_unchanged_text_folds_and_two_blocks_of_context_stay() -> None:
    items = [f"- item number {index}" for index in range(20)]
    new = [*items[:10], "- quite another thing", *items[10:]]
    hunks = compare("\n".join(items), "\n".join(new)).hunks
    assert [(hunk.folded, len(hunk.blocks)) for hunk in hunks] == [(True, 8), (False, 5), (True, 8)]


def test_words_are_counted() -> None:
    diff = compare("- keep this line here now", "- keep this line there now please")
    assert (diff.added_words, diff.removed_words) == (2, 1)
    assert count_words("a b c", "a c d e") == (2, 1)


def test_a_difference_in_blank_lines_is_said_not_hidden() -> None:
    for old, new in (("one\n\ntwo", "one\n\n\ntwo"), ("one", "one\n")):
        diff = compare(old, new)
        assert diff.only_spacing
        assert not diff.is_empty


def test_lines_of_a_paragraph_belong_to_one_block() -> None:
    (block,) = changes(compare("The first line\nand the second line.", "The first line\nand the third line."))
    assert block.kind is Kind.CHANGED


def test_from_nothing_everything_is_added() -> None:
    diff = compare("", "# Title\n\n- one")
    assert all(block.kind is Kind.ADDED for block in changes(diff))


def test_both_texts_can_be_read_back_from_the_diff() -> None:
    dice = random.Random(7)
    for _round in range(60):
        old = [f"- {' '.join(dice.choices('abcdefg', k=5))}" for _ in range(dice.randrange(8))]
        new = [line if dice.random() < 0.6 else f"{line} more" for line in old]
        dice.shuffle(new)
        diff = compare("\n".join(old), "\n".join(new))
        assert rebuild(diff, without=Kind.ADDED, moved=Kind.MOVED_HERE) == "\n".join(old)
        assert rebuild(diff, without=Kind.REMOVED, moved=Kind.MOVED_AWAY) == "\n".join(new)
