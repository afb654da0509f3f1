"""PURE: the answer in a session's last words, and the hash by which a checker knows it without knowing it."""

import hashlib
import re

ANSWER = re.compile(r"^ANSWER:[ \t]*(\S.*?)\s*$", re.MULTILINE)


def read_answer(text: str) -> str | None:
    """What stands behind `ANSWER:` on a line of its own; the last such line counts."""
    found = ANSWER.findall(text)
    return " ".join(found[-1].split()) if found else None


def answer_hash(salt: str, session_id: str, answer: str) -> str:
    return hashlib.sha256(f"{salt}\n{session_id}\n{answer}".encode()).hexdigest()
