"""How a Redfish Schedule (v1_2_5) recurs: an interval, on enabled days, so many times.

Occurrences are points of a grid, ``RecurrenceInterval`` apart, that begins with the first one; of
these those count that lie on enabled days and in enabled intervals. Days are those of UTC. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

DAY = 86_400_000
_EPOCH = date(1970, 1, 1)
#: Days that are looked at for the next occurrence: whoever has none in so many has none.
MOST_DAYS = 84_000
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
EVERY = "Every"
DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


class BadRecurrence(ValueError):
    """A property of the schedule cannot be used; ``name`` says which."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(said)
        self.name = name


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Fires on a grid ``interval`` ms apart (0: once), where days and ``intervals`` allow it.

    Days of the week count from 0 (Monday), those of the month and months from 1; none named is all.
    It fires ``most`` times, 0 for ever.
    """

    interval: int
    weekdays: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    intervals: tuple[tuple[int, int], ...] = ()
    most: int = 0

    @property
    def type(self) -> str:
        """``redfish``."""
        return "redfish"

    @property
    def delay(self) -> int:
        """None: without a start it begins at once."""
        return 0

    def next_after(self, time: int, anchor: int) -> int | None:
        """Return the first occurrence later than ``time`` where the grid begins at ``anchor``."""
        for first, last in self._ranges(max(time + 1, anchor)):
            found = self._grid(max(first, time + 1), anchor)
            if found is None:
                return None
            if found < last:
                return None if self.most and self._count(found, anchor) >= self.most else found
        return None

    def _grid(self, time: int, anchor: int) -> int | None:
        """Return the first point of the grid that is not before ``time``."""
        if time <= anchor:
            return anchor
        if not self.interval:
            return None
        return anchor + -(-(time - anchor) // self.interval) * self.interval

    def _count(self, time: int, anchor: int) -> int:
        """Return how many occurrences there are before ``time``."""
        found = 0
        for first, last in self._ranges(anchor):
            if first >= time or found >= self.most:
                break
            begin, end = max(first, anchor), min(last, time)
            if not self.interval:
                found += begin <= anchor < end
            elif end > begin:
                found += -(-(end - anchor) // self.interval) - -(-(begin - anchor) // self.interval)
        return found

    def _ranges(self, time: int) -> Iterator[tuple[int, int]]:
        """Yield when occurrences are enabled, from the day of ``time`` on: since, and before."""
        first = time // DAY
        for number in range(first, first + MOST_DAYS):
            try:
                day = _EPOCH + timedelta(days=number)
            except OverflowError:
                return
            if not self._enabled(day):
                continue
            begin = number * DAY
            if not self.intervals:
                yield begin, begin + DAY
                continue
            for since, until in self.intervals:
                if since < begin + DAY and until > begin:
                    yield max(since, begin), min(until, begin + DAY)

    def _enabled(self, day: date) -> bool:
        return (
            (not self.weekdays or day.weekday() in self.weekdays)
            and (not self.days or day.day in self.days)
            and (not self.months or day.month in self.months)
        )

    def stored(self) -> dict[str, Any]:
        """Return the properties that :meth:`load` makes it from again."""
        return {
            "interval": self.interval,
            "weekdays": sorted(self.weekdays),
            "days": sorted(self.days),
            "months": sorted(self.months),
            "intervals": [list(one) for one in self.intervals],
            "most": self.most,
        }

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> Recurrence:
        """Read what :meth:`stored` returned."""
        return cls(
            kept["interval"],
            frozenset(kept["weekdays"]),
            frozenset(kept["days"]),
            frozenset(kept["months"]),
            tuple((since, until) for since, until in kept["intervals"]),
            kept["most"],
        )

    @classmethod
    def of(cls, schedule: Mapping[str, Any]) -> Recurrence:
        """Read a Redfish Schedule. Raises :class:`BadRecurrence`."""
        given = {name: value for name, value in schedule.items() if value is not None}
        interval = 0
        if "RecurrenceInterval" in given:
            interval = duration(given["RecurrenceInterval"], "RecurrenceInterval")
            if interval < 1000:
                raise BadRecurrence("RecurrenceInterval", "has to be a second at least")
        most = given.get("MaxOccurrences", 0)
        if "MaxOccurrences" in given and most < 1:
            raise BadRecurrence("MaxOccurrences", "has to be 1 at least")
        days = [one for one in given.get("EnabledDaysOfMonth", ()) if one is not None]
        if any(not 0 <= one <= 31 for one in days) or (0 in days and len(days) > 1):
            raise BadRecurrence("EnabledDaysOfMonth", "has to be days from 1 to 31, or 0 alone")
        return cls(
            interval,
            _named(given.get("EnabledDaysOfWeek", ()), WEEKDAYS, 0, "EnabledDaysOfWeek"),
            frozenset(days) - {0},
            _named(given.get("EnabledMonthsOfYear", ()), MONTHS, 1, "EnabledMonthsOfYear"),
            _together(given.get("EnabledIntervals", ())),
            most,
        )


def duration(text: str, name: str) -> int:
    """Return a Redfish Duration in ms. Raises :class:`BadRecurrence`."""
    found = DURATION.fullmatch(text)
    if found is None or text in ("P", "PT") or text.endswith("T"):
        raise BadRecurrence(name, "is no duration")
    parts = {unit: float(value) for unit, value in found.groupdict().items() if value}
    try:
        return round(timedelta(**parts).total_seconds() * 1000)
    except OverflowError:
        raise BadRecurrence(name, "is longer than can be counted") from None


def _named(
    given: Iterable[str | None], names: Sequence[str], first: int, name: str
) -> frozenset[int]:
    values = [one for one in given if one is not None]
    unknown = [one for one in values if one not in names and one != EVERY]
    if unknown:
        raise BadRecurrence(name, f"{unknown[0][:40]} is none of {', '.join((*names, EVERY))}")
    if EVERY in values:
        return frozenset()
    return frozenset(names.index(one) + first for one in values)


def _together(given: Iterable[str | None]) -> tuple[tuple[int, int], ...]:
    """Return ISO 8601 intervals in their order, those that touch as one."""
    found = sorted(_interval(one) for one in given if one is not None)
    joined: list[tuple[int, int]] = []
    for since, until in found:
        if joined and since <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], until)
        else:
            joined.append((since, until))
    return tuple(joined)


def _interval(text: str) -> tuple[int, int]:
    """Return the bounds of ``start/end``, ``start/duration`` or ``duration/end`` in ms."""
    name = "EnabledIntervals"
    first, slash, second = text.partition("/")
    if not slash:
        raise BadRecurrence(name, "has to be intervals as ISO 8601 has them, start/end")
    if second.startswith("P"):
        since = _moment(first, name)
        until = since + duration(second, name)
    elif first.startswith("P"):
        until = _moment(second, name)
        since = until - duration(first, name)
    else:
        since, until = _moment(first, name), _moment(second, name)
    if until <= since:
        raise BadRecurrence(name, "has an interval that ends before it begins")
    return since, until


def _moment(text: str, name: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadRecurrence(name, "has a time that is none") from None
    at = found if found.tzinfo else found.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)
