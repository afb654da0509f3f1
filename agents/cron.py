"""PURE: when a cron line fires in a time zone.

The dialect is the wire's: five fields of numbers, `*`, lists, ranges and steps, day of week 0 to 7. Where both day
fields are restricted either one suffices, as POSIX has it; only a bare `*` counts as unrestricted.

Why no library: croniter reads a wider dialect and moves a local time that does not exist instead of skipping it. Here a
zone is a row of stretches of one UTC offset. Inside a stretch, wall clock and UTC run alike, so walking from stretch to
stretch never meets a time that the clock jumped over, and meets a time twice that the clock repeats.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import islice
from zlib import crc32
from zoneinfo import ZoneInfo, available_timezones

from agents.exceptions import InvalidRequest

UPCOMING = 5  # wire contract
FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
SHORTCUTS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
NO_ZONES = ("localtime", "Factory", "posixrules")  # names in some machines' data that say nothing
PART = re.compile(r"(?:\*|(\d{1,2})-(\d{1,2}))(?:/(\d{1,2}))?|(\d{1,2})", re.ASCII)
EXPRESSION_MAX = 255  # what the column holds
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
SEARCHED_DAYS = 3_000  # 29 February may be eight years away

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
FAR = timedelta(days=3)  # no clock was ever set back that much, so nothing repeats across it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A checked expression: the values that each field allows; `is_either_day` where one day field suffices."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # Monday is 0
    is_either_day: bool

    def runs_on(self, day: date) -> bool:
        in_month, in_week = day.day in self.days, day.weekday() in self.weekdays
        return day.month in self.months and (in_month or in_week if self.is_either_day else in_month and in_week)

    def next_local(self, local: datetime) -> datetime:
        """The first matching minute of the wall clock at or after this one, zones left aside."""
        for offset in range(SEARCHED_DAYS):
            day = local.date() + offset * DAY
            if self.runs_on(day):
                start = local.time() if offset == 0 else time.min
                if found := self._time_from(start):
                    return datetime.combine(day, found)
        raise AssertionError("an expression that never fires was let through")

    def _time_from(self, start: time) -> time | None:
        for hour in self.hours:
            if hour >= start.hour:
                least = start.minute if hour == start.hour else 0
                if (minute := next((minute for minute in self.minutes if minute >= least), None)) is not None:
                    return time(hour, minute)
        return None


@lru_cache(maxsize=1_024)
def parse(expression: str) -> Cron:
    """`InvalidRequest` says which field is wrong and what would be right."""
    if hint := SHORTCUTS.get(expression.strip().lower()):
        raise _refusal(f"shortcuts such as {expression.strip()} are not supported; write {hint!r}.")
    if len(expression) > EXPRESSION_MAX:
        raise _refusal(f"it may have at most {EXPRESSION_MAX} characters.")
    parts = expression.split()
    if len(parts) != len(FIELDS):
        raise _refusal(
            f"it must have 5 fields (minute, hour, day of month, month, day of week), not {len(parts)};"
            " there are no seconds and no years."
        )
    minutes, hours, days, months, weekdays = (_values(part, *field) for part, field in zip(parts, FIELDS, strict=True))
    cron = Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=days,
        months=months,
        weekdays=frozenset((day - 1) % 7 for day in weekdays),  # 0 and 7 are Sunday
        is_either_day=parts[2] != "*" and parts[4] != "*",
    )
    if not cron.is_either_day and not any(LONGEST_MONTHS[month - 1] >= min(days) for month in months):
        raise _refusal(f"{expression!r} never fires: no such month has a day {min(days)}.")
    return cron


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - frozenset(NO_ZONES)


def check_zone(name: str) -> ZoneInfo:
    """The zone of that IANA name; `InvalidRequest` when there is none."""
    if name not in _zone_names():
        example = "use one such as Europe/Berlin or UTC"
        raise InvalidRequest(f"schedule.timezone: {name[:64]!r} is no IANA time zone; {example}.")
    return ZoneInfo(name)


def zone_names() -> list[str]:
    """Every name that `check_zone` takes, for a form's list."""
    return sorted(_zone_names())


def next_after(expression: str, zone: str, moment: datetime) -> datetime:
    """The first time strictly after this moment, in UTC."""
    cron, place = parse(expression), check_zone(zone)
    start = moment.astimezone(UTC).replace(second=0, microsecond=0) + MINUTE
    while True:
        offset = _offset(place, start)
        end = _end_of_stretch(place, start)
        local = _rounded_up((start + offset).replace(tzinfo=None))
        found = cron.next_local(local)
        at = found.replace(tzinfo=UTC) - offset
        if at < end:
            return at
        is_quiet = end - start >= DAY  # the clock was not changed, so nothing before `found` can come again
        start = max(end, at - FAR) if is_quiet else end


def occurrences(expression: str, zone: str, moment: datetime) -> Iterator[datetime]:
    """All times after this moment, without end."""
    while True:
        moment = next_after(expression, zone, moment)
        yield moment


def upcoming(expression: str, zone: str, moment: datetime, count: int = UPCOMING) -> list[datetime]:
    """The next times after this moment."""
    return list(islice(occurrences(expression, zone, moment), count))


def jitter_after(name: str, interval: timedelta) -> timedelta:
    """How long after its time the schedule of this name starts: always the same, up to 15 % of the interval, the wire's
    5 seconds to 9 minutes."""
    longest = min(max(interval.total_seconds() * 0.15, 5.0), 540.0)
    return timedelta(seconds=crc32(name.encode()) / 2**32 * longest)


def latest_until(expression: str, zone: str, since: datetime, until: datetime) -> datetime | None:
    """The last time after `since` that is not after `until`; looked for backwards, so a long gap costs nothing."""
    step = timedelta(hours=1)
    while True:
        start = max(since, until - step)
        latest = None
        for found in occurrences(expression, zone, start):
            if found > until:
                break
            latest = found
        if latest or start == since:
            return latest
        step *= 2


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _end_of_stretch(zone: ZoneInfo, start: datetime) -> datetime:
    """The moment at which the offset changes, at most a day away; a day from now where it does not change."""
    offset, low, high = _offset(zone, start), start, start + DAY
    if _offset(zone, high) == offset:
        return high
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
    return high.replace(microsecond=0)


def _rounded_up(local: datetime) -> datetime:
    whole = local.replace(second=0, microsecond=0)
    return whole if whole == local else whole + MINUTE


def _values(field: str, name: str, least: int, most: int) -> frozenset[int]:
    values: set[int] = set()
    for part in field.split(","):
        found = PART.fullmatch(part)
        if found is None:
            raise _refusal(f"the {name} {field!r} is not understood; {_advice(field, least, most)}")
        first, last, step = _bounds(found, least, most)
        if not (least <= first <= last <= most) or step < 1:
            raise _refusal(f"the {name} {part!r} is outside {least} to {most} or runs backwards.")
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _bounds(part: re.Match[str], least: int, most: int) -> tuple[int, int, int]:
    """First, last and step."""
    first, last, step, single = part.groups()
    if single:
        return int(single), int(single), 1
    if first:
        return int(first), int(last), int(step or 1)
    return least, 6 if most == 7 else most, int(step or 1)  # of a week, 7 would be Sunday again


def _refusal(what: str) -> InvalidRequest:
    """Named as the wire names the member."""
    return InvalidRequest(f"schedule.expression: {what}")


def _advice(field: str, least: int, most: int) -> str:
    if re.search(r"[A-Z]{3}", field, re.IGNORECASE):
        return f"use numbers from {least} to {most} instead of names."
    return (
        f"use *, numbers from {least} to {most}, ranges (1-5), lists (1,3) and steps (*/15, 1-5/2);"
        " L, W, # and ? are not supported."
    )
