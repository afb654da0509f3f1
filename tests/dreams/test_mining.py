"""What code alone finds in a session."""

import pytest

from dreams.calls import calls_of
from dreams.fixes import Fix
from dreams.mining import mine, shared_sequences
from dreams.shellwords import simple_commands
from dreams.signatures import error_line, signature
from tests.dreams import events
from tests.dreams.pure_dream import digest_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error: flight HAT030 not available on date 2024-05-13", "Error: flight <id> not available on date <date>"),
        ("Error: not enough balance in gift_card_5094406", "Error: not enough balance in gift_card_<n>"),
        ("Error: total price is 4875, but paid 1,625.50", "Error: total price is <n>, but paid <n>"),
        ("zorp: /data/a.kel: bad header", "zorp: <path>: bad header"),
        ("zorp: unknown option '--foo'\nTry 'zorp --help' for more.", "zorp: unknown option <str>"),
        ("\x1b[31mfatal: not found\x1b[0m", "fatal: not found"),
        ("blonk 12: frob\nzorp: grelk", "zorp: grelk"),
        ("request 550e8400-e29b-41d4-a716-446655440000 denied", "request <uuid> denied"),
        ("cannot reach https://a.example/x?y=1 now", "cannot reach <url> now"),
    ],
)
def test_equal_causes_read_equal(text: str, expected: str) -> None:
    assert signature(text) == expected


def test_of_a_traceback_the_line_that_names_the_error_counts() -> None:
    text = "Traceback (most recent call last):\n  File \"a.py\", line 3\n    raise ValueError(x)\nKeyError: 'id'"
    assert error_line(text) == "KeyError: 'id'"


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        ("cd /x && zorp a.kel > out.csv 2>&1", ["cd", "zorp"]),
        ("FOO=1 zorp 'my file.kel'", ["zorp"]),
        ("python3 tools/zorp.py a.kel\nls -l", ["zorp.py", "ls"]),
        ("cat x | zorp -", ["cat", "zorp"]),
        ("zorp 'never closed", ["zorp"]),
        ("", []),
    ],
)
def test_a_command_line_is_its_simple_commands(command: str, programs: list[str]) -> None:
    assert [found.program for found in simple_commands(command)] == programs


def test_where_output_goes_is_no_part_of_the_call() -> None:
    (found,) = simple_commands("zorp in.kel > out.csv 2>&1")
    assert found.words == ("zorp", "in.kel")
    assert found.scope == "*.kel"


def fixes(session: list[dict[str, object]], *, verdict: str = "completed") -> list[Fix]:
    return [hint.fix for hint in mine(digest_of(session, verdict=verdict)) if hint.fix is not None]


def test_a_flag_that_mends_a_call_is_the_difference_of_its_words() -> None:
    (fix,) = fixes(events.mended())
    assert (fix.added, fix.removed) == (("--compat",), ())


def test_the_first_failure_of_a_streak_is_held_against_the_success() -> None:
    session = [
        *events.ran("zorp a.kel", "zorp: bad header", fails=True),
        *events.ran("zorp --fast a.kel", "zorp: unknown option --fast", fails=True),
        *events.ran("zorp --slow b.kel", "zorp: bad header", fails=True),
        *events.ran("zorp --compat b.kel", "ok"),
    ]
    (hint,) = mine(digest_of(session))
    assert hint.fix is not None
    assert hint.fix.edits == (("add", (), ("--compat",)),)
    assert hint.signature == "zorp: bad header"


def test_another_word_is_a_replacement_and_one_less_a_drop() -> None:
    session = [
        *events.ran("zorp list --all a.kel", "zorp: no", fails=True),
        *events.ran("zorp show a.kel", "ok"),
    ]
    (fix,) = fixes(session)
    assert fix.edits == (("replace", ("list", "--all"), ("show",)),)


def test_a_call_that_works_unchanged_mends_nothing() -> None:
    session = [*events.ran("zorp a.kel", "zorp: busy", fails=True), *events.ran("zorp a.kel", "ok")]
    assert [hint.hint for hint in mine(digest_of(session))] == ["error"]


def test_looking_at_the_file_mends_nothing() -> None:
    session = [*events.ran("zorp a.kel", "zorp: no", fails=True), *events.ran("cat a.kel", "text")]
    assert fixes(session) == []


def test_a_call_on_another_kind_of_file_mends_nothing() -> None:
    session = [*events.ran("zorp a.kel", "zorp: no", fails=True), *events.ran("zorp --x a.csv", "ok")]
    assert fixes(session) == []


def test_named_arguments_tell_which_of_them_changed() -> None:
    session = [
        *events.called("pay", {"card": "a", "sum": 3}, "Error: card refused", fails=True),
        *events.called("pay", {"card": "b", "sum": 3}, "ok"),
    ]
    (fix,) = fixes(session)
    assert fix.changed == ("card",)


def test_a_failed_session_mends_no_command() -> None:
    assert fixes(events.mended(), verdict="failed") == []


def test_only_what_a_trusted_person_says_is_a_wish() -> None:
    wish = events.said("Please always write dates as ISO, not with slashes.")
    assert [hint.hint for hint in mine(digest_of([wish], operator=True))] == ["correction"]
    assert mine(digest_of([wish], operator=False)) == []


def test_a_run_of_tools_counts_once_enough_sessions_share_it() -> None:
    steps = [call for tool in ("find", "check", "book") for call in events.called(tool, {"id": tool}, "ok")]
    digests = [digest_of(steps, session_id=f"sesn_{n}") for n in range(5)]
    assert {hint.tools for found in shared_sequences(digests).values() for hint in found} == {("find", "check", "book")}
    assert shared_sequences(digests[:4]) == {}


def test_only_finished_calls_are_calls() -> None:
    open_call = events.ran("zorp a.kel", "ok")[0]
    assert calls_of(digest_of([open_call])) == []
