"""Links of BMCs are made ours; what is not shown here is left out."""

from __future__ import annotations

import pytest

from odimra.aggregation.addresses import local, remote, rewritten

SOURCE = "3f2a9c0d1b7e"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("/redfish/v1/Systems/1", f"/redfish/v1/Systems/{SOURCE}.1"),
        ("/redfish/v1/Systems/1/", f"/redfish/v1/Systems/{SOURCE}.1"),
        ("/redfish/v1/Systems/a.b/Bios", f"/redfish/v1/Systems/{SOURCE}.a.b/Bios"),
        ("/redfish/v1/Chassis/1U#/Fans/0", f"/redfish/v1/Chassis/{SOURCE}.1U#/Fans/0"),
        (
            "/redfish/v1/Systems/1/LogServices?$skip=1",
            f"/redfish/v1/Systems/{SOURCE}.1/LogServices?$skip=1",
        ),
        ("https://bmc:8443/redfish/v1/Managers/bmc", f"/redfish/v1/Managers/{SOURCE}.bmc"),
        ("/redfish/v1/TaskService/Tasks/7", f"/redfish/v1/TaskService/Tasks/{SOURCE}.7"),
        ("/redfish/v1/Systems", None),
        ("/redfish/v1/Registries/Base", None),
        ("/redfish/v1/SystemsOfSomebody/1", None),
        ("/elsewhere", None),
    ],
)
def test_where_a_resource_of_a_bmc_is_shown(theirs: str, ours: str | None) -> None:
    assert local(SOURCE, theirs) == ours
    if ours is not None and "://" not in theirs:
        assert remote(ours) == (SOURCE, theirs.rstrip("/"))


@pytest.mark.parametrize(
    "uri",
    [
        "/redfish/v1/Systems/node-1",
        "/redfish/v1/Systems/3f2a9c0d1b7.1",
        "/redfish/v1/Systems/3f2a9c0d1b7e",
        "/redfish/v1/AccountService/3f2a9c0d1b7e.1",
    ],
)
def test_what_is_ours_is_of_no_source(uri: str) -> None:
    assert remote(uri) is None


def test_links_in_a_body_are_made_ours() -> None:
    body = {
        "@odata.context": "/redfish/v1/$metadata#ComputerSystem.ComputerSystem",
        "@odata.id": "/redfish/v1/Systems/1",
        "Name": "/redfish",
        "Links": {
            "Chassis@odata.count": 2,
            "Chassis": [
                {"@odata.id": "/redfish/v1/Chassis/1"},
                {"@odata.id": "/redfish/v1/Fabrics/1"},
            ],
            "CooledBy": [],
            "PoweredBy": [{"@odata.id": "/redfish/v1/PowerEquipment/1"}],
            "PoweredBy@odata.count": 1,
        },
        "Registry": {"@odata.id": "/redfish/v1/Registries/Bios"},
        "Actions": {
            "#ComputerSystem.Reset": {
                "target": "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset",
                "@Redfish.ActionInfo": "/redfish/v1/Systems/1/ResetActionInfo",
            },
            "#Somewhere.Else": {"target": "/redfish/v1/UpdateService/Actions/Somewhere.Else"},
        },
        "Boot": {"AliasBootOrder": ["Pxe", "Hdd"], "Empty": {}, "Nothing": None},
    }
    assert rewritten(SOURCE, body) == {
        "@odata.context": "/redfish/v1/$metadata#ComputerSystem.ComputerSystem",
        "@odata.id": f"/redfish/v1/Systems/{SOURCE}.1",
        "Name": "/redfish",
        "Links": {
            "Chassis@odata.count": 1,
            "Chassis": [{"@odata.id": f"/redfish/v1/Chassis/{SOURCE}.1"}],
            "CooledBy": [],
            "PoweredBy": [],
            "PoweredBy@odata.count": 0,
        },
        "Actions": {
            "#ComputerSystem.Reset": {
                "target": f"/redfish/v1/Systems/{SOURCE}.1/Actions/ComputerSystem.Reset",
                "@Redfish.ActionInfo": f"/redfish/v1/Systems/{SOURCE}.1/ResetActionInfo",
            },
        },
        "Boot": {"AliasBootOrder": ["Pxe", "Hdd"], "Empty": {}, "Nothing": None},
    }


def test_nothing_is_left_of_a_body_that_is_not_shown() -> None:
    assert rewritten(SOURCE, {"@odata.id": "/redfish/v1/Fabrics/1", "Name": "Fabric"}) is None
