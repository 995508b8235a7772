"""Entity tags: strong, the version of the resource, compared by the store and not here.

DSP0266 6.5: PATCH and DELETE honour If-Match (412 when it fails), GET honours If-None-Match (304).
"""

from __future__ import annotations

import re

from odimra.redfish import errors

#: One tag of a list: a quoted string, weak or strong, or a star.
TAG = re.compile(r'\s*(\*|(?:W/)?"[^"]*")\s*(?:,|$)')
#: More tags than this in one header are no honest request.
MOST = 50


def parse(header: str | None, name: str) -> tuple[str, ...] | None:
    """Return the tags of a header, quoted; ``("*",)`` for any. Raises 400 when it is malformed."""
    if header is None:
        return None
    tags, position = [], 0
    while position < len(header):
        found = TAG.match(header, position)
        if found is None or len(tags) >= MOST:
            raise errors.header_invalid(name)
        tags.append(found[1])
        position = found.end()
    if not tags:
        raise errors.header_invalid(name)
    return ("*",) if "*" in tags else tuple(tags)


def none_match(tags: tuple[str, ...], etag: str) -> bool:
    """Tell whether none of ``tags`` is the (unquoted) ``etag``; weak comparison (RFC 7232 3.2)."""
    return tags != ("*",) and not any(tag.removeprefix("W/") == f'"{etag}"' for tag in tags)


def versions(tags: tuple[str, ...] | None) -> frozenset[int] | None:
    """Return the versions that an If-Match accepts; None for any.

    A weak tag or one that this service never issued matches nothing (strong comparison).
    """
    if tags is None or tags == ("*",):
        return None
    return frozenset(int(tag[1:-1]) for tag in tags if tag[1:-1].isascii() and tag[1:-1].isdigit())
