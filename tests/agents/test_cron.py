"""When cron lines fire: the dialect, the time zones, both daylight-saving rules."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.cron import (
    check_zone,
    jitter_after,
    latest_until,
    next_after,
    occurrences,
    parse,
    upcoming,
    zone_names,
)
from agents.exceptions import InvalidRequest

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local_times(expression, zone, start, count):
    found = upcoming(expression, zone, utc(start), count)
    return [moment.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M %z") for moment in found]


@pytest.mark.parametrize(
    ("zone", "expression", "start", "expected"),
    [
        # Berlin, 29 March 2026: 02:00 becomes 03:00. The time that is not there is skipped.
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T00:00", ["03-28 02:30 +0100", "03-30 02:30 +0200"]),
        ("Europe/Berlin", "0 3 * * *", "2026-03-28T12:00", ["03-29 03:00 +0200", "03-30 03:00 +0200"]),
        # Berlin, 25 October 2026: 03:00 becomes 02:00. The time that is there twice fires twice.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-24T12:00",
            ["10-25 02:30 +0200", "10-25 02:30 +0100", "10-26 02:30 +0100"],
        ),
        (
            "America/New_York",
            "*/30 1,2 * * *",
            "2026-11-01T04:30",
            ["11-01 01:00 -0400", "11-01 01:30 -0400", "11-01 01:00 -0500", "11-01 01:30 -0500", "11-01 02:00 -0500"],
        ),
        ("America/New_York", "15 2 8 3 *", "2026-01-01T00:00", ["03-08 02:15 -0500"]),  # of 2027: in 2026 there is none
        # Lord Howe moves by half an hour: 5 April 02:00 becomes 01:30, 4 October 02:00 becomes 02:30.
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T12:00",
            ["04-05 01:45 +1100", "04-05 01:45 +1030", "04-06 01:45 +1030"],
        ),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00", ["10-05 02:15 +1100", "10-06 02:15 +1100"]),
        ("Asia/Kathmandu", "0 6 * * *", "2026-06-01T00:00", ["06-01 06:00 +0545", "06-02 06:00 +0545"]),
    ],
)
def test_the_clock_of_the_zone_decides(zone, expression, start, expected):
    assert local_times(expression, zone, start, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 13 * 5", ["06-05", "06-12", "06-13", "06-19"]),  # the 13th or a Friday
        ("0 0 * * 5", ["06-05", "06-12", "06-19", "06-26"]),
        ("0 0 13 * *", ["06-13", "07-13", "08-13", "09-13"]),
        ("0 0 */15 * 1", ["06-01", "06-08", "06-15", "06-16"]),  # only a bare star is unrestricted
        ("0 0 * * 0", ["06-07", "06-14", "06-21", "06-28"]),
        ("0 0 * * 7", ["06-07", "06-14", "06-21", "06-28"]),
        ("0 0 * * 5-7", ["06-05", "06-06", "06-07", "06-12"]),
        ("0 0 31 * *", ["07-31", "08-31", "10-31", "12-31"]),
    ],
)
def test_either_day_field_suffices_where_both_are_restricted(expression, expected):
    found = upcoming(expression, "UTC", utc("2026-05-31T12:00"), 4)
    assert [moment.strftime("%m-%d") for moment in found] == expected


def test_the_29th_of_february_is_found_across_a_century_without_one():
    assert next_after("0 0 29 2 *", "Europe/Berlin", utc("2096-03-01T00:00")) == utc("2104-02-28T23:00")


def test_the_next_time_is_strictly_later():
    assert next_after("0 9 * * *", "UTC", utc("2026-01-01T09:00:00")) == utc("2026-01-02T09:00")
    assert next_after("0 9 * * *", "UTC", utc("2026-01-01T08:59:59.9")) == utc("2026-01-01T09:00")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("@daily", "'0 0 * * *'"),
        ("0 0 9 * * *", "5 fields"),
        ("0 9 * *", "5 fields"),
        ("", "5 fields"),
        ("0 9 * * MON-FRI", "numbers from 0 to 7 instead of names"),
        ("0 9 L * *", "L, W, # and ?"),
        ("0 9 15W * *", "L, W, # and ?"),
        ("0 9 * * 1#2", "L, W, # and ?"),
        ("0 9 ? * *", "L, W, # and ?"),
        ("60 * * * *", "minute '60' is outside 0 to 59"),
        ("* * 0 * *", "outside 1 to 31"),
        ("* * * * 8", "outside 0 to 7"),
        ("5-1 * * * *", "runs backwards"),
        ("*/0 * * * *", "outside"),
        ("0/5 * * * *", "minute '0/5' is not understood"),
        ("1,,2 * * * *", "not understood"),
        ("٣ * * * *", "not understood"),
        ("-1 * * * *", "not understood"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("1," * 200 + "1 * * * *", "at most 255"),
    ],
)
def test_what_is_outside_the_dialect_is_refused_with_a_hint(expression, reason):
    with pytest.raises(InvalidRequest) as refusal:
        parse(expression)
    assert reason in refusal.value.message


@pytest.mark.parametrize("name", ["Mars/Base", "", "europe/berlin", "../etc/passwd", "localtime", "+02:00", "America"])
def test_a_zone_must_be_one_of_the_iana_names(name):
    with pytest.raises(InvalidRequest, match="IANA"):
        check_zone(name)


def test_zones_can_be_listed_for_a_form():
    assert {"Europe/Berlin", "UTC"} <= set(zone_names())


def test_the_latest_time_of_a_long_gap_is_found_without_walking_it():
    since, until = utc("2020-01-01T00:00"), utc("2026-10-25T01:45")
    assert latest_until("30 2 * * *", "Europe/Berlin", since, until) == utc("2026-10-25T01:30")
    assert latest_until("* * * * *", "UTC", since, until) == until
    assert latest_until("0 0 29 2 *", "UTC", since, until) == utc("2024-02-29T00:00")
    assert latest_until("0 0 29 2 *", "UTC", utc("2025-01-01T00:00"), until) is None


@pytest.mark.parametrize(("interval", "longest"), [(60, 9), (20, 5), (3_600, 540), (86_400, 540)])
def test_jitter_is_the_same_every_time_and_bounded(interval, longest):
    waits = [jitter_after(f"depl_{number}", timedelta(seconds=interval)).total_seconds() for number in range(200)]
    assert waits == [jitter_after(f"depl_{n}", timedelta(seconds=interval)).total_seconds() for n in range(200)]
    assert 0 <= min(waits) < longest / 4
    assert longest * 3 / 4 < max(waits) <= longest


def values(least, most):
    number = st.integers(least, most)
    ranges = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.integers(2, max(2, most)).map(lambda step: f"*/{step}")
    return st.one_of(st.just("*"), number.map(str), ranges, steps, st.lists(number, min_size=2, max_size=3).map(joined))


def joined(numbers):
    return ",".join(map(str, numbers))


expressions = st.tuples(values(0, 59), values(0, 23), values(1, 28), st.just("*"), values(0, 7)).map(" ".join)
# Around the days on which the clocks of these zones are changed, and somewhere else.
starts = st.sampled_from(
    ["2026-03-08", "2026-03-29", "2026-04-04", "2026-10-03", "2026-10-25", "2026-11-01", "2026-07-15"]
)


@given(expression=expressions, zone=st.sampled_from(ZONES), day=starts, minutes=st.integers(-600, 600))
@settings(max_examples=150, deadline=None)
def test_it_agrees_with_a_walk_through_every_minute(expression, zone, day, minutes):
    start = utc(f"{day}T00:00") + timedelta(minutes=minutes)
    end = start + timedelta(days=2)
    walked = walk(expression, ZoneInfo(zone), start, end)
    found = []
    for moment in occurrences(expression, zone, start):
        if moment > end:
            break
        found.append(moment)
    assert found == walked


def walk(expression, zone, start, end):
    """Every minute of UTC, asked one by one what the zone's clock shows."""
    least = (0, 0, 1, 1, 0)
    minute, hour, day, _, weekday = map(field_values, expression.split(), least)
    is_either = expression.split()[2] != "*" and expression.split()[4] != "*"
    found, moment = [], start + timedelta(minutes=1)
    while moment <= end:
        local = moment.astimezone(zone)
        days = (local.day in day, local.isoweekday() in weekday or local.isoweekday() % 7 in weekday)
        if local.minute in minute and local.hour in hour and (any(days) if is_either else all(days)):
            found.append(moment)
        moment += timedelta(minutes=1)
    return found


def field_values(field, least):
    if field.startswith("*"):
        return range(least, 60, int(field[2:] or 1))
    if "-" in field:
        first, last = map(int, field.split("-"))
        return range(first, last + 1)
    return set(map(int, field.split(",")))
