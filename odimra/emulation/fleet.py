"""The machines that are emulated, as the configuration describes them: what never changes.

A machine is a System with its Chassis and its Manager, all under one id. What changes lives in the
store (:mod:`odimra.emulation.state`). Used by the faces and the job kinds; reads one file once and
must never import a face.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from odimra.emulation.files import BadEmulationFile, parse, read

SCHEMA = "fleet.json"
SYSTEMS = "/redfish/v1/Systems"
CHASSIS = "/redfish/v1/Chassis"
MANAGERS = "/redfish/v1/Managers"
UPDATE_SERVICE = "/redfish/v1/UpdateService"
FIRMWARE = f"{UPDATE_SERVICE}/FirmwareInventory"
#: ``ResetType`` (Resource v1_23_0) in the order of the schema.
RESET_TYPES = (
    "On",
    "ForceOff",
    "GracefulShutdown",
    "GracefulRestart",
    "ForceRestart",
    "Nmi",
    "ForceOn",
    "PushPowerButton",
    "PowerCycle",
    "Suspend",
    "Pause",
    "Resume",
    "FullPowerCycle",
)
#: Machines in one fleet; more belong on addresses of their own.
MAX_MACHINES = 10_000


@dataclass(frozen=True, slots=True)
class Component:
    """An entry of the firmware inventory: ``<machine>.<name>``."""

    machine: str
    name: str
    first_version: str

    @property
    def id(self) -> str:
        """Its ``Id``."""
        return f"{self.machine}.{self.name}"

    @property
    def uri(self) -> str:
        """Its URI in the firmware inventory."""
        return f"{FIRMWARE}/{self.id}"

    @property
    def related(self) -> str:
        """The URI of what it is the firmware of."""
        root = {"BIOS": SYSTEMS, "BMC": MANAGERS}.get(self.name, CHASSIS)
        return f"{root}/{self.machine}"


@dataclass(frozen=True)
class Machine:
    """One machine; ``template`` is its part of the fleet file."""

    id: str
    number: int
    seed: int
    template: Mapping[str, Any] = field(repr=False)
    power_state: str = "On"

    def _digest(self, what: str) -> bytes:
        return hashlib.sha256(f"{self.seed}\0{self.id}\0{what}".encode()).digest()

    def serial(self, what: str) -> str:
        """Return the serial number of a part: twelve letters and digits, the same every time."""
        alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWX"
        return "".join(alphabet[byte % 32] for byte in self._digest(f"serial {what}")[:12])

    def uuid(self, what: str) -> str:
        """Return the UUID of a part."""
        return str(uuid.UUID(bytes=self._digest(f"uuid {what}")[:16], version=4))

    def mac(self, what: str) -> str:
        """Return the MAC address of an interface, locally administered."""
        tail = self._digest(f"mac {what}")[:5]
        return ":".join(f"{byte:02X}" for byte in (0x02, *tail))

    def level(self, what: str, low: float, high: float) -> float:
        """Return a reading between two bounds, the same every time."""
        share = int.from_bytes(self._digest(f"level {what}")[:4], "big") / (1 << 32)
        return round(low + (high - low) * share, 1)

    @cached_property
    def edition(self) -> int:
        """A mark of the configuration it was made from; ETags of another one are void."""
        made_of = json.dumps([self.seed, self.id, self.power_state, self.template], sort_keys=True)
        return int.from_bytes(hashlib.sha256(made_of.encode()).digest()[:4], "big")

    @property
    def system_uri(self) -> str:
        """The URI of its System."""
        return f"{SYSTEMS}/{self.id}"

    @property
    def chassis_uri(self) -> str:
        """The URI of its Chassis."""
        return f"{CHASSIS}/{self.id}"

    @property
    def manager_uri(self) -> str:
        """The URI of its Manager."""
        return f"{MANAGERS}/{self.id}"

    @property
    def reset_types(self) -> tuple[str, ...]:
        """The values of ``ResetType`` that its System takes."""
        chosen = self.template.get("ResetTypes", RESET_TYPES)
        return tuple(one for one in RESET_TYPES if one in chosen)

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """What has firmware."""
        return tuple(
            Component(self.id, name, version) for name, version in self.template["Firmware"].items()
        )


class Fleet:
    """All machines, in the order of the file."""

    def __init__(self, machines: Mapping[str, Machine]) -> None:
        self.machines = MappingProxyType(dict(machines))
        components = [one for machine in machines.values() for one in machine.components]
        self.components = MappingProxyType({one.id: one for one in components})
        self._related: dict[str, list[Component]] = {}
        for one in components:
            self._related.setdefault(one.related, []).append(one)

    def updatable(self, uri: str) -> tuple[Component, ...]:
        """Return what an update of ``uri`` applies to; empty when it names nothing of the fleet.

        ``uri`` is an entry of the firmware inventory, its related item, or a collection of either
        (UpdateService v1_17_0 ``SimpleUpdate`` ``Targets``). A System means its BIOS, a Manager its
        BMC, a Chassis all else.
        """
        uri = uri.rstrip("/")
        if uri.startswith(FIRMWARE + "/"):
            found = self.components.get(uri[len(FIRMWARE) + 1 :])
            return (found,) if found else ()
        if uri == FIRMWARE:
            return tuple(self.components.values())
        if uri in (SYSTEMS, MANAGERS, CHASSIS):
            below = uri + "/"
            return tuple(one for one in self.components.values() if one.related.startswith(below))
        return tuple(self._related.get(uri, ()))


def _build(content: Any, seed: int, origin: str) -> Fleet:
    machines: dict[str, Machine] = {}
    for number, group in enumerate(content["machines"]):
        where = f"{origin}: machines[{number}]"
        template = content["templates"].get(group["template"])
        if template is None:
            raise BadEmulationFile(f"{where}.template: there is no template '{group['template']}'")
        first = group.get("first", 1)
        ids = group.get("ids") or [
            group["id"].replace("{n}", str(first + step)) for step in range(group["count"])
        ]
        for machine_id in ids:
            if machine_id in machines:
                raise BadEmulationFile(f"{where}: there are two machines '{machine_id}'")
            power = group.get("PowerState") or template.get("PowerState", "On")
            machines[machine_id] = Machine(machine_id, len(machines) + 1, seed, template, power)
    if len(machines) > MAX_MACHINES:
        raise BadEmulationFile(
            f"{origin}: machines: {len(machines)} machines; at most {MAX_MACHINES} fit in a fleet"
        )
    return Fleet(machines)


def load(path: Path, seed: int) -> Fleet:
    """Read a fleet file; raises :class:`BadEmulationFile` with one line that names the place."""
    return _build(read(path, SCHEMA), seed, str(path))


def loads(text: str, seed: int = 1, origin: str = "fleet") -> Fleet:
    """Read a fleet from YAML text; raises :class:`BadEmulationFile`."""
    return _build(parse(text, SCHEMA, origin), seed, origin)
