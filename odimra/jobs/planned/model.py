"""A Redfish Job as it is kept: its requests in order, for whom, when; how far a run is. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from odimra.tasks import Task

#: What the ids of scheduled jobs begin with that are Redfish Jobs.
PREFIX = "redfish:"
KIND = "redfish-job"
#: Steps that a job may have.
MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is performed: method, path, body, and headers as ``name: value``."""

    operation: str
    target: str
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    headers: Sequence[str] = ()

    @property
    def header_pairs(self) -> list[tuple[str, str]]:
        """The headers as names and values."""
        parts = (one.partition(":") for one in self.headers)
        return [(name.strip(), value.strip()) for name, _, value in parts]

    @property
    def if_match(self) -> str | None:
        """The value of the header If-Match."""
        for name, value in self.header_pairs:
            if name.lower() == "if-match":
                return value
        return None

    def stored(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return {
            "operation": self.operation,
            "target": self.target,
            "body": dict(self.body),
            "headers": list(self.headers),
        }

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> Request:
        """Read what :meth:`stored` returned."""
        return cls(kept["operation"], kept["target"], kept["body"], kept["headers"])


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job."""

    id: str
    name: str
    request: Request


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job is: its steps (one without a name where it has none of its own), and for whom.

    Times in ms since the epoch. ``stepped`` says whether its steps are shown, ``longest`` how long
    a run may take, as a Redfish Duration (empty: any time).
    """

    name: str
    owner: str
    created: int
    steps: Sequence[Step]
    stepped: bool = False
    hide: bool = False
    schedule: Mapping[str, Any] = field(default_factory=dict)
    start: int | None = None
    longest: str = ""

    def stored(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return {
            "name": self.name,
            "owner": self.owner,
            "created": self.created,
            "steps": [
                {"id": one.id, "name": one.name, **one.request.stored()} for one in self.steps
            ],
            "stepped": self.stepped,
            "hide": self.hide,
            "schedule": dict(self.schedule),
            "start": self.start,
            "longest": self.longest,
        }

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> Plan:
        """Read what :meth:`stored` returned."""
        return cls(
            kept["name"],
            kept["owner"],
            kept["created"],
            [Step(one["id"], one["name"], Request.load(one)) for one in kept["steps"]],
            kept["stepped"],
            kept["hide"],
            kept["schedule"],
            kept["start"],
            kept["longest"],
        )


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a run is: its checkpoint.

    ``ended`` holds when each step that is done has ended (ms), ``made`` what each has made: a URI
    or "". ``begun`` is the number of the step under way if that must not be done a second time,
    ``now`` what the step under way has made.
    """

    ended: tuple[int, ...] = ()
    made: tuple[str, ...] = ()
    begun: int | None = None
    now: str = ""

    @property
    def done(self) -> int:
        """How many steps are done."""
        return len(self.ended)

    def stored(self) -> dict[str, Any]:
        """Return what is kept of it."""
        found: dict[str, Any] = {"ended": self.ended, "made": self.made}
        if self.begun is not None:
            found["begun"] = self.begun
        if self.now:
            found["now"] = self.now
        return found

    @classmethod
    def load(cls, kept: Mapping[str, Any] | None) -> Reached:
        """Read what :meth:`stored` returned; None is the beginning."""
        if kept is None:
            return cls()
        return cls(
            tuple(kept["ended"]), tuple(kept["made"]), kept.get("begun"), kept.get("now", "")
        )


def task_of(run: Task, step: str) -> str:
    """Return the id of the task that a step of a run starts, whichever worker starts it."""
    # A run that is made again has the same id, and begins at another time.
    return f"task{uuid.uuid5(uuid.NAMESPACE_URL, f'{run.id}/{run.start_time}/{step}')}"
