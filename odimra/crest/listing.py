"""Queries of what there are only some thousands of: jobs, triggers, runs.

All are looked at, some at a time, and only the page that is asked for is held. Used by the
endpoints that show such lists.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson

from odimra.crest.asking import Ask
from odimra.crest.errors import bad
from odimra.crest.records import asked_filter
from odimra.records.fields import parse_fields, picked
from odimra.records.model import ID
from odimra.records.ordering import Key, parse_sort_keys
from odimra.records.query import POLICIES

#: JSON that one answer may hold, in bytes; a page that would be longer ends sooner.
ANSWER_BYTES = 32 << 20

Item = dict[str, Any]


async def envelope(
    ask: Ask, items: AsyncIterator[Item], read: Callable[[str], Awaitable[Item | None]]
) -> dict[str, Any]:
    """Return the answer to a query of ``items``; ``read`` returns the one of an id.

    They are ordered by ``_sortKeys``, then by id. A cookie is the place of the next page in decimal
    digits; one that is none counts as 0. Raises 400.
    """
    meant = asked_filter(ask)
    fields = parse_fields(["_id"] if ask.param("_queryId") else ask.listed("_fields"))
    order = parse_sort_keys(ask.listed("_sortKeys"))
    offset, size = _page(ask)
    # They are always counted; what makes no sense is refused all the same.
    policy = ask.param("_totalPagedResultsPolicy")
    if policy is not None and policy.upper() not in POLICIES:
        raise bad(f"_totalPagedResultsPolicy: is one of {', '.join(POLICIES)}")
    # Only their places are kept: each item may be long.
    keys = [
        Key.of(order, str(item[ID]), item) async for item in items if meant is None or meant(item)
    ]
    keys.sort()
    end = min(len(keys), offset + size) if size else len(keys)
    page: list[Item] = []
    held = 0
    for place in range(offset, end):
        item = await read(keys[place].id)
        if item is None:
            continue  # gone meanwhile
        held += len(orjson.dumps(item))
        if page and held > ANSWER_BYTES:
            if not size:
                raise bad("_pageSize: there are more results than one answer may hold")
            end = place
            break
        page.append(picked(item, fields))
    behind = max(0, len(keys) - max(offset, end))
    return {
        "result": page,
        "resultCount": len(page),
        "pagedResultsCookie": str(end) if behind else None,
        "totalPagedResultsPolicy": "EXACT",
        "totalPagedResults": len(keys),
        "remainingPagedResults": behind,
    }


def _page(ask: Ask) -> tuple[int, int]:
    offset, cookie = ask.number("_pagedResultsOffset"), ask.param("_pagedResultsCookie")
    if cookie and offset:
        raise bad("_pagedResultsCookie and _pagedResultsOffset cannot stand together")
    if cookie:
        offset = int(cookie) if cookie.isascii() and cookie.isdigit() and len(cookie) < 10 else 0
    return offset, ask.number("_pageSize")
