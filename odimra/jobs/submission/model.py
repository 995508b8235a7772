"""A submitted job, and how one is looked for. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

#: What a job may be (DESIGN 7): the tasks' states in this dialect.
STATUSES = ("SUBMITTED", "SUSPENDED", "RUNNING", "ERROR", "ABORTED", "COMPLETED")
#: Fields that are numbers.
NUMBERS = frozenset({"id", "template_id", "template_revision", "created", "updated"})
#: Fields by which jobs are listed, and by which they can be put in order.
LISTED = (
    "status", "queue", "contract", "template_id", "template_name", "template_revision", "ext", "by",
    "dfiid", "lcid", "actor", "action", "type", "trigger",
)  # fmt: skip
SORTED = (
    "id", "status", "queue", "contract", "template_id", "template_name", "template_revision", "by",
    "created", "updated",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is kept: its number and its fields, times in ms since the epoch."""

    number: int
    fields: Mapping[str, str]

    def value(self, name: str) -> str:
        """Return a field, empty if there is none."""
        return str(self.number) if name == "id" else self.fields.get(name, "")

    def order(self, name: str) -> tuple[str, int]:
        """Return what puts it in order by a field, as the indexes have it."""
        value = self.value(name)
        return (value.rjust(16, "0") if value and name in NUMBERS else value, self.number)

    @property
    def task(self) -> str:
        """The id of the task that does it."""
        return self.fields["task"]


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: fields that have to be equal, times in ms (both bounds count), the order.

    ``after`` is what the last job of the page before is ordered by.
    """

    equal: Mapping[str, str] = field(default_factory=dict)
    created: tuple[int | None, int | None] = (None, None)
    updated: tuple[int | None, int | None] = (None, None)
    number: int | None = None
    sort: str = "id"
    descending: bool = True
    size: int = 100
    after: tuple[str, int] | None = None

    def meets(self, job: Job) -> bool:
        """Tell whether a job is one of those that are meant."""
        if self.number is not None and job.number != self.number:
            return False
        for name, (first, last) in (("created", self.created), ("updated", self.updated)):
            at = int(job.value(name))
            if (first is not None and at < first) or (last is not None and at > last):
                return False
        return all(job.value(name) == value for name, value in self.equal.items())


def key_of(user: str, contract: str, action: str, ext: str) -> str:
    """Return the digest by which a submission is known, the IPID of its four parts.

    Each part with its length: ("ab", "c") is not ("a", "bc").
    """
    made = hashlib.sha256()
    for part in (user, contract, action, ext):
        raw = part.encode()
        made.update(f"{len(raw)}:".encode() + raw)
    return made.hexdigest()


def fingerprint(variables: Mapping[str, Any]) -> str:
    """Return a digest of variables, whatever the order of their names."""
    return hashlib.sha256(orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)).hexdigest()
