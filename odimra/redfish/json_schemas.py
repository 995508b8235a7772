"""Where the schemas of this service's resources are published (JsonSchemaFile v1_1_5).

The files are the DMTF's, so they are linked to and not served.
"""

from __future__ import annotations

from collections.abc import Iterable

from odimra.redfish import errors
from odimra.redfish.resource import Call, Collection, Listed, Reply, Resource

URI = "/redfish/v1/JsonSchemas"
TYPE = "JsonSchemaFile.v1_1_5.JsonSchemaFile"
COLLECTION = "JsonSchemaFileCollection.JsonSchemaFileCollection"
PUBLISHED = "http://redfish.dmtf.org/schemas/v1"


def resources(types: Iterable[str]) -> list[Resource]:
    """Return the routes for the schemas of ``types`` (``Task.v1_7_4.Task``)."""
    schemas = {name.rpartition(".")[0]: name for name in types}

    async def collection(call: Call) -> Collection:
        uris = [f"{URI}/{schema}" for schema in sorted(schemas)]
        return Collection(URI, COLLECTION, "Schemas", Listed(uris))

    async def read(call: Call) -> Reply:
        schema = call.params["schema"]
        if schema not in schemas:
            raise errors.resource_not_found("JsonSchemaFile", schema)
        base = schema.partition(".")[0]
        return Reply(
            body={
                "@odata.id": f"{URI}/{schema}",
                "@odata.type": f"#{TYPE}",
                "@odata.context": "/redfish/v1/$metadata#JsonSchemaFile.JsonSchemaFile",
                "Id": schema,
                "Name": f"{base} schema",
                "Schema": f"#{schemas[schema]}",
                "Languages": ["en"],
                "Location": [{"Language": "en", "PublicationUri": f"{PUBLISHED}/{schema}.json"}],
            }
        )

    return [
        Resource(
            URI,
            "JsonSchemaFileCollection",
            COLLECTION,
            get=collection,
        ),
        Resource(f"{URI}/{{schema}}", "JsonSchemaFile", TYPE, get=read),
    ]
