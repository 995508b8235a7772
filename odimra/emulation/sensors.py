"""What the sensors of an emulated machine read. Called by whoever shows or takes the readings."""

from __future__ import annotations

from collections.abc import Mapping

from odimra.emulation.fleet import Machine

#: Sensor: type, unit, context, and between which readings a running machine is.
SENSORS: Mapping[str, tuple[str, str, str, float, float]] = {
    "InletTemperature": ("Temperature", "Cel", "Intake", 19.0, 26.0),
    "Power": ("Power", "W", "Chassis", 180.0, 420.0),
}
#: What a machine that is off still draws.
STANDBY_WATTS = 8.0


def reading(machine: Machine, name: str, power_state: str) -> float:
    """Return what a sensor reads; a machine that is off draws only standby power."""
    if name == "Power" and power_state == "Off":
        return STANDBY_WATTS
    _, _, _, low, high = SENSORS[name]
    return machine.level(name, low, high)
