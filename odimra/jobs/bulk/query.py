"""Queries for objects: midPoint's QueryType, in elements or as text, read into a condition.

Called by :mod:`.parsing` and by faces that search. Pure: the conditions are in :mod:`.predicates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from odimra.jobs.bulk import element_query
from odimra.jobs.bulk.comparing import local
from odimra.jobs.bulk.errors import BadQuery
from odimra.jobs.bulk.predicates import Test
from odimra.records.conditions import condition

__all__ = ["BadQuery", "Query", "Test", "parse_query"]

#: Largest number that paging takes.
MOST: Final = 10**9
#: Properties that results are ordered by, at most.
MOST_ORDERS: Final = 8
_PARTS: Final = frozenset({"filter", "paging"})


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: the condition (None: all), the order, and the page of it.

    ``order`` are paths, each with whether it ascends.
    """

    test: Test | None
    order: tuple[tuple[tuple[str, ...], bool], ...] = ()
    offset: int = 0
    max_size: int | None = None


def parse_query(data: Any, variables: Mapping[str, Any]) -> Query:
    """Return the query that ``data`` is: a QueryType, or a filter alone.

    ``variables`` are what ``$name`` stands for. Raises :class:`BadQuery`.
    """
    if isinstance(data, str):
        data = {"text": data}
    if not isinstance(data, Mapping):
        raise BadQuery("query", "has to be an object")
    parts = {name for name in data if not name.startswith("@")} - {"description"}
    if "@element" in data or (parts and not parts & _PARTS):
        return Query(_test(data, variables))
    if parts - _PARTS:
        raise BadQuery(min(parts - _PARTS), "is no part of a query")
    order, offset, max_size = _paging(data.get("paging"))
    asked = data.get("filter")
    test = None if asked in (None, "", {}) else _test(asked, variables)
    return Query(test, order, offset, max_size)


def _test(asked: Any, variables: Mapping[str, Any]) -> Test | None:
    tree = element_query.parse_filter(asked, variables)
    return None if tree is True else condition(tree)


def _paging(data: Any) -> tuple[tuple[tuple[tuple[str, ...], bool], ...], int, int | None]:
    if data in (None, "", {}):
        return (), 0, None
    if not isinstance(data, Mapping):
        raise BadQuery("paging", "has to be an object")
    unknown = {name for name in data if not name.startswith("@")} - {
        *("orderBy", "orderDirection", "offset", "maxSize", "ordering"),
    }
    if unknown:
        raise BadQuery(f"paging/{min(unknown)}", "is not known here")
    orders: list[tuple[tuple[str, ...], bool]] = []
    if data.get("orderBy") is not None:
        orders.append(_order(data["orderBy"], data.get("orderDirection")))
    more = data.get("ordering")
    for one in more if isinstance(more, list) else [] if more is None else [more]:
        if not isinstance(one, Mapping):
            raise BadQuery("paging/ordering", "has to be an object")
        orders.append(_order(one.get("orderBy"), one.get("orderDirection")))
    if len(orders) > MOST_ORDERS:
        raise BadQuery("paging", f"more than {MOST_ORDERS} orders")
    max_size = data.get("maxSize")
    return (
        tuple(orders),
        _count(data.get("offset", 0), "paging/offset"),
        None if max_size is None else _count(max_size, "paging/maxSize"),
    )


def _order(path: Any, direction: Any) -> tuple[tuple[str, ...], bool]:
    found = element_query.path_of(path, "paging/orderBy")
    if any(segment.startswith("[") for segment in found):
        raise BadQuery("paging/orderBy", "cannot lead through a value by its id")
    if direction in (None, ""):
        direction = "ascending"
    if not isinstance(direction, str) or local(direction) not in ("ascending", "descending"):
        raise BadQuery("paging/orderDirection", "is neither ascending nor descending")
    return found, local(direction) == "ascending"


def _count(value: Any, element: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 11:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise BadQuery(element, f"has to be a number from 0 to {MOST}")
    return value
