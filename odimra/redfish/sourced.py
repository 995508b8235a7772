"""The resources of sources, at any depth: Systems, Chassis, Managers and tasks of BMCs.

What a BMC says of them is shown with its links made ours, what is written goes to it; who may do
that is decided here. What it refuses comes through as it says it; where it cannot be asked the
answer is 502, and never what it said before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from odimra.aggregation.bmc import BmcError, Refused
from odimra.aggregation.bmcs import Bmcs
from odimra.aggregation.collecting import Found
from odimra.aggregation.inventory import Inventory
from odimra.aggregation.sources import NoSuchSource
from odimra.aggregation.vault import NotOpened
from odimra.redfish import body as bodies
from odimra.redfish import errors
from odimra.redfish.query import Query
from odimra.redfish.resource import REST, Body, Call, Collection, Kept, Listed, Reply, Resource
from odimra.redfish.sourced_answers import failed, place, refused, shown_headers
from odimra.redfish.sourced_rules import COMPONENT, MANAGED, TASK, SourcedRule
from odimra.redfish.sourced_writes import Writes

#: Where they are, and the row of the privilege map for what is there itself.
PLACES = {
    "Systems": COMPONENT,
    "Chassis": COMPONENT,
    "Managers": MANAGED,
    "TaskService/Tasks": TASK,
}
SOURCED = r"[0-9a-f]{12}\.[^{}/]+"
#: What a collection has of its own.
_HEAD = (
    "@odata.id", "@odata.type", "@odata.context", "@odata.etag", "Name",
    "Members", "Members@odata.count",
)  # fmt: skip


def resources(inventory: Inventory, bmcs: Bmcs, writes: Writes) -> list[Resource]:
    """Return the routes; they stand before those of the service's own resources."""
    face = SourcedFace(inventory, bmcs, writes)
    found = []
    for at, entity in PLACES.items():
        one = f"/redfish/v1/{at}/{{sourced}}"
        for path, patterns in ((one, {}), (f"{one}/{{rest}}", {"rest": REST})):
            found.append(
                Resource(
                    path,
                    entity,
                    get=face.read,
                    post=face.write,
                    patch=face.write,
                    put=face.write,
                    delete=face.write,
                    patterns={"sourced": SOURCED, **patterns},
                    rule=SourcedRule.of,
                    free=True,
                )
            )
    return found


@dataclass(frozen=True, slots=True)
class AllMembers:
    """The members of a collection: the service's own, then those of all sources."""

    inventory: Inventory
    root: str
    own: Sequence[str]

    async def count(self) -> int:
        """Return how many there are."""
        return len(self.own) + len(await self.inventory.members(self.root))

    async def page(self, skip: int, top: int) -> Sequence[str]:
        """Return the URIs of at most ``top`` members behind the first ``skip``."""
        return [*self.own, *await self.inventory.members(self.root)][skip : skip + top]


class SourcedFace:
    """The handlers."""

    def __init__(self, inventory: Inventory, bmcs: Bmcs, writes: Writes) -> None:
        self._inventory = inventory
        self._bmcs = bmcs
        self._writes = writes

    async def read(self, call: Call) -> Reply | Collection:
        """``GET``: what the BMC says, or has said a moment ago."""
        source_id, uri = place(call)
        try:
            found = await self._inventory.read(source_id, uri, among_many=call.inner)
        except NoSuchSource:
            raise errors.invalid_uri(call.uri) from None
        except Refused as error:
            if error.status in (404, 410):
                raise errors.invalid_uri(call.uri) from None
            # Of many that are shown one is left out, whatever it says.
            raise (failed if call.inner else refused)(source_id, error) from None
        except (BmcError, NotOpened) as error:
            raise failed(source_id, error) from None
        headers = shown_headers(found)
        if found.collection:
            return _collection(found, headers)
        return Reply(raw=found.raw, etag=found.etag, headers=headers)

    async def write(self, call: Call) -> Reply:
        """``PATCH``, ``PUT``, ``POST``, ``DELETE``: what the BMC makes of it."""
        source_id, uri = place(call)
        try:
            bmc = await self._bmcs.of(source_id)
        except NoSuchSource:
            raise errors.invalid_uri(call.uri) from None
        except NotOpened as error:
            raise failed(source_id, error) from None
        return await self._writes(call, bmc, source_id, uri)


def _collection(found: Found, headers: dict[str, str]) -> Collection:
    body = found.body()
    members: list[dict[str, Any]] = body.get("Members", [])
    uri = body["@odata.id"]
    uris = [str(one.get("@odata.id", uri)) for one in members]
    made = Collection(
        uri=uri,
        type=found.type,
        name=str(body.get("Name", "Collection")),
        source=Listed(uris),
        extra={name: value for name, value in body.items() if name not in _HEAD},
        headers=headers,
    )
    if any(len(one) > 1 for one in members):
        # Entries of logs stand in their collection: they are shown as they stand there.
        async def render(skip: int, top: int, query: Query) -> Kept:
            page: Body = query.page(made, uris[skip : skip + top], len(uris), skip)
            page["Members"] = members[skip : skip + top]
            return Kept("", None, bodies.render(page))

        made.render = render
    return made
