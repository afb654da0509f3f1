"""PURE: what is risky about a text that wants to become memory: findings, some of them refusals."""

# ruff: noqa: E501 (a pattern is read best on one line)

import base64
import binascii
import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

from dreams.hidden_text import hidden_characters, is_normal, mixed_script_words, skeleton
from dreams.limits import BLOB_MIN_CHARS
from dreams.redaction import finds

REJECT, DANGER, WARNING, INFO = "reject", "danger", "warning", "info"
RANKS = {REJECT: 100, DANGER: 40, WARNING: 15, INFO: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`severity`: reject (never reaches a person's inbox), danger, warning or info; `span` is where it stands."""

    code: str
    severity: str
    message: str
    span: tuple[int, int] | None = None

    def to_json(self) -> dict[str, object]:
        span = list(self.span) if self.span else None
        return {"code": self.code, "severity": self.severity, "message": self.message, "span": span}


def scan(text: str) -> list[Finding]:
    """Every finding in a text, the refusals first."""
    found = [*_hidden(text), *_markup(text), *_phrases(text), *_blobs(text), *_secrets(text)]
    return sorted(found, key=lambda finding: -RANKS[finding.severity])


def _hidden(text: str) -> list[Finding]:
    found = []
    if points := hidden_characters(text):
        shown = ", ".join(points[:6])
        found.append(
            Finding(
                code="hidden_characters", severity=REJECT, message=f"It holds characters that nobody sees: {shown}."
            )
        )
    if not is_normal(text):
        found.append(Finding(code="not_normalised", severity=REJECT, message="It is not in Unicode normal form C."))
    if words := mixed_script_words(text):
        message = f"Letters of several alphabets in one word: {', '.join(words[:3])}."
        found.append(Finding(code="mixed_script", severity=DANGER, message=message))
    return found


_OUTSIDE_CODE = re.compile(r"`[^`\n]*`")
_MARKUP: tuple[tuple[str, str, str, str], ...] = (
    ("image", REJECT, r"!\[[^\]]*\]\s*[\(\[]", "It embeds an image: showing it would make a request."),
    ("html_comment", REJECT, r"<!--", "It hides text in an HTML comment."),
    ("html", REJECT, r"<\s*/?\s*[A-Za-z][\w-]*(?:\s[^<>]*)?/?>", "It holds raw HTML."),
    (
        "script_url",
        REJECT,
        r"(?i)\b(?:javascript|vbscript|data)\s*:\s*[^\s,]",
        "It holds a javascript: or data: address.",
    ),
    ("link", DANGER, r"\[[^\]\n]+\]\([^)\n]*\)|\[[^\]\n]+\]\[[^\]\n]*\]|^\s*\[[^\]\n]+\]:\s", "It holds a link."),
    ("url", DANGER, r"(?i)\b(?:[a-z][a-z0-9+.-]*://|www\.)\S+", "It names an address on the network."),
    (
        "host",
        WARNING,
        r"(?i)(?<![\w/.@-])(?:[a-z0-9-]+\.)+(?:com|net|org|io|dev|ai|co|info|biz|xyz|ru|cn|de|uk|app|cloud|security|local)\b",
        "It names a host.",
    ),
    ("email", DANGER, r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b", "It names a mail address."),
)


def _markup(text: str) -> list[Finding]:
    # A placeholder such as <id> in a code span is ours; nothing in a code span is rendered.
    plain = _OUTSIDE_CODE.sub(lambda match: " " * len(match[0]), text)
    found = []
    for code, severity, pattern, message in _MARKUP:
        inside_code_too = code in ("url", "host", "email", "script_url")
        match = re.search(pattern, text if inside_code_too else plain, re.MULTILINE)
        if match:
            found.append(Finding(code=code, severity=severity, message=message, span=match.span()))
    return found


_PHRASES: tuple[tuple[str, str, str, str], ...] = (
    (
        "self_reinforcing",
        REJECT,
        r"\b(?:keep|preserve|retain|never (?:delete|remove|forget)|do not (?:delete|remove|forget)|always keep)\b.{0,40}"
        r"\b(?:this|these|the)\b.{0,20}\b(?:entry|entries|note|memory|memories|rule|instruction)s?\b"
        r"|\bcopy (?:this|these|it)\b.{0,40}\b(?:to|into)\b.{0,30}\b(?:files?|memor|notes?|entries|sessions?)"
        r"|\b(?:add|write|save|store|repeat) (?:this|it)\b.{0,30}\b(?:memory|every (?:file|session|note|summary))",
        "It wants to keep or spread itself.",
    ),
    (
        "override",
        DANGER,
        r"\b(?:ignore|disregard|forget|override|bypass|skip|drop|set aside)\b.{0,30}"
        r"\b(?:previous|prior|earlier|above|all|any|other|existing|the rest|safety|security|polic|rules?|instructions?|guidelines?|content)"
        r"|\bfrom now on\b|\byou are now\b|\bact as\b|\bpretend (?:to be|you)|\bnew (?:polic|instruction|rule)"
        r"|\b(?:system|developer|admin|core)[ _-]?(?:message|prompt|instruction|request|update|override|note)|\[(?:system|admin|inst)"
        r"|\bDAN\b|\bjailbreak|\bunrestricted\b|\bdo anything now\b|\bno (?:restrictions?|limitations?)\b"
        r"|\bignorez\b|\bignorier|\bignora\b",
        "It reads like an instruction to override others.",
    ),
    (
        "prompt_extraction",
        DANGER,
        r"\b(?:system prompt|initial prompt|your (?:instructions|prompt|rules)|(?:system|original|initial|hidden) instructions)\b"
        r"|\b(?:those|the|these) instructions\b|\binstructions you were given\b",
        "It asks for the agent's own instructions.",
    ),
    (
        "policy_weakening",
        DANGER,
        r"--(?:no-verify|force|insecure|no-check|skip-\w+|disable-\w+|no-verify-\w+|allow-\w+|trust-\w+|yes|unsafe\w*)\b|(?<!\w)-k\b(?=.{0,20}http)"
        r"|\bverify\s*=\s*(?:false|0|no)\b|\b(?:skip|disable|turn(?:ing)? off|without|bypass|omit|suppress|no need (?:for|to)|avoid|circumvent)\b"
        r".{0,40}\b(?:check|test|verif|validat|review|approval|confirm|sign|auth|secur|ssl|tls|certificate|sandbox|firewall|policy|logging|audit|safety|staging|scan|lint)"
        r"|\b(?:direct(?:ly)?) (?:deploy\w*|to production)|\bpush --force|\bchmod (?:-R )?(?:777|a\+)|\bgit push\b.{0,20}--?f"
        r"|\bcan be shared\b|\bpre-?(?:validated|tested|approved)\b|\bno longer (?:needed|required|necessary)\b|\bnot required\b|\bsafety controls\b"
        r"|\bwithout (?:asking|confirmation)\b|\bmust always comply\b",
        "It weakens a check or a safeguard.",
    ),
    (
        "exfiltration",
        DANGER,
        r"\b(?:send|forward|upload|post|email|transmit|leak|exfiltrat\w*|report|log|copy|include|append|cache|store|reveal|share|print|dump)\b.{0,60}"
        r"\b(?:token|credential|password|secret|api[ _-]?keys?|private key|conversation|user (?:data|inputs?)|all (?:data|user|inputs|responses)|clipboard|screenshot|environment variables?|salary|external)"
        r"|\b(?:curl|wget|nc|scp|rsync|requests\.post|ftp|telnet)\b|/dev/tcp/|\b(?:clipboard|keylog\w*|screenshot|geocoder|telemetry)\b",
        "It speaks of sending data or credentials somewhere.",
    ),
    (
        "destructive",
        DANGER,
        r"\brm -[rf]{1,2}\b|\bmkfs\b|\bdd if=|\bshutdown\b|\breboot\b|\bDROP TABLE\b|\bformat [a-z]:|\bwhile True\b|\bfork\b.{0,10}bomb|:\(\)\s*\{"
        r"|\b(?:wipe|erase|destroy|delete all|encrypt (?:all|the|your))\b|\bkill -9 -1\b",
        "It names a destructive step.",
    ),
    (
        "code",
        DANGER,
        r"```|\bimport (?:os|sys|subprocess|requests|socket|time|asyncio|smtplib|ctypes|pyautogui|pyperclip|tkinter)\b"
        r"|\bsubprocess\.|\bos\.(?:system|popen)|\b(?:eval|exec)\(|\bcode (?:snippet|block|section|excerpt)|<script|\|\s*(?:ba|z|da)?sh\b|\bbase64 -d",
        "It carries program code.",
    ),
    (
        "output_hijack",
        DANGER,
        r"\b(?:your|the) (?:reply|response|answer|output|codebase|implementation|solution|elucidation|algorithm|code)\b"
        r"|\b(?:reply|respond|answer|encode|encrypt|translate|print)\b.{0,30}\b(?:in|with|only|using|as|just|following)\b"
        r"|\b(?:teaser?|clickbait|newsletter|advertis\w*|promot\w*|sponsor\w*|premium plan|brand [a-z]\b|subscribe|investment opportunity|lottery|winnings)\b",
        "It wants to change what the agent answers.",
    ),
    (
        "delayed_trigger",
        DANGER,
        r"\b(?:after|before|from|until|since|starting|beginning|on) (?:the )?(?:\d{1,2}(?:st|nd|rd|th)\b|next (?:week|month|year)|\d{4}-\d\d)"
        r"|\bwhen(?:ever)? (?:the |a |any |an )?(?:user|customer|person|someone|anyone|task|question|request|message|conversation)s?\b.{0,40}"
        r"\b(?:mention|ask|say|contain|talk|speak|type|request|inquir|discuss)"
        r"|\bif (?:the |a |any )?(?:user|customer|anyone|someone|questioned|asked)\b|\bonce (?:the|a) (?:user|date|month)|\bwhen discussing\b",
        "It is meant to act later, or on a cue.",
    ),
    (
        "authority",
        WARNING,
        r"\b(?:important|urgent|critical|mandatory|official|verified|authori[sz]ed|trusted|trustworthy|immediately|security audit|compliance)\b.{0,40}"
        r"\b(?:update|notice|instruction|policy|request|message|expert|vendor|note|system|audit|recruiter)|\bpolicy update\b|\bbest practices?\b"
        r"|\b(?:hr|it|security|legal|finance) (?:policy|team|department)\b|\bstandard at most\b|\bthis is (?:really |extremely |very )?(?:important|urgent)",
        "It claims an authority instead of giving evidence.",
    ),
    (
        "claims_truth",
        WARNING,
        r"\b(?:clearly|definitely|certainly|undoubtedly|best .{0,20}ever|supremely|highly recommend|not malicious|everything is safe|scheduled for demolition)\b",
        "It asserts instead of reporting what was seen.",
    ),
)


def _phrases(text: str) -> list[Finding]:
    looks = skeleton(text)
    found = []
    for code, severity, pattern, message in _PHRASES:
        match = re.search(pattern, text, re.IGNORECASE | re.DOTALL)
        if match or re.search(pattern, looks, re.IGNORECASE | re.DOTALL):
            found.append(Finding(code=code, severity=severity, message=message, span=match.span() if match else None))
    return found


_BLOB = re.compile(rf"[A-Za-z0-9+/_-]{{{BLOB_MIN_CHARS},}}={{0,2}}")
_HEX = re.compile(r"^(?:[0-9a-fA-F]{2})+$")


def _blobs(text: str) -> list[Finding]:
    found = [
        Finding(
            code="encoded_blob",
            severity=DANGER,
            message=f"It holds {len(match[0])} encoded characters{_preview(match[0])}.",
            span=match.span(),
        )
        for match in _BLOB.finditer(text)
        if _looks_encoded(match[0])
    ]
    turned = codecs.decode(text, "rot13")
    if len(text) >= BLOB_MIN_CHARS and re.search(
        r"\b(?:ignore|instruction|password|disable|always|the)\b.*\b(?:the|and|all)\b", turned
    ):
        found.append(
            Finding(code="encoded_blob", severity=DANGER, message=f"Turned by 13 letters it reads: {turned[:120]!r}.")
        )
    return found


def _looks_encoded(blob: str) -> bool:
    return any(c.isdigit() for c in blob) or (blob != blob.lower() and "/" not in blob) or _HEX.match(blob) is not None


def _preview(blob: str) -> str:
    decoders: tuple[Callable[[], bytes], ...] = (
        lambda: bytes.fromhex(blob),
        lambda: base64.b64decode(blob + "=" * (-len(blob) % 4), altchars=b"-_" if "-" in blob or "_" in blob else None),
    )
    for decode in decoders:
        try:
            text = decode().decode()
        except (ValueError, binascii.Error):
            continue
        if text.isprintable():
            return f"; decoded: {text[:120]!r}"
    return ""


def _secrets(text: str) -> list[Finding]:
    kinds = finds(text)
    if not kinds:
        return []
    return [Finding(code="secret", severity=DANGER, message=f"It shows what looks like: {', '.join(kinds)}.")]


_ADDED_WORD_RISKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a path", re.compile(r"^(?:~|\.{1,2})?/|/.+/|^\.{2}$")),
    ("an address", re.compile(r"://|^www\.|@|^(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/|$)", re.IGNORECASE)),
    ("an address", re.compile(r"^(?:\d{1,3}\.){3}\d{1,3}")),
    (
        "a permission",
        re.compile(r"^(?:[0-7]{3,4}|[ugoa]*[+=][rwxst]+|root|sudo|admin|--?privileged|--?user|setuid)$", re.IGNORECASE),
    ),
    (
        "a credential",
        re.compile(r"pass(?:word|wd)?|secret|token|credential|api[_-]?key|auth|private[_-]?key|login", re.IGNORECASE),
    ),
    (
        "an output target",
        re.compile(
            r"^>{1,2}|^--?(?:o|out|output|dest|destination|target|upload|to|log|report|save|write)(?:[=-].*)?$",
            re.IGNORECASE,
        ),
    ),
    (
        "a way into a shell",
        re.compile(r"[|;&`$(){}<>\n]|^(?:sh|bash|zsh|eval|exec|curl|wget|nc|python\d*|perl|sudo|-c|-e|--exec\w*)$"),
    ),
    (
        "a skipped check",
        re.compile(
            r"force|no-?(?:verify|check|valid|sign|auth|audit|log|test|confirm|sandbox|ssl|tls|cert)|skip|insecure|unsafe|disable|ignore|bypass|trust|allow|yolo"
            r"|assume-?yes|^--?yes$|^-[ykf]$|no-preserve|delete|remove|purge|overwrite|destroy|wipe|prune|recursive|^-[rR]f?$|^-fr$",
            re.IGNORECASE,
        ),
    ),
)


def risky_words(words: tuple[str, ...]) -> list[str]:
    """What keeps words that a lesson would add to a call from ever being added without a person."""
    return list(dict.fromkeys(what for word in words for what, pattern in _ADDED_WORD_RISKS if pattern.search(word)))
