"""The subscription of this service at a BMC: made, found again, judged, taken away.

It is known by its destination, whose last part is a secret of which the store has the digest.
Called by the listener; knows the BMC client only.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from odimra.aggregation.bmc import BadAnswer, Bmc, Refused
from odimra.aggregation.listening.ledger import digest

log = logging.getLogger(__name__)

EVENT_SERVICE = "/redfish/v1/EventService"
#: Where BMCs post to, below the address of this service: then come source and secret.
RECEIVER = "/bmc-events"
#: Subscriptions of a BMC that are looked through, at most.
MOST = 100
NOT_THERE = (404, 410)
#: What older BMCs want to be told, where they do not say what they can.
EVENT_TYPES = ["StatusChange", "ResourceUpdated", "ResourceAdded", "ResourceRemoved", "Alert"]


PREFIX = re.compile(r"[A-Za-z0-9]+")


class NoEvents(Exception):
    """A BMC does not take subscriptions; the text says why."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What a BMC has to know to be heard: it is in the destination, and in the Context."""

    destination: str = field(repr=False)
    context: str = field(repr=False)

    @classmethod
    def new(cls, address: str, source_id: str) -> Secret:
        """Make one for a source; ``address`` is that of this service."""
        destination = f"{address}{RECEIVER}/{source_id}/{secrets.token_urlsafe(32)}"
        return cls(destination, f"odimra:{source_id}:{secrets.token_urlsafe(16)}")

    def noted(self) -> tuple[str, str]:
        """Return what the store keeps of it: the digests of both."""
        return digest(secret_of(self.destination)), digest(self.context)


def secret_of(destination: str) -> str:
    """Return the secret in a destination."""
    return destination.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Found:
    """A subscription of this service at a BMC: where it is, of which source, with which digest."""

    uri: str
    source_id: str
    secret: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Desk:
    """What there is to know of a BMC's EventService."""

    subscriptions: str
    types: list[str]
    registries: list[str]


async def desk(bmc: Bmc) -> Desk:
    """Look at the EventService of a BMC. Raises :class:`NoEvents`, BmcError."""
    try:
        body = (await bmc.get(EVENT_SERVICE)).body or {}
    except Refused as error:
        if error.status in (*NOT_THERE, 405, 501):
            raise NoEvents("it has no EventService") from None
        raise
    if body.get("ServiceEnabled") is False:
        raise NoEvents("its EventService is disabled")
    linked = body.get("Subscriptions")
    uri = linked.get("@odata.id") if isinstance(linked, dict) else None
    types = body.get("EventTypesForSubscription")
    known = [one for one in types if one in EVENT_TYPES] if isinstance(types, list) else []
    said = body.get("RegistryPrefixes")
    prefixes = said if isinstance(said, list) else []
    return Desk(
        uri if isinstance(uri, str) else f"{EVENT_SERVICE}/Subscriptions",
        known,
        [one for one in prefixes if isinstance(one, str) and PREFIX.fullmatch(one)],
    )


async def subscribe(bmc: Bmc, at: Desk, secret: Secret, *, verify: bool) -> str:
    """Subscribe; return where the subscription is, empty where the BMC does not say.

    Raises :class:`NoEvents`, BmcError.
    """
    refused: Refused | None = None
    for body in bodies(secret, at.types, verify=verify):
        try:
            answer = await bmc.request("POST", at.subscriptions, body)
        except Refused as error:
            if error.status >= 500 and error.status != 501:
                raise
            refused = error
            continue
        shown = answer.body or {}
        place = answer.headers.get("Location") or shown.get("@odata.id")
        if answer.status == 202 or not isinstance(place, str):
            return ""  # it comes when a task of the BMC is done
        return urlsplit(place).path.rstrip("/")
    raise NoEvents(f"it takes no subscription: {refused}")


def bodies(secret: Secret, types: list[str], *, verify: bool) -> Iterator[dict[str, Any]]:
    """Return what a BMC may understand, the best first."""
    least = {
        "Destination": secret.destination,
        "Protocol": "Redfish",
        "Context": secret.context,
    }
    modern = {**least, "SubscriptionType": "RedfishEvent", "EventFormatType": "Event"}
    if not verify and secret.destination.startswith("https:"):
        yield {**modern, "VerifyCertificate": False}
    yield modern
    # Before Redfish 2019.
    yield {**least, "EventTypes": types or EVENT_TYPES}
    yield least


async def judge(bmc: Bmc, uri: str, secret: str) -> bool:
    """Tell whether a subscription is there still, and is that of the digest ``secret``."""
    try:
        body = (await bmc.get(uri)).body or {}
    except Refused as error:
        # One that cannot be looked at is no worse than one that can.
        return error.status not in (400, *NOT_THERE)
    except BadAnswer:
        return True
    destination = body.get("Destination")
    if isinstance(destination, str) and destination:
        return digest(secret_of(destination)) == secret and enabled(body)
    return enabled(body)


def enabled(body: Mapping[str, Any]) -> bool:
    """Tell whether a BMC delivers to a subscription, as far as it says."""
    status = body.get("Status")
    return not isinstance(status, dict) or status.get("State") not in ("Disabled", "Absent")


async def ours(bmc: Bmc, at: Desk, address: str) -> AsyncIterator[Found]:
    """Return the subscriptions of this service at a BMC, whatever source they were made for."""
    try:
        members = ((await bmc.get(at.subscriptions)).body or {}).get("Members")
    except (Refused, BadAnswer):
        return
    begin = f"{address}{RECEIVER}/"
    for one in members[:MOST] if isinstance(members, list) else ():
        uri = one.get("@odata.id") if isinstance(one, dict) else None
        if not isinstance(uri, str):
            continue
        try:
            body = one if "Destination" in one else (await bmc.get(uri)).body or {}
        except (Refused, BadAnswer):
            continue
        destination = body.get("Destination")
        if isinstance(destination, str) and destination.startswith(begin):
            source_id, _, secret = destination.removeprefix(begin).partition("/")
            yield Found(uri.rstrip("/"), source_id, digest(secret), enabled(body))


async def unsubscribe(bmc: Bmc, uri: str) -> None:
    """Take a subscription away; it may be gone already."""
    try:
        await bmc.request("DELETE", uri)
    except Refused as error:
        if error.status not in NOT_THERE:
            log.info("a BMC does not end a subscription: %s", error)
