"""Redfish schedules against a plain walk through time, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odimra.engine.recurrence import (
    DAY,
    MONTHS,
    WEEKDAYS,
    BadRecurrence,
    Recurrence,
    duration,
)

HOUR = 3_600_000
MONDAY = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1000)


def of(**schedule: Any) -> Recurrence:
    return Recurrence.of(schedule)


def occurrences(recurrence: Recurrence, anchor: int, count: int) -> list[int]:
    found: list[int] = []
    time = anchor - 1
    while len(found) < count and (fire := recurrence.next_after(time, anchor)) is not None:
        found.append(fire)
        time = fire
    return found


def days(found: list[int]) -> list[str]:
    return [f"{datetime.fromtimestamp(one / 1000, UTC):%a %d %b %H:%M}" for one in found]


def test_without_an_interval_it_occurs_once() -> None:
    assert occurrences(of(), MONDAY, 5) == [MONDAY]
    assert of().next_after(MONDAY, MONDAY) is None
    friday = of(EnabledDaysOfWeek=["Friday"])
    assert occurrences(friday, MONDAY, 5) == [], "the one there is does not lie on such a day"


def test_a_grid_stands() -> None:
    assert occurrences(of(RecurrenceInterval="PT6H"), MONDAY, 3) == [
        MONDAY, MONDAY + 6 * HOUR, MONDAY + 12 * HOUR,
    ]  # fmt: skip
    assert of(RecurrenceInterval="PT6H").next_after(MONDAY + 7 * HOUR, MONDAY) == MONDAY + 12 * HOUR


def test_working_days_at_three() -> None:
    week = of(RecurrenceInterval="P1D", EnabledDaysOfWeek=["Monday", "Wednesday", "Friday"])
    assert days(occurrences(week, MONDAY + 3 * HOUR, 4)) == [
        "Mon 23 Nov 03:00", "Wed 25 Nov 03:00", "Fri 27 Nov 03:00", "Mon 30 Nov 03:00",
    ]  # fmt: skip


def test_the_first_of_some_months() -> None:
    first = of(
        RecurrenceInterval="P1D", EnabledDaysOfMonth=[1], EnabledMonthsOfYear=["January", "March"]
    )
    assert days(occurrences(first, MONDAY, 3)) == [
        "Fri 01 Jan 00:00", "Mon 01 Mar 00:00", "Sat 01 Jan 00:00",
    ]  # fmt: skip


def test_so_many_times() -> None:
    twice = of(RecurrenceInterval="P1D", EnabledDaysOfWeek=["Friday"], MaxOccurrences=2)
    assert days(occurrences(twice, MONDAY, 5)) == ["Fri 27 Nov 00:00", "Fri 04 Dec 00:00"]
    assert len(occurrences(of(RecurrenceInterval="PT1S", MaxOccurrences=3), MONDAY, 5)) == 3


def test_within_intervals() -> None:
    hours = of(
        RecurrenceInterval="PT1H",
        EnabledIntervals=["2026-11-24T08:00:00Z/PT3H", "PT1H/2026-11-25T01:00:00Z"],
    )
    assert days(occurrences(hours, MONDAY, 9)) == [
        "Tue 24 Nov 08:00", "Tue 24 Nov 09:00", "Tue 24 Nov 10:00", "Wed 25 Nov 00:00",
    ]  # fmt: skip


def test_a_day_that_never_comes() -> None:
    never = of(RecurrenceInterval="P1D", EnabledDaysOfMonth=[30], EnabledMonthsOfYear=["February"])
    assert never.next_after(MONDAY, MONDAY) is None


RECURRENCES = st.builds(
    Recurrence,
    st.sampled_from([0, HOUR, 5 * HOUR, DAY, 36 * HOUR, 7 * DAY]),
    st.frozensets(st.integers(0, 6), max_size=3),
    st.frozensets(st.integers(1, 31), max_size=10),
    st.frozensets(st.sampled_from([1, 11, 12]), max_size=2),
    st.lists(st.integers(0, 60), min_size=2, max_size=2, unique=True).map(
        lambda two: ((MONDAY + min(two) * 12 * HOUR, MONDAY + max(two) * 12 * HOUR),)
    )
    | st.just(()),
    st.integers(0, 6),
)


@given(RECURRENCES, st.integers(0, 200), st.integers(-50, 900))
def test_occurrences_are_those_of_a_plain_walk(
    recurrence: Recurrence, begins: int, after: int
) -> None:
    anchor, time = MONDAY + begins * HOUR, MONDAY + after * HOUR
    found: list[int] = []
    at = anchor
    while at < MONDAY + 70 * DAY:
        moment = datetime.fromtimestamp(at / 1000, UTC)
        enabled = (
            (not recurrence.weekdays or moment.weekday() in recurrence.weekdays)
            and (not recurrence.days or moment.day in recurrence.days)
            and (not recurrence.months or moment.month in recurrence.months)
            and (
                not recurrence.intervals
                or any(since <= at < until for since, until in recurrence.intervals)
            )
        )
        if enabled and (not recurrence.most or len(found) < recurrence.most):
            found.append(at)
        if not recurrence.interval:
            break
        at += recurrence.interval
    expected = next((one for one in found if one > time), None)
    actual = recurrence.next_after(time, anchor)
    if actual is not None and actual >= MONDAY + 70 * DAY:
        actual = None
    assert actual == expected
    assert Recurrence.load(recurrence.stored()) == recurrence


@pytest.mark.parametrize(
    ("text", "ms"),
    [("PT1S", 1000), ("P1DT2H3M4.5S", DAY + 2 * HOUR + 184_500), ("P2D", 2 * DAY), ("PT0.001S", 1)],
)
def test_durations(text: str, ms: int) -> None:
    assert duration(text, "x") == ms
    assert timedelta(milliseconds=ms) > timedelta(0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("RecurrenceInterval", bad) for bad in ("", "P", "PT", "P1DT", "1D", "PT0.5S", "P1M")),
        ("RecurrenceInterval", "P" + "9" * 20 + "D"),
        *(("MaxOccurrences", bad) for bad in (0, -1)),
        *(("EnabledDaysOfMonth", bad) for bad in ([32], [-1], [0, 1])),
        ("EnabledDaysOfWeek", ["Noday"]),
        ("EnabledMonthsOfYear", ["Brumaire"]),
        *(("EnabledIntervals", [bad]) for bad in (
            "x", "x/y", "2026-01-02T00:00:00Z/2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z/Px",
            "PT1H/PT1H",
        )),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_named(name: str, value: Any) -> None:
    with pytest.raises(BadRecurrence) as wrong:
        of(**{name: value})
    assert wrong.value.name == name


def test_what_is_null_or_every_is_all() -> None:
    assert of(
        RecurrenceInterval=None, MaxOccurrences=None, EnabledDaysOfWeek=["Every"],
        EnabledMonthsOfYear=["Every"], EnabledDaysOfMonth=[0], EnabledIntervals=[None],
    ) == Recurrence(0)  # fmt: skip
    assert of(EnabledDaysOfWeek=list(WEEKDAYS)).weekdays == frozenset(range(7))
    assert of(EnabledMonthsOfYear=list(MONTHS)).months == frozenset(range(1, 13))
