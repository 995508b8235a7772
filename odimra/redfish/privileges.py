"""The privilege map: who may do what, from ``config/privileges.yaml``, applied by the frame only.

DSP0266, privilege model; the semantics are those of the DMTF's PrivilegeRegistry: the method of an
entity lists alternatives, of which one must be held in full, and a property may have alternatives
of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

from odimra.access import Principal
from odimra.resources import data_path

#: Alternatives, of which one must be held in full.
Alternatives = tuple[frozenset[str], ...]

#: Not a privilege to hold: the method needs no login.
NO_AUTH = "NoAuth"
#: Counts on what is one's own only.
OWN = "ConfigureSelf"

METHODS = ("GET", "POST", "PATCH", "DELETE")


class BadPrivilegeMap(Exception):
    """The privilege map cannot be used: the service does not start."""


class UnknownEntity(BadPrivilegeMap):
    """A route has no row, or its row no method, in the privilege map."""


class Judge(Protocol):
    """Who may use one method of what is at a path; ``open`` when that takes no login."""

    @property
    def open(self) -> bool:
        """Whether it needs no login."""

    def admits(self, principal: Principal, path: str) -> bool:
        """Tell whether the request may go on; with overrides, whether some body could."""

    def refused(self, principal: Principal, path: str, names: Iterable[str]) -> bool:
        """Tell whether one of the properties ``names`` of a body may not be written."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use one method of one resource.

    ``properties`` are the alternatives of single properties of the body (PropertyOverrides).
    ``own_account``: the resource is an account, so that its owner is known here and ConfigureSelf
    counts for nobody else; of other resources their handler knows whose they are.
    """

    alternatives: Alternatives
    properties: Mapping[str, Alternatives] = field(default_factory=dict)
    own_account: bool = False
    open: bool = False

    def admits(self, principal: Principal, path: str) -> bool:
        """Tell whether the request may go on; with overrides, whether some body could."""
        held = self._held(principal, path)
        return any(one <= held for one in self.alternatives) or any(
            one <= held for alternatives in self.properties.values() for one in alternatives
        )

    def refused(self, principal: Principal, path: str, names: Iterable[str]) -> bool:
        """Tell whether one of the properties ``names`` of a body may not be written."""
        held = self._held(principal, path)
        return not all(
            any(one <= held for one in self.properties.get(name, self.alternatives))
            for name in names
        )

    def _held(self, principal: Principal, path: str) -> frozenset[str]:
        if self.own_account and path.rstrip("/") != principal.account_uri:
            return principal.privileges - {OWN}
        return principal.privileges


@dataclass(frozen=True, slots=True)
class PrivilegeMap:
    """Rules by entity and method."""

    rows: Mapping[str, Mapping[str, Rule]]

    @classmethod
    def load(cls) -> PrivilegeMap:
        """Read ``config/privileges.yaml``."""
        text = data_path("config", "privileges.yaml").read_text(encoding="utf-8")
        return cls.of(yaml.safe_load(text))

    @classmethod
    def of(cls, document: Mapping[str, Mapping[str, Any]]) -> PrivilegeMap:
        """Read the map's document. Raises :class:`BadPrivilegeMap`."""
        return cls({entity: _row(entity, row) for entity, row in document.items()})

    def rule(self, entity: str, method: str) -> Rule:
        """Return who may use ``method`` on ``entity``. Raises :class:`UnknownEntity`."""
        try:
            return self.rows[entity][{"HEAD": "GET", "PUT": "PATCH"}.get(method, method)]
        except KeyError:
            raise UnknownEntity(
                f"config/privileges.yaml does not say who may {method} a {entity}"
            ) from None


def _row(entity: str, row: Mapping[str, Any]) -> dict[str, Rule]:
    overrides: Mapping[str, Mapping[str, Any]] = row.get("properties", {})
    rules = {}
    for method, alternatives in row.items():
        if method in ("properties", "own_account"):
            continue
        if method not in METHODS:
            raise BadPrivilegeMap(f"config/privileges.yaml: {entity}: {method} is no method")
        found = _alternatives(entity, alternatives)
        rules[method] = Rule(
            tuple(one - {NO_AUTH} for one in found),
            {
                name: _alternatives(entity, methods[method])
                for name, methods in overrides.items()
                if method in methods
            },
            bool(row.get("own_account", False)),
            any(NO_AUTH in one for one in found),
        )
    return rules


def _alternatives(entity: str, document: Sequence[Sequence[str]]) -> Alternatives:
    # A string is a sequence too, of letters that nobody holds.
    if not document or any(isinstance(one, str) or not one for one in document):
        raise BadPrivilegeMap(
            f"config/privileges.yaml: {entity}: alternatives are lists of privileges, "
            f"with {NO_AUTH} where no login is needed"
        )
    return tuple(frozenset(one) for one in document)
