"""The table of all routes: what was declared, with all that can be worked out before a request.

Built by the frame at start, which then refuses what is declared wrongly; never changed afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from multidict import CIMultiDict, CIMultiDictProxy

from odimra.redfish import headers
from odimra.redfish.body import BodySchema
from odimra.redfish.privileges import PrivilegeMap, Rule
from odimra.redfish.resource import Handler, Resource

#: Verbs whose body must have a schema.
WRITES = ("POST", "PATCH", "PUT")


class BadRoute(Exception):
    """A resource is declared wrongly: the service does not start."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One verb of one resource. ``headers`` are those of its answers that never change."""

    resource: Resource
    handler: Handler
    rule: Rule
    schema: BodySchema | None
    headers: CIMultiDictProxy[str]
    open: bool


@dataclass(frozen=True, slots=True)
class Route:
    """What is at one path."""

    path: str
    endpoints: Mapping[str, Endpoint]
    allow: str


@dataclass(slots=True)
class _Node:
    below: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    route: Route | None = None


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
        return Route(resource.path, endpoints, resource.allow)

    def _endpoint(self, resource: Resource, verb: str, allow: str) -> Endpoint:
        handler = resource.handlers.get(verb)
        if handler is None:
            raise BadRoute(f"{resource.path} has Members but no POST")
        schema = resource.bodies.get(verb)
        if schema is None and verb in WRITES and not resource.action:
            raise BadRoute(f"{resource.path} names no schema for the body of {verb}")
        rule = self._privileges.rule(resource.entity, verb)
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
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.below.setdefault(segment, _Node())
        node.route = route

    def find(self, uri: str) -> tuple[Route, dict[str, str]] | None:
        """Return what is at ``uri``, a path, and the values of its variable parts."""
        node = self._root
        values = []
        for segment in _segments(uri):
            below = node.below.get(segment)
            if below is None:
                if node.any is None or not segment:
                    return None
                below = node.any
                values.append(unquote(segment))
            node = below
        if node.route is None:
            return None
        names = (part[1:-1] for part in _segments(node.route.path) if part.startswith("{"))
        return node.route, dict(zip(names, values, strict=True))


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
