"""Who may do what to the resources of sources: the entity follows from the path.

What is below a System or a Chassis takes ConfigureComponents to be written, what is below a Manager
ConfigureManager, as the DMTF's privilege registry has it; those that it treats otherwise are named
here. Rows are in ``config/privileges.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from odimra.access import Principal
from odimra.redfish.privileges import PrivilegeMap, Rule

COMPONENT, MANAGED = "SourcedComponent", "SourcedManager"
TASK, ACCOUNT = "SourcedTask", "SourcedAccount"
SECRET, SYSTEM_SECRET = "SourcedCertificate", "SourcedSystemCertificate"
ENTITIES = (COMPONENT, MANAGED, TASK, ACCOUNT, SECRET, SYSTEM_SECRET)

_ROOTS = {"Systems": COMPONENT, "Chassis": COMPONENT, "Managers": MANAGED, "TaskService": TASK}
#: By the name of a resource or of its collection in the path: the last one that is known counts.
_NAMED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "AllowDeny",
            "Batteries",
            "ComponentIntegrity",
            "Controls",
            "EnvironmentMetrics",
            "Fans",
            "Heaters",
            "HostInterfaces",
            "KeyManagement",
            "KeyService",
            "LicenseService",
            "Licenses",
            "ManagerDiagnosticData",
            "NetworkProtocol",
            "OutboundConnections",
            "Power",
            "PowerSubsystem",
            "PowerSupplies",
            "SecurityPolicy",
            "SerialInterfaces",
            "Thermal",
            "ThermalMetrics",
            "ThermalSubsystem",
            "TrustedComponents",
            "VLANs",
            "VirtualMedia",
        ),
        MANAGED,
    ),
    **dict.fromkeys(("Accounts", "RemoteAccountService", "AccountService", "Roles"), ACCOUNT),
    **dict.fromkeys(("Certificates", "CertificateService", "Keys"), SECRET),
}
#: Below these EnvironmentMetrics are written as what they are of.
_METERED = frozenset({"Processors", "Memory", "Drives", "PCIeDevices", "Controllers", "Ports"})


def entity(path: str) -> str:
    """Return the row of the privilege map for the resource of a source at ``path``."""
    segments = path.strip("/").split("/")[2:]  # behind redfish/v1
    root = segments[0] if segments else ""
    found = _ROOTS.get(root, MANAGED)
    if root not in ("Systems", "Chassis", "Managers"):
        return found
    below = segments[2:]
    if "Actions" in below:
        below = below[: below.index("Actions")]
    named = found
    for at, name in enumerate(below):
        known = _NAMED.get(name)
        if name == "EnvironmentMetrics" and _METERED.intersection(below[:at]):
            known = None
        named = known or named
    return SYSTEM_SECRET if (named, root) == (SECRET, "Systems") else named


@dataclass(frozen=True, slots=True)
class SourcedRule:
    """The rule for one verb, whatever the path."""

    rules: Mapping[str, Rule]
    open: bool = False

    @classmethod
    def of(cls, privileges: PrivilegeMap, verb: str) -> SourcedRule:
        """Read it from the map. Raises :class:`~odimra.redfish.privileges.UnknownEntity`."""
        return cls({one: privileges.rule(one, verb) for one in ENTITIES})

    def admits(self, principal: Principal, path: str) -> bool:
        """Tell whether the request may go on."""
        return self.rules[entity(path)].admits(principal, path)

    def refused(self, principal: Principal, path: str, names: Iterable[str]) -> bool:
        """Tell whether one of the properties ``names`` of a body may not be written."""
        return self.rules[entity(path)].refused(principal, path, names)
