from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Test = Callable[[Mapping[str, Any]], bool]


class BadQuery(ValueError):
    element = ""


@dataclass(frozen=True)
class Query:
    test: Test | None
    order: tuple[tuple[tuple[str, ...], bool], ...] = ()
    offset: int = 0
    max_size: int | None = None


def parse_query(data: Any, variables: Mapping[str, Any]) -> Query:
    paging = data.get("paging", {})
    f = data.get("filter", data)
    test = None
    if "equal" in f:
        e = f["equal"]
        test = lambda o: str(o.get(e["path"])) == str(e["value"])
    order = (((paging["orderBy"],), True),) if "orderBy" in paging else ()
    return Query(test, order, paging.get("offset", 0), paging.get("maxSize"))
