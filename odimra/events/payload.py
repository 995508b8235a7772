"""Events packed into what is posted: Event v1_13_0, each within 1 MiB (DSP0266 12.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from odimra.events.model import Rendered

EVENT_TYPE = "#Event.v1_13_0.Event"
#: Longest body of a delivery, in bytes (DSP0266: shall not exceed 1 MiB).
LONGEST = 1024 * 1024
#: Events in one delivery, at most: what fails is sent again as a whole.
MOST = 100
#: More than the frame around the records takes, the context apart, in bytes.
FRAME = 512


@dataclass(frozen=True, slots=True)
class Payload:
    """A body to post; once it is delivered all up to the stream id ``through`` is done with.

    A body of None has nothing to post: no event up to there is wanted.
    """

    body: bytes | None
    through: str


def pack(
    events: Iterable[tuple[str, Rendered | None]],
    context: str,
    *,
    longest: int = LONGEST,
    most: int = MOST,
) -> Iterator[Payload]:
    """Pack events, in order, each with its stream id; None stands for one that is not wanted."""
    room = longest - FRAME - len(orjson.dumps(context))
    for records, through in cut(events, room, most):
        yield Payload(body(records, context, through) if records else None, through)


def cut(
    events: Iterable[tuple[str, Rendered | None]], room: int, most: int
) -> Iterator[tuple[list[bytes], str]]:
    """Cut events, in order, into arrays of records within ``room`` bytes, each through an id."""
    records: list[bytes] = []
    size, through = 0, ""
    for stream_id, event in events:
        if event is not None:
            record = event.at(len(records))
            if records and (size + len(record) + 1 > room or len(records) >= most):
                yield records, through
                records, size = [], 0
                # The index of a record is part of it, and this one is now the first.
                record = event.at(0)
            records.append(record)
            size += len(record) + 1
        through = stream_id
    if through:
        yield records, through


def body(records: Sequence[bytes], context: str, event_id: str) -> bytes:
    """Return the Event that holds ``records``; its Id tells it from all others."""
    before, behind = around(records, event_id)
    return b"".join((before, orjson.dumps(context), behind))


def around(records: Sequence[bytes], event_id: str) -> tuple[bytes, bytes]:
    """Return what is before and what is behind the value of Context in such an Event."""
    head = orjson.dumps({"@odata.type": EVENT_TYPE, "Id": event_id, "Name": "Events"})
    return (
        b'%b,"Context":' % head[:-1],
        b',"Events@odata.count":%d,"Events":[%b]}' % (len(records), b",".join(records)),
    )
