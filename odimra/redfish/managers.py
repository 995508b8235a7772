"""``/redfish/v1/Managers``: the emulated BMCs, with PATCH, NetworkProtocol and the Reset action.

A face: called by the frame, knows the emulation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from odimra.clock import iso_seconds
from odimra.emulation.fleet import MANAGERS, Machine
from odimra.emulation.operations import MachineOperations
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
from odimra.redfish.system_parts import ethernet
from odimra.redfish.systems import reset_action_info, stored
from odimra.store import Document
from odimra.tasks import Tasks

TYPE = "Manager.v1_24_0.Manager"
PROTOCOL = "ManagerNetworkProtocol.v1_12_0.ManagerNetworkProtocol"
INTERFACE = "EthernetInterface.v1_12_4.EthernetInterface"
RESET = "Manager.Reset"
RESET_TYPES = ("GracefulRestart", "ForceRestart")


def resources(
    emulated: MachineOperations, tasks: Tasks, accepted: Accepted, members: Members = Listed
) -> list[Resource]:
    """Return the routes of the Managers."""
    machines = emulated.machines
    fleet = machines.fleet
    every = members([machine.manager_uri for machine in fleet.machines.values()])

    async def collection(_: Call) -> Collection:
        return Collection(
            uri=MANAGERS,
            type="ManagerCollection.ManagerCollection",
            name="Managers",
            source=every,
        )

    async def get(call: Call) -> Reply:
        machine = find(fleet, call, "Manager")
        return _reply(machine, await machines.read("manager", machine))

    async def patch(call: Call) -> Reply:
        machine = find(fleet, call, "Manager")
        document = await machines.change(
            "manager", machine, stored(call.body), expect=expected(call, machine)
        )
        return _reply(machine, document)

    async def reset(call: Call) -> Reply:
        machine = find(fleet, call, "Manager")
        new = await emulated.reset_manager(
            machine,
            # The parameter is optional in the schema; the default is up to the service.
            call.body.get("ResetType", "GracefulRestart"),
            owner=call.principal.account,
            payload=payload(call),
        )
        return accepted(await tasks.create(new, task_id=call.task_id))

    async def reset_info(call: Call) -> Reply:
        machine = find(fleet, call, "Manager")
        return Reply(body=reset_action_info(f"{machine.manager_uri}/ResetActionInfo", RESET_TYPES))

    async def get_protocol(call: Call) -> Reply:
        machine = find(fleet, call, "ManagerNetworkProtocol")
        return _protocol_reply(machine, await machines.read("protocol", machine))

    async def patch_protocol(call: Call) -> Reply:
        machine = find(fleet, call, "ManagerNetworkProtocol")
        ntp = call.body.get("NTP", {})

        def compute(fields: Mapping[str, str]) -> Mapping[str, str]:
            values = {}
            if "ProtocolEnabled" in ntp:
                values["NTP.ProtocolEnabled"] = "true" if ntp["ProtocolEnabled"] else "false"
            if "NTPServers" in ntp:
                servers = patch_array(orjson.loads(fields["NTP.NTPServers"]), ntp["NTPServers"])
                values["NTP.NTPServers"] = orjson.dumps(servers).decode()
            return values

        document = await machines.recompute(
            "protocol", machine, compute, expect=expected(call, machine)
        )
        return _protocol_reply(machine, document)

    async def interfaces(call: Call) -> Collection:
        machine = find(fleet, call, "Manager")
        uri = f"{machine.manager_uri}/EthernetInterfaces"
        return Collection(
            uri=uri,
            type="EthernetInterfaceCollection.EthernetInterfaceCollection",
            name=f"EthernetInterfaces of {machine.id}",
            source=Listed([f"{uri}/1"]),
        )

    async def interface(call: Call) -> Reply:
        machine = find(fleet, call, "Manager")
        if call.params["part"] != "1":
            raise errors.resource_not_found("EthernetInterface", call.params["part"])
        uri = f"{machine.manager_uri}/EthernetInterfaces/1"
        return Reply(body=ethernet(uri, "Management interface", machine.mac("manager"), 1000))

    one = f"{MANAGERS}/{{id}}"
    return [
        Resource(
            path=MANAGERS,
            entity="ManagerCollection",
            type="ManagerCollection.ManagerCollection",
            get=collection,
        ),
        Resource(
            path=one,
            entity="Manager",
            type=TYPE,
            get=get,
            patch=patch,
            bodies={"PATCH": "Manager.patch.json"},
        ),
        Resource(
            path=f"{one}/Actions/{RESET}",
            entity="Manager",
            type=TYPE,
            post=reset,
            bodies={"POST": "Manager.Reset.json"},
            action=RESET,
        ),
        Resource(
            path=f"{one}/ResetActionInfo",
            entity="ActionInfo",
            type="ActionInfo.v1_5_0.ActionInfo",
            get=reset_info,
        ),
        Resource(
            path=f"{one}/NetworkProtocol",
            entity="ManagerNetworkProtocol",
            type=PROTOCOL,
            get=get_protocol,
            patch=patch_protocol,
            bodies={"PATCH": "ManagerNetworkProtocol.patch.json"},
        ),
        Resource(
            path=f"{one}/EthernetInterfaces",
            entity="EthernetInterfaceCollection",
            type="EthernetInterfaceCollection.EthernetInterfaceCollection",
            get=interfaces,
        ),
        Resource(
            path=f"{one}/EthernetInterfaces/{{part}}",
            entity="EthernetInterface",
            type=INTERFACE,
            get=interface,
        ),
    ]


def patch_array(current: Sequence[str], given: Sequence[Any]) -> list[str]:
    """Return an array after a PATCH: null removes, ``{}`` keeps, a shorter one cuts off.

    DSP0266 on modification of arrays (7.6.3 in 1.8.1).
    """
    changed = []
    for position, entry in enumerate(given):
        if isinstance(entry, str):
            changed.append(entry)
        elif entry is not None and position < len(current):
            changed.append(current[position])
    return changed


def represent(machine: Machine, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the Manager (v1_24_0) of a machine in the state that ``fields`` tell."""
    uri = machine.manager_uri
    body: dict[str, Any] = {
        **head(uri, TYPE, f"Manager {machine.id}"),
        "Description": "An emulated baseboard management controller",
        "ManagerType": "BMC",
        **machine.template["Manager"],
        "SerialNumber": machine.serial("manager"),
        "UUID": machine.uuid("manager"),
        "FirmwareVersion": fields["FirmwareVersion"],
        "LocationIndicatorActive": fields["LocationIndicatorActive"] == "true",
        "PowerState": "On",
        "Status": dict(STATUS),
        "EthernetInterfaces": link(f"{uri}/EthernetInterfaces"),
        "NetworkProtocol": link(f"{uri}/NetworkProtocol"),
        "Links": {
            **links("ManagerForServers", [machine.system_uri]),
            **links("ManagerForChassis", [machine.chassis_uri]),
            "ManagerInChassis": link(machine.chassis_uri),
        },
        "Actions": {
            f"#{RESET}": {
                "target": f"{uri}/Actions/{RESET}",
                "ResetType@Redfish.AllowableValues": list(RESET_TYPES),
                "@Redfish.ActionInfo": f"{uri}/ResetActionInfo",
            }
        },
    }
    if fields["LastResetTime"]:
        body["LastResetTime"] = iso_seconds(int(fields["LastResetTime"]))
    return body


def represent_protocol(machine: Machine, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the ManagerNetworkProtocol (v1_12_0) of a machine's Manager."""
    uri = f"{machine.manager_uri}/NetworkProtocol"
    return {
        **head(uri, PROTOCOL, f"Network protocols of {machine.id}"),
        "HostName": f"{machine.id}-bmc",
        "HTTP": {"ProtocolEnabled": False, "Port": 80},
        "HTTPS": {"ProtocolEnabled": True, "Port": 443},
        "NTP": {
            "ProtocolEnabled": fields["NTP.ProtocolEnabled"] == "true",
            "NTPServers": orjson.loads(fields["NTP.NTPServers"]),
        },
        "Status": dict(STATUS),
    }


def _reply(machine: Machine, document: Document) -> Reply:
    return Reply(body=represent(machine, document.fields), etag=etag(machine, document))


def _protocol_reply(machine: Machine, document: Document) -> Reply:
    return Reply(body=represent_protocol(machine, document.fields), etag=etag(machine, document))
