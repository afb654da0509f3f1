"""PURE: a change goes to the lane auto, review, quarantine or reject, with the reasons and every risk found."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dreams.changes import Change
from dreams.limits import (
    AUTO_CHANGES_MAX,
    CORROBORATING_PRINCIPALS,
    ENTRY_MAX_CHARS,
    TAINT_CONTAINMENT,
    TYPED_ENTRY_MAX_CHARS,
    TYPED_KEPT_MIN,
    TYPED_TOKENS_MAX,
    UNSUPPORTED_CONTAINMENT,
)
from dreams.risks import DANGER, INFO, RANKS, REJECT, WARNING, Finding, risky_words, scan
from dreams.shingles import containment, copies
from dreams.wording import counted

UNKNOWN_PRINCIPAL = "Who the sessions were for is unknown."
AUTO, REVIEW, QUARANTINE, REJECTED = "auto", "review", "quarantine", "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the gate knows beside the change. `open_kinds` holds the pairs (operation, topic) whose gate is open; it is
    empty unless a workspace has earned it."""

    is_read_only: bool = False
    open_kinds: frozenset[tuple[str, str]] = frozenset()
    young_principals: frozenset[str] = frozenset()
    untrusted_texts: tuple[str, ...] = ()  # what events without trust said in the sessions behind the change
    is_shrinking: bool = False
    unattributed_sessions: frozenset[str] = frozenset()  # nobody knows for whom these ran: not even one principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    lane: str
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def rank(self) -> int:
        """Inbox order: the riskier first."""
        lane = {REJECTED: 0, QUARANTINE: 200, REVIEW: 0, AUTO: 0}[self.lane]
        return min(32_000, lane + sum(RANKS[finding.severity] for finding in self.findings))


def judge(change: Change, rules: Rules) -> Ruling:
    """The lane of one change. Refusals first, then taint, then what only a person may decide; auto is what is left."""
    findings = [*scan(_new_text(change)), *_findings(change, rules)]
    findings.sort(key=lambda finding: (-RANKS[finding.severity], finding.code))
    refusals = _refusals(change, rules, findings)
    if refusals:
        return Ruling(lane=REJECTED, reasons=tuple(refusals), findings=tuple(findings))
    quarantine = _quarantine(change, findings)
    if quarantine:
        return Ruling(lane=QUARANTINE, reasons=tuple(quarantine), findings=tuple(findings))
    review = _review(change, rules, findings)
    if review:
        return Ruling(lane=REVIEW, reasons=tuple(review), findings=tuple(findings))
    reason = "An exact duplicate." if change.code_reason else "A typed lesson that several principals share."
    return Ruling(lane=AUTO, reasons=(reason,), findings=tuple(findings))


def judge_all(changes: Sequence[Change], rules_of: Iterable[Rules]) -> list[Ruling]:
    """The lanes of a dream's changes; beyond the cap on auto changes the rest waits for a person."""
    rulings: list[Ruling] = []
    for change, rules in zip(changes, rules_of, strict=True):
        ruling = judge(change, rules)
        if ruling.lane == AUTO and sum(r.lane == AUTO for r in rulings) >= AUTO_CHANGES_MAX:
            reason = f"More than {AUTO_CHANGES_MAX} changes of this dream could be applied by themselves."
            ruling = Ruling(lane=REVIEW, reasons=(reason,), findings=ruling.findings)
        rulings.append(ruling)
    return rulings


def _new_text(change: Change) -> str:
    """What the change brings in; retiring and moving bring nothing, merging an exact duplicate neither."""
    if change.op in ("retire", "move"):
        return change.path if change.op == "move" else ""
    return f"{change.after}\n{change.path}"


def _refusals(change: Change, rules: Rules, findings: Sequence[Finding]) -> list[str]:
    reasons = []
    if rules.is_read_only:
        reasons.append("The store is read-only to dreams.")
    if len(change.after) > ENTRY_MAX_CHARS:
        reasons.append(f"The entry is longer than {ENTRY_MAX_CHARS} characters.")
    if not change.claims and not change.code_reason:
        reasons.append("No cite proves it.")
    if change.novel:
        reasons.append(f"It names what no cited event shows: {_listed(change.novel)}.")
    reasons += [finding.message for finding in findings if finding.severity == REJECT]
    return reasons


def _quarantine(change: Change, findings: Sequence[Finding]) -> list[str]:
    if change.tainted_by:
        return [f"It comes from a source without trust: {change.tainted_by}."]
    if change.trust == 0:
        return ["Only events without trust speak for it."]
    return [finding.message for finding in findings if finding.code == "untrusted_wording"]


def _review(change: Change, rules: Rules, findings: Sequence[Finding]) -> list[str]:
    reasons = []
    if (change.op, change.topic) not in rules.open_kinds:
        reasons.append("The auto gate for this kind of change is closed.")
    if rules.is_shrinking:
        reasons.append("This dream would remove more of the store than a dream may.")
    if change.op == "merge" and change.code_reason:
        return reasons
    if not change.is_typed or change.op != "add":
        reasons.append("Only a typed lesson or an exact duplicate can do without a person.")
    else:
        reasons += _typed_reasons(change)
    # That nobody knows whom it serves alarms nobody, yet takes a person.
    telling = [f for f in findings if f.severity in (DANGER, WARNING) or f.code == "unknown_principal"]
    reasons += [finding.message for finding in telling]
    return list(dict.fromkeys(reasons))


def _typed_reasons(change: Change) -> list[str]:
    fix = change.fix
    reasons = []
    if fix is None:
        return ["It holds no mined change of a call."]
    if len(fix.added) + len(fix.removed) > TYPED_TOKENS_MAX:
        reasons.append(f"It changes more than {TYPED_TOKENS_MAX} words of a call.")
    if fix.kept < TYPED_KEPT_MIN:
        reasons.append("It keeps less than half of the failed call.")
    if len(change.after) > TYPED_ENTRY_MAX_CHARS or "\n" in change.after:
        reasons.append(f"It is longer than one line of {TYPED_ENTRY_MAX_CHARS} characters.")
    if "; without it: " in change.after:
        reasons.append("It quotes an error text.")
    if any(claim.is_suggested for claim in change.claims):
        reasons.append("The agent read the words it adds somewhere before it tried them.")
    return reasons


def _findings(change: Change, rules: Rules) -> list[Finding]:
    found: list[Finding] = []
    add = found.append
    if change.tainted_by:
        add(Finding(code="tainted", severity=DANGER, message=f"Tainted: {change.tainted_by}."))
    known = {claim.principal for claim in change.claims if claim.session_id not in rules.unattributed_sessions}
    if change.claims and not known:
        add(Finding(code="unknown_principal", severity=INFO, message=UNKNOWN_PRINCIPAL))
    elif change.claims and len(known) < CORROBORATING_PRINCIPALS:
        add(Finding(code="single_principal", severity=WARNING, message="One principal alone stands behind it."))
    if young := sorted(known & rules.young_principals):
        old = known - rules.young_principals
        if len(old) < CORROBORATING_PRINCIPALS:
            message = f"It needs the word of a principal who is new here: {_listed(young)}."
            add(Finding(code="young_principal", severity=WARNING, message=message))
    if change.missing:
        add(Finding(code="lost_literals", severity=DANGER, message=f"Merging would lose: {_listed(change.missing)}."))
    if change.conflicts:
        message = f"Other entries say otherwise: {_listed(change.conflicts)}."
        add(Finding(code="conflict", severity=DANGER, message=message))
    if change.alike:
        message = f"Other entries say almost the same: {_listed(change.alike)}."
        add(Finding(code="near_duplicate", severity=WARNING, message=message))
    if change.counter:
        message = f"In {len({c.session_id for c in change.counter})} sessions another change made the call work."
        add(Finding(code="counter_examples", severity=WARNING, message=message))
    if change.is_typed and change.fix is not None and (words := risky_words(change.fix.added)):
        add(
            Finding(code="risky_words", severity=DANGER, message=f"What it adds to a call looks like {_listed(words)}.")
        )
    if change.claims and all(claim.kind == "pitfall" for claim in change.claims):
        add(Finding(code="from_failures", severity=INFO, message=_way_out(change)))
    return [*found, *_wording(change, rules)]


def _way_out(change: Change) -> str:
    """What was seen after the failures; that a later call worked does not say why."""
    mended = {claim.session_id for claim in change.claims if claim.fix is not None}
    if not mended:
        return "It says what fails; no way out was seen to work."
    return f"It says what fails; {counted(len(mended), len(change.sessions))} a later call worked, whatever it changed."


def _wording(change: Change, rules: Rules) -> list[Finding]:
    """A model's own wording, held against what it may rest on and against what it must not have copied."""
    if change.is_typed or change.op in ("retire", "move") or not change.claims:
        return []
    prose = _prose(change)
    copied = any(copies(prose, text, TAINT_CONTAINMENT) for text in rules.untrusted_texts)
    if copied and not change.tainted_by:
        message = "Its wording stands in an event without trust of a session that it rests on."
        return [Finding(code="untrusted_wording", severity=DANGER, message=message)]
    said = " ".join(f"{claim.when} {claim.text}" for claim in change.claims) + " when expect " + change.before
    if prose and containment(prose, said) < UNSUPPORTED_CONTAINMENT:
        return [Finding(code="unsupported_wording", severity=DANGER, message="No claim says this in such words.")]
    return [*_supported_by_quotes(change)]


def _supported_by_quotes(change: Change) -> list[Finding]:
    """Prose about a mined case explains that case; other prose should be found in what it quotes."""
    if any(claim.signature or claim.tools for claim in change.claims):
        return []
    quotes = " ".join(cite.quote for cite in change.cited)
    if containment(_prose(change), quotes) >= UNSUPPORTED_CONTAINMENT:
        return []
    return [Finding(code="interpretation", severity=WARNING, message="It says more than the quotes that it cites.")]


def _prose(change: Change) -> str:
    body = re.sub(r"^\s*- \[[^\]]+\] | \([^()]*sessions?[^()]*\)$", "", change.after)
    return re.sub(r"`[^`]*`", " ", body).strip()


def _listed(words: Iterable[str]) -> str:
    shown = [f"`{word[:80]}`" for word in list(words)[:5]]
    return ", ".join(shown)
