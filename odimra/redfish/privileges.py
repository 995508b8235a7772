"""The privilege map: who may do what, from ``config/privileges.yaml``, applied by the frame only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from odimra.resources import data_path

#: Alternatives, of which one must be held in full.
Alternatives = tuple[frozenset[str], ...]


class UnknownEntity(Exception):
    """A route has no row, or its row no method, in the privilege map: the service does not start."""


@dataclass(frozen=True, slots=True)
class PrivilegeMap:
    """Rows by entity, each a mapping from method to alternatives."""

    rows: Mapping[str, Mapping[str, Alternatives]]

    @classmethod
    def load(cls) -> PrivilegeMap:
        """Read ``config/privileges.yaml``."""
        text = data_path("config", "privileges.yaml").read_text(encoding="utf-8")
        document: Mapping[str, Mapping[str, Sequence[Sequence[str]]]] = yaml.safe_load(text)
        return cls(
            {
                entity: {
                    method: tuple(frozenset(one) for one in alternatives)
                    for method, alternatives in methods.items()
                }
                for entity, methods in document.items()
            }
        )

    def needed(self, entity: str, method: str) -> Alternatives:
        """Return what ``method`` on ``entity`` needs. Raises :class:`UnknownEntity`."""
        try:
            return self.rows[entity][{"HEAD": "GET", "PUT": "PATCH"}.get(method, method)]
        except KeyError:
            raise UnknownEntity(
                f"config/privileges.yaml does not say who may {method} a {entity}"
            ) from None


def allowed(needed: Alternatives, held: frozenset[str]) -> bool:
    """Tell whether who holds ``held`` may do what needs ``needed``."""
    return any(one <= held for one in needed)
