"""Connection methods: by which a BMC's certificate is judged. They are always the same three."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: How a source that has one of them verifies: see :class:`~odimra.aggregation.sources.Source`.
CA, PINNED, NONE = "ca", "pinned", "none"


@dataclass(frozen=True, slots=True)
class Method:
    """A connection method: its id, what it is, how certificates are judged."""

    id: str
    name: str
    description: str
    verify: str


METHODS: Mapping[str, Method] = {
    one.id: one
    for one in (
        Method(
            "Redfish",
            "Redfish",
            "Redfish over TLS; the certificate has to come from an authority that is trusted",
            CA,
        ),
        Method(
            "RedfishPinned",
            "Redfish, pinned certificate",
            "Redfish over TLS; the certificate has to stay the one that was met first",
            PINNED,
        ),
        Method(
            "RedfishUnverified",
            "Redfish, any certificate",
            "Redfish over TLS; whoever answers is believed",
            NONE,
        ),
    )
}
DEFAULT = "Redfish"
