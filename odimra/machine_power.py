"""What the machines draw, for the meters of rating. Put together with them by :mod:`.house`."""

from __future__ import annotations

from collections.abc import Sequence

from odimra.emulation.sensors import reading
from odimra.emulation.state import MachineStates


class MachinePower:
    """The power of the emulated machines."""

    def __init__(self, states: MachineStates) -> None:
        self._states = states

    @property
    def machines(self) -> Sequence[str]:
        """The ids of all machines."""
        return list(self._states.fleet.machines)

    async def watts(self, machine: str) -> float:
        """Return what a machine draws now, in watts."""
        found = self._states.fleet.machines[machine]
        chassis = await self._states.read("chassis", found)
        return reading(found, "Power", chassis.fields["PowerState"])
