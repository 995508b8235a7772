"""From the power of machines to what a tenant pays: every kilowatt-hour has its price, once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from fractions import Fraction

import pytest

from odimra.emulation import scenarios, sensors
from odimra.emulation.files import locate
from odimra.emulation.fleet import load
from odimra.jobs.reprocess.cycle import Cycle, CycleOptions
from odimra.jobs.reprocess.rating import Rater
from odimra.machine_power import MachinePower
from odimra.rating.meters import MeterOptions, Meters, Place
from odimra.rating.summary import Summary
from odimra.rating.usage import Usage
from odimra.store import Store
from tests.emulation.stage import build
from tests.jobs.killing import Workers
from tests.rating import meter_worker
from tests.rating.yard import PERIOD, Yard

START = 1_800_000_000 - 1_800_000_000 % PERIOD
PRICE = Decimal("0.25")
#: Minutes after the start at which a machine is switched, and how. In 18 minutes every power with
#: one decimal draws a whole number of nano-kilowatt-hours, so nothing is rounded.
SWITCHES = {
    18: ("node-1", "ForceOff"),
    36: ("node-2", "ForceOff"),
    72: ("node-2", "On"),
    126: ("node-1", "On"),
    144: ("node-1", "ForceRestart"),
    198: ("node-2", "GracefulShutdown"),
}
HOURS = 5


async def test_the_kilowatt_hours_of_a_tenant_s_machines_have_their_price(store: Store) -> None:
    """Machines that are switched on and off by tasks over five hours; 0.25 for each kWh."""
    fleet = load(locate("fleets", "default"), 1)
    stage = build(store, scenarios.loads("{}"), fleet, speed=0)
    clock = stage.clock
    await clock.sleep(START - clock.now_ms() / 1000 + PERIOD)
    begin = clock.now_ms() // 1000
    nodes = {one: fleet.machines[one] for one in ("node-1", "node-2")}
    drawn = {one: [Fraction(0)] * (HOURS + 1) for one in nodes}
    async with Yard(store, clock) as yard:
        service = await yard.rules.add_service("energy")
        mapping = {"service_id": service["service_id"], "cost": str(PRICE), "type": "flat"}
        await yard.rules.add_mapping(mapping, by="ann")
        await yard.scope("tenant", begin - PERIOD)
        options = MeterOptions({"tenant": ["node-[12]"]}, metadata=["Model"], period=PERIOD)
        power = MachinePower(stage.machines, clock)
        meters = Meters(store, yard.usage, power, clock, options)
        rater = Rater(store, yard.scopes, yard.usage, yard.rules)
        cycle = Cycle(yard.scopes, yard.usage, rater, clock, CycleOptions(PERIOD, wait=1), meters)
        await cycle.once()
        for minute in range(HOURS * 60 + 1):
            if minute in SWITCHES:
                await stage.run(await stage.reset(*SWITCHES[minute]))
            for one, machine in nodes.items():
                state = (await stage.machines.read("chassis", machine)).fields["PowerState"]
                watts = Fraction(str(sensors.watts(machine, state)))
                drawn[one][minute // 60] += watts * 60 / 3_600_000
            await clock.sleep(60)
            # Not at the moments of the switches, and across the ends of the hours.
            if minute % 7 == 0:
                await cycle.once()
        await cycle.once()
        sums = await yard.sums("tenant")
        hours = [begin + hour * PERIOD for hour in range(HOURS)]
        for number, hour in enumerate(hours):
            kwh = sum((drawn[one][number] for one in nodes), Fraction(0))
            # Within a look that reaches into two hours it is in proportion of time: with machines
            # that are not switched in it, as here, that is exact.
            assert Fraction(sums[hour]) == kwh * Fraction(PRICE)
        summary = Summary(["id"], begin, begin + HOURS * PERIOD)
        for frame in await yard.usage.read_frames("tenant", hours):
            summary.add(frame)
        assert {(row.key[0], Fraction(row.qty), Fraction(row.rate)) for row in summary.rows()} == {
            (
                one,
                sum(parts[:HOURS], Fraction(0)),
                sum(parts[:HOURS], Fraction(0)) * Fraction(PRICE),
            )
            for one, parts in drawn.items()
        }
        # From the second hour on machines of this model are dearer, and everything is rated again.
        field = await yard.rules.add_field(service["service_id"], "Model")
        model = nodes["node-1"].template["System"]["Model"]
        new = {"field_id": field["field_id"], "value": model, "cost": "0.5", "type": "flat"}
        await yard.rules.add_mapping({**new, "start": hours[1]}, by="ann", force=True)
        yard.work()
        task = await yard.ended(await yard.reprocess(["tenant"], hours[0], hours[-1]))
        assert task.task_state == "Completed"
        again = await yard.sums("tenant")
        assert again[hours[0]] == sums[hours[0]]
        assert [again[hour] for hour in hours[1:-1]] == [2 * sums[hour] for hour in hours[1:-1]]


@pytest.fixture
async def workers(store: Store) -> AsyncIterator[Workers]:
    running = Workers(store, "tests.rating.meter_worker")
    yield running
    await running.end()


async def test_workers_that_are_killed_lose_and_double_nothing(
    store: Store, workers: Workers
) -> None:
    chance = random.Random(3)
    meters = meter_worker.meters(store)
    await meters.look()

    async def places() -> dict[str, Decimal]:
        kept = await store.call("HGETALL", meters.key)
        pairs = kept.items() if isinstance(kept, dict) else zip(kept[::2], kept[1::2], strict=True)
        return {machine.decode(): Place.load(place).kwh for machine, place in pairs}

    first = await places()
    assert len(first) == 40
    for _ in range(2):
        await workers.start()
    for _ in range(4):
        await asyncio.sleep(chance.uniform(0.05, 0.4))
        await workers.kill(chance.randrange(2))
        await workers.start()
    await workers.end()
    await meters.look()
    last = await places()
    usage = Usage(store, period=meter_worker.PERIOD)
    owed = dict.fromkeys(first, Decimal(0))
    for scope in ("p1", "p2"):
        begins = await usage.periods(scope, 0, 2**40)
        assert len(begins) > 1
        for used in await usage.read_used(scope, begins):
            for one in used.samples:
                owed[one.point.groupby["id"]] += one.point.qty
                assert (scope == "p1") == one.point.groupby["id"].startswith("m-1")
    assert owed == {machine: last[machine] - first[machine] for machine in first}
    assert all(owed.values())
