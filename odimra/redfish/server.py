"""The HTTP server under the application: Redfish answers also where no application is reached.

aiohttp answers what its parser refuses by itself, as plain text, and calls a method that it does
not know a bad request. Here both are Redfish errors, and the method gets the 501 of RFC 9110. The
C parser stays. Used by ``app`` and by tests.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from odimra.measures import UNMATCHED
from odimra.measures import request as note
from odimra.redfish import errors
from odimra.redfish.errors import RedfishError
from odimra.redfish.lane import FastLane
from odimra.redfish.measuring import Measured

log = logging.getLogger(__name__)

#: Open files that a process needs beside its connections, about.
OTHER_FILES = 256

Render = Callable[[RedfishError], web.Response]


def make_room(connections: int) -> None:
    """Let this process have so many connections open, as far as it may decide that itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class RedfishProtocol(RequestHandler):
    """A connection. ``render`` makes the body of an error.

    ``header_timeout`` is how long the first request may take to arrive, in seconds; aiohttp waits
    for it for ever, and so for every connection that somebody opens and forgets.
    """

    # The parent has slots and aiohttp does not make room for more; a subclass without slots has a
    # dictionary for these.
    render: Render
    header_timeout: float | None

    def __init__(self, *args: Any, render: Render, header_timeout: float | None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.render = render
        self.header_timeout = header_timeout
        self._first_request: asyncio.TimerHandle | None = None
        #: What to call when the connection is lost; requests are not cancelled then.
        self.when_lost: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the time in which a first request must come."""
        super().connection_made(transport)
        if self.header_timeout is not None:
            self._first_request = asyncio.get_running_loop().call_later(
                self.header_timeout, self._nothing_came
            )

    def _nothing_came(self) -> None:
        # Counted by aiohttp when the headers of a request are complete.
        if self._request_count == 0:
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the time, and tell who waits for the end."""
        if self._first_request is not None:
            self._first_request.cancel()
        if self.when_lost is not None:
            self.when_lost()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser refused, and what broke outside of the application."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun; an error can no longer be sent")
        if isinstance(exc, BadHttpMethod):
            found = errors.method_unknown()
        elif status < 500:
            # The message of the parser repeats bytes of the request: it is neither sent nor logged.
            log.info("%s: not HTTP: %s", request.remote, type(exc).__name__)
            found = errors.malformed_request(status)
        else:
            log.error("%s: the answer broke", request.remote, exc_info=exc)
            found = errors.internal_error()
        response = self.render(found)
        note("other", UNMATCHED, response.status, None)
        response.force_close()
        return response


class _Server(web.Server):
    """Makes a :class:`RedfishProtocol` for each connection."""

    def __init__(
        self,
        made: web.Server,
        render: Render,
        header_timeout: float | None,
        lane: FastLane | None,
        **kw: Any,
    ) -> None:
        quick = {} if lane is None else {"quick": lane.again}
        handler = Measured(made.request_handler, **quick)
        super().__init__(handler, request_factory=made.request_factory, **kw)
        self._render = render
        self._header_timeout = header_timeout

    def __call__(self) -> RequestHandler:
        return RedfishProtocol(
            self,
            loop=self._loop,
            render=self._render,
            header_timeout=self._header_timeout,
            **self._kwargs,
        )


class RedfishRunner(web.AppRunner):
    """An AppRunner whose connections answer as Redfish does."""

    __slots__ = ("_header_timeout", "_lane", "_render")

    def __init__(
        self,
        app: web.Application,
        render: Render,
        *,
        header_timeout: float | None = None,
        lane: FastLane | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(app, **kwargs)
        self._render = render
        self._header_timeout = header_timeout
        self._lane = lane

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made,
            self._render,
            self._header_timeout,
            self._lane,
            handler_cancellation=made.handler_cancellation,
            loop=asyncio.get_running_loop(),
            **made._kwargs,
        )
