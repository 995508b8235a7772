"""Operations on many systems: one task, with a sub-task for each of them.

Systems are the service's own, which are emulated, and those of sources. Used by the faces and by
what starts jobs; knows both kinds of systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from odimra.aggregation.addresses import remote
from odimra.aggregation.aggregates import Aggregates
from odimra.aggregation.operations import BOOT_ORDER, RESET, action_task
from odimra.aggregation.sources import Sources
from odimra.emulation.fleet import SYSTEMS
from odimra.emulation.operations import MachineOperations, RequestRefused
from odimra.engine import JobContext, Outcome
from odimra.tasks import NewTask, Payload, Result, TaskMessage, states

AGGREGATES = "/redfish/v1/AggregationService/Aggregates"
#: The kind of a sub-task that could not be begun, so that it says why.
REFUSED = "refused"


class NoSuchSystem(LookupError):
    """A target is no system that is known; ``index`` says which."""

    def __init__(self, index: int, uri: str) -> None:
        super().__init__(uri)
        self.index = index
        self.uri = uri


class TooManySystems(ValueError):
    """One request is about more than ``limit`` systems."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} systems")
        self.limit = limit


class NothingToDo(ValueError):
    """There is no system among the targets: the aggregates have no elements."""


class Refused:
    """The job kind of what was refused when it was about to begin."""

    name = REFUSED

    async def run(self, job: JobContext) -> Outcome:
        """Say why."""
        args = job.args
        message = TaskMessage(args["message"], tuple(args["args"]), "Critical")
        return Outcome(states.EXCEPTION, Result(args["status"]), (message,))


@dataclass(frozen=True, slots=True)
class Batches:
    """How many begin together (0: all), and the seconds until the next ones do."""

    size: int = 0
    delay: int = 0

    def delay_ms(self, place: int) -> int:
        """Return when the operation at a place begins, in ms from the beginning."""
        return 1000 * self.delay * (place // self.size) if self.size else 0


@dataclass(frozen=True, slots=True)
class Many:
    """What can be done to many systems, ``most`` at a time."""

    operations: MachineOperations
    sources: Sources
    aggregates: Aggregates
    most: int = 5000

    async def systems(self, targets: Sequence[str]) -> list[str]:
        """Return the systems that are meant, each once: of an aggregate its elements.

        Raises :class:`NoSuchSystem`, :class:`TooManySystems`, :class:`NothingToDo`.
        """
        known = frozenset(await self.sources.ids())
        found: dict[str, None] = {}
        for index, given in enumerate(targets):
            uri = given.rstrip("/")
            parent, _, name = uri.rpartition("/")
            if parent == AGGREGATES:
                aggregate = await self.aggregates.get(name)
                if aggregate is None:
                    raise NoSuchSystem(index, given)
                found.update((one, None) for one in aggregate.elements if self._there(one, known))
            elif self._there(uri, known):
                found[uri] = None
            else:
                raise NoSuchSystem(index, given)
            if len(found) > self.most:
                raise TooManySystems(self.most)
        if not found:
            raise NothingToDo
        return list(found)

    async def there(self, uris: Sequence[str]) -> list[bool]:
        """Tell of each URI whether it is that of a system that is known."""
        known = frozenset(await self.sources.ids())
        return [self._there(one, known) for one in uris]

    def _there(self, uri: str, known: frozenset[str]) -> bool:
        parent, _, name = uri.rpartition("/")
        if parent != SYSTEMS:
            return False
        if name in self.operations.machines.fleet.machines:
            return True
        found = remote(uri)
        # Whether that BMC has a system of this name the BMC knows.
        return found is not None and found[0] in known

    async def reset(
        self,
        systems: Sequence[str],
        reset_type: str,
        batches: Batches,
        *,
        name: str,
        owner: str,
        payload: Payload,
    ) -> NewTask:
        """Return what the task is created from that resets systems."""
        parts = [await self._reset(uri, reset_type, owner, payload) for uri in systems]
        return self._whole(f"{name} of {len(systems)} systems", owner, payload, parts, batches)

    async def boot_order(
        self, systems: Sequence[str], *, name: str, owner: str, payload: Payload
    ) -> NewTask:
        """Return what the task is created from that sets the boot order of systems back."""
        parts = [
            action_task(uri, BOOT_ORDER, {}, owner=owner)
            if remote(uri) is not None
            else self._refused(uri, BOOT_ORDER, owner, 400, "ActionNotSupported", BOOT_ORDER)
            for uri in systems
        ]
        whole = f"{name} of {len(systems)} systems"
        return self._whole(whole, owner, payload, parts, Batches())

    async def _reset(self, uri: str, reset_type: str, owner: str, payload: Payload) -> NewTask:
        if remote(uri) is not None:
            return action_task(uri, RESET, {"ResetType": reset_type}, owner=owner)
        machine = self.operations.machines.fleet.machines[uri.rpartition("/")[2]]
        if reset_type not in machine.reset_types:
            key, words = "ActionParameterValueNotInList", (reset_type, "ResetType", RESET)
            return self._refused(uri, RESET, owner, 400, key, *words)
        try:
            new = await self.operations.reset_system(
                machine, reset_type, owner=owner, payload=payload
            )
        except RequestRefused as error:
            # One that takes no request keeps the others from nothing.
            if error.status == 409:
                return self._refused(uri, RESET, owner, 409, "ResourceInUse")
            key, seconds = "ServiceTemporarilyUnavailable", str(error.retry_after)
            return self._refused(uri, RESET, owner, error.status, key, seconds)
        return replace(new, payload=None)

    @staticmethod
    def _refused(uri: str, action: str, owner: str, status: int, key: str, *args: str) -> NewTask:
        return NewTask(
            REFUSED,
            owner,
            name=f"{action} of {uri.rpartition('/')[2]}",
            args={"status": status, "message": f"Base.1.22.{key}", "args": list(args)},
        )

    @staticmethod
    def _whole(
        name: str, owner: str, payload: Payload, parts: Sequence[NewTask], batches: Batches
    ) -> NewTask:
        return NewTask(
            "many",
            owner,
            name=name,
            payload=payload,
            subtasks=[
                replace(one, delay_ms=batches.delay_ms(place)) for place, one in enumerate(parts)
            ],
        )
