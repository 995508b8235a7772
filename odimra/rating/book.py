"""The book of rules: what there is of services, fields, groups and rules, and what it comes to.

What :mod:`.rules` reads from the store and works its changes out on. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from odimra.rating.errors import RuleMissing
from odimra.rating.hashmap import Hashmap, MappingRule, Room, ThresholdRule
from odimra.rating.pricing import Pricing

SERVICE, FIELD, GROUP, MAPPING, THRESHOLD, MODULE = (
    "service",
    "field",
    "group",
    "mapping",
    "threshold",
    "module",
)
#: Hashmaps that a book keeps: of scopes with rules of their own, of times between two changes.
MOST_COMPILED = 256

Entity = dict[str, Any]


@dataclass(slots=True)
class Book:
    """All rules as they were at a revision, by kind and id, in the order of their making."""

    rev: int
    entities: dict[str, dict[str, Entity]]
    _compiled: dict[tuple[str | None, int], Pricing] = field(default_factory=dict)
    _room: Room = field(default_factory=Room)
    _edges: list[int] | None = None
    _tenants: frozenset[str | None] | None = None

    def of(self, kind: str) -> dict[str, Entity]:
        """Return what there is of a kind, by id."""
        return self.entities.get(kind, {})

    def get(self, kind: str, id: str) -> Entity:
        """Return one. Raises :class:`RuleMissing`."""
        found = self.of(kind).get(id)
        if found is None or found.get("deleted"):
            raise RuleMissing(kind, id)
        return found

    def live(self, kind: str) -> list[Entity]:
        """Return what there is of a kind and was not deleted."""
        return [one for one in self.of(kind).values() if not one.get("deleted")]

    def enabled(self) -> bool:
        """Tell whether these rules make prices at all."""
        module = self.of(MODULE).get("hashmap", {})
        return bool(module.get("enabled", True))

    def size(self) -> int:
        """Return how many there are that count: neither modules nor what was deleted."""
        return sum(len(self.live(kind)) for kind in self.entities if kind != MODULE)

    def hashmap(self, scope: str, at: int) -> Hashmap:
        """Return the rules for a scope and a period that begins at ``at``."""
        return self.pricing(scope, at).hashmap

    def pricing(self, scope: str, at: int) -> Pricing:
        """Return the prices for a scope and a period that begins at ``at``."""
        # They are the same from one start or end of a mapping to the next.
        if self._edges is None:
            edges = {
                moment
                for one in self.live(MAPPING)
                for moment in (one["start"], one["end"])
                if moment is not None
            }
            self._edges = sorted(edges)
        if self._tenants is None:
            rules = [*self.live(MAPPING), *self.live(THRESHOLD)]
            self._tenants = frozenset(one["tenant_id"] for one in rules)
        key = (scope if scope in self._tenants else None, bisect_right(self._edges, at))
        found = self._compiled.get(key)
        if found is None:
            # Periods come in order and scopes one by one: those of before are done with.
            if len(self._compiled) >= MOST_COMPILED:
                self._compiled.clear()
                self._room = Room()
            found = self._compiled[key] = Pricing(self._compile(scope, at))
        return found

    def _compile(self, scope: str, at: int) -> Hashmap:
        if not self.enabled():
            return Hashmap((), (), scope=scope, at=at, room=self._room)
        mappings, thresholds = [], []
        for one in self.live(MAPPING):
            service, attribute = self._parent(one)
            mappings.append(
                MappingRule(
                    service,
                    one["type"],
                    Decimal(one["cost"]),
                    one["start"],
                    one["end"],
                    attribute,
                    one["value"],
                    one["group_id"],
                    one["tenant_id"],
                )
            )
        for one in self.live(THRESHOLD):
            service, attribute = self._parent(one)
            thresholds.append(
                ThresholdRule(
                    service,
                    one["type"],
                    Decimal(one["cost"]),
                    Decimal(one["level"]),
                    attribute,
                    one["group_id"],
                    one["tenant_id"],
                )
            )
        return Hashmap(mappings, thresholds, scope=scope, at=at, room=self._room)

    def _parent(self, one: Mapping[str, Any]) -> tuple[str, str | None]:
        if one["field_id"] is None:
            return str(self.of(SERVICE)[one["service_id"]]["name"]), None
        attribute = self.of(FIELD)[one["field_id"]]
        return str(self.of(SERVICE)[attribute["service_id"]]["name"]), str(attribute["name"])


@dataclass(slots=True)
class Changes:
    """What a change writes and takes away."""

    puts: list[tuple[str, str, Entity]] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
