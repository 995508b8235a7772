"""What a scan is told to do: the ``invokeContext`` of a scheduled job that invokes the scanner.

Pure: read once when a job is created and again when a run of it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from odimra.records.macros import BadDuration, Duration, duration, expand
from odimra.records.pointer import BadPointer, Pointer, parse

#: Scripts that run at the same time, unless the scan says how many.
THREADS = 10
MOST_THREADS = 256
JAVASCRIPT = "text/javascript"
#: Selections that know no more than "all records".
QUERY_ALL = ("query-all", "query-all-ids")
#: The stock query of scans without a filter: what is due and not done.
SCAN_TASKS = "scan-tasks"


class BadScan(ValueError):
    """The scan cannot be run; ``name`` is the property that is wrong, in dots."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(f"{name}: {said}")
        self.name = name


@dataclass(frozen=True, slots=True)
class ScanScript:
    """A script: its text."""

    source: str


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan. ``started`` and ``completed`` are where claim and completion stand in a record.

    ``lease`` is how long a claim holds off other runs; ``most`` records at most are worked on, all
    if None. ``query`` may hold macros.
    """

    object: str
    query: str
    started: Pointer
    completed: Pointer
    started_text: str
    completed_text: str
    lease: Duration
    script: ScanScript
    wait: bool = False
    threads: int = THREADS
    most: int | None = None

    def filter_at(self, now_ms: int) -> str:
        """Return the filter with its macros replaced."""
        return expand(
            self.query, now_ms, started=self.started_text, completed=self.completed_text
        )

    @classmethod
    def load(cls, context: Any) -> Scan:
        """Read an ``invokeContext``. Raises :class:`BadScan`."""
        given = _map(context, "invokeContext")
        scan = _map(given.get("scan"), "scan")
        state = _map(scan.get("taskState"), "scan.taskState")
        started_text = _text(state.get("started"), "scan.taskState.started")
        completed_text = _text(state.get("completed"), "scan.taskState.completed")
        threads = _whole(given.get("numberOfThreads", THREADS), "numberOfThreads")
        if not 1 <= threads <= MOST_THREADS:
            raise BadScan("numberOfThreads", f"is none of 1 to {MOST_THREADS}")
        most = given.get("maxRecords")
        if most is not None and (most := _whole(most, "maxRecords")) < 0:
            raise BadScan("maxRecords", "is less than 0")
        return cls(
            object=_text(scan.get("object"), "scan.object").strip("/"),
            query=_query(scan, completed_text),
            started=_pointer(started_text, "scan.taskState.started"),
            completed=_pointer(completed_text, "scan.taskState.completed"),
            started_text=started_text,
            completed_text=completed_text,
            lease=_lease(scan.get("recovery")),
            script=_script(given.get("task")),
            wait=_boolean(given.get("waitForCompletion", False), "waitForCompletion"),
            threads=threads,
            most=most,
        )


def _map(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadScan(name, "is missing" if value is None else "is no object")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadScan(name, "is missing" if value is None else "is no text, or an empty one")
    return value


def _whole(value: Any, name: str) -> int:
    # As text too: flattened configurations have nothing else.
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadScan(name, "is no whole number")
    return value


def _boolean(value: Any, name: str) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise BadScan(name, "is neither true nor false")
    return value


def _pointer(text: str, name: str) -> Pointer:
    try:
        found = parse(text)
    except BadPointer as error:
        raise BadScan(name, str(error)) from None
    if not found:
        raise BadScan(name, "names the whole record")
    return found


def _query(scan: Mapping[str, Any], completed: str) -> str:
    """Return the one filter that says which records are meant."""
    given = {
        name: scan[alias]
        for name in ("queryFilter", "queryId", "queryExpression")
        for alias in (name, f"_{name}")
        if scan.get(alias) is not None
    }
    if len(given) != 1:
        said = "is missing" if not given else "cannot stand beside another query"
        raise BadScan("scan._queryFilter", said)
    if "queryFilter" in given:
        return _text(given["queryFilter"], "scan._queryFilter")
    if "queryExpression" in given:
        raise BadScan("scan._queryExpression", "is a language that this service does not have")
    query_id = _text(given["queryId"], "scan._queryId")
    if query_id in QUERY_ALL:
        return "true"
    if query_id != SCAN_TASKS:
        known = ", ".join((SCAN_TASKS, *QUERY_ALL))
        raise BadScan("scan._queryId", f"there is no query of that name; there are {known}")
    name = _text(scan.get("property"), "scan.property")
    condition = _map(scan.get("condition"), "scan.condition")
    before = _text(condition.get("before"), "scan.condition.before")
    quoted = before.replace("\\", "\\\\").replace('"', '\\"')
    return f'(/{name.strip("/")} lt "{quoted}" and ! (/{completed.strip("/")} pr))'


def _lease(recovery: Any) -> Duration:
    if recovery is None:
        return Duration()
    timeout = _map(recovery, "scan.recovery").get("timeout")
    if timeout is None:
        return Duration()
    try:
        return duration(_text(timeout, "scan.recovery.timeout"))
    except BadDuration as error:
        raise BadScan("scan.recovery.timeout", str(error)) from None


def _script(task: Any) -> ScanScript:
    given = _map(_map(task, "task").get("script"), "task.script")
    kind = given.get("type", JAVASCRIPT)
    if kind != JAVASCRIPT:
        raise BadScan("task.script.type", f"is not {JAVASCRIPT}, the only one there is")
    if "source" not in given and "file" in given:
        raise BadScan("task.script.file", "scripts are given by their source")
    return ScanScript(_text(given.get("source"), "task.script.source"))
