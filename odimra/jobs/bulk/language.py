"""What a script says, once it is read: expressions, actions and options.

The language is that of midPoint's scripting-3 schema. An expression takes a list of items and
returns another. Made by :mod:`.parsing`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from odimra.jobs.bulk.query import Query


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Each expression takes what the one before it returns."""

    children: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Each expression takes the same input; what the last returns is returned."""

    children: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """The records of a type that a query means, once per item of the input."""

    type: str
    query: Query


@dataclass(frozen=True, slots=True)
class Foreach:
    """Its child takes one item at a time; ``keep`` says whether what it returns is returned."""

    child: Expression
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Select:
    """The values at a path in each item."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """The items that a query means."""

    query: Query


@dataclass(frozen=True, slots=True)
class FilterContent:
    """Each item with some of its content only: ``keep`` these paths, or ``remove`` those."""

    keep: tuple[tuple[str, ...], ...] = ()
    remove: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """Something done to each item.

    ``name`` is that of the dynamic form (``execute-script``); of a Redfish action it is its name
    (``ComputerSystem.Reset``). ``element`` is where it is in the script.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    raw: bool = False
    overwrite: bool = False
    force: bool = False
    element: str = ""

    @property
    def redfish(self) -> bool:
        """Whether it is an action of a machine."""
        return "." in self.name


Expression: TypeAlias = (
    "Pipeline | Sequence | Search | Foreach | Select | Filter | FilterContent | Action"
)


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script; ``input`` are the values that its expression takes."""

    expression: Expression
    input: tuple[Any, ...] = ()
    continue_on_error: bool = False
    hide_results: bool = False
