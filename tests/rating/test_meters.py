"""Meters: what machines draw becomes usage, once, whoever looks and whenever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from odimra.emulation.files import locate
from odimra.emulation.fleet import load
from odimra.emulation.state import MachineStates
from odimra.jobs.reprocess.cycle import Cycle, CycleOptions
from odimra.jobs.reprocess.rating import Rater
from odimra.machine_power import MachinePower
from odimra.rating.meters import MeterOptions, Meters
from odimra.rating.usage import Usage
from odimra.store import Store
from tests.fakes import FakeClock
from tests.rating.yard import PERIOD, Yard

START = 1_800_000_000 - 1_800_000_000 % PERIOD
NODES = ("node-1", "node-2")


def kwh(watts: Decimal) -> Decimal:
    """Return what is drawn in an hour, to a millionth of a watt-hour."""
    return (watts / 1000).quantize(Decimal("1e-9"))


class Draw:
    """Machines that draw what a test says."""

    def __init__(self, **watts: float) -> None:
        self.drawn = dict(watts)

    @property
    def machines(self) -> Sequence[str]:
        return list(self.drawn)

    async def watts(self, machine: str) -> float:
        return self.drawn[machine]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START * 1000)


class Desk:
    def __init__(self, store: Store, clock: FakeClock, power: Any, **payers: list[str]) -> None:
        self.usage = Usage(store, period=PERIOD)
        self.clock = clock
        options = MeterOptions(payers or {"p1": ["*"]}, period=PERIOD, gap=300)
        #: Of two workers.
        self.meters = [Meters(store, self.usage, power, clock, options) for _ in range(2)]

    async def pass_(self, seconds: float, every: float = 60) -> None:
        """Let time pass, with a look now and then."""
        for _ in range(round(seconds / every)):
            self.clock.advance(every)
            await self.meters[0].look()

    async def points(self, scope: str = "p1") -> dict[tuple[int, str], tuple[str, str]]:
        """Return, by hour since the start and machine, the quantity and what is guessed of it."""
        begins = await self.usage.periods(scope, 0, 2**40)
        return {
            ((sample.begin - START) // PERIOD, sample.point.groupby["id"]): (
                str(sample.point.qty.normalize()),
                sample.point.metadata["guessed_seconds"],
            )
            for used in await self.usage.read_used(scope, begins)
            for sample in used.samples
        }


async def test_an_hour_of_360_watts(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, Draw(a=360, b=1000))
    await desk.meters[0].look()
    assert await desk.points() == {}, "what was before the first look nobody knows"
    await desk.pass_(1800)
    assert await desk.points() == {(0, "a"): ("0.18", "0"), (0, "b"): ("0.5", "0")}
    await desk.pass_(2 * 3600)
    assert await desk.points() == {
        (0, "a"): ("0.36", "0"), (0, "b"): ("1", "0"),
        (1, "a"): ("0.36", "0"), (1, "b"): ("1", "0"),
        (2, "a"): ("0.18", "0"), (2, "b"): ("0.5", "0"),
    }  # fmt: skip
    (used,) = await desk.usage.read_used("p1", [START])
    sample = used.samples[0]
    assert (sample.metric, sample.point.unit, sample.end) == ("energy", "kWh", START + PERIOD)
    assert sample.point.groupby == {"project_id": "p1", "id": "a"}
    assert sample.point.metadata == {"machine": "a", "guessed_seconds": "0"}


async def test_between_two_looks_it_is_the_mean(store: Store, clock: FakeClock) -> None:
    power = Draw(a=0)
    desk = Desk(store, clock, power)
    await desk.meters[0].look()
    power.drawn["a"] = 7200
    await desk.pass_(60)
    assert await desk.points() == {(0, "a"): ("0.06", "0")}


async def test_a_look_counts_once(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, Draw(a=360))
    for _ in range(60):
        await asyncio.gather(*(meters.look() for meters in desk.meters * 3))
        clock.advance(60)
    await asyncio.gather(*(meters.look() for meters in desk.meters))
    assert await desk.points() == {(0, "a"): ("0.36", "0")}


async def test_what_nobody_saw_is_said_to_be_a_guess(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, Draw(a=360))
    await desk.meters[0].look()
    clock.advance(2.5 * PERIOD)
    await desk.meters[1].look()
    await desk.pass_(60)
    assert await desk.points() == {
        (0, "a"): ("0.36", "3600"),
        (1, "a"): ("0.36", "3600"),
        (2, "a"): ("0.186", "1800"),
    }


async def test_a_month_that_nobody_saw(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, Draw(a=360))
    await desk.meters[0].look()
    clock.advance(720 * PERIOD)
    await desk.meters[0].look()
    points = await desk.points()
    assert len(points) == 720 and set(points.values()) == {("0.36", "3600")}


async def test_a_machine_has_one_payer(store: Store, clock: FakeClock) -> None:
    desk = Desk(store, clock, Draw(a1=360, a2=360, b1=360), p1=["a1"], p2=["a*"])
    await desk.meters[0].look()
    await desk.pass_(3600)
    assert set(await desk.points("p1")) == {(0, "a1")}
    assert set(await desk.points("p2")) == {(0, "a2")}


async def test_who_pays_from_now_on_pays_from_now_on(store: Store, clock: FakeClock) -> None:
    power = Draw(a=360)
    first, then = (Desk(store, clock, power, **{name: ["a"]}) for name in ("p1", "p2"))
    await first.meters[0].look()
    await first.pass_(1800)
    await then.pass_(1800)
    assert await then.points("p1") == {(0, "a"): ("0.18", "0")}
    assert await then.points("p2") == {(0, "a"): ("0.18", "0")}


async def test_nobody_pays_where_nobody_is_named(store: Store, clock: FakeClock) -> None:
    meters = Meters(store, Usage(store), Draw(a=1), clock, MeterOptions())
    await meters.look()
    assert await store.call("EXISTS", meters.key("a")) == 0


async def test_the_kilowatt_hours_of_a_tenant_s_machines_have_their_price(
    store: Store, clock: FakeClock
) -> None:
    """Machines that run, one of which is off for an hour; 0.25 for each kWh."""
    states = MachineStates(store, load(locate("fleets", "default"), 1))
    power = MachinePower(states)
    async with Yard(store, clock) as yard:
        service = await yard.rules.add_service("energy")
        mapping = {"service_id": service["service_id"], "cost": "0.25", "type": "flat"}
        await yard.rules.add_mapping(mapping, by="ann")
        await yard.scope("tenant", START - PERIOD)
        options = MeterOptions({"tenant": ["node-[12]"]}, period=PERIOD)
        meters = Meters(store, yard.usage, power, clock, options)
        rater = Rater(store, yard.scopes, yard.usage, yard.rules)
        cycle = Cycle(yard.scopes, yard.usage, rater, clock, CycleOptions(PERIOD, wait=1), meters)
        await cycle.once()
        node = states.fleet.machines["node-1"]
        for minute in range(5 * 60):
            if minute in (60, 120):
                state = "Off" if minute == 60 else "On"
                await states.change("chassis", node, {"PowerState": state})
                # The look at the moment of the change: then the mean is what was before.
            clock.advance(60)
            await cycle.once()
        full = [Decimal(str(await power.watts(one))) for one in NODES]
        sums = await yard.sums("tenant")
        hours = {(begin - START) // PERIOD: price for begin, price in sums.items()}
        assert hours[0] == sum(full) / 1000 * Decimal("0.25")
        # In the first minute after the switch it is the mean of both.
        off = (Decimal(8) * Decimal("59.5") + full[0] * Decimal("0.5")) / 60
        assert hours[1] == (kwh(off) + kwh(full[1])) * Decimal("0.25")
        back = (full[0] * Decimal("59.5") + Decimal(8) * Decimal("0.5")) / 60
        assert hours[2] == (kwh(back) + kwh(full[1])) * Decimal("0.25")
        assert set(hours) >= {0, 1, 2, 3}
