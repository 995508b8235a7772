"""The EventService (EventService v1_12_0): what can be subscribed to, and how often one tries."""

from __future__ import annotations

from odimra.events import EventServiceSettings, EventSettings
from odimra.redfish import event_filter
from odimra.redfish.event_json import (
    EVENT_SERVICE,
    REGISTRY_PREFIXES,
    RESOURCE_TYPES,
    STREAM,
    SUBSCRIPTIONS,
    Registries,
    no_registries,
    registry_prefixes,
)
from odimra.redfish.event_tests import actions
from odimra.redfish.resource import Body, Call, Reply, Resource

TYPE = "EventService.v1_12_0.EventService"
SEVERITIES = ("OK", "Warning", "Critical")
#: More than any version of the settings, that of what nobody has changed included.
MORE = 2**42

#: Writable properties and the settings that they are.
WRITABLE = {
    "ServiceEnabled": "enabled",
    "DeliveryRetryAttempts": "attempts",
    "DeliveryRetryIntervalSeconds": "interval",
}


def resources(service: EventServiceSettings, foreign: Registries = no_registries) -> list[Resource]:
    """Return the routes; ``foreign`` are the registries of sources."""
    face = EventServiceFace(service, foreign)
    return [
        Resource(
            EVENT_SERVICE,
            "EventService",
            TYPE,
            get=face.read,
            patch=face.patch,
            bodies={"PATCH": "EventService.patch.json"},
        )
    ]


class EventServiceFace:
    """The handlers."""

    def __init__(self, service: EventServiceSettings, foreign: Registries) -> None:
        self._service = service
        self._foreign = foreign

    @staticmethod
    def _reply(settings: EventSettings, prefixes: tuple[str, ...]) -> Reply:
        body: Body = {
            "@odata.id": EVENT_SERVICE,
            "@odata.type": f"#{TYPE}",
            "@odata.context": "/redfish/v1/$metadata#EventService.EventService",
            "Id": "EventService",
            "Name": "Event Service",
            "Description": "Tells subscribers of every change of a task and of other resources",
            "ServiceEnabled": settings.enabled,
            "DeliveryRetryAttempts": settings.attempts,
            "DeliveryRetryIntervalSeconds": settings.interval,
            "EventFormatTypes": ["Event"],
            "RegistryPrefixes": list(prefixes),
            "ResourceTypes": list(RESOURCE_TYPES),
            "Severities": list(SEVERITIES),
            "SubordinateResourcesSupported": True,
            "OriginResourcesSupported": True,
            "ExcludeMessageId": True,
            "ExcludeRegistryPrefix": True,
            "IncludeOriginOfConditionSupported": True,
            "Status": {
                "State": "Enabled" if settings.enabled else "Disabled",
                "Health": "OK",
            },
            "ServerSentEventUri": STREAM,
            "SSEFilterPropertiesSupported": event_filter.SUPPORTED,
            "SSEIncludeOriginOfConditionSupported": False,
            "Subscriptions": {"@odata.id": SUBSCRIPTIONS},
            "Actions": actions(),
        }
        return Reply(body=body, etag=str(settings.version + _more(prefixes)))

    async def read(self, call: Call) -> Reply:
        """``GET``."""
        return self._reply(await self._service.read(), await registry_prefixes(self._foreign))

    async def patch(self, call: Call) -> Reply:
        """``PATCH`` of the writable properties, as compare-and-set when If-Match says so."""
        changes = {WRITABLE[name]: value for name, value in call.body.items()}
        prefixes = await registry_prefixes(self._foreign)
        expected = call.expected()
        if expected is not None:
            expected = frozenset(one - _more(prefixes) for one in expected)
        return self._reply(await self._service.write(changes, expect=expected), prefixes)


def _more(prefixes: tuple[str, ...]) -> int:
    """Return what registries of sources add to the version: they come, and never go."""
    return (len(prefixes) - len(REGISTRY_PREFIXES)) * MORE
