"""PURE: replaces secrets and personal data by typed, keyed placeholders before any text reaches a model or a page."""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable
from typing import Any

from dreams.limits import QUOTE_MIN_CHARS

_SECRETS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("private_key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
        ("anthropic", r"\bsk-ant-[\w-]{8,}"),
        ("openai", r"\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,}"),
        ("aws", r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[0-9A-Z]{16}\b"),
        ("github", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{22,})\b"),
        ("gitlab", r"\bglpat-[A-Za-z0-9_-]{16,}"),
        ("slack", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("slack_hook", r"https://hooks\.slack\.com/services/[\w/]+"),
        ("stripe", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{12,}"),
        ("google", r"\bAIza[0-9A-Za-z_-]{30,}"),
        ("npm", r"\bnpm_[A-Za-z0-9]{30,}"),
        ("pypi", r"\bpypi-[A-Za-z0-9_-]{30,}"),
        ("huggingface", r"\bhf_[A-Za-z0-9]{20,}"),
        ("sendgrid", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
        ("twilio", r"\bSK[0-9a-f]{32}\b"),
        ("telegram", r"\b\d{8,10}:AA[\w-]{30,}"),
        ("jwt", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
        ("lucid", r"\blucid_[A-Za-z0-9_]{20,}"),
        ("bearer", r"(?i)(?<=bearer )[\w.~+/-]{16,}=*"),
        ("basic_auth", r"(?<=://)[^\s/:@'\"]{1,64}:[^\s/@'\"]{1,128}(?=@)"),
        (
            "assigned",
            r"(?i)(?<![\w-])(?:[\w-]*(?:password|passwd|pwd|passphrase|secret|api[_-]?key|access[_-]?key|auth[_-]?token"
            r"|access[_-]?token|refresh[_-]?token|client[_-]?secret|private[_-]?key))(?:\"|')?\s*(?:=|:|\bis\b)\s*"
            r"(?:\"|')?(?P<value>(?=[^\s'\"]*[\d!@#$%^&*_\-+])[^\s'\",;<>«»(){}\[\]]{6,})",
        ),
    )
)
_PERSONAL: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("email", r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b"),
        ("iban", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
        ("card", r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.-])"),
        ("national_id", r"\b\d{3}-\d{2}-\d{4}\b"),
        (
            "phone",
            r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}"
            r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}[ .-]\d{3}[ .-]\d{4})(?![\w-])",
        ),
        ("ip", r"(?<![\w.])(?<!version )(?<!Version )(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"),
    )
)
PLACEHOLDER = re.compile(r"«(?:SECRET|PII):[a-z_]+:[0-9a-f]{4,8}»")
_PLACEHOLDERS = re.compile(f"({PLACEHOLDER.pattern})")


def redact(text: str, key: bytes) -> str:
    """The text with every recognised secret and personal datum replaced; equal ones get equal placeholders."""
    for name, pattern in _SECRETS:
        text = _outside_placeholders(text, pattern, _replacer("SECRET", name, key, lambda _: True))
    for name, pattern in _PERSONAL:
        text = _outside_placeholders(text, pattern, _replacer("PII", name, key, _CHECKS.get(name, lambda _: True)))
    return text


def _outside_placeholders(text: str, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> str:
    """What was replaced once is not looked at again: a placeholder names secrets itself."""
    if "«" not in text:
        return pattern.sub(replace, text)
    pieces = _PLACEHOLDERS.split(text)
    return "".join(piece if i % 2 else pattern.sub(replace, piece) for i, piece in enumerate(pieces))


def redact_values(value: Any, key: bytes) -> Any:
    """The same for every string inside a JSON value, so that the structure stays readable."""
    if isinstance(value, str):
        return redact(value, key)
    if isinstance(value, list):
        return [redact_values(item, key) for item in value]
    if isinstance(value, dict):
        return {name: _redact_member(name, item, key) for name, item in value.items()}
    return value


def without_placeholders(text: str) -> str | None:
    """The longest piece of a redacted text that stands so in the original; None where nothing worth quoting is left."""
    piece = max((piece.strip() for piece in _PLACEHOLDERS.split(text)[::2]), key=len)
    return piece if len(piece) >= QUOTE_MIN_CHARS else None


def finds(text: str) -> list[str]:
    """The kinds of secrets and personal data that a text still shows."""
    return sorted(set(re.findall(r"«(?:SECRET|PII):([a-z_]+):", redact(PLACEHOLDER.sub("", text), b"scan"))))


def _redact_member(name: str, value: Any, key: bytes) -> Any:
    if isinstance(value, str) and len(value) >= 6:
        # A bare value says nothing; together with its member name it may read `"api_key": "…"`.
        paired = redact(f"{name}={value}", key)
        if paired != f"{name}={value}" and paired.startswith(f"{name}="):
            return paired[len(name) + 1 :]
    return redact_values(value, key)


def _replacer(family: str, name: str, key: bytes, is_real: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
    def replace(match: re.Match[str]) -> str:
        whole = match[0]
        value = match.groupdict().get("value") or whole
        if "«" in value or not is_real(value):
            return whole
        digest = hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:4]
        return whole[: len(whole) - len(value)] + f"«{family}:{name}:{digest}»"

    return replace


def _luhn(value: str) -> bool:
    digits = [int(c) for c in value if c.isdigit()]
    doubled = [d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0


def _iban(value: str) -> bool:
    packed = value.replace(" ", "")
    if not 15 <= len(packed) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in packed[4:] + packed[:4])) % 97 == 1


def _address(value: str) -> bool:
    try:
        return not ipaddress.ip_address(value).is_loopback
    except ValueError:
        return False


_CHECKS: dict[str, Callable[[str], bool]] = {"card": _luhn, "iban": _iban, "ip": _address}
