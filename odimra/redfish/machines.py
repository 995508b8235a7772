"""What the resources of the emulated machines share: finding one, its ETag, its common properties.

Used by ``systems``, ``system_parts``, ``chassis``, ``managers`` and ``update_service`` of this
room, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from odimra.emulation.fleet import Fleet, Machine
from odimra.emulation.operations import RequestRefused
from odimra.redfish import errors
from odimra.redfish.errors import Translations
from odimra.redfish.resource import Call, Handler, Reply, Resource
from odimra.store import Document


def _refused(error: RequestRefused) -> errors.RedfishError:
    """Return what a scenario's refusal looks like to the client."""
    if error.status == 503:
        return errors.service_temporarily_unavailable(error.retry_after)
    refused = errors.resource_in_use() if error.status == 409 else errors.internal_error()
    refused.headers = {**refused.headers, "Retry-After": str(error.retry_after)}
    return refused


#: What the exceptions of the emulation become, for the frame's table.
TRANSLATIONS: Translations = {RequestRefused: _refused}

#: An ETag is the edition of the configuration, and below it the version in so many bits.
_VERSION_BITS = 40

#: Every emulated resource is there and well.
STATUS: Mapping[str, str] = {"State": "Enabled", "Health": "OK"}


def find(fleet: Fleet, call: Call, type_name: str) -> Machine:
    """Return the machine that the URI names; raises the 404 of ``type_name``."""
    machine = fleet.machines.get(call.params["id"])
    if machine is None:
        raise errors.resource_not_found(type_name, call.params["id"])
    return machine


def etag(machine: Machine, document: Document) -> str:
    """Return the ETag of a resource: the version of its document and of its configuration.

    Both in one number, so that a changed fleet file makes the ETags void that were given before.
    """
    return str((machine.edition << _VERSION_BITS) + document.version)


def expected(call: Call, machine: Machine) -> set[int] | None:
    """Return the versions that ``If-Match`` accepts; None when it accepts any.

    An ETag that was issued for another configuration accepts none.
    """
    tags = call.expected()
    if tags is None:
        return None
    below = (1 << _VERSION_BITS) - 1
    return {tag & below for tag in tags if tag >> _VERSION_BITS == machine.edition}


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
