"""Changes of an object's items: midPoint's item deltas, read and applied.

An object has no schema here: a property has a list when it is one that has (:data:`MANY`), when it
has one already, or when it gets more than one value. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
#: Changes that one delta may make, and values that one change may add or delete.
MOST = 1000
#: Members of a text that is spelled in one way and compared in another.
_POLY_STRING = frozenset({"orig", "norm", "translation", "lang"})
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
    if path[-1].startswith("["):
        raise BadScript(f"{element}/path", "leads to a value, not to an item that has values")
    values = tuple(_value(one, path) for one in listed(given.get("value")))
    if kind != REPLACE and not values:
        raise BadScript(f"{element}/value", f"is missing: what to {kind}")
    if kind != REPLACE and len(values) > MOST:
        # Each is looked for among those that there are.
        raise BadScript(f"{element}/value", f"there are more than {MOST} to {kind}")
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
    if last in NUMBERED and isinstance(kept.get("id"), str) and kept["id"].isdigit():
        kept["id"] = int(kept["id"])  # XML has texts only
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
    if node in (ABSENT, None, []):
        if delta.kind == DELETE:
            return node
        node = {}
    if isinstance(node, list):
        if len(node) > 1:
            said = "leads through several values, name one by its id"
            raise CannotApply(f"{shown(delta.path)} {said}")
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
    found, plain = list(current), {key for key in map(_plain, current) if key is not None}
    numbering = _Numbering(delta, current)
    for value in delta.values:
        key = _plain(value)
        if key is None:
            if any(meets(one, value) and meets(value, _bare(one, value)) for one in found):
                continue
        elif key in plain:
            continue
        else:
            plain.add(key)
        found.append(numbering.numbered(value))
    return _shaped(found, node, delta)


def _plain(value: Any) -> tuple[bool, Any] | None:
    """Return by what a plain value or PolyString is found among many; None for all others."""
    if isinstance(value, Mapping):
        value = value.get("orig") if value.keys() <= _POLY_STRING else None
    if isinstance(value, list | Mapping) or value is None:
        return None
    return isinstance(value, bool), value


def _bare(kept: Any, value: Any) -> Any:
    """Return a kept value without the id that it was given, unless the other names one."""
    if isinstance(kept, Mapping) and not (isinstance(value, Mapping) and "id" in value):
        return {name: one for name, one in kept.items() if name != "id"}
    return kept


def _delete(node: Any, delta: ItemDelta) -> Any:
    if node is ABSENT or node is None:
        return node
    current = node if isinstance(node, list) else [node]
    plain = {key for key in map(_plain, delta.values) if key is not None}
    others = [value for value in delta.values if _plain(value) is None]
    left = [
        one
        for one in current
        if _plain(one) not in plain and not any(meets(one, value) for value in others)
    ]
    if not left:
        return ABSENT
    return left if isinstance(node, list) else left[0]


def _replace(node: Any, delta: ItemDelta) -> Any:
    numbering = _Numbering(delta, [])
    found = [numbering.numbered(value) for value in delta.values]
    return _shaped(found, node, delta) if found else ABSENT


_CHANGES: Mapping[str, Callable[[Any, ItemDelta], Any]] = {
    ADD: _add,
    DELETE: _delete,
    REPLACE: _replace,
}


def _shaped(values: list[Any], before: Any, delta: ItemDelta) -> Any:
    # A list alone would be taken for several values.
    alone = len(values) == 1 and not isinstance(values[0], list)
    many = not alone or isinstance(before, list) or delta.path[-1] in MANY
    return values if many else values[0]


class _Numbering:
    """Gives new values of a numbered container the ids that they lack."""

    def __init__(self, delta: ItemDelta, kept: Sequence[Any]) -> None:
        self._delta = delta
        self._taken = {_id_of(one) for one in kept}
        known = (_id_of(one) or "" for one in (*kept, *delta.values))
        self._last = max((int(one) for one in known if one.isdigit()), default=0)

    def numbered(self, value: Any) -> Any:
        """Return a value with its id. Raises :class:`CannotApply` when another one has it."""
        if self._delta.path[-1] not in NUMBERED or not isinstance(value, Mapping):
            return value
        if "id" not in value:
            self._last += 1
            return {"id": self._last, **value}
        number = _id_of(value)
        if number in self._taken:
            raise CannotApply(f"{shown(self._delta.path)}: two values would have the same id")
        self._taken.add(number)
        return value


def meets(kept: Any, value: Any) -> bool:
    """Tell whether a value that is kept is the one that ``value`` means.

    An object means every one that has at least the same members; a text also means the PolyString
    that is spelled so, a reference without a relation one with the default, and a reference that
    names no type one to whichever.
    """
    if isinstance(value, Mapping):
        if isinstance(kept, str) and value.get("orig") == kept:
            return True
        if not isinstance(kept, Mapping):
            return False
        if "oid" not in value:
            return all(meets(_shown(kept, name), _shown(value, name)) for name in value)
        return all(
            meets(_shown(kept, name), _shown(value, name))
            for name in {*value, "relation"}
            if name != "type" or "type" in kept
        )
    if isinstance(kept, Mapping):
        return "orig" in kept and kept["orig"] == value
    if isinstance(kept, list) and isinstance(value, list):
        return len(kept) == len(value) and all(map(meets, kept, value))
    if isinstance(kept, bool) or isinstance(value, bool):
        return kept is value
    return bool(kept == value)


def _shown(value: Mapping[str, Any], name: str) -> Any:
    """Return a member as it is compared."""
    found = value.get(name, ABSENT)
    if name == "relation":
        return _local(str(found if found not in (ABSENT, None) else DEFAULT_RELATION))
    if name == "type" and isinstance(found, str):
        return _local(found)
    if name == "id" and isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found


def _local(name: str) -> str:
    return name.rpartition("#")[2].rpartition(":")[2]
