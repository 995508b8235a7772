"""Queries of lists that are small enough to be held: jobs, triggers, runs.

Used by the endpoints that show such lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from odimra.crest.asking import Ask
from odimra.crest.errors import bad
from odimra.crest.records import asked_filter
from odimra.records.fields import parse_fields, picked
from odimra.records.model import ID
from odimra.records.ordering import Key, parse_sort_keys


def envelope(ask: Ask, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer to a query of ``items``.

    They are ordered by ``_sortKeys``, then by id. A cookie is the place of the next page in decimal
    digits; one that is none counts as 0.
    """
    meant = asked_filter(ask)
    fields = parse_fields(["_id"] if ask.param("_queryId") else ask.listed("_fields"))
    order = parse_sort_keys(ask.listed("_sortKeys"))
    found = [item for item in items if meant is None or meant(item)]
    found.sort(key=lambda item: Key.of(order, str(item[ID]), item))
    offset, cookie = ask.number("_pagedResultsOffset"), ask.param("_pagedResultsCookie")
    if cookie and offset:
        raise bad("_pagedResultsCookie and _pagedResultsOffset cannot stand together")
    if cookie:
        offset = int(cookie) if cookie.isascii() and cookie.isdigit() and len(cookie) < 10 else 0
    size = ask.number("_pageSize") or len(found)
    page = found[offset : offset + size]
    behind = max(0, len(found) - offset - len(page))
    return {
        "result": [picked(item, fields) for item in page],
        "resultCount": len(page),
        "pagedResultsCookie": str(offset + len(page)) if behind else None,
        "totalPagedResultsPolicy": "EXACT",
        "totalPagedResults": len(found),
        "remainingPagedResults": behind,
    }
