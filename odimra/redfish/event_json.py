"""An event as Redfish shows it (EventRecord of Event v1_13_0), worded by the message registries.

The one function that turns an event into its record; :mod:`odimra.faces` hands it to those who
deliver.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from odimra.aggregation.listening import KINDS
from odimra.clock import iso
from odimra.emulation.fleet import CHASSIS, FIRMWARE, MANAGERS, SYSTEMS
from odimra.events import Event, Rendered
from odimra.redfish import account_service, accounts, roles, sessions
from odimra.redfish.accepted import TASK_SERVICE
from odimra.redfish.job_uris import JOBS, job_uri, shown_id
from odimra.redfish.messages import Messages
from odimra.redfish.task_json import TASKS

AGGREGATION_SERVICE = "/redfish/v1/AggregationService"
EVENT_SERVICE = "/redfish/v1/EventService"
SUBSCRIPTIONS = f"{EVENT_SERVICE}/Subscriptions"
STREAM = f"{EVENT_SERVICE}/SSE"

#: EventType of a message; deprecated, yet required by the schema. Others are a StatusChange.
EVENT_TYPES = {
    "JobProgressChanged": "ResourceUpdated",
    "JobRemoved": "ResourceRemoved",
    "TaskProgressChanged": "ResourceUpdated",
    "TaskRemoved": "ResourceRemoved",
    "ResourceCreated": "ResourceAdded",
    "ResourceChanged": "ResourceUpdated",
    "ResourceRemoved": "ResourceRemoved",
    "EventBufferExceeded": "Alert",
}
#: Messages whose resource cannot be asked for any more.
GONE = frozenset({"JobRemoved", "ResourceRemoved", "TaskRemoved"})
#: Where the resources are that events are about, tasks apart; ``*`` stands for the id.
ORIGINS = {
    "Aggregate": f"{AGGREGATION_SERVICE}/Aggregates/*",
    "AggregationSource": f"{AGGREGATION_SERVICE}/AggregationSources/*",
    "AccountService": account_service.URI,
    "Chassis": f"{CHASSIS}/*",
    "ComputerSystem": f"{SYSTEMS}/*",
    "EventDestination": f"{SUBSCRIPTIONS}/*",
    "EventService": EVENT_SERVICE,
    "Job": f"{JOBS}/*",
    "Manager": f"{MANAGERS}/*",
    "ManagerAccount": f"{accounts.URI}/*",
    "ManagerNetworkProtocol": f"{MANAGERS}/*/NetworkProtocol",
    "Role": f"{roles.URI}/*",
    "Session": f"{sessions.URI}/*",
    "SessionService": sessions.SERVICE,
    "SoftwareInventory": f"{FIRMWARE}/*",
    "TaskService": TASK_SERVICE,
}
#: What events can be filtered by.
RESOURCE_TYPES = tuple(sorted({*ORIGINS, *KINDS, "Task"}))
#: Registries that events of this service use.
REGISTRY_PREFIXES = ("Base", "HeartbeatEvent", "JobEvent", "Odimra", "ResourceEvent", "TaskEvent")
#: Returns the prefixes of the registries that sources use besides.
Registries = Callable[[], Awaitable[frozenset[str]]]
BUFFER_EXCEEDED = "EventBufferExceeded"
TERMINATED = "SubscriptionTerminated"
HEARTBEAT = "HeartbeatEvent.RedfishServiceFunctional"


def origin(event: Event) -> tuple[str, str]:
    """Return URI and type of the resource that an event is about."""
    if event.task:
        if event.parent:
            return f"{TASKS}/{event.parent}/SubTasks/{event.task}", "Task"
        return f"{TASKS}/{event.task}", "Task"
    if event.resource_type == "Job":  # whose id is another one outside of the store
        return job_uri(event.resource), "Job"
    return ORIGINS[event.resource_type].replace("*", event.resource), event.resource_type


async def no_registries() -> frozenset[str]:
    """Return what there is without sources."""
    return frozenset()


async def registry_prefixes(foreign: Registries) -> tuple[str, ...]:
    """Return the prefixes of all registries that events use: ours, then those of sources."""
    return (*REGISTRY_PREFIXES, *sorted((await foreign()).difference(REGISTRY_PREFIXES)))


class EventRepresentation:
    """Renders events with the wording of the message registries."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def event(self, event: Event) -> Rendered:
        """Return an event of the stream as its subscribers see it."""
        if event.given:
            return self._given(event)
        uri, resource_type = origin(event)
        about = shown_id(event.resource) if event.registry == "JobEvent" else event.task
        args = [part for part in (about, event.percent) if part]
        record = self._record(
            f"{event.registry}.{event.message}", args, event.id, event.at, event.severity, uri
        )
        return Rendered(record, uri, resource_type, event.owner)

    @staticmethod
    def _given(event: Event) -> Rendered:
        """Return a test event: what was handed in, and what Event v1_13_0 cannot do without."""
        record = {"EventType": "Other", "EventId": event.id, **orjson.loads(event.given)}
        about = record.get("OriginOfCondition", {})
        return Rendered(record, about.get("@odata.id", ""), event.resource_type, event.owner)

    def heartbeat(self, at: int) -> Rendered:
        """Return the event that says at a time in ms that the service works."""
        record = self._record(HEARTBEAT, [], f"heartbeat-{at}", at, "OK", EVENT_SERVICE)
        return Rendered(record, EVENT_SERVICE, "EventService")

    def gap(self, cursor: str, at: int) -> Rendered:
        """Return the event that says that some behind the stream id ``cursor`` may be lost."""
        record = self._record(
            f"Base.{BUFFER_EXCEEDED}", [], f"{cursor}-lost", at, "Warning", EVENT_SERVICE
        )
        return Rendered(record, EVENT_SERVICE, "EventService")

    def terminated(self, cursor: str, at: int) -> Rendered:
        """Return the last event of a subscription, behind the stream id ``cursor``."""
        record = self._record(f"Base.{TERMINATED}", [], f"{cursor}-end", at, "OK", EVENT_SERVICE)
        return Rendered(record, EVENT_SERVICE, "EventService")

    def _record(
        self, key: str, args: list[str], event_id: str, at: int, severity: str, uri: str
    ) -> dict[str, Any]:
        said, message = self._messages.build(key, *args), key.partition(".")[2]
        return {
            "EventType": EVENT_TYPES.get(message, "StatusChange"),
            "EventId": event_id,
            "EventTimestamp": iso(at),
            "MessageId": said["MessageId"],
            "Message": said["Message"],
            "MessageArgs": said["MessageArgs"],
            "MessageSeverity": severity,
            "Resolution": said["Resolution"],
            "OriginOfCondition": {"@odata.id": uri},
            **({"OriginOfConditionUnavailable": True} if message in GONE else {}),
        }
