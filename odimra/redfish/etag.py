"""Entity tags: strong, the version of the resource, compared by the store and not here.

DSP0266 6.5: PATCH and DELETE honour If-Match (412 when it fails), GET honours If-None-Match (304).
"""

from __future__ import annotations

import re

#: One tag of a list: a quoted string, weak or strong, or a star.
TAG = re.compile(r'\s*(\*|(?:W/)?"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')
#: More tags than this in one header are no honest request; the others are not looked at.
MOST = 50
#: A version has no more digits than this.
LONGEST = 40


def parse(header: str | None) -> tuple[str, ...] | None:
    """Return the tags of a header, quoted; ``("*",)`` for any, None without the header.

    What is no tag is passed over: a condition that cannot be read is one that no resource meets,
    not one that is not there.
    """
    if header is None:
        return None
    tags: list[str] = []
    position = 0
    while position < len(header) and len(tags) < MOST:
        found = TAG.match(header, position)
        if found is None:
            comma = header.find(",", position)
            position = len(header) if comma < 0 else comma + 1
            continue
        tags.append(found[1])
        position = found.end()
    return ("*",) if "*" in tags else tuple(tags)


def none_match(tags: tuple[str, ...], etag: str) -> bool:
    """Tell whether no tag is the (unquoted) ``etag``; weak comparison (RFC 9110 13.1.2)."""
    return tags != ("*",) and not any(tag.removeprefix("W/") == f'"{etag}"' for tag in tags)


def versions(tags: tuple[str, ...] | None) -> frozenset[int] | None:
    """Return the versions that an If-Match accepts; None for any.

    A weak tag or one that this service never issued matches nothing (strong comparison).
    """
    if tags is None or tags == ("*",):
        return None
    texts = (tag[1:-1] for tag in tags)
    # int() would read "007" and "٣" too, which are no tags of ours.
    return frozenset(
        int(text) for text in texts if len(text) <= LONGEST and re.fullmatch(r"0|[1-9][0-9]*", text)
    )
