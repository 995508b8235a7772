"""Cron expressions as Quartz has them: ``sec min hour day-of-month month day-of-week [year]``.

Called by :mod:`.schedules`; knows nobody.

What the fields take, in upper or lower case:

========== ============ =====================================================================
field      values       beside ``*``, lists, ranges (22-2 wraps) and steps (1/5, 10-40/10)
========== ============ =====================================================================
seconds    0-59
minutes    0-59
hours      0-23
dom        1-31         ``?``, ``L`` (last day), ``L-3`` (third before it), ``15W`` (the weekday
                        nearest to the 15th, in the same month), ``LW``, ``L-3W``
month      1-12 JAN-DEC
dow        1-7 SUN-SAT  ``?``, ``L`` (SAT), ``6L`` (last Friday), ``6#3`` (third Friday)
year       1970-2199    may be left out
========== ============ =====================================================================

Exactly one of day of month and day of week is ``?``. The parts of a list stand for themselves: a
day that any of them means is one. A day that a month lacks (31W in June) is not replaced by
another.

**Daylight saving.** A fire is a time on the clock of the zone. A time that does not exist, because
the clock is put forward over it, is skipped: the next fire is the next time that matches. A time
that exists twice, because the clock is put back, fires the first time only, so that an expression
for every minute pauses for that hour. Quartz does both. Whoever wants equal distances in time uses
a zone without daylight saving, or a simple schedule.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

SECOND = timedelta(seconds=1)

FIRST_YEAR, LAST_YEAR = 1970, 2199

#: Characters of the longest expression that is looked at.
MAX_LENGTH = 1000


class BadCron(ValueError):
    """The expression is none; the text is a sentence that names the field."""


@dataclass(frozen=True, slots=True)
class _Field:
    """What one field of an expression may hold; ``names`` stand for the values from ``low`` on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def values(self) -> str:
        """How the values are told in an error."""
        named = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.low} to {self.high}{named}"


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

SECONDS = _Field("seconds", 0, 59)
MINUTES = _Field("minutes", 0, 59)
HOURS = _Field("hours", 0, 23)
DAY_OF_MONTH = _Field("day of month", 1, 31)
MONTH = _Field("month", 1, 12, _MONTHS)
DAY_OF_WEEK = _Field("day of week", 1, 7, _DAYS)
YEAR = _Field("year", FIRST_YEAR, LAST_YEAR)
FIELDS = (SECONDS, MINUTES, HOURS, DAY_OF_MONTH, MONTH, DAY_OF_WEEK, YEAR)

_VALUE = r"[0-9]+|[A-Z]{3}"
_PART = re.compile(rf"(?:(\*)|(?:({_VALUE})(?:-({_VALUE}))?))?(?:/([0-9]+))?")
_LAST_DAY = re.compile(r"L(?:-([0-9]+))?(W)?")
_NEAREST = re.compile(r"([0-9]+)W")
_LAST_WEEKDAY = re.compile(rf"({_VALUE})L")
_NTH_WEEKDAY = re.compile(rf"({_VALUE})#([0-9]+)")


def _wrong(where: _Field, what: str) -> BadCron:
    return BadCron(f"The field '{where.name}' {what}.")


def _value(where: _Field, text: str) -> int:
    if text in where.names:
        return where.low + where.names.index(text)
    if text.isdigit() and where.low <= int(text) <= where.high:
        return int(text)
    raise _wrong(where, f"takes {where.values}, not {text}")


def _range(where: _Field, first: int, last: int, step: int) -> range | list[int]:
    if last >= first:
        return range(first, last + 1, step)
    if where is YEAR:
        raise _wrong(where, f"has a range that runs backwards, {first}-{last}")
    size = where.high - where.low + 1
    turned = range(first - where.low, last - where.low + size + 1, step)
    return [where.low + value % size for value in turned]


def _plain(where: _Field, part: str) -> range | list[int]:
    """Return the values of one part of a list: a value, a range, ``*``, each perhaps by steps."""
    found = _PART.fullmatch(part)
    if not part or found is None:
        raise _wrong(where, f"has {part!r}, which means nothing there")
    everything, first, last, by = found.groups()
    step = 1 if by is None else int(by)
    if not 1 <= step <= where.high:  # a longer one leaves the field at once
        raise _wrong(where, f"takes steps of 1 to {where.high}, not {by}")
    if everything or first is None:
        return range(where.low, where.high + 1, step)
    start = _value(where, first)
    if last is not None:
        return _range(where, start, _value(where, last), step)
    return range(start, (start if by is None else where.high) + 1, step)


def _set(where: _Field, text: str) -> tuple[int, ...]:
    if "?" in text:
        raise _wrong(where, "cannot be ?, which is for the day of month or the day of week")
    values: set[int] = set()
    for part in text.split(","):
        values.update(_plain(where, part))
    return tuple(sorted(values))


def _weekday(year: int, month: int, day: int) -> int:
    """Return the day of the week as Quartz counts: 1 is Sunday."""
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


@dataclass(frozen=True, slots=True)
class _DaysOfMonth:
    plain: frozenset[int]
    #: How many days before the last one; whether its nearest weekday is meant.
    last: frozenset[tuple[int, bool]]
    nearest: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> _DaysOfMonth:
        plain: set[int] = set()
        last: set[tuple[int, bool]] = set()
        nearest: set[int] = set()
        for part in text.split(","):
            if found := _LAST_DAY.fullmatch(part):
                before = int(found[1] or 0)
                if before > 30:
                    raise _wrong(DAY_OF_MONTH, f"takes L-0 to L-30, not {part}")
                last.add((before, found[2] is not None))
            elif found := _NEAREST.fullmatch(part):
                nearest.add(_value(DAY_OF_MONTH, found[1]))
            else:
                plain.update(_plain(DAY_OF_MONTH, part))
        return cls(frozenset(plain), frozenset(last), frozenset(nearest))

    def of(self, year: int, month: int) -> list[int]:
        """Return the days of a month that are meant, in order."""
        length = calendar.monthrange(year, month)[1]
        days = {day for day in self.plain if day <= length}
        near = {day for day in self.nearest if day <= length}
        for before, weekday in self.last:
            if before < length:
                (near if weekday else days).add(length - before)
        return sorted(days.union(self._nearest(year, month, day, length) for day in near))

    @staticmethod
    def _nearest(year: int, month: int, day: int, length: int) -> int:
        match _weekday(year, month, day):
            case 7:
                return day - 1 if day > 1 else 3
            case 1:
                return day + 1 if day < length else day - 2
        return day


@dataclass(frozen=True, slots=True)
class _DaysOfWeek:
    plain: frozenset[int]
    last: frozenset[int]
    nth: frozenset[tuple[int, int]]

    @classmethod
    def parse(cls, text: str) -> _DaysOfWeek:
        plain: set[int] = set()
        last: set[int] = set()
        nth: set[tuple[int, int]] = set()
        for part in text.split(","):
            if part == "L":
                plain.add(7)
            elif found := _LAST_WEEKDAY.fullmatch(part):
                last.add(_value(DAY_OF_WEEK, found[1]))
            elif found := _NTH_WEEKDAY.fullmatch(part):
                if not 1 <= int(found[2]) <= 5:
                    raise _wrong(DAY_OF_WEEK, f"takes #1 to #5, not {part}")
                nth.add((_value(DAY_OF_WEEK, found[1]), int(found[2])))
            else:
                plain.update(_plain(DAY_OF_WEEK, part))
        return cls(frozenset(plain), frozenset(last), frozenset(nth))

    def of(self, year: int, month: int) -> list[int]:
        """Return the days of a month that are meant, in order."""
        length = calendar.monthrange(year, month)[1]
        first = _weekday(year, month, 1)
        days: list[int] = []
        for day in range(1, length + 1):
            weekday = (first + day - 2) % 7 + 1
            if (
                weekday in self.plain
                or (weekday in self.last and day > length - 7)
                or (weekday, (day + 6) // 7) in self.nth
            ):
                days.append(day)
        return days


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression."""

    expression: str
    _seconds: Sequence[int] = field(repr=False)
    _minutes: Sequence[int] = field(repr=False)
    _hours: Sequence[int] = field(repr=False)
    _days: _DaysOfMonth | _DaysOfWeek = field(repr=False)
    _months: Sequence[int] = field(repr=False)
    _years: Sequence[int] = field(repr=False)

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first fire later than ``moment``, in the zone of that; None if none is left.

        ``moment`` is aware (ValueError otherwise); its ``tzinfo`` is the zone of the expression.
        """
        zone = moment.tzinfo
        if zone is None:
            raise ValueError("a moment without a zone is none")
        if moment.year > LAST_YEAR:
            return None
        if moment.year < FIRST_YEAR - 1:
            moment = datetime(FIRST_YEAR - 1, 1, 1, tzinfo=zone)
        instant = moment.astimezone(UTC)
        wall = instant.astimezone(zone).replace(tzinfo=None, fold=0)
        while (found := self._next_wall(wall)) is not None:
            fire = found.replace(tzinfo=zone)
            at = fire.astimezone(UTC)
            if at > instant and at.astimezone(zone).replace(tzinfo=None, fold=0) == found:
                return fire
            # Not there, or there for the second time: on from where the clock is plain again.
            wall = max(found, _plain_again(found, zone) - SECOND)
        return None

    def _next_wall(self, after: datetime) -> datetime | None:
        """Return the first time on the clock that matches and is later than ``after``."""
        start = after.replace(microsecond=0) + SECOND
        for year, month in self._months_from(start.year, start.month):
            this = (year, month) == (start.year, start.month)
            for day in self._days.of(year, month):
                if this and day < start.day:
                    continue
                today = this and day == start.day
                time = self._time_from(*start.timetuple()[3:6] if today else (0, 0, 0))
                if time is not None:
                    hour, minute, second = time
                    return start.replace(year, month, day, hour, minute, second)
        return None

    def _months_from(self, first_year: int, first_month: int) -> Iterator[tuple[int, int]]:
        for year in self._years:
            if year >= first_year:
                for month in self._months:
                    if year > first_year or month >= first_month:
                        yield year, month

    def _time_from(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        """Return the first time of a day that matches and is not earlier than that."""
        for h in self._hours:
            if h > hour:
                return h, self._minutes[0], self._seconds[0]
            if h < hour:
                continue
            for m in self._minutes:
                if m > minute:
                    return h, m, self._seconds[0]
                if m < minute:
                    continue
                for s in self._seconds:
                    if s >= second:
                        return h, m, s
        return None


def _plain_again(wall: datetime, zone: tzinfo) -> datetime:
    """Return where the clock's jump ends that ``wall`` lies in: the end of a gap or of a repeat.

    ``wall`` itself if it lies in none.
    """
    offsets = [wall.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1)]
    before, ahead, back = offsets[0], max(offsets), min(offsets)
    # UTC without saying so: the jump happens after the first and not after the second.
    low, high = wall - ahead, wall - back
    while high - low > SECOND:
        middle = low + (high - low) // SECOND // 2 * SECOND
        if middle.replace(tzinfo=UTC).astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high + ahead


def parse(expression: str) -> Cron:
    """Parse an expression. Raises :class:`BadCron`."""
    if len(expression) > MAX_LENGTH:
        raise BadCron(f"A cron expression has at most {MAX_LENGTH} characters.")
    texts = expression.upper().split()
    if len(texts) not in (6, 7):
        raise BadCron(
            "A cron expression has 6 or 7 fields (seconds, minutes, hours, day of month, month, "
            f"day of week and perhaps year), not {len(texts)}."
        )
    day_of_month, day_of_week = texts[3], texts[5]
    if (day_of_month == "?") == (day_of_week == "?"):
        raise BadCron("Exactly one of 'day of month' and 'day of week' is ?.")
    days: _DaysOfMonth | _DaysOfWeek
    if day_of_week == "?":
        days = _DaysOfMonth.parse(day_of_month)
    else:
        days = _DaysOfWeek.parse(day_of_week)
    return Cron(
        expression,
        _set(SECONDS, texts[0]),
        _set(MINUTES, texts[1]),
        _set(HOURS, texts[2]),
        days,
        _set(MONTH, texts[4]),
        _set(YEAR, texts[6]) if len(texts) == 7 else range(FIRST_YEAR, LAST_YEAR + 1),
    )
