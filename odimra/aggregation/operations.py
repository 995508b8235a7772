"""The job kind ``bmc-action``: an action of a BMC's resource, called there, followed to its end.

The BMC does the work; the task says what the BMC says. A worker may die at any instant: what the
BMC goes on with is followed by the next one, and what was perhaps asked for is asked for again only
where that does no harm. Where nobody can tell, the task says so and ends in Exception. Must never
import a face.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from odimra.aggregation import mirror
from odimra.aggregation.addresses import remote
from odimra.aggregation.bmc import (
    BadAnswer,
    Bmc,
    BmcError,
    FollowOptions,
    LoginRefused,
    Operation,
    Refused,
    Unreachable,
)
from odimra.aggregation.bmcs import Bmcs
from odimra.aggregation.carrying import JobClock, follow_for, giving_up
from odimra.aggregation.sources import NoSuchSource
from odimra.aggregation.vault import NotOpened
from odimra.aggregation.wondering import GLANCE, WONDER, last_reset, looked_for
from odimra.clock import Clock
from odimra.engine import JobContext, Outcome
from odimra.engine.context import JobStopped
from odimra.store import StoreUnavailable
from odimra.tasks import NewTask, Payload, Result, TaskMessage, states

ACTION = "bmc-action"
RESET = "ComputerSystem.Reset"
BOOT_ORDER = "ComputerSystem.SetDefaultBootOrder"
#: Resets that lead to the same however often they are asked for.
REPEATABLE = frozenset({"On", "ForceOn", "ForceOff", "GracefulShutdown"})
#: Times that a reset is asked for, when it is sure that those before did not arrive.
MOST_ASKS = 3
#: Longest text of a BMC that a message repeats.
LONGEST_TEXT = 1000


def action_task(
    uri: str, action: str, body: Mapping[str, Any], *, owner: str, payload: Payload | None = None
) -> NewTask:
    """Return what the task is created from that calls an action of a source's resource."""
    return NewTask(
        ACTION,
        owner,
        name=f"{action} of {uri.rpartition('/')[2]}",
        args={"uri": uri, "action": action, "body": dict(body)},
        payload=payload,
        # One operation at a time on a resource.
        target=uri,
    )


class Ended(Exception):
    """There is nothing more to do; carries how the task ends."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.state)
        self.outcome = outcome


def failure(status: int, *messages: TaskMessage) -> Ended:
    """Return the end in Exception; the monitor answers ``status``."""
    return Ended(Outcome(states.EXCEPTION, Result(status), messages))


def _odimra(key: str, *args: str) -> TaskMessage:
    return TaskMessage(f"Odimra.1.0.{key}", args, "Critical")


def _base(key: str, *args: str) -> TaskMessage:
    return TaskMessage(f"Base.1.22.{key}", args, "Critical")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is kept of an action: that it was (perhaps) asked for, and what goes on with it.

    ``seen`` is what the resource showed before of when it was last reset.
    """

    seen: str | None = None
    operation: Operation | None = None

    def stored(self) -> dict[str, Any]:
        """Return it as it is kept in the checkpoint."""
        operation = None if self.operation is None else asdict(self.operation)
        return {"seen": self.seen, "operation": operation}

    @classmethod
    def load(cls, stored: Any) -> Asked | None:
        """Read what is kept; None if nothing is."""
        if not stored:
            return None
        operation = stored["operation"]
        return cls(stored["seen"], None if operation is None else Operation(**operation))


async def _nobody(source_id: str, path: str) -> None:
    """Is told of changes where nobody wants to know."""


class BmcAction:
    """The job kind; ``options`` say for how long a BMC is followed.

    ``on_changed`` is told of each source at which something has perhaps changed, and where.
    """

    name = ACTION

    def __init__(
        self,
        bmcs: Bmcs,
        options: FollowOptions | None = None,
        on_changed: Callable[[str, str], Awaitable[None]] = _nobody,
    ) -> None:
        self._bmcs = bmcs
        self._on_changed = on_changed
        self._options = options or FollowOptions()

    async def run(self, job: JobContext) -> Outcome:
        """Call the action, or go on with it."""
        try:
            return await _Run(job, self._options).perform(await self._bmc(job))
        except Ended as end:
            return end.outcome
        finally:
            found = remote(job.args["uri"])
            if found is not None:
                with contextlib.suppress(StoreUnavailable):  # it is old soon, anyway
                    await self._on_changed(*found)

    async def _bmc(self, job: JobContext) -> Bmc:
        found = remote(job.args["uri"])
        assert found is not None, "an action of a resource of no source"
        try:
            return await self._bmcs.of(found[0])
        except NoSuchSource:
            raise failure(404, _base("ResourceNotFound", "AggregationSource", found[0])) from None
        except NotOpened as error:
            raise failure(500, _odimra("SourceUnsuitable", str(error))) from None


class _Run:
    def __init__(self, job: JobContext, options: FollowOptions) -> None:
        self._job = job
        self._options = options
        found = remote(job.args["uri"])
        assert found is not None
        self._source, self._path = found
        self._action: str = job.args["action"]
        self._body: dict[str, Any] = job.args["body"]
        self._clock: Clock = JobClock(job)
        self._asks = 0

    async def perform(self, bmc: Bmc) -> Outcome:
        asked = Asked.load(self._job.checkpoint)
        if asked is None:
            asked = await self._ask(bmc)
        elif asked.operation is None:
            # A worker died while it asked.
            asked = await self._wonder(bmc, asked)
        operation = asked.operation
        if operation is None:
            return Outcome(states.COMPLETED, Result(204))
        return await self._follow(bmc, operation)

    async def _ask(self, bmc: Bmc) -> Asked:
        """Call the action; an :class:`Asked` without operation is one that is done."""
        self._asks += 1
        try:
            resource = await self._seen(bmc)
        except BmcError as error:
            raise self._failed(error) from None
        target = self._target(resource)
        asked = Asked(last_reset(resource))
        # From here on nobody knows, until the answer is there.
        try:
            await self._job.progress(checkpoint=asked.stored())
        except JobStopped:
            with contextlib.suppress(JobStopped):
                await self._job.progress(checkpoint={})
            raise
        try:
            async with giving_up(self._job, bmc, None):
                answer = await bmc.request("POST", target, self._body)
        except Unreachable as error:
            if not error.sent:
                raise self._failed(error) from None
            return await self._wonder(bmc, asked)
        except BmcError as error:
            raise self._failed(error) from None
        if answer.status != 202:
            return Asked(asked.seen)
        asked = Asked(asked.seen, Operation.of(answer))
        await self._keep(bmc, asked)
        return asked

    async def _keep(self, bmc: Bmc, asked: Asked) -> None:
        async with giving_up(self._job, bmc, asked.operation):
            await self._job.progress(checkpoint=asked.stored())

    def _target(self, resource: Mapping[str, Any]) -> str:
        actions = resource.get("Actions")
        found = actions.get(f"#{self._action}") if isinstance(actions, dict) else None
        target = found.get("target") if isinstance(found, dict) else None
        if not isinstance(target, str):
            raise failure(400, _base("ActionNotSupported", self._action))
        assert isinstance(found, dict)
        for name, value in self._body.items():
            allowed = found.get(f"{name}@Redfish.AllowableValues")
            if isinstance(allowed, list) and value not in allowed:
                raise failure(
                    400, _base("ActionParameterValueNotInList", str(value), name, self._action)
                )
        return target

    async def _wonder(self, bmc: Bmc, asked: Asked) -> Asked:
        """Find out whether the BMC has got a request whose answer nobody has seen."""
        kind = self._body.get("ResetType")
        if self._action == BOOT_ORDER or (self._action == RESET and kind in REPEATABLE):
            return await self._once_more(bmc, asked)
        if self._action == RESET and asked.seen is not None:
            longest = self._options.longest
            done = await looked_for(bmc, self._path, asked.seen, self._clock, longest=longest)
            if done:
                return Asked(asked.seen)
            if done is False and self._asks < MOST_ASKS:
                return await self._ask(bmc)
        raise failure(502, _odimra("BmcOutcomeUnknown", "its answer to the request was lost"))

    async def _once_more(self, bmc: Bmc, asked: Asked) -> Asked:
        """Ask again: that leads to the same. For as long as the BMC may be away."""
        until = self._now() + WONDER
        while True:
            try:
                answer = await bmc.request("POST", self._target(await self._seen(bmc)), self._body)
            except (Unreachable, BadAnswer) as error:
                if self._now() > until:
                    raise self._failed(error) from None
                await self._clock.sleep(GLANCE)
                continue
            except BmcError as error:
                raise self._failed(error) from None
            if answer.status != 202:
                return Asked(asked.seen)
            found = Asked(asked.seen, Operation.of(answer))
            await self._keep(bmc, found)
            return found

    async def _seen(self, bmc: Bmc) -> Mapping[str, Any]:
        return (await bmc.get(self._path)).body or {}

    def _now(self) -> float:
        return self._clock.now_ms() / 1000

    # What the BMC goes on with

    async def _follow(self, bmc: Bmc, operation: Operation) -> Outcome:
        return mirror.outcome(
            self._source, await follow_for(self._job, bmc, operation, self._options)
        )

    def _failed(self, error: BmcError) -> Ended:
        match error:
            case Refused():
                return failure(mirror.ours(error.status), _refusal(error))
            case LoginRefused():
                said = str(error)
                return failure(502, _base("ResourceAtUriUnauthorized", self._job.args["uri"], said))
            case BadAnswer():
                return failure(502, _odimra("BmcAnswerUnusable", _text(error)))
            case _:
                return failure(
                    502,
                    _base("CouldNotEstablishConnection", self._job.args["uri"]),
                    _odimra("BmcUnreachable", _text(error)),
                )


def _text(said: object) -> str:
    """Return what is said as part of a sentence."""
    return str(said)[:LONGEST_TEXT].rstrip(".")


def _refusal(error: Refused) -> TaskMessage:
    return _odimra("BmcRefused", str(error.status), _text(error))
