"""What the machines draw, for the meters of rating. Put together with them by :mod:`.house`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from odimra.clock import Clock
from odimra.emulation import sensors
from odimra.emulation.state import MachineStates
from odimra.rating.meters import Reading

#: What a System is, as the fleet file says it.
MADE_AS = ("Manufacturer", "Model", "SKU", "PartNumber")


class MachinePower:
    """The power and the energy of the emulated machines."""

    def __init__(self, states: MachineStates, clock: Clock) -> None:
        self._states = states
        self._clock = clock

    @property
    def machines(self) -> Sequence[str]:
        """The ids of all machines."""
        return list(self._states.fleet.machines)

    async def read(self, machine: str) -> Reading:
        """Read a machine now; its AssetTag is that of the Chassis."""
        found = self._states.fleet.machines[machine]
        # The time first: what changes while it is read then shows in the next reading.
        now = self._clock.now_ms()
        chassis = (await self._states.read("chassis", found)).fields
        made = found.template["System"]
        return Reading(
            now,
            Decimal(str(sensors.watts(found, chassis["PowerState"]))),
            sensors.kwh(found, chassis, now),
            sensors.meter(found),
            {
                **{name: made[name] for name in MADE_AS if name in made},
                "AssetTag": chassis["AssetTag"],
            },
        )
