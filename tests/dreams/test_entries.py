"""Memory files as entries: every byte that is not changed stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreams.entries import (
    WHOLE_FILE,
    add_entry,
    all_entries,
    entry_line,
    find_entry,
    parse_file,
    remove_entry,
    render_index,
    replace_entry,
    without_support,
)

ids = st.from_regex(r"[wpfrk]-[a-z2-7]{4,6}", fullmatch=True)
words = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=1, max_size=40).filter(str.strip)
entry_lines = st.builds(lambda i, t: f"- [{i}] x{t}", ids, words)
free_lines = st.one_of(words, st.just(""), st.just("# Title"), st.just("- no id"), st.just("  - [w-aaaa nested"))
files = st.builds(
    lambda lines, end, last: end.join(lines) + (end if last else ""),
    st.lists(st.one_of(entry_lines, free_lines), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)


@given(st.one_of(files, st.text(max_size=300)))
def test_a_file_recomposes_to_its_own_bytes(content: str) -> None:
    assert parse_file("/a.md", content).content == content


@given(files, ids, words)
def test_adding_and_removing_an_entry_leaves_every_other_entry_alone(content: str, entry_id: str, text: str) -> None:
    before = parse_file("", content)
    if not before.is_structured or before.find(entry_id):
        return
    added = add_entry(content, f"- [{entry_id}] x{text}")
    kept = [entry.text for entry in parse_file("", added).entries if entry.id != entry_id]
    assert kept == [entry.text for entry in before.entries]
    removed = remove_entry(added, entry_id)
    assert [entry.text for entry in parse_file("", removed).entries] == kept


@given(files, st.data())
def test_replacing_an_entry_touches_its_line_alone(content: str, data: st.DataObject) -> None:
    entries = [entry for entry in parse_file("", content).entries if entry.id != WHOLE_FILE]
    if not entries:
        return
    entry = data.draw(st.sampled_from(entries))
    there = replace_entry(content, entry.id, "- [w-zzzz] other")
    assert len(there.split("\n")) == len(content.split("\n"))
    changed = [1 for a, b in zip(content.split("\n"), there.split("\n"), strict=True) if a != b]
    assert len(changed) <= 1


def test_a_text_without_entries_is_one_entry() -> None:
    (entry,) = parse_file("/a.md", "Just prose.\n- a list item\n").entries
    assert (entry.id, entry.text) == (WHOLE_FILE, "Just prose.\n- a list item\n")


def test_a_second_entry_with_the_same_id_can_be_addressed() -> None:
    content = "- [w-aaaa] one\n- [w-aaaa] two\n"
    assert [entry.id for entry in parse_file("", content).entries] == ["w-aaaa", "w-aaaa~2"]
    assert remove_entry(content, "w-aaaa~2") == "- [w-aaaa] one\n"


def test_an_entry_goes_behind_the_last_one_and_not_into_the_prose_below() -> None:
    content = "# T\n\n- [w-aaaa] one\n\nAfterword.\n"
    assert add_entry(content, "- [w-bbbb] two") == "# T\n\n- [w-aaaa] one\n- [w-bbbb] two\n\nAfterword.\n"


def test_a_missing_line_end_is_made_up_for() -> None:
    assert add_entry("- [w-aaaa] one", "- [w-bbbb] two") == "- [w-aaaa] one\n- [w-bbbb] two"


def test_windows_line_ends_stay() -> None:
    assert add_entry("- [w-aaaa] one\r\n", "- [w-bbbb] two") == "- [w-aaaa] one\r\n- [w-bbbb] two\r\n"


def test_an_entry_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(KeyError):
        remove_entry("- [w-aaaa] one\n", "w-bbbb")


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("when a → b (3 principals, 4 sessions, last 2026-11-02)", "when a → b"),
        ("when a → b (1 principal, 1 session)", "when a → b"),
        ("when a → b (not support)", "when a → b (not support)"),
    ],
)
def test_support_is_told_apart_from_text(line: str, plain: str) -> None:
    assert without_support(line) == plain


def test_support_counts_one_in_the_singular() -> None:
    line = entry_line("w-aaaa", "when a → b", principals=1, sessions=2, last="2026-11-02")
    assert line == "- [w-aaaa] when a → b (1 principal, 2 sessions, last 2026-11-02)"


def test_a_moved_entry_is_found_by_its_id() -> None:
    files = {"/a.md": "", "/b.md": "- [w-aaaa] one\n", "/_index.md": "- `/b.md`: 1 entry\n"}
    found = find_entry(files, "w-aaaa", path="/a.md")
    assert found is not None
    assert found.path == "/b.md"
    assert [entry.id for entry in all_entries(files)] == ["w-aaaa"]


def test_the_index_names_every_file_once_and_stays_short() -> None:
    files = {f"/facts/{n:03}.md": "- [k-aaaa] x\n" for n in range(300)}
    lines = render_index(files, max_lines=200).splitlines()
    assert len(lines) == 200
    assert lines[2] == "- `/facts/000.md`: 1 entry"
    assert lines[-1] == "- and 103 more files"
