"""Sums of rated usage, by whatever somebody groups it by. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from odimra.rating.errors import TooMany
from odimra.rating.model import ARITHMETIC, ZERO
from odimra.rating.usage import Sample

#: Groups that one summary may have.
MOST = 100_000


class Unknown(ValueError):
    """There is no such way to group by time."""


@dataclass(slots=True)
class Row:
    """A group: from when to when, how much, what it costs, and what it was grouped by."""

    begin: int
    end: int
    key: tuple[str, ...]
    qty: Decimal = ZERO
    rate: Decimal = ZERO


class Summary:
    """Sums by ``groupby``: names of attributes, ``type``, and ``time`` with ``-d -w -m -y``."""

    def __init__(self, groupby: Sequence[str], begin: int, end: int) -> None:
        self._begin, self._end = begin, end
        self._time = ""
        columns: list[str] = []
        for one in groupby:
            if one == "time" or one.startswith("time-"):
                if one not in ("time", "time-d", "time-w", "time-m", "time-y"):
                    raise Unknown(one)
                self._time = one
            elif one not in columns:
                columns.append(one)
        self.columns = tuple(columns)
        self._rows: dict[tuple[int, int, tuple[str, ...]], Row] = {}

    def add(self, samples: Iterable[Sample]) -> None:
        """Take more points. Raises :class:`TooMany`."""
        for one in samples:
            self._add(one)

    def _add(self, sample: Sample) -> None:
        point = sample.point
        key = tuple(
            sample.metric if name == "type" else point.attribute(name) or ""
            for name in self.columns
        )
        begin, end = self._bounds(sample)
        row = self._rows.get((begin, end, key))
        if row is None:
            if len(self._rows) >= MOST:
                raise TooMany(f"there are more than {MOST} groups")
            row = self._rows[begin, end, key] = Row(begin, end, key)
        row.qty = ARITHMETIC.add(row.qty, point.qty)
        row.rate = ARITHMETIC.add(row.rate, point.price)

    def _bounds(self, sample: Sample) -> tuple[int, int]:
        if not self._time:
            return self._begin, self._end
        if self._time == "time":
            return sample.begin, sample.end
        day = datetime.fromtimestamp(sample.begin, UTC).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        match self._time:
            case "time-d":
                after = day + timedelta(days=1)
            case "time-w":
                day -= timedelta(days=day.weekday())
                after = day + timedelta(days=7)
            case "time-m":
                day = day.replace(day=1)
                after = (day + timedelta(days=32)).replace(day=1)
            case _:
                day = day.replace(month=1, day=1)
                after = day.replace(year=day.year + 1)
        return int(day.timestamp()), int(after.timestamp())

    def rows(self) -> list[Row]:
        """Return the groups, in the order of time and then of what they are grouped by."""
        return [self._rows[key] for key in sorted(self._rows)]
