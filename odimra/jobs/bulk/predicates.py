"""What queries ask of an object: conditions on the values at a path.

An object is plain data; a script has plain values and lists, too, which have no members. Any of
several values is enough. How two values compare is what :mod:`.comparing` says. Pure: made by
:mod:`.element_query` and :mod:`.text_query`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from odimra.jobs.bulk.comparing import greatest, local, one_of, ordered, plain
from odimra.jobs.bulk.paths import Path, values_at

Test: TypeAlias = Callable[[Mapping[str, Any]], bool]

_ROLES: Final = frozenset({"RoleType", "OrgType", "ServiceType", "ArchetypeType", "PolicyType"})
#: Types that no object is of itself, and those that have them in common.
_COMMON: Final[Mapping[str, frozenset[str]]] = {
    "AbstractRoleType": _ROLES,
    "FocusType": _ROLES | {"UserType"},
}


def any_value(path: Path, meets_one: Callable[[Any], bool]) -> Test:
    """Return the condition that one of the values at ``path`` meets this."""
    if len(path) == 1 and not path[0].startswith("["):
        (name,) = path

        def on_member(data: Mapping[str, Any]) -> bool:
            try:
                value = data.get(name)
            except AttributeError:  # a script has plain values, too
                return any(meets_one(plain(one)) for one in values_at(data, path))
            if type(value) is str:  # nearly always; the general way costs several times as much
                return meets_one(value)
            if value is None:
                return False
            if isinstance(value, list):
                return any(meets_one(plain(one)) for one in values_at(value, ()))
            return meets_one(plain(value))

        return on_member
    return lambda data: any(meets_one(plain(one)) for one in values_at(data, path))


def present(path: Path) -> Test:
    """Return the condition that there is a value at ``path``."""
    return lambda data: next(values_at(data, path), None) is not None


def same(path: Path, other: Path, name: str, *, exact: bool = True) -> Test:
    """Return the condition that a value at one path compares so with one at another."""

    def test(data: Mapping[str, Any]) -> bool:
        others = [plain(one) for one in values_at(data, other)]
        # Never each with each: two long lists would take minutes.
        if name == "=":
            meets_one = one_of(others, exact=exact)
            return any(meets_one(plain(one)) for one in values_at(data, path))
        tests = [ordered(name, one, exact=exact) for one in greatest(name, others, exact=exact)]
        found = [plain(one) for one in values_at(data, path)]
        return any(meets_one(one) for meets_one in tests for one in found)

    return test


def inside(path: Path, inner: Test) -> Test:
    """Return the condition that one of the containers or references at ``path`` meets ``inner``."""

    def test(data: Mapping[str, Any]) -> bool:
        return any(inner(_shown(one)) for one in values_at(data, path))

    return test


def _shown(value: Any) -> Mapping[str, Any]:
    """Return a value with the names that conditions within it use."""
    if not isinstance(value, Mapping):
        return {"orig": value, "norm": value.casefold()} if isinstance(value, str) else {}
    shown = dict(value)
    if "oid" in value and "@type" not in value:  # a reference, not an object itself
        shown["relation"] = local(str(value.get("relation") or "default"))
        shown["targetType"] = shown["type"] = local(str(value.get("type") or ""))
    elif isinstance(value.get("orig"), str):
        shown.setdefault("norm", value["orig"].casefold())
    return shown


def is_type(name: str) -> Test:
    """Return the condition that an object is of a type."""
    wanted = local(name)
    types = _COMMON.get(wanted, frozenset({wanted}))
    every = wanted in ("ObjectType", "AssignmentHolderType")

    def test(data: Any) -> bool:
        if not isinstance(data, Mapping):
            return False
        return every or "@type" not in data or local(str(data["@type"])) in types

    return test


def has_oid(oids: Iterable[str]) -> Test:
    """Return the condition that an object has one of these oids."""
    wanted = frozenset(oids)

    def test(data: Any) -> bool:
        oid = data.get("oid") if isinstance(data, Mapping) else None
        return isinstance(oid, str) and oid in wanted

    return test
