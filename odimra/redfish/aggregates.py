"""Aggregates (v1_0_3), and what is done to many systems: to theirs, or to any that are named.

Systems are named by their URIs, or by references to them. Each operation is one task, with a
sub-task for each system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from odimra.aggregation.aggregates import (
    Aggregate,
    Aggregates,
    ElementRefused,
    TooManyElements,
)
from odimra.emulation.kinds import BUTTON_TYPE, RESETS
from odimra.many import AGGREGATES, Batches, Many, NoSuchSystem, NothingToDo, TooManySystems
from odimra.redfish import errors
from odimra.redfish.accepted import Accepted, payload
from odimra.redfish.connection_methods import AGGREGATION_SERVICE
from odimra.redfish.machines import head, links
from odimra.redfish.resource import Body, Call, Collection, Reply, Resource
from odimra.store import DocumentMissing, LimitReached
from odimra.tasks import NewTask, Tasks

COLLECTION = "AggregateCollection.AggregateCollection"
TYPE = "Aggregate.v1_0_3.Aggregate"
INFO = "ActionInfo.v1_5_0.ActionInfo"
RESET, BOOT_ORDER = "Reset", "SetDefaultBootOrder"
ADD, REMOVE = "AddElements", "RemoveElements"
#: Values of ResetType, and the one that is meant when there is none.
RESET_TYPES = (*RESETS, BUTTON_TYPE)
DEFAULT_RESET = "ForceRestart"
#: Most systems that one request names, in the schemas of the bodies, too.
MOST = 5000

Given = str | Mapping[str, str]


def uri_of(given: Given) -> str:
    """Return the URI of a target, which is a text or a reference."""
    return given if isinstance(given, str) else given["@odata.id"]


def actions() -> Body:
    """Return the actions as the AggregationService shows them."""
    at = f"{AGGREGATION_SERVICE}/Actions/AggregationService"
    return {
        f"#AggregationService.{RESET}": {
            "target": f"{at}.{RESET}",
            "@Redfish.ActionInfo": f"{AGGREGATION_SERVICE}/ResetActionInfo",
        },
        f"#AggregationService.{BOOT_ORDER}": {
            "target": f"{at}.{BOOT_ORDER}",
            "@Redfish.ActionInfo": f"{AGGREGATION_SERVICE}/SetDefaultBootOrderActionInfo",
        },
    }


def resources(
    aggregates: Aggregates, many: Many, tasks: Tasks, accepted: Accepted
) -> list[Resource]:
    """Return the routes."""
    face = AggregateFace(aggregates, many, tasks, accepted)
    one = f"{AGGREGATES}/{{id}}"
    service = AGGREGATION_SERVICE

    def action(path: str, entity: str, name: str, handler: Any, *, body: bool = True) -> Resource:
        return Resource(
            f"{path}/Actions/{entity}.{name}",
            entity,
            post=handler,
            bodies={"POST": f"{entity}.{name}.json"} if body else {},
            action=f"{entity}.{name}",
        )

    return [
        Resource(
            AGGREGATES,
            "AggregateCollection",
            COLLECTION,
            get=face.collection,
            post=face.create,
            bodies={"POST": "Aggregate.post.json"},
            members=True,
        ),
        Resource(one, "Aggregate", TYPE, get=face.read, delete=face.delete),
        action(one, "Aggregate", ADD, face.add),
        action(one, "Aggregate", REMOVE, face.remove),
        action(one, "Aggregate", RESET, face.reset_one),
        action(one, "Aggregate", BOOT_ORDER, face.boot_one, body=False),
        Resource(f"{one}/ResetActionInfo", "ActionInfo", INFO, get=face.reset_one_info),
        action(service, "AggregationService", RESET, face.reset),
        action(service, "AggregationService", BOOT_ORDER, face.boot),
        Resource(f"{service}/ResetActionInfo", "ActionInfo", INFO, get=face.reset_info),
        Resource(
            f"{service}/SetDefaultBootOrderActionInfo", "ActionInfo", INFO, get=face.boot_info
        ),
    ]


class _Page:
    def __init__(self, aggregates: Aggregates) -> None:
        self._aggregates = aggregates

    async def count(self) -> int:
        """Return how many there are."""
        return await self._aggregates.count()

    async def page(self, skip: int, top: int) -> list[str]:
        """Return the URIs of some of them."""
        return [f"{AGGREGATES}/{one}" for one in await self._aggregates.ids(skip, top)]


class AggregateFace:
    """The handlers."""

    def __init__(
        self, aggregates: Aggregates, many: Many, tasks: Tasks, accepted: Accepted
    ) -> None:
        self._aggregates = aggregates
        self._many = many
        self._tasks = tasks
        self._accepted = accepted

    # Aggregates

    async def _aggregate(self, call: Call) -> Aggregate:
        found = await self._aggregates.get(call.params["id"])
        if found is None:
            raise _not_found(call.params["id"])
        return found

    async def collection(self, _: Call) -> Collection:
        """``GET`` of the collection."""
        return Collection(AGGREGATES, COLLECTION, "Aggregates", _Page(self._aggregates))

    async def read(self, call: Call) -> Reply:
        """``GET``: the elements that are there."""
        return await self._reply(await self._aggregate(call))

    async def _reply(self, aggregate: Aggregate, status: int = 200) -> Reply:
        uri = f"{AGGREGATES}/{aggregate.id}"
        there = await self._many.there(aggregate.elements)
        # Those of a source that was removed are no systems any more.
        elements = [
            one for one, is_there in zip(aggregate.elements, there, strict=True) if is_there
        ]
        body = {
            **head(uri, TYPE, aggregate.name),
            "@odata.context": "/redfish/v1/$metadata#Aggregate.Aggregate",
            "ElementsCount": len(elements),
            **links("Elements", elements),
            "Actions": {
                f"#Aggregate.{name}": {"target": f"{uri}/Actions/Aggregate.{name}"}
                for name in (ADD, REMOVE, RESET, BOOT_ORDER)
            },
        }
        body["Actions"][f"#Aggregate.{RESET}"] |= {
            "@Redfish.ActionInfo": f"{uri}/ResetActionInfo",
        }
        return Reply(
            status, body, {"Location": uri} if status == 201 else {}, str(aggregate.version)
        )

    async def create(self, call: Call) -> Reply:
        """``POST``: systems that are known, each once."""
        elements = await self._known(call.body["Elements"], "Elements")
        try:
            made = await self._aggregates.create(call.body.get("Name", "Aggregate"), elements)
        except LimitReached:
            raise errors.create_limit_reached() from None
        return await self._reply(made, 201)

    async def delete(self, call: Call) -> Reply:
        """``DELETE``: its elements stay."""
        try:
            await self._aggregates.delete(call.params["id"], expect=call.expected())
        except DocumentMissing:
            raise _not_found(call.params["id"]) from None
        return Reply(204)

    async def add(self, call: Call) -> Reply:
        """The action AddElements: all or none."""
        await self._aggregate(call)
        elements = await self._known(call.body["Elements"], "Elements", f"Aggregate.{ADD}")
        try:
            await self._aggregates.add(call.params["id"], elements, expect=call.expected())
        except ElementRefused as error:
            refusal = errors.resource_already_exists(
                "ComputerSystem", f"Elements/{error.index}", elements[error.index]
            )
            refusal.status = 409
            raise refusal from None
        except TooManyElements:
            raise errors.array_size_too_long("Elements", self._aggregates.most_elements) from None
        except DocumentMissing:
            raise _not_found(call.params["id"]) from None
        return await self._reply(await self._aggregate(call))

    async def remove(self, call: Call) -> Reply:
        """The action RemoveElements: all or none."""
        await self._aggregate(call)
        # One whose source is gone can be taken away, too.
        elements = _once([uri_of(one).rstrip("/") for one in call.body["Elements"]], "Elements")
        try:
            await self._aggregates.remove(call.params["id"], elements, expect=call.expected())
        except ElementRefused as error:
            raise errors.resource_not_found("ComputerSystem", elements[error.index]) from None
        except DocumentMissing:
            raise _not_found(call.params["id"]) from None
        return await self._reply(await self._aggregate(call))

    async def _known(
        self, given: Sequence[Given], name: str, action: str | None = None
    ) -> list[str]:
        """Return the URIs of systems that are there. Raises 400, 404."""
        uris = _once([uri_of(one).rstrip("/") for one in given], name)
        there = await self._many.there(uris)
        if not all(there):
            raise errors.resource_not_found("ComputerSystem", uris[there.index(False)])
        return uris

    # Operations

    async def reset(self, call: Call) -> Reply:
        """The action AggregationService.Reset."""
        return await self._reset(call, "TargetURIs", "AggregationService")

    async def reset_one(self, call: Call) -> Reply:
        """The action Aggregate.Reset."""
        await self._aggregate(call)
        return await self._reset(call, None, "Aggregate")

    async def boot(self, call: Call) -> Reply:
        """The action AggregationService.SetDefaultBootOrder."""
        return await self._boot(call, "Systems", "AggregationService")

    async def boot_one(self, call: Call) -> Reply:
        """The action Aggregate.SetDefaultBootOrder."""
        await self._aggregate(call)
        return await self._boot(call, None, "Aggregate")

    async def _reset(self, call: Call, name: str | None, entity: str) -> Reply:
        body = call.body
        systems = await self._systems(call, name, f"{entity}.{RESET}")
        batches = Batches(body.get("BatchSize", 0), body.get("DelayBetweenBatchesInSeconds", 0))
        new = await self._many.reset(
            systems,
            body.get("ResetType", DEFAULT_RESET),
            batches,
            name=f"{entity}.{RESET}",
            owner=call.principal.account,
            payload=payload(call),
        )
        return await self._begin(call, new)

    async def _boot(self, call: Call, name: str | None, entity: str) -> Reply:
        action = f"{entity}.{BOOT_ORDER}"
        systems = await self._systems(call, name, action)
        owner = call.principal.account
        return await self._begin(
            call,
            await self._many.boot_order(systems, name=action, owner=owner, payload=payload(call)),
        )

    async def _begin(self, call: Call, new: NewTask) -> Reply:
        return self._accepted(await self._tasks.create(new, task_id=call.task_id))

    async def _systems(self, call: Call, name: str | None, action: str) -> list[str]:
        targets = (
            [f"{AGGREGATES}/{call.params['id']}"]
            if name is None
            else [uri_of(one) for one in call.body[name]]
        )
        try:
            return await self._many.systems(targets)
        except NoSuchSystem as error:
            raise errors.resource_not_found("ComputerSystem", error.uri) from None
        except NothingToDo:
            # Nothing would be done, and that would be called a success.
            raise errors.action_parameter_value_error(name or "Elements", action) from None
        except TooManySystems as error:
            raise errors.array_size_too_long(name or "Elements", error.limit) from None

    # What the actions take

    async def reset_info(self, _: Call) -> Reply:
        """``GET`` of the ActionInfo of AggregationService.Reset."""
        return _info(
            f"{AGGREGATION_SERVICE}/ResetActionInfo",
            _parameter("TargetURIs", "ObjectArray", required=True),
            *_reset_parameters(),
        )

    async def reset_one_info(self, call: Call) -> Reply:
        """``GET`` of the ActionInfo of Aggregate.Reset."""
        aggregate = await self._aggregate(call)
        return _info(f"{AGGREGATES}/{aggregate.id}/ResetActionInfo", *_reset_parameters())

    async def boot_info(self, _: Call) -> Reply:
        """``GET`` of the ActionInfo of AggregationService.SetDefaultBootOrder."""
        return _info(
            f"{AGGREGATION_SERVICE}/SetDefaultBootOrderActionInfo",
            _parameter("Systems", "ObjectArray", required=True),
        )


def _parameter(name: str, kind: str, *, required: bool = False, **more: Any) -> Body:
    return {"Name": name, "Required": required, "DataType": kind, **more}


def _reset_parameters() -> list[Body]:
    return [
        _parameter("ResetType", "String", AllowableValues=list(RESET_TYPES)),
        _parameter("BatchSize", "Number", MinimumValue=0),
        _parameter("DelayBetweenBatchesInSeconds", "Number", MinimumValue=0),
    ]


def _info(uri: str, *parameters: Body) -> Reply:
    return Reply(body={**head(uri, INFO, "Parameters"), "Parameters": list(parameters)})


def _once(uris: list[str], name: str) -> list[str]:
    seen: set[str] = set()
    for index, one in enumerate(uris):
        if one in seen:
            raise errors.property_value_error(f"{name}/{index}")
        seen.add(one)
    return uris


def _not_found(aggregate_id: str) -> Exception:
    return errors.resource_not_found("Aggregate", aggregate_id)
