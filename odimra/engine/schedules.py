"""When a job runs by itself: simple and cron schedules, and what becomes of a fire that was missed.

Pure arithmetic on milliseconds since the epoch; called by the scheduler and by faces that show or
check a schedule. Knows :mod:`.quartz` only.

A schedule is a :class:`Timing` between a start and an end. Another way of recurring, such as the
Redfish Schedule's RecurrenceInterval with its days and its number of occurrences, is another
:class:`Timing` with a ``type`` of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from odimra.clock import iso
from odimra.engine import quartz
from odimra.engine.recurrence import Recurrence

#: A simple schedule without a start fires this long (ms) after it was made.
FIRST_FIRE = 3_000
#: A fire that is later than this (ms) was missed.
MISFIRE = 10_000
#: The shortest interval (ms) of a simple schedule.
SHORTEST = 100

FIRE_AND_PROCEED, DO_NOTHING = "fireAndProceed", "doNothing"
POLICIES = (FIRE_AND_PROCEED, DO_NOTHING)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The end of the year 2199, the last that a cron expression knows.
LATEST = (datetime(quartz.LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


class BadSchedule(ValueError):
    """The schedule is none; ``name`` is the property at fault, the text says what is wrong."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Timing(Protocol):
    """How fires follow one another."""

    @property
    def type(self) -> str:
        """The name of this way of recurring."""

    @property
    def delay(self) -> int:
        """How long (ms) after it was made a schedule without a start begins."""

    def next_after(self, time: int, anchor: int) -> int | None:
        """Return the first fire later than ``time`` of a schedule that begins at ``anchor``."""

    def stored(self) -> dict[str, Any]:
        """Return the properties that :meth:`Schedule.load` makes it from again."""


@dataclass(frozen=True, slots=True)
class Simple:
    """Fires at the beginning and then ``count`` times more (-1: for ever), ``interval`` ms apart.

    With an interval of 0 it fires once. The grid stands: a late fire does not move those behind it.
    """

    interval: int
    count: int = -1

    @property
    def type(self) -> str:
        """``simple``."""
        return "simple"

    @property
    def delay(self) -> int:
        """Three seconds."""
        return FIRST_FIRE

    def next_after(self, time: int, anchor: int) -> int | None:
        """Return the next point of the grid, if it has one more."""
        if time < anchor:
            return anchor
        if self.interval == 0:
            return None
        number = (time - anchor) // self.interval + 1
        if 0 <= self.count < number:
            return None
        return anchor + number * self.interval

    def stored(self) -> dict[str, Any]:
        """Return interval and count."""
        return {"repeatInterval": self.interval, "repeatCount": self.count}


@dataclass(frozen=True, slots=True)
class CronTiming:
    """Fires when the clock of a zone matches an expression; see :mod:`.quartz`."""

    cron: quartz.Cron
    zone: ZoneInfo

    @property
    def type(self) -> str:
        """``cron``."""
        return "cron"

    @property
    def delay(self) -> int:
        """None: the expression says when."""
        return 0

    def next_after(self, time: int, anchor: int) -> int | None:
        """Return the next match that is not before the beginning."""
        after = _EPOCH + timedelta(milliseconds=max(time, anchor - 1))
        fire = self.cron.next_after(after.astimezone(self.zone))
        return None if fire is None else to_ms(fire)

    def stored(self) -> dict[str, Any]:
        """Return expression and zone."""
        return {"schedule": self.cron.expression, "timeZone": self.zone.key}


@dataclass(frozen=True, slots=True)
class Due:
    """What to do about a fire whose time has come.

    ``fire``: run the job now; ``late``: it was missed, so that a run stands for all that were;
    ``next``: the fire behind it, None if there is none.
    """

    fire: bool
    late: bool
    next: int | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A timing from ``start`` (None: since it was made) to ``end`` (included; None: for ever)."""

    timing: Timing
    start: int | None = None
    end: int | None = None
    misfire: str = FIRE_AND_PROCEED

    def anchor(self, made: int) -> int:
        """Return where it begins if it was made at ``made``."""
        return made + self.timing.delay if self.start is None else self.start

    def first(self, anchor: int) -> int | None:
        """Return the first fire; it lies in the past if the start does, and counts as missed."""
        return self.next_after(anchor - 1, anchor)

    def next_after(self, time: int, anchor: int) -> int | None:
        """Return the first fire later than ``time``, None if there is none before the end."""
        fire = self.timing.next_after(time, anchor)
        if fire is None or fire >= LATEST or (self.end is not None and fire > self.end):
            return None
        return fire

    def due(self, fire: int, now: int, anchor: int) -> Due:
        """Say what to do at ``now`` about the fire of the time ``fire``.

        One that is at most 10 s late is made good, and so is each behind it. One that is later was
        missed, with all that came between: ``fireAndProceed`` fires once for them all, unless the
        schedule has ended, and ``doNothing`` does not; both go on with the next of the schedule.
        """
        if now - fire <= MISFIRE:
            return Due(fire=True, late=False, next=self.next_after(fire, anchor))
        ended = self.end is not None and now > self.end
        return Due(
            fire=self.misfire == FIRE_AND_PROCEED and not ended,
            late=True,
            next=self.next_after(now, anchor),
        )

    def stored(self) -> dict[str, Any]:
        """Return the properties that :meth:`load` makes it from again."""
        return {
            "type": self.timing.type,
            **self.timing.stored(),
            "startTime": None if self.start is None else iso(self.start),
            "endTime": None if self.end is None else iso(self.end),
            "misfirePolicy": self.misfire,
        }

    @classmethod
    def load(cls, properties: Mapping[str, Any]) -> Schedule:
        """Make a schedule from its properties; others, and those that are null, are left alone.

        ``type`` (cron, simple, redfish); of cron ``schedule`` and ``timeZone`` (UTC); of simple
        ``repeatInterval`` in ms (absent: fires once) and ``repeatCount`` (-1: for ever);
        ``startTime`` and ``endTime`` in ISO 8601, in ``timeZone`` if they name none;
        ``misfirePolicy`` (fireAndProceed, doNothing). Raises :class:`BadSchedule`.
        """
        given = {name: value for name, value in properties.items() if value is not None}
        zone = _zone(given.get("timeZone", "UTC"))
        kind = given.get("type", "cron")
        timing: Timing
        if kind == "cron":
            timing = CronTiming(_cron(given.get("schedule")), zone)
        elif kind == "simple":
            interval = _whole(given, "repeatInterval", 0)
            if interval != 0 and not SHORTEST <= interval < LATEST:
                raise BadSchedule(
                    "repeatInterval", f"repeatInterval is at least {SHORTEST} ms, not {interval}"
                )
            timing = Simple(interval, _whole(given, "repeatCount", -1))
            if timing.count < -1:
                raise BadSchedule("repeatCount", "repeatCount is -1 (for ever) or more")
        elif kind == "redfish":
            # Checked when it was made; users of other APIs do not write it.
            timing = Recurrence.load(given)
        else:
            raise BadSchedule("type", f"Specified type value invalid: {kind}")
        misfire = given.get("misfirePolicy", FIRE_AND_PROCEED)
        if misfire not in POLICIES:
            raise BadSchedule("misfirePolicy", f"Invalid misfire policy: {misfire}")
        start, end = (_moment(given, name, zone) for name in ("startTime", "endTime"))
        if start is not None and end is not None and end < start:
            raise BadSchedule("endTime", "endTime is before startTime")
        return cls(timing, start, end, misfire)


def to_ms(moment: datetime) -> int:
    """Return an aware moment as milliseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _cron(expression: object) -> quartz.Cron:
    if not isinstance(expression, str) or not expression.strip():
        raise BadSchedule("schedule", "A schedule of type cron must provide a cron schedule")
    try:
        return quartz.parse(expression)
    except quartz.BadCron as error:
        raise BadSchedule("schedule", str(error)) from None


def _zone(name: object) -> ZoneInfo:
    try:
        if isinstance(name, str):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such name, no name, a folder's
        pass
    raise BadSchedule("timeZone", f"Scheduler configured timezone is not understood: {name}")


def _whole(given: Mapping[str, Any], name: str, default: int) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadSchedule(name, f"{name} is a whole number")
    return value


def _moment(given: Mapping[str, Any], name: str, zone: tzinfo) -> int | None:
    if name not in given:
        return None
    try:
        moment = datetime.fromisoformat(given[name])
        at = to_ms(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except (TypeError, ValueError, OverflowError):
        raise BadSchedule(name, f"{name} is no ISO 8601 date and time") from None
    if not 0 <= at < LATEST:
        raise BadSchedule(name, f"{name} is before 1970 or after {quartz.LAST_YEAR}")
    return at
