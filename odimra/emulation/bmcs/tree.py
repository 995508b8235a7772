"""The resources of an emulated BMC that are just there: made up, or read from a mockup.

A mockup is a folder as DMTF publishes them: ``index.json`` in a folder for each resource.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from odimra.emulation.files import BadEmulationFile

ROOT = "/redfish/v1"
SYSTEM = f"{ROOT}/Systems/1"
CHASSIS = f"{ROOT}/Chassis/1"
MANAGER = f"{ROOT}/Managers/1"
Body = dict[str, Any]
Tree = Mapping[str, Body]

RESETS = ["On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "PowerCycle"]
BOOT_ORDER = "ComputerSystem.SetDefaultBootOrder"
OK = {"State": "Enabled", "Health": "OK"}


def _ref(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def resource(path: str, type_: str, name: str, **more: Any) -> Body:
    """Return the beginning of a resource."""
    return {
        "@odata.id": path,
        "@odata.type": f"#{type_}",
        "Id": path.rpartition("/")[2],
        "Name": name,
        **more,
    }


def collection(path: str, what: str, members: list[str]) -> Body:
    """Return a collection."""
    return {
        "@odata.id": path,
        "@odata.type": f"#{what}Collection.{what}Collection",
        "Name": f"{what} Collection",
        "Members@odata.count": len(members),
        "Members": [_ref(one) for one in members],
    }


def _reset(path: str, what: str) -> Body:
    return {
        f"#{what}.Reset": {
            "target": f"{path}/Actions/{what}.Reset",
            "ResetType@Redfish.AllowableValues": RESETS if what != "Manager" else RESETS[3:5],
        }
    }


def generated(number: int, seed: int) -> Tree:
    """Return the resources of a server with a number."""
    digest = hashlib.sha256(f"{seed}\0bmc\0{number}".encode()).digest()
    id_ = str(uuid.UUID(bytes=digest[:16], version=4))
    serial = digest[16:22].hex().upper()
    links = {"Chassis": [_ref(CHASSIS)], "ManagedBy": [_ref(MANAGER)]}
    found = [
        resource(
            SYSTEM, "ComputerSystem.v1_20_0.ComputerSystem", f"System {number}",
            SystemType="Physical", Manufacturer="Odimra", Model="Emulated 1U", SerialNumber=serial,
            UUID=id_, HostName=f"host-{number}", PowerState="On", BiosVersion="1.0.0", AssetTag="",
            LocationIndicatorActive=False, Status=dict(OK), Links=links,
            LastResetTime="2026-01-01T00:00:00Z",
            Actions={
                **_reset(SYSTEM, "ComputerSystem"),
                f"#{BOOT_ORDER}": {"target": f"{SYSTEM}/Actions/{BOOT_ORDER}"},
            },
            ProcessorSummary={"Count": 2, "Model": "Emulated"},
            MemorySummary={"TotalSystemMemoryGiB": 256},
            Boot={
                "BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None",
                "BootSourceOverrideMode": "UEFI", "BootOrder": ["Boot0001", "Boot0002"],
                "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", "Hdd", "Cd"],
            },
        ),
        resource(
            CHASSIS, "Chassis.v1_23_0.Chassis", f"Chassis {number}", ChassisType="RackMount",
            Manufacturer="Odimra", SerialNumber=serial, PowerState="On", Status=dict(OK),
            Links={"ComputerSystems": [_ref(SYSTEM)], "ManagedBy": [_ref(MANAGER)]},
        ),
        resource(
            MANAGER, "Manager.v1_18_0.Manager", f"Manager {number}", ManagerType="BMC",
            FirmwareVersion="2.0.0", UUID=str(uuid.UUID(bytes=digest[8:24], version=4)),
            Status=dict(OK), Actions=_reset(MANAGER, "Manager"),
            Links={"ManagerForServers": [_ref(SYSTEM)], "ManagerForChassis": [_ref(CHASSIS)]},
        ),
        collection(f"{ROOT}/Systems", "ComputerSystem", [SYSTEM]),
        collection(f"{ROOT}/Chassis", "Chassis", [CHASSIS]),
        collection(f"{ROOT}/Managers", "Manager", [MANAGER]),
        {
            **resource(ROOT, "ServiceRoot.v1_15_0.ServiceRoot", "Root Service"),
            "Id": "RootService", "RedfishVersion": "1.17.0", "UUID": id_, "Vendor": "Odimra",
            **{name: _ref(f"{ROOT}/{name}") for name in ("Systems", "Chassis", "Managers")},
        },
    ]  # fmt: skip
    return {one["@odata.id"]: one for one in found}


def mockup(folder: Path) -> Tree:
    """Read a mockup. Raises :class:`~odimra.emulation.files.BadEmulationFile`."""
    start = folder / "redfish" / "v1"
    if not start.is_dir():
        start = folder
    found: dict[str, Body] = {}
    for file in sorted(start.rglob("index.json")):
        below = file.parent.relative_to(start).as_posix()
        path = ROOT if below == "." else f"{ROOT}/{below}"
        try:
            body = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BadEmulationFile(f"{file}: {error}") from None
        if isinstance(body, dict):
            found[path] = {name: one for name, one in body.items() if name != "@Redfish.Copyright"}
    if ROOT not in found:
        raise BadEmulationFile(f"{folder}: there is no index.json of a service root in it")
    return found
