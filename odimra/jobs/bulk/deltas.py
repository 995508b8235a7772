"""Changes of an object's items: midPoint's item deltas, read and applied.

An object has no schema here: a property has a list when it is one that has (:data:`MANY`), when it
has one already, or when it gets more than one value. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from odimra.jobs.bulk.errors import BadScript
from odimra.jobs.bulk.paths import Path, parse_path, shown
from odimra.jobs.bulk.reading import listed, members, only_known, text

ADD, DELETE, REPLACE = "add", "delete", "replace"
#: Items that have many values, whether or not there are many at the moment.
MANY = frozenset(
    {
        *("assignment", "inducement", "linkRef", "roleMembershipRef", "delegatedRef"),
        *("parentOrgRef", "organization", "organizationalUnit", "subtype", "trigger"),
    }
)
#: Containers whose values have ids.
NUMBERED = frozenset({"assignment", "inducement"})
#: What nobody changes by a delta: who an object is.
FIXED = frozenset({"oid", "version", "_id", "_rev"})
#: Changes that one delta may make.
MOST = 1000
#: The relation that a reference has which names none.
DEFAULT_RELATION = "default"


class CannotApply(Exception):
    """The change is none of this object; the text says why, without its values."""


class _Absent:
    """What is no value at all; null is one."""


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class ItemDelta:
    """One change: ``kind`` is add, delete or replace."""

    kind: str
    path: Path
    values: tuple[Any, ...] = field(default=(), repr=False)


def parse_delta(data: Any, element: str) -> tuple[ItemDelta, ...]:
    """Return the changes of an ObjectDeltaType, an ObjectModificationType, or one item delta.

    Raises :class:`~odimra.jobs.bulk.errors.BadScript`.
    """
    given = members(data, element)
    if "path" in given:
        given = {"itemDelta": given}
    known = {"changeType", "objectType", "oid", "itemDelta", "modification"}
    only_known(given, known, element)
    if given.get("changeType", "modify") != "modify":
        raise BadScript(f"{element}/changeType", "has to be modify")
    found = listed(given.get("itemDelta")) + listed(given.get("modification"))
    if not found:
        raise BadScript(f"{element}/itemDelta", "is missing")
    if len(found) > MOST:
        raise BadScript(f"{element}/itemDelta", f"there are more than {MOST}")
    return tuple(_item(one, f"{element}/itemDelta") for one in found)


def _item(data: Any, element: str) -> ItemDelta:
    given = members(data, element)
    only_known(given, {"modificationType", "path", "value", "estimatedOldValue"}, element)
    kind = text(given.get("modificationType"), f"{element}/modificationType").lower()
    if kind not in (ADD, DELETE, REPLACE):
        raise BadScript(f"{element}/modificationType", "has to be add, delete or replace")
    where = given.get("path")
    if isinstance(where, Mapping):  # ItemPathType of XML with attributes
        where = where.get("@value", where.get("value"))
    path = parse_path(text(where, f"{element}/path"), f"{element}/path")
    if path[0] in FIXED:
        raise BadScript(f"{element}/path", f"{path[0]} cannot be changed")
    values = tuple(_value(one, path) for one in listed(given.get("value")))
    if kind != REPLACE and not values:
        raise BadScript(f"{element}/value", f"is missing: what to {kind}")
    return ItemDelta(kind, path, values)


def _value(data: Any, path: Path) -> Any:
    """Return a value as it is kept: without the name of its type."""
    if not isinstance(data, Mapping):
        return data
    if "@value" in data:
        return data["@value"]
    kept = {name: one for name, one in data.items() if not name.startswith("@")}
    # XML has the value of a container as the element of the container within "value".
    last = path[-1]
    if len(kept) == 1 and last in kept and isinstance(kept[last], Mapping):
        return dict(kept[last])
    return kept


def apply(content: Mapping[str, Any], deltas: tuple[ItemDelta, ...]) -> dict[str, Any]:
    """Return ``content`` after the changes; what they do not touch is shared with it.

    Raises :class:`CannotApply`.
    """
    changed: Any = dict(content)
    for delta in deltas:
        changed = _change(changed, delta.path, delta)
    return changed  # type: ignore[no-any-return]  # a dict that has changed is one


def _change(node: Any, path: Path, delta: ItemDelta) -> Any:
    if not path:
        return _CHANGES[delta.kind](node, delta)
    head, rest = path[0], path[1:]
    if head.startswith("["):
        return _numbered(node, head[1:-1], rest, delta)
    if node is ABSENT or node is None:
        if delta.kind == DELETE:
            return node
        node = {}
    if isinstance(node, list) and len(node) == 1:
        return [_change(node[0], path, delta)]
    if not isinstance(node, Mapping):
        raise CannotApply(f"{shown(delta.path)} leads through what is no container")
    copy = dict(node)
    value = _change(copy.get(head, ABSENT), rest, delta)
    if value is ABSENT:
        copy.pop(head, None)
    else:
        copy[head] = value
    return copy


def _numbered(node: Any, number: str, rest: Path, delta: ItemDelta) -> Any:
    values = node if isinstance(node, list) else [] if node in (ABSENT, None) else [node]
    found = [at for at, one in enumerate(values) if _id_of(one) == number]
    if not found:
        if delta.kind == DELETE:
            return node
        raise CannotApply(f"{shown(delta.path)} leads to nothing: no value has the id {number}")
    changed = list(values)
    changed[found[0]] = _change(changed[found[0]], rest, delta)
    return [one for one in changed if one is not ABSENT] or ABSENT


def _id_of(value: Any) -> str | None:
    return str(value["id"]) if isinstance(value, Mapping) and "id" in value else None


def _add(node: Any, delta: ItemDelta) -> Any:
    current = node if isinstance(node, list) else [] if node in (ABSENT, None) else [node]
    found = list(current)
    for value in delta.values:
        if not any(meets(one, value) and meets(value, _bare(one, value)) for one in found):
            found.append(_with_id(value, found, delta.path))
    return _shaped(found, node, delta)


def _bare(kept: Any, value: Any) -> Any:
    """Return a kept value without the id that it was given, unless the other names one."""
    if isinstance(kept, Mapping) and not (isinstance(value, Mapping) and "id" in value):
        return {name: one for name, one in kept.items() if name != "id"}
    return kept


def _delete(node: Any, delta: ItemDelta) -> Any:
    if node is ABSENT or node is None:
        return node
    current = node if isinstance(node, list) else [node]
    left = [one for one in current if not any(meets(one, value) for value in delta.values)]
    if not left:
        return ABSENT
    return left if isinstance(node, list) else left[0]


def _replace(node: Any, delta: ItemDelta) -> Any:
    found: list[Any] = []
    for value in delta.values:
        found.append(_with_id(value, found, delta.path))
    return _shaped(found, node, delta) if found else ABSENT


_CHANGES: Mapping[str, Callable[[Any, ItemDelta], Any]] = {
    ADD: _add,
    DELETE: _delete,
    REPLACE: _replace,
}


def _shaped(values: list[Any], before: Any, delta: ItemDelta) -> Any:
    many = len(values) != 1 or isinstance(before, list) or delta.path[-1] in MANY
    return values if many else values[0]


def _with_id(value: Any, others: list[Any], path: Path) -> Any:
    if path[-1] not in NUMBERED or not isinstance(value, Mapping) or "id" in value:
        return value
    numbers = [int(one["id"]) for one in others if (_id_of(one) or "").isdigit()]
    return {"id": max(numbers, default=0) + 1, **value}


def meets(kept: Any, value: Any) -> bool:
    """Tell whether a value that is kept is the one that ``value`` means.

    An object means every one that has at least the same members; a text also means the PolyString
    that is spelled so, and a reference without a relation one with the default.
    """
    if isinstance(value, Mapping):
        if isinstance(kept, str) and value.get("orig") == kept:
            return True
        if not isinstance(kept, Mapping):
            return False
        return all(meets(_relation(kept, name), _relation(value, name)) for name in value)
    if isinstance(kept, Mapping):
        return "orig" in kept and kept["orig"] == value
    if isinstance(kept, list) and isinstance(value, list):
        return len(kept) == len(value) and all(map(meets, kept, value))
    if isinstance(kept, bool) or isinstance(value, bool):
        return kept is value
    return bool(kept == value)


def _relation(value: Mapping[str, Any], name: str) -> Any:
    found = value.get(name, ABSENT)
    if name == "relation":
        local = str(found if found not in (ABSENT, None) else DEFAULT_RELATION)
        return local.rpartition("#")[2].rpartition(":")[2]
    if name == "type" and isinstance(found, str):
        return found.rpartition("#")[2].rpartition(":")[2]
    return found
