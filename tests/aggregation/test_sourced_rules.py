"""Who may do what to a resource of a BMC, by its path."""

from __future__ import annotations

import pytest

from odimra.access import Principal
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.sourced_rules import (
    ACCOUNT,
    COMPONENT,
    MANAGED,
    SECRET,
    SYSTEM_SECRET,
    TASK,
    SourcedRule,
    entity,
)

OPERATOR = frozenset({"Login", "ConfigureComponents", "ConfigureSelf"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Systems/s.1", COMPONENT),
        ("Systems/s.1/Bios/Settings", COMPONENT),
        ("Systems/s.1/Actions/ComputerSystem.Reset", COMPONENT),
        ("Systems/s.1/Oem/Vendor/Anything", COMPONENT),
        ("Systems/s.1/VirtualMedia/1/Actions/VirtualMedia.InsertMedia", MANAGED),
        ("Systems/s.1/LogServices/SEL/Actions/LogService.ClearLog", COMPONENT),
        ("Systems/s.1/Boot/Certificates/1", SYSTEM_SECRET),
        ("Systems/s.1/Processors/1/EnvironmentMetrics", COMPONENT),
        ("Chassis/s.1", COMPONENT),
        ("Chassis/s.1/EnvironmentMetrics", MANAGED),
        ("Chassis/s.1/Power", MANAGED),
        ("Chassis/s.1/PowerSubsystem/PowerSupplies/1", MANAGED),
        ("Chassis/s.1/NetworkAdapters/1/Ports/1/EnvironmentMetrics", COMPONENT),
        ("Chassis/s.1/Drives/1/EnvironmentMetrics", COMPONENT),
        ("Chassis/s.1/Certificates", SECRET),
        ("Managers/s.1", MANAGED),
        ("Managers/s.1/Actions/Manager.Reset", MANAGED),
        ("Managers/s.1/EthernetInterfaces/1", MANAGED),
        ("Managers/s.1/NetworkProtocol/HTTPS/Certificates/1", SECRET),
        ("Managers/s.1/RemoteAccountService/Accounts/1", ACCOUNT),
        ("TaskService/Tasks/s.1", TASK),
        ("TaskService/Tasks/s.1/SubTasks", TASK),
    ],
)
def test_the_entity_follows_from_the_path(path: str, expected: str) -> None:
    assert entity(f"/redfish/v1/{path}") == expected
    assert entity(f"/redfish/v1/{path}/") == expected


def test_the_rule_is_that_of_the_entity() -> None:
    privileges = PrivilegeMap.load()
    operator = Principal("olga", "Operator", OPERATOR, None, False, "/redfish/v1/x")
    patch = SourcedRule.of(privileges, "PATCH")
    assert patch.admits(operator, "/redfish/v1/Systems/s.1")
    assert not patch.refused(operator, "/redfish/v1/Systems/s.1", ["AssetTag"])
    assert not patch.admits(operator, "/redfish/v1/Managers/s.1")
    assert patch.refused(operator, "/redfish/v1/Managers/s.1", ["Name"])
    get = SourcedRule.of(privileges, "GET")
    assert get.admits(operator, "/redfish/v1/Managers/s.1")
    assert not get.admits(operator, "/redfish/v1/Managers/s.1/NetworkProtocol/HTTPS/Certificates/1")
    # Nobody is the owner of an account of a BMC.
    own = "/redfish/v1/Managers/s.1/RemoteAccountService/Accounts/1"
    assert not get.admits(operator, own)
