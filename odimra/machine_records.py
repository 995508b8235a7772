"""The machines as records: ``redfish/Systems``, ``redfish/Chassis``, ``redfish/Managers``.

A record shows what a GET of the resource shows, under the resource's Id, and changes with it; what
a scan remembers of a machine is kept beside it in the store, by :mod:`odimra.records`. Put together
by :mod:`odimra.house`, because neither of the rooms that it brings together may know the other.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from odimra.emulation.fleet import Machine
from odimra.emulation.state import MachineStates
from odimra.records.model import Sourced
from odimra.records.records import Records
from odimra.redfish import chassis, managers, systems
from odimra.redfish.machines import etag

Represent: TypeAlias = Callable[[Machine, Mapping[str, str]], dict[str, Any]]

#: Type of record: the kind of document that holds what changes, and what words the resource.
TYPES: Mapping[str, tuple[str, Represent]] = {
    "redfish/Systems": ("system", systems.represent),
    "redfish/Chassis": ("chassis", chassis.represent),
    "redfish/Managers": ("manager", managers.represent),
}


class MachineSource:
    """The resources of one kind of the emulated fleet, as records."""

    def __init__(self, states: MachineStates, kind: str, represent: Represent) -> None:
        self._states = states
        self._kind = kind
        self._represent = represent
        # The fleet does not change while it is served. By code points, so by the bytes of UTF-8.
        self._ids = sorted(states.fleet.machines)

    async def page(self, after: str, size: int) -> Sequence[Sourced]:
        """Return at most ``size`` with an Id behind ``after``."""
        start = bisect_right(self._ids, after)
        return await asyncio.gather(*map(self._one, self._ids[start : start + size]))

    async def read_many(self, ids: Sequence[str]) -> Sequence[Sourced | None]:
        """Return those with these Ids, None for each that there is not."""
        there = [id for id in dict.fromkeys(ids) if id in self._states.fleet.machines]
        read = await asyncio.gather(*map(self._one, there))
        found = dict(zip(there, read, strict=True))
        return [found.get(id) for id in ids]

    async def count(self) -> int:
        """Return how many there are."""
        return len(self._ids)

    async def _one(self, id: str) -> Sourced:
        machine = self._states.fleet.machines[id]
        document = await self._states.read(self._kind, machine)
        return Sourced(id, etag(machine, document), self._represent(machine, document.fields))


def mount(records: Records, states: MachineStates) -> None:
    """Let ``records`` show the machines."""
    for type, (kind, represent) in TYPES.items():
        records.mount(type, MachineSource(states, kind, represent))
