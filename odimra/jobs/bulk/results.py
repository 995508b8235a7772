"""Operation results: what was done how often and how it ended, summarised as midPoint does it.

Results of one operation and status are kept as one while they are successes, else as the first few
and a number; so a summary stays small whatever it sums up. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SUCCESS = "success"
WARNING = "warning"
PARTIAL_ERROR = "partial_error"
FATAL_ERROR = "fatal_error"
HANDLED_ERROR = "handled_error"
IN_PROGRESS = "in_progress"
NOT_APPLICABLE = "not_applicable"
UNKNOWN = "unknown"

#: Records of one operation and status that are kept one by one (midPoint's
#: subresultStripThreshold).
KEPT = 10
#: Longest message that is kept, in characters.
LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Note:
    """How one operation on one item ended.

    ``about`` names the item, ``micros`` is how long it took in microseconds, ``reference`` names
    what goes on on its own.
    """

    operation: str
    status: str = SUCCESS
    message: str = ""
    about: str = ""
    micros: int = 0
    reference: str = ""


@dataclass(slots=True)
class _Group:
    """The results of one operation and one status."""

    count: int = 0
    micros: int = 0
    kept: list[list[str]] = field(default_factory=list)


class Summary:
    """Results in the order in which their kinds were met first."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], _Group] = {}

    def add(self, note: Note) -> None:
        """Take one more result."""
        group = self._groups.setdefault((note.operation, note.status), _Group())
        group.count += 1
        group.micros += note.micros
        if note.status != SUCCESS and len(group.kept) < KEPT:
            group.kept.append([note.message[:LONGEST], note.about, note.reference])

    def stored(self) -> list[Any]:
        """Return it as plain data."""
        return [
            [operation, status, group.count, group.micros, group.kept]
            for (operation, status), group in self._groups.items()
        ]

    @classmethod
    def load(cls, stored: Iterable[Any]) -> Summary:
        """Read what :meth:`stored` returned."""
        summary = cls()
        for operation, status, count, micros, kept in stored:
            summary._groups[operation, status] = _Group(count, micros, [list(one) for one in kept])
        return summary

    def children(self) -> list[dict[str, Any]]:
        """Return them as the partial results of an OperationResultType."""
        found: list[dict[str, Any]] = []
        for (operation, status), group in self._groups.items():
            if status == SUCCESS:
                found.append(
                    {
                        "operation": operation,
                        "status": status,
                        "count": group.count,
                        "microseconds": group.micros,
                    }
                )
                continue
            found += [_kept(operation, status, *one) for one in group.kept]
            hidden = group.count - len(group.kept)
            if hidden:
                found.append(
                    {
                        "operation": operation,
                        "status": status,
                        "hiddenRecordsCount": hidden,
                        "message": (
                            f"{hidden} record(s) were hidden to save space. "
                            f"Total number of records: {group.count}"
                        ),
                    }
                )
        return found

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return how often each operation succeeded, and how often it did not."""
        found: dict[str, tuple[int, int]] = {}
        for (operation, status), group in self._groups.items():
            good, bad = found.get(operation, (0, 0))
            if status == SUCCESS:
                good += group.count
            else:
                bad += group.count
            found[operation] = (good, bad)
        return found

    @property
    def status(self) -> str:
        """The status that all of them come to."""
        return rolled_up(status for _, status in self._groups)


def _kept(operation: str, status: str, message: str, about: str, reference: str) -> dict[str, Any]:
    found: dict[str, Any] = {"operation": operation, "status": status}
    if about:
        found["params"] = {"entry": [{"key": "object", "paramValue": about}]}
    if reference:
        found["asynchronousOperationReference"] = reference
    if message:
        found["message"] = message
    return found


def rolled_up(statuses: Iterable[str]) -> str:
    """Return what results come to: midPoint's rule for the status of a parent.

    The first that is fatal or goes on decides; without any it is a success.
    """
    seen = list(statuses)
    for status in seen:
        if status in (FATAL_ERROR, IN_PROGRESS):
            return status
    if seen and all(status == NOT_APPLICABLE for status in seen):
        return NOT_APPLICABLE
    for status in (PARTIAL_ERROR, HANDLED_ERROR, WARNING):
        if status in seen:
            return status
    return SUCCESS


def failed(
    operation: str, message: str, partial: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return the result of an operation that has failed.

    The message is there twice: clients look for it in the partial results.
    """
    inner = list(partial) or [{"operation": operation, "status": FATAL_ERROR, "message": message}]
    return {
        "operation": operation,
        "status": FATAL_ERROR,
        "message": message,
        "partialResults": inner,
    }
