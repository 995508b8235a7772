"""``/redfish/v1/UpdateService``: firmware inventory and SimpleUpdate on the emulated machines.

A face: called by the frame, knows the emulation.
"""

from __future__ import annotations

from typing import Any

from odimra.emulation.fleet import FIRMWARE, UPDATE_SERVICE, Component
from odimra.emulation.images import BadImageURI
from odimra.emulation.operations import MachineOperations, NoSuchTarget, TooManyTargets
from odimra.redfish import errors
from odimra.redfish.accepted import Accepted, payload
from odimra.redfish.machines import STATUS, etag, head, link, links
from odimra.redfish.resource import Call, Collection, Listed, Reply, Resource
from odimra.tasks import Tasks

TYPE = "UpdateService.v1_17_0.UpdateService"
SOFTWARE = "SoftwareInventory.v1_13_0.SoftwareInventory"
INFO = "ActionInfo.v1_5_0.ActionInfo"
SIMPLE_UPDATE = "UpdateService.SimpleUpdate"
#: ``TransferProtocolType``; nothing is ever fetched, so all of them work.
PROTOCOLS = ("CIFS", "FTP", "SFTP", "HTTP", "HTTPS", "NFS", "SCP", "TFTP", "OEM")
APPLY_TIMES = ("Immediate",)


def resources(emulated: MachineOperations, tasks: Tasks, accepted: Accepted) -> list[Resource]:
    """Return the routes of the UpdateService."""
    machines = emulated.machines
    fleet = machines.fleet
    every = Listed([component.uri for component in fleet.components.values()])

    async def get(_: Call) -> Reply:
        return Reply(body=represent())

    async def collection(_: Call) -> Collection:
        return Collection(
            uri=FIRMWARE,
            type="SoftwareInventoryCollection.SoftwareInventoryCollection",
            name="Firmware Inventory",
            source=every,
        )

    async def member(call: Call) -> Reply:
        component = fleet.components.get(call.params["id"])
        if component is None:
            raise errors.resource_not_found("SoftwareInventory", call.params["id"])
        document = await machines.firmware(component)
        return Reply(
            body=represent_firmware(component, document.fields["Version"]),
            etag=etag(fleet.machines[component.machine], document),
        )

    async def info(_: Call) -> Reply:
        return Reply(body=simple_update_info())

    async def simple_update(call: Call) -> Reply:
        body = call.body
        parameters = {}
        if "TransferProtocol" in body:
            parameters["TransferProtocol"] = body["TransferProtocol"]
        targets = body.get("Targets", [])
        try:
            new = await emulated.update_firmware(
                body["ImageURI"],
                targets,
                parameters,
                owner=call.principal.account,
                payload=payload(call),
            )
        except BadImageURI:
            # Without the value: it may carry credentials.
            raise errors.action_parameter_value_error("ImageURI", SIMPLE_UPDATE) from None
        except NoSuchTarget as error:
            raise errors.action_parameter_value_not_in_list(
                error.uri, f"Targets/{error.index}", SIMPLE_UPDATE
            ) from None
        except TooManyTargets:
            raise errors.action_parameter_value_error("Targets", SIMPLE_UPDATE) from None
        return accepted(await tasks.create(new, task_id=call.task_id))

    return [
        Resource(path=UPDATE_SERVICE, entity="UpdateService", type=TYPE, get=get),
        Resource(
            path=f"{UPDATE_SERVICE}/Actions/{SIMPLE_UPDATE}",
            entity="UpdateService",
            type=TYPE,
            post=simple_update,
            bodies={"POST": "UpdateService.SimpleUpdate.json"},
            action=SIMPLE_UPDATE,
        ),
        Resource(
            path=f"{UPDATE_SERVICE}/SimpleUpdateActionInfo",
            entity="ActionInfo",
            type=INFO,
            get=info,
        ),
        Resource(
            path=FIRMWARE,
            entity="SoftwareInventoryCollection",
            type="SoftwareInventoryCollection.SoftwareInventoryCollection",
            get=collection,
        ),
        Resource(path=f"{FIRMWARE}/{{id}}", entity="SoftwareInventory", type=SOFTWARE, get=member),
    ]


def represent() -> dict[str, Any]:
    """Return the UpdateService (v1_17_0)."""
    return {
        **head(UPDATE_SERVICE, TYPE, "Update Service"),
        "Description": "Updates the firmware of the emulated machines",
        "ServiceEnabled": True,
        "Status": dict(STATUS),
        "FirmwareInventory": link(FIRMWARE),
        "Actions": {
            f"#{SIMPLE_UPDATE}": {
                "target": f"{UPDATE_SERVICE}/Actions/{SIMPLE_UPDATE}",
                "TransferProtocol@Redfish.AllowableValues": list(PROTOCOLS),
                "@Redfish.ActionInfo": f"{UPDATE_SERVICE}/SimpleUpdateActionInfo",
                "@Redfish.OperationApplyTimeSupport": {
                    "@odata.type": "#Settings.v1_4_0.OperationApplyTimeSupport",
                    "SupportedValues": list(APPLY_TIMES),
                },
            }
        },
    }


def represent_firmware(component: Component, version: str) -> dict[str, Any]:
    """Return an entry of the firmware inventory (SoftwareInventory v1_13_0)."""
    return {
        **head(component.uri, SOFTWARE, f"{component.name} of {component.machine}"),
        "Version": version,
        "SoftwareId": component.name,
        "Updateable": True,
        "Status": dict(STATUS),
        **links("RelatedItem", [component.related]),
    }


def simple_update_info() -> dict[str, Any]:
    """Return the ActionInfo (v1_5_0) of SimpleUpdate."""
    return {
        **head(f"{UPDATE_SERVICE}/SimpleUpdateActionInfo", INFO, "SimpleUpdate Action Info"),
        "Parameters": [
            {"Name": "ImageURI", "Required": True, "DataType": "String"},
            {
                "Name": "TransferProtocol",
                "Required": False,
                "DataType": "String",
                "AllowableValues": list(PROTOCOLS),
            },
            {"Name": "Targets", "Required": False, "DataType": "StringArray"},
            {"Name": "Username", "Required": False, "DataType": "String"},
            {"Name": "Password", "Required": False, "DataType": "String"},
        ],
    }
