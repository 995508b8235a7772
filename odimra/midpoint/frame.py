"""Every request to this face, from the socket to the endpoint and back.

All below ``/ws/rest`` and ``/midpoint/ws/rest`` is served here, so that whatever goes wrong there
is told as midPoint's clients know it. Called by :mod:`odimra.faces`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from aiohttp import hdrs, web

from odimra.access.entry import READS, Authenticator, admit
from odimra.idempotency import Replay, begin
from odimra.midpoint.asking import Answer, Ask, Handler
from odimra.midpoint.errors import MidpointError, translated
from odimra.midpoint.media import Form, accepted, render
from odimra.midpoint.sending import streamed
from odimra.records import rights
from odimra.wire import BodyLimits

log = logging.getLogger(__name__)

#: Where clients find this face: midPoint itself is served below ``/midpoint``.
ROOTS = ("/ws/rest", "/midpoint/ws/rest")
INFO = ("/actuator/info", "/midpoint/actuator/info")
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "odimra",
}


@dataclass(frozen=True, slots=True)
class Route:
    """What is served at a path below the root, in which ``*`` stands for one segment.

    ``needs`` is the privilege that it takes; what it takes besides the handler sees to.
    """

    method: str
    path: str
    handler: Handler
    needs: str = rights.READ

    @property
    def segments(self) -> list[str]:
        """The segments of the path."""
        return self.path.split("/")


@dataclass(frozen=True, slots=True)
class MidpointOptions:
    """Bounds of requests; ``public_url`` is where clients reach the service."""

    body: BodyLimits = field(default_factory=BodyLimits)
    public_url: str = ""


class Midpoint:
    """Serves routes; of those that fit a path the first counts."""

    def __init__(
        self,
        routes: Sequence[Route],
        access: Authenticator,
        options: MidpointOptions,
        info: Handler,
    ) -> None:
        #: What is served.
        self.routes = routes
        self._names = {route.segments[0] for route in routes} - {"*"}
        self._access = access
        self._options = options
        #: What tells the version, outside of the root.
        self.info = Route("GET", "", info)

    def mount(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        for root in ROOTS:
            for path in (root, root + "/{tail:(?s:.*)}"):
                app.router.add_route("*", path, self.serve, expect_handler=self._expect)
        for path in INFO:
            app.router.add_route("*", path, self.serve, expect_handler=self._expect)

    async def _expect(self, request: web.Request) -> web.StreamResponse | None:
        # aiohttp would refuse others in plain text.
        if request.headers[hdrs.EXPECT].lower() != "100-continue":
            error = MidpointError(417, "The expectation is not understood")
            return self._refused(error, Form.XML)
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The answer has not begun by that.
        request.writer.output_size = 0
        return None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, whatever it is."""
        form = Form.XML
        try:
            form = accepted(request.headers.get(hdrs.ACCEPT))
            answer = await self._answer(request, form)
        except Replay as before:
            return before.answer
        except MidpointError as error:
            return self._refused(error, form)
        except Exception as error:
            known = translated(error)
            if known is None:
                # The path without its query, which may hold anything.
                log.error("%s %s broke", request.method, request.path, exc_info=error)
                known = MidpointError(500, "The service has failed; its log says why")
            return self._refused(known, form)
        headers = {**HEADERS, **answer.headers}
        if answer.raw is not None:
            headers[hdrs.CONTENT_TYPE] = Form.JSON.content_type
            return web.Response(status=answer.status, headers=headers, body=answer.raw)
        if not answer.name:
            return web.Response(status=answer.status, headers=headers)
        headers[hdrs.CONTENT_TYPE] = form.content_type
        if answer.stream is not None:
            return await streamed(request, answer, form, headers)
        body = render(form, answer.name, answer.content, answer.type)
        return web.Response(status=answer.status, headers=headers, body=body)

    @staticmethod
    def _refused(error: MidpointError, form: Form) -> web.Response:
        body = render(form, "object", error.result("request"), "OperationResultType")
        headers = {
            **HEADERS,
            **error.headers,
            hdrs.CONTENT_TYPE: form.content_type,
        }
        return web.Response(status=error.status, headers=headers, body=body)

    async def _answer(self, request: web.Request, form: Form) -> Answer:
        principal = await admit(request, self._access, self._options.public_url)
        route, params, root = self._find(request)
        ask = Ask(request, principal, form, params, self._options.body, root)
        ask.may(route.needs)
        await begin(request, principal.account, self._options.body)
        return await route.handler(ask)

    def _find(self, request: web.Request) -> tuple[Route, tuple[str, ...], str]:
        wanted = "GET" if request.method == "HEAD" else request.method
        if request.path in INFO:
            if wanted != "GET":
                raise _not_allowed(READS)
            return self.info, (), ""
        # However the root is written: the router has found it.
        root = next(one for one in ROOTS if request.path.startswith(one))
        raw = "/".join(request.rel_url.raw_path.split("/")[root.count("/") + 1 :]).strip("/")
        segments = [unquote(one) for one in raw.split("/")] if raw else []
        if any(not one or "/" in one or not one.isprintable() for one in segments):
            raise MidpointError(404, "There is nothing here")
        allowed: list[str] = []
        own = bool(segments) and segments[0] in self._names
        for route in self.routes:
            # What has a name of its own here is no collection of objects besides.
            if len(route.segments) != len(segments) or (own and route.segments[0] == "*"):
                continue
            if all(
                one in ("*", given) for one, given in zip(route.segments, segments, strict=True)
            ):
                if route.method == wanted:
                    params = tuple(
                        given
                        for one, given in zip(route.segments, segments, strict=True)
                        if one == "*"
                    )
                    return route, params, root
                allowed.append(route.method)
        if allowed:
            raise _not_allowed((*allowed, "HEAD") if "GET" in allowed else allowed)
        raise MidpointError(404, "There is nothing here")


def _not_allowed(allowed: Sequence[str]) -> MidpointError:
    methods = ", ".join(dict.fromkeys(allowed))
    return MidpointError(405, f"Here are only: {methods}", headers={"Allow": methods})
