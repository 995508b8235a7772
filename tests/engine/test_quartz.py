"""Quartz cron expressions: what they mean, when they fire next, what is refused."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from odimra.engine.quartz import BadCron, parse

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # puts the clock on by half an hour
APIA = ZoneInfo("Pacific/Apia")  # had no 30 December 2011


def fires(expression: str, after: datetime, count: int) -> list[datetime]:
    cron, found = parse(expression), []
    moment: datetime | None = after
    while moment is not None and len(found) < count:
        moment = cron.next_after(moment)
        if moment is not None:
            found.append(moment)
    return found


def told(expression: str, count: int = 3, after: datetime = NEW_YEAR) -> str:
    return " ".join(f"{fire:%y-%m-%dT%H:%M:%S}" for fire in fires(expression, after, count))


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        # The reference's answers, each agreed on by two libraries or by hand.
        ("0 15 10 ? * 6L", "01-30 02-27 03-27"),
        ("0 15 10 LW * ?", "01-30 02-27 03-31"),
        ("0 15 10 15W * ?", "01-15 02-16 03-16"),
        ("0 15 10 ? * 6#3", "01-16 02-20 03-20"),
        ("0 15 10 L-3 * ?", "01-28 02-25 03-28"),
        ("0 15 10 ? * FRI#2", "01-09 02-13 03-13"),
        # By hand, with a calendar of 2026: 1 January is a Thursday.
        ("0 15 10 L * ?", "01-31 02-28 03-31"),
        ("0 15 10 ? * FRIL", "01-30 02-27 03-27"),
        ("0 15 10 ? * L", "01-03 01-10 01-17"),
        ("0 15 10 ? * 1", "01-04 01-11 01-18"),
        ("0 15 10 ? * sun", "01-04 01-11 01-18"),
        ("0 15 10 ? * FRI-MON", "01-02 01-03 01-04"),
        ("0 15 10 ? * SAT-SUN/1", "01-03 01-04 01-10"),
        ("0 15 10 ? * 6-2/2", "01-02 01-04 01-09"),
        ("0 15 10 ? * 2#5", "03-30 06-29 08-31"),
        ("0 15 10 ? * 1#1,6L", "01-04 01-30 02-01"),
        ("0 15 10 1W * ?", "01-01 02-02 03-02"),
        ("0 15 10 1W 8 ?", "08-03"),  # the first is a Saturday: on to Monday, not back into July
        ("0 15 10 31W 5 ?", "05-29"),  # a Sunday: back to Friday, not on into June
        ("0 15 10 30W * ?", "01-30 03-30 04-30"),
        ("0 15 10 31W * ?", "01-30 03-31 05-29"),
        ("0 15 10 L-2W * ?", "01-29 02-26 03-30"),
        ("0 15 10 L-30 * ?", "01-01 03-01 05-01"),
        ("0 15 10 LW,1W * ?", "01-01 01-30 02-02"),
        ("0 15 10 1,15 * ?", "01-01 01-15 02-01"),
        ("0 15 10 30-2 * ?", "01-01 01-02 01-30"),
        ("0 15 10 10/15 * ?", "01-10 01-25 02-10"),
        ("0 15 10 31 2-4 ?", "03-31"),
        ("0 15 10 1 NOV-JAN ?", "01-01 11-01 12-01"),
        ("0 15 10 1 1/4 ?", "01-01 05-01 09-01"),
        ("0 15 10 1 feb,AUG ?", "02-01 08-01"),
    ],
)
def test_the_days(expression: str, days: str) -> None:
    wanted = " ".join(f"26-{day}T10:15:00" for day in days.split())
    assert told(f"{expression} 2026", len(days.split())) == wanted


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("0/30 * * * * ?", "00:00:30 00:01:00 00:01:30"),
        ("1/5 0 0 * * ?", "00:00:01 00:00:06 00:00:11"),
        ("0 */15 * * * ?", "00:15:00 00:30:00 00:45:00"),
        ("0 /25 * * * ?", "00:25:00 00:50:00 01:00:00"),
        ("0 10-40/10 * * * ?", "00:10:00 00:20:00 00:30:00 00:40:00 01:10:00"),
        ("0 0 22-2 * * ?", "01:00:00 02:00:00 22:00:00 23:00:00"),
        ("0 0 22-2/2 * * ?", "02:00:00 22:00:00"),
        ("0 55-5/5 3 * * ?", "03:00:00 03:05:00 03:55:00"),
        ("59 59 23 * * ?", "23:59:59"),
        ("5,3,5 0 0 * * ?", "00:00:03 00:00:05"),
        ("0 0 12 ? * *", "12:00:00"),
        (" 0\t0  12 * * ? * ", "12:00:00"),
    ],
)
def test_the_times_of_a_day(expression: str, times: str) -> None:
    wanted = " ".join(f"26-01-01T{time}" for time in times.split())
    assert told(expression, len(times.split())) == wanted


def test_the_years() -> None:
    assert told("0 0 0 29 2 ?") == "28-02-29T00:00:00 32-02-29T00:00:00 36-02-29T00:00:00"
    assert told("0 0 0 1 1 ? 2030,2040-2042") == (
        "30-01-01T00:00:00 40-01-01T00:00:00 41-01-01T00:00:00"
    )
    assert told("0 0 0 1 1 ? 2198/1", after=datetime(2150, 1, 1, tzinfo=UTC)) == (
        "98-01-01T00:00:00 99-01-01T00:00:00"
    )


def test_nothing_is_left_after_the_last_year() -> None:
    every_second = parse("* * * * * ?")
    last = datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert every_second.next_after(last - timedelta(seconds=1)) == last
    assert every_second.next_after(last) is None
    assert every_second.next_after(datetime.max.replace(tzinfo=NEW_YORK)) is None
    assert parse("0 0 0 30 2 ?").next_after(NEW_YEAR) is None
    assert parse("0 0 0 1 1 ? 2025").next_after(NEW_YEAR) is None


def test_nothing_is_before_the_first_year() -> None:
    first = parse("* * * * * ?").next_after(datetime.min.replace(tzinfo=LORD_HOWE))
    assert first == datetime(1970, 1, 1, tzinfo=LORD_HOWE)


def test_a_fire_is_later_than_the_moment_by_however_little() -> None:
    noon = parse("0 0 12 * * ?")
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert noon.next_after(at - timedelta(microseconds=1)) == at
    assert noon.next_after(at) == at + timedelta(days=1)
    assert noon.next_after(at + timedelta(microseconds=1)) == at + timedelta(days=1)


def test_a_moment_must_have_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        parse("0 0 12 * * ?").next_after(datetime(2026, 1, 1))  # noqa: DTZ001 (the point)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("", "A cron expression has 6 or 7 fields"),
        ("0 0 12 * *", "not 5."),
        ("0 0 12 * * ? 2026 *", "not 8."),
        ("0 0 12 * * *", "Exactly one of 'day of month' and 'day of week' is ?."),
        ("0 0 12 ? * ?", "Exactly one of 'day of month' and 'day of week' is ?."),
        ("0 0 12 1,? * MON", "Exactly one"),
        ("60 0 12 * * ?", "The field 'seconds' takes 0 to 59, not 60."),
        ("0 60 12 * * ?", "The field 'minutes' takes 0 to 59, not 60."),
        ("0 0 24 * * ?", "The field 'hours' takes 0 to 23, not 24."),
        ("0 0 0 0 * ?", "The field 'day of month' takes 1 to 31, not 0."),
        ("0 0 0 32 * ?", "The field 'day of month' takes 1 to 31, not 32."),
        ("0 0 0 32W * ?", "The field 'day of month' takes 1 to 31, not 32."),
        ("0 0 0 L-31 * ?", "The field 'day of month' takes L-0 to L-30, not L-31."),
        ("0 0 0 1-5W * ?", "The field 'day of month' has '1-5W'"),
        ("0 0 0 5L * ?", "The field 'day of month' has '5L'"),
        ("0 0 0 MON * ?", "The field 'day of month' takes 1 to 31, not MON."),
        ("0 0 0 1,,2 * ?", "The field 'day of month' has ''"),
        ("0 0 0 1,? * ?", "Exactly one|'day of month' has '\\?'"),
        ("0 0 0 1 0 ?", "The field 'month' takes 1 to 12 or JAN to DEC, not 0."),
        ("0 0 0 1 FOO ?", "The field 'month' takes 1 to 12 or JAN to DEC, not FOO."),
        ("0 0 0 1 L ?", "The field 'month' has 'L'"),
        ("0 0 0 ? * 0", "The field 'day of week' takes 1 to 7 or SUN to SAT, not 0."),
        ("0 0 0 ? * 8L", "The field 'day of week' takes 1 to 7 or SUN to SAT, not 8."),
        ("0 0 0 ? * 6#6", "The field 'day of week' takes #1 to #5, not 6#6."),
        ("0 0 0 ? * 6#0", "The field 'day of week' takes #1 to #5, not 6#0."),
        ("0 0 0 ? * FRIDAY", "The field 'day of week' has 'FRIDAY'"),
        ("0 0 0 ? * 15W", "The field 'day of week' has '15W'"),
        ("0 0 0 1 * ? 1969", "The field 'year' takes 1970 to 2199, not 1969."),
        ("0 0 0 1 * ? 2200", "The field 'year' takes 1970 to 2199, not 2200."),
        ("0 0 0 1 * ? 2030-2020", "The field 'year' has a range that runs backwards, 2030-2020."),
        ("? 0 0 1 * ?", "The field 'seconds' cannot be ?"),
        ("0/0 0 0 1 * ?", "The field 'seconds' takes steps of 1 to 59, not 0."),
        ("0/60 0 0 1 * ?", "The field 'seconds' takes steps of 1 to 59, not 60."),
        ("0 0 0/24 1 * ?", "The field 'hours' takes steps of 1 to 23, not 24."),
        ("0/ 0 0 1 * ?", "The field 'seconds' has '0/'"),
        ("5-/3 0 0 1 * ?", "The field 'seconds' has '5-/3'"),
        ("-5 0 0 1 * ?", "The field 'seconds' has '-5'"),
        ("1- 0 0 1 * ?", "The field 'seconds' has '1-'"),
        ("1.5 0 0 1 * ?", "The field 'seconds' has '1.5'"),
        ("٣ 0 0 1 * ?", "The field 'seconds' has '٣'"),
        ("0 0 0 1 * ? " + "9" * 1000, "at most 1000 characters"),
    ],
)
def test_what_is_refused_and_why(expression: str, sentence: str) -> None:
    with pytest.raises(BadCron, match=sentence.replace("?.", r"\?.").replace("be ?", r"be \?")):
        parse(expression)


@given(st.text(alphabet="0123456789*?/-,#LWMONJA \t", max_size=40))
def test_any_text_is_an_expression_or_refused_as_one(text: str) -> None:
    try:
        cron = parse(text)
    except BadCron:
        return
    cron.next_after(NEW_YEAR)


# Daylight saving


def test_a_time_that_does_not_exist_is_skipped() -> None:
    eve = datetime(2026, 3, 7, tzinfo=NEW_YORK)
    assert (
        told("0 30 2 * * ?", after=eve) == "26-03-07T02:30:00 26-03-09T02:30:00 26-03-10T02:30:00"
    )
    before = datetime(2026, 3, 8, 1, 59, 58, tzinfo=NEW_YORK)
    seconds = fires("* * * * * ?", before, 3)
    assert [f"{fire:%H:%M:%S}" for fire in seconds] == ["01:59:59", "03:00:00", "03:00:01"]
    assert [fire.astimezone(UTC).second for fire in seconds] == [59, 0, 1]


def test_a_time_that_exists_twice_fires_the_first_time_only() -> None:
    eve = datetime(2026, 10, 31, 23, tzinfo=NEW_YORK)
    daily = fires("0 30 1 * * ?", eve, 2)
    assert [str(fire) for fire in daily] == [
        "2026-11-01 01:30:00-04:00",
        "2026-11-02 01:30:00-05:00",
    ]
    halves = fires("0 0/30 * * * ?", eve.replace(day=1, month=11, hour=0, minute=45), 3)
    assert [str(fire.astimezone(UTC)) for fire in halves] == [
        "2026-11-01 05:00:00+00:00",
        "2026-11-01 05:30:00+00:00",
        "2026-11-01 07:00:00+00:00",
    ]


def test_who_asks_in_the_second_pass_of_an_hour_hears_of_the_next_one() -> None:
    second = datetime(2026, 11, 1, 1, 10, tzinfo=NEW_YORK, fold=1)
    assert str(parse("* * * * * ?").next_after(second)) == "2026-11-01 02:00:00-05:00"


def test_a_day_that_does_not_exist_is_skipped() -> None:
    last = datetime(2011, 12, 29, 23, 59, 59, tzinfo=APIA)
    assert str(parse("* * * * * ?").next_after(last)) == "2011-12-31 00:00:00+14:00"
    assert str(parse("0 0 9 30 12 ?").next_after(last)) == "2012-12-30 09:00:00+14:00"


# Oracles

DayRule = Callable[[date], bool]
Field = tuple[str, set[int]]


def walk(low: int, high: int, first: int, last: int, step: int) -> set[int]:
    """The values of a range, one after another."""
    found, value, left = set(), first, 0
    while True:
        if left == 0:
            found.add(value)
            left = step
        if value == last:
            return found
        value, left = (low if value == high else value + 1), left - 1


@st.composite
def plain(draw: st.DrawFn, low: int, high: int) -> Field:
    """A field of plain parts, and the values it means."""
    texts, values = [], set()
    for _ in range(draw(st.integers(1, 3))):
        first, last = draw(st.integers(low, high)), draw(st.integers(low, high))
        step = draw(st.integers(1, high))
        match draw(st.integers(0, 5)):
            case 0:
                texts.append(str(first))
                values |= {first}
            case 1:
                texts.append(f"{first}-{last}")
                values |= walk(low, high, first, last, 1)
            case 2:
                texts.append(f"{first}-{last}/{step}")
                values |= walk(low, high, first, last, step)
            case 3:
                texts.append(f"{first}/{step}")
                values |= walk(low, high, first, high, step)
            case 4:
                texts.append(f"*/{step}")
                values |= walk(low, high, low, high, step)
            case _:
                texts.append("*")
                values |= set(range(low, high + 1))
    return ",".join(texts), values


def length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def nearest_weekday(day: date, wanted: int) -> bool:
    """Whether ``day`` is the weekday nearest to the ``wanted``-th of its month."""
    if not 1 <= wanted <= length(day):
        return False
    weekdays = [d for d in range(1, length(day) + 1) if day.replace(day=d).weekday() < 5]
    # A Saturday is one day from Friday, a Sunday one from Monday: no two are equally near, but for
    # a Sunday or Saturday at the edge of a month.
    return day.day == min(weekdays, key=lambda d: abs(d - wanted))


@st.composite
def days(draw: st.DrawFn) -> tuple[str, str, DayRule]:
    """Day of month and day of week as an expression has them, and whether a day is meant."""
    n, k = draw(st.integers(1, 31)), draw(st.integers(1, 5))
    before, weekday = draw(st.integers(0, 30)), draw(st.integers(1, 7))

    def is_weekday(day: date, quartz: int) -> bool:
        return (day.weekday() + 1) % 7 == quartz - 1

    match draw(st.integers(0, 9)):
        case 0:
            text, values = draw(plain(1, 31))
            return text, "?", lambda day: day.day in values
        case 1:
            text, values = draw(plain(1, 7))
            return "?", text, lambda day: (day.weekday() + 1) % 7 + 1 in values
        case 2:
            return "L", "?", lambda day: (day + timedelta(1)).day == 1
        case 3:
            return f"L-{before}", "?", lambda day: day.day == length(day) - before
        case 4:
            return "LW", "?", lambda day: nearest_weekday(day, length(day))
        case 5:
            return f"{n}W", "?", lambda day: nearest_weekday(day, n)
        case 6:
            return f"L-{before}W", "?", lambda day: nearest_weekday(day, length(day) - before)
        case 7:
            return "?", "L", lambda day: day.weekday() == 5
        case 8:
            return (
                "?",
                f"{weekday}L",
                lambda day: is_weekday(day, weekday) and (day + timedelta(7)).month != day.month,
            )
    return (
        "?",
        f"{weekday}#{k}",
        lambda day: (
            is_weekday(day, weekday)
            and sum(is_weekday(day.replace(day=d), weekday) for d in range(1, day.day + 1)) == k
        ),
    )


Rule = Callable[[datetime], bool]


@st.composite
def crons(draw: st.DrawFn) -> tuple[str, Rule, Callable[[date], bool]]:
    """An expression, whether a time matches, and whether a day may have a time that does."""
    (s, seconds), (m, minutes) = draw(plain(0, 59)), draw(plain(0, 59))
    (h, hours), (mon, months) = draw(plain(0, 23)), draw(plain(1, 12))
    dom, dow, meant = draw(days())

    def on(day: date) -> bool:
        return day.month in months and meant(day)

    def at(moment: datetime) -> bool:
        return (
            moment.second in seconds
            and moment.minute in minutes
            and moment.hour in hours
            and on(moment.date())
        )

    return f"{s} {m} {h} {dom} {mon} {dow}", at, on


moments = st.datetimes(datetime(1999, 1, 1), datetime(2060, 1, 1))  # noqa: DTZ001


@settings(max_examples=150, deadline=None)
@given(crons(), moments)
def test_the_next_fire_matches_and_none_before_it_does(
    cron: tuple[str, Rule, Callable[[date], bool]], wall: datetime
) -> None:
    expression, at, on = cron
    moment = wall.replace(tzinfo=UTC)
    fire = parse(expression).next_after(moment)
    end = moment + timedelta(days=800) if fire is None else fire
    if fire is not None:
        assert fire > moment and fire.microsecond == 0 and at(fire)
    # Second by second behind the moment and before the fire, day by day in between.
    second = moment.replace(microsecond=0)
    for number in range(1, 1800):
        behind, ahead = second + timedelta(seconds=number), end - timedelta(seconds=number)
        assert behind >= end or not at(behind)
        assert fire is None or ahead <= moment or not at(ahead)
    for number in range(1, min((end - moment).days, 800)):
        day = moment.date() + timedelta(number)
        assert day >= end.date() or not on(day)


@settings(max_examples=25, deadline=None)
@given(
    crons(),
    st.sampled_from(
        [
            (NEW_YORK, 2026, 3, 8, 7),
            (NEW_YORK, 2026, 11, 1, 6),
            (LORD_HOWE, 2026, 4, 4, 15),
            (LORD_HOWE, 2026, 10, 3, 15),
        ]
    ),
)
def test_around_a_change_of_the_clock_the_fires_are_those_of_a_walk_through_it(
    cron: tuple[str, Rule, Callable[[date], bool]], change: tuple[tzinfo, int, int, int, int]
) -> None:
    expression, at, _ = cron
    zone, *when = change
    start = datetime(*when, tzinfo=UTC) - timedelta(minutes=100)  # type: ignore[arg-type]
    walked = (start + timedelta(seconds=number) for number in range(1, 12_000))
    # A walk meets only what exists, and what exists twice it leaves out the second time.
    wanted = [one for one in walked if not (local := one.astimezone(zone)).fold and at(local)]
    found = [one.astimezone(UTC) for one in fires(expression, start.astimezone(zone), 50)]
    assert [one for one in found if one < start + timedelta(seconds=12_000)] == wanted[:50]


@pytest.mark.parametrize(
    ("expression", "theirs"),
    [
        ("0 15 10 L * ?", "0 15 10 L * *"),
        ("0 15 10 LW * ?", "0 15 10 LW * *"),
        ("0 15 10 ? * 6#3", "0 15 10 * * 5#3"),
        ("0 15 10 ? * 1#5", "0 15 10 * * 0#5"),
        ("0 15 10 ? * 6L", "0 15 10 * * 5L"),
        ("0 15 10 ? * 2-6", "0 15 10 * * 1-5"),
        ("0 15 10 29 2 ?", "0 15 10 29 2 *"),
        ("*/7 10-40/10 3,5 31 * ?", "*/7 10-40/10 3,5 31 * *"),
    ],
)
def test_another_evaluator_agrees_where_it_knows_the_syntax(expression: str, theirs: str) -> None:
    oracle = CronSim(theirs, NEW_YEAR.replace(tzinfo=None))
    wanted = [next(oracle).replace(tzinfo=UTC) for _ in range(40)]
    assert fires(expression, NEW_YEAR, len(wanted)) == wanted
