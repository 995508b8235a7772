"""The kinds of job that this service can run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from odimra.tasks import Effect, Result, TaskMessage, states

if TYPE_CHECKING:
    from odimra.engine.context import JobContext


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: the final state, what it would have answered, and what it changed.

    ``effects`` are written in the same step as the final state.
    """

    state: str = states.COMPLETED
    result: Result | None = None
    messages: Sequence[TaskMessage] = ()
    effects: Sequence[Effect] = ()
    created_resources: Sequence[str] = ()


class JobKind(Protocol):
    """One kind of job, by the name that its tasks carry.

    ``run`` may be called again for the same task after a worker died: it goes on from
    ``job.checkpoint``. It ends early by letting the exceptions of ``job`` pass.
    """

    @property
    def name(self) -> str:
        """The kind's name."""

    async def run(self, job: JobContext) -> Outcome:
        """Do the work of one task."""


class UnknownKind(Exception):
    """No job kind of that name is registered."""


@dataclass
class Registry:
    """Job kinds by name."""

    _kinds: dict[str, JobKind] = field(default_factory=dict)

    def add(self, kind: JobKind) -> None:
        """Register ``kind``. Raises ValueError when its name is taken."""
        if kind.name in self._kinds:
            raise ValueError(f"two job kinds are called {kind.name}")
        self._kinds[kind.name] = kind

    def get(self, name: str) -> JobKind:
        """Return the kind of that name. Raises :class:`UnknownKind`."""
        try:
            return self._kinds[name]
        except KeyError:
            raise UnknownKind(name) from None

    @property
    def names(self) -> list[str]:
        """The names of the kinds."""
        return sorted(self._kinds)

    def claim_state(self, name: str) -> str:
        """Return the state that a task of that kind enters when a worker takes it."""
        return getattr(self._kinds.get(name), "claim_state", states.RUNNING)
