"""What is declared of an API: its operations, and what all of them have in common.

A face declares what its routes cannot say of themselves, in its own ``described.py``; the summaries
are the docstrings of the handlers. Joined in :mod:`.document`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]

JSON = ("application/json",)
STRING: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
NAME = re.compile(r"\{(\w+)\}")


def ref(name: str) -> Schema:
    """Return a reference to a schema in a file of the face (``$defs``)."""
    return {"$ref": f"#/$defs/{name}"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or a header."""

    name: str
    text: str
    schema: Schema = field(default_factory=lambda: STRING)
    required: bool = False
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request."""

    schema: Schema
    required: bool = True
    media: Sequence[str] = JSON


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; without a schema it has no body. ``headers`` are what they say."""

    text: str
    schema: Schema | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media: Sequence[str] = JSON


@dataclass(frozen=True, slots=True)
class Operation:
    """A method at a path, which is written with the names of what varies in it.

    ``errors`` are refusals that the face does not have everywhere; ``places`` are the schemas of
    what varies in the path, where it is no plain text.
    """

    method: str
    path: str
    replies: Mapping[int, Reply]
    query: Sequence[Parameter] = ()
    body: Body | None = None
    errors: Sequence[int] = ()
    places: Mapping[str, Schema] = field(default_factory=dict)
    text: str = ""
    #: Whether nobody has to log in for it; whether somebody may, as it depends on where one is.
    open: bool = False
    optional: bool = False

    @property
    def route(self) -> tuple[str, str]:
        """The method and the path as routes have it, with stars."""
        return self.method, NAME.sub("*", self.path)


@dataclass(frozen=True, slots=True)
class Served:
    """A route that there is: ``summary`` is what its handler says, ``needs`` a privilege."""

    method: str
    path: str
    summary: str
    needs: str = ""

    @property
    def route(self) -> tuple[str, str]:
        """The method and the path."""
        return self.method, self.path


@dataclass(frozen=True, slots=True)
class Face:
    """An API: what is declared of it, and what is really served.

    ``common`` returns the refusals that an operation has as others do, ``refusal`` the answer of
    one. ``mounts`` are the paths of the routers under which all of its routes are.
    """

    name: str
    text: str
    root: str
    #: The files below ``schemas/api`` with the schemas that are referred to.
    schemas: Sequence[str]
    operations: Sequence[Operation]
    served: Sequence[Served]
    common: Callable[[Operation], Iterable[int]]
    refusal: Callable[[int, Operation], Reply]
    mounts: Sequence[str] = ()
    #: Other places at which the same is served.
    others: Sequence[str] = ()
    #: What varies in paths, where an operation does not say it.
    places: Mapping[str, Schema] = field(default_factory=dict)
    #: What a POST may carry that has no such parameter of its own.
    retry: Parameter | None = None

    def undescribed(self) -> set[tuple[str, str]]:
        """Return the routes of which nothing is declared."""
        return {one.route for one in self.served} - {one.route for one in self.operations}

    def unserved(self) -> set[tuple[str, str]]:
        """Return what is declared and not there."""
        return {one.route for one in self.operations} - {one.route for one in self.served}


def summary(handler: Callable[..., Any]) -> str:
    """Return the first line of what a handler says of itself."""
    return (handler.__doc__ or "").strip().partition("\n")[0].rstrip(".").replace("``", "")
