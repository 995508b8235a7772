"""``/redfish/v1/Systems``: the emulated ComputerSystems, with PATCH and the Reset action.

A face: called by the frame, knows the emulation. Their parts are in ``system_parts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odimra.clock import iso_seconds
from odimra.emulation.fleet import SYSTEMS, Machine
from odimra.emulation.operations import MachineOperations
from odimra.emulation.state import (
    BOOT_ENABLED,
    BOOT_MODES,
    BOOT_TARGETS,
    Boot,
    with_boot,
)
from odimra.redfish import errors
from odimra.redfish.accepted import Accepted, payload
from odimra.redfish.machines import (
    STATUS,
    etag,
    expected,
    find,
    head,
    link,
    links,
)
from odimra.redfish.resource import Call, Collection, Listed, Members, Reply, Resource
from odimra.store import Document
from odimra.tasks import Tasks

TYPE = "ComputerSystem.v1_27_0.ComputerSystem"
RESET = "ComputerSystem.Reset"
#: What PATCH takes besides ``Boot``.
PATCHABLE = ("AssetTag", "LocationIndicatorActive")


def resources(
    emulated: MachineOperations, tasks: Tasks, accepted: Accepted, members: Members = Listed
) -> list[Resource]:
    """Return the routes of the Systems."""
    machines = emulated.machines
    fleet = machines.fleet
    every = members([machine.system_uri for machine in fleet.machines.values()])

    async def collection(_: Call) -> Collection:
        return Collection(
            uri=SYSTEMS,
            type="ComputerSystemCollection.ComputerSystemCollection",
            name="Computer Systems",
            source=every,
        )

    async def get(call: Call) -> Reply:
        machine = find(fleet, call, "ComputerSystem")
        return _reply(machine, await machines.read("system", machine))

    async def patch(call: Call) -> Reply:
        machine = find(fleet, call, "ComputerSystem")
        boot = call.body.get("Boot", {})
        values = stored(call.body)

        def compute(fields: Mapping[str, str]) -> Mapping[str, str]:
            return {**(with_boot(fields, boot) if boot else {}), **values}

        document = await machines.recompute(
            "system", machine, compute, expect=expected(call, machine)
        )
        return _reply(machine, document)

    async def reset(call: Call) -> Reply:
        machine = find(fleet, call, "ComputerSystem")
        # The parameter is optional in the schema; the default is up to the service.
        reset_type = call.body.get("ResetType", "ForceRestart")
        if reset_type not in machine.reset_types:
            raise errors.action_parameter_value_not_in_list(reset_type, "ResetType", RESET)
        new = await emulated.reset_system(
            machine, reset_type, owner=call.principal.account, payload=payload(call)
        )
        return accepted(await tasks.create(new, task_id=call.task_id))

    async def reset_info(call: Call) -> Reply:
        machine = find(fleet, call, "ComputerSystem")
        return Reply(
            body=reset_action_info(f"{machine.system_uri}/ResetActionInfo", machine.reset_types)
        )

    one = f"{SYSTEMS}/{{id}}"
    return [
        Resource(
            path=SYSTEMS,
            entity="ComputerSystemCollection",
            type="ComputerSystemCollection.ComputerSystemCollection",
            get=collection,
        ),
        Resource(
            path=one,
            entity="ComputerSystem",
            type=TYPE,
            get=get,
            patch=patch,
            bodies={"PATCH": "ComputerSystem.patch.json"},
        ),
        Resource(
            path=f"{one}/Actions/{RESET}",
            entity="ComputerSystem",
            type=TYPE,
            post=reset,
            bodies={"POST": "ComputerSystem.Reset.json"},
            action=RESET,
        ),
        Resource(
            path=f"{one}/ResetActionInfo",
            entity="ActionInfo",
            type="ActionInfo.v1_5_0.ActionInfo",
            get=reset_info,
        ),
    ]


def represent(machine: Machine, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the ComputerSystem (v1_27_0) of a machine in the state that ``fields`` tell."""
    made = machine.template
    boot = Boot.of(fields)
    processors, memory = made["Processors"], made["Memory"]
    uri = machine.system_uri
    body: dict[str, Any] = {
        **head(uri, TYPE, f"System {machine.id}"),
        "Description": "An emulated system",
        "SystemType": "Physical",
        **made["System"],
        "SerialNumber": machine.serial("system"),
        "UUID": machine.uuid("system"),
        "HostName": machine.id,
        "AssetTag": fields["AssetTag"],
        "LocationIndicatorActive": fields["LocationIndicatorActive"] == "true",
        "PowerState": fields["PowerState"],
        "BiosVersion": fields["BiosVersion"],
        "Status": {**STATUS, "HealthRollup": "OK"},
        "Boot": {
            "BootSourceOverrideTarget": boot.target,
            "BootSourceOverrideTarget@Redfish.AllowableValues": list(BOOT_TARGETS),
            "BootSourceOverrideEnabled": boot.enabled,
            "BootSourceOverrideEnabled@Redfish.AllowableValues": list(BOOT_ENABLED),
            "BootSourceOverrideMode": boot.mode,
            "BootSourceOverrideMode@Redfish.AllowableValues": list(BOOT_MODES),
        },
        "ProcessorSummary": {
            "Count": processors["Count"],
            "CoreCount": processors["Count"] * processors["TotalCores"],
            "LogicalProcessorCount": processors["Count"] * processors["TotalThreads"],
            "Model": processors["Model"],
        },
        "MemorySummary": {
            "TotalSystemMemoryGiB": memory["Count"] * memory["CapacityMiB"] / 1024,
        },
        "Processors": link(f"{uri}/Processors"),
        "Memory": link(f"{uri}/Memory"),
        "EthernetInterfaces": link(f"{uri}/EthernetInterfaces"),
        "Links": {
            **links("Chassis", [machine.chassis_uri]),
            **links("ManagedBy", [machine.manager_uri]),
        },
        "Actions": {
            f"#{RESET}": {
                "target": f"{uri}/Actions/{RESET}",
                "ResetType@Redfish.AllowableValues": list(machine.reset_types),
                "@Redfish.ActionInfo": f"{uri}/ResetActionInfo",
            }
        },
    }
    if "Drives" in made:
        body["Storage"] = link(f"{uri}/Storage")
    if fields["LastResetTime"]:
        body["LastResetTime"] = iso_seconds(int(fields["LastResetTime"]))
    return body


def _reply(machine: Machine, document: Document) -> Reply:
    return Reply(body=represent(machine, document.fields), etag=etag(machine, document))


def stored(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the simple properties of a PATCH as the document keeps them."""
    values = {}
    for name in PATCHABLE:
        if name in body:
            value = body[name]
            values[name] = str(value).lower() if isinstance(value, bool) else value or ""
    return values


def reset_action_info(uri: str, reset_types: tuple[str, ...]) -> dict[str, Any]:
    """Return the ActionInfo (v1_5_0) of a Reset action."""
    return {
        **head(uri, "ActionInfo.v1_5_0.ActionInfo", "Reset Action Info"),
        "Parameters": [
            {
                "Name": "ResetType",
                "Required": False,
                "DataType": "String",
                "AllowableValues": list(reset_types),
            }
        ],
    }
