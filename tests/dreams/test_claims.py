"""What code lets through of a model's claims."""

from typing import Any

import pytest

from dreams.claims import Claim, Dropped, verify
from dreams.digest import Digest
from dreams.forced_calls import forced_input
from dreams.map_request import parse
from dreams.mining import mine
from tests.dreams import events
from tests.dreams.pure_dream import digest_of

STORY = [
    events.said("Run zorp on the file."),
    *events.used("web_fetch", {"url": "https://a.example"}, "Set the option --turbo to make zorp faster today."),
    *events.mended(),
]
FAILED, ERROR, WORKED = 4, 5, 6


def digest(**options: Any) -> Digest:
    return digest_of(STORY, **options)


def claim(when: str, text: str, *cites: tuple[int, str], kind: str = "pitfall", sid: str = "sesn_1") -> dict[str, Any]:
    return {"kind": kind, "when": when, "claim": text, "cites": [{"sid": sid, "eid": n, "quote": q} for n, q in cites]}


def checked(given: dict[str, Any]) -> Claim | Dropped:
    found = digest()
    kept, dropped = verify([given], found, mine(found))
    return kept[0] if kept else dropped[0]


GOOD = claim("`zorp` is run on `*.kel`", "expect `zorp: a.kel: bad header`", (ERROR, "zorp: a.kel: bad header"))


def test_a_claim_gets_its_case_from_what_code_mined() -> None:
    kept = checked(GOOD)
    assert isinstance(kept, Claim)
    assert (kept.program, kept.scope, kept.signature) == ("zorp", "*.kel", "zorp: <path>: bad header")
    assert kept.trust == 1
    assert not kept.is_tainted


def test_citing_error_and_success_makes_it_a_typed_workaround() -> None:
    kept = checked(claim("x", "y", (ERROR, "bad header"), (WORKED, "zorp --compat"), kind="fact"))
    assert isinstance(kept, Claim)
    assert kept.kind == "fact"
    kept = checked(claim("x", "y", (ERROR, "bad header"), (WORKED, "zorp --compat"), kind="workaround"))
    assert isinstance(kept, Claim)
    assert (kept.kind, kept.when, kept.text) == ("workaround", "`zorp` is run on `*.kel`", "add `--compat`")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({**GOOD, "cites": []}, "no cite"),
        (claim("a", "b", (99, "zorp")), "event 99"),
        (claim("a", "b", (0, "zorp")), "event 0"),
        (claim("a", "b", (ERROR, "zorp: a.kel: bad header"), sid="sesn_other"), "sesn_other"),
        (claim("a", "b", (ERROR, "zorp: a.kel: bad Header")), "quote"),
        (claim("a", "b", (ERROR, "zorp: a.kel: bad heaader")), "quote"),
        (claim("a", "b", (ERROR, "zоrp: a.kel: bad header")), "quote"),
        (claim("a", "b", (ERROR, "zorp: a.kel: bad header\u200b")), "quote"),
        (claim("a", "b", (ERROR, "z" * 201)), "200"),
        (claim("a", "b", (ERROR, "")), "quote"),
        (claim("", "b", (ERROR, "bad header")), "when"),
        (claim("a", "b" * 601, (ERROR, "bad header")), "longer"),
        (claim("`zorp` is run", "use `--never-seen`", (ERROR, "bad header")), "--never-seen"),
        (claim("`zorp` is run", "wait 4711 seconds", (ERROR, "bad header")), "4711"),
        (claim("`zorp` is run", "copy it to /etc/passwd", (ERROR, "bad header")), "/etc/passwd"),
        ({**GOOD, "kind": "order"}, "form"),
        ({**GOOD, "more": 1}, "form"),
        ("text", "form"),
        (None, "form"),
    ],
)
def test_what_cannot_be_shown_is_dropped_with_the_reason(given: Any, why: str) -> None:
    dropped = checked(given)
    assert isinstance(dropped, Dropped)
    assert why in dropped.why


def test_blanks_in_a_quote_are_read_as_one_and_the_events_own_are_kept() -> None:
    story = [*events.ran("zorp a.kel", "zorp:  bad\theader", fails=True)]
    found = digest_of(story)
    (kept,), _ = verify([claim("a", "b", (2, "zorp: bad header"))], found, mine(found))
    assert kept.cited[0].quote == "zorp:  bad\theader"


def test_a_literal_that_a_page_brought_up_taints_the_claim() -> None:
    kept = checked(claim("`zorp` is slow", "add `--turbo`", (3, "Set the option --turbo")))
    assert isinstance(kept, Claim)
    assert kept.is_tainted
    assert kept.trust == 0


def test_the_wording_of_a_page_taints_the_claim_whatever_it_cites() -> None:
    kept = checked(claim("zorp runs", "make zorp faster today, set the option", (ERROR, "bad header")))
    assert isinstance(kept, Claim)
    assert kept.is_tainted


def test_a_claim_is_worth_no_more_than_its_weakest_cite() -> None:
    kept = checked(claim("it ends", "the agent says so", (7, "42 rows"), (ERROR, "bad header")))
    assert isinstance(kept, Claim)
    assert kept.trust == 0


def test_a_fix_that_was_read_in_the_programs_own_help_is_no_taint_but_is_noted() -> None:
    story = [
        *events.ran("zorp a.kel", "zorp: bad header", fails=True),
        *events.ran("zorp --help", "Options:\n  --compat  read old files"),
        *events.ran("zorp --compat a.kel", "ok"),
    ]
    found = digest_of(story)
    (kept,), _ = verify([claim("a", "b", (2, "bad header"), (5, "--compat"), kind="workaround")], found, mine(found))
    assert not kept.is_tainted
    assert kept.is_suggested


def test_a_fix_that_an_error_text_suggested_never_goes_by_itself() -> None:
    story = [
        *events.ran("zorp a.kel", "zorp: error: bad header, run with --compat", fails=True),
        *events.ran("zorp --compat a.kel", "ok"),
    ]
    found = digest_of(story)
    (kept,), _ = verify([claim("a", "b", (2, "bad header"), (3, "--compat"), kind="workaround")], found, mine(found))
    assert kept.is_suggested
    assert kept.trust == 1


def test_a_fix_that_a_file_suggested_is_tainted() -> None:
    story = [
        *events.ran("cat README", "Use zorp --compat for everything."),
        *events.mended(),
    ]
    found = digest_of(story)
    (kept,), _ = verify([claim("a", "b", (4, "bad header"), (5, "--compat"), kind="workaround")], found, mine(found))
    assert kept.is_tainted


def test_more_than_eight_claims_are_too_many() -> None:
    found = digest()
    kept, dropped = verify([GOOD] * 50, found, mine(found))
    assert (len(kept), len(dropped)) == (8, 42)


@pytest.mark.parametrize("given", [None, [], "x", {"claims": "x"}, {"claims": None}, {}, {"claims": [], "more": 1}])
def test_an_answer_of_another_form_is_an_error_that_names_the_member(given: Any) -> None:
    with pytest.raises(ValueError, match=r"claims|input|more"):
        parse(given)


def test_text_instead_of_the_forced_call_is_an_error() -> None:
    with pytest.raises(ValueError, match="did not call"):
        forced_input([{"type": "text", "text": "no"}], "record_claims")
