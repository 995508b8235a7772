"""What is noted of every request, whichever face answers it: how long it took, and its id.

Stands before everything else that answers. Used by :mod:`.server`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import cast

from aiohttp import web
from aiohttp.web_request import BaseRequest

from odimra import tracing, trail
from odimra.aggregation.listening import RECEIVER
from odimra.measures import UNMATCHED
from odimra.measures import request as note

log = logging.getLogger(__name__)

READS = frozenset(("GET", "HEAD", "OPTIONS"))
#: What is answered with its id though the client gave none: what one may want to ask about later.
TOLD = frozenset((201, 202))

Handler = Callable[[BaseRequest], Awaitable[web.StreamResponse]]


def route_of(request: BaseRequest) -> str:
    """Return the route that a request was served by, which no client can choose."""
    matched = getattr(request, "_match_info", None)
    resource = matched.route.resource if matched is not None else None
    if resource is None:
        return UNMATCHED
    canonical = cast("str", resource.canonical)
    return canonical.rstrip("/") or "/"


def loggable(path: str) -> str:
    """Return a path without what only a BMC and the service know: where it posts its events."""
    return f"{RECEIVER}/..." if path.startswith(f"{RECEIVER}/") else path


class Measured:
    """Calls ``handler``, or ``quick`` before it: a lane whose answers name their route."""

    def __init__(
        self,
        handler: Handler,
        quick: Callable[[BaseRequest], web.StreamResponse | None] = lambda _: None,
    ) -> None:
        self._handler = handler
        self._quick = quick

    async def _answered(self, request: BaseRequest) -> web.StreamResponse:
        parent = request.headers.get(tracing.HEADER, "")
        with tracing.span(request.method, "server", parent) as span:
            response = await self._handler(request)
            if span is not None:
                route = route_of(request)
                span.update_name(f"{request.method} {route}")
                span.set_attributes(
                    {
                        "http.request.method": request.method,
                        "http.route": route,
                        "http.response.status_code": response.status,
                        "odimra.request": trail.request_id.get(),
                    }
                )
                if response.status >= 500:
                    tracing.failed(span, str(response.status))
        return response

    async def __call__(self, request: BaseRequest) -> web.StreamResponse:
        """Answer a request, and note it."""
        began = perf_counter()
        again = self._quick(request)
        if again is not None:
            note("GET", again.route, 200, perf_counter() - began)  # type: ignore[attr-defined]
            return again
        given = trail.sane(request.headers.get(trail.HEADER))
        own = given or trail.fresh()
        # A connection serves one request after the other, and each has its own.
        trail.request_id.set(own)
        try:
            response = await self._answered(request)
        except web.HTTPException as error:
            # What aiohttp answers with all the same.
            self._noted(request, error, perf_counter() - began, given, own)
            raise
        self._noted(request, response, perf_counter() - began, given, own)
        return response

    @staticmethod
    def _noted(
        request: BaseRequest,
        response: web.StreamResponse,
        took: float,
        given: str | None,
        own: str,
    ) -> None:
        method, status = request.method, response.status
        # A stream of events ends when somebody leaves: that is no time it took to answer.
        streams = response.prepared and response.content_type == "text/event-stream"
        note(method, route_of(request), status, None if streams else took)
        if not response.prepared and (given or status >= 400 or status in TOLD):
            response.headers[trail.HEADER] = own
        level = logging.DEBUG if method in READS and status < 500 else logging.INFO
        if log.isEnabledFor(level):
            # The path without its query, which may hold anything.
            log.log(
                level,
                "%s %s: %d",
                method,
                loggable(request.path),
                status,
                extra={"milliseconds": round(took * 1000, 1)},
            )
