"""PURE: how much of a model's window a conversation takes, and how much of it may be kept."""

from dataclasses import dataclass
from typing import Any

CHARACTERS_PER_TOKEN = 4
IMAGE_CHARACTERS = 6_400  # an image costs about 1,600 tokens, however many bytes it has
DOCUMENT_CHARACTERS = 12_000  # of one that is named and not sent along: about two pages
ENCODED_PER_CHARACTER = 5  # of a document that is sent along: most of a PDF's bytes are not text
READ = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
MEMBER_CHARACTERS = 4  # quotes, colon and comma
LEFT_OUT = "\n[… {count:,} characters are left out here, to make room …]\n"
SHORTEST = 200  # a text is not cut to less than this


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`size`: what a model reads and writes in one request, in tokens. `reply`: what its answers may take of it."""

    size: int
    reply: int

    @property
    def limit(self) -> int:
        """Where a request is too near the end of it: sizes are estimates."""
        return int((self.size - self.reply) * 0.9)


def window(size: int, reply_max: int) -> Window:
    """A small one leaves most of itself for reading."""
    return Window(size=size, reply=min(reply_max, size // 4))


def weight(value: Any) -> int:
    """How many characters of plain English a piece of a request is worth; `CHARACTERS_PER_TOKEN` make a token."""
    if isinstance(value, str):
        # Other scripts take more tokens for a character, and more bytes.
        return len(value) if value.isascii() else len(value.encode(errors="replace"))
    if isinstance(value, dict):
        if value.get("type") == "image":
            return IMAGE_CHARACTERS
        if value.get("type") == "document":
            return _document(value.get("source") or {})
        return sum([weight(member) + len(name) + MEMBER_CHARACTERS for name, member in value.items()])
    if isinstance(value, list):
        return sum([weight(member) for member in value])
    return MEMBER_CHARACTERS


def _document(source: dict[str, Any]) -> int:
    data = str(source.get("data") or "")
    return len(data) // (1 if source.get("type") == "text" else ENCODED_PER_CHARACTER) or DOCUMENT_CHARACTERS


def tokens(characters: int) -> int:
    """About how many tokens so many characters of JSON are."""
    return characters // CHARACTERS_PER_TOKEN


def shortened(value: Any, most: int) -> Any:
    """With every text in it cut in its middle to about `most` characters; bytes that are written as text stay whole."""
    if isinstance(value, str):
        return cut(value, most)
    if isinstance(value, list):
        return [shortened(member, most) for member in value]
    if isinstance(value, dict) and value.get("type") != "base64":
        return {name: shortened(member, most) for name, member in value.items()}
    return value


def cut(text: str, most: int) -> str:
    """The beginning and the end of a text, two parts to one, with a word on what is left out between them."""
    most = max(most, SHORTEST)
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, most // 3
    return text[:head] + LEFT_OUT.format(count=len(text) - head - tail) + text[-tail:]


class Extent:
    """How large a conversation is, in tokens: what the endpoint counted last, and an estimate of what came since.

    `overhead`: what a request holds besides it, tools and system prompt. `is_refused`: the endpoint said that the last
    request was too long; `ceiling` is the smallest size that it said so of and did not answer later."""

    def __init__(self) -> None:
        self.overhead = 0
        self.is_refused = False
        self.ceiling: int | None = None
        self._weight = self._weight_asked = 0
        self._counted = self._counted_at = 0

    @property
    def size(self) -> int:
        estimate = self._counted + tokens(self._weight - self._counted_at)
        return max(estimate, tokens(self._weight) // 2)  # some endpoints count what they like

    def grow(self, blocks: list[dict[str, Any]]) -> None:
        self._weight += weight(blocks)

    def begin_request(self) -> None:
        self._weight_asked = self._weight

    def end_request(self, usage: dict[str, Any]) -> None:
        """`usage`: of an answer; what was answered is a part of the conversation by now."""
        read = sum(int(usage.get(name) or 0) for name in READ)
        if max(read, tokens(self._weight_asked)) >= (self.ceiling or 0):
            self.ceiling = None  # more was answered than was refused: that had another reason
        if read:
            self.overhead = max(read - tokens(self._weight_asked), 0)
            self._counted, self._counted_at = read + int(usage.get("output_tokens") or 0), self._weight

    def refuse(self) -> None:
        self.is_refused = True
        self.ceiling = min(self.ceiling or self.size, self.size)

    def restart(self) -> None:
        """Nothing of the conversation is left, for the moment."""
        self._weight = 0

    def settle(self) -> None:
        """What is left of it is all there."""
        self.is_refused = False
        self._counted, self._counted_at = self.overhead + tokens(self._weight), self._weight
