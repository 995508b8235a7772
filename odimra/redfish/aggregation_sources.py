"""AggregationSources (v1_5_0): BMCs that are added, changed and removed, each by a task.

What can be seen at once is refused at once; whether a BMC answers is seen by the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from odimra.aggregation.adding import ADD, CHANGE, REMOVE
from odimra.aggregation.hosts import BadHost, base_of
from odimra.aggregation.methods import DEFAULT, METHODS
from odimra.aggregation.sources import Source, Sources, new_source_id
from odimra.aggregation.vault import Vault
from odimra.redfish import errors
from odimra.redfish.accepted import Accepted, payload
from odimra.redfish.connection_methods import METHODS_URI, SOURCES_URI
from odimra.redfish.resource import Body, Call, Collection, Reply, Resource
from odimra.tasks import NewTask, TaskGuarded, Tasks
from odimra.tasks.tasks import new_id

COLLECTION = "AggregationSourceCollection.AggregationSourceCollection"
TYPE = "AggregationSource.v1_5_0.AggregationSource"


def resources(
    sources: Sources, vault: Vault, tasks: Tasks, accepted: Accepted, *, allow_http: bool
) -> list[Resource]:
    """Return the routes."""
    face = SourceFace(sources, vault, tasks, accepted, allow_http)
    return [
        Resource(
            SOURCES_URI,
            "AggregationSourceCollection",
            COLLECTION,
            get=face.collection,
            post=face.create,
            bodies={"POST": "AggregationSource.post.json"},
            members=True,
        ),
        Resource(
            f"{SOURCES_URI}/{{id}}",
            "AggregationSource",
            TYPE,
            get=face.read,
            patch=face.patch,
            delete=face.delete,
            bodies={"PATCH": "AggregationSource.patch.json"},
        ),
    ]


class _Page:
    """The sources as members of their collection."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def count(self) -> int:
        """Return how many there are."""
        return len(await self._sources.ids())

    async def page(self, skip: int, top: int) -> list[str]:
        """Return the URIs of some of them."""
        ids = await self._sources.ids()
        return [f"{SOURCES_URI}/{one}" for one in ids[skip : skip + top]]


def _body(source: Source) -> Body:
    return {
        "@odata.id": f"{SOURCES_URI}/{source.id}",
        "@odata.type": f"#{TYPE}",
        "@odata.context": "/redfish/v1/$metadata#AggregationSource.AggregationSource",
        "Id": source.id,
        "Name": f"Aggregation Source {source.host_name}",
        "AggregationType": "Full",
        "HostName": source.host_name,
        "UserName": source.user,
        # Nobody reads it again.
        "Password": None,
        "Links": {"ConnectionMethod": {"@odata.id": f"{METHODS_URI}/{source.method}"}},
    }


class SourceFace:
    """The handlers."""

    def __init__(
        self, sources: Sources, vault: Vault, tasks: Tasks, accepted: Accepted, allow_http: bool
    ) -> None:
        self._sources = sources
        self._vault = vault
        self._tasks = tasks
        self._accepted = accepted
        self._allow_http = allow_http

    async def _source(self, call: Call) -> Source:
        source = await self._sources.get(call.params["id"])
        if source is None:
            raise _not_found(call.params["id"])
        return source

    async def collection(self, _: Call) -> Collection:
        """``GET`` of the collection."""
        return Collection(SOURCES_URI, COLLECTION, "Aggregation Sources", _Page(self._sources))

    async def read(self, call: Call) -> Reply:
        """``GET`` of a source; its password is shown to nobody."""
        source = await self._source(call)
        return Reply(body=_body(source), etag=str(source.version))

    async def create(self, call: Call) -> Reply:
        """``POST``: the task tries the BMC before it is kept."""
        body = call.body
        method = METHODS[_method(body)]
        source_id = new_source_id()
        source = Source(
            id=source_id,
            host_name=body["HostName"].strip(),
            base=self._base(body["HostName"]),
            user=body["UserName"],
            sealed=self._vault.seal(source_id, body["Password"]),
            verify=method.verify,
            method=method.id,
            created=0,
        )
        new = NewTask(
            ADD,
            call.principal.account,
            name=f"Adding of the source {source.host_name}",
            args={"source": asdict(source)},
            payload=payload(call),
        )
        return await self._begin(call, new, source, new_one=True)

    async def patch(self, call: Call) -> Reply:
        """``PATCH``: the task tries what is new before it is kept."""
        source = await self._source(call)
        changes: dict[str, str] = {}
        if "HostName" in call.body:
            changes = {
                "host_name": call.body["HostName"].strip(),
                "base": self._base(call.body["HostName"]),
            }
        if "UserName" in call.body:
            changes["user"] = call.body["UserName"]
        if "Password" in call.body:
            changes["sealed"] = self._vault.seal(source.id, call.body["Password"])
        new = NewTask(
            CHANGE,
            call.principal.account,
            name=f"Change of the source {source.host_name}",
            args={"id": source.id, "changes": changes},
            payload=payload(call),
            target=f"{SOURCES_URI}/{source.id}",
        )
        return await self._begin(call, new, source, base=changes.get("base", source.base))

    async def delete(self, call: Call) -> Reply:
        """``DELETE``: a BMC is forgotten, whether it answers or not."""
        source = await self._source(call)
        new = NewTask(
            REMOVE,
            call.principal.account,
            name=f"Removal of the source {source.host_name}",
            args={"id": source.id},
            payload=payload(call),
            target=f"{SOURCES_URI}/{source.id}",
        )
        return await self._begin(call, new, source)

    async def _begin(
        self,
        call: Call,
        new: NewTask,
        source: Source,
        *,
        base: str | None = None,
        new_one: bool = False,
    ) -> Reply:
        """Start a task, unless the address is another source's."""
        task_id = call.task_id or new_id()
        base = base or source.base
        expect = None if new_one else call.expected()
        guard, claim = self._sources.claim(base, source.id, task_id, new=new_one, expect=expect)
        try:
            task = await self._tasks.create(
                replace(new, scratch=[claim]), task_id=task_id, guards=[guard]
            )
        except TaskGuarded as refused:
            raise self._refusal(refused.why, source, call.body) from None
        return self._accepted(task)

    def _refusal(self, why: tuple[Any, ...], source: Source, body: Mapping[str, Any]) -> Exception:
        match why[0]:
            case "exists":
                refusal = errors.resource_already_exists(
                    "AggregationSource", "HostName", str(body.get("HostName", ""))
                )
                refusal.status = 409  # what is wrong is not the request
                return refusal
            case "full":
                return errors.create_limit_reached()
            case "missing":
                return _not_found(source.id)
            case "version":
                return errors.precondition_failed()
            case _:
                # A task is about to add, change or remove it.
                return errors.resource_in_use()

    def _base(self, host_name: str) -> str:
        try:
            return base_of(host_name, allow_http=self._allow_http)
        except BadHost:
            # Not shown: who puts a password there shall not find it in an error.
            raise errors.property_value_error("HostName") from None


def _method(body: Mapping[str, Any]) -> str:
    link = body.get("Links", {}).get("ConnectionMethod")
    if link is None:
        return DEFAULT
    uri = link["@odata.id"]
    prefix, _, name = uri.rstrip("/").rpartition("/")
    if prefix != METHODS_URI or name not in METHODS:
        raise errors.property_value_not_in_list(uri, "Links/ConnectionMethod/@odata.id")
    return str(name)


def _not_found(source_id: str) -> Exception:
    return errors.resource_not_found("AggregationSource", source_id)
