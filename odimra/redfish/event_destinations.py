"""Subscriptions (EventDestination v1_16_0): who is told of which events, and how.

A subscription is taken without contacting its destination. Its HttpHeaders are never shown. Open
streams of server-sent events are listed here, too; :mod:`.sse` makes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from odimra.access import Principal
from odimra.events import (
    ENABLED,
    STREAMED,
    Filters,
    NewSubscription,
    Streams,
    Subscription,
    SubscriptionLimitReached,
    SubscriptionMissing,
    Subscriptions,
)
from odimra.events.model import TERMINATE, key_of, prefix_of, stored_headers
from odimra.redfish import errors
from odimra.redfish.errors import Translations
from odimra.redfish.event_json import REGISTRY_PREFIXES, RESOURCE_TYPES, SUBSCRIPTIONS
from odimra.redfish.messages import Messages, UnknownMessage
from odimra.redfish.resource import Body, Call, Collection, Reply, Resource

TYPE = "EventDestination.v1_16_0.EventDestination"
RESUME = "EventDestination.ResumeSubscription"
SUSPEND = "EventDestination.SuspendSubscription"

TRANSLATIONS: Translations = {
    SubscriptionLimitReached: lambda error: errors.event_subscription_limit_exceeded(),
    SubscriptionMissing: lambda error: errors.resource_not_found("EventDestination", str(error)),
}

#: Headers that belong to the delivery itself (RFC 9110), in lower case.
RESERVED = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "odata-version",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
MOST_HEADERS = 32
LONGEST_HEADER = 8192
LONGEST_DESTINATION = 2048
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

#: The filters: properties and what they are of a subscription.
FILTERS = {
    "RegistryPrefixes": "registry_prefixes",
    "ExcludeRegistryPrefixes": "exclude_registry_prefixes",
    "MessageIds": "message_ids",
    "ExcludeMessageIds": "exclude_message_ids",
    "ResourceTypes": "resource_types",
    "Severities": "severities",
}


def resources(subscriptions: Subscriptions, streams: Streams, messages: Messages) -> list[Resource]:
    """Return the routes."""
    face = EventDestinationFace(subscriptions, streams, messages)
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
        "IncludeOriginOfCondition": False,
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
        "Actions": {
            f"#{action}": {"target": f"{actions}/{action}"} for action in (RESUME, SUSPEND)
        },
    }


def destination(value: Any) -> str:
    """Return a Destination that events can be posted to: an absolute HTTP(S) URI.

    Refuses credentials in it: whoever may read subscriptions would read them. A value that is
    refused is not repeated in the error, for the same reason.
    """
    if isinstance(value, str) and len(value) <= LONGEST_DESTINATION and value.isprintable():
        try:
            parts = urlsplit(value)
            usable = (
                parts.scheme in ("http", "https")
                and bool(parts.hostname)
                and "@" not in parts.netloc
                and parts.port != 0
                and not parts.fragment
                and " " not in value
            )
        except ValueError:
            usable = False
        if usable:
            return value
    raise errors.property_value_error("Destination")


def http_headers(value: Any) -> list[tuple[str, str]]:
    """Return HttpHeaders as pairs; a header that cannot be sent is refused, never repeated."""
    if not isinstance(value, list) or len(value) > MOST_HEADERS:
        raise errors.property_value_error("HttpHeaders")
    pairs: list[tuple[str, str]] = []
    for number, one in enumerate(value):
        if not isinstance(one, dict) or not one:
            raise errors.property_value_error(f"HttpHeaders/{number}")
        for name, content in one.items():
            if (
                not HEADER_NAME.fullmatch(name)
                or name.lower() in RESERVED
                or not isinstance(content, str)
                or len(content) > LONGEST_HEADER
                or not HEADER_VALUE.fullmatch(content)
            ):
                raise errors.property_value_error(f"HttpHeaders/{number}")
            pairs.append((name, content))
    if len(pairs) > MOST_HEADERS:
        raise errors.property_value_error("HttpHeaders")
    return pairs


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

    def __init__(self, subscriptions: Subscriptions, streams: Streams, messages: Messages) -> None:
        self._subscriptions = subscriptions
        self._streams = streams
        self._messages = messages

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
                destination(body["Destination"]),
                call.principal.account,
                body.get("Context") or "",
                body.get("DeliveryRetryPolicy", TERMINATE),
                body.get("VerifyCertificate") or False,
                http_headers(body.get("HttpHeaders") or []),
                self._filters(body),
            )
        )
        reply = self._reply(subscription, 201)
        reply.headers = {"Location": f"{SUBSCRIPTIONS}/{subscription.id}"}
        return reply

    def _filters(self, body: Body) -> Filters:
        for name in ("RegistryPrefixes", "ExcludeRegistryPrefixes"):
            _listed(body, name, REGISTRY_PREFIXES)
        _listed(body, "ResourceTypes", RESOURCE_TYPES)
        for name in ("MessageIds", "ExcludeMessageIds"):
            for number, message_id in enumerate(body.get(name) or ()):
                self._known(message_id, f"{name}/{number}")
        return Filters(
            **{field: tuple(body.get(name) or ()) for name, field in FILTERS.items()},
            origin_resources=tuple(one["@odata.id"] for one in body.get("OriginResources") or ()),
            subordinate_resources=body.get("SubordinateResources") or False,
        )

    def _known(self, message_id: str, name: str) -> None:
        try:
            if prefix_of(message_id) in REGISTRY_PREFIXES:
                self._messages.entry(key_of(message_id))
                return
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


def _listed(body: Body, name: str, allowed: tuple[str, ...]) -> None:
    for number, value in enumerate(body.get(name) or ()):
        if value not in allowed:
            raise errors.property_value_not_in_list(value, f"{name}/{number}")


def _manages(principal: Principal) -> bool:
    return "ConfigureManager" in principal.privileges
