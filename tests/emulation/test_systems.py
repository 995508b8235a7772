"""The emulated Systems, Chassis and Managers over HTTP: what a client sees, asks and is told."""

from __future__ import annotations

import pytest
import yaml

from odimra.emulation import fleet as fleets
from odimra.emulation.fleet import RESET_TYPES
from tests.emulation.desk import Desk, MakeDesk
from tests.emulation.test_files import DEFAULT

SYSTEM = "/redfish/v1/Systems/node-1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
CHASSIS = "/redfish/v1/Chassis/node-1"
MANAGER = "/redfish/v1/Managers/node-1"
PROTOCOL = f"{MANAGER}/NetworkProtocol"


async def test_every_link_leads_somewhere_and_every_resource_knows_its_uri(desk: MakeDesk) -> None:
    on = await desk()
    roots = ("Systems", "Chassis", "Managers", "UpdateService")
    todo = [f"/redfish/v1/{name}" for name in roots]
    seen: dict[str, str] = {}

    def links(value: object) -> list[str]:
        if isinstance(value, dict):
            here = [
                value[name]
                for name in ("@odata.id", "DataSourceUri", "@Redfish.ActionInfo")
                if name in value
            ]
            return here + [one for inner in value.values() for one in links(inner)]
        if isinstance(value, list):
            return [one for inner in value for one in links(inner)]
        return []

    while todo:
        uri = todo.pop()
        if uri in seen:
            continue
        body = await on.get(uri)
        assert body["@odata.id"] == uri
        assert body.get("Id", uri.rpartition("/")[2]) == uri.rpartition("/")[2]
        seen[uri] = body["@odata.type"]
        todo += links(body)
    kinds = {kind.rpartition(".")[2] for kind in seen.values()}
    assert kinds >= {
        *("ComputerSystem", "Processor", "Memory", "EthernetInterface", "Storage", "Drive"),
        *("Chassis", "Sensor", "EnvironmentMetrics", "Manager", "ManagerNetworkProtocol"),
        *("UpdateService", "SoftwareInventory", "ActionInfo"),
    }


async def test_a_machine_without_drives_and_interfaces(desk: MakeDesk) -> None:
    content = yaml.safe_load(DEFAULT)
    content["templates"]["rack-1u"].pop("Drives")
    content["templates"]["rack-1u"].pop("EthernetInterfaces")
    on = await desk(fleet=fleets.loads(yaml.safe_dump(content)))
    system, chassis = await on.get(SYSTEM), await on.get(CHASSIS)
    assert "Storage" not in system and "Drives" not in chassis
    assert (await on.get(f"{SYSTEM}/EthernetInterfaces"))["Members@odata.count"] == 0
    assert (await on.get(f"{SYSTEM}/Storage"))["Members"] == []
    await on.refused("GET", f"{SYSTEM}/Storage/Internal", status=404)
    await on.refused("GET", f"{CHASSIS}/Drives", status=404)
    await on.refused("GET", f"{CHASSIS}/Drives/1", status=404)


@pytest.mark.parametrize(
    "uri",
    [
        "/redfish/v1/Systems/nobody",
        "/redfish/v1/Systems/nobody/Processors",
        f"{SYSTEM}/Processors/0",
        f"{SYSTEM}/Processors/3",
        f"{SYSTEM}/Memory/x",
        "/redfish/v1/Systems/nobody/ResetActionInfo",
        "/redfish/v1/Chassis/nobody",
        f"{CHASSIS}/Sensors/Humidity",
        f"{CHASSIS}/Drives/99",
        "/redfish/v1/Managers/nobody",
        "/redfish/v1/Managers/nobody/NetworkProtocol",
        f"{MANAGER}/EthernetInterfaces/2",
        "/redfish/v1/UpdateService/FirmwareInventory/node-1.FPGA",
    ],
)
async def test_what_is_not_there_is_404_and_named(desk: MakeDesk, uri: str) -> None:
    on = await desk()
    assert await on.refused("GET", uri, status=404) == ["ResourceNotFound"]


async def test_reset_is_a_task_and_power_state_follows_at_its_end(desk: MakeDesk) -> None:
    on = await desk()
    task = await on.started(RESET, {"ResetType": "ForceOff"})
    assert (await on.get(SYSTEM))["PowerState"] == "On"
    assert task.payload is not None
    assert (task.payload.http_operation, task.payload.target_uri) == ("POST", RESET)
    assert (task.owner, task.target) == ("op", SYSTEM)
    await on.stage.run(task)
    assert (await on.get(SYSTEM))["PowerState"] == "Off"
    assert (await on.get(CHASSIS))["PowerState"] == "Off"
    power = await on.get(f"{CHASSIS}/Sensors/Power")
    metrics = await on.get(f"{CHASSIS}/EnvironmentMetrics")
    assert power["Reading"] == metrics["PowerWatts"]["Reading"] < 20


async def test_all_that_a_system_says_it_can_do_it_does(desk: MakeDesk) -> None:
    on = await desk()
    action = (await on.get(SYSTEM))["Actions"]["#ComputerSystem.Reset"]
    offered = action["ResetType@Redfish.AllowableValues"]
    assert offered == list(RESET_TYPES)
    info = await on.get(action["@Redfish.ActionInfo"])
    assert info["Parameters"][0]["AllowableValues"] == offered
    for reset_type in offered:
        await on.stage.run(await on.started(action["target"], {"ResetType": reset_type}))


async def test_reset_without_a_type_restarts(desk: MakeDesk) -> None:
    on = await desk()
    task = await on.started(RESET, {})
    assert task.args["parameters"] == {"ResetType": "ForceRestart"}
    task = await on.started(f"{MANAGER}/Actions/Manager.Reset", {})
    assert task.args["parameters"] == {"ResetType": "GracefulRestart"}


@pytest.mark.parametrize(
    ("uri", "body", "message", "name"),
    [
        (RESET, {"ResetType": "Explode"}, "ActionParameterValueNotInList", "ResetType"),
        (RESET, {"ResetType": 7}, "ActionParameterValueTypeError", "ResetType"),
        (RESET, {"ResetType": "On", "Hurry": True}, "ActionParameterUnknown", "Hurry"),
        (
            f"{MANAGER}/Actions/Manager.Reset",
            {"ResetType": "ForceOff"},
            "ActionParameterValueNotInList",
            "ResetType",
        ),
    ],
)
async def test_a_bad_reset_names_its_parameter_and_starts_nothing(
    desk: MakeDesk, uri: str, body: dict[str, object], message: str, name: str
) -> None:
    on = await desk()
    assert message in await on.refused("POST", uri, body, status=400, names=name)
    assert await on.count_tasks() == 0


async def test_a_reset_type_that_this_machine_lacks_is_refused(desk: MakeDesk) -> None:
    content = yaml.safe_load(DEFAULT)
    content["templates"]["rack-1u"]["ResetTypes"] = ["ForceOff", "On"]
    on = await desk(fleet=fleets.loads(yaml.safe_dump(content)))
    assert (await on.get(f"{SYSTEM}/ResetActionInfo"))["Parameters"][0]["AllowableValues"] == [
        "On",
        "ForceOff",
    ]
    said = await on.refused("POST", RESET, {"ResetType": "Nmi"}, status=400, names="ResetType")
    assert said == ["ActionParameterValueNotInList"]


@pytest.mark.parametrize(
    ("status", "message"),
    [(503, "ServiceTemporarilyUnavailable"), (409, "ResourceInUse"), (500, "InternalError")],
)
async def test_a_refusal_of_the_scenario_reaches_the_client(
    desk: MakeDesk, status: int, message: str
) -> None:
    on = await desk(f"rules: [{{first: 1, refuse: {{status: {status}, retry_after: 3}}}}]")
    assert await on.refused("POST", RESET, {}, status=status, retry_after="3") == [message]
    assert await on.count_tasks() == 0
    await on.started(RESET, {})


async def test_patch_of_a_system_changes_what_may_be_changed(desk: MakeDesk) -> None:
    on = await desk()
    changed = await on.patch(
        SYSTEM,
        {
            "AssetTag": "rack 7",
            "LocationIndicatorActive": True,
            "Boot": {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"},
        },
    )
    assert changed == await on.get(SYSTEM)
    assert (changed["AssetTag"], changed["LocationIndicatorActive"]) == ("rack 7", True)
    boot = changed["Boot"]
    assert (boot["BootSourceOverrideTarget"], boot["BootSourceOverrideMode"]) == ("Pxe", "UEFI")
    await on.stage.run(await on.started(RESET, {"ResetType": "ForceRestart"}))
    after = await on.get(SYSTEM)
    assert after["Boot"]["BootSourceOverrideEnabled"] == "Disabled"
    assert after["LastResetTime"].startswith("2027-01-15T")
    assert (await on.patch(SYSTEM, {"AssetTag": None}))["AssetTag"] == ""


async def test_patch_of_chassis_and_manager(desk: MakeDesk) -> None:
    on = await desk()
    assert (await on.patch(CHASSIS, {"AssetTag": "c"}))["AssetTag"] == "c"
    assert (await on.get(SYSTEM))["AssetTag"] == ""
    shown = await on.patch(MANAGER, {"LocationIndicatorActive": True})
    assert shown["LocationIndicatorActive"] is True
    await on.stage.run(await on.started(f"{MANAGER}/Actions/Manager.Reset", {}))
    assert "LastResetTime" in await on.get(MANAGER)


@pytest.mark.parametrize(
    ("uri", "body", "message", "name"),
    [
        (SYSTEM, {"PowerState": "Off"}, "PropertyNotWritable", "PowerState"),
        (SYSTEM, {"Nonsense": 1}, "PropertyUnknown", "Nonsense"),
        (SYSTEM, {"AssetTag": 5}, "PropertyValueTypeError", "AssetTag"),
        (SYSTEM, {"AssetTag": "x" * 300}, "PropertyValueFormatError", "AssetTag"),
        (
            SYSTEM,
            {"Boot": {"BootSourceOverrideTarget": "Moon"}},
            "PropertyValueNotInList",
            "Boot/BootSourceOverrideTarget",
        ),
        (SYSTEM, {"Boot": {"Order": []}}, "PropertyUnknown", "Boot/Order"),
        (CHASSIS, {"SerialNumber": "1"}, "PropertyNotWritable", "SerialNumber"),
        (MANAGER, {"FirmwareVersion": "1"}, "PropertyNotWritable", "FirmwareVersion"),
        (PROTOCOL, {"NTP": {"NTPServers": [5]}}, "PropertyValueTypeError", "NTP/NTPServers/0"),
        (PROTOCOL, {"HTTPS": {"Port": 1}}, "PropertyNotWritable", "HTTPS"),
    ],
)
async def test_a_bad_patch_names_its_property_and_changes_nothing(
    desk: MakeDesk, uri: str, body: dict[str, object], message: str, name: str
) -> None:
    on = await desk()
    before = await on.get(uri)
    assert message in await on.refused("PATCH", uri, body, status=400, names=name)
    assert await on.get(uri) == before


async def test_etags_are_compared_and_change_with_the_resource(desk: MakeDesk) -> None:
    on = await desk()
    for uri in (SYSTEM, CHASSIS, MANAGER, PROTOCOL):
        body = (
            {"NTP": {"ProtocolEnabled": True}}
            if uri == PROTOCOL
            else {"LocationIndicatorActive": True}
        )
        first = await on.etag(uri)
        assert await on.etag(uri) == first
        await on.patch(uri, body, if_match=first)
        second = await on.etag(uri)
        assert second != first
        for stale in (first, '"0"', '"made-up"', f"W/{second}"):
            await on.refused("PATCH", uri, body, status=412, if_match=stale)
        assert await on.etag(uri) == second
        await on.patch(uri, body, if_match="*")
        assert (await on.ask("GET", uri, headers={"If-None-Match": await on.etag(uri)}))[0] == 304


async def test_the_etag_of_a_system_changes_when_its_reset_ends(desk: MakeDesk) -> None:
    on = await desk()
    before = await on.etag(SYSTEM)
    task = await on.started(RESET, {"ResetType": "ForceOff"})
    assert await on.etag(SYSTEM) == before
    await on.stage.run(task)
    assert await on.etag(SYSTEM) != before


async def test_an_etag_is_void_when_the_fleet_file_changed(desk: MakeDesk) -> None:
    on = await desk()
    old = await on.etag(SYSTEM)
    again = await desk(fleet=fleets.loads(DEFAULT, seed=99))
    assert await again.etag(SYSTEM) != old
    await again.refused("PATCH", SYSTEM, {"AssetTag": "x"}, status=412, if_match=old)


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ([None, "b"], ["b"]),
        ([{}, "x"], ["a", "x"]),
        (["z"], ["z"]),
        ([{}, {}, {}, "d"], ["a", "b", "c", "d"]),
        ([{}, {}, {}, {}, "d"], ["a", "b", "c", "d"]),
        ([None, None, None], []),
        ([], []),
    ],
)
async def test_array_elements_are_removed_kept_and_cut_off(
    desk: MakeDesk, given: list[object], becomes: list[str]
) -> None:
    on: Desk = await desk()
    await on.patch(PROTOCOL, {"NTP": {"NTPServers": ["a", "b", "c"]}})
    changed = await on.patch(PROTOCOL, {"NTP": {"NTPServers": given}})
    assert changed["NTP"]["NTPServers"] == becomes
    assert (await on.get(PROTOCOL))["NTP"]["NTPServers"] == becomes
