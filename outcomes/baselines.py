"""PURE: rates with honest intervals, and what a before and an after may be said to show."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, sqrt

Z_95 = 1.959964  # two-sided 95 %
Z_POWER_80 = 0.841621  # 80 % power
TOO_FEW = 20  # below this many sessions an interval is wider than any claim


class Finding(StrEnum):
    """What a comparison may be said to show."""

    NOTHING_YET = "nothing_yet"  # one side has no session at all
    TOO_FEW = "too_few"
    BETTER = "better"
    WORSE = "worse"
    UNCLEAR = "unclear"  # enough sessions, the interval of the difference holds zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """k of n with its Wilson 95 % interval; fractions, not percent."""

    successes: int
    total: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The plain rate; 0 when nothing was counted."""
        return self.successes / self.total if self.total else 0.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was counted."""
        return not self.total

    @property
    def is_too_few(self) -> bool:
        """Whether the count is too small to say anything."""
        return self.total < TOO_FEW

    @property
    def percent(self) -> int:
        """The rate in whole percent."""
        return round(self.share * 100)

    @property
    def sentence(self) -> str:
        """Such as "62 % (52 of 84, 51–72)"."""
        if self.is_empty:
            return "no session yet"
        return f"{self.percent} % ({self.successes} of {self.total}, {round(self.low * 100)}–{round(self.high * 100)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Before against after; low and high bound the difference (Newcombe's interval), in fractions."""

    before: Rate
    after: Rate
    difference: float
    low: float
    high: float
    finding: Finding
    needed_per_side: int | None

    @property
    def sentence(self) -> str:
        """The verdict in one plain sentence."""
        return _VERDICTS[self.finding](self)

    @property
    def points(self) -> str:
        """The plain difference with its sign, in percentage points."""
        return _signed(self.difference)

    @property
    def difference_text(self) -> str:
        """Such as "+9 points (−7 to +23)"."""
        if self.finding is Finding.NOTHING_YET:
            return "–"
        return f"{_signed(self.difference)} points ({_signed(self.low)} to {_signed(self.high)})"


def rate(successes: int, total: int) -> Rate:
    """The rate with its Wilson interval; nothing counted leaves everything possible."""
    if not 0 <= successes <= total:
        raise ValueError(f"{successes} of {total} is no rate")
    if not total:
        return Rate(successes=0, total=0, low=0.0, high=1.0)
    share, square = successes / total, Z_95 * Z_95
    centre = (share + square / (2 * total)) / (1 + square / total)
    half = Z_95 * sqrt(share * (1 - share) / total + square / (4 * total * total)) / (1 + square / total)
    return Rate(successes=successes, total=total, low=max(0.0, centre - half), high=min(1.0, centre + half))


def compare(before: Rate, after: Rate) -> Comparison:
    """Difference after minus before, with the finding that the numbers allow and no stronger one."""
    difference = after.share - before.share
    low = difference - sqrt((after.share - after.low) ** 2 + (before.high - before.share) ** 2)
    high = difference + sqrt((after.high - after.share) ** 2 + (before.share - before.low) ** 2)
    return Comparison(
        before=before,
        after=after,
        difference=difference,
        low=low,
        high=high,
        finding=_finding(before, after, low, high),
        needed_per_side=needed_per_side(before.share, after.share),
    )


def needed_per_side(before: float, after: float) -> int | None:
    """Sessions per side to see this difference with 80 % power at 5 %; None when there is none to see."""
    gap = abs(after - before)
    if gap < 0.005:  # less than half a point, no sample settles it
        return None
    middle = (before + after) / 2
    spread = Z_95 * sqrt(2 * middle * (1 - middle))
    power = Z_POWER_80 * sqrt(before * (1 - before) + after * (1 - after))
    return max(TOO_FEW, ceil((spread + power) ** 2 / gap**2))


def _finding(before: Rate, after: Rate, low: float, high: float) -> Finding:
    if before.is_empty or after.is_empty:
        return Finding.NOTHING_YET
    if before.is_too_few or after.is_too_few:
        return Finding.TOO_FEW
    if low > 0:
        return Finding.BETTER
    return Finding.WORSE if high < 0 else Finding.UNCLEAR


def _nothing_yet(comparison: Comparison) -> str:
    if comparison.before.is_empty and comparison.after.is_empty:
        return "No session has a verdict yet, so there is nothing to compare."
    if comparison.after.is_empty:
        return "No session has a verdict since memory changed, so there is nothing to compare yet."
    return "No session had a verdict before memory changed, so there is nothing to compare with."


def _too_few(comparison: Comparison) -> str:
    smaller = min(comparison.before.total, comparison.after.total)
    text = f"Too few sessions to tell: {smaller} on the smaller side, at least {TOO_FEW} are needed."
    return text + _needed(comparison)


def _unclear(comparison: Comparison) -> str:
    return "The intervals leave room for no change at all: too few sessions to tell." + _needed(comparison)


def _needed(comparison: Comparison) -> str:
    points = abs(round(comparison.difference * 100))
    if comparison.needed_per_side is None or not points:
        return ""
    unit = "point" if points == 1 else "points"
    return f" About {comparison.needed_per_side} per side are needed to see a difference of {points} {unit}."


def _better(comparison: Comparison) -> str:
    return f"More sessions are completed since memory changed: {comparison.difference_text}."


def _worse(comparison: Comparison) -> str:
    return f"Fewer sessions are completed since memory changed: {comparison.difference_text}."


_VERDICTS = {
    Finding.NOTHING_YET: _nothing_yet,
    Finding.TOO_FEW: _too_few,
    Finding.UNCLEAR: _unclear,
    Finding.BETTER: _better,
    Finding.WORSE: _worse,
}


def _signed(fraction: float) -> str:
    points = round(fraction * 100)
    return "0" if not points else f"{'+' if points > 0 else '−'}{abs(points)}"
