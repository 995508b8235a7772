"""What an event is, what a subscription is, and how both are kept in the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from odimra.store import Document

TERMINATE = "TerminateAfterRetries"
SUSPEND = "SuspendRetries"
FOREVER = "RetryForever"
BACKOFF = "RetryForeverWithBackoff"

#: EventDestination v1_16_0, ``DeliveryRetryPolicy``.
RETRY_POLICIES = (TERMINATE, SUSPEND, FOREVER, BACKOFF)

#: EventDestination v1_16_0, ``SubscriptionType``, as far as this service knows them.
PUSHED = "RedfishEvent"
STREAMED = "SSE"

ENABLED = "Enabled"
DISABLED = "Disabled"


#: Minutes between two heartbeats where the subscriber says nothing of it.
HEARTBEAT_MINUTES = 10


@lru_cache(maxsize=1024)
def key_of(message_id: str) -> str:
    """Return ``Prefix.Key`` of a MessageId; the version between them is ignored."""
    parts = message_id.split(".")
    return f"{parts[0]}.{parts[-1]}"


@lru_cache(maxsize=1024)
def prefix_of(message_id: str) -> str:
    """Return the prefix of the registry of a MessageId."""
    return message_id.partition(".")[0]


#: Fields of an entry that it may lack, in the order of :class:`Event`.
_OPTIONAL = (b"task", b"parent", b"percent", b"resource_type", b"resource", b"owner", b"given")


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the stream; ``id`` is the stream's, ``at`` is in milliseconds since the epoch.

    Events of tasks carry ``task`` and, for a sub-task, ``parent``; events of other resources carry
    ``resource_type`` and ``resource``, the id of one. ``owner`` is the account whom the event
    concerns, empty when it concerns everybody. ``given`` is the JSON of a record that somebody
    handed in as it is (a test event).
    """

    id: str
    registry: str
    message: str
    severity: str
    at: int
    task: str = ""
    parent: str = ""
    percent: str = ""
    resource_type: str = ""
    resource: str = ""
    owner: str = ""
    given: str = ""

    @classmethod
    def load(cls, entry: Sequence[Any]) -> Event:
        """Read an entry as XRANGE returns it: its id, then names and values in turn."""
        stream_id, flat = entry
        named = flat if isinstance(flat, Mapping) else dict(zip(flat[::2], flat[1::2], strict=True))
        found = named.get
        return cls(
            stream_id.decode(),
            # The steps of tasks leave it out: nearly every event is theirs.
            found(b"registry", b"TaskEvent").decode(),
            named[b"message"].decode(),
            named[b"severity"].decode(),
            int(named[b"at"]),
            *(found(name, b"").decode() for name in _OPTIONAL),
        )


@dataclass(frozen=True, slots=True)
class Rendered:
    """An event as subscribers see it, but for what differs between them.

    ``key`` and ``prefix`` are those of its MessageId.

    ``record`` is the EventRecord without ``MemberId``, ``json`` the same in bytes; ``origin`` the
    URI of the resource it is about and ``resource_type`` that resource's schema name; ``owner`` is
    the event's.
    """

    record: Mapping[str, Any]
    origin: str
    resource_type: str
    owner: str = ""
    json: bytes = field(init=False, repr=False, compare=False)
    key: str = field(init=False, repr=False, compare=False)
    prefix: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once, for all subscribers.
        message_id = str(self.record["MessageId"])
        object.__setattr__(self, "json", orjson.dumps(self.record))
        object.__setattr__(self, "key", key_of(message_id))
        object.__setattr__(self, "prefix", prefix_of(message_id))

    def at(self, index: int) -> bytes:
        """Return the record as the member ``index`` of an array (Event v1: MemberId is that)."""
        return b'%b,"MemberId":"%d"}' % (self.json[:-1], index)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events a subscriber wants; what is empty does not filter (EventDestination v1_16_0)."""

    registry_prefixes: tuple[str, ...] = ()
    exclude_registry_prefixes: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    exclude_message_ids: tuple[str, ...] = ()
    resource_types: tuple[str, ...] = ()
    origin_resources: tuple[str, ...] = ()
    subordinate_resources: bool = False
    severities: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()

    def stored(self) -> str:
        """Return the stored form."""
        return orjson.dumps({name: value for name, value in asdict(self).items() if value}).decode()

    @classmethod
    def load(cls, stored: str) -> Filters:
        """Read the stored form."""
        values: dict[str, Any] = orjson.loads(stored)
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What a subscription is created from. ``headers`` may hold secrets: they have no repr."""

    destination: str
    owner: str
    context: str = ""
    policy: str = TERMINATE
    verify_certificate: bool = False
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    filters: Filters = Filters()
    include_origin: bool = False
    backups: Sequence[str] = ()
    send_heartbeat: bool | None = None
    heartbeat_minutes: int | None = None

    def stored(self) -> dict[str, str]:
        """Return the fields of the document; what was not said has none."""
        said = {
            "destination": self.destination,
            "owner": self.owner,
            "context": self.context,
            "policy": self.policy,
            "verify_certificate": "1" if self.verify_certificate else "0",
            "headers": stored_headers(self.headers),
            "filters": self.filters.stored(),
            "state": ENABLED,
        }
        if self.include_origin:
            said["include_origin"] = "1"
        if self.backups:
            said["backups"] = stored_backups(self.backups)
        if self.send_heartbeat is not None:
            said["send_heartbeat"] = "1" if self.send_heartbeat else "0"
        if self.heartbeat_minutes is not None:
            said["heartbeat_minutes"] = str(self.heartbeat_minutes)
        return said


def stored_backups(destinations: Iterable[str]) -> str:
    """Return the stored form of the backup destinations."""
    return orjson.dumps(list(destinations)).decode()


def heartbeat_ms(send: bool | None, minutes: int | None) -> int | None:
    """Return the interval of heartbeats in milliseconds; None when none are sent."""
    return (minutes or HEARTBEAT_MINUTES) * 60_000 if send else None


def stored_headers(headers: Iterable[tuple[str, str]]) -> str:
    """Return the stored form of the headers of a delivery."""
    return orjson.dumps(list(headers)).decode()


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as it is stored; ``state`` is ``Enabled``, or ``Disabled`` while suspended.

    Of a stream of server-sent events (``type`` is ``SSE``) ``hub`` names who serves it, and
    ``filtered`` says whether it has a ``$filter``, which is not kept.
    ``send_heartbeat`` and ``heartbeat_minutes`` are None where nothing was said of them.
    """

    id: str
    destination: str
    owner: str
    context: str
    policy: str
    verify_certificate: bool
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    filters: Filters
    state: str
    version: int
    type: str = PUSHED
    hub: str = ""
    filtered: bool = False
    include_origin: bool = False
    backups: tuple[str, ...] = ()
    send_heartbeat: bool | None = None
    heartbeat_minutes: int | None = None

    @property
    def heartbeat_ms(self) -> int | None:
        """The interval of heartbeats in milliseconds; None when none are sent."""
        return heartbeat_ms(self.send_heartbeat, self.heartbeat_minutes)

    @classmethod
    def load(cls, subscription_id: str, document: Document) -> Subscription:
        """Read the document of a subscription."""
        text = document.fields
        send, minutes = text.get("send_heartbeat"), text.get("heartbeat_minutes")
        return cls(
            id=subscription_id,
            destination=text["destination"],
            owner=text["owner"],
            context=text["context"],
            policy=text["policy"],
            verify_certificate=text["verify_certificate"] == "1",
            headers=tuple((name, value) for name, value in orjson.loads(text["headers"])),
            filters=Filters.load(text["filters"]),
            state=text["state"],
            version=document.version,
            type=text.get("type", PUSHED),
            hub=text.get("hub", ""),
            filtered="filtered" in text,
            include_origin=text.get("include_origin") == "1",
            backups=tuple(orjson.loads(text.get("backups", "[]"))),
            send_heartbeat=None if send is None else send == "1",
            heartbeat_minutes=None if minutes is None else int(minutes),
        )
