"""What queries ask of an object: conditions on the values at a path.

An object is plain data. Any of several values is enough. A text is compared letter by letter unless
the matching rule says otherwise; with a number it is compared as one when it is one, because XML
has no other way to write it, and two times are compared as times. Pure: made by
:mod:`.element_query` and :mod:`.text_query`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias

from odimra.jobs.bulk.paths import Path, values_at

Test: TypeAlias = Callable[[Mapping[str, Any]], bool]
#: Compares a value of the object with one of the query.
Compare: TypeAlias = Callable[[Any, Any], bool]

ORDERS: Mapping[str, Compare] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": operator.contains,
}
#: Matching rules: whether they let the case of letters count.
MATCHING: Mapping[str, bool] = {
    "default": True,
    "stringExact": True,
    "polyStringStrict": True,
    "polyStringOrig": True,
    "exact": True,
    "origIgnoreCase": False,
    "stringIgnoreCase": False,
    "polyStringNorm": False,
    "strictIgnoreCase": False,
    "normIgnoreCase": False,
}

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,18})(?:\.\d{1,18})?(?:[eE][+-]?\d{1,2})?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")


def plain(value: Any) -> Any:
    """Return what of a value is compared: of a PolyString its spelling."""
    if isinstance(value, Mapping) and isinstance(value.get("orig"), str):
        return value["orig"]
    return value


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if not value.removeprefix("-").isdigit() else int(value)
    return None


@lru_cache(maxsize=4096)
def _time(value: str) -> float | None:
    if not _TIME.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def ordered(name: str, constant: Any, *, exact: bool = True) -> Callable[[Any], bool]:
    """Return the comparison ``name`` of :data:`ORDERS` with a constant."""
    compare = ORDERS[name]
    if isinstance(constant, bool) or constant in ("true", "false"):
        truth = constant in (True, "true")

        def on_truth(value: Any) -> bool:
            if isinstance(value, bool):
                return name in ("=", "<=", ">=") and value is truth
            return isinstance(value, str) and compare(value, constant)

        return on_truth
    if isinstance(constant, Mapping):
        return lambda value: name == "=" and meets(value, constant)
    if not isinstance(constant, str):
        wanted = _number(constant)

        def on_number(value: Any) -> bool:
            number = _number(value)
            return number is not None and wanted is not None and compare(number, wanted)

        return on_number
    folded = constant if exact else constant.casefold()
    moment, number = _time(constant), _number(constant)

    def on_text(value: Any) -> bool:
        if isinstance(value, str):
            if moment is not None:
                other = _time(value)
                if other is not None:
                    return compare(other, moment)
            return compare(value if exact else value.casefold(), folded)
        if number is None or isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return compare(value, number)

    return on_text


def meets(value: Any, wanted: Mapping[str, Any]) -> bool:
    """Tell whether an object has at least the members of another one."""
    if not isinstance(value, Mapping):
        return False
    for name, one in wanted.items():
        found = plain(value.get(name))
        if isinstance(one, Mapping):
            if not meets(found, one):
                return False
        elif name in ("type", "relation") and isinstance(one, str):
            if local(str(found or ("default" if name == "relation" else ""))) != local(one):
                return False
        elif found != plain(one):
            return False
    return True


def local(name: str) -> str:
    """Return a qualified name without what qualifies it."""
    return name.rpartition("#")[2].rpartition(":")[2]


def textual(name: str, constant: str, *, exact: bool = True) -> Callable[[Any], bool]:
    """Return the comparison ``name`` of :data:`TEXTS` with a constant."""
    compare = TEXTS[name]
    folded = constant if exact else constant.casefold()
    return lambda value: (
        isinstance(value, str) and compare(value if exact else value.casefold(), folded)
    )


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
                return any(meets_one(plain(one)) for one in value if one is not None)
            return meets_one(plain(value))

        return on_member
    return lambda data: any(meets_one(plain(one)) for one in values_at(data, path))


def present(path: Path) -> Test:
    """Return the condition that there is a value at ``path``."""
    return lambda data: next(values_at(data, path), None) is not None


def same(path: Path, other: Path, name: str) -> Test:
    """Return the condition that a value at one path compares so with one at another."""

    def test(data: Mapping[str, Any]) -> bool:
        found = [plain(one) for one in values_at(data, path)]
        return any(
            ordered(name, plain(one))(value) for one in values_at(data, other) for value in found
        )

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
    if "oid" in value:
        shown["relation"] = local(str(value.get("relation") or "default"))
        shown["targetType"] = shown["type"] = local(str(value.get("type") or ""))
    elif isinstance(value.get("orig"), str):
        shown.setdefault("norm", value["orig"].casefold())
    return shown


def is_type(name: str) -> Test:
    """Return the condition that an object is of a type."""
    wanted = local(name)

    def test(data: Mapping[str, Any]) -> bool:
        if not isinstance(data, dict):
            return False
        return wanted == "ObjectType" or local(str(data.get("@type", wanted))) == wanted

    return test


def has_oid(oids: Iterable[str]) -> Test:
    """Return the condition that an object has one of these oids."""
    wanted = frozenset(oids)

    def test(data: Mapping[str, Any]) -> bool:
        oid = data.get("oid") if isinstance(data, dict) else None
        return isinstance(oid, str) and oid in wanted

    return test
