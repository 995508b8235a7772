"""Queries of lists that are held in memory. Used by the endpoints of this face."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from odimra.jobs.bulk.query import Query
from odimra.midpoint.asking import Ask
from odimra.midpoint.errors import MidpointError
from odimra.records.ordering import Key, SortKey
from odimra.wire import receive


async def asked_query(ask: Ask, parse: Callable[[Any, Mapping[str, Any]], Query]) -> Query:
    """Return the query in the body of a search; an empty one means all."""
    # Not whether it can be read: one that was read to be compared is a body, too.
    if not (await receive(ask.request, ask.limits)).strip():
        return Query(None)
    document = await ask.document()
    if document.name != "query":
        raise MidpointError(400, f"{document.name[:80]}: the body has to be a query")
    if document.content in (None, "", {}):
        return Query(None)
    return parse(document.content, {})


def selected(found: Sequence[dict[str, Any]], query: Query) -> list[dict[str, Any]]:
    """Return what is left of objects that a query means: ordered, and the page it asks for."""
    shown = list(found)
    if query.order:
        order = [SortKey(tuple(path), not ascending) for path, ascending in query.order]
        shown.sort(key=lambda one: Key.of(order, str(one.get("oid")), one))
    end = None if query.max_size is None else query.offset + query.max_size
    return shown[query.offset : end]
