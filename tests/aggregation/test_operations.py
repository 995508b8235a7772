"""One action at one BMC: asked for once, followed to its end, never said to be what it is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from odimra.aggregation.bmc import BmcOptions
from odimra.aggregation.bmcs import Bmcs, BmcsOptions
from odimra.aggregation.operations import BOOT_ORDER, RESET, BmcAction, action_task
from odimra.aggregation.sources import Source, Sources
from odimra.aggregation.vault import Vault
from odimra.engine import JobContext, Outcome
from odimra.engine.context import JobCancelled, JobSuspended
from odimra.store import Store
from odimra.tasks import Change, NewTask, Task, TaskOptions, Tasks, states
from tests.aggregation.strange import MONITOR, QuickClock, Say, StrangeBmc, task
from tests.aggregation.strange import RESET as TARGET

SOURCE = "0123456789ab"
URI = f"/redfish/v1/Systems/{SOURCE}.1"
SYSTEM = "/redfish/v1/Systems/1"


def shown(last: str | None = "2026-01-01T00:00:00Z", **more: Any) -> Say:
    """Return a system that was last reset then."""
    actions = {
        "#ComputerSystem.Reset": {
            "target": TARGET,
            "ResetType@Redfish.AllowableValues": ["On", "ForceOff", "ForceRestart"],
        }
    }
    body = {"@odata.id": SYSTEM, "Actions": actions, **more}
    return Say(200, body if last is None else {**body, "LastResetTime": last})


class Desk:
    def __init__(self, store: Store, bmcs: Bmcs, strange: StrangeBmc, clock: QuickClock) -> None:
        self.tasks = Tasks(store, TaskOptions(), clock)
        self.kind = BmcAction(bmcs)
        self.strange, self.clock = strange, clock
        strange.say("GET", SYSTEM, shown())

    async def job(self, kind: str = "ForceRestart", checkpoint: Any = None) -> JobContext:
        """Return the run of a task, which goes on from a checkpoint if one is given."""
        new = action_task(URI, RESET, {"ResetType": kind}, owner="ann")
        made = await self.tasks.create(new)
        return await self.again(made, checkpoint)

    async def again(self, made: Task, checkpoint: Any = None) -> JobContext:
        outcome, claimed = await self.tasks.claim(
            made.id, 0, state=states.RUNNING, kind_limit=0, target_limit=1
        )
        assert claimed is not None, outcome
        if checkpoint is not None:
            await self.tasks.change(made.id, Change(checkpoint=checkpoint, epoch=claimed.epoch))
            self.tasks.forget(made.id)
            found = await self.tasks.get(made.id)
            assert found is not None
            claimed = found
        return JobContext(self.tasks, claimed, self.clock)

    async def run(self, kind: str = "ForceRestart", checkpoint: Any = None) -> Outcome:
        job = await self.job(kind, checkpoint)
        outcome = await self.kind.run(job)
        await job.finish(outcome)
        return outcome

    @property
    def posts(self) -> int:
        return self.strange.asked("POST", TARGET)


@pytest.fixture
async def desk(
    store: Store, base: str, strange: StrangeBmc, quick: QuickClock, tmp_path: Path
) -> AsyncIterator[Desk]:
    vault, sources = Vault.open(tmp_path / "key"), Sources(store)
    options = BmcsOptions(bmc=BmcOptions(retries=1, failures=100))
    async with Bmcs(sources, vault, quick, options) as bmcs:
        desk = Desk(store, bmcs, strange, quick)
        made = await desk.tasks.create(NewTask("source-add", "ann"))
        source = Source(
            id=SOURCE, host_name=base, base=base, user=strange.user,
            sealed=vault.seal(SOURCE, strange.password), verify="none", method="Redfish", created=1,
        )  # fmt: skip
        await desk.tasks.change(made.id, Change(state=states.RUNNING))
        added = Change(state=states.COMPLETED, effects=sources.added(source))
        await desk.tasks.change(made.id, added)
        yield desk


def said(outcome: Outcome) -> list[str]:
    return [one.message_id.rpartition(".")[2] for one in outcome.messages]


def ended(outcome: Outcome) -> tuple[str, int]:
    assert outcome.result is not None
    return outcome.state, outcome.result.status


@pytest.mark.parametrize("status", [200, 204])
async def test_a_bmc_that_does_it_at_once(desk: Desk, status: int) -> None:
    desk.strange.say("POST", TARGET, Say(status))
    assert ended(await desk.run()) == (states.COMPLETED, 204)
    assert desk.strange.heard[-1].body == {"ResetType": "ForceRestart"}


async def test_a_bmc_that_goes_on_with_it(desk: Desk) -> None:
    desk.strange.say("POST", TARGET, Say(202, task("New"), {"Location": MONITOR}))
    messages = [{"MessageId": "Acme.1.0.Fine", "Message": "It went well.", "Severity": "OK"}]
    desk.strange.say(
        "GET",
        MONITOR,
        Say(202, task("Running", 40)),
        Say(200, task("Completed", Messages=messages)),
    )
    job = await desk.job()
    outcome = await desk.kind.run(job)
    assert outcome.state == states.COMPLETED
    assert [(one.message_id, one.text) for one in outcome.messages] == [
        ("Acme.1.0.Fine", "It went well.")
    ]
    found = await desk.tasks.get(job.task.id)
    assert found is not None and found.percent_complete == 40


async def test_what_fails_there_fails_here_with_what_it_says(desk: Desk) -> None:
    desk.strange.say("POST", TARGET, Say(202, task("New"), {"Location": MONITOR}))
    why = {"MessageId": "Acme.1.0.Bad", "Message": "No power.", "MessageSeverity": "Critical"}
    desk.strange.say("GET", MONITOR, Say(200, task("Exception", Messages=[why])))
    outcome = await desk.run()
    # A 500 would be taken for a fault of this service.
    assert ended(outcome) == (states.EXCEPTION, 502)
    assert [(one.text, one.severity) for one in outcome.messages] == [("No power.", "Critical")]


async def test_who_cancels_it_there(desk: Desk) -> None:
    desk.strange.say("POST", TARGET, Say(202, task("New"), {"Location": MONITOR}))
    desk.strange.say("GET", MONITOR, Say(200, task("Cancelled")))
    assert (await desk.run()).state == states.CANCELLED


async def test_a_bmc_that_forgets_it(desk: Desk) -> None:
    desk.strange.say("POST", TARGET, Say(202, task("New"), {"Location": MONITOR}))
    desk.strange.say("GET", MONITOR, Say(404))
    desk.strange.say("GET", "/redfish/v1/TaskService/Tasks/7", Say(404))
    outcome = await desk.run()
    assert ended(outcome) == (states.EXCEPTION, 502) and said(outcome) == ["BmcOutcomeUnknown"]


@pytest.mark.parametrize(
    ("answer", "status", "key"),
    [
        (Say(400, {"error": {"message": "No."}}), 400, "BmcRefused"),
        (Say(404), 404, "BmcRefused"),
        (Say(409), 409, "BmcRefused"),
        (Say(500, "<html>"), 502, "BmcRefused"),
        (Say(503, None, {"Retry-After": "1"}), 503, "BmcRefused"),
        (Say(200, "no json at all"), 502, "BmcAnswerUnusable"),
    ],
)  # fmt: skip
async def test_refusals_are_told(desk: Desk, answer: Say, status: int, key: str) -> None:
    desk.strange.say("POST", TARGET, answer)
    outcome = await desk.run()
    assert ended(outcome) == (states.EXCEPTION, status) and said(outcome) == [key]


async def test_a_system_that_cannot_do_it(desk: Desk) -> None:
    desk.strange.say("GET", SYSTEM, Say(200, {"@odata.id": SYSTEM}))
    outcome = await desk.run()
    assert ended(outcome) == (states.EXCEPTION, 400) and said(outcome) == ["ActionNotSupported"]
    desk.strange.say("GET", SYSTEM, shown())
    outcome = await desk.run("Nmi")
    assert said(outcome) == ["ActionParameterValueNotInList"]
    assert desk.posts == 0


@pytest.mark.parametrize(
    "broken", [[], "x", {"#ComputerSystem.Reset": 5}, {"#ComputerSystem.Reset": {}}]
)
async def test_actions_that_are_none(desk: Desk, broken: Any) -> None:
    desk.strange.say("GET", SYSTEM, Say(200, {"Actions": broken}))
    assert said(await desk.run()) == ["ActionNotSupported"]


# Nobody knows


async def test_a_lost_answer_is_looked_for(desk: Desk) -> None:
    desk.strange.say("POST", TARGET, Say(drop=True))
    desk.strange.say("GET", SYSTEM, shown(), shown(), shown("2026-11-11T11:11:11Z"))
    assert ended(await desk.run()) == (states.COMPLETED, 204)
    assert desk.posts == 1


async def test_what_nobody_can_tell_is_said_so(desk: Desk) -> None:
    """The BMC does not say when it was last reset."""
    desk.strange.say("GET", SYSTEM, shown(None))
    desk.strange.say("POST", TARGET, Say(drop=True))
    outcome = await desk.run()
    assert ended(outcome) == (states.EXCEPTION, 502) and said(outcome) == ["BmcOutcomeUnknown"]
    assert desk.posts == 1, "it is not done twice"


async def test_a_bmc_that_stays_away_may_have_done_it(desk: Desk) -> None:
    desk.strange.say("POST", TARGET, Say(drop=True))
    desk.strange.say("GET", SYSTEM, shown(), Say(drop=True))
    began = desk.clock.now_ms()
    assert said(await desk.run()) == ["BmcOutcomeUnknown"]
    assert desk.posts == 1 and desk.clock.now_ms() - began >= 60_000


async def test_a_bmc_at_rest_has_not_done_it(desk: Desk) -> None:
    """It says that it was last reset before: the request has not arrived, and is made again."""
    desk.strange.say("POST", TARGET, Say(drop=True), Say(204))
    began = desk.clock.now_ms()
    assert ended(await desk.run()) == (states.COMPLETED, 204)
    assert desk.posts == 2 and desk.clock.now_ms() - began >= 10_000


async def test_a_bmc_that_never_hears_it(desk: Desk) -> None:
    desk.strange.say("POST", TARGET, Say(drop=True))
    assert said(await desk.run()) == ["BmcOutcomeUnknown"]
    assert desk.posts == 3


async def test_a_bmc_that_is_at_work_is_waited_for(desk: Desk) -> None:
    """What it does may be what was asked for."""
    tasks = "/redfish/v1/TaskService/Tasks"
    listed = {"Members": [{"@odata.id": f"{tasks}/6"}, {"@odata.id": f"{tasks}/7"}, "odd"]}
    desk.strange.say("GET", tasks, Say(200, listed))
    desk.strange.say("GET", f"{tasks}/6", Say(200, task("Completed")))
    desk.strange.say("GET", f"{tasks}/7", *[Say(200, task("Running"))] * 40)
    desk.strange.say("POST", TARGET, Say(drop=True))
    desk.strange.say("GET", SYSTEM, *[shown()] * 40, shown("2026-11-11T11:11:11Z"))
    assert ended(await desk.run()) == (states.COMPLETED, 204)
    assert desk.posts == 1


@pytest.mark.parametrize("kind", ["On", "ForceOff"])
async def test_what_does_no_harm_is_asked_again(desk: Desk, kind: str) -> None:
    desk.strange.say("POST", TARGET, Say(drop=True), Say(drop=True), Say(204))
    assert ended(await desk.run(kind)) == (states.COMPLETED, 204)
    assert desk.posts == 3


async def test_who_was_never_reached_did_nothing(desk: Desk) -> None:
    desk.strange.say("GET", SYSTEM, Say(drop=True))
    outcome = await desk.run()
    assert said(outcome) == ["CouldNotEstablishConnection", "BmcUnreachable"]
    assert desk.posts == 0


# Who goes on


FOLLOWED = {"seen": None, "operation": {"monitor": MONITOR, "task": ""}}
PERHAPS = {"seen": "2026-01-01T00:00:00Z", "operation": None}


async def test_whoever_goes_on_does_not_ask_again(desk: Desk) -> None:
    desk.strange.say("GET", MONITOR, Say(200))
    assert ended(await desk.run(checkpoint=FOLLOWED)) == (states.COMPLETED, 204)
    assert desk.posts == 0


async def test_whoever_goes_on_finds_out_whether_it_was_asked_for(desk: Desk) -> None:
    desk.strange.say("GET", SYSTEM, shown("2026-11-11T11:11:11Z"))
    assert ended(await desk.run(checkpoint=PERHAPS)) == (states.COMPLETED, 204)
    assert desk.posts == 0
    desk.strange.say("GET", SYSTEM, shown(None))
    assert said(await desk.run(checkpoint=PERHAPS)) == ["BmcOutcomeUnknown"]
    assert desk.posts == 0
    desk.strange.say("GET", SYSTEM, shown())
    desk.strange.say("POST", TARGET, Say(202, task("New"), {"Location": MONITOR}))
    desk.strange.say("GET", MONITOR, Say(200))
    assert ended(await desk.run("ForceOff", checkpoint=PERHAPS)) == (states.COMPLETED, 204)
    assert desk.posts == 1


async def test_cancelled_while_the_bmc_goes_on(desk: Desk) -> None:
    job = await desk.job(checkpoint=FOLLOWED)
    desk.strange.say("GET", MONITOR, Say(202, task("Running", 10)))
    desk.strange.say("DELETE", MONITOR, Say(204))
    await desk.tasks.cancel(job.task.id)
    with pytest.raises(JobCancelled):
        await desk.kind.run(job)
    assert desk.strange.asked("DELETE", MONITOR) == 1


async def test_a_bmc_that_cannot_cancel_is_told_of(desk: Desk) -> None:
    job = await desk.job(checkpoint=FOLLOWED)
    desk.strange.say("GET", MONITOR, Say(202, task("Running", 10)))
    desk.strange.say("DELETE", MONITOR, Say(405))
    await desk.tasks.cancel(job.task.id)
    with pytest.raises(JobCancelled):
        await desk.kind.run(job)
    found = await desk.tasks.get(job.task.id)
    assert found is not None
    assert "Odimra.1.0.BmcGoesOn" in [one.message_id for one in found.messages]


async def test_suspended_before_it_asked(desk: Desk) -> None:
    """What was to be asked for was not: whoever goes on asks for it."""
    job = await desk.job()
    await desk.tasks.want(job.task.id, states.SUSPEND)
    with pytest.raises(JobSuspended):
        await desk.kind.run(job)
    assert desk.posts == 0
    desk.tasks.forget(job.task.id)
    found = await desk.tasks.get(job.task.id)
    assert found is not None and not found.checkpoint


async def test_the_source_is_gone(desk: Desk) -> None:
    new = action_task("/redfish/v1/Systems/ffffffffffff.1", BOOT_ORDER, {}, owner="ann")
    job = await desk.again(await desk.tasks.create(new))
    assert ended(await desk.kind.run(job)) == (states.EXCEPTION, 404)
