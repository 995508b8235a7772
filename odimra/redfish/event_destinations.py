"""Subscriptions (EventDestination v1_16_0): who is told of which events, and how.

A subscription is taken without contacting its destination. Its HttpHeaders are never shown. Open
streams of server-sent events are listed here, too; :mod:`.sse` makes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from odimra.access import Principal
from odimra.events import (
    ENABLED,
    HEARTBEAT_MINUTES,
    STREAMED,
    Filters,
    NewSubscription,
    Streams,
    Subscription,
    SubscriptionLimitReached,
    SubscriptionMissing,
    Subscriptions,
)
from odimra.events.model import TERMINATE, key_of, prefix_of, stored_backups, stored_headers
from odimra.networks import Reach
from odimra.redfish import errors
from odimra.redfish.destinations import BACKUPS, backups, destination, http_headers
from odimra.redfish.errors import Translations
from odimra.redfish.event_json import (
    REGISTRY_PREFIXES,
    RESOURCE_TYPES,
    SUBSCRIPTIONS,
    Registries,
    no_registries,
    registry_prefixes,
)
from odimra.redfish.messages import Messages, UnknownMessage
from odimra.redfish.resource import Body, Call, Collection, Reply, Resource

TYPE = "EventDestination.v1_16_0.EventDestination"
RESUME = "EventDestination.ResumeSubscription"
SUSPEND = "EventDestination.SuspendSubscription"

TRANSLATIONS: Translations = {
    SubscriptionLimitReached: lambda error: errors.event_subscription_limit_exceeded(),
    SubscriptionMissing: lambda error: errors.resource_not_found("EventDestination", str(error)),
}

#: The filters: properties and what they are of a subscription.
FILTERS = {
    "RegistryPrefixes": "registry_prefixes",
    "ExcludeRegistryPrefixes": "exclude_registry_prefixes",
    "MessageIds": "message_ids",
    "ExcludeMessageIds": "exclude_message_ids",
    "ResourceTypes": "resource_types",
    "Severities": "severities",
}
SEND_HEARTBEAT = "SendHeartbeat"
HEARTBEAT_INTERVAL = "HeartbeatIntervalMinutes"


def resources(
    subscriptions: Subscriptions,
    streams: Streams,
    messages: Messages,
    reach: Reach | None = None,
    foreign: Registries = no_registries,
) -> list[Resource]:
    """Return the routes; ``reach`` is where events may be sent, None for everywhere.

    ``foreign`` are the registries of sources.
    """
    face = EventDestinationFace(subscriptions, streams, messages, reach or Reach(), foreign)
    one = f"{SUBSCRIPTIONS}/{{subscription}}"
    return [
        Resource(
            SUBSCRIPTIONS,
            "EventDestinationCollection",
            "EventDestinationCollection.EventDestinationCollection",
            get=face.list,
            post=face.create,
            bodies={"POST": "EventDestination.post.json"},
            members=True,
        ),
        Resource(
            one,
            "EventDestination",
            TYPE,
            get=face.read,
            patch=face.patch,
            delete=face.delete,
            bodies={"PATCH": "EventDestination.patch.json"},
        ),
        Resource(
            f"{one}/Actions/{RESUME}",
            "EventDestination",
            post=face.resume,
            bodies={"POST": "EventDestination.ResumeSubscription.json"},
            action=RESUME,
        ),
        Resource(f"{one}/Actions/{SUSPEND}", "EventDestination", post=face.suspend, action=SUSPEND),
    ]


@dataclass(frozen=True, slots=True)
class SubscriptionList:
    """All subscriptions, and behind them the open streams."""

    subscriptions: Subscriptions
    streams: Streams

    async def count(self) -> int:
        """Return how many there are."""
        return await self.subscriptions.count() + await self.streams.count()

    async def page(self, skip: int, top: int) -> list[str]:
        """Return the URIs of at most ``top`` subscriptions behind the first ``skip``."""
        found = await self.subscriptions.ids(skip, top)
        if len(found) < top:
            skip = max(0, skip - await self.subscriptions.count())
            found += await self.streams.ids(skip, top - len(found))
        return [f"{SUBSCRIPTIONS}/{one}" for one in found]


def representation(subscription: Subscription) -> Body:
    """Return the EventDestination resource."""
    body: Body = {
        "@odata.id": f"{SUBSCRIPTIONS}/{subscription.id}",
        "@odata.type": f"#{TYPE}",
        "@odata.context": "/redfish/v1/$metadata#EventDestination.EventDestination",
        "Id": subscription.id,
        "Name": f"Subscription {subscription.id}",
        "Destination": subscription.destination,
        "Context": subscription.context,
        "Protocol": "Redfish",
        "SubscriptionType": subscription.type,
        "EventFormatType": "Event",
        "IncludeOriginOfCondition": subscription.include_origin,
        "Status": {"State": subscription.state, "Health": "OK"},
    }
    if not subscription.filtered:
        # Empty arrays say that nothing is filtered; a $filter says more than they can.
        body |= _filters_of(subscription.filters)
    if subscription.type != STREAMED:
        body |= _delivery_of(subscription)
    return body


def _filters_of(filters: Filters) -> Body:
    return {
        **{name: list(getattr(filters, field)) for name, field in FILTERS.items()},
        "OriginResources": [{"@odata.id": one} for one in filters.origin_resources],
        "OriginResources@odata.count": len(filters.origin_resources),
        "SubordinateResources": filters.subordinate_resources,
    }


def _delivery_of(subscription: Subscription) -> Body:
    actions = f"{SUBSCRIPTIONS}/{subscription.id}/Actions"
    return {
        "DeliveryRetryPolicy": subscription.policy,
        "VerifyCertificate": subscription.verify_certificate,
        "HttpHeaders": [],  # never told
        BACKUPS: list(subscription.backups),
        **_if_said(subscription),
        "Actions": {
            f"#{action}": {"target": f"{actions}/{action}"} for action in (RESUME, SUSPEND)
        },
    }


#: ``P1DT2H3M4.5S``; the schema has checked that there is something behind P.
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
UNITS = (86400, 3600, 60, 1)


def seconds_of(duration: str) -> float:
    """Return an Edm.Duration in seconds."""
    found = DURATION.fullmatch(duration)
    if found is None:
        raise errors.action_parameter_value_format(duration, "DeliverBufferedEventDuration", RESUME)
    return sum(float(n) * unit for n, unit in zip(found.groups(), UNITS, strict=True) if n)


class EventDestinationFace:
    """The handlers."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        streams: Streams,
        messages: Messages,
        reach: Reach,
        foreign: Registries,
    ) -> None:
        self._foreign = foreign
        self._subscriptions = subscriptions
        self._streams = streams
        self._messages = messages
        self._reach = reach

    @staticmethod
    def _reply(subscription: Subscription, status: int = 200) -> Reply:
        return Reply(status, representation(subscription), etag=str(subscription.version))

    async def list(self, call: Call) -> Collection:
        """``GET`` of the collection."""
        return Collection(
            SUBSCRIPTIONS,
            "EventDestinationCollection.EventDestinationCollection",
            "Event Subscriptions",
            SubscriptionList(self._subscriptions, self._streams),
        )

    async def create(self, call: Call) -> Reply:
        """``POST``: subscribe to what happens from now on."""
        body = call.body
        subscription = await self._subscriptions.create(
            NewSubscription(
                destination(body["Destination"], self._reach),
                call.principal.account,
                body.get("Context") or "",
                body.get("DeliveryRetryPolicy", TERMINATE),
                body.get("VerifyCertificate") or False,
                http_headers(_given(body, "HttpHeaders")),
                await self._filters(body),
                include_origin=body.get("IncludeOriginOfCondition") or False,
                backups=backups(_given(body, BACKUPS), self._reach),
                send_heartbeat=body.get(SEND_HEARTBEAT),
                heartbeat_minutes=_interval(body),
            )
        )
        reply = self._reply(subscription, 201)
        reply.headers = {"Location": f"{SUBSCRIPTIONS}/{subscription.id}"}
        return reply

    async def _filters(self, body: Body) -> Filters:
        prefixes = await registry_prefixes(self._foreign)
        for name in ("RegistryPrefixes", "ExcludeRegistryPrefixes"):
            _listed(body, name, prefixes)
        _listed(body, "ResourceTypes", RESOURCE_TYPES)
        for name in ("MessageIds", "ExcludeMessageIds"):
            for number, message_id in enumerate(body.get(name) or ()):
                self._known(message_id, f"{name}/{number}", prefixes)
        return Filters(
            **{field: tuple(body.get(name) or ()) for name, field in FILTERS.items()},
            event_types=tuple(body.get("EventTypes") or ()),
            origin_resources=tuple(one["@odata.id"] for one in body.get("OriginResources") or ()),
            subordinate_resources=body.get("SubordinateResources") or False,
        )

    def _known(self, message_id: str, name: str, prefixes: tuple[str, ...]) -> None:
        prefix = prefix_of(message_id)
        try:
            if prefix in REGISTRY_PREFIXES:
                self._messages.entry(key_of(message_id))
                return
            if prefix in prefixes:
                return  # which messages there are in it the source knows
        except UnknownMessage:
            pass
        raise errors.property_value_not_in_list(message_id, name)

    async def _seen(self, call: Call) -> Subscription:
        subscription = await self._subscriptions.get(call.params["subscription"])
        if subscription is None:
            raise errors.resource_not_found("EventDestination", call.params["subscription"])
        return subscription

    async def _mine(self, call: Call) -> Subscription:
        """Return the subscription if it may be changed: one's own, or any with ConfigureManager."""
        subscription = await self._seen(call)
        if not _manages(call.principal) and subscription.owner != call.principal.account:
            raise errors.insufficient_privilege()
        return subscription

    async def _delivered(self, call: Call, action: str) -> Subscription:
        """Return the subscription if there is a delivery that can be stopped."""
        subscription = await self._mine(call)
        if subscription.type == STREAMED:
            raise errors.action_not_supported(action)
        return subscription

    async def read(self, call: Call) -> Reply:
        """``GET`` of a subscription."""
        return self._reply(await self._seen(call))

    async def patch(self, call: Call) -> Reply:
        """``PATCH`` of what the schema lets change; the rest was settled when it was created."""
        subscription, body = await self._mine(call), call.body
        if subscription.type == STREAMED and body:
            # Whoever has the stream open relies on its Context; of the rest it has nothing.
            raise errors.together(map(errors.property_not_writable, body))
        fields: dict[str, str] = {}
        if "Context" in body:
            fields["context"] = body["Context"] or ""
        if "DeliveryRetryPolicy" in body:
            fields["policy"] = body["DeliveryRetryPolicy"]
        if "VerifyCertificate" in body:
            fields["verify_certificate"] = "1" if body["VerifyCertificate"] else "0"
        if BACKUPS in body:
            fields["backups"] = stored_backups(backups(body[BACKUPS], self._reach))
        if "HttpHeaders" in body:
            fields["headers"] = stored_headers(http_headers(body["HttpHeaders"]))
        return self._reply(
            await self._subscriptions.change(subscription.id, fields, expect=call.expected())
        )

    async def delete(self, call: Call) -> Reply:
        """``DELETE``: unsubscribe."""
        subscription = await self._mine(call)
        if subscription.type == STREAMED:
            # Its connection is closed by whichever process serves it.
            hub, expected = subscription.hub, call.expected()
            await self._streams.close(subscription.id, hub, expect=expected)
        else:
            await self._subscriptions.delete(subscription.id, expect=call.expected())
        return Reply(204)

    async def resume(self, call: Call) -> Reply:
        """The action: a suspended subscription goes on where it stopped."""
        subscription = await self._delivered(call, RESUME)
        buffered = call.body.get("DeliverBufferedEventDuration")
        seconds = None if buffered is None else seconds_of(buffered)
        if subscription.state != ENABLED:
            await self._subscriptions.resume(subscription.id, buffered_seconds=seconds)
        return Reply(204)

    async def suspend(self, call: Call) -> Reply:
        """The action: nothing is sent until the subscription is resumed."""
        subscription = await self._delivered(call, SUSPEND)
        if subscription.state == ENABLED:
            await self._subscriptions.suspend(subscription.id)
        return Reply(204)


def _given(body: Body, name: str) -> Any:
    """Return an array that no schema has checked; null and nothing are an empty one."""
    value = body.get(name)
    return [] if value is None else value


def _listed(body: Body, name: str, allowed: tuple[str, ...]) -> None:
    for number, value in enumerate(body.get(name) or ()):
        if value not in allowed:
            raise errors.property_value_not_in_list(value, f"{name}/{number}")


def _interval(body: Body) -> int | None:
    """Return the interval of heartbeats, which is nothing without SendHeartbeat (v1_16_0)."""
    send, minutes = body.get(SEND_HEARTBEAT), body.get(HEARTBEAT_INTERVAL)
    if send is None and minutes is not None:
        raise errors.property_missing(SEND_HEARTBEAT)
    return HEARTBEAT_MINUTES if send and minutes is None else minutes


def _if_said(subscription: Subscription) -> Body:
    """Return what is shown only where the subscriber has said something of it."""
    said: Body = {
        SEND_HEARTBEAT: subscription.send_heartbeat,
        HEARTBEAT_INTERVAL: subscription.heartbeat_minutes,
        "EventTypes": list(subscription.filters.event_types) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _manages(principal: Principal) -> bool:
    return "ConfigureManager" in principal.privileges
