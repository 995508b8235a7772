"""Every request to this face, from the socket to the handler and back.

All below ``/ghibli-rest/v2`` is served here, so that whatever goes wrong there is told in one
form. Called by :mod:`odimra.faces`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson
from aiohttp import hdrs, web

from odimra.access import Principal
from odimra.access.entry import Authenticator, admit
from odimra.dataone.errors import JobFault, bad, translated
from odimra.idempotency import Replay, begin
from odimra.wire import JSON_TYPE, BodyLimits, parse_beside, receive

log = logging.getLogger(__name__)

ROOT = "/ghibli-rest/v2"
HEADERS = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "odimra",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; ``params`` is what the stars of its path stand for."""

    request: web.Request
    principal: Principal
    params: tuple[str, ...]
    limits: BodyLimits

    async def body(self) -> dict[str, Any]:
        """Return the body, an object. Raises 400, 415."""
        if not JSON_TYPE.match(self.request.headers.get(hdrs.CONTENT_TYPE, "")):
            raise JobFault(415, "The body is not declared as application/json")
        raw = await receive(self.request, self.limits)
        parsed = await parse_beside(raw, self.limits.max_depth)
        if not isinstance(parsed, dict):
            raise bad("The body has to be an object")
        return parsed


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; without a body it is only a status."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Ask], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """What is served at a path, in which ``*`` stands for one segment.

    ``needs`` is the privilege that it takes; one that is ``keyed`` has a key of its own in the
    body, which an Idempotency-Key is another name of.
    """

    method: str
    path: str
    handler: Handler
    needs: str = "Login"
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class JobManagerOptions:
    """Bounds of requests; ``public_url`` is where clients reach the service."""

    body: BodyLimits = field(default_factory=BodyLimits)
    public_url: str = ""


class JobManager:
    """Serves routes."""

    def __init__(
        self, routes: Sequence[Route], access: Authenticator, options: JobManagerOptions
    ) -> None:
        #: What is served.
        self.routes = routes
        self._access = access
        self._options = options

    def mount(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        for path in (ROOT, ROOT + "/{tail:(?s:.*)}"):
            app.router.add_route("*", path, self.serve)

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a request, whatever it is."""
        try:
            return _response(await self._answer(request))
        except Replay as before:
            return before.answer
        except JobFault as error:
            return _refused(error)
        except Exception as error:
            known = translated(error)
            if known is None:
                # The path without its query, which may hold anything.
                log.error("%s %s broke", request.method, request.path, exc_info=error)
                known = JobFault(500, "The service has failed; its log says why")
            return _refused(known)

    async def _answer(self, request: web.Request) -> Answer:
        principal = await admit(request, self._access, self._options.public_url)
        route, params = self._find(request)
        # Who may not is told so, and nothing of what is wrong with the request.
        if route.needs not in principal.privileges:
            raise JobFault(403, f"This needs the privilege {route.needs}")
        if not route.keyed:
            await begin(request, principal.account, self._options.body)
        return await route.handler(Ask(request, principal, params, self._options.body))

    def _find(self, request: web.Request) -> tuple[Route, tuple[str, ...]]:
        raw = request.rel_url.raw_path.removeprefix(ROOT).strip("/")
        segments = [unquote(one) for one in raw.split("/")] if raw else []
        wanted = "GET" if request.method == "HEAD" else request.method
        allowed: list[str] = []
        for route in self.routes:
            parts = route.path.split("/")
            if len(parts) != len(segments):
                continue
            pairs = list(zip(parts, segments, strict=True))
            if all(part in ("*", given) and given.isprintable() for part, given in pairs):
                if route.method == wanted:
                    return route, tuple(given for part, given in pairs if part == "*")
                allowed.append(route.method)
        if allowed:
            methods = ", ".join(allowed)
            raise JobFault(405, f"Here are only: {methods}", headers={"Allow": methods})
        raise JobFault(404, "There is nothing here")


def _refused(error: JobFault) -> web.Response:
    return _response(Answer({"message": error.message}, error.status, error.headers))


def _response(answer: Answer) -> web.Response:
    headers = {**HEADERS, **answer.headers}
    if answer.body is None:
        del headers[hdrs.CONTENT_TYPE]
        return web.Response(status=answer.status, headers=headers)
    return web.Response(status=answer.status, headers=headers, body=orjson.dumps(answer.body))
