"""What a BMC posts, made records of ours: its links are ours, and its oddities are mended.

What a record may not hold (Event v1_13_0) is left out, not passed on. Knows addresses only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from odimra.aggregation.adding import uri_of
from odimra.aggregation.addresses import local, rewritten
from odimra.aggregation.listening.kinds import kind
from odimra.aggregation.listening.ledger import Entry
from odimra.aggregation.sources import TYPE, Source
from odimra.clock import iso
from odimra.events.model import prefix_of

#: Events of one post that are taken, and the longest of them, in bytes.
MOST_EVENTS = 500
LONGEST_EVENT = 64 * 1024
#: How long the same is not told again, in ms: by when it happened, or by its number only, which a
#: BMC begins anew when it restarts.
SAME_MS = 600_000
SAME_NUMBER_MS = 60_000

MESSAGE_ID = re.compile(r"[A-Za-z0-9]+\.\d+\.\d+\.[A-Za-z0-9.]+")
LONGEST_ID = 255
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
HEALTH = ("OK", "Warning", "Critical")
EVENT_TYPES = (
    "Alert", "MetricReport", "Other", "ResourceAdded", "ResourceRemoved", "ResourceUpdated",
    "StatusChange",
)  # fmt: skip
#: What an event without a message says, by its type.
BY_TYPE = {
    "ResourceAdded": "ResourceEvent.ResourceCreated",
    "ResourceRemoved": "ResourceEvent.ResourceRemoved",
    "ResourceUpdated": "ResourceEvent.ResourceChanged",
}
#: EventType of what has none that is one, by its message.
BY_MESSAGE = {message.partition(".")[2]: kind_ for kind_, message in BY_TYPE.items()}
#: For what has no MessageId, or one that is none: what it says and what it is called.
OTHER = "Odimra.EventOfSource"

#: Words a message of our registries: ``Prefix.Key`` and its arguments.
Word = Callable[..., Mapping[str, Any]]


def entries(source: Source, posted: Any, now: int, word: Word) -> Iterator[Entry]:
    """Return what a payload tells, in its order; nothing where it is no Event."""
    given = posted.get("Events") if isinstance(posted, dict) else None
    if isinstance(given, dict):  # one, and not in an array
        given = [given]
    if not isinstance(given, list):
        return
    for number, one in enumerate(given[:MOST_EVENTS]):
        if isinstance(one, dict):
            yield entry(source, one, (str(posted.get("Id")), str(number)), now, word)


def entry(
    source: Source, given: Mapping[str, Any], place: tuple[str, str], now: int, word: Word
) -> Entry:
    """Return the event that a record of a BMC is; ``place`` tells it from others of its payload."""
    record: dict[str, Any] = {
        name: value
        for name, read in PROPERTIES.items()
        if (value := read(given.get(name))) is not None
    }
    path, origin, kind_ = _origin(source, given.get("OriginOfCondition"))
    for name in ("AdditionalDataURI", "LogEntry"):
        if (link := _link(source, given.get(name))) is not None:
            record[name] = link if name == "AdditionalDataURI" else {"@odata.id": link}
    oem = rewritten(source.id, given.get("Oem"))
    if isinstance(oem, dict) and (kept := {k: v for k, v in oem.items() if isinstance(v, dict)}):
        record["Oem"] = kept
    record.setdefault("EventTimestamp", iso(now))
    record.setdefault("MessageSeverity", _health(given.get("Severity")) or "OK")
    record |= _message(source, given, word)
    key = record["MessageId"].rpartition(".")[2]
    record["EventType"] = (
        given["EventType"]
        if given.get("EventType") in EVENT_TYPES
        else BY_MESSAGE.get(key, "Other")
    )
    record["OriginOfCondition"] = {"@odata.id": origin}
    record["OriginAddress"] = source.base
    if key == "ResourceRemoved":
        record["OriginOfConditionUnavailable"] = True
    for name in ("Oem", "DiagnosticData", "MessageArgs"):
        if len(orjson.dumps(record)) > LONGEST_EVENT:
            record.pop(name, None)
    told, keep = _digest(given, place)
    return Entry(
        prefix_of(record["MessageId"]), key, record["MessageSeverity"], kind_, record, told, keep,
        path,
    )  # fmt: skip


def _message(source: Source, given: Mapping[str, Any], word: Word) -> dict[str, Any]:
    said = given.get("MessageId")
    text = given.get("Message")
    if isinstance(said, str) and len(said) <= LONGEST_ID and MESSAGE_ID.fullmatch(said):
        args = given.get("MessageArgs")
        shown: dict[str, Any] = {"MessageId": said}
        if isinstance(args, list):
            shown["MessageArgs"] = [_argument(source, one) for one in args]
        return shown
    about = given.get("EventType")
    if not said and not text and isinstance(about, str) and about in BY_TYPE:
        return _worded(word(BY_TYPE[about]))
    name = said or about
    return _worded(
        word(OTHER, _cut(name) if name else "-", _cut(text) if isinstance(text, str) else "-")
    )


def _worded(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: message[name] for name in ("MessageId", "Message", "MessageArgs", "Resolution")}


def _argument(source: Source, value: Any) -> str:
    if not isinstance(value, str):
        return orjson.dumps(value).decode()
    return (local(source.id, value) or value) if value.startswith("/redfish/") else value


def _origin(source: Source, given: Any) -> tuple[str, str, str]:
    """Return the path of a resource at the BMC, its URI here and its schema.

    What is not shown here, and what says nothing of its origin, comes of the source itself.
    """
    path = given.get("@odata.id") if isinstance(given, dict) else given
    if isinstance(path, str) and (uri := local(source.id, path)) is not None:
        return path, uri, kind(uri)
    return "", uri_of(source.id), TYPE


def _link(source: Source, given: Any) -> str | None:
    path = given.get("@odata.id") if isinstance(given, dict) else given
    return local(source.id, path) if isinstance(path, str) else None


def _digest(given: Mapping[str, Any], place: tuple[str, str]) -> tuple[str, int]:
    """Return what names an event for who is told of it twice, and for how long it does."""
    when, number = given.get("EventTimestamp"), given.get("EventId")
    if not when and number is None:
        return "", 0
    what = [when, number, given.get("MessageId"), given.get("OriginOfCondition")]
    # One with a number may be sent again beside others; one without is known by its place.
    parts = orjson.dumps([*what, given.get("MessageArgs"), *(place if number is None else ())])
    return hashlib.sha256(parts).hexdigest()[:32], SAME_MS if when else SAME_NUMBER_MS


def _text(value: Any) -> str | None:
    return value[:8192] if isinstance(value, str) and value else None


def _cut(value: Any) -> str:
    return str(value)[:1024]


def _health(value: Any) -> str | None:
    return value if value in HEALTH else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _time(value: Any) -> str | None:
    if not isinstance(value, str) or not TIME.fullmatch(value):
        return None
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return None
    return value


#: What is passed on as it is, if it is what it should be.
PROPERTIES: Mapping[str, Callable[[Any], Any]] = {
    "EventTimestamp": _time,
    "EventGroupId": _whole,
    "SpecificEventExistsInGroup": _flag,
    "Message": _text,
    "MessageSeverity": _health,
    "Resolution": _text,
    "AdditionalDataSizeBytes": _whole,
    "DiagnosticData": _text,
    "OriginOfConditionUnavailable": _flag,
    "Username": _text,
}


def seen_change(
    source: Source, path: str, key: str, args: Sequence[str], severity: str, now: int, word: Word
) -> Entry:
    """Return the event of a change that was seen at a resource of a BMC: a ResourceEvent."""
    uri = local(source.id, path) or path
    record = {
        **_worded(word(f"ResourceEvent.{key}", *args)),
        "EventTimestamp": iso(now),
        "MessageSeverity": severity,
        "EventType": BY_MESSAGE.get(key, "StatusChange"),
        "OriginOfCondition": {"@odata.id": uri},
        "OriginAddress": source.base,
    }
    if key == "ResourceRemoved":
        record["OriginOfConditionUnavailable"] = True
    return Entry("ResourceEvent", key, severity, kind(uri), record, path=path)
