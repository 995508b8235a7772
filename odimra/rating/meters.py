"""Meters: the energy that machines draw, as usage of the scopes that pay for them.

Every worker looks at the machines now and then; between two looks a machine has drawn the mean of
both. What that comes to is counted and kept in one step, so a look counts once however many workers
there are and whenever they die. Where too long nobody looked, what was drawn meanwhile is
a guess, and the point says for how many seconds that is so.
"""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from odimra.clock import Clock
from odimra.rating.model import Point
from odimra.rating.usage import Sample, Usage
from odimra.store import Script, Store

METER = Script.from_package("odimra.rating", "lua/meter.lua")

UNIT = "kWh"
#: Machines that are looked at together; periods that one step writes.
TOGETHER = 200
PERIODS = 100


class Power(Protocol):
    """Who knows what machines draw."""

    @property
    def machines(self) -> Sequence[str]:
        """The ids of all machines."""

    async def watts(self, machine: str) -> float:
        """Return what a machine draws now, in watts."""


@dataclass(frozen=True, slots=True)
class MeterOptions:
    """Who pays for which machines (patterns of ids), under which metric and attribute.

    ``period`` is how long a period is, ``gap`` how long nobody may look before it is a guess; in
    seconds.
    """

    payers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    metric: str = "energy"
    scope_key: str = "project_id"
    period: int = 3600
    gap: float = 300.0


class Meters:
    """All meters."""

    def __init__(
        self, store: Store, usage: Usage, power: Power, clock: Clock, options: MeterOptions
    ) -> None:
        self._store = store
        self._usage = usage
        self._power = power
        self._clock = clock
        self._options = options

    def key(self, machine: str) -> str:
        """Name the hash of a meter."""
        return self._store.keys.of("rating", "meter", machine)

    def _paid(self) -> Iterator[tuple[str, str]]:
        """Yield each machine that somebody pays for; the first whose pattern it meets does."""
        for machine in self._power.machines:
            for scope, patterns in self._options.payers.items():
                if any(fnmatch.fnmatchcase(machine, one) for one in patterns):
                    yield machine, scope
                    break

    async def look(self) -> None:
        """Look at every machine that somebody pays for, and keep what it has drawn."""
        if not self._options.payers:
            return
        paid = list(self._paid())
        for start in range(0, len(paid), TOGETHER):
            await asyncio.gather(*(self._look(*one) for one in paid[start : start + TOGETHER]))

    async def _look(self, machine: str, scope: str) -> None:
        watts = await self._power.watts(machine)
        now, options = self._clock.now_ms(), self._options
        groupby = {options.scope_key: scope, "id": machine}
        point = Sample(scope, options.metric, 0, 0, Point(Decimal(0), UNIT, groupby, {}))
        said = b"more"
        while said == b"more":
            said = await self._store.script(
                METER,
                keys=[self.key(machine), self._usage.all],
                args=[
                    *(self._store.keys.root, scope, point.identity, now, round(watts * 1000)),
                    *(options.period * 1000, round(options.gap * 1000), UNIT, machine, PERIODS),
                ],
            )
