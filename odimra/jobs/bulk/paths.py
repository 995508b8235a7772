"""Paths into objects, such as ``assignment[2]/description`` (midPoint's item paths).

A segment that is a number selects the value of a container by its id. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from odimra.jobs.bulk.errors import BadScript

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


def shown(path: Path) -> str:
    """Return a path as it is written."""
    return "/".join(path).replace("/[", "[")


def values_at(data: Any, path: Path) -> Iterator[Any]:
    """Yield every value at ``path``, those of lists one by one."""
    if isinstance(data, list):
        if path and path[0].startswith("["):
            wanted = path[0][1:-1]
            for one in data:
                if isinstance(one, dict) and str(one.get("id")) == wanted:
                    yield from values_at(one, path[1:])
            return
        for one in data:
            yield from values_at(one, path)
    elif not path:
        if data is not None:
            yield data
    elif isinstance(data, dict):
        if path[0].startswith("["):
            if str(data.get("id")) == path[0][1:-1]:
                yield from values_at(data, path[1:])
        elif path[0] in data:
            yield from values_at(data[path[0]], path[1:])
