"""Every request to this face, from the socket to the endpoint and back.

``/v1`` and ``/v2`` and all below them are served here, so that whatever goes wrong there is told as
CloudKitty tells it. Called by :mod:`odimra.faces`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import orjson
from aiohttp import hdrs, web

from odimra.access import AuthenticationFailed
from odimra.access.entry import READS, Authenticator, admit
from odimra.cloudkitty.asking import ADMIN, Answer, Ask, Handler
from odimra.cloudkitty.errors import RatingFault, denied, translated
from odimra.idempotency import Replay, begin
from odimra.wire import BodyLimits

log = logging.getLogger(__name__)

ROOTS = ("/v1", "/v2")
HEADERS = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "odimra",
}
NOT_ALLOWED = "The method is not allowed for the requested URL."
NOT_FOUND = "The requested URL was not found on the server."
FORBIDDEN = "You are not authorized to perform this action"


@dataclass(frozen=True, slots=True)
class Route:
    """What is served at a path, in which ``*`` stands for one segment.

    ``needs`` is the privilege that it takes.
    """

    method: str
    path: str
    handler: Handler
    needs: str = ADMIN

    @property
    def segments(self) -> list[str]:
        """The segments of the path."""
        return self.path.strip("/").split("/")


@dataclass(frozen=True, slots=True)
class RatingOptions:
    """Bounds of requests, where clients reach the service, and whose scopes accounts may see."""

    body: BodyLimits = field(default_factory=BodyLimits)
    public_url: str = ""
    accounts: Mapping[str, Sequence[str]] = field(default_factory=dict)


class CloudKitty:
    """Serves routes."""

    def __init__(
        self, routes: Sequence[Route], access: Authenticator, options: RatingOptions
    ) -> None:
        #: What is served.
        self.routes = routes
        self._access = access
        self._options = options

    def mount(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        for root in ROOTS:
            for path in (root, root + "/{tail:(?s:.*)}"):
                app.router.add_route("*", path, self.serve)
        app.router.add_route("*", "/", self.versions)

    async def versions(self, request: web.Request) -> web.Response:
        """Answer which versions of the API there are; nobody has to log in for that."""
        if request.method not in READS:
            return _refused(RatingFault(405, NOT_ALLOWED, headers={"Allow": "GET, HEAD"}), False)
        root = f"{request.scheme}://{request.host}"
        versions = [
            {
                "id": name,
                "links": [{"href": f"{root}/{name}", "rel": "self"}],
                "status": status,
            }
            for name, status in (("v1", "CURRENT"), ("v2", "EXPERIMENTAL"))
        ]
        return _response(Answer({"versions": versions}))

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a request, whatever it is."""
        old = request.path.startswith("/v1")
        try:
            answer = await self._answer(request)
            if answer.size <= AT_ONCE:
                return _response(answer)
            loop = asyncio.get_running_loop()
            return _response(answer, await loop.run_in_executor(None, _rendered, answer.body))
        except Replay as before:
            return before.answer
        except RatingFault as error:
            return _refused(error, old)
        except Exception as error:
            known = translated(error)
            if known is None:
                # The path without its query, which may hold anything.
                log.error("%s %s broke", request.method, request.path, exc_info=error)
                known = RatingFault(500, "The service has failed; its log says why")
            return _refused(known, old)

    async def _answer(self, request: web.Request) -> Answer:
        try:
            principal = await admit(request, self._access, self._options.public_url)
        except AuthenticationFailed:
            raise denied(f"{request.scheme}://{request.host}") from None
        route, params = self._find(request)
        # Who may not is told so, and nothing of what is wrong with the request.
        if route.needs not in principal.privileges:
            raise RatingFault(403, FORBIDDEN)
        await begin(request, principal.account, self._options.body)
        scopes: Collection[str] | None = None
        if ADMIN not in principal.privileges:
            scopes = frozenset(self._options.accounts.get(principal.account, ()))
        return await route.handler(Ask(request, principal, params, self._options.body, scopes))

    def _find(self, request: web.Request) -> tuple[Route, tuple[str, ...]]:
        raw = request.rel_url.raw_path
        # Below /v1 clients write paths with and without a slash at their end.
        if raw.startswith("/v1"):
            raw = raw.rstrip("/")
        segments = [unquote(one) for one in raw.strip("/").split("/")]
        if raw.endswith("/") or any(not one.isprintable() or "/" in one for one in segments):
            raise RatingFault(404, NOT_FOUND)
        wanted = "GET" if request.method == "HEAD" else request.method
        meant = [route for route in self.routes if _fits(route.segments, segments)]
        if not meant:
            raise RatingFault(404, NOT_FOUND)
        # A path that is one by itself is nobody's id besides.
        path = min(meant, key=lambda route: route.segments.count("*")).path
        there = {route.method: route for route in meant if route.path == path}
        if wanted not in there:
            raise RatingFault(405, NOT_ALLOWED, headers={"Allow": ", ".join(there)})
        pairs = zip(there[wanted].segments, segments, strict=True)
        return there[wanted], tuple(given for one, given in pairs if one == "*")


def _fits(parts: Sequence[str], segments: Sequence[str]) -> bool:
    return len(parts) == len(segments) and all(
        one in ("*", given) for one, given in zip(parts, segments, strict=True)
    )


#: Things of an answer that are rendered without giving others a turn.
AT_ONCE = 1000


def _refused(error: RatingFault, old: bool) -> web.Response:
    return _response(Answer(error.body(old=old), error.status, error.headers))


def _response(answer: Answer, rendered: bytes | None = None) -> web.Response:
    headers = {**HEADERS, **answer.headers}
    if answer.body is None:
        del headers[hdrs.CONTENT_TYPE]
        return web.Response(status=answer.status, headers=headers)
    body = _rendered(answer.body) if rendered is None else rendered
    return web.Response(status=answer.status, headers=headers, body=body)


def _rendered(body: Any) -> bytes:
    # Amounts are decimals everywhere; in JSON they are numbers, as clients know them.
    return orjson.dumps(body, default=_number)


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError
