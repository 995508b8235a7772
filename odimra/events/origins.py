"""Events that carry the resource they are about (EventDestination, IncludeOriginOfCondition).

The resource is shown as it is when it is sent and as the subscription's owner may read it then. How
it is read is passed in. Used by the delivery.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import orjson

from odimra.events.model import Rendered
from odimra.events.payload import LONGEST

#: Longest record with its resource in it, in bytes: it has to fit in a payload with its frame.
LONGEST_RECORD = LONGEST - 64 * 1024


class OriginGone(Exception):
    """There is no resource at a URI; the text is the URI."""


#: Reads the resource at a URI as an account may: as JSON, or None when it may not be read. Raises
#: :class:`OriginGone`.
ReadOrigin = Callable[[str, str], Awaitable[bytes | None]]


async def include(event: Rendered, account: str, read: ReadOrigin) -> Rendered:
    """Return ``event`` with its resource as ``account`` may read it.

    The link alone stays where the resource may not be read, is gone (Event v1_13_0,
    OriginOfConditionUnavailable), or is too big for a payload.
    """
    if not event.origin or event.record.get("OriginOfConditionUnavailable"):
        return event
    try:
        resource = await read(event.origin, account)
    except OriginGone:
        return replace(event, record={**event.record, "OriginOfConditionUnavailable": True})
    if resource is None or len(event.json) + len(resource) > LONGEST_RECORD:
        return event
    return replace(event, record={**event.record, "OriginOfCondition": orjson.Fragment(resource)})
