"""What changes on the emulated machines: kept in the store, so that all processes see the same.

One document per resource, created by its first write; until then the defaults of the fleet hold
(version 0). Effects of tasks write the same documents. Used by the job kinds and the faces; must
never import a face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from odimra.emulation import sensors
from odimra.emulation.fleet import Component, Fleet, Machine
from odimra.store import (
    CHANGED,
    Document,
    DocumentExists,
    DocumentMissing,
    News,
    Store,
    VersionMismatch,
)
from odimra.tasks import Effect

#: Boot overrides, as sushy and redfish_utilities name them (``BootSource``).
BOOT_TARGETS = ("None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup", "Utilities", "Diags", "UefiHttp")
BOOT_ENABLED = ("Disabled", "Once", "Continuous")
BOOT_MODES = ("UEFI", "Legacy")

#: Kinds of documents, and the type of the resource that each holds what changes of.
RESOURCE_TYPES = {
    "system": "ComputerSystem",
    "chassis": "Chassis",
    "manager": "Manager",
    "protocol": "ManagerNetworkProtocol",
    "firmware": "SoftwareInventory",
}

#: Fields of a System's document beside the Redfish properties of the same name.
LAST_BOOT = "LastBoot"
BOOT_SET_AT = "BootSetAt"

#: Attempts of a change that others keep overtaking.
_ATTEMPTS = 10


def component_field(component: Component) -> tuple[str, str] | None:
    """Name document kind and field that show the version beside the inventory, if any do."""
    return {"BIOS": ("system", "BiosVersion"), "BMC": ("manager", "FirmwareVersion")}.get(
        component.name
    )


@dataclass(frozen=True, slots=True)
class Boot:
    """The boot override of a System as it is in force (ComputerSystem v1_27_0 ``Boot``)."""

    target: str
    enabled: str
    mode: str

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Boot:
        """Read it from a System's document.

        ``Once`` is used up by the next boot. No job has to write that: the override remembers the
        last boot before it was set, and a later one makes it void.
        """
        enabled = fields["BootSourceOverrideEnabled"]
        if enabled == "Once" and fields[LAST_BOOT] != fields[BOOT_SET_AT]:
            return cls("None", "Disabled", fields["BootSourceOverrideMode"])
        return cls(fields["BootSourceOverrideTarget"], enabled, fields["BootSourceOverrideMode"])


def with_boot(fields: Mapping[str, str], boot: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that put ``boot`` in force; what it leaves out stays as it is in force.

    None of them when it is in force already.
    """
    now = Boot.of(fields)
    in_force = {
        "BootSourceOverrideTarget": now.target,
        "BootSourceOverrideEnabled": now.enabled,
        "BootSourceOverrideMode": now.mode,
    }
    wanted = {**in_force, **boot}
    return {} if wanted == in_force else {**wanted, BOOT_SET_AT: fields[LAST_BOOT]}


class MachineStates:
    """The changing part of every machine of a fleet. All methods may raise StoreUnavailable."""

    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self.fleet = fleet

    def key(self, kind: str, name: str) -> str:
        """Name the document of a resource: ``system chassis manager protocol firmware``."""
        return self._store.keys.of("machine", kind, name)

    @staticmethod
    def _defaults(kind: str, machine: Machine) -> dict[str, str]:
        firmware = machine.template["Firmware"]
        defaults: dict[str, dict[str, str]] = {
            "system": {
                "PowerState": machine.power_state,
                "AssetTag": "",
                "LocationIndicatorActive": "false",
                "BiosVersion": firmware["BIOS"],
                "BootSourceOverrideTarget": "None",
                "BootSourceOverrideEnabled": "Disabled",
                "BootSourceOverrideMode": "UEFI",
                LAST_BOOT: "",
                BOOT_SET_AT: "",
                "LastResetTime": "",
            },
            "chassis": {
                "PowerState": machine.power_state,
                "AssetTag": "",
                "LocationIndicatorActive": "false",
            },
            "manager": {
                "FirmwareVersion": firmware["BMC"],
                "LocationIndicatorActive": "false",
                "LastResetTime": "",
            },
            "protocol": {"NTP.ProtocolEnabled": "false", "NTP.NTPServers": "[]"},
        }
        return defaults[kind]

    async def read(self, kind: str, machine: Machine) -> Document:
        """Return the document of the machine's ``system chassis manager protocol``."""
        return await self._read(self.key(kind, machine.id), self._defaults(kind, machine))

    async def firmware(self, component: Component) -> Document:
        """Return the document of an entry of the firmware inventory."""
        return await self._read(
            self.key("firmware", component.id), self._firmware_defaults(component)
        )

    @staticmethod
    def _firmware_defaults(component: Component) -> dict[str, str]:
        return {"Version": component.first_version}

    def effect(self, kind: str, machine: Machine, values: Mapping[str, str]) -> Effect:
        """Return the effect of a task that sets fields of ``system chassis manager protocol``."""
        effect = self._effect(kind, machine.id, values, self._defaults(kind, machine))
        if kind == "chassis" and "PowerState" in values:
            return replace(effect, tally=sensors.tally(machine))
        return effect

    def firmware_effect(self, component: Component, version: str) -> Effect:
        """Return the effect of a task that updates an entry of the firmware inventory."""
        defaults = self._firmware_defaults(component)
        return self._effect("firmware", component.id, {"Version": version}, defaults)

    def _effect(
        self, kind: str, name: str, values: Mapping[str, str], defaults: Mapping[str, str]
    ) -> Effect:
        return Effect(
            self.key(kind, name),
            values,
            {field: defaults[field] for field in values},
            News(CHANGED, RESOURCE_TYPES[kind], name),
        )

    async def _read(self, key: str, defaults: Mapping[str, str]) -> Document:
        async def load() -> Document:
            reply = await self._store.call("HGETALL", key)
            if not reply:
                return Document(defaults, 0)
            stored = Document.from_reply(reply)
            return Document({**defaults, **stored.fields}, stored.version)

        # Not documents.read: it keeps no absence, and most machines are as they were made.
        return await self._store.cached(key, "machine", load)

    async def change(
        self,
        kind: str,
        machine: Machine,
        values: Mapping[str, str],
        *,
        expect: Iterable[int] | None = None,
    ) -> Document:
        """Set fields of a document if its version is one of ``expect`` (None: whichever it is).

        Where they are set so already nothing changes, and nothing is told. A Chassis is switched by
        tasks only: their steps add up what it has drawn.
        Raises :class:`~odimra.store.VersionMismatch`.
        """
        if kind == "chassis" and "PowerState" in values:
            raise ValueError("PowerState of a Chassis is an effect of tasks")
        defaults = self._defaults(kind, machine)
        written = await self._write(self._effect(kind, machine.id, values, defaults), expect)
        return Document({**defaults, **written.fields}, written.version)

    async def _write(self, effect: Effect, expect: Iterable[int] | None) -> Document:
        documents, key, news = self._store.documents, effect.key, effect.news
        expected = None if expect is None else set(expect)

        async def update() -> Document:
            return await documents.update(
                key, effect.set, expect=expected, absent=effect.absent, news=news
            )

        try:
            return await update()
        except DocumentMissing:
            if expected is not None and 0 not in expected:
                raise VersionMismatch(0) from None
        if effect.set == effect.absent:
            return Document({}, 0)
        try:
            return await documents.create(key, effect.set, news=news)
        except DocumentExists:  # someone else made the first write meanwhile
            return await update()

    async def recompute(
        self,
        kind: str,
        machine: Machine,
        compute: Callable[[Mapping[str, str]], Mapping[str, str]],
        *,
        expect: Iterable[int] | None = None,
    ) -> Document:
        """Set what ``compute`` makes of the fields, if nobody changed them meanwhile.

        It is computed anew when somebody did, unless the caller named the versions it means.
        Raises :class:`~odimra.store.VersionMismatch`.
        """
        allowed = None if expect is None else set(expect)
        attempts = 0
        while True:
            attempts += 1
            seen = await self.read(kind, machine)
            if allowed is not None and seen.version not in allowed:
                raise VersionMismatch(seen.version)
            try:
                return await self.change(kind, machine, compute(seen.fields), expect={seen.version})
            except VersionMismatch:
                self._store.forget(self.key(kind, machine.id))
                if allowed is not None or attempts == _ATTEMPTS:
                    raise

    async def count_request(self, operation: str, target: str) -> int:
        """Count one more request of ``operation`` on ``target`` and return which it is, from 1."""
        # One hash with a field per operation and target of the fleet: it cannot grow beyond those.
        key = self._store.keys.of("emulation", "requests")
        return int(await self._store.call("HINCRBY", key, f"{operation} {target}", 1))
