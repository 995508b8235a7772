"""How a script is run: its expressions laid out as nodes with a place each in the store.

What one item goes through without looking at another is a *unit*: it is done in one turn, which is
written as a whole. Expressions that take lists are nodes, which hand their lists on through the
store. A search and the unit behind it are one node where that makes no difference. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from odimra.jobs.bulk.language import (
    Action,
    Expression,
    Filter,
    FilterContent,
    Foreach,
    Pipeline,
    Search,
    Select,
    Sequence,
)
from odimra.jobs.bulk.types import of_records


@dataclass(frozen=True, slots=True)
class Chain:
    """Children one behind the other; ``same`` if all take the same input, else each the last's."""

    index: int
    children: tuple[Node, ...]
    same: bool


@dataclass(frozen=True, slots=True)
class Loop:
    """The child, for one item after the other."""

    index: int
    child: Node
    keep: bool


@dataclass(frozen=True, slots=True)
class Each:
    """A unit, for each item on its own; ``whole`` if it takes all items at once."""

    index: int
    unit: Expression
    whole: bool = False
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Find:
    """A search, and what is done with each object as it is found (None: nothing)."""

    index: int
    search: Search
    unit: Expression | None = None
    keep: bool = True


Node: TypeAlias = "Chain | Loop | Each | Find"

#: Actions that touch the object only which they are given: what a search has yet to find stays as
#: it is, so that it makes no difference whether they come after all of it or in between.
_LOCAL = frozenset(
    {
        *("modify", "delete", "enable", "disable", "assign", "unassign", "recompute"),
        *("log", "notify", "validate"),
    }
)


class Plan:
    """The nodes of a script, by their numbers; the last one is the whole."""

    def __init__(self, expression: Expression) -> None:
        self.nodes: list[Node] = []
        self.root = self._node(expression)

    @property
    def parts(self) -> int:
        """How many nodes there are one after the other; a loop is one, whatever is inside."""
        return _parts(self.root)

    def _add(self, node: Node) -> Node:
        self.nodes.append(node)
        return node

    @property
    def _next(self) -> int:
        return len(self.nodes)

    def _node(self, expression: Expression) -> Node:
        match expression:
            case Pipeline(children):
                nodes = self._fused(children)
                return nodes[0] if len(nodes) == 1 else self._add(Chain(self._next, nodes, False))
            case Sequence(children):
                nodes = tuple(map(self._node, children))
                return self._add(Chain(self._next, nodes, True))
            case Foreach(child, keep):
                if is_unit(child):
                    return self._add(Each(self._next, child, keep=keep))
                node = self._node(child)
                return self._add(Loop(self._next, node, keep))
            case Search():
                return self._add(Find(self._next, expression))
            case Action(parameters=parameters) if parameters.get("whole"):
                return self._add(Each(self._next, expression, whole=True))
        return self._add(Each(self._next, expression))

    def _fused(self, children: tuple[Expression, ...]) -> tuple[Node, ...]:
        nodes: list[Node] = []
        waiting: Search | None = None
        for child in children:
            if waiting is not None:
                unit, keep = child, True
                if isinstance(child, Foreach):
                    unit, keep = child.child, child.keep
                if not _may_fuse(waiting, unit):
                    nodes.append(self._add(Find(self._next, waiting)))
                    waiting = None
                else:
                    nodes.append(self._add(Find(self._next, waiting, unit, keep)))
                    waiting = None
                    continue
            if isinstance(child, Search):
                waiting = child
            else:
                nodes.append(self._node(child))
        if waiting is not None:
            nodes.append(self._add(Find(self._next, waiting)))
        return tuple(nodes)


def _parts(node: Node) -> int:
    return sum(map(_parts, node.children)) if isinstance(node, Chain) else 1


def is_unit(expression: Expression) -> bool:
    """Tell whether one item goes through it on its own: there is no search in it."""
    match expression:
        case Pipeline(children) | Sequence(children):
            return all(map(is_unit, children))
        case Foreach(child):
            return is_unit(child)
        case Search():
            return False
    return True


def _may_fuse(search: Search, unit: Expression) -> bool:
    if search.query.order or not (is_unit(unit) and _is_local(unit)):
        return False
    # What is done to machines is done at once, and may be what the search would not find any more:
    # so what was found is written down before, for whoever goes on when the worker has died.
    return not (of_records(search.type).machine and patient(unit, machines=True))


def _is_local(expression: Expression) -> bool:
    match expression:
        case Pipeline(children) | Sequence(children):
            return all(map(_is_local, children))
        case Foreach(child):
            return _is_local(child)
        case Action(name=name, parameters=parameters):
            return (name in _LOCAL or expression.redfish) and not parameters.get("whole")
        case Select() | Filter() | FilterContent():
            return True
    return False


def patient(expression: Expression, *, machines: bool) -> bool:
    """Tell whether it waits for others than the store: then several items are in hand at once.

    ``machines`` says whether there are machines among the items.
    """
    match expression:
        case Pipeline(children) | Sequence(children):
            return any(patient(child, machines=machines) for child in children)
        case Foreach(child):
            return patient(child, machines=machines)
        case Action(name=name):
            return name == "execute-script" or expression.redfish or (machines and name == "modify")
    return False
