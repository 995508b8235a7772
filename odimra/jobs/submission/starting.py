"""What a contract's action may start: each kind of job is made ready by one of these.

Put together in :mod:`odimra.startables`; called by the face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from odimra.access import Principal
from odimra.tasks import Guard, NewTask, Payload


class StartRefused(Exception):
    """What is asked for cannot be done; the text names the argument."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task that is ready to be created, with the guards of its kind; ``task_id`` may be empty."""

    new: NewTask
    task_id: str = ""
    guards: Sequence[tuple[Guard, Any]] = ()


class Startable(Protocol):
    """A kind of job. ``arguments`` are the names that it takes, ``needs`` a privilege."""

    arguments: frozenset[str]
    needs: str

    async def prepare(
        self, arguments: Mapping[str, Any], principal: Principal, payload: Payload
    ) -> Prepared:
        """Make a task ready. Raises :class:`StartRefused`."""
