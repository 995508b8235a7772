"""The service root (ServiceRoot v1_20_0) and the fixed URIs about it; all can be read by everybody.

``/redfish``, ``/redfish/v1/``, ``/redfish/v1/odata``, ``/redfish/v1/$metadata`` (DSP0266 6.2, 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import quoteattr

from odimra.redfish.query import QueryOptions, features
from odimra.redfish.resource import Body, Call, Reply, Resource

ROOT = "/redfish/v1/"
TYPE = "ServiceRoot.v1_20_0.ServiceRoot"
METADATA = "/redfish/v1/$metadata"

#: The root's links, by the URI that each leads to; those that are served are shown.
LINKS: Mapping[str, str] = {
    "AccountService": "/redfish/v1/AccountService",
    "Chassis": "/redfish/v1/Chassis",
    "EventService": "/redfish/v1/EventService",
    "AggregationService": "/redfish/v1/AggregationService",
    "JobService": "/redfish/v1/JobService",
    "JsonSchemas": "/redfish/v1/JsonSchemas",
    "Managers": "/redfish/v1/Managers",
    "Registries": "/redfish/v1/Registries",
    "SessionService": "/redfish/v1/SessionService",
    "Systems": "/redfish/v1/Systems",
    "Tasks": "/redfish/v1/TaskService",
    "UpdateService": "/redfish/v1/UpdateService",
}
SESSIONS = "/redfish/v1/SessionService/Sessions"
SCHEMAS = "http://redfish.dmtf.org/schemas/v1"


def resources(
    uuid: str, version: str, options: QueryOptions, others: Sequence[Resource]
) -> list[Resource]:
    """Return the routes. ``others`` are all other resources of the service, which it describes."""
    served = {resource.path for resource in others}
    links = {name: uri for name, uri in LINKS.items() if uri in served}
    types = [resource.type for resource in others if resource.type is not None]

    async def versions(call: Call) -> Reply:
        return Reply(body={"v1": ROOT})

    async def root(call: Call) -> Reply:
        return Reply(body=_root(uuid, version, options, links))

    async def odata(call: Call) -> Reply:
        services = {"Service": ROOT, **links, "Sessions": SESSIONS}
        return Reply(
            body={
                "@odata.context": METADATA,
                "value": [
                    {"name": name, "kind": "Singleton", "url": uri}
                    for name, uri in services.items()
                ],
            }
        )

    document = metadata([TYPE, *types])

    async def read_metadata(call: Call) -> Reply:
        return Reply(raw=document)

    return [
        Resource("/redfish", "ServiceRoot", get=versions, public=True),
        Resource(ROOT, "ServiceRoot", TYPE, get=root, public=True),
        Resource("/redfish/v1/odata", "ServiceRoot", get=odata, public=True),
        Resource(METADATA, "ServiceRoot", get=read_metadata, public=True, media="application/xml"),
    ]


def _root(uuid: str, version: str, options: QueryOptions, links: Mapping[str, str]) -> Body:
    return {
        "@odata.id": ROOT,
        "@odata.type": f"#{TYPE}",
        "@odata.context": "/redfish/v1/$metadata#ServiceRoot.ServiceRoot",
        "Id": "RootService",
        "Name": "odimra",
        "Description": f"odimra {version}: a Redfish TaskService that runs long operations",
        "RedfishVersion": "1.20.0",
        "UUID": uuid,
        "Vendor": "odimra",
        "Product": "odimra",
        "ProtocolFeaturesSupported": features(options),
        "Links": {"Sessions": {"@odata.id": SESSIONS}},
        **{name: {"@odata.id": uri} for name, uri in links.items()},
    }


def metadata(types: Iterable[str]) -> bytes:
    """Return the OData metadata document of a service that serves ``types``.

    The entity container stands in the first schema, where clients look for it.
    """
    references: dict[str, set[str]] = {}
    for name in types:
        namespace = name.rpartition(".")[0]
        base = namespace.partition(".")[0]
        references.setdefault(base, {base}).add(namespace)
    references.setdefault("Message", {"Message"}).add("Message.v1_3_0")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">',
        f'  <edmx:Reference Uri="{SCHEMAS}/RedfishExtensions_v1.xml">',
        '    <edmx:Include Namespace="RedfishExtensions.v1_0_0" Alias="Redfish"/>',
        "  </edmx:Reference>",
    ]
    for base in sorted(references):
        lines.append(f"  <edmx:Reference Uri={quoteattr(f'{SCHEMAS}/{base}_v1.xml')}>")
        lines += [
            f"    <edmx:Include Namespace={quoteattr(namespace)}/>"
            for namespace in sorted(references[base])
        ]
        lines.append("  </edmx:Reference>")
    lines += [
        "  <edmx:DataServices>",
        '    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">',
        '      <EntityContainer Name="Service" Extends="ServiceRoot.v1_20_0.ServiceContainer"/>',
        "    </Schema>",
        "  </edmx:DataServices>",
        "</edmx:Edmx>",
    ]
    return ("\n".join(lines) + "\n").encode()
