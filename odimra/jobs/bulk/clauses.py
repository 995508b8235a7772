"""Which filters stand in an element of a query, and which of them belong together.

Called by :mod:`.element_query`. In XML ``<or>`` holds its filters, and what is there several times
is several filters: ``{"and": {"or": [A, B]}}`` are two ``or``, one of which holds A and the other
B. In JSON and YAML people write a list where the order of unlike filters is the natural thing:
``{"or": [A, B]}``, one ``or``. The two are told apart where only one is possible, and refused where
they would mean different objects: nothing here guesses what is to be changed or deleted.

* Items with ``@element`` are the filters of one.
* Where one filter alone may stand, nothing can be there several times: a list holds the filters of
  one, and so does every list below it.
* Elsewhere a list means several of that name, as it does in midPoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from odimra.jobs.bulk.errors import BadQuery

_JOINING: Final = ("and", "or")


@dataclass(frozen=True, slots=True)
class Clause:
    """A filter: its name and what stands in it.

    ``listing`` tells that lists below it hold the filters of one, as people write them.
    """

    name: str
    data: Any
    listing: bool = False


def alone(data: Any, where: str) -> list[Clause]:
    """Return the filters where one alone may stand; all of several have to be met."""
    if isinstance(data, str):
        return [Clause("text", data)]
    found: list[Clause] = []
    for one in data if isinstance(data, list) else [data]:
        found += _clauses(one, where, "and", listing=isinstance(data, list), alone=True)
    return found


def within(clause: Clause, where: str) -> list[Clause]:
    """Return the filters in an ``and``, ``or`` or ``not``."""
    data = clause.data
    if not isinstance(data, list):
        alone = clause.name == "not"
        return _clauses(data, where, clause.name, listing=clause.listing, alone=alone)
    found: list[Clause] = []
    for one in data:
        parts = _clauses(one, where, clause.name, listing=True, alone=False)
        if len(parts) != 1 and clause.name == "or":
            raise BadQuery(where, "each in a list has to be one filter")
        found += parts
    return found


def _clauses(data: Any, where: str, joined: str, *, listing: bool, alone: bool) -> list[Clause]:
    """Return the filters that are members of one object, and are joined by ``joined``."""
    if not isinstance(data, Mapping):
        raise BadQuery(where, "has to be an object")
    element = data.get("@element")
    if element is not None:
        inner = {name: one for name, one in data.items() if name != "@element"}
        return [Clause(str(element), inner, listing)]
    found: list[Clause] = []
    for name, value in data.items():
        if name.startswith("@") or name == "description":
            continue
        if not isinstance(value, list):
            found.append(Clause(name, value, listing))
        elif not value:
            raise BadQuery(f"{where}/{name[:40]}", "has no filter")
        elif name in _JOINING and _of_one(name, value, where, joined, listing or alone):
            found.append(Clause(name, value))
        elif name == "not" and len(value) > 1 and alone:
            raise BadQuery(f"{where}/not", "takes one filter")
        else:
            found += [Clause(name, one, listing) for one in value]
    return found


def _of_one(name: str, items: list[Any], where: str, joined: str, listing: bool) -> bool:
    """Tell whether the items of a list are the filters of one ``and`` or ``or``."""
    if listing or any(isinstance(one, Mapping) and "@element" in one for one in items):
        return True
    alike = len(items) == 1 or name == joined  # then both come to the same
    if not alike and all(isinstance(one, Mapping) and _single(one) for one in items):
        raise BadQuery(
            f"{where}/{name}",
            f"several '{name}' of one filter each, or one of several? Put the filters of one into "
            "one object, or name them by @element",
        )
    return False


def _single(data: Mapping[str, Any]) -> bool:
    values = [one for name, one in data.items() if name[:1] != "@" and name != "description"]
    return len(values) == 1 and not (isinstance(values[0], list) and len(values[0]) > 1)
