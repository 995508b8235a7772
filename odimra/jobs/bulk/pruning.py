"""Content that is shown in part: some paths of it only, or all but some.

Paths lead through lists into each of their values, or by an id into one. Used by :mod:`.turn`;
pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from odimra.jobs.bulk.paths import Path

#: Says who an object is: it stays, whatever else goes.
IDENTITY: Final = ("@type", "oid", "version")

#: Several paths by their segments, trees within trees; an empty one means all that is there.
_Tree: TypeAlias = "dict[str, Any]"
_NOTHING: Final = object()


def kept(data: Any, paths: Iterable[Path]) -> Any:
    """Return an object with what is at these paths only; other values as they are."""
    if not isinstance(data, Mapping):
        return data
    identity = {name: data[name] for name in IDENTITY if name in data}
    found = _kept(data, _tree(paths))
    return identity if found is _NOTHING else {**identity, **found}


def removed(data: Any, paths: Iterable[Path]) -> Any:
    """Return an object without what is at these paths; other values as they are."""
    if not isinstance(data, Mapping):
        return data
    identity = {name: data[name] for name in IDENTITY if name in data}
    return {**_removed(data, _tree(paths)), **identity}


def _tree(paths: Iterable[Path]) -> _Tree:
    root: _Tree = {}
    for path in paths:
        *above, last = path
        node = root
        for segment in above:
            if node.get(segment) == {}:
                break  # all of it is meant already
            node = node.setdefault(segment, {})
        else:
            node[last] = {}
    return root


def _joined(one: _Tree | None, other: _Tree | None) -> _Tree | None:
    """Return what either of two trees means."""
    if one is None or other is None:
        return one if other is None else other
    if not one or not other:
        return {}
    return {name: _joined(one.get(name), other.get(name)) for name in {**one, **other}}


def _of_value(value: Any, tree: _Tree) -> _Tree | None:
    """Return what a tree means of one value of a property; None when it means nothing of it."""
    if not tree or not isinstance(value, Mapping):
        return None if tree else tree
    named = {name: inner for name, inner in tree.items() if not name.startswith("[")}
    return _joined(named or None, tree.get(f"[{value.get('id')}]"))


def _kept(data: Any, tree: _Tree) -> Any:
    if isinstance(data, list) and tree:
        values = [one for one in (_kept(one, tree) for one in data) if one is not _NOTHING]
        return values or _NOTHING
    meant = _of_value(data, tree)
    if meant is None:
        return _NOTHING
    if not meant:
        return data
    found = {name: _kept(data[name], inner) for name, inner in meant.items() if name in data}
    return {name: one for name, one in found.items() if one is not _NOTHING} or _NOTHING


def _removed(data: Any, tree: _Tree) -> Any:
    if isinstance(data, list) and tree:
        values = [one for one in (_removed(one, tree) for one in data) if one is not _NOTHING]
        return values if values or not data else _NOTHING
    meant = _of_value(data, tree)
    if meant is None:
        return data
    if not meant:
        return _NOTHING
    left = {
        name: _removed(one, meant[name]) if name in meant else one for name, one in data.items()
    }
    return {name: one for name, one in left.items() if one is not _NOTHING}
