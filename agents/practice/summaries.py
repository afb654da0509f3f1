"""PURE: plays the request for a summary, and finds its place again in a conversation that begins with one.

A real model knows from a summary what it did. This one writes down how many answers it gave to what, and counts
them when nothing but its summary is left of them.
"""

import hashlib
import re
from collections.abc import Iterator

ASKED_FOR = "You write summaries of conversations"
TRANSCRIPT = re.compile(r"<transcript>\n(.*)\n</transcript>", re.DOTALL)
MESSAGE = re.compile(r"^### (user|assistant|system|tool|summary)\n", re.MULTILINE)
SUMMARY = re.compile(r"<context_summary>.*?</context_summary>", re.DOTALL)
NOTE = re.compile(r"^Practice note: (\d+) answers to ([0-9a-f]{12})\.$", re.MULTILINE)
ASKED = re.compile(r"^The user asked: “(.*)”$", re.MULTILINE)
PROGRAM_LINE = re.compile(r"^\s*practice:.*$", re.MULTILINE)
RESULTS = ("[result]", "[error]")
QUOTE_CHARACTERS = 300


def is_wanted(system: str, said: str) -> bool:
    return system.startswith(ASKED_FOR) and bool(TRANSCRIPT.search(said))


def summarise(said: str) -> str:
    """What was asked last in the transcript, how often it was answered, and how many tools were called for it."""
    quote, asked, answers, calls = "", "", 0, 0
    for role, text in _messages(said):
        if role == "assistant":
            answers, calls = answers + 1, calls + text.count("[calls ")
            continue
        if earlier := noted(text):
            answers, asked = earlier
            quote = (ASKED.findall(text) or [""])[-1]
        words = without_summary(text).strip()
        if role == "user" and words and not words.startswith(RESULTS) and name_of(words) != asked:
            quote, asked, answers, calls = _quote(words), name_of(words), 0, 0
    note = f"\nPractice note: {answers} answers to {asked}." if asked else ""
    return f"The user asked: “{quote}”\nThe agent answered {answers} times and called {calls} tools since.{note}"


def noted(text: str) -> tuple[int, str] | None:
    """How many answers a summary in the text counts, and to what."""
    for summary in SUMMARY.findall(text):
        for count, name in NOTE.findall(summary):
            return int(count), name
    return None


def without_summary(text: str) -> str:
    return SUMMARY.sub("", text)


def name_of(words: str) -> str:
    """A request by the program that it carries, else by its beginning: its end may be cut."""
    programs = PROGRAM_LINE.findall(words)
    known = programs[-1].strip() if programs else " ".join(words.split())[:100]
    return hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _messages(said: str) -> Iterator[tuple[str, str]]:
    found = TRANSCRIPT.search(said)
    parts = MESSAGE.split(found[1] if found else "")[1:]
    yield from zip(parts[::2], parts[1::2], strict=True)


def _quote(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= QUOTE_CHARACTERS else f"{words[:QUOTE_CHARACTERS]}…"
