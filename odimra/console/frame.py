"""Every request to the console, from the socket to the handler and back.

What is below ``/console`` is served here. The page does all that it does by the faces that
everybody has, with the session of who sits before it; only what no other API
has as it needs it is answered here.
Called by :mod:`odimra.faces`; changes nothing, whatever it is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import hdrs, web

from odimra.access import AuthenticationFailed, HashingBusy, Principal
from odimra.access.entry import READS, Authenticator, PasswordChangeNeeded, admit
from odimra.console import files
from odimra.console.asking import BadQuestion
from odimra.console.figures import Figures
from odimra.console.table import NoSuchTask, TaskTable
from odimra.store import StoreUnavailable

log = logging.getLogger(__name__)

ROOT = "/console"
HOME = f"{ROOT}/"
API = f"{ROOT}/api"
TABLE = f"{API}/tasks"
HISTORY = f"{API}/history"
DELIVERIES = f"{API}/deliveries"
INDEX = "index.html"
#: What a browser that asks for a page is led from; everything else gets what is there.
DOORS = frozenset(("/", "/redfish", "/redfish/v1", "/redfish/v1/"))
DATA_HEADERS = {
    "Server": "odimra",
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Console:
    """Serves the page."""

    def __init__(
        self, table: TaskTable, figures: Figures, access: Authenticator, public_url: str
    ) -> None:
        self._table = table
        self._figures = figures
        self._access = access
        self._public_url = public_url
        self._files = files.load()

    def mount(self, app: web.Application) -> None:
        """Add the routes to ``app``, and what leads browsers here."""
        app.router.add_route("*", ROOT, self._lead)
        app.router.add_route("*", TABLE, self.rows)
        app.router.add_route("*", TABLE + "/{task}", self.row)
        app.router.add_route("*", HISTORY, self.history)
        app.router.add_route("*", DELIVERIES, self.deliveries)
        app.router.add_route("*", ROOT + "/{name:(?s:.*)}", self._file)
        app.middlewares.append(self._welcome)

    @web.middleware
    async def _welcome(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lead a browser from the doors of the service to the page."""
        if request.path in DOORS and request.method in READS and _wants_page(request):
            return await self._lead(request)
        return await handler(request)

    async def _lead(self, request: web.Request) -> web.Response:
        headers = {**files.HEADERS, "Location": HOME, "Vary": "Accept"}
        return web.Response(status=302, headers=headers)

    async def _file(self, request: web.Request) -> web.Response:
        found = self._files.get(request.match_info["name"] or INDEX)
        if found is None:
            return web.Response(status=404, headers=files.HEADERS, text="There is nothing here\n")
        if request.method not in READS:
            headers = {**files.HEADERS, "Allow": "GET, HEAD"}
            return web.Response(status=405, headers=headers, text="This can only be read\n")
        known = request.headers.get(hdrs.IF_NONE_MATCH, "")
        if found.etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
            headers = {**files.HEADERS, "ETag": found.etag}
            return web.Response(status=304, headers=headers)
        return web.Response(headers=found.headers, body=found.content)

    # What no other API has as the page needs it

    async def rows(self, request: web.Request) -> web.Response:
        """A part of the table of tasks."""
        return await self._answer(
            request, lambda principal: self._table.rows(principal, request.query)
        )

    async def row(self, request: web.Request) -> web.Response:
        """The row of one task or sub-task."""
        return await self._answer(
            request, lambda principal: self._table.one(principal, request.match_info["task"])
        )

    async def history(self, request: web.Request) -> web.Response:
        """Numbers of tasks, minute by minute."""
        return await self._answer(request, lambda _: self._figures.history(request.query))

    async def deliveries(self, request: web.Request) -> web.Response:
        """Where the delivery of each subscription stands."""
        return await self._answer(request, lambda _: self._figures.deliveries())

    async def _answer(
        self, request: web.Request, ask: Callable[[Principal], Awaitable[Any]]
    ) -> web.Response:
        if request.method not in READS:
            return _refused(405, "This can only be read", {"Allow": "GET, HEAD"})
        try:
            principal = await admit(request, self._access, self._public_url)
            return _data(200, await ask(principal))
        except AuthenticationFailed:
            # No challenge: a browser would ask for a password in a window of its own.
            return _refused(401, "Authentication is required")
        except PasswordChangeNeeded as error:
            return _refused(403, str(error))
        except NoSuchTask:
            return _refused(404, "There is no such task")
        except BadQuestion as error:
            return _refused(400, str(error))
        except (StoreUnavailable, HashingBusy) as error:
            wait = {"Retry-After": str(max(1, error.retry_after))}
            return _refused(503, "The service cannot answer at present", wait)
        except Exception as error:
            # The path without its query, which may hold anything.
            log.error("%s %s broke", request.method, request.path, exc_info=error)
            return _refused(500, "The service has failed; its log says why")


def _wants_page(request: web.Request) -> bool:
    # A browser that shows a page names this type first; programs ask for JSON, or for anything.
    accept = request.headers.get(hdrs.ACCEPT, "")
    return accept.partition(",")[0].partition(";")[0].strip().lower() == "text/html"


def _data(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, headers={**DATA_HEADERS, **(headers or {})}, body=orjson.dumps(body)
    )


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return _data(status, {"message": message}, headers)
