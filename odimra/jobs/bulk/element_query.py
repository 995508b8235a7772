"""Filters in elements: ``{"equal": {"path": "name", "value": "jack"}}`` and what else there is.

Used by :mod:`.query`; a filter in words is read by :mod:`.text_query`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from odimra.jobs.bulk import predicates, text_query
from odimra.jobs.bulk.errors import BadQuery, BadScript
from odimra.jobs.bulk.paths import Path, parse_path
from odimra.jobs.bulk.predicates import MATCHING, any_value, inside, local, ordered, textual
from odimra.records.conditions import All, Not, Some, Tree, condition

#: How deep filters may be nested, and how many there may be in one.
DEEPEST = 64
MOST = 10_000

_ORDERS = {
    "equal": "=",
    "less": "<",
    "lessOrEqual": "<=",
    "greater": ">",
    "greaterOrEqual": ">=",
}
#: What midPoint has, and no object here could tell.
UNSUPPORTED = frozenset(
    {
        *("org", "inOrg", "isRoot", "fullText", "levenshtein", "similarity", "referencedBy"),
        *("ownedBy", "ownedByRef", "anyIn", "inClause"),
    }
)


def parse_filter(data: Any, variables: Mapping[str, Any]) -> Tree:
    """Return the conditions of a filter. Raises :class:`~odimra.jobs.bulk.query.BadQuery`."""
    return _Parser(variables).all_of(data, "filter", 0)


def path_of(data: Any, element: str) -> Path:
    """Return a path. Raises :class:`~odimra.jobs.bulk.query.BadQuery`."""
    if isinstance(data, Mapping):
        data = data.get("value", data.get("@value"))
    if not isinstance(data, str) or not data.strip():
        raise BadQuery(element, "has to be a path")
    try:
        return parse_path(data.strip(), element)
    except BadScript as error:
        raise BadQuery("", str(error)) from None


def constant(value: Any, variables: Mapping[str, Any]) -> list[Any]:
    """Return the values that stand in a query, those of a variable among them."""
    values = value if isinstance(value, list) else [value]
    found: list[Any] = []
    for one in values:
        if isinstance(one, Mapping):
            kept = {name: inner for name, inner in one.items() if not name.startswith("@")}
            found.append(predicates.plain(kept))
        elif one is not None:
            found.append(one)
    return found


class _Parser:
    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._count = 0

    def all_of(self, data: Any, element: str, depth: int) -> Tree:
        """Return the conditions of all filters that stand in ``data``."""
        parts = self._parts(data, element, depth)
        if not parts:
            raise BadQuery(element, "has no filter")
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _parts(self, data: Any, element: str, depth: int) -> list[Tree]:
        if depth > DEEPEST:
            raise BadQuery(element, f"filters are nested more than {DEEPEST} deep")
        if isinstance(data, str):
            return [self._one("text", data, element, depth)]
        parts: list[Tree] = []
        for one in data if isinstance(data, list) else [data]:
            if not isinstance(one, Mapping):
                raise BadQuery(element, "has to be an object")
            name = one.get("@element")
            if name is not None:
                parts.append(self._one(str(name), one, element, depth))
                continue
            for name, value in one.items():
                if name.startswith("@") or name == "description":
                    continue
                many = isinstance(value, list) and name not in ("and", "or", "not")
                for inner in value if many else [value]:
                    parts.append(self._one(name, inner, element, depth))
        return parts

    def _one(self, name: str, data: Any, element: str, depth: int) -> Tree:
        self._count += 1
        if self._count > MOST:
            raise BadQuery(element, f"there are more than {MOST} filters")
        where = f"{element}/{name[:40]}"
        match name:
            case "and" | "or":
                parts = tuple(self._parts(data, where, depth + 1))
                if not parts:
                    raise BadQuery(where, "has no filter")
                return All(parts) if name == "and" else Some(parts)
            case "not":
                return Not(self.all_of(data, where, depth + 1))
            case "all":
                return True
            case "none" | "undefined":
                return False
            case "text":
                if isinstance(data, Mapping):
                    data = data.get("text", data.get("value", data.get("@value")))
                if not isinstance(data, str) or not data.strip():
                    raise BadQuery(where, "has to be a text")
                return text_query.parse_text(data, self._variables)
        simple = _SIMPLE.get(name)
        if simple is not None:
            if not isinstance(data, Mapping):
                raise BadQuery(where, "has to be an object")
            return simple(self, name, data, where, depth)
        said = "is not supported by this service" if name in UNSUPPORTED else "is no filter"
        raise BadQuery(where, said)

    # Single filters

    def compared(self, name: str, data: Mapping[str, Any], where: str, depth: int) -> Tree:
        """``equal`` and the orders."""
        _known(data, {"path", "value", "matching", "rightHandSidePath", "rightHandSide"}, where)
        path = path_of(data.get("path"), f"{where}/path")
        other = data.get("rightHandSidePath")
        if other is not None:
            return predicates.same(
                path, path_of(other, f"{where}/rightHandSidePath"), _ORDERS[name]
            )
        values = constant(data.get("value"), self._variables)
        if not values:
            # In midPoint an equal without a value is met by what has none.
            if name != "equal":
                raise BadQuery(f"{where}/value", "is missing")
            return Not(predicates.present(path))
        exact = _exact(data, where)
        tests = [ordered(_ORDERS[name], value, exact=exact) for value in values]
        return any_value(path, tests[0] if len(tests) == 1 else _some(tests))

    def substring(self, name: str, data: Mapping[str, Any], where: str, depth: int) -> Tree:
        """``substring``, perhaps anchored."""
        _known(data, {"path", "value", "matching", "anchorStart", "anchorEnd"}, where)
        path = path_of(data.get("path"), f"{where}/path")
        values = constant(data.get("value"), self._variables)
        if len(values) != 1 or not isinstance(values[0], str | int | float):
            raise BadQuery(f"{where}/value", "has to be one text")
        start, end = (_true(data, anchor, where) for anchor in ("anchorStart", "anchorEnd"))
        exact = _exact(data, where)
        text = str(values[0])
        if start and end:
            return any_value(path, ordered("=", text, exact=exact))
        kind = "startsWith" if start else "endsWith" if end else "contains"
        return any_value(path, textual(kind, text, exact=exact))

    def reference(self, name: str, data: Mapping[str, Any], where: str, depth: int) -> Tree:
        """``ref``: a reference that has these members."""
        _known(data, {"path", "value", "matching"}, where)
        path = path_of(data.get("path"), f"{where}/path")
        values = data.get("value")
        found = values if isinstance(values, list) else [] if values is None else [values]
        if not found:
            return Not(predicates.present(path))
        tests: list[Callable[[Any], bool]] = []
        for value in found:
            if not isinstance(value, Mapping):
                raise BadQuery(f"{where}/value", "has to be a reference")
            _known(value, {"oid", "type", "relation", "targetName"}, f"{where}/value")
            wanted = {key: one for key, one in value.items() if not key.startswith("@")}
            tests.append(partial(_means, wanted))
        return any_value(path, _some(tests))

    def exists(self, name: str, data: Mapping[str, Any], where: str, depth: int) -> Tree:
        """``exists``: a value at a path, which a filter may say more of."""
        _known(data, {"path", "filter"}, where)
        path = path_of(data.get("path"), f"{where}/path")
        if data.get("filter") in (None, "", {}):
            return predicates.present(path)
        inner = condition(self.all_of(data["filter"], f"{where}/filter", depth + 1))
        return inside(path, inner)

    def in_oid(self, name: str, data: Mapping[str, Any], where: str, depth: int) -> Tree:
        """``inOid``: one of several oids."""
        _known(data, {"value", "considerOwner"}, where)
        values = constant(data.get("value"), self._variables)
        if not all(isinstance(one, str | int) for one in values):
            raise BadQuery(f"{where}/value", "has to be an oid")
        return predicates.has_oid(map(str, values))

    def typed(self, name: str, data: Mapping[str, Any], where: str, depth: int) -> Tree:
        """``type``: objects of a type, which a filter may say more of."""
        _known(data, {"type", "filter"}, where)
        kind = data.get("type")
        if not isinstance(kind, str) or not kind:
            raise BadQuery(f"{where}/type", "has to be the name of a type")
        test = predicates.is_type(kind)
        if data.get("filter") in (None, "", {}):
            return test
        return All((test, self.all_of(data["filter"], f"{where}/filter", depth + 1)))


_Simple = Callable[[_Parser, str, Mapping[str, Any], str, int], Tree]
_SIMPLE: Mapping[str, _Simple] = {
    **dict.fromkeys(_ORDERS, _Parser.compared),
    "substring": _Parser.substring,
    "ref": _Parser.reference,
    "exists": _Parser.exists,
    "inOid": _Parser.in_oid,
    "type": _Parser.typed,
}


def _means(wanted: Mapping[str, Any], value: Any) -> bool:
    return predicates.meets(value, wanted)


def _some(tests: list[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    return lambda value: any(test(value) for test in tests)


def _known(data: Mapping[str, Any], known: set[str], where: str) -> None:
    for name in data:
        if name not in known and not name.startswith("@"):
            raise BadQuery(f"{where}/{name}", "is not known here")


def _exact(data: Mapping[str, Any], where: str) -> bool:
    rule = data.get("matching")
    if rule in (None, ""):
        return True
    exact = MATCHING.get(local(str(rule)))
    if exact is None:
        raise BadQuery(f"{where}/matching", f"there is no matching rule {str(rule)[:40]}")
    return exact


def _true(data: Mapping[str, Any], name: str, where: str) -> bool:
    value = data.get(name, False)
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise BadQuery(f"{where}/{name}", "has to be true or false")
    return value
