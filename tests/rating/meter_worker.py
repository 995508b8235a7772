"""A process that looks at meters: ``python -m tests.rating.meter_worker URL NAMESPACE``."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from odimra.clock import SystemClock
from odimra.emulation.files import locate
from odimra.emulation.fleet import Fleet, load
from odimra.emulation.state import MachineStates
from odimra.machine_power import MachinePower
from odimra.rating.meters import MeterOptions, Meters
from odimra.rating.usage import Usage
from odimra.store import Store, StoreOptions

#: Seconds; so short that every look has several.
PERIOD = 1
#: Machines, all as the first of the default fleet.
COUNT = 40


def meters(store: Store) -> Meters:
    """Return meters that ``p1`` and ``p2`` pay."""
    clock = SystemClock()
    first = load(locate("fleets", "default"), 1).machines["node-1"]
    made = {f"m-{number}": replace(first, id=f"m-{number}") for number in range(COUNT)}
    power = MachinePower(MachineStates(store, Fleet(made)), clock)
    options = MeterOptions({"p1": ["m-1*"], "p2": ["*"]}, period=PERIOD)
    return Meters(store, Usage(store, period=PERIOD), power, clock, options)


async def main(url: str, namespace: str) -> None:
    store = await Store.open(StoreOptions(url, namespace=namespace))
    looking = meters(store)
    print("ready", flush=True)
    while True:
        await looking.look()
        await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
