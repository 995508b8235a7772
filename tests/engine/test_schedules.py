"""When schedules fire, and what becomes of a fire that was missed."""

from __future__ import annotations

import orjson
import pytest

from odimra.engine.schedules import LATEST, BadSchedule, Due, Schedule

#: 2027-01-15T08:00:00Z.
NOW = 1_800_000_000_000
HOUR = 3_600_000


def schedule(**properties: object) -> Schedule:
    return Schedule.load(properties)


def simple(**properties: object) -> Schedule:
    return schedule(type="simple", **properties)


def fires(of: Schedule, made: int = NOW, most: int = 10) -> list[int]:
    """The fires of a schedule, relative to when it was made."""
    anchor = of.anchor(made)
    found, fire = [], of.first(anchor)
    while fire is not None and len(found) < most:
        found.append(fire - made)
        fire = of.next_after(fire, anchor)
    return found


# Simple


def test_a_simple_schedule_first_fires_three_seconds_after_it_was_made() -> None:
    assert fires(simple(repeatInterval=HOUR), most=3) == [3000, HOUR + 3000, 2 * HOUR + 3000]


def test_a_simple_schedule_with_a_start_fires_then() -> None:
    assert fires(simple(repeatInterval=HOUR, startTime="2027-01-15T09:00:00"), most=2) == [
        HOUR,
        2 * HOUR,
    ]


@pytest.mark.parametrize(("count", "number"), [(0, 1), (1, 2), (4, 5), (-1, 10), (None, 10)])
def test_it_repeats_as_often_as_it_says(count: int | None, number: int) -> None:
    assert len(fires(simple(repeatInterval=HOUR, repeatCount=count))) == number


def test_without_an_interval_it_fires_once() -> None:
    assert fires(simple()) == [3000]


def test_nothing_fires_after_the_end() -> None:
    until = simple(
        repeatInterval=HOUR, startTime="2027-01-15T08:00:00Z", endTime="2027-01-15T10:00:00Z"
    )
    assert fires(until) == [0, HOUR, 2 * HOUR], "the end itself is included"
    assert fires(simple(repeatInterval=HOUR, endTime="2020-01-01T00:00:00")) == []


def test_the_grid_stands_wherever_one_asks_from() -> None:
    every = simple(repeatInterval=1000, repeatCount=5)
    for time, wanted in [(-1, 0), (0, 1000), (1, 1000), (999, 1000), (4999, 5000), (5000, None)]:
        assert every.next_after(NOW + time, NOW) == (None if wanted is None else NOW + wanted)


def test_nothing_fires_after_the_last_year() -> None:
    assert simple(repeatInterval=HOUR).next_after(LATEST - HOUR // 2, NOW) is None


# Cron


def test_a_cron_schedule_fires_by_the_clock_of_its_zone() -> None:
    berlin = schedule(schedule="0 0 12 * * ?", timeZone="Europe/Berlin")
    assert fires(berlin, most=2) == [3 * HOUR, 27 * HOUR]
    assert fires(schedule(schedule="0 0 12 * * ?"), most=1) == [4 * HOUR], "else UTC"


def test_the_moment_it_is_made_may_be_its_first_fire() -> None:
    assert fires(schedule(schedule="0 0 * * * ?"), most=2) == [0, HOUR]
    assert fires(schedule(schedule="0 0 * * * ?"), made=NOW + 1, most=1) == [HOUR - 1]


def test_a_cron_schedule_does_not_fire_before_its_start_nor_after_its_end() -> None:
    between = schedule(
        schedule="0 0 * * * ?",
        timeZone="Europe/Berlin",
        startTime="2027-01-15T10:00:00",  # read in the zone: 09:00 UTC
        endTime="2027-01-15T10:30:00Z",
    )
    assert fires(between) == [HOUR, 2 * HOUR]


def test_an_expression_that_has_ended_never_fires() -> None:
    assert fires(schedule(schedule="0 0 0 1 1 ? 2020")) == []


# Missed fires


def test_a_fire_that_is_a_little_late_is_made_good() -> None:
    every = simple(repeatInterval=1000)
    assert every.due(NOW, NOW, NOW) == Due(fire=True, late=False, next=NOW + 1000)
    assert every.due(NOW, NOW + 10_000, NOW) == Due(fire=True, late=False, next=NOW + 1000)


def test_fire_and_proceed_fires_once_for_all_that_were_missed() -> None:
    every = simple(repeatInterval=60_000, misfirePolicy="fireAndProceed")
    late = NOW + 300_001
    assert every.due(NOW, late, NOW) == Due(fire=True, late=True, next=NOW + 360_000)


def test_do_nothing_waits_for_the_next() -> None:
    hourly = schedule(schedule="0 0 * * * ?", misfirePolicy="doNothing")
    assert hourly.due(NOW, NOW + 10_001, NOW) == Due(fire=False, late=True, next=NOW + HOUR)


def test_what_was_missed_counts_among_the_repeats() -> None:
    thrice = simple(repeatInterval=60_000, repeatCount=2)
    assert thrice.due(NOW, NOW + 90_000, NOW).next == NOW + 120_000
    assert thrice.due(NOW, NOW + 900_000, NOW) == Due(fire=True, late=True, next=None)


def test_a_missed_fire_is_not_made_good_after_the_end() -> None:
    ended = simple(repeatInterval=60_000, endTime="2027-01-15T08:01:00Z")
    assert ended.due(NOW, NOW + 60_000, NOW).fire
    assert ended.due(NOW, NOW + 60_001, NOW) == Due(fire=False, late=True, next=None)


# What is a schedule


@pytest.mark.parametrize(
    ("properties", "name", "sentence"),
    [
        ({"type": "yearly"}, "type", "Specified type value invalid: yearly"),
        ({"type": ["cron"]}, "type", "Specified type value invalid"),
        ({}, "schedule", "A schedule of type cron must provide a cron schedule"),
        ({"schedule": " "}, "schedule", "A schedule of type cron must provide a cron schedule"),
        ({"schedule": 5}, "schedule", "A schedule of type cron must provide a cron schedule"),
        ({"schedule": "0 0 25 * * ?"}, "schedule", "The field 'hours' takes 0 to 23, not 25."),
        ({"timeZone": "Mars/Olympus"}, "timeZone", "timezone is not understood: Mars/Olympus"),
        ({"timeZone": "../../etc/passwd"}, "timeZone", "timezone is not understood"),
        ({"timeZone": "Europe"}, "timeZone", "timezone is not understood: Europe"),
        ({"timeZone": ""}, "timeZone", "timezone is not understood"),
        ({"timeZone": 5}, "timeZone", "timezone is not understood: 5"),
        ({"type": "simple", "repeatInterval": 99}, "repeatInterval", "at least 100 ms, not 99"),
        ({"type": "simple", "repeatInterval": -1}, "repeatInterval", "at least 100 ms"),
        ({"type": "simple", "repeatInterval": 10**30}, "repeatInterval", "repeatInterval is"),
        ({"type": "simple", "repeatInterval": "9"}, "repeatInterval", "is a whole number"),
        ({"type": "simple", "repeatInterval": True}, "repeatInterval", "is a whole number"),
        ({"type": "simple", "repeatCount": -2}, "repeatCount", "repeatCount is -1"),
        ({"type": "simple", "repeatCount": 1.5}, "repeatCount", "is a whole number"),
        ({"type": "simple", "misfirePolicy": "panic"}, "misfirePolicy", "Invalid misfire policy"),
        ({"type": "simple", "misfirePolicy": {}}, "misfirePolicy", "Invalid misfire policy"),
        ({"type": "simple", "startTime": "soon"}, "startTime", "startTime is no ISO 8601"),
        ({"type": "simple", "startTime": 5}, "startTime", "startTime is no ISO 8601"),
        ({"type": "simple", "endTime": "2300-01-01T00:00:00"}, "endTime", "after 2199"),
        ({"type": "simple", "startTime": "0001-01-01T00:00:00"}, "startTime", "before 1970"),
        (
            {"type": "simple", "startTime": "2027-01-02", "endTime": "2027-01-01"},
            "endTime",
            "endTime is before startTime",
        ),
    ],
)
def test_what_is_refused_and_why(properties: dict[str, object], name: str, sentence: str) -> None:
    with pytest.raises(BadSchedule, match=sentence) as refused:
        Schedule.load(properties)
    assert refused.value.name == name


@pytest.mark.parametrize(
    "properties",
    [
        {"type": "simple", "repeatInterval": HOUR},
        {"type": "simple", "repeatInterval": HOUR, "repeatCount": 3, "misfirePolicy": "doNothing"},
        {"schedule": "0 0 12 ? * FRIL 2027", "timeZone": "America/New_York"},
        {
            "schedule": "0 0 12 ? * *",
            "timeZone": "Asia/Kolkata",
            "startTime": "2027-01-15T00:00:00.123",
            "endTime": "2028-01-01T00:00:00+02:00",
        },
    ],
)
def test_a_schedule_that_was_stored_is_the_same(properties: dict[str, object]) -> None:
    made = Schedule.load(properties)
    again = Schedule.load(orjson.loads(orjson.dumps(made.stored())))
    assert again == made and fires(again) == fires(made)


def test_properties_that_are_null_or_another_s_are_left_alone() -> None:
    document = {
        "enabled": True,
        "type": "simple",
        "repeatInterval": HOUR,
        "schedule": None,
        "startTime": None,
        "endTime": None,
        "invokeContext": {"type": "cron"},
    }
    assert Schedule.load(document) == simple(repeatInterval=HOUR)
