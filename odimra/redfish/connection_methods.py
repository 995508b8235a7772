"""``/redfish/v1/AggregationService`` (v1_0_3) and its ConnectionMethods (v1_2_0)."""

from __future__ import annotations

from odimra.aggregation.methods import METHODS
from odimra.aggregation.sources import Sources
from odimra.redfish import errors
from odimra.redfish.resource import Body, Call, Collection, Listed, Reply, Resource

AGGREGATION_SERVICE = "/redfish/v1/AggregationService"
SERVICE_TYPE = "AggregationService.v1_0_3.AggregationService"
METHODS_URI = f"{AGGREGATION_SERVICE}/ConnectionMethods"
SOURCES_URI = f"{AGGREGATION_SERVICE}/AggregationSources"
COLLECTION = "ConnectionMethodCollection.ConnectionMethodCollection"
TYPE = "ConnectionMethod.v1_2_0.ConnectionMethod"


def resources(sources: Sources, actions: Body, links: Body) -> list[Resource]:
    """Return the routes; the service has ``actions``, and ``links`` to what it has besides."""

    async def service(_: Call) -> Reply:
        return Reply(
            body={
                "@odata.id": AGGREGATION_SERVICE,
                "@odata.type": f"#{SERVICE_TYPE}",
                "@odata.context": "/redfish/v1/$metadata#AggregationService.AggregationService",
                "Id": "AggregationService",
                "Name": "Aggregation Service",
                "Description": "BMCs behind this service, and what is done with many of them",
                "ServiceEnabled": True,
                "Status": {"State": "Enabled", "Health": "OK"},
                "AggregationSources": {"@odata.id": SOURCES_URI},
                "ConnectionMethods": {"@odata.id": METHODS_URI},
                **links,
                **({"Actions": actions} if actions else {}),
            }
        )

    async def collection(_: Call) -> Collection:
        uris = [f"{METHODS_URI}/{one}" for one in METHODS]
        return Collection(METHODS_URI, COLLECTION, "Connection Methods", Listed(uris))

    async def one(call: Call) -> Reply:
        method = METHODS.get(call.params["id"])
        if method is None:
            raise errors.resource_not_found("ConnectionMethod", call.params["id"])
        users = [
            {"@odata.id": f"{SOURCES_URI}/{source.id}"}
            for source in await sources.all()
            if source.method == method.id
        ]
        return Reply(
            body={
                "@odata.id": f"{METHODS_URI}/{method.id}",
                "@odata.type": f"#{TYPE}",
                "@odata.context": "/redfish/v1/$metadata#ConnectionMethod.ConnectionMethod",
                "Id": method.id,
                "Name": method.name,
                "Description": method.description,
                "ConnectionMethodType": "Redfish",
                "ConnectionMethodVariant": method.id,
                "Links": {
                    "AggregationSources": users,
                    "AggregationSources@odata.count": len(users),
                },
            }
        )

    return [
        Resource(AGGREGATION_SERVICE, "AggregationService", SERVICE_TYPE, get=service),
        Resource(METHODS_URI, "ConnectionMethodCollection", COLLECTION, get=collection),
        Resource(f"{METHODS_URI}/{{id}}", "ConnectionMethod", TYPE, get=one),
    ]
