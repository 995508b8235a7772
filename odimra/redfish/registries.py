"""The message registries (MessageRegistryFile v1_1_5), served as this service words them."""

from __future__ import annotations

from odimra.redfish import errors
from odimra.redfish.messages import MessageEntry, MessageRegistry, Messages
from odimra.redfish.resource import Body, Call, Collection, Listed, Reply, Resource

URI = "/redfish/v1/Registries"
TYPE = "MessageRegistryFile.v1_1_5.MessageRegistryFile"
REGISTRY_TYPE = "MessageRegistry.v1_7_0.MessageRegistry"


def resources(messages: Messages) -> list[Resource]:
    """Return the routes."""

    def of(call: Call, kind: str) -> MessageRegistry:
        name = call.params["registry"]
        for registry in messages.registries.values():
            if name in (_id(registry), f"{_id(registry)}.json"):
                return registry
        raise errors.resource_not_found(kind, name)

    async def collection(call: Call) -> Collection:
        uris = [f"{URI}/{_id(registry)}" for registry in messages.registries.values()]
        kind = "MessageRegistryFileCollection.MessageRegistryFileCollection"
        return Collection(URI, kind, "Registries", Listed(uris))

    async def read_file(call: Call) -> Reply:
        return Reply(body=_file(of(call, "MessageRegistryFile")))

    async def read_registry(call: Call) -> Reply:
        return Reply(body=_registry(of(call, "MessageRegistry")))

    return [
        Resource(
            URI,
            "MessageRegistryFileCollection",
            "MessageRegistryFileCollection.MessageRegistryFileCollection",
            get=collection,
        ),
        Resource(f"{URI}/{{registry}}", "MessageRegistryFile", TYPE, get=read_file),
        Resource(f"{URI}/Files/{{registry}}", "MessageRegistry", REGISTRY_TYPE, get=read_registry),
    ]


def _id(registry: MessageRegistry) -> str:
    return f"{registry.prefix}.{registry.version}"


def _file(registry: MessageRegistry) -> Body:
    name = _id(registry)
    return {
        "@odata.id": f"{URI}/{name}",
        "@odata.type": f"#{TYPE}",
        "@odata.context": "/redfish/v1/$metadata#MessageRegistryFile.MessageRegistryFile",
        "Id": name,
        "Name": f"{registry.prefix} message registry",
        "Description": registry.description,
        "Registry": ".".join(name.split(".")[:3]),
        "Languages": ["en"],
        "Location": [{"Language": "en", "Uri": f"{URI}/Files/{name}.json"}],
    }


def _registry(registry: MessageRegistry) -> Body:
    return {
        "@odata.type": f"#{REGISTRY_TYPE}",
        "Id": _id(registry),
        "Name": f"{registry.prefix} message registry",
        "Description": registry.description,
        "Language": "en",
        "RegistryPrefix": registry.prefix,
        "RegistryVersion": registry.version,
        "OwningEntity": registry.owner,
        "Messages": {key: _entry(entry) for key, entry in registry.messages.items()},
    }


def _entry(entry: MessageEntry) -> Body:
    shown: Body = {
        "Description": entry.text,
        "Message": entry.text,
        "MessageSeverity": entry.severity,
        "NumberOfArgs": len(entry.args),
        "Resolution": entry.resolution,
    }
    if entry.args:
        shown["ParamTypes"] = list(entry.args)
    if entry.clears or entry.clears_all:
        shown["ClearingLogic"] = {
            "ClearsIf": "SameOriginOfCondition",
            **({"ClearsAll": True} if entry.clears_all else {}),
            **({"ClearsMessage": list(entry.clears)} if entry.clears else {}),
        }
    return shown
