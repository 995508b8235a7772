"""Redfish Jobs: their steps, what stops them, when they run, and workers that die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from odimra.access import Principal
from odimra.clock import SystemClock
from odimra.engine import (
    Engine,
    EngineOptions,
    ExecutorOptions,
    JobContext,
    Outcome,
    Registry,
    ScheduledJobs,
    Scheduler,
    task_going,
)
from odimra.jobs.planned.model import KIND, Plan, Request, Step, task_of
from odimra.jobs.planned.plans import Plans
from odimra.jobs.planned.worker import Done, PlannedJob
from odimra.store import Store
from odimra.tasks import NewTask, Task, TaskExists, TaskOptions, Tasks, states
from odimra.tasks.settings import ServiceSettings, task_service_settings

ANN = Principal("ann", "Operator", frozenset({"Login"}), None, False, "/a")


class Slow:
    """The task of a step."""

    name = "slow"

    async def run(self, job: JobContext) -> Outcome:
        await job.progress(50)
        await job.sleep(job.args.get("seconds", 0.1))
        return Outcome(job.args.get("state", states.COMPLETED))


class Desk:
    """A scheduler, an engine, and requests that are performed as a test says."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = SystemClock()
        self.tasks = Tasks(store, TaskOptions(resubmit_ms=500), self.clock)
        self.performed: list[tuple[str, str, Mapping[str, Any]]] = []
        self.answers: dict[str, Done] = {}
        self.people: dict[str, Principal] = {"ann": ANN}
        self.fragile: set[str] = set()
        self.seconds = 0.1
        self.state = states.COMPLETED
        self.jobs = ScheduledJobs(store, self.clock)
        self.plans = Plans(self.jobs, self.tasks, self.clock)
        self.scheduler = Scheduler(self.jobs, task_going(self.tasks), self.clock)
        registry = Registry()
        registry.add(PlannedJob(self.tasks, self, self.who))
        registry.add(Slow())
        executor = ExecutorOptions(
            store.options.url, f"{store.options.namespace}-engine", redelivery=1
        )
        self.engine = Engine(
            self.tasks, registry, EngineOptions(executor, drain=0.2, housekeeping=0.2), self.clock,
            task_service_settings(store, ServiceSettings()),
        )  # fmt: skip
        self.stop = asyncio.Event()
        self.rooms: list[asyncio.Task[None]] = []

    async def who(self, account: str) -> Principal | None:
        return self.people.get(account)

    def repeats(self, request: Request, principal: Principal) -> bool:
        return request.target not in self.fragile

    async def perform(self, request: Request, principal: Principal, *, task_id: str) -> Done:
        assert principal == ANN
        verb, uri, body = request.operation, request.target, request.body
        if uri not in self.answers:
            args = {"seconds": self.seconds, "state": self.state}
            try:
                await self.tasks.create(NewTask("slow", "ann", args=args), task_id=task_id)
            except TaskExists:
                return Done(202, True)
            self.performed.append((verb, uri, body))
            return Done(202, True)
        self.performed.append((verb, uri, body))
        return self.answers[uri]

    def work(self) -> None:
        self.rooms = [
            asyncio.create_task(self.engine.work(self.stop)),
            asyncio.create_task(self.scheduler.run(self.stop, self.plans.fire)),
        ]

    def plan(self, *targets: str, **more: Any) -> Plan:
        steps = [
            Step(str(at), f"step {at}", Request("POST", target, {"at": at}))
            for at, target in enumerate(targets, 1)
        ]
        return Plan("a job", "ann", self.clock.now_ms(), steps, **more)

    async def runs(self, count: int) -> list[Task]:
        """Return the runs when so many have ended."""
        async with asyncio.timeout(30):
            while True:
                ids = await self.tasks.page(self.tasks.index(kind=KIND), 0, 100)
                found = [one for one in [await self.tasks.get(id) for id in ids] if one]
                if sum(one.final for one in found) >= count:
                    return found
                await asyncio.sleep(0.02)


@pytest.fixture
async def desk(store: Store) -> AsyncIterator[Desk]:
    one = Desk(store)
    async with one.engine:
        yield one
        one.stop.set()
        await asyncio.gather(*one.rooms)


async def test_steps_are_done_one_after_the_other(desk: Desk) -> None:
    desk.work()
    await desk.plans.create(desk.plan("/1", "/2", "/3"))
    (run,) = await desk.runs(1)
    assert run.task_state == states.COMPLETED and run.owner == "ann"
    assert [(verb, uri, body["at"]) for verb, uri, body in desk.performed] == [
        ("POST", "/1", 1), ("POST", "/2", 2), ("POST", "/3", 3),
    ]  # fmt: skip
    starts = []
    for step in "123":
        task = await desk.tasks.get(task_of(run, step))
        assert task is not None and task.task_state == states.COMPLETED
        starts.append(task.start_time)
    assert starts == sorted(starts) and starts[1] - starts[0] >= 100


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Done(403, said="Not allowed"), "POST /2 is 403: Not allowed"),
        (Done(404, said="Nothing"), "POST /2 is 404: Nothing"),
    ],
)
async def test_a_step_that_is_refused_stops_the_job(desk: Desk, wrong: Done, said: str) -> None:
    desk.answers = {"/1": Done(204), "/2": wrong, "/3": Done(204)}
    desk.work()
    await desk.plans.create(desk.plan("/1", "/2", "/3"))
    (run,) = await desk.runs(1)
    assert run.task_state == states.EXCEPTION
    assert [uri for _, uri, _ in desk.performed] == ["/1", "/2"]
    (message,) = [one for one in run.messages if one.message_id.endswith("JobStepFailed")]
    assert message.args == ("step 2", said)


async def test_a_step_whose_task_fails_stops_the_job(desk: Desk) -> None:
    desk.state = states.EXCEPTION
    desk.work()
    await desk.plans.create(desk.plan("/1", "/2"))
    (run,) = await desk.runs(1)
    assert run.task_state == states.EXCEPTION and len(desk.performed) == 1
    assert "has ended as Exception" in run.messages[-2].args[1]


async def test_privileges_are_those_of_now(desk: Desk) -> None:
    desk.people.clear()
    desk.work()
    await desk.plans.create(desk.plan("/1"))
    (run,) = await desk.runs(1)
    assert run.task_state == states.EXCEPTION and desk.performed == []
    assert "not there any more" in run.messages[-2].args[1]


async def test_it_recurs_so_often_and_no_more(desk: Desk) -> None:
    desk.answers = {"/1": Done(204)}
    desk.work()
    schedule = {"RecurrenceInterval": "PT1S", "MaxOccurrences": 3}
    made = await desk.plans.create(desk.plan("/1", schedule=schedule))
    runs = sorted(await desk.runs(3), key=lambda one: one.start_time)
    for at, run in enumerate(runs):
        assert run.start_time >= made.anchor + 1000 * at, "none comes before its time"
    now = await desk.jobs.read(made.id)
    assert now is not None and now.next is None and now.number == 3
    assert len(desk.performed) == 3


async def test_it_waits_for_its_start(desk: Desk) -> None:
    desk.answers = {"/1": Done(204)}
    desk.work()
    start = desk.clock.now_ms() + 1000
    await desk.plans.create(desk.plan("/1", start=start))
    (run,) = await desk.runs(1)
    assert 0 <= run.start_time - start < 1000


async def test_a_run_in_the_middle_goes_on_with_its_step(desk: Desk) -> None:
    """As a worker would that takes over: the task of the step is there already."""
    desk.seconds = 0.5
    plan = desk.plan("/1", "/2")
    args = {"plan": plan.stored(), "job": "x"}
    run = await desk.tasks.create(NewTask(KIND, "ann", args=args))
    step = task_of(run, "1")
    await desk.tasks.create(NewTask("slow", "ann", args={"seconds": 0.2}), task_id=step)
    desk.work()
    (ended,) = await desk.runs(1)
    assert ended.task_state == states.COMPLETED
    assert [uri for _, uri, _ in desk.performed] == ["/2"], "the first was started before"


async def test_a_cancelled_run_does_no_more_steps(desk: Desk) -> None:
    desk.seconds = 30
    desk.work()
    await desk.plans.create(desk.plan("/1", "/2"))
    async with asyncio.timeout(30):
        while not desk.performed:
            await asyncio.sleep(0.02)
    (id_,) = await desk.tasks.page(desk.tasks.index(kind=KIND), 0, 10)
    await desk.tasks.cancel(id_)
    (run,) = await desk.runs(1)
    assert run.task_state == states.CANCELLED and len(desk.performed) == 1


def test_a_plan_is_kept_as_it_is() -> None:
    plan = Plan(
        "n",
        "ann",
        5,
        [Step("1", "", Request("POST", "/x", {"a": 1}, ["If-Match: x"]))],
        True,
        True,
        {"Name": "s"},
        7,
        "PT1H",
    )
    assert Plan.load(plan.stored()) == plan
