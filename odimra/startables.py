"""The kinds of jobs that contracts may start, each as it is made ready (:mod:`.jobs.submission`).

Put together by :mod:`.house`: no kind knows another, and none knows that it may be submitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from odimra.access import Principal
from odimra.emulation.images import BadImageURI
from odimra.emulation.kinds import BUTTON_TYPE, RESETS
from odimra.emulation.operations import (
    MachineOperations,
    NoSuchTarget,
    RequestRefused,
    TooManyTargets,
)
from odimra.jobs.bulk.errors import BadScript
from odimra.jobs.bulk.runs import BulkRuns
from odimra.jobs.reprocess.windows import Asked, Windows
from odimra.jobs.scanner.definition import BadScan
from odimra.jobs.scanner.runs import Runs
from odimra.jobs.submission.starting import Prepared, Startable, StartRefused
from odimra.many import Batches, Many, NoSuchSystem, NothingToDo, TooManySystems
from odimra.tasks import Payload

BUSY = "the machines take no request at present"


class ScanStart:
    """A scan: ``context`` is an ``invokeContext``."""

    arguments = frozenset({"context", "name"})
    needs = "ConfigureComponents"

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def prepare(
        self, arguments: Mapping[str, Any], principal: Principal, payload: Payload
    ) -> Prepared:
        """Make a scan ready."""
        name = str(arguments.get("name", "submitted"))
        try:
            new, task_id = await self._runs.prepare(
                name, arguments.get("context", {}), principal.account, payload
            )
        except BadScan as error:
            raise StartRefused(f"context: {error}") from None
        return Prepared(new, task_id)


class ScriptStart:
    """A bulk script: ``script`` is the content of ``executeScript``."""

    arguments = frozenset({"script"})
    needs = "ConfigureComponents"

    def __init__(self, runs: BulkRuns) -> None:
        self._runs = runs

    async def prepare(
        self, arguments: Mapping[str, Any], principal: Principal, payload: Payload
    ) -> Prepared:
        """Make a bulk script ready."""
        try:
            new, task_id = self._runs.prepare(
                "executeScript", arguments.get("script"), principal.account, payload
            )
        except BadScript as error:
            raise StartRefused(str(error)) from None
        return Prepared(new, task_id)


class ReprocessStart:
    """Periods that are rated again: ``scopes``, ``start``, ``end`` (ISO 8601), ``reason``."""

    arguments = frozenset({"scopes", "start", "end", "reason"})
    needs = "ConfigureUsers"

    def __init__(self, windows: Windows, *, period: int) -> None:
        self._windows = windows
        self._period = period

    async def prepare(
        self, arguments: Mapping[str, Any], principal: Principal, payload: Payload
    ) -> Prepared:
        """Make a window ready; whether it may be is seen when it is noted."""
        times = {name: self._moment(arguments, name) for name in ("start", "end")}
        if times["end"] < times["start"]:
            raise StartRefused("end: is before start")
        scopes, reason = arguments.get("scopes"), arguments.get("reason")
        if not isinstance(scopes, list) or not scopes:
            raise StartRefused("scopes: has to be a list of scopes")
        if not isinstance(reason, str) or not reason.strip():
            raise StartRefused("reason: has to be a text")
        asked = Asked(
            [str(one) for one in scopes], times["start"], times["end"], reason, principal.account
        )
        new, task_id, guards = self._windows.prepare(asked, payload)
        return Prepared(new, task_id, guards)

    def _moment(self, arguments: Mapping[str, Any], name: str) -> int:
        try:
            found = datetime.fromisoformat(str(arguments.get(name)))
        except ValueError:
            raise StartRefused(f"{name}: has to be a time") from None
        moment = int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
        if moment % self._period:
            raise StartRefused(f"{name}: is no beginning of a period of {self._period} s")
        return moment


class ResetStart:
    """A reset of ``systems``, by their ids; ``reset_type`` as Redfish has it."""

    arguments = frozenset({"systems", "reset_type"})
    needs = "ConfigureComponents"

    def __init__(self, operations: MachineOperations) -> None:
        self._operations = operations

    async def prepare(
        self, arguments: Mapping[str, Any], principal: Principal, payload: Payload
    ) -> Prepared:
        """Make a reset ready."""
        fleet = self._operations.machines.fleet
        names = arguments.get("systems")
        if not isinstance(names, list) or not names:
            raise StartRefused("systems: has to be a list of ids")
        missing = [str(one) for one in names if one not in fleet.machines]
        if missing:
            raise StartRefused(f"systems: there is no system {missing[0][:80]}")
        machines = [fleet.machines[one] for one in names]
        reset = arguments.get("reset_type", "ForceRestart")
        if any(reset not in one.reset_types for one in machines):
            raise StartRefused(f"reset_type: {str(reset)[:80]} is not one that the systems take")
        try:
            new = await self._operations.reset_systems(
                machines, reset, owner=principal.account, payload=payload
            )
        except RequestRefused:
            raise StartRefused(BUSY) from None
        return Prepared(new)


class UpdateStart:
    """An update of ``targets`` (URIs, all if there are none) with the image at ``image_uri``."""

    arguments = frozenset({"image_uri", "targets"})
    needs = "ConfigureComponents"

    def __init__(self, operations: MachineOperations) -> None:
        self._operations = operations

    async def prepare(
        self, arguments: Mapping[str, Any], principal: Principal, payload: Payload
    ) -> Prepared:
        """Make an update ready."""
        try:
            new = await self._operations.update_firmware(
                str(arguments.get("image_uri", "")),
                [str(one) for one in arguments.get("targets", [])],
                {},
                owner=principal.account,
                payload=payload,
            )
        except BadImageURI:
            raise StartRefused("image_uri: names no image") from None
        except NoSuchTarget as error:
            raise StartRefused(f"targets: there is no {error.uri[:200]}") from None
        except TooManyTargets as error:
            raise StartRefused(f"targets: {error}") from None
        except RequestRefused:
            raise StartRefused(BUSY) from None
        return Prepared(new)


class ScenarioStart:
    """A scenario that changes nothing: that of ``operation``."""

    arguments = frozenset({"operation"})
    needs = "Login"

    def __init__(self, operations: MachineOperations) -> None:
        self._operations = operations

    async def prepare(
        self, arguments: Mapping[str, Any], principal: Principal, payload: Payload
    ) -> Prepared:
        """Make a scenario ready."""
        operation = str(arguments.get("operation", "Rehearsal"))
        try:
            new = await self._operations.rehearse(
                operation, owner=principal.account, payload=payload
            )
        except RequestRefused:
            raise StartRefused(BUSY) from None
        return Prepared(new)


class ManyStart:
    """A reset of ``targets``: URIs of systems, those of BMCs as well, and of aggregates.

    ``batch_size`` of them begin at a time, ``delay_seconds`` later the next ones.
    """

    arguments = frozenset({"targets", "reset_type", "batch_size", "delay_seconds"})
    needs = "ConfigureComponents"

    def __init__(self, many: Many) -> None:
        self._many = many

    async def prepare(
        self, arguments: Mapping[str, Any], principal: Principal, payload: Payload
    ) -> Prepared:
        """Make a reset ready."""
        targets = arguments.get("targets")
        if not isinstance(targets, list) or not targets:
            raise StartRefused("targets: has to be a list of URIs")
        reset = str(arguments.get("reset_type", "ForceRestart"))
        if reset not in RESETS and reset != BUTTON_TYPE:
            raise StartRefused(f"reset_type: {reset[:80]} is not one that there is")
        size, delay = (self._number(arguments, name) for name in ("batch_size", "delay_seconds"))
        try:
            systems = await self._many.systems([str(one) for one in targets])
        except NoSuchSystem as error:
            raise StartRefused(f"targets: there is no {error.uri[:200]}") from None
        except NothingToDo:
            raise StartRefused("targets: there is no system among them") from None
        except TooManySystems as error:
            raise StartRefused(f"targets: {error}") from None
        return Prepared(
            await self._many.reset(
                systems,
                reset,
                Batches(size, delay),
                name="Aggregate.Reset",
                owner=principal.account,
                payload=payload,
            )
        )

    @staticmethod
    def _number(arguments: Mapping[str, Any], name: str) -> int:
        value = arguments.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 86_400:
            raise StartRefused(f"{name}: has to be a whole number, 0 to 86400")
        return value


def startables(
    runs: Runs,
    bulk: BulkRuns,
    windows: Windows,
    operations: MachineOperations,
    many: Many,
    *,
    period: int,
) -> dict[str, Startable]:
    """Return every kind that contracts may name."""
    return {
        "scanner": ScanStart(runs),
        "bulk-script": ScriptStart(bulk),
        "reprocess": ReprocessStart(windows, period=period),
        "firmware-update": UpdateStart(operations),
        "system-reset": ResetStart(operations),
        "aggregate-reset": ManyStart(many),
        "scenario": ScenarioStart(operations),
    }
