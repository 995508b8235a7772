"""The table of all routes: what was declared, with all that can be worked out before a request.

Built by the frame at start, which then refuses what is declared wrongly; never changed afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from multidict import CIMultiDict, CIMultiDictProxy

from odimra.redfish import body as bodies
from odimra.redfish import headers
from odimra.redfish.body import BodySchema
from odimra.redfish.privileges import Judge, PrivilegeMap
from odimra.redfish.resource import REST, Body, Handler, Resource

#: Verbs whose body must have a schema.
WRITES = ("POST", "PATCH", "PUT")


class BadRoute(Exception):
    """A resource is declared wrongly: the service does not start."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One verb of one resource. ``headers`` are those of its answers that never change."""

    resource: Resource
    handler: Handler
    rule: Judge
    schema: BodySchema | None
    headers: CIMultiDictProxy[str]
    open: bool

    def check(self, body: Body) -> None:
        """Raise one error that tells all that is wrong with a body."""
        if self.schema is not None:
            self.schema.check(body, self.resource.action)
        elif not self.resource.free:
            bodies.refuse_all(body, self.resource.action)


@dataclass(frozen=True, slots=True)
class Route:
    """What is at one path; ``patterns`` are those of its variables."""

    path: str
    endpoints: Mapping[str, Endpoint]
    allow: str
    patterns: Mapping[str, str] = field(default_factory=dict)

    @property
    def pattern(self) -> str:
        """The path as aiohttp takes it."""
        path = self.path
        for name, pattern in self.patterns.items():
            path = path.replace(f"{{{name}}}", f"{{{name}:{pattern}}}")
        return path


@dataclass(slots=True)
class _Node:
    below: dict[str, _Node] = field(default_factory=dict)
    some: list[tuple[re.Pattern[str], _Node]] = field(default_factory=list)
    any: _Node | None = None
    route: Route | None = None
    rest: Route | None = None

    def variable(self, pattern: str | None) -> _Node:
        """Return the node of a variable, made if need be."""
        if pattern is None:
            self.any = self.any or _Node()
            return self.any
        for known, node in self.some:
            if known.pattern == pattern:
                return node
        made = _Node()
        self.some.append((re.compile(pattern), made))
        return made

    def matching(self, text: str) -> _Node | None:
        """Return the node of the variable that ``text`` is a value of."""
        for pattern, node in self.some:
            if pattern.fullmatch(text):
                return node
        return self.any


class Routes:
    """All routes by their paths."""

    def __init__(self, resources: Iterable[Resource], privileges: PrivilegeMap) -> None:
        self._privileges = privileges
        self._root = _Node()
        self._all: dict[str, Route] = {}
        for resource in resources:
            self._add(self._route(resource))
            if resource.members:
                # DSP0266, create: POST to the Members property is POST to the collection.
                post = self._endpoint(resource, "POST", "POST")
                self._add(Route(f"{resource.path.rstrip('/')}/Members", {"POST": post}, "POST"))

    def __iter__(self) -> Iterator[Route]:
        return iter(self._all.values())

    def _route(self, resource: Resource) -> Route:
        endpoints = {
            verb: self._endpoint(resource, verb, resource.allow) for verb in resource.handlers
        }
        if "GET" in endpoints:
            endpoints["HEAD"] = endpoints["GET"]
        if not endpoints:
            raise BadRoute(f"{resource.path} serves no method")
        return Route(resource.path, endpoints, resource.allow, resource.patterns)

    def _endpoint(self, resource: Resource, verb: str, allow: str) -> Endpoint:
        handler = resource.handlers.get(verb)
        if handler is None:
            raise BadRoute(f"{resource.path} has Members but no POST")
        schema = resource.bodies.get(verb)
        checked = schema is not None or resource.action or resource.free
        if verb in WRITES and not checked:
            raise BadRoute(f"{resource.path} names no schema for the body of {verb}")
        if resource.rule is None:
            rule: Judge = self._privileges.rule(resource.entity, verb)
        else:
            rule = resource.rule(self._privileges, verb)
        found = CIMultiDict(headers.COMMON)
        found.update(headers.link(resource.type))
        found["Content-Type"] = headers.content_type(resource.media)
        if verb == "GET":
            found["Allow"] = allow
        return Endpoint(
            resource,
            handler,
            rule,
            None if schema is None else BodySchema.load(schema),
            CIMultiDictProxy(found),
            rule.open or (resource.public and verb == "GET"),
        )

    def _add(self, route: Route) -> None:
        if route.path in self._all:
            raise BadRoute(f"two resources are at {route.path}")
        self._all[route.path] = route
        node = self._root
        for segment in _segments(route.path):
            if segment.startswith("{"):
                pattern = route.patterns.get(segment[1:-1])
                if pattern == REST:
                    node.rest = route
                    return
                node = node.variable(pattern)
            else:
                node = node.below.setdefault(segment, _Node())
        node.route = route

    def find(self, uri: str) -> tuple[Route, dict[str, str]] | None:
        """Return what is at ``uri``, a path, and the values of its variable parts."""
        node = self._root
        values: list[str] = []
        segments = _segments(uri)
        for at, segment in enumerate(segments):
            if node.rest is not None:
                return _with_values(node.rest, [*values, unquote("/".join(segments[at:]))])
            below = node.below.get(segment)
            if below is None:
                text = unquote(segment)
                below = node.matching(text) if segment else None
                if below is None:
                    return None
                values.append(text)
            node = below
        return None if node.route is None else _with_values(node.route, values)


def _with_values(route: Route, values: list[str]) -> tuple[Route, dict[str, str]]:
    names = (part[1:-1] for part in _segments(route.path) if part.startswith("{"))
    return route, dict(zip(names, values, strict=True))


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/")


def schema_of(uri: str, resources: Iterable[Resource]) -> str:
    """Return the name of the schema of what ``resources`` have at ``uri``; empty when nothing."""
    asked = _segments(uri)
    for resource in resources:
        parts = _segments(resource.path)
        if (
            resource.type is not None
            and len(parts) == len(asked)
            and all(
                part == one or part.startswith("{") for part, one in zip(parts, asked, strict=True)
            )
        ):
            return resource.type.partition(".")[0]
    return ""
