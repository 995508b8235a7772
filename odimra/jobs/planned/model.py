"""A Redfish Job as it is kept: its requests in their order, for whom, when. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: What the ids of scheduled jobs begin with that are Redfish Jobs.
PREFIX = "redfish:"
KIND = "redfish-job"
#: Steps that a job may have.
MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is performed: method, path and body."""

    operation: str
    target: str
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def stored(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return {"operation": self.operation, "target": self.target, "body": dict(self.body)}

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> Request:
        """Read what :meth:`stored` returned."""
        return cls(kept["operation"], kept["target"], kept["body"])


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job."""

    id: str
    name: str
    request: Request


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job is: its steps (one without a name where it has none of its own), and for whom.

    Times in ms since the epoch. ``stepped`` says whether its steps are shown.
    """

    name: str
    owner: str
    created: int
    steps: Sequence[Step]
    stepped: bool = False
    hide: bool = False
    schedule: Mapping[str, Any] = field(default_factory=dict)
    start: int | None = None

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
        )


def task_of(run: str, step: str) -> str:
    """Return the id of the task that a step of a run starts, whichever worker starts it."""
    return f"task{uuid.uuid5(uuid.NAMESPACE_URL, f'{run}/{step}')}"
