"""Paths into objects, such as ``assignment[2]/description`` (midPoint's item paths).

A segment that is a number selects the value of a container by its id. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from odimra.jobs.bulk.errors import BadQuery, BadScript

Path: TypeAlias = "tuple[str, ...]"

#: Longest path, in segments.
LONGEST = 32
_SEGMENT = re.compile(r"(?:[^/:\[\]\s]+:)?([^/\[\]\s]+)(?:\[(\d{1,9})\])?")


def parse_path(text: str, element: str) -> Path:
    """Return the segments of a path, without prefixes. Raises :class:`BadScript`."""
    found: list[str] = []
    for segment in text.strip("/").split("/"):
        match = _SEGMENT.fullmatch(segment)
        if match is None:
            raise BadScript(element, f"is no path: {text[:80]!r}")
        found.append(match[1].rpartition(":")[2])
        if match[2]:
            found.append(f"[{match[2]}]")
    if len(found) > LONGEST:
        raise BadScript(element, f"is a path of more than {LONGEST} segments")
    return tuple(found)


def query_path(text: str, element: str) -> Path:
    """Return the segments of a path in a query, none for the object itself. Raises BadQuery.

    ``.`` is the object itself, ``#`` at the end of a path what it is known by.
    """
    segments = text.strip("/").split("/")
    if "@" in segments or ".." in segments:
        raise BadQuery(
            element, f"leads to other objects, which nothing here follows: {text[:80]!r}"
        )
    if segments == ["."]:
        return ()
    if segments == ["#"]:
        return ("oid",)
    if segments[-1] == "#":
        segments[-1] = "id"
    try:
        return parse_path("/".join(segments), element)
    except BadScript as error:
        raise BadQuery(element, error.said) from None


def shown(path: Path) -> str:
    """Return a path as it is written."""
    return "/".join(path).replace("/[", "[")


def values_at(data: Any, path: Path) -> Iterator[Any]:
    """Yield every value at ``path``, those of lists one by one, however deep they are nested."""
    # On a stack of its own: content may be nested deeper than Python goes.
    waiting: list[tuple[Any, int]] = [(data, 0)]
    while waiting:
        value, at = waiting.pop()
        ended = at == len(path)
        by_id = not ended and path[at].startswith("[")
        if isinstance(value, list):
            if by_id:
                wanted = path[at][1:-1]
                waiting += [(one, at + 1) for one in reversed(value) if _has_id(one, wanted)]
            else:
                waiting += [(one, at) for one in reversed(value)]
        elif ended:
            if value is not None:
                yield value
        elif by_id:
            if _has_id(value, path[at][1:-1]):
                waiting.append((value, at + 1))
        elif isinstance(value, Mapping) and path[at] in value:
            waiting.append((value[path[at]], at + 1))


def _has_id(value: Any, wanted: str) -> bool:
    return isinstance(value, Mapping) and str(value.get("id")) == wanted
