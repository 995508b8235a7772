"""The one pipeline through which every request for a Redfish resource goes.

Headers, login, privileges, body, query, handler, query again, headers: in this order, in this
place, for all. Resources declare themselves (:mod:`.resource`) and know nothing of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler as AiohttpHandler

from odimra.access import AuthenticationFailed, Principal
from odimra.access.request import credentials, same_origin
from odimra.idempotency import KEY, BadRetryKey, Replay, begin
from odimra.redfish import body as bodies
from odimra.redfish import errors, etag, headers
from odimra.redfish.errors import RedfishError, Translations
from odimra.redfish.lane import FastLane
from odimra.redfish.messages import Messages
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.query import Query, QueryOptions
from odimra.redfish.resource import JSON, REST, Body, Call, Collection, Reply, Resource
from odimra.redfish.routes import Endpoint, Route, Routes
from odimra.store import StoreUnavailable, VersionMismatch
from odimra.tasks.retries import RetryKeyTaken
from odimra.wire import BodyLimits

log = logging.getLogger(__name__)

#: Methods of HTTP; of others no resource knows anything (501, not 405).
METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
READS = ("GET", "HEAD")

#: What becomes of the failures of the rooms below.
TRANSLATIONS: Translations = {
    StoreUnavailable: lambda error: errors.service_temporarily_unavailable(error.retry_after),
    VersionMismatch: lambda error: errors.precondition_failed(),
    AuthenticationFailed: lambda error: errors.not_authenticated(),
    BadRetryKey: lambda error: errors.header_invalid(KEY),
    RetryKeyTaken: lambda error: errors.header_invalid(KEY, 422),
}

NOBODY = Principal("", "", frozenset(), None, False, "")
#: Where a request carries who asks, from the one who let it in to the one who serves it.
PRINCIPAL = "odimra.principal"


class ResourceGone(Exception):
    """There is no resource at a URI; the text is the URI."""


class Authenticator(Protocol):
    """Who finds out who asks; see :class:`odimra.access.Access`."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        """Return who it is. Raises :class:`AuthenticationFailed`."""


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """Bounds of a request and its answer; ``public_url`` is where clients reach the service."""

    body: BodyLimits = field(default_factory=BodyLimits)
    query: QueryOptions = field(default_factory=QueryOptions)
    public_url: str = ""


class Frame:
    """Serves resources on an aiohttp application."""

    def __init__(
        self,
        resources: Iterable[Resource],
        access: Authenticator,
        messages: Messages,
        options: FrameOptions,
        *,
        privileges: PrivilegeMap,
        translations: Translations | None = None,
        lane: FastLane | None = None,
    ) -> None:
        """Check the declarations. Raises :class:`BadRoute`, :class:`UnknownEntity`."""
        self._access = access
        self._messages = messages
        self._options = options
        self._translations = {**TRANSLATIONS, **(translations or {})}
        self._lane = lane
        self._routes = Routes(resources, privileges)
        self._served: dict[web.AbstractRoute, Route] = {}
        self._no_query = Query.empty(options.query)

    def mount(self, app: web.Application) -> None:
        """Add the routes to ``app``, and the one middleware that lets requests in."""
        slashed = []
        for route in self._routes:
            path = route.pattern
            self._add(app, route, path)
            # DSP0266 6.2: the root with and without its slash; other URIs as clients write them.
            other = path[:-1] if path.endswith("/") else f"{path}/"
            slashed.append((route, other))
        for route, other in slashed:
            # Behind all others: aiohttp tries the routes that begin alike in turn.
            self._add(app, route, other)
        app.middlewares.append(self._admit)

    def _add(self, app: web.Application, route: Route, path: str) -> None:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(route.endpoints[request.method], request)

        self._served[app.router.add_route("*", path, serve)] = route

    # Who is let in

    @web.middleware
    async def _admit(self, request: web.Request, handler: AiohttpHandler) -> web.StreamResponse:
        """Let in who may, and turn whatever goes wrong into a Redfish error, in this one place."""
        matched = request.match_info
        route = self._served.get(matched.route)
        if route is None and matched.http_exception is None:
            return await handler(request)  # another face's
        try:
            if route is None:
                raise errors.invalid_uri(request.path)
            verb = request.method
            endpoint = route.endpoints.get(verb)
            if endpoint is None:
                if verb not in METHODS:
                    raise errors.method_unknown()
                raise errors.method_not_allowed(route.allow)
            if verb not in READS and not same_origin(request.headers, self._options.public_url):
                # A browser adds the HTTP Basic that it remembers, whoever's page it shows.
                raise errors.foreign_origin()
            principal = await self._identify(endpoint, request)
            if not endpoint.open:
                self._authorise(endpoint, principal, request)
            request[PRINCIPAL] = principal
            return await handler(request)
        except Replay as before:
            self._allow_origin(request, before.answer)
            return before.answer
        except RedfishError as error:
            return self.error_response(error, request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return self.error_response(_of_http(error), request)
        except Exception as error:  # noqa: BLE001 - the client gets an answer, the log the reason
            return self.error_response(self._translated(error, request), request)

    async def _identify(self, endpoint: Endpoint, request: web.Request) -> Principal:
        """Return who asks. Raises 401, with the same words whatever the reason."""
        given = credentials(request.headers)
        if endpoint.open:
            # Only $expand asks who it is: what the root links to is not for everybody. To open a
            # session proves nothing but what is in its body.
            if given is None or request.method not in READS or "?" not in request.raw_path:
                return NOBODY
            try:
                return await self._access.authenticate(*given)
            except AuthenticationFailed:
                return NOBODY  # public means public, also for whose session has ended
        if given is None:
            raise errors.not_authenticated()
        return await self._access.authenticate(*given)

    @staticmethod
    def _authorise(endpoint: Endpoint, principal: Principal, request: web.Request) -> None:
        if principal.password_change_required and not _may_without_change(
            endpoint, principal, request
        ):
            raise errors.password_change_required(principal.account_uri)
        if not endpoint.rule.admits(principal, request.path):
            raise errors.insufficient_privilege()

    # One request that was let in

    async def _serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        given = request.headers
        headers.check(given, endpoint.resource.media)
        params = request.match_info
        if "%" in request.raw_path:
            _refuse_tricks(request, params, endpoint.resource)
        call = Call(request, request[PRINCIPAL], params)
        query = self._no_query
        if "?" in request.raw_path:
            query = Query.parse(request, self._options.query)
        if request.method not in READS:
            if not endpoint.open:
                with bodies.worded():
                    await begin(request, call.principal.account, self._options.body)
            call.if_match = etag.parse(given.get(hdrs.IF_MATCH))
            if request.method != "DELETE":
                call.body = await self._body(endpoint, call)
        reply = await endpoint.handler(call)
        if isinstance(reply, web.StreamResponse):
            return reply
        if isinstance(reply, Collection):
            reply = await query.collection(reply, self._fetcher(call))
        elif query and endpoint.resource.media == headers.JSON_MEDIA and reply.status == 200:
            reply = await self._queried(query, reply, call)
        return self._respond(endpoint, request, reply)

    async def _queried(self, query: Query, reply: Reply, call: Call) -> Reply:
        # Without a body the handler has kept the rendered resource, its ETag in it.
        body = orjson.loads(reply.raw or b"{}") if reply.body is None else _with_etag(reply)
        shaped = Reply(reply.status, body, reply.headers, reply.etag)
        return await query.single(shaped, self._fetcher(call))

    async def _body(self, endpoint: Endpoint, call: Call) -> Body:
        action = endpoint.resource.action
        parsed = await bodies.read(call.request, self._options.body)
        if parsed is None:
            if not (action or endpoint.resource.free):
                raise errors.malformed_json()
            parsed = {}
        parsed = bodies.without_annotations(parsed, change=call.method in ("PATCH", "PUT"))
        if endpoint.rule.refused(call.principal, call.request.path, parsed):
            raise errors.insufficient_privilege()
        endpoint.check(parsed)
        return parsed

    # Resources for other resources' answers

    def _fetcher(self, call: Call) -> Callable[[str], Any]:
        return lambda uri: self.fetch(uri, call)

    async def fetch(self, uri: str, call: Call) -> Body | None:
        """Return the resource at ``uri`` as the caller of ``call`` would get it.

        None when there is none, the caller may not read it, or who has it does not answer: a link
        to it stays a link.
        """
        try:
            return await self._within(uri, call)
        except Exception as error:
            if self._status(error) in (403, 404, 502):
                return None
            raise

    async def read(self, uri: str, principal: Principal) -> Body | None:
        """Return the resource at ``uri`` as ``principal`` would get it now, without a request.

        None when it may not be read or cannot be. Raises :class:`ResourceGone` when there is none,
        :class:`~odimra.store.StoreUnavailable`.
        """
        try:
            return await self._within(uri, Call(None, principal, {}))
        except StoreUnavailable:
            raise
        except Exception as error:
            status = self._status(error)
            if status == 404:
                raise ResourceGone(uri) from None
            if status is None:
                log.error("reading %s broke", uri, exc_info=error)
            return None

    def endpoint(
        self, uri: str, verb: str, principal: Principal
    ) -> tuple[Endpoint, Mapping[str, str]]:
        """Return what serves ``verb`` at ``uri``, and the parameters in that.

        Raises 404, and 403 where ``principal`` may not.
        """
        found = self._routes.find(uri)
        endpoint = None if found is None else found[0].endpoints.get(verb)
        if found is None or endpoint is None:
            raise errors.invalid_uri(uri)
        if not endpoint.open and not endpoint.rule.admits(principal, uri):
            raise errors.insufficient_privilege()
        return endpoint, found[1]

    async def _within(self, uri: str, call: Call) -> Body | None:
        """Return what a GET of ``uri`` by the caller of ``call`` is answered with, None for none.

        Raises what its handler does.
        """
        endpoint, params = self.endpoint(uri, "GET", call.principal)
        inner = Call(call.asked, call.principal, params, inner=True, at=uri)
        reply = await endpoint.handler(inner)
        if isinstance(reply, Collection):
            reply = await self._no_query.collection(reply, self._fetcher(call))
        if isinstance(reply, web.StreamResponse) or reply.status != 200:
            return None
        if endpoint.resource.media != JSON:
            return None  # the metadata document is none that can be shown
        if reply.body is None:
            loaded: Body | None = None if reply.raw is None else orjson.loads(reply.raw)
            return loaded
        return _with_etag(reply)

    # Answers

    def _respond(self, endpoint: Endpoint, request: web.Request, reply: Reply) -> web.Response:
        body = reply.body
        raw = reply.raw if body is None else bodies.render(_with_etag(reply))
        response = web.Response(status=reply.status, headers=endpoint.headers, body=raw)
        given, answered = request.headers, response.headers
        if reply.status == 201 and body is not None and "@odata.type" in body:
            # What was created is another thing than the collection that it was created in.
            answered.update(headers.link(str(body["@odata.type"]).removeprefix("#")))
        if reply.headers:
            answered.update(reply.headers)
        if reply.etag is not None:
            answered[hdrs.ETAG] = f'"{reply.etag}"'
            known = given.get(hdrs.IF_NONE_MATCH)
            if known is not None and request.method in READS and reply.status == 200:
                tags = etag.parse(known)
                if tags is not None and not etag.none_match(tags, reply.etag):
                    response.set_status(304)
                    response.body = raw = None
        if raw is None:
            answered.pop(hdrs.CONTENT_TYPE, None)
        self._allow_origin(request, response)
        if reply.kept is not None and self._lane is not None:
            self._lane.learn(request, request[PRINCIPAL], reply.kept, response)
        return response

    def _allow_origin(self, request: web.Request, response: web.Response) -> None:
        response.headers.update(headers.allow_origin(request.headers, self._options.public_url))

    def error_body(self, error: RedfishError) -> Body:
        """Return the body of an error response (DSP0266, error responses)."""
        if error.body is not None:
            return error.body
        details = [
            self._messages.build(said.key, *said.args, related=said.related) for said in error.said
        ]
        first = details[0] if len(details) == 1 else self._messages.build("Base.GeneralError")
        return {
            "error": {
                "code": first["MessageId"],
                "message": first["Message"],
                "@Message.ExtendedInfo": details,
            }
        }

    def error_response(
        self, error: RedfishError, request: web.Request | None = None
    ) -> web.Response:
        """Render an error."""
        response = web.Response(
            status=error.status,
            headers={**headers.COMMON, "Content-Type": headers.JSON, **error.headers},
            body=bodies.render(self.error_body(error)),
        )
        if request is not None:
            self._allow_origin(request, response)
        return response

    def known(self, error: Exception) -> RedfishError | None:
        """Return what an error is answered with, None for one that nobody knows."""
        return error if isinstance(error, RedfishError) else self._known(error)

    def _status(self, error: Exception) -> int | None:
        said = self.known(error)
        return None if said is None else said.status

    def _known(self, error: Exception) -> RedfishError | None:
        for kind in type(error).__mro__:
            translate = self._translations.get(kind)
            if translate is not None:
                return translate(error)
        return None

    def _translated(self, error: Exception, request: web.Request) -> RedfishError:
        known = self._known(error)
        if known is not None:
            return known
        # Of a client that has gone there is nothing to repair.
        gone = isinstance(error, ConnectionError) and request.transport is None
        level = logging.DEBUG if gone else logging.ERROR
        # The path without its query, which may hold anything.
        log.log(level, "%s %s broke", request.method, request.path, exc_info=error)
        return errors.internal_error()


def _may_without_change(endpoint: Endpoint, principal: Principal, request: web.Request) -> bool:
    """Tell what somebody may do who has to change the password first (DSP0266 13.3.7.1).

    Read the own account, change it (that it is the password, the account's handler sees to), and
    close a session; to open one needs no privilege anyway.
    """
    if request.path.rstrip("/") == principal.account_uri:
        return request.method in ("GET", "HEAD", "PATCH")
    return endpoint.resource.entity == "Session" and request.method == "DELETE"


def _refuse_tricks(request: web.Request, params: Mapping[str, str], resource: Resource) -> None:
    """Refuse ids that no resource has: encoded slashes, control characters."""
    for name, value in params.items():
        slashed = "/" in value and resource.patterns.get(name) != REST
        if slashed or not value.isprintable():
            raise errors.invalid_uri(request.path)


def _with_etag(reply: Reply) -> Body:
    body = reply.body or {}
    if reply.etag is None or "@odata.id" not in body:
        return body
    return {**body, "@odata.etag": f'"{reply.etag}"'}


def _of_http(error: web.HTTPException) -> RedfishError:
    """Return the Redfish error for one of aiohttp's own."""
    if error.status == 413:
        return errors.payload_too_large()
    return RedfishError(error.status, (errors.Said("Base.GeneralError"),))
