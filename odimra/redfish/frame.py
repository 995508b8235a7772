"""The one pipeline through which every request for a Redfish resource goes.

Route, headers, login, privileges, query, body, handler, query again, headers: in this order, in
this place, for all. Resources declare themselves (:mod:`.resource`) and know nothing of it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web
from multidict import CIMultiDict

from odimra.access import AuthenticationFailed, Principal
from odimra.redfish import body as bodies
from odimra.redfish import errors, etag, headers
from odimra.redfish.errors import RedfishError, Translations
from odimra.redfish.messages import Messages
from odimra.redfish.privileges import Alternatives, PrivilegeMap, allowed
from odimra.redfish.query import Query, QueryOptions
from odimra.redfish.resource import Call, Collection, Handler, Reply, Resource
from odimra.store import StoreUnavailable, VersionMismatch

log = logging.getLogger(__name__)

#: Methods of HTTP; of others no resource knows anything (501, not 405).
METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)

#: What becomes of the failures of the rooms below.
TRANSLATIONS: Translations = {
    StoreUnavailable: lambda error: errors.service_temporarily_unavailable(error.retry_after),
    VersionMismatch: lambda error: errors.precondition_failed(),
    AuthenticationFailed: lambda error: errors.not_authenticated(),
}


class Authenticator(Protocol):
    """Who finds out who asks; see :class:`odimra.access.Access`."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        """Return who it is. Raises :class:`AuthenticationFailed`."""


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """Bounds of a request and its answer."""

    max_json_depth: int = 32
    query: QueryOptions = QueryOptions()


@dataclass(frozen=True, slots=True)
class _Route:
    """A resource with all that can be worked out before the first request."""

    resource: Resource
    handlers: Mapping[str, Handler]
    needed: Mapping[str, Alternatives]
    schemas: Mapping[str, bodies.BodySchema]
    headers: Mapping[str, str]


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
    ) -> None:
        self._access = access
        self._messages = messages
        self._options = options
        self._translations = {**TRANSLATIONS, **(translations or {})}
        self._privileges = privileges
        self._routes: dict[str, _Route] = {}
        self._patterns: list[tuple[re.Pattern[str], _Route]] = []
        for resource in resources:
            self._add(resource)

    def _add(self, resource: Resource) -> None:
        handlers = dict(resource.handlers)
        needed = {
            verb: self._privileges.needed(resource.entity, verb) for verb in resource.handlers
        }
        if "GET" in handlers:
            handlers["HEAD"], needed["HEAD"] = handlers["GET"], needed["GET"]
        route = _Route(
            resource,
            handlers,
            needed,
            {verb: bodies.BodySchema.load(name) for verb, name in resource.bodies.items()},
            {**headers.COMMON, **headers.CACHE, **headers.link(resource.type)},
        )
        if resource.path in self._routes:
            raise ValueError(f"two resources are at {resource.path}")
        self._routes[resource.path] = route
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(resource.path))
        self._patterns.append((re.compile(pattern + "/?$"), route))

    @property
    def resources(self) -> list[Resource]:
        """What is served."""
        return [route.resource for route in self._routes.values()]

    def mount(self, app: web.Application) -> None:
        """Add the routes to ``app``, and the rendering of what goes wrong anywhere in it."""
        for path, route in self._routes.items():
            serve = self._server(route)
            app.router.add_route("*", path, serve)
            # DSP0266: clients may write a URI with a slash at its end, or without the root's.
            other = path[:-1] if path.endswith("/") else f"{path}/"
            app.router.add_route("*", other, serve)
            if route.resource.members:
                members = self._server(
                    _Route(
                        route.resource,
                        {"POST": route.handlers["POST"]},
                        route.needed,
                        route.schemas,
                        route.headers,
                    )
                )
                app.router.add_route("*", f"{path}/Members", members)
        app.middlewares.append(self._guard)

    # One request

    def _server(self, route: _Route) -> Callable[[web.Request], Any]:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(route, request)

        return serve

    async def _serve(self, route: _Route, request: web.Request) -> web.Response:
        verb = request.method
        handler = route.handlers.get(verb)
        if handler is None:
            if verb not in METHODS:
                raise errors.method_unknown()
            raise errors.method_not_allowed(_allow(route))
        headers.check(request.headers)
        principal = await self._identify(route, request)
        self._authorise(route, verb, principal, request)
        query = Query.parse(request, self._options.query)
        call = Call(
            request,
            principal,
            request.match_info,
            if_match=etag.parse(request.headers.get("If-Match"), "If-Match"),
        )
        if verb in ("POST", "PATCH", "PUT"):
            call.body = await self._body(route, verb, request)
        reply = await handler(call)
        if isinstance(reply, Collection):
            reply = await query.collection(reply, lambda uri: self.fetch(uri, call))
        elif query and reply.body is not None and verb in ("GET", "HEAD"):
            reply = await query.single(reply, lambda uri: self.fetch(uri, call))
        return self._respond(route, request, reply)

    async def _identify(self, route: _Route, request: web.Request) -> Principal:
        token = request.headers.get("X-Auth-Token")
        basic = _basic(request.headers.get("Authorization"))
        if route.resource.public or () in map(tuple, route.needed[request.method]):
            if token is None and basic is None:
                return NOBODY
        elif token is None and basic is None:
            raise errors.not_authenticated()
        try:
            return await self._access.authenticate(token, basic)
        except AuthenticationFailed:
            if route.resource.public or () in map(tuple, route.needed[request.method]):
                return NOBODY  # public means public, also for whose session has ended
            raise errors.not_authenticated() from None

    @staticmethod
    def _authorise(route: _Route, verb: str, principal: Principal, request: web.Request) -> None:
        needed = route.needed[verb]
        if principal.password_change_required and not route.resource.public:
            own = request.path.rstrip("/") == principal.account_uri and verb in (
                "GET",
                "HEAD",
                "PATCH",
            )
            # Sessions may be opened and closed (DSP0266, password change required).
            if not own and route.resource.entity not in ("Session", "SessionCollection"):
                raise errors.password_change_required(principal.account_uri)
        if not allowed(needed, principal.privileges):
            raise errors.insufficient_privilege()

    async def _body(self, route: _Route, verb: str, request: web.Request) -> dict[str, Any]:
        parsed = await bodies.read(request, max_depth=self._options.max_json_depth)
        schema = route.schemas.get(verb)
        if parsed is None:
            if schema is None or verb == "POST" and route.resource.action:
                parsed = {}
            else:
                raise errors.malformed_json()
        if verb in ("PATCH", "PUT"):
            parsed = bodies.without_annotations(parsed)
        if schema is not None:
            schema.check(parsed, route.resource.action)
        elif parsed:
            raise (
                errors.action_parameter_unknown(route.resource.action, next(iter(parsed)))
                if route.resource.action
                else errors.property_unknown(next(iter(parsed)))
            )
        return parsed

    async def fetch(self, uri: str, call: Call) -> dict[str, Any] | None:
        """Return the resource at ``uri`` as the caller of ``call`` would get it.

        None when there is none or the caller may not read it: a link to it stays a link.
        """
        for pattern, route in self._patterns:
            found = pattern.match(uri)
            if found is None or "GET" not in route.handlers:
                continue
            if not allowed(route.needed["GET"], call.principal.privileges):
                return None
            inner = Call(call.request, call.principal, found.groupdict(), inner=True)
            try:
                reply = await route.handlers["GET"](inner)
            except RedfishError:
                return None
            if isinstance(reply, Collection):
                reply = await Query.empty(self._options.query).collection(reply, None)
            return _with_etag(reply) if reply.body is not None else None
        return None

    # Answers

    def _respond(self, route: _Route, request: web.Request, reply: Reply) -> web.Response:
        found = CIMultiDict(route.headers)
        if request.method in ("GET", "HEAD"):
            found["Allow"] = _allow(route)
        if reply.etag is not None:
            found["ETag"] = f'"{reply.etag}"'
        found.update(reply.headers)
        if reply.etag is not None and request.method in ("GET", "HEAD"):
            tags = etag.parse(request.headers.get("If-None-Match"), "If-None-Match")
            if tags is not None and not etag.none_match(tags, reply.etag):
                return web.Response(status=304, headers=found)
        if reply.raw is not None and reply.body is None:
            raw = reply.raw
        elif reply.body is None:
            return web.Response(status=reply.status, headers=found)
        else:
            raw = bodies.render(_with_etag(reply))
        found["Content-Type"] = headers.JSON
        return web.Response(status=reply.status, headers=found, body=raw)

    def error_body(self, error: RedfishError) -> dict[str, Any]:
        """Return the body of an error response (DSP0266, error responses)."""
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

    def error_response(self, error: RedfishError) -> web.Response:
        """Render an error."""
        return web.Response(
            status=error.status,
            headers={
                **headers.COMMON,
                **headers.NO_STORE,
                **error.headers,
                "Content-Type": headers.JSON,
            },
            body=bodies.render(self.error_body(error)),
        )

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Turn whatever goes wrong into a Redfish error, in this one place."""
        try:
            response: web.StreamResponse = await handler(request)
            return response
        except RedfishError as error:
            return self.error_response(error)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return self.error_response(_of_http(error, request))
        except Exception as error:  # whatever it is, the client gets an answer and the log a reason
            for kind in type(error).__mro__:
                if kind in self._translations:
                    return self.error_response(self._translations[kind](error))
            log.exception("%s %s broke", request.method, request.path)
            return self.error_response(errors.internal_error())


NOBODY = Principal("", "", frozenset(), None, False, "")


def _allow(route: _Route) -> str:
    if set(route.handlers) == {"POST"}:
        return "POST"
    return route.resource.allow


def _with_etag(reply: Reply) -> dict[str, Any]:
    assert reply.body is not None
    if reply.etag is None or "@odata.id" not in reply.body:
        return reply.body
    return {**reply.body, "@odata.etag": f'"{reply.etag}"'}


def _basic(header: str | None) -> tuple[str, str] | None:
    """Return name and password of HTTP Basic (RFC 7617); empty ones when they cannot be read."""
    if header is None:
        return None
    import base64
    import binascii

    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ("", "")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    user, _, password = text.partition(":")
    return user, password


def _of_http(error: web.HTTPException, request: web.Request) -> RedfishError:
    """Return the Redfish error for one of aiohttp's own."""
    if error.status == 404:
        return errors.invalid_uri(request.path)
    if error.status == 405:
        return (
            errors.method_not_allowed(error.headers.get("Allow", ""))
            if request.method in METHODS
            else errors.method_unknown()
        )
    if error.status == 413:
        return errors.payload_too_large()
    return RedfishError(error.status, (errors.Said("Base.GeneralError"),))
