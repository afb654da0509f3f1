"""How memory text is printed: every kind of change is told in words, nothing in it is ever markup."""

import pytest
from django.utils.html import strip_tags

from agents.diffs import compare
from memory.templatetags.memory_text import diff_block, literals, prose

ITEM = "- [w-7f3a] when `zorp` is called → add `--quiet`"


def printed(old: str, new: str) -> str:
    return "".join(diff_block(block) for hunk in compare(old, new).hunks for block in hunk.blocks)


@pytest.mark.parametrize(
    ("old", "new", "heard"),
    [
        ("", "- one", "Added: "),
        ("- one", "", "Removed: "),
        ("- run the fast one today", "- run the slow one today", "Changed: "),
        (ITEM, "- [w-7f3a] never trust exit codes, read its report file instead of them", "rewritten"),
        ("- a b c\n- d e f\n- g h i", "- d e f\n- g h i\n- a b c", "Moved here: "),
    ],
)
def test_each_kind_of_change_is_told_in_words(old: str, new: str, heard: str) -> None:
    assert heard in strip_tags(printed(old, new))


def test_added_and_removed_words_are_real_elements_with_words() -> None:
    html = printed("- run the fast one today", "- run the slow one today")
    assert '<del><span class="vh">removed </span>fast</del><ins><span class="vh">added </span>slow</ins>' in html


def test_text_is_never_markup() -> None:
    html = printed("", "<img src=x onerror=alert(1)> `<b>`")
    assert "<img" not in html
    assert "<code>&lt;b&gt;</code>" in html


def test_a_literal_stays_one_where_the_diff_cuts_through_it() -> None:
    html = printed("- call `zorp --fast now` please", "- call `zorp --slow now` please")
    assert '<del><span class="vh">removed </span><code class="nowrap">--fast</code></del>' in html
    assert "<code> now</code>` please" in html


def test_an_entry_id_is_set_apart_and_every_character_is_kept() -> None:
    assert '<span class="entry-id">[w-7f3a]</span>' in literals(ITEM)
    assert strip_tags(literals(ITEM)) == ITEM


def test_prose_shows_literals_without_their_backticks() -> None:
    assert prose("add `--x` & go") == 'add <code class="nowrap">--x</code> &amp; go'
    assert prose("cut off `in the mid") == "cut off <code>in the mid</code>"
