"""What the sensors of an emulated machine read. Called by whoever shows or takes the readings.

All follows from the machine, what is stored of its Chassis, and the time, so that a sensor that
nobody reads costs nothing. Energy is the integral of power: the step that switches a machine adds
up what it has drawn by then (:class:`~odimra.tasks.Tally`), and what came since is reckoned here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from odimra.emulation.fleet import Machine
from odimra.tasks import Tally


@dataclass(frozen=True, slots=True)
class Sensor:
    """What kind of sensor it is (Sensor v1_12_0)."""

    reading_type: str
    units: str
    context: str


#: The sensors of a Chassis.
SENSORS: Final[Mapping[str, Sensor]] = {
    "InletTemperature": Sensor("Temperature", "Cel", "Intake"),
    "Power": Sensor("Power", "W", "Chassis"),
    "Energy": Sensor("EnergykWh", "kW.h", "Chassis"),
}
#: Between which readings a running machine is.
_BETWEEN: Final[Mapping[str, tuple[float, float]]] = {
    "InletTemperature": (19.0, 26.0),
    "Power": (180.0, 420.0),
}
#: What a machine that is off still draws.
STANDBY_WATTS: Final = 8.0

#: Fields of a Chassis' document: the energy that had been drawn at a time, and that time in ms.
ENERGY: Final = "Energy"
ENERGY_AT: Final = "EnergyAt"
#: When the meters of all machines were put in, in the state that the fleet file gives: ms since the
#: epoch, 2026-01-01T00:00:00Z.
METERED_SINCE: Final = 1_767_225_600_000
#: Energy is kept in tenths of a watt times milliseconds, 0.1 mJ: whole numbers, as watts are shown
#: with one decimal. 2^53 of them are 68 years at 420 W.
_OF_A_KWH: Final = 36_000_000_000
_KEPT: Final = Decimal("1e-9")
#: Decimals of what is shown: tenths of a second at 36 W.
_SHOWN: Final = 6


def watts(machine: Machine, power_state: str) -> float:
    """Return what a machine draws; one that is off draws only standby power."""
    if power_state == "Off":
        return STANDBY_WATTS
    return machine.level("Power", *_BETWEEN["Power"])


def tally(machine: Machine) -> Tally:
    """Return how the energy of a machine adds up, for the step that switches it."""
    rates = {state: round(watts(machine, state) * 10) for state in ("On", "Off")}
    return Tally("PowerState", rates, METERED_SINCE, ENERGY, ENERGY_AT)


def kwh(machine: Machine, chassis: Mapping[str, str], now_ms: int) -> Decimal:
    """Return what a machine has drawn by now, in kWh to nine decimals; it never goes down.

    ``chassis`` are the fields of its Chassis' document.
    """
    adds = tally(machine)
    at = int(chassis.get(ENERGY_AT, METERED_SINCE))
    since = adds.rates[chassis["PowerState"]] * max(0, now_ms - at)
    return (Decimal(int(chassis.get(ENERGY, "0")) + since) / _OF_A_KWH).quantize(_KEPT)


def meter(machine: Machine) -> str:
    """Return what the counts of a machine hang on: counts of another do not go with them."""
    adds = tally(machine)
    return f"{machine.power_state} {adds.rates['On']} {adds.rates['Off']}"


def reading(machine: Machine, name: str, chassis: Mapping[str, str], now_ms: int) -> float:
    """Return what a sensor reads; ``chassis`` are the fields of the Chassis' document."""
    if name == "Energy":
        return round(float(kwh(machine, chassis, now_ms)), _SHOWN)
    if name == "Power":
        return watts(machine, chassis["PowerState"])
    return machine.level(name, *_BETWEEN[name])
