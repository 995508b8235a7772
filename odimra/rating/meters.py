"""Meters: the energy that machines draw, as usage of the scopes that pay for them.

Every worker looks at the counters of the machines now and then; what a counter has gained since it
was last looked at is what the machine has drawn. The points that this comes to are written in one
step with the place that was reached, if nobody has reached another one meanwhile: so each gain
counts once, however many workers look and whenever they die. Which part of a gain belongs to which
period is in proportion of time, so that the points together are the gain to the last digit. What
is not known but reckoned the point says: for how many of its seconds. Called by the ordinary
rating; knows the store, and machines by a protocol only.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Protocol

import orjson

from odimra.clock import Clock
from odimra.rating.model import ARITHMETIC, ZERO, Point
from odimra.rating.usage import Sample, Usage
from odimra.store import Script, Store

log = logging.getLogger(__name__)

METER = Script.from_package("odimra.rating", "lua/meter.lua")

UNIT: Final = "kWh"
#: Machines that are looked at together; points that one step writes; periods of one machine in it.
TOGETHER: Final = 200
POINTS: Final = 400
PERIODS: Final = 100
#: What a pattern begins with that means the AssetTag.
TAG: Final = "tag:"
#: Who pays when nobody does.
NOBODY: Final = ""

#: Watts times milliseconds in a kilowatt-hour, and to what a quantity is rounded.
_OF_A_KWH: Final = Decimal(3_600_000_000)
_KEPT: Final = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a machine at a time (ms since the epoch): power in watts, energy in kWh.

    Counts with different ``meter`` have nothing to do with each other. ``properties`` are the
    Redfish properties of the machine that are worth knowing, ``AssetTag`` among them.
    """

    at: int
    watts: Decimal
    kwh: Decimal
    meter: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


class Machines(Protocol):
    """Who can read the machines."""

    @property
    def machines(self) -> Sequence[str]:
        """The ids of all machines."""

    async def read(self, machine: str) -> Reading:
        """Read a machine now."""


@dataclass(frozen=True, slots=True)
class MeterOptions:
    """Who pays for which machines, and how what they draw is kept.

    ``payers`` are patterns of ids, or of AssetTags where they begin with ``tag:``; ``metadata`` the
    properties of a machine that are kept with it. ``period`` is how long a period is, ``gap`` how
    long nobody may look before what belongs to which period is a guess; in seconds. A period has
    ``most`` points.
    """

    payers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    metric: str = "energy"
    scope_key: str = "project_id"
    metadata: Sequence[str] = ()
    period: int = 3600
    gap: float = 300.0
    most: int = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """How far a meter has been counted: what was read last, and who pays for what comes next.

    ``drawn`` is what each payer has in the period that begins at ``begin`` (ms): kWh, and how many
    ms of them are guessed. ``amid`` says that a long gap has been counted in part.
    """

    at: int
    kwh: Decimal
    watts: Decimal
    meter: str
    scope: str
    begin: int = -1
    drawn: Mapping[str, tuple[Decimal, int]] = field(default_factory=dict)
    amid: bool = False

    def stored(self) -> str:
        """Return it as it is kept."""
        drawn = {scope: [str(kwh), guessed] for scope, (kwh, guessed) in self.drawn.items()}
        return orjson.dumps(
            [
                *(self.at, str(self.kwh), str(self.watts), self.meter, self.scope),
                *(self.begin, drawn, self.amid),
            ]
        ).decode()

    @classmethod
    def load(cls, stored: bytes) -> Place:
        """Read it as it is kept."""
        at, kwh, watts, meter, scope, begin, drawn, amid = orjson.loads(stored)
        had = {name: (Decimal(amount), guessed) for name, (amount, guessed) in drawn.items()}
        return cls(at, Decimal(kwh), Decimal(watts), meter, scope, begin, had, amid)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a payer has to pay for in the period that begins at ``begin`` (ms)."""

    scope: str
    begin: int
    kwh: Decimal
    guessed: int


def count(
    place: Place, reading: Reading, period: int, gap: float, most: int = PERIODS
) -> tuple[Place, list[Drawn]]:
    """Count what was drawn from a place until a later reading, in ``most`` periods at most.

    Returns the place that is reached, and what is to be paid of each period so far. A counter that
    goes back, or another one, tells nothing: then it is the mean of the power at both ends, and a
    guess. ``period`` and ``gap`` in ms.
    """
    start, end = place.at, reading.at
    # Counters are rounded, not gains: so what is lost by it does not add up.
    read = ARITHMETIC.quantize(reading.kwh, _KEPT)
    gained = ARITHMETIC.subtract(read, place.kwh)
    counts = reading.meter == place.meter and gained >= 0
    if not counts:
        mean = ARITHMETIC.divide(ARITHMETIC.add(place.watts, reading.watts), Decimal(2))
        gained = ARITHMETIC.divide(ARITHMETIC.multiply(mean, Decimal(end - start)), _OF_A_KWH)
    across = start // period != (end - 1) // period
    guessed = not counts or place.amid or (across and end - start > gap)
    begin, drawn = place.begin, dict(place.drawn)
    found: list[Drawn] = []
    at, had = start, ZERO
    for first in range(start - start % period, end, period)[:most]:
        if begin != first:
            begin, drawn = first, {}
        at = min(end, first + period)
        share = ARITHMETIC.multiply(gained, Decimal(at - start))
        by_then = ARITHMETIC.quantize(ARITHMETIC.divide(share, Decimal(end - start)), _KEPT)
        if place.scope != NOBODY:
            kwh, guess = drawn.get(place.scope, (ZERO, 0))
            kwh = ARITHMETIC.add(kwh, ARITHMETIC.subtract(by_then, had))
            guess += at - max(start, first) if guessed else 0
            drawn[place.scope] = (kwh, guess)
            found.append(Drawn(place.scope, first, kwh, guess))
        had = by_then
    if at < end:
        # Power and meter stay as they were, so that the rest is counted as this was.
        reached = ARITHMETIC.add(place.kwh, had) if counts else place.kwh
        amid = place.amid or end - start > gap
        return replace(place, at=at, kwh=reached, begin=begin, drawn=drawn, amid=amid), found
    return (
        Place(end, read, reading.watts, reading.meter, place.scope, begin, drawn),
        found,
    )


class Meters:
    """All meters. Every method may raise StoreUnavailable."""

    def __init__(
        self, store: Store, usage: Usage, machines: Machines, clock: Clock, options: MeterOptions
    ) -> None:
        self._store = store
        self._usage = usage
        self._machines = machines
        self._clock = clock
        self._options = options
        self._period = options.period * 1000
        self._gap = options.gap * 1000
        self._by_tag = any(
            one.startswith(TAG) for patterns in options.payers.values() for one in patterns
        )

    @property
    def key(self) -> str:
        """Name the hash of the places of all meters."""
        return self._store.keys.of("rating", "meters")

    def _payer(self, machine: str, tag: str) -> str:
        """Return who pays for a machine: the first with a pattern that it meets."""
        for scope, patterns in self._options.payers.items():
            for one in patterns:
                name, pattern = (tag, one[len(TAG) :]) if one.startswith(TAG) else (machine, one)
                if name and fnmatch.fnmatchcase(name, pattern):
                    return scope
        return NOBODY

    async def look(self) -> None:
        """Look at every machine that somebody pays for, and keep what it has drawn."""
        known = {one.decode() for one in await self._store.call("HKEYS", self.key)}
        if not (known or self._options.payers):
            return
        there = self._machines.machines
        looked_at = [
            one for one in there if self._by_tag or one in known or self._payer(one, "") != NOBODY
        ]
        full: Counter[str] = Counter()
        for start in range(0, len(looked_at), TOGETHER):
            some = looked_at[start : start + TOGETHER]
            readings = await asyncio.gather(*map(self._machines.read, some))
            await self._keep(dict(zip(some, readings, strict=True)), full)
        for scope, machines in full.items():
            log.warning(
                "scope %s: the energy of %d machines waits: a period has %d points already",
                *(scope, machines, self._options.most),
            )
        await self._forget(sorted(known.difference(there)))

    async def _keep(self, readings: dict[str, Reading], full: Counter[str]) -> None:
        """Keep what was read; count in ``full`` whose periods have no room for it."""
        while readings:
            kept = await self._store.call("HMGET", self.key, *readings)
            steps: list[dict[str, Any]] = []
            left: dict[str, Reading] = {}
            for (machine, reading), was in zip(readings.items(), kept, strict=True):
                step, done = self._step(machine, reading, was)
                if step is not None:
                    steps.append(step)
                    if not done:
                        left[machine] = reading
            for step, said in await self._write(steps):
                if said == b"moved":
                    left[step["machine"]] = readings[step["machine"]]
                elif said == b"limit":
                    left.pop(step["machine"], None)
                    full[step["points"][0][0]] += 1
            readings = left

    def _step(
        self, machine: str, reading: Reading, was: bytes | None
    ) -> tuple[dict[str, Any] | None, bool]:
        """Return what there is to do for a machine, and whether that is all of it."""
        payer = self._payer(machine, reading.properties.get("AssetTag", ""))
        if was is None:
            if payer == NOBODY:
                return None, True
            # The first look: what was before that nobody pays.
            kwh = ARITHMETIC.quantize(reading.kwh, _KEPT)
            now = Place(reading.at, kwh, reading.watts, reading.meter, payer)
            return {"machine": machine, "now": now.stored(), "points": []}, True
        place = Place.load(was)
        if reading.at <= place.at:
            return None, True
        step: dict[str, Any] = {"machine": machine, "was": was.decode()}
        now, drawn = count(place, reading, self._period, self._gap)
        step["points"] = [self._point(machine, reading, one) for one in drawn]
        if now.at < reading.at:
            return {**step, "now": now.stored()}, False
        # Who paid until now pays for what was drawn until now. What each has in this period is kept
        # until it is over, so that nobody who comes back begins it anew.
        if payer != NOBODY or any(scope for scope in now.drawn):
            step["now"] = replace(now, scope=payer).stored()
        return step, True

    def _point(self, machine: str, reading: Reading, drawn: Drawn) -> list[str]:
        options = self._options
        qty = Decimal(format(drawn.kwh.normalize(), "f"))
        metadata = {
            **{name: reading.properties.get(name, "") for name in options.metadata},
            "machine": machine,
            "guessed_seconds": str(round(drawn.guessed / 1000)),
        }
        groupby = {options.scope_key: drawn.scope, "id": machine}
        begin = drawn.begin // 1000
        one = Sample(
            drawn.scope,
            options.metric,
            begin,
            begin + options.period,
            Point(qty, UNIT, groupby, metadata),
        )
        parts = (one.identity, one.usage(), one.rated(ZERO))
        return [drawn.scope, str(begin), *(part.decode() for part in parts)]

    async def _write(self, steps: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], bytes]]:
        """Write in as few steps as there may be; return what each came to."""
        done: list[tuple[dict[str, Any], bytes]] = []
        for some in _together(steps):
            said = await self._store.script(
                METER,
                keys=[self.key, self._usage.all],
                args=[self._store.keys.root, self._options.most, orjson.dumps(some)],
            )
            done += zip(some, said, strict=True)
        return done

    async def _forget(self, gone: Sequence[str]) -> None:
        """Forget machines that are no more, once the period is over in which they were seen."""
        if not gone:
            return
        now = self._clock.now_ms()
        kept = await self._store.call("HMGET", self.key, *gone)
        await self._write(
            [
                {"machine": machine, "was": was.decode(), "points": []}
                for machine, was in zip(gone, kept, strict=True)
                if was is not None and Place.load(was).at // self._period < now // self._period
            ]
        )


def _together(steps: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield machines whose points fit into one step of the store."""
    some: list[dict[str, Any]] = []
    points = 0
    for step in steps:
        more = len(step["points"]) + 1
        if some and points + more > POINTS:
            yield some
            some, points = [], 0
        some.append(step)
        points += more
    if some:
        yield some
