"""The checker: what it calls right, wrong and unanswered, and that it sees nothing but hashes."""

import subprocess
import sys
from pathlib import Path

from dreams.demo.answers import answer_hash, read_answer
from dreams.demo.checker import NO_ANSWER, RIGHT, WRONG, judge

ROOT = Path(__file__).parents[2]
SALT = "salt"
EXPECTED = answer_hash(SALT, "sesn_1", "label 42")


def judged(words: str) -> tuple[str, str]:
    judgement = judge(words, salt=SALT, session_id="sesn_1", expected=EXPECTED)
    return judgement.result, judgement.explanation


def test_the_last_answer_line_counts():
    assert read_answer("I tried.\nANSWER: one\nANSWER:  label   42 \nbye") == "label 42"
    assert read_answer("the ANSWER: is not at the start of a line") is None
    assert read_answer("ANSWER:\n42") is None


def test_right_wrong_and_missing_answers_are_told_apart():
    assert judged("ANSWER: label 42") == ("completed", RIGHT)
    assert judged("ANSWER: label 43") == ("failed", WRONG)
    assert judged("GAVE UP") == ("failed", NO_ANSWER)
    assert judged("") == ("failed", NO_ANSWER)


def test_a_hash_fits_one_session_and_one_round_only():
    assert answer_hash(SALT, "sesn_2", "label 42") != EXPECTED
    assert answer_hash("other", "sesn_1", "label 42") != EXPECTED


def test_the_checker_knows_neither_world_nor_model_nor_tables():
    program = "import sys, dreams.demo.checker; print(*sorted(sys.modules), sep='\\n')"
    printed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(printed.stdout.split())
    assert not loaded & {"django", "agents", "dreams.demo.world", "dreams.demo.rounds", "dreams.models", "memory"}
