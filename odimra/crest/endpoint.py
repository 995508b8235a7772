"""What is served at a path: an endpoint answers the operations that it has, and refuses the others.

Used by :mod:`.frame`; subclassed by the modules that serve something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from odimra.crest.asking import Ask
from odimra.crest.errors import bad, not_supported
from odimra.records import rights


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; ``rev`` is the revision of the one resource that it shows."""

    body: Any = None
    status: int = 200
    rev: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Endpoint:
    """Has no operation. ``args`` are what the stars of its path stand for.

    ``reading`` and ``writing`` are the privileges that it takes; actions that only ask, named in
    ``asking`` in lower case, take the first.
    """

    reading = rights.READ
    writing = rights.WRITE
    asking: frozenset[str] = frozenset()

    async def read(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """``GET``."""
        raise not_supported("Reading is not supported here")

    async def query(self, ask: Ask, *args: str) -> Answer:
        """``GET`` with one of the query parameters."""
        raise not_supported("Queries are not supported here")

    async def create(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """``PUT`` of what is not there, or ``POST``, which makes the id up."""
        raise not_supported("Creating is not supported here")

    async def update(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """``PUT`` of what is there."""
        raise not_supported("Updating is not supported here")

    async def put(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """``PUT`` without a condition: create or update."""
        raise not_supported("Creating and updating are not supported here")

    async def patch(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """``PATCH``."""
        raise not_supported("Patching is not supported here")

    async def delete(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """``DELETE``."""
        raise not_supported("Deleting is not supported here")

    async def action(self, ask: Ask, resource_id: str | None, name: str, *args: str) -> Answer:
        """``POST`` with ``_action``, which is none of creating."""
        raise bad(f"Unknown action: {name[:50]}")
