"""How a resource declares itself to the frame, and what its handlers get and return.

Every resource module builds a list of :class:`Resource`: path, verbs and the row of the privilege
map stand together, so that they can be found with one search.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from odimra.redfish import etag

if TYPE_CHECKING:
    from odimra.access import Principal
    from odimra.redfish.privileges import Judge, PrivilegeMap
    from odimra.redfish.query import Query

Body = dict[str, Any]

#: What nearly all resources are.
JSON = "application/json"
#: The pattern of a variable that stands for everything below a path.
REST = ".+"


class NotAsked(Exception):
    """There is no request: the resource at that URI is read from within the service."""


@dataclass(slots=True)
class Call:
    """What a handler gets: who asks, for what, with which body.

    ``if_match`` holds the ETags of the request as they stand in it (quoted), ``("*",)`` for any,
    empty when none can be read, None when there is no such header. ``body`` has passed its schema.
    ``inner`` is set when the resource is read for another one's answer (``$expand``) or for an
    event, and a rendered body is of no use; ``at`` is then where it is. ``asked`` is the request,
    None where nobody has sent one; ``verb`` is then what is done. A task that is started gets the
    id ``task_id`` if one is given: whoever tries it again starts nothing twice.
    """

    asked: web.Request | None
    principal: Principal
    params: Mapping[str, str]
    body: Body = field(default_factory=dict, repr=False)
    if_match: tuple[str, ...] | None = None
    inner: bool = False
    at: str | None = None
    verb: str = "GET"
    task_id: str | None = None

    @property
    def request(self) -> web.Request:
        """The request. Raises :class:`NotAsked`; a handler that reads an inner one is wrong."""
        if self.asked is None:
            raise NotAsked(self.at)
        return self.asked

    @property
    def method(self) -> str:
        """The verb."""
        return self.verb if self.asked is None else self.asked.method

    @property
    def uri(self) -> str:
        """The path as it was asked for, without a slash at its end."""
        return (self.at or self.request.path).rstrip("/")

    def expected(self) -> frozenset[int] | None:
        """Return the versions that If-Match accepts, None for any (``expect`` of a document)."""
        return etag.versions(self.if_match)


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a rendered body comes from: ``value``, while the cache holds it for ``key``."""

    key: str
    variant: Hashable
    value: object


@dataclass(slots=True)
class Reply:
    """What a handler returns.

    ``etag`` is unquoted and strong; the frame writes it into header and body. ``raw`` is the
    rendered body (with its ``@odata.etag``), used as it is when no query shapes the answer;
    ``kept`` says how long the same request gets the same answer.
    """

    status: int = 200
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None
    raw: bytes | None = None
    kept: Kept | None = None


class CollectionSource(Protocol):
    """The members of a collection, in pages."""

    async def count(self) -> int:
        """Return how many there are."""

    async def page(self, skip: int, top: int) -> Sequence[str]:
        """Return the URIs of at most ``top`` members behind the first ``skip``."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The source of a collection that is short and known: its member URIs."""

    uris: Sequence[str]

    async def count(self) -> int:
        """Return how many there are."""
        return len(self.uris)

    async def page(self, skip: int, top: int) -> Sequence[str]:
        """Return the URIs of at most ``top`` members behind the first ``skip``."""
        return self.uris[skip : skip + top]


#: Makes the source of a collection from the URIs of the service's own members.
Members = Callable[[Sequence[str]], CollectionSource]


@dataclass(slots=True)
class Collection:
    """What the handler of a collection returns; the frame renders its pages.

    ``extra`` are properties beside the members. ``render`` returns the rendered page
    (bytes, as they are kept) behind the first ``skip`` of at most ``top`` members; a source
    that can keep pages offers it.
    """

    uri: str
    type: str
    name: str
    source: CollectionSource
    extra: Body = field(default_factory=dict)
    render: Callable[[int, int, Query], Awaitable[Kept]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


#: A handler returns a StreamResponse only when it streams (server-sent events).
Handler = Callable[[Call], Awaitable[Reply | Collection | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Resource:
    """A route: its path (aiohttp's pattern), its row of ``config/privileges.yaml``, its verbs.

    ``type`` is the versioned schema (``Task.v1_7_4.Task``) for the Link header. ``bodies`` names
    the schema file of each verb's body. ``action`` is the name of the action when this is its
    target; errors then speak of parameters. ``members``: POST works at ``<path>/Members`` too.
    ``public``: GET needs no login, whatever the privilege map says. ``media`` is the type of what
    GET returns. ``patterns`` are regular expressions of variables of the path; the last one may be
    :data:`REST`, all that is below. ``rule`` finds who may use a verb where one row of the map does
    not say it. ``free``: bodies are checked by who is behind the resource, and by nobody here.
    """

    path: str
    entity: str
    type: str | None = None
    get: Handler | None = None
    post: Handler | None = None
    patch: Handler | None = None
    put: Handler | None = None
    delete: Handler | None = None
    bodies: Mapping[str, str] = field(default_factory=dict)
    action: str | None = None
    public: bool = False
    members: bool = False
    media: str = JSON
    patterns: Mapping[str, str] = field(default_factory=dict)
    rule: Callable[[PrivilegeMap, str], Judge] | None = None
    free: bool = False

    @property
    def handlers(self) -> dict[str, Handler]:
        """The verbs it takes, HEAD apart."""
        verbs = {
            "GET": self.get,
            "POST": self.post,
            "PATCH": self.patch,
            "PUT": self.put,
            "DELETE": self.delete,
        }
        return {verb: handler for verb, handler in verbs.items() if handler is not None}

    @property
    def allow(self) -> str:
        """The Allow header."""
        return ", ".join(
            name
            for verb in self.handlers
            for name in (("GET", "HEAD") if verb == "GET" else (verb,))
        )
