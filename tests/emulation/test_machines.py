"""What operations do to the emulated machines, through real tasks in a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from odimra.emulation.fleet import RESET_TYPES
from odimra.emulation.images import BadImageURI
from odimra.emulation.kinds import RESETS
from odimra.emulation.operations import (
    MachineOperations,
    NoSuchTarget,
    RequestRefused,
    TooManyTargets,
)
from odimra.emulation.state import Boot, MachineStates, with_boot
from odimra.store import VersionMismatch
from tests.emulation.stage import Stage

Make = Callable[..., Stage]
BIOS = "/redfish/v1/UpdateService/FirmwareInventory/{}.BIOS"


async def put(on: Stage, power: str) -> None:
    machine = on.machines.fleet.machines["node-1"]
    await on.machines.change("system", machine, {"PowerState": power})


def test_every_reset_type_of_the_schema_has_its_effect() -> None:
    assert {*RESETS, "PushPowerButton"} == set(RESET_TYPES)


@pytest.mark.parametrize(
    ("reset_type", "from_on", "from_off", "from_paused"),
    [
        ("On", "On", "On", "On"),
        ("ForceOn", "On", "On", "On"),
        ("ForceOff", "Off", "Off", "Off"),
        ("GracefulShutdown", "Off", "Off", "Off"),
        ("GracefulRestart", "On", "On", "On"),
        ("ForceRestart", "On", "On", "On"),
        ("PowerCycle", "On", "On", "On"),
        ("FullPowerCycle", "On", "On", "On"),
        ("PushPowerButton", "Off", "On", "Off"),
        ("Nmi", "On", None, "Paused"),
        ("Suspend", "Off", None, "Off"),
        ("Pause", "Paused", None, "Paused"),
        ("Resume", "On", None, "On"),
    ],
)
async def test_power_state_after_a_reset(
    stage: Make, reset_type: str, from_on: str, from_off: str | None, from_paused: str
) -> None:
    on = stage()
    for before, after in (("On", from_on), ("Off", from_off), ("Paused", from_paused)):
        await put(on, before)
        done = await on.run(await on.reset(reset_type=reset_type))
        if after is None:  # it makes no sense for a machine that is off
            assert (done.task_state, await on.power()) == ("Exception", before)
            assert done.result is not None and done.result.status == 409
            assert "Base.1.22.ResourceInStandby" in [one.message_id for one in done.messages]
        else:
            assert (done.task_state, await on.power()) == ("Completed", after)


async def test_the_chassis_goes_off_with_its_system(stage: Make) -> None:
    on = stage()
    machine = on.machines.fleet.machines["node-1"]
    await on.run(await on.reset(reset_type="ForceOff"))
    assert (await on.machines.read("chassis", machine)).fields["PowerState"] == "Off"
    await on.run(await on.reset(reset_type="On"))
    assert (await on.machines.read("chassis", machine)).fields["PowerState"] == "On"


async def test_a_boot_override_for_once_is_used_up_by_the_next_boot(stage: Make) -> None:
    on = stage()
    machine = on.machines.fleet.machines["node-1"]

    async def boot() -> tuple[str, str]:
        now = Boot.of((await on.machines.read("system", machine)).fields)
        return now.target, now.enabled

    async def override(**values: str) -> None:
        await on.machines.recompute("system", machine, lambda fields: with_boot(fields, values))

    once = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}
    await override(**once)
    await on.run(await on.reset(reset_type="Nmi"))
    assert await boot() == ("Pxe", "Once")  # no boot
    await on.run(await on.reset(reset_type="ForceOff"))
    assert await boot() == ("Pxe", "Once")
    await on.run(await on.reset(reset_type="On"))
    assert await boot() == ("None", "Disabled")
    await override(BootSourceOverrideTarget="Cd")  # does not revive what is used up
    assert await boot() == ("Cd", "Disabled")
    await override(**once | {"BootSourceOverrideEnabled": "Continuous"})
    await on.run(await on.reset(reset_type="ForceRestart"))
    assert await boot() == ("Pxe", "Continuous")


async def test_reset_of_a_manager_is_noted(stage: Make) -> None:
    on = stage("rules: [{play: {duration: 5}}]")
    machine = on.machines.fleet.machines["node-1"]
    task = await on.reset_manager()
    done = await on.run(task)
    assert done.task_state == "Completed"
    noted = (await on.machines.read("manager", machine)).fields["LastResetTime"]
    assert on.clock.start <= int(noted) <= on.clock.now_ms()


async def test_an_update_has_a_subtask_per_target_and_changes_versions_at_their_end(
    stage: Make,
) -> None:
    on = stage(
        """
        rules:
          - {target: "*/node-2.BIOS", play: {duration: 5, end: Exception}}
          - {play: {duration: 5}}
        """
    )
    fleet = on.machines.fleet
    seen: list[str] = []

    async def versions() -> list[str]:
        return [
            (await on.machines.firmware(fleet.components[f"node-{number}.BIOS"])).fields["Version"]
            for number in (1, 2, 3)
        ]

    async def look() -> None:
        seen.extend(await versions())

    on.clock.plan(4, look)
    task = await on.update(
        "https://user:hunter2@images.example/bios-v2.5.0.bin?token=hunter2",
        BIOS.format("node-1"),
        "/redfish/v1/Systems/node-2",
        BIOS.format("node-3"),
        "/redfish/v1/Systems/node-1",  # named twice, updated once
    )
    assert task.children == 3
    done = await on.run(task)
    assert seen == ["2.1.0"] * 3
    assert await versions() == ["2.5.0", "2.1.0", "2.5.0"]
    assert (done.task_state, done.children_failed) == ("Exception", 1)
    machine = fleet.machines["node-1"]
    assert (await on.machines.read("system", machine)).fields["BiosVersion"] == "2.5.0"
    kept = await on.store.call("HGETALL", on.store.keys.task(task.id))
    assert b"hunter2" not in b"".join(kept if isinstance(kept, list) else [*kept.values()])


async def test_a_manager_shows_the_version_of_its_firmware(stage: Make) -> None:
    on = stage()
    await on.run(await on.update("ftp://x/bmc_9.8.tar.gz", "/redfish/v1/Managers/node-1"))
    machine = on.machines.fleet.machines["node-1"]
    assert (await on.machines.read("manager", machine)).fields["FirmwareVersion"] == "9.8"


async def test_without_targets_everything_is_updated(stage: Make) -> None:
    on = stage()
    task = await on.update("http://x/all-7.0.bin")
    assert task.children == len(on.machines.fleet.components) == 12
    assert (await on.run(task)).task_state == "Completed"


@pytest.mark.parametrize(
    ("target", "count"),
    [
        ("/redfish/v1/Systems", 4),
        ("/redfish/v1/Managers/", 4),
        ("/redfish/v1/UpdateService/FirmwareInventory", 12),
        ("/redfish/v1/Chassis/store-1", 1),
    ],
)
def test_a_target_may_be_a_collection_or_a_related_item(
    stage: Make, target: str, count: int
) -> None:
    assert len(stage().operations.components([target])) == count


async def test_an_unknown_target_is_named_and_nothing_happens(stage: Make) -> None:
    on = stage()
    with pytest.raises(NoSuchTarget) as error:
        await on.update("http://x/y-1.0.bin", BIOS.format("node-1"), BIOS.format("node-99"))
    assert (error.value.index, error.value.uri) == (1, BIOS.format("node-99"))
    assert await on.tasks.count(on.tasks.index()) == 0


def test_an_update_has_no_more_targets_than_the_limit(stage: Make) -> None:
    on = stage()
    few = MachineOperations(on.machines, on.operations.scenarios, max_targets=3)
    with pytest.raises(TooManyTargets):
        few.components([])


@pytest.mark.parametrize(
    "uri", ["", "http://host/dir/", "http://[broken/x", "http://h/..", "http://h/%0A"]
)
async def test_an_image_uri_without_a_file_is_refused(stage: Make, uri: str) -> None:
    with pytest.raises(BadImageURI):
        await stage().update(uri)


async def test_an_update_is_refused_when_one_of_its_targets_is(stage: Make) -> None:
    on = stage(
        """
        rules:
          - {target: "*/node-1.BIOS", refuse: {status: 503, retry_after: 4}}
          - {target: "*/node-2.BIOS", refuse: {status: 503, retry_after: 9}}
        """
    )
    with pytest.raises(RequestRefused) as refused:
        await on.update("http://x/y-1.0.bin", "/redfish/v1/Systems")
    assert (refused.value.status, refused.value.retry_after) == (503, 9)
    assert await on.tasks.count(on.tasks.index()) == 0


async def test_a_task_for_a_machine_that_left_the_fleet_fails_with_404(stage: Make) -> None:
    on = stage()
    tasks = [
        await on.reset(),
        await on.reset_manager(),
        await on.update("http://x/y-1.0.bin", BIOS.format("node-1")),
    ]
    empty = type(on.machines.fleet)({})
    on.machines.fleet = empty
    for task in tasks:
        done = await on.run(task)
        assert done.task_state == "Exception"
        leaf = done
        if done.children:
            (child,) = await on.tasks.page(on.tasks.index(parent=task.id), 0, 9)
            leaf = await on.get(child)
        assert leaf.result is not None and leaf.result.status == 404


async def test_writes_with_a_version_are_compare_and_set(stage: Make) -> None:
    on = stage()
    machine = on.machines.fleet.machines["node-1"]
    first = await on.machines.read("system", machine)
    assert first.version == 0
    await on.machines.change("system", machine, {"AssetTag": "a"}, expect={0})
    for late in (0, 5):
        with pytest.raises(VersionMismatch):
            await on.machines.change("system", machine, {"AssetTag": "b"}, expect={late})
    other = on.machines.fleet.machines["node-2"]
    with pytest.raises(VersionMismatch):
        await on.machines.change("system", other, {"AssetTag": "b"}, expect={3})
    with pytest.raises(VersionMismatch):
        await on.machines.recompute("system", machine, lambda _: {}, expect={0})
    now = await on.machines.read("system", machine)
    assert (now.fields["AssetTag"], now.fields["PowerState"], now.version) == ("a", "On", 1)


async def test_a_computed_change_is_computed_anew_when_overtaken(
    stage: Make, store: object
) -> None:
    on = stage()
    machine = on.machines.fleet.machines["node-1"]
    seen: list[str] = []

    # Another process writes between the read and the write, twice; its change must not be lost.
    class Overtaken(MachineStates):
        overtakes = 2

        async def change(self, kind, machine, values, *, expect=None):  # type: ignore[no-untyped-def]
            if self.overtakes:
                self.overtakes -= 1
                await on.machines.change(kind, machine, {"AssetTag": f"theirs{self.overtakes}"})
            return await super().change(kind, machine, values, expect=expect)

    machines = Overtaken(on.store, on.machines.fleet)

    def compute(fields):  # type: ignore[no-untyped-def]
        seen.append(fields["AssetTag"])
        return {"AssetTag": fields["AssetTag"] + "+mine"}

    document = await machines.recompute("system", machine, compute)
    assert seen == ["", "theirs1", "theirs0"]
    assert document.fields["AssetTag"] == "theirs0+mine"
    machines.overtakes = 100
    with pytest.raises(VersionMismatch):
        await machines.recompute("system", machine, compute)


async def test_of_two_first_writes_none_is_lost(stage: Make) -> None:
    on = stage()
    machine = on.machines.fleet.machines["node-1"]
    await asyncio.gather(
        on.machines.change("system", machine, {"AssetTag": "a"}),
        on.machines.change("system", machine, {"LocationIndicatorActive": "true"}),
    )
    now = await on.machines.read("system", machine)
    assert (now.fields["AssetTag"], now.fields["LocationIndicatorActive"]) == ("a", "true")
    assert now.version == 2


async def test_a_rule_for_another_operation_or_parameter_is_passed_over(stage: Make) -> None:
    on = stage(
        """
        rules:
          - {operation: Manager.Reset, play: {end: Exception}}
          - {parameters: {ResetType: Nmi}, play: {end: Exception}}
          - {target: /redfish/v1/Systems/node-2, play: {end: Exception}}
        """
    )
    ends = [
        (await on.run(await on.reset(machine, reset_type))).task_state
        for machine, reset_type in (("node-1", "On"), ("node-1", "Nmi"), ("node-2", "On"))
    ]
    assert ends == ["Completed", "Exception", "Exception"]
    assert (await on.run(await on.reset_manager())).task_state == "Exception"
