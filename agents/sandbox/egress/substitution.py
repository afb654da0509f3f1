"""PURE: placeholders in requests -> the secrets they stand for, and secrets in answers -> their placeholders."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, quote_plus

from agents.addresses import is_allowed
from agents.sandbox.base import Variable

type Headers = list[tuple[bytes, bytes]]
REDACTED_MIN = 6  # a shorter secret appears in answers by chance
TELLING_BYTES = 64  # no text begins like a secret for so long by chance


def applicable(variables: Iterable[Variable], host: str) -> list[Variable]:
    """Those whose own networking allows the host; the environment's was asked before."""
    return [each for each in variables if each.hosts is None or is_allowed(host, each.hosts)]


class Rewriter:
    """Replaces byte strings in a stream; only what may be the beginning of one is held back."""

    def __init__(self, replacements: Mapping[bytes, bytes]) -> None:
        self._replacements = replacements
        wanted = sorted(replacements, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, wanted))) if wanted else None
        self._wanted = wanted
        self._longest = len(wanted[0]) if wanted else 0
        self._pending = b""

    @property
    def is_idle(self) -> bool:
        return self._pattern is None

    def feed(self, data: bytes, *, is_last: bool = False) -> bytes:
        if self._pattern is None:
            return data
        buffer = self._pending + data
        held = len(buffer) if is_last else self._held_from(buffer)
        pieces, position = [], 0
        for match in self._pattern.finditer(buffer):
            if match.start() >= held:
                break
            pieces += [buffer[position : match.start()], self._replacements[match[0]]]
            position = match.end()
        held = max(held, position)
        self._pending = buffer[held:]
        return b"".join([*pieces, buffer[position:held]])

    def whole(self, data: bytes) -> bytes:
        return self._pattern.sub(lambda match: self._replacements[match[0]], data) if self._pattern else data

    def _held_from(self, buffer: bytes) -> int:
        """Where one may begin that is not all there. Of a long one its first bytes decide: to compare all of it from
        wherever it may begin takes seconds, if whoever chose the secret wanted that."""
        held = len(buffer)
        for wanted in self._wanted:
            begins = wanted[:TELLING_BYTES]
            start = buffer.find(begins, max(0, len(buffer) - len(wanted) + 1))
            if start < 0:
                start = buffer.find(begins[:1], max(0, len(buffer) - len(begins) + 1))
                while start >= 0 and not begins.startswith(buffer[start:]):
                    start = buffer.find(begins[:1], start + 1)
            held = min(held, start) if start >= 0 else held
        return held


class Substitution:
    """What the variables that apply to one host change in one request and its answer."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        self._variables = variables
        self._sent: dict[bytes, bytes] = {}  # what was made for this request -> what the client had written

    def headers(self, headers: Headers) -> Headers:
        return [(name, self._header(name, value)) for name, value in headers]

    def body(self, content_type: bytes) -> Rewriter | None:
        """None where no variable goes into bodies."""
        into_body = [each for each in self._variables if each.in_body]
        wanted = {each.placeholder.encode(): encoded(each.value, content_type) for each in into_body}
        return Rewriter(wanted) if wanted else None

    def answer(self) -> Rewriter:
        """For header values and body of the answer."""
        known = dict(self._sent)
        for each in self._variables:
            if len(each.value) >= REDACTED_MIN:
                known |= dict.fromkeys(spellings(each.value), each.placeholder.encode())
        return Rewriter(known)

    def _header(self, name: bytes, value: bytes) -> bytes:
        wanted = {each.placeholder.encode(): each.value.encode() for each in self._variables if each.in_header}
        rewriter = Rewriter(wanted)
        kind, _, token = value.partition(b" ")
        if name.lower() == b"authorization" and kind.lower() == b"basic":
            plain = decoded(token.strip())
            changed = rewriter.whole(plain)
            if changed != plain:
                made = base64.b64encode(changed)
                self._sent[made] = token.strip()
                return kind + b" " + made
        return rewriter.whole(value)


def encoded(value: str, content_type: bytes) -> bytes:
    """The secret so that the body stays what its type says."""
    kind = content_type.partition(b";")[0].strip().lower()
    if kind == b"application/json" or kind.endswith(b"+json"):
        return json.dumps(value)[1:-1].encode()
    if kind == b"application/x-www-form-urlencoded":
        return quote_plus(value).encode()
    return value.encode()


def spellings(value: str) -> set[bytes]:
    """How servers repeat what they were sent."""
    written = {value, json.dumps(value, ensure_ascii=False)[1:-1]}
    written |= {once := json.dumps(value)[1:-1], json.dumps(once)[1:-1]}  # the latter: a body quoted in an answer
    written |= {quote(value, safe=""), quote(value), quote_plus(value)}
    return {each.encode() for each in written} | {base64.b64encode(value.encode())}


def decoded(token: bytes) -> bytes:
    try:
        return base64.b64decode(token, validate=True)
    except binascii.Error:
        return b""
