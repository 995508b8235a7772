"""What is inside the emulated Systems: processors, memory, network interfaces, storage.

Read-only, from the fleet file alone. A face: called by the frame, knows the emulation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from odimra.emulation.fleet import SYSTEMS, Fleet, Machine
from odimra.redfish.machines import STATUS, find, head, link, links, part
from odimra.redfish.resource import Call, Collection, Handler, Listed, Resource

ONE = f"{SYSTEMS}/{{id}}"


def resources(fleet: Fleet) -> list[Resource]:
    """Return the routes below a System."""
    found: list[Resource] = []
    for name, (entity, odata_type, count, show) in PARTS.items():
        collection_type = odata_type.partition(".")[0] + "Collection"
        found += [
            Resource(
                path=f"{ONE}/{name}",
                entity=f"{entity}Collection",
                type=f"{collection_type}.{collection_type}",
                get=_collection(fleet, name, collection_type, count),
            ),
            part(fleet, f"{ONE}/{name}/{{part}}", entity, odata_type, _member(name, count, show)),
        ]
    return found


def _part_ids(name: str, count: int) -> list[str]:
    if name == "Storage":  # one, that has all drives
        return ["Internal"] if count else []
    return [str(number) for number in range(1, count + 1)]


def _collection(
    fleet: Fleet,
    name: str,
    collection_type: str,
    count: Callable[[Mapping[str, Any]], int],
) -> Handler:
    async def get(call: Call) -> Collection:
        machine = find(fleet, call, "ComputerSystem")
        uri = f"{machine.system_uri}/{name}"
        return Collection(
            uri=uri,
            type=f"{collection_type}.{collection_type}",
            name=f"{name} of {machine.id}",
            source=Listed([f"{uri}/{one}" for one in _part_ids(name, count(machine.template))]),
        )

    return get


def _member(
    name: str,
    count: Callable[[Mapping[str, Any]], int],
    show: Callable[[Machine, str, str], dict[str, Any]],
) -> Callable[[Machine, str], dict[str, Any] | None]:
    def represent(machine: Machine, one: str) -> dict[str, Any] | None:
        if one not in _part_ids(name, count(machine.template)):
            return None
        return show(machine, f"{machine.system_uri}/{name}/{one}", one)

    return represent


def _processor(machine: Machine, uri: str, one: str) -> dict[str, Any]:
    made = {key: value for key, value in machine.template["Processors"].items() if key != "Count"}
    return {
        **head(uri, PARTS["Processors"][1], f"Processor {one}"),
        "ProcessorType": "CPU",
        "Socket": f"CPU{one}",
        **made,
        "SerialNumber": machine.serial(f"processor {one}"),
        "Status": dict(STATUS),
        "Links": {"Chassis": link(machine.chassis_uri)},
    }


def _memory(machine: Machine, uri: str, one: str) -> dict[str, Any]:
    made = {key: value for key, value in machine.template["Memory"].items() if key != "Count"}
    return {
        **head(uri, PARTS["Memory"][1], f"DIMM {one}"),
        "MemoryType": "DRAM",
        "Location": {"PartLocation": {"ServiceLabel": f"DIMM {one}"}},
        **made,
        "SerialNumber": machine.serial(f"memory {one}"),
        "Status": dict(STATUS),
        "Links": {"Chassis": link(machine.chassis_uri)},
    }


def ethernet(uri: str, name: str, mac: str, speed: int) -> dict[str, Any]:
    """Return an EthernetInterface (v1_12_4), of a System or a Manager."""
    return {
        **head(uri, "EthernetInterface.v1_12_4.EthernetInterface", name),
        "InterfaceEnabled": True,
        "LinkStatus": "LinkUp",
        "MACAddress": mac,
        "PermanentMACAddress": mac,
        "SpeedMbps": speed,
        "AutoNeg": True,
        "FullDuplex": True,
        "MTUSize": 1500,
        "Status": dict(STATUS),
    }


def _interface(machine: Machine, uri: str, one: str) -> dict[str, Any]:
    speed = machine.template["EthernetInterfaces"]["SpeedMbps"]
    return ethernet(uri, f"Interface {one}", machine.mac(f"system {one}"), speed)


def _storage(machine: Machine, uri: str, one: str) -> dict[str, Any]:
    count = machine.template["Drives"]["Count"]
    drives = [f"{machine.chassis_uri}/Drives/{number}" for number in range(1, count + 1)]
    return {
        **head(uri, PARTS["Storage"][1], f"{one} storage"),
        **links("Drives", drives),
        "Status": dict(STATUS),
    }


def _counted(name: str) -> Callable[[Mapping[str, Any]], int]:
    return lambda template: int(template.get(name, {}).get("Count", 0))


#: Collection: privilege entity, type of its members, how many there are, how one looks.
PARTS: Mapping[
    str,
    tuple[
        str,
        str,
        Callable[[Mapping[str, Any]], int],
        Callable[[Machine, str, str], dict[str, Any]],
    ],
] = {
    "Processors": ("Processor", "Processor.v1_22_0.Processor", _counted("Processors"), _processor),
    "Memory": ("Memory", "Memory.v1_23_0.Memory", _counted("Memory"), _memory),
    "EthernetInterfaces": (
        "EthernetInterface",
        "EthernetInterface.v1_12_4.EthernetInterface",
        _counted("EthernetInterfaces"),
        _interface,
    ),
    "Storage": ("Storage", "Storage.v1_21_0.Storage", _counted("Drives"), _storage),
}
