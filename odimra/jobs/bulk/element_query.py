"""Filters in elements: ``{"equal": {"path": "name", "value": "jack"}}`` and what else there is.

Used by :mod:`.query`; a filter in words is read by :mod:`.text_query`, what belongs together by
:mod:`.clauses`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from odimra.jobs.bulk import clauses, predicates, text_query
from odimra.jobs.bulk.comparing import MATCHING, any_of, local, meets, one_of, ordered, plain
from odimra.jobs.bulk.comparing import textual as textual_test
from odimra.jobs.bulk.errors import BadQuery
from odimra.jobs.bulk.paths import Path, query_path
from odimra.jobs.bulk.predicates import any_value, inside
from odimra.records.conditions import All, Not, Some, Tree, condition

#: How deep filters may be nested, how many there may be in one, how deep a value may be.
DEEPEST: Final = 64
MOST: Final = 10_000
DEEPEST_VALUE: Final = 32

_ORDERS: Final[Mapping[str, str]] = {
    "equal": "=",
    "anyIn": "=",
    "less": "<",
    "lessOrEqual": "<=",
    "greater": ">",
    "greaterOrEqual": ">=",
}
#: What midPoint has, and no object here could tell.
UNSUPPORTED: Final = frozenset(
    {
        *("org", "inOrg", "orgRoot", "isRoot", "fullText", "fuzzyStringMatch", "levenshtein"),
        *("similarity", "referencedBy", "ownedBy", "ownedByOid", "ownedByRef", "inClause"),
    }
)


def parse_filter(data: Any, variables: Mapping[str, Any]) -> Tree:
    """Return the conditions of a filter. Raises :class:`~odimra.jobs.bulk.query.BadQuery`."""
    return _Parser(variables).whole(data, "filter", 0)


def path_of(data: Any, element: str) -> Path:
    """Return a path. Raises :class:`~odimra.jobs.bulk.query.BadQuery`."""
    if isinstance(data, Mapping):
        data = data.get("value", data.get("@value"))
    if not isinstance(data, str) or not data.strip():
        raise BadQuery(element, "has to be a path")
    return query_path(data.strip(), element)


def constants(value: Any, where: str) -> list[Any]:
    """Return the values that stand in a query."""
    found: list[Any] = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, Mapping):
            kept = {name: inner for name, inner in one.items() if not name.startswith("@")}
            one = plain(one["@value"] if not kept and "@value" in one else kept)
        if one in ({}, []) or isinstance(one, list) or _deeper(one, DEEPEST_VALUE):
            raise BadQuery(where, "is no value to compare with")
        if one is not None:
            found.append(one)
    return found


def _deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for one in level
            if isinstance(one, Mapping | list)
            for inner in (one.values() if isinstance(one, Mapping) else one)
        ]
        if not level:
            return False
    return True


class _Parser:
    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._count = 0

    def whole(self, data: Any, where: str, depth: int) -> Tree:
        """Return the condition of what stands where one filter is asked for."""
        found = clauses.alone(data, where)
        if not found:
            raise BadQuery(where, "has no filter")
        parts = tuple(self._one(one, where, depth) for one in found)
        return parts[0] if len(parts) == 1 else All(parts)

    def _one(self, clause: clauses.Clause, element: str, depth: int) -> Tree:
        self._count += 1
        if self._count > MOST:
            raise BadQuery(element, f"there are more than {MOST} filters")
        name, data = clause.name, clause.data
        where = f"{element}/{name[:40]}"
        match name:
            case "and" | "or" | "not":
                if depth >= DEEPEST:
                    raise BadQuery(where, f"filters are nested more than {DEEPEST} deep")
                found = clauses.within(clause, where)
                if not found:
                    raise BadQuery(where, "has no filter")
                if name == "not" and len(found) > 1:
                    raise BadQuery(where, "takes one filter")
                parts = tuple(self._one(one, where, depth + 1) for one in found)
                if name == "not":
                    return Not(parts[0])
                return All(parts) if name == "and" else Some(parts)
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
        _known(data, {"path", "value", "matching", "rightHandSidePath"}, where)
        path = path_of(data.get("path"), f"{where}/path")
        exact = _exact(data, where)
        sign = _ORDERS[name]
        if data.get("rightHandSidePath") is not None:
            if data.get("value") is not None:
                raise BadQuery(where, "has both value and rightHandSidePath")
            other = path_of(data["rightHandSidePath"], f"{where}/rightHandSidePath")
            return predicates.same(path, other, sign, exact=exact)
        values = constants(data.get("value"), f"{where}/value")
        if not values:
            # In midPoint an equal without a value is met by what has none.
            if name != "equal":
                raise BadQuery(f"{where}/value", "is missing")
            return Not(predicates.present(path))
        if sign == "=":
            return any_value(path, one_of(values, exact=exact))
        if len(values) > 1:
            raise BadQuery(f"{where}/value", "has to be one value")
        if not isinstance(values[0], str | int | float) or isinstance(values[0], bool):
            raise BadQuery(f"{where}/value", "has to be a text or a number")
        return any_value(path, ordered(sign, values[0], exact=exact))

    def substring(self, name: str, data: Mapping[str, Any], where: str, depth: int) -> Tree:
        """``substring``, perhaps anchored."""
        _known(data, {"path", "value", "matching", "anchorStart", "anchorEnd"}, where)
        path = path_of(data.get("path"), f"{where}/path")
        values = constants(data.get("value"), f"{where}/value")
        if (
            len(values) != 1
            or not isinstance(values[0], str | int | float)
            or isinstance(values[0], bool)
        ):
            raise BadQuery(f"{where}/value", "has to be one text")
        start, end = (_true(data, anchor, where) for anchor in ("anchorStart", "anchorEnd"))
        exact = _exact(data, where)
        text = str(values[0])
        if start and end:
            return any_value(path, ordered("=", text, exact=exact))
        kind = "startsWith" if start else "endsWith" if end else "contains"
        return any_value(path, textual_test(kind, text, exact=exact))

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
            for key, one in wanted.items():
                if not isinstance(plain(one), str):
                    raise BadQuery(f"{where}/value/{key}", "has to be a text")
            tests.append(partial(_means, wanted))
        return any_value(path, any_of(tests))

    def exists(self, name: str, data: Mapping[str, Any], where: str, depth: int) -> Tree:
        """``exists``: a value at a path, which a filter may say more of."""
        _known(data, {"path", "filter"}, where)
        path = path_of(data.get("path"), f"{where}/path")
        if data.get("filter") in (None, "", {}):
            return predicates.present(path)
        return inside(path, condition(self._inner(data["filter"], f"{where}/filter", depth)))

    def in_oid(self, name: str, data: Mapping[str, Any], where: str, depth: int) -> Tree:
        """``inOid``: one of several oids."""
        _known(data, {"value", "considerOwner"}, where)
        if data.get("considerOwner") not in (None, "", False, "false"):
            raise BadQuery(f"{where}/considerOwner", "is not supported by this service")
        values = constants(data.get("value"), f"{where}/value")
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
        return All((test, self._inner(data["filter"], f"{where}/filter", depth)))

    def _inner(self, data: Any, where: str, depth: int) -> Tree:
        if depth >= DEEPEST:
            raise BadQuery(where, f"filters are nested more than {DEEPEST} deep")
        return self.whole(data, where, depth + 1)


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
    return meets(value, wanted)


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
