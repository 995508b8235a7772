"""What the resources of the emulated machines share: finding one, its ETag, its common properties.

Used by ``systems``, ``system_parts``, ``chassis``, ``managers`` and ``update_service`` of this
room, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from odimra.emulation.fleet import Fleet, Machine
from odimra.redfish import errors
from odimra.redfish.resource import Call, Handler, Reply, Resource
from odimra.store import Document
from odimra.tasks import Payload
from odimra.tasks.payload import payload_of

#: Every emulated resource is there and well.
STATUS: Mapping[str, str] = {"State": "Enabled", "Health": "OK"}


class Members:
    """The members of a collection that never changes (a ``CollectionSource``)."""

    def __init__(self, uris: Iterable[str]) -> None:
        self._uris = tuple(uris)

    async def count(self) -> int:
        """Return how many there are."""
        return len(self._uris)

    async def page(self, skip: int, top: int) -> list[str]:
        """Return at most ``top`` URIs behind the first ``skip``."""
        return list(self._uris[skip : skip + top])


def find(fleet: Fleet, call: Call, type_name: str) -> Machine:
    """Return the machine that the URI names; raises the 404 of ``type_name``."""
    machine = fleet.machines.get(call.params["id"])
    if machine is None:
        raise errors.resource_not_found(type_name, call.params["id"])
    return machine


def etag(machine: Machine, document: Document) -> str:
    """Return the ETag of a resource: the version of its document and of its configuration."""
    return f"{document.version}-{machine.edition}"


def expected(call: Call, machine: Machine) -> set[int] | None:
    """Return the versions that ``If-Match`` accepts; None when it accepts any.

    An ETag that this service did not issue, or issued for another configuration, accepts none.
    """
    if call.if_match is None or "*" in call.if_match:
        return None
    versions = set()
    for tag in call.if_match:
        version, _, edition = tag.strip('"').partition("-")
        if edition == machine.edition and version.isdecimal():
            versions.add(int(version))
    return versions


def link(uri: str) -> dict[str, str]:
    """Return a reference to a resource."""
    return {"@odata.id": uri}


def links(name: str, uris: Sequence[str]) -> dict[str, Any]:
    """Return an array of references with its count."""
    return {name: [link(uri) for uri in uris], f"{name}@odata.count": len(uris)}


def head(uri: str, odata_type: str, name: str) -> dict[str, Any]:
    """Return the properties that every resource begins with; Id is the end of its URI."""
    return {
        "@odata.id": uri,
        "@odata.type": f"#{odata_type}",
        "Id": uri.rpartition("/")[2],
        "Name": name,
    }


def payload(call: Call) -> Payload:
    """Return the request as the task shows it."""
    return payload_of(call.method, call.request.path, call.request.headers, call.body)


def part(
    fleet: Fleet,
    path: str,
    entity: str,
    odata_type: str,
    represent: Callable[[Machine, str], dict[str, Any] | None],
) -> Resource:
    """Return the resource of a part of a machine that nothing changes.

    ``represent`` gets the machine and the part's id (empty when there is but one), and returns
    None when there is no such part.
    """
    what = odata_type.partition(".")[0]

    async def get(call: Call) -> Reply:
        machine = find(fleet, call, what)
        body = represent(machine, call.params.get("part", ""))
        if body is None:
            raise errors.resource_not_found(what, call.params["part"])
        return Reply(body=body)

    handler: Handler = get
    return Resource(path=path, entity=entity, type=odata_type, get=handler)
