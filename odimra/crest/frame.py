"""Every request to this face, from the socket to the endpoint and back.

``/openidm`` and all below it is served here, so that whatever goes wrong there is told as CREST
tells it. Called by :mod:`odimra.faces`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from aiohttp import hdrs, web

from odimra.access.entry import READS, Authenticator, admit
from odimra.crest.asking import (
    CREATE,
    Ask,
    check_parameters,
    check_version,
    condition,
    has,
    parameters,
    read_body,
)
from odimra.crest.endpoint import Answer, Endpoint
from odimra.crest.errors import CrestError, bad, not_found, not_supported, translated
from odimra.crest.rendering import rendered
from odimra.idempotency import Replay, begin
from odimra.records.fields import parse_fields, picked
from odimra.wire import BodyLimits

log = logging.getLogger(__name__)

ROOT = "/openidm"
METHODS = (*READS, "PUT", "POST", "PATCH", "DELETE")
HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "odimra",
}


@dataclass(frozen=True, slots=True)
class CrestOptions:
    """Bounds of requests; ``public_url`` is where clients reach the service.

    ``lenient`` mends what the documentation of others prints wrongly.
    """

    body: BodyLimits = field(default_factory=BodyLimits)
    lenient: bool = True
    public_url: str = ""


class Crest:
    """Serves endpoints; each is at a path, in which ``*`` stands for one segment."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        access: Authenticator,
        options: CrestOptions,
    ) -> None:
        #: What is served, by its path below the root.
        self.endpoints = endpoints
        self._endpoints = [(tuple(path.split("/")), one) for path, one in endpoints.items()]
        self._access = access
        self._options = options

    def mount(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        for path in (ROOT, ROOT + "/{tail:(?s:.*)}"):
            app.router.add_route("*", path, self.serve, expect_handler=self._expect)

    async def _expect(self, request: web.Request) -> web.StreamResponse | None:
        # aiohttp would refuse others in plain text.
        if request.headers[hdrs.EXPECT].lower() != "100-continue":
            error = CrestError(417, "The expectation is not understood")
            return await _response(request, Answer(error.body, error.code))
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The answer has not begun by that.
        request.writer.output_size = 0
        return None

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a request, whatever it is."""
        pretty, version = False, None
        try:
            params = parameters(request)
            pretty = params.get("_prettyprint", "").lower() == "true"
            version = check_version(request.headers.get("Accept-API-Version"))
            answer = await self._answer(request, params)
        except Replay as before:
            return before.answer
        except CrestError as error:
            answer = Answer(error.body, error.code, headers=error.headers)
        except Exception as error:
            known = translated(error)
            if known is None:
                # The path without its query, which may hold anything.
                log.error("%s %s broke", request.method, request.path, exc_info=error)
                known = CrestError(500, "The service has failed; its log says why")
            answer = Answer(known.body, known.code, headers=known.headers)
        return await _response(request, answer, pretty, version)

    async def _answer(self, request: web.Request, params: Mapping[str, str]) -> Answer:
        method = request.method
        if method == "POST":
            method = request.headers.get("X-HTTP-Method-Override", "POST").upper()
        if method not in METHODS:
            raise CrestError(
                405,
                f"The method {method[:20]} is not supported",
                headers={"Allow": ", ".join(METHODS)},
            )
        principal = await admit(request, self._access, self._options.public_url, method)
        endpoint, args, record_id = self._find(request)
        asks = method == "POST" and params.get("_action", "").lower() in endpoint.asking
        needed = endpoint.reading if asks or method in READS else endpoint.writing
        if needed not in principal.privileges:
            raise CrestError(403, f"This needs the privilege {needed}")
        _check_conditions(request, method)
        await begin(request, principal.account, self._options.body)
        body = None
        if method not in (*READS, "DELETE"):
            body, mended = await read_body(
                request, self._options.body, lenient=self._options.lenient
            )
            if mended:
                log.warning("%s %s: backslashes before { were dropped", method, request.path)
        ask = Ask(
            request,
            principal,
            params,
            body,
            condition(request.headers.get("If-Match")),
            condition(request.headers.get("If-None-Match")),
        )
        check_parameters(params, method, ask.query is not None and method in READS)
        # Before anything is done: who is told that this is no request has changed nothing.
        fields = parse_fields(ask.listed("_fields"))
        answer = await _dispatch(endpoint, method, ask, args, record_id)
        if isinstance(answer.body, dict) and "_id" in answer.body:
            answer = replace(answer, body=picked(answer.body, fields))
        return answer

    def _find(self, request: web.Request) -> tuple[Endpoint, tuple[str, ...], str | None]:
        """Return the endpoint of a path, what its stars stand for, and the id behind it."""
        raw = request.rel_url.raw_path.removeprefix(ROOT).strip("/")
        segments = [unquote(one) for one in raw.split("/")] if raw else []
        if any(not one or "/" in one or not one.isprintable() for one in segments):
            raise not_found(f"Resource '{'/'.join(segments)[:200]}' not found")
        for path, endpoint in self._endpoints:
            if len(segments) - len(path) not in (0, 1):
                continue
            if all(one in ("*", given) for one, given in zip(path, segments, strict=False)):
                args = tuple(
                    given for one, given in zip(path, segments, strict=False) if one == "*"
                )
                behind = segments[len(path) :]
                return endpoint, args, behind[0] if behind else None
        raise not_found(f"Resource '{'/'.join(segments)[:200]}' not found")


def _check_conditions(request: web.Request, method: str) -> None:
    given = request.headers
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        if name in given:
            raise CrestError(409, f"Header-based condition not supported: {name}")
    if "If-Match" in given and method in (*READS, "POST"):
        raise CrestError(412, "If-Match is not supported for this method")
    if "If-None-Match" in given and method not in (*READS, "PUT"):
        raise CrestError(412, "If-None-Match is not supported for this method")


async def _dispatch(
    endpoint: Endpoint, method: str, ask: Ask, args: tuple[str, ...], record_id: str | None
) -> Answer:
    if method in READS:
        if ask.query is not None:
            if record_id is not None:
                raise not_supported("A query of one resource is not supported")
            if ask.if_none_match is not None:
                raise CrestError(412, "If-None-Match is not supported for queries")
            return await endpoint.query(ask, *args)
        return await endpoint.read(ask, record_id, *args)
    if method == "POST":
        action = ask.param("_action")
        if action is None or action.lower() == CREATE:
            if record_id is not None:
                raise not_supported("A resource is created under an id by PUT")
            return await endpoint.create(ask, None, *args)
        return await endpoint.action(ask, record_id, action, *args)
    if record_id is None:
        raise not_supported(f"{method} of a collection is not supported")
    if method == "PUT":
        return await _put(endpoint, ask, record_id, args)
    if method == "PATCH":
        return await endpoint.patch(ask, record_id, *args)
    return await endpoint.delete(ask, record_id, *args)


async def _put(endpoint: Endpoint, ask: Ask, record_id: str, args: tuple[str, ...]) -> Answer:
    """Create, update, or whichever fits, as the conditions say (CREST 2.1)."""
    if ask.if_match is not None and ask.if_none_match is not None:
        raise CrestError(412, "If-Match and If-None-Match cannot stand together")
    if ask.if_none_match is not None:
        if ask.if_none_match != "*":
            raise bad("If-None-Match of a PUT is * or nothing")
        return await endpoint.create(ask, record_id, *args)
    if ask.if_match is not None:
        return await endpoint.update(ask, record_id, *args)
    return await endpoint.put(ask, record_id, *args)


async def _response(
    request: web.Request, answer: Answer, pretty: bool = False, version: str | None = None
) -> web.Response:
    headers = {**HEADERS, **answer.headers}
    if version is not None:
        headers["Content-API-Version"] = f"protocol=2.1,resource={version}"
    status = answer.status
    if answer.rev is not None:
        headers["ETag"] = f'"{answer.rev}"'
        if request.method in READS and has(request, answer.rev):
            status = 304
    if status in (204, 304):
        del headers["Content-Type"]
        return web.Response(status=status, headers=headers)
    return web.Response(status=status, headers=headers, body=await rendered(answer.body, pretty))
