"""The energy of a machine is the integral of its power, whoever reads it and whenever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from odimra.emulation import sensors
from odimra.emulation.fleet import Fleet
from odimra.emulation.state import MachineStates
from odimra.store import Store
from tests.emulation.desk import MakeDesk
from tests.emulation.stage import LeapingClock, Stage

Make = Callable[..., Stage]
CHASSIS = "/redfish/v1/Chassis/node-1"
HOUR = 3600.0


def kwh_of(watts: float, seconds: float) -> float:
    return watts * seconds / 3.6e6


async def test_a_running_machine_draws_its_power_by_the_hour(desk: MakeDesk) -> None:
    on = await desk()
    before = (await on.get(f"{CHASSIS}/EnvironmentMetrics"))["EnergykWh"]["Reading"]
    await on.stage.clock.sleep(HOUR)
    metrics = await on.get(f"{CHASSIS}/EnvironmentMetrics")
    assert metrics["EnergykWh"]["Reading"] - before == pytest.approx(
        metrics["PowerWatts"]["Reading"] / 1000, abs=2e-6
    )


async def test_energy_has_its_sensor(desk: MakeDesk) -> None:
    on = await desk()
    uri = f"{CHASSIS}/Sensors/Energy"
    members = (await on.get(f"{CHASSIS}/Sensors"))["Members"]
    assert {"@odata.id": uri} in members
    sensor = await on.get(uri)
    excerpt = (await on.get(f"{CHASSIS}/EnvironmentMetrics"))["EnergykWh"]
    assert (sensor["ReadingType"], sensor["ReadingUnits"]) == ("EnergykWh", "kW.h")
    since = "2026-01-01T00:00:00Z"
    assert excerpt == {
        "DataSourceUri": uri, "Reading": sensor["Reading"], "SensorResetTime": since,
    }  # fmt: skip
    assert sensor["SensorResetTime"] == since
    assert "SensorResetTime" not in await on.get(f"{CHASSIS}/Sensors/Power")


async def test_a_machine_that_is_switched_draws_as_it_was_for_as_long_as_it_was(
    stage: Make, fleet: Fleet
) -> None:
    on = stage(speed=0)
    node, clock = fleet.machines["node-1"], on.clock

    async def energy(states: MachineStates) -> float:
        fields = (await states.read("chassis", node)).fields
        return float(sensors.kwh(node, fields, clock.now_ms()))

    start = await energy(on.machines)
    running, expected = sensors.watts(node, "On"), 0.0
    assert running > 100
    for seconds, reset, watts in (
        (5.25, "ForceOff", running),
        (7 * HOUR, "On", sensors.STANDBY_WATTS),
        (0.001, "ForceRestart", running),
        (1.5 * HOUR, "Pause", running),
        (60.0, "GracefulShutdown", running),
        (30.0, "On", sensors.STANDBY_WATTS),
    ):
        await clock.sleep(seconds)
        expected += kwh_of(watts, seconds)
        await on.run(await on.reset("node-1", reset))
        assert await energy(on.machines) - start == pytest.approx(expected, abs=2e-9)
    # Whoever starts anew on the same store finds the same, and it goes on.
    await clock.sleep(HOUR)
    again = MachineStates(on.store, fleet)
    expected += kwh_of(running, HOUR)
    assert await energy(again) - start == pytest.approx(expected, abs=2e-9)


async def test_nothing_is_kept_of_a_machine_that_nobody_switches(
    stage: Make, fleet: Fleet, store: Store
) -> None:
    on = stage(speed=0)
    await on.clock.sleep(HOUR)
    await on.run(await on.reset("node-1", "ForceRestart"))
    document = await on.machines.read("chassis", fleet.machines["node-1"])
    assert document.version == 0 and sensors.ENERGY not in document.fields
    assert await store.call("EXISTS", on.machines.key("chassis", "node-1")) == 0


async def test_what_else_changes_of_a_chassis_leaves_its_energy_alone(desk: MakeDesk) -> None:
    on = await desk()
    await on.stage.run(await on.stage.reset("node-1", "ForceOff"))
    before = await on.get(f"{CHASSIS}/EnvironmentMetrics")
    await on.patch(CHASSIS, {"AssetTag": "shop-1"})
    assert await on.get(f"{CHASSIS}/EnvironmentMetrics") == before


async def test_only_tasks_switch_a_chassis(stage: Make, fleet: Fleet) -> None:
    with pytest.raises(ValueError, match="PowerState"):
        await stage().machines.change("chassis", fleet.machines["node-1"], {"PowerState": "Off"})


def test_before_the_meters_were_put_in_nothing_was_drawn(fleet: Fleet) -> None:
    node = fleet.machines["node-1"]
    fields = {"PowerState": "On"}
    assert sensors.kwh(node, fields, 0) == sensors.kwh(node, fields, sensors.METERED_SINCE) == 0
    assert LeapingClock().now_ms() > sensors.METERED_SINCE


def test_a_clock_that_goes_back_takes_nothing_away(fleet: Fleet) -> None:
    node, at = fleet.machines["node-1"], 1_800_000_000_000
    fields = {"PowerState": "On", sensors.ENERGY: "36000000000", sensors.ENERGY_AT: str(at)}
    assert sensors.kwh(node, fields, at - 5000) == sensors.kwh(node, fields, at) == 1
