"""Scheduled jobs: what runs by itself, kept in the store until it is deleted.

Each method that writes is one atomic step. Called by faces, which create, show and change jobs, and
by :mod:`.scheduler`, which fires them. What a job does is known to the caller only: its definition
is any JSON.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from odimra.clock import Clock
from odimra.engine.schedules import Schedule
from odimra.store import (
    NEWS,
    DocumentExists,
    DocumentMissing,
    LimitReached,
    Script,
    Store,
    VersionMismatch,
)
from odimra.tasks import Once, retries

#: States of a job, as Quartz names those of a trigger.
NORMAL, PAUSED, COMPLETE, BLOCKED, ERROR = "NORMAL", "PAUSED", "COMPLETE", "BLOCKED", "ERROR"
#: The state of a job that has no schedule and runs only when it is asked for.
NONE = "NONE"

#: Jobs that are paused or resumed in one step.
BATCH = 200

_STEPS = (
    "create",
    "update",
    "cancel",
    "forget",
    "delete",
    "control",
    "claim",
    "retake",
    "acknowledge",
    "release",
    "fail",
)


@dataclass(frozen=True, slots=True)
class Firing:
    """One fire of a job. Times in ms since the epoch.

    ``run_id`` follows from job and ``number``: whichever worker starts the run, it is the same, and
    never that of another firing, even of a later job of that name. ``once`` is the mark that the
    creation of the run's task sets, so that it is created once even if it is gone again by the time
    another worker takes the firing over.
    """

    number: int
    run_id: str
    once: Once
    scheduled: int
    fired: int
    lease: int
    #: Somebody asked for it; else the schedule did.
    manual: bool


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job as it is stored. Times in ms since the epoch.

    ``owner`` is the account whose it is, ``rev`` counts its definitions, ``number`` its firings,
    ``triggered`` those by its present schedule, which begins at ``anchor``. ``running`` is the run
    that the next one waits for, ``last`` the last run. How its last run has ended tell ``outcome``
    (a TaskState), ``ended`` when, ``reached`` (its last checkpoint) and ``said`` (its last critical
    message, as tasks keep them). ``manual`` is how often it was asked for and not fired yet,
    ``cancelled`` when it was cancelled, ``node`` the worker that fires it or started ``running``.
    """

    id: str
    definition: Any = field(repr=False)
    schedule_properties: Mapping[str, Any] | None
    concurrent: bool
    rev: int
    anchor: int
    number: int
    triggered: int
    next: int | None = None
    previous: int | None = None
    paused: bool = False
    error: str | None = None
    manual: int = 0
    firing: Firing | None = None
    running: str | None = None
    last: str | None = None
    node: str | None = None
    outcome: str | None = None
    ended: int | None = None
    cancelled: int | None = None
    reached: Any = None
    said: str | None = None
    owner: str = ""

    @property
    def schedule(self) -> Schedule | None:
        """When it runs by itself.

        Raises :class:`~odimra.engine.schedules.BadSchedule` if this process does not understand
        what another one wrote, as with a time zone that only some hosts have.
        """
        if self.schedule_properties is None:
            return None
        return Schedule.load(self.schedule_properties)

    @property
    def state(self) -> str:
        """Return the state of its trigger."""
        if self.error is not None:
            return ERROR
        if self.paused:
            return PAUSED
        if self.running is not None:
            return BLOCKED
        if self.schedule_properties is None:
            return NONE
        return NORMAL if self.next is not None or self.firing is not None else COMPLETE

    @classmethod
    def load(cls, key: str, job_id: str, reply: Sequence[bytes] | Mapping[bytes, bytes]) -> Any:
        """Read the hash of a job as the server returns it."""
        if not isinstance(reply, Mapping):
            reply = dict(zip(reply[::2], reply[1::2], strict=True))
        text = {name.decode(): value.decode() for name, value in reply.items()}

        def whole(name: str) -> int | None:
            return int(text[name]) if name in text else None

        firing = None
        if "firing" in text:
            firing = Firing(
                number=int(text["firing"]),
                run_id=run_id(text["uid"], int(text["firing"])),
                once=Once(key, "made", int(text["firing"])),
                scheduled=int(text["scheduled"]),
                fired=int(text["fired"]),
                lease=int(text["lease"]),
                manual=text["by"] == "manual",
            )
        return cls(
            id=job_id,
            definition=orjson.loads(text["definition"]),
            schedule_properties=orjson.loads(text["schedule"]) if "schedule" in text else None,
            concurrent="concurrent" in text,
            rev=int(text["rev"]),
            anchor=int(text["anchor"]),
            number=int(text["number"]),
            triggered=int(text["triggered"]),
            next=whole("next"),
            previous=whole("previous"),
            paused="paused" in text,
            error=text.get("error"),
            manual=whole("manual") or 0,
            firing=firing,
            running=text.get("running"),
            last=text.get("last"),
            node=text.get("node"),
            outcome=text.get("outcome"),
            ended=whole("ended"),
            cancelled=whole("cancelled"),
            reached=orjson.loads(text["reached"]) if "reached" in text else None,
            said=text.get("said"),
            owner=text.get("owner", ""),
        )


def run_id(uid: str, number: int) -> str:
    """Return the id of the task that is the run of a firing."""
    return f"task{uuid.uuid5(uuid.UUID(uid), str(number))}"


class ScheduledJobs:
    """The scheduled jobs of a store; there may be ``limit``."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        limit: int = 10_000,
        new_uid: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self.store = store
        self._clock = clock
        self._limit = limit
        self._new_uid = new_uid
        self.queue = store.keys.of("queue", "scheduled")
        self.index = store.keys.index("scheduled")
        # Of all jobs, and below it of those of an account: by when they were made.
        self.made = store.keys.index("scheduled:made")
        header = (
            f"{NEWS}\n{retries.ASKED_STEP}\nlocal EVENTS, MADE = '{store.keys.root}events', "
            f"'{self.made}'\nlocal MAX_EVENTS = {store.options.max_events}\n"
        )
        self._scripts = {
            name: Script.from_package(
                "odimra.engine", "lua/prelude.lua", f"lua/{name}.lua", header=header
            )
            for name in _STEPS
        }

    def key(self, job_id: str) -> str:
        """Name the hash of a job."""
        return self.store.keys.of("scheduled", job_id)

    async def step(
        self, name: str, job_id: str, *args: str | int, index: bool = False
    ) -> tuple[str, Any]:
        """Run an atomic step on one job; return its outcome and what it says besides."""
        keys = [self.key(job_id), self.queue]
        reply = await self.store.script(
            self._scripts[name], keys=[*keys, self.index] if index else keys, args=[job_id, *args]
        )
        outcome = reply[0].decode()
        if outcome == "missing":
            raise DocumentMissing(job_id)
        if outcome == "version":
            raise VersionMismatch(int(reply[1]))
        return outcome, reply[1] if len(reply) > 1 else None

    def load(self, job_id: str, reply: Any) -> ScheduledJob:
        """Read the hash of a job as the server returns it."""
        job: ScheduledJob = ScheduledJob.load(self.key(job_id), job_id, reply)
        return job

    def _fields(
        self,
        definition: Any,
        schedule: Schedule | None,
        concurrent: bool,
        now: int,
        after: int | None = None,
    ) -> list[str | int]:
        fields: list[str | int] = ["definition", orjson.dumps(definition).decode()]
        anchor, first = now, None
        if schedule is not None:
            anchor = schedule.anchor(now)
            first = schedule.first(anchor) if after is None else schedule.next_after(after, anchor)
            fields += ["schedule", orjson.dumps(schedule.stored()).decode()]
        fields += ["anchor", anchor]
        if first is not None:
            fields += ["next", first]
        if concurrent:
            fields += ["concurrent", 1]
        return fields

    # Jobs

    async def create(
        self,
        job_id: str,
        definition: Any,
        schedule: Schedule | None,
        *,
        owner: str = "",
        concurrent: bool = False,
        keep: int | None = None,
    ) -> ScheduledJob:
        """Create a job of an account; without a schedule it runs only when it is asked for.

        ``concurrent``: a run may start while the one before it goes on. ``keep``: so many ms after
        it has ended for good it is removed. Raises
        :class:`~odimra.store.DocumentExists`, :class:`~odimra.store.LimitReached`.

        For a request that has come again the job is returned that was made then. Raises
        :class:`~odimra.tasks.retries.RetryKeyTaken`, :class:`~odimra.store.DocumentMissing`.
        """
        now = self._clock.now_ms()
        asked = retries.asked(self.store.keys.root)
        fields = self._fields(definition, schedule, concurrent, now)
        if keep is not None:
            fields += ["keep", keep]
        outcome, reply = await self.step(
            "create",
            job_id,
            *(now, self._limit, owner, orjson.dumps(asked[1]).decode() if asked else ""),
            *("uid", str(self._new_uid()), *fields),
            index=True,
        )
        if outcome == "exists":
            raise DocumentExists(job_id)
        if outcome == "limit":
            raise LimitReached(self.index)
        if asked is not None:
            retries.heed(asked[0], outcome)
        if outcome == "repeated":
            began = await self.read(reply.decode())
            if began is None:
                raise DocumentMissing(reply.decode())
            return began
        return self.load(job_id, reply)

    async def update(
        self,
        job_id: str,
        definition: Any,
        schedule: Schedule | None,
        *,
        concurrent: bool = False,
        rev: int | None = None,
        after: int | None = None,
        owner: str = "",
    ) -> ScheduledJob:
        """Give a job another definition, if it is of revision ``rev`` (None: whichever it is).

        Its schedule begins anew: it is neither paused, cancelled nor in error, and was never
        triggered. What it would have fired up to ``after`` (ms) has been. It is that of ``owner``
        if one is named. Raises
        :class:`~odimra.store.DocumentMissing`, :class:`~odimra.store.VersionMismatch`.
        """
        now = self._clock.now_ms()
        fields = self._fields(definition, schedule, concurrent, now, after)
        _, reply = await self.step(
            "update", job_id, now, "" if rev is None else rev, owner, *fields
        )
        return self.load(job_id, reply)

    async def delete(self, job_id: str, *, rev: int | None = None) -> ScheduledJob:
        """Remove a job and return what it was; no run of it starts after that.

        Raises as :meth:`update` does.
        """
        now = self._clock.now_ms()
        _, reply = await self.step("delete", job_id, "" if rev is None else rev, now, index=True)
        return self.load(job_id, reply)

    async def read(self, job_id: str) -> ScheduledJob | None:
        """Return a job, or None."""
        reply = await self.store.call("HGETALL", self.key(job_id))
        return self.load(job_id, reply) if reply else None

    async def forget(self, job_id: str) -> bool:
        """Remove a job that has ended if it was kept for long enough; whether it was."""
        outcome, _ = await self.step("forget", job_id, self._clock.now_ms(), index=True)
        return outcome == "ok"

    def made_by(self, owner: str | None) -> str:
        """Name the index of the jobs of an account, of all for None, by when they were made."""
        return self.made if owner is None else f"{self.made}:{owner}"

    async def ids(self, after: str = "", size: int = 100) -> list[str]:
        """Return at most ``size`` ids behind ``after``, in lexicographic order of their bytes."""
        reply = await self.store.call(
            "ZRANGEBYLEX", self.index, f"({after}" if after else "-", "+", "LIMIT", 0, size
        )
        return [member.decode() for member in reply]

    async def page(self, after: str = "", size: int = 100) -> list[ScheduledJob]:
        """Return at most ``size`` jobs behind the id ``after``, as :meth:`ids` orders them."""
        jobs = await asyncio.gather(*map(self.read, await self.ids(after, size)))
        return [job for job in jobs if job is not None]

    async def count(self) -> int:
        """Return how many jobs there are."""
        return int(await self.store.call("ZCARD", self.index))

    async def counted(self, owner: str | None) -> int:
        """Return how many jobs an account has; None asks for all."""
        return int(await self.store.call("ZCARD", self.made_by(owner)))

    async def slice(self, owner: str | None, skip: int, top: int) -> list[str]:
        """Return ids of at most ``top`` jobs of an account (None: of all) behind ``skip``.

        The oldest come first.
        """
        if top <= 0:
            return []
        reply = await self.store.call("ZRANGE", self.made_by(owner), skip, skip + top - 1)
        return [member.decode() for member in reply]

    # What operators do

    async def pause(self, job_id: str) -> None:
        """Let a job rest; what runs goes on. Raises :class:`~odimra.store.DocumentMissing`."""
        await self._control_one("pause", job_id)

    async def resume(self, job_id: str) -> None:
        """Let a job that is paused or in error fire again; what it missed meanwhile is a misfire.

        Raises :class:`~odimra.store.DocumentMissing`.
        """
        await self._control_one("resume", job_id)

    async def trigger(self, job_id: str) -> None:
        """Ask for a run of a job now, besides those by its schedule, whatever its state.

        It waits for one that goes on, unless the job may run concurrently. Raises
        :class:`~odimra.store.DocumentMissing`.
        """
        await self._control_one("trigger", job_id)

    async def force(self, job_id: str) -> None:
        """Have a job run now instead of when its next fire comes, which is its only one.

        Raises :class:`~odimra.store.DocumentMissing`.
        """
        await self._control_one("force", job_id)

    async def cancel(self, job_id: str) -> ScheduledJob:
        """Have a job fire no more until it is changed; a run that goes on is not touched.

        Raises :class:`~odimra.store.DocumentMissing`.
        """
        _, reply = await self.step("cancel", job_id, self._clock.now_ms())
        return self.load(job_id, reply)

    async def pause_all(self, *, but: str = "\0") -> int:
        """Pause every job whose id does not begin with ``but``, in batches; return how many."""
        return await self._control_all("pause", but)

    async def resume_all(self, *, but: str = "\0") -> int:
        """Resume every job whose id does not begin with ``but``, in batches; return how many."""
        return await self._control_all("resume", but)

    async def _control(self, verb: str, ids: Sequence[str]) -> int:
        asked = retries.asked(self.store.keys.root) if verb == "trigger" else None
        reply = await self.store.script(
            self._scripts["control"],
            keys=[self.queue, *map(self.key, ids)],
            args=[self._clock.now_ms(), verb, orjson.dumps(asked[1]) if asked else "", *ids],
        )
        if asked is None or reply == 0:
            return int(reply)
        # A word about the request if it has come before, the number of jobs if not.
        again = isinstance(reply, bytes)
        retries.heed(asked[0], reply.decode() if again else verb)
        return 1 if again else int(reply)

    async def _control_one(self, verb: str, job_id: str) -> None:
        if not await self._control(verb, [job_id]):
            raise DocumentMissing(job_id)

    async def _control_all(self, verb: str, but: str) -> int:
        found, ids = 0, await self.ids(size=BATCH)
        while ids:
            meant = [one for one in ids if not one.startswith(but)]
            found += await self._control(verb, meant) if meant else 0
            ids = await self.ids(ids[-1], BATCH)
        return found
