"""Server-sent events (DSP0266, event message SSE stream): one GET that goes on until it is closed.

Opening it creates an EventDestination, which is gone when it ends; when that is deleted, it ends.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from typing import cast

from aiohttp import HttpVersion11, web

from odimra.events import EventsDisabled, Feed, FeedStopping, NewStream, Subscription
from odimra.events.reader import Reader
from odimra.events.streams import Place
from odimra.redfish import errors, headers
from odimra.redfish.errors import Translations
from odimra.redfish.event_filter import UnknownProperty, Wanted, compile_event_filter
from odimra.redfish.event_json import EVENT_SERVICE, STREAM
from odimra.redfish.filter import BadFilter
from odimra.redfish.query import KNOWN
from odimra.redfish.resource import Call, Reply, Resource
from odimra.redfish.server import RedfishProtocol

log = logging.getLogger(__name__)

MEDIA = "text/event-stream"
FILTER = "$filter"
RESUME = "Last-Event-ID"
#: What the kernel may keep for a reader, in bytes; enough for any distance.
KERNEL = 256 * 1024
#: An id that was given to a client: an entry of the stream, perhaps with a word of why it is not
#: that entry's own message.
MESSAGE_ID = re.compile(r"([0-9]{1,15})-([0-9]{1,15})(?:\.(?:lost|end))?")

TRANSLATIONS: Translations = {
    EventsDisabled: lambda error: errors.service_disabled(EVENT_SERVICE),
    FeedStopping: lambda error: errors.service_shutting_down(),
}


def resources(feed: Feed, public_url: str) -> list[Resource]:
    """Return the route; ``public_url`` is where clients reach the service."""
    face = StreamFace(feed, public_url)
    return [Resource(STREAM, "ServerSentEvents", get=face.open, media=MEDIA)]


def destination(request: web.Request) -> str:
    """Return the Destination of a stream (EventDestination v1_16_0): its client's end."""
    peer = request.transport and request.transport.get_extra_info("peername")
    if not peer:
        return "redfish-sse://"
    host, port = str(peer[0]).partition("%")[0], peer[1]
    return f"redfish-sse://[{host}]:{port}" if ":" in host else f"redfish-sse://{host}:{port}"


def resume(request: web.Request) -> Place | None:
    """Return the place behind which a client wants to go on."""
    given = request.headers.get(RESUME)
    if given is None:
        return None
    found = MESSAGE_ID.fullmatch(given)
    if found is None:
        raise errors.header_invalid(RESUME)
    return int(found[1]), int(found[2])


def wanted(request: web.Request) -> tuple[str, Wanted | None]:
    """Return the text of the filter and which events it lets through."""
    query = request.query
    if any(name in KNOWN and name != FILTER for name in query):
        raise errors.query_not_on_resource()
    text = query.get(FILTER)
    if text is None:
        return "", None
    try:
        return text, compile_event_filter(text)
    except UnknownProperty as error:
        raise errors.query_property_unknown(str(error), FILTER) from None
    except BadFilter:
        raise errors.query_value_format(text, FILTER) from None


def _bound_kernel(transport: asyncio.Transport) -> None:
    # Left to itself it keeps several megabytes for a slow reader, beside what waits here.
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL)


class StreamFace:
    """The handler."""

    def __init__(self, feed: Feed, public_url: str) -> None:
        self._feed = feed
        self._public_url = public_url

    async def open(self, call: Call) -> Reply | web.StreamResponse:
        """``GET``: tell of events until the client closes, or the EventDestination is deleted."""
        if call.inner:
            # A stream cannot be shown in another's answer, nor in an event.
            raise errors.invalid_uri(STREAM)
        request = call.request
        filter_key, passes = wanted(request)
        behind = resume(request)
        if call.method == "HEAD":
            return Reply(raw=b"")
        record, born = await self._feed.open(
            NewStream(destination(request), call.principal.account, filtered=passes is not None)
        )
        try:
            return await self._stream(request, record, born, filter_key, passes, behind)
        finally:
            await self._feed.leave(record)

    async def _stream(
        self,
        request: web.Request,
        record: Subscription,
        born: Place,
        filter_key: str,
        passes: Wanted | None,
        behind: Place | None,
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                **headers.COMMON,
                **headers.allow_origin(request.headers, self._public_url),
                "Content-Type": headers.content_type(MEDIA),
                "Allow": "GET, HEAD",
                # A proxy that collects what it passes on would keep events back.
                "X-Accel-Buffering": "no",
            }
        )
        response.force_close()
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            return response  # the client has gone meanwhile
        reader = Reader(
            record,
            born,
            transport,
            chunked=request.version >= HttpVersion11,
            bound=self._feed.options.bound,
            filter_key=filter_key,
            wanted=passes,
            resume=behind,
        )
        _bound_kernel(transport)
        # Ours, as the runner makes no other connections.
        cast("RedfishProtocol", request.protocol).when_lost = reader.lost
        try:
            await self._feed.serve(reader, request.writer.drain)
        except Exception:
            # The answer has begun: what went wrong can only be written down.
            log.exception("stream %s broke", record.id)
        return response
