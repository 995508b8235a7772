"""A scenario is played on a task as it says: when, how far, how it ends, and on after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from odimra.emulation.operations import RequestRefused
from odimra.tasks import Task
from tests.emulation.stage import Died, Stage

Make = Callable[..., Stage]

STEPS = """
rules:
  - play:
      starting: 3
      duration: 20
      steps:
        - percent: 25
        - percent: 50
          message: {id: Base.1.22.Success, text: "$reset_type reached $machine", args: [$target]}
        - percent: 75
"""


def ids(task: Task) -> list[str]:
    return [message.message_id.rpartition(".")[2] for message in task.messages]


async def test_steps_without_a_time_are_spread_over_the_duration(stage: Make) -> None:
    on = stage(STEPS)
    seen: list[tuple[float, str, int]] = []
    task = await on.reset()

    async def look() -> None:
        now = await on.get(task.id)
        seen.append((on.clock.passed, now.task_state, now.percent_complete))

    for moment in (1, 7.9, 8.1, 13.1, 18.1):
        on.clock.plan(moment, look)
    done = await on.run(task)
    assert seen == [
        (1.0, "Starting", 0),
        (7.9, "Running", 0),
        (8.1, "Running", 25),
        (13.1, "Running", 50),
        (18.1, "Running", 75),
    ]
    assert (done.task_state, done.percent_complete, on.clock.passed) == ("Completed", 100, 23.0)
    said = next(one for one in done.messages if one.text)
    assert said.text == "ForceRestart reached node-1"
    assert said.args == ("/redfish/v1/Systems/node-1",)


async def test_power_state_changes_when_the_task_completes_and_not_before(stage: Make) -> None:
    on = stage("rules: [{play: {duration: 10}}]")
    before: list[str] = []
    task = await on.reset(reset_type="ForceOff")

    async def look() -> None:
        before.append(await on.power())

    on.clock.plan(9.9, look)
    done = await on.run(task)
    assert before == ["On"]
    assert await on.power() == "Off"
    assert done.result is not None and done.result.status == 204


async def test_a_failure_has_its_result_and_messages_and_changes_nothing(stage: Make) -> None:
    on = stage(
        """
        rules:
          - play:
              duration: 10
              steps: [{percent: 60}]
              end: Exception
              messages: [{id: Base.1.22.ResourceInUse, text: Stuck., severity: Critical}]
              result: {status: 503}
        """
    )
    done = await on.run(await on.reset(reset_type="ForceOff"))
    assert (done.task_state, done.task_status, done.percent_complete) == (
        "Exception",
        "Critical",
        60,
    )
    assert done.result is not None and done.result.status == 503
    assert "ResourceInUse" in ids(done)
    assert await on.power() == "On"


async def test_a_failure_without_words_says_that_the_operation_failed(stage: Make) -> None:
    on = stage("rules: [{play: {end: Exception}}]")
    done = await on.run(await on.reset())
    assert done.result is not None and done.result.status == 500
    assert "OperationFailed" in ids(done)


async def test_warnings_leave_it_completed_with_status_warning(stage: Make) -> None:
    on = stage(
        "rules: [{play: {messages: [{id: Base.1.22.Success, text: So so, severity: Warning}]}}]"
    )
    done = await on.run(await on.reset(reset_type="ForceOff"))
    assert (done.task_state, done.task_status) == ("Completed", "Warning")
    assert await on.power() == "Off"


async def test_a_scenario_may_end_cancelled_by_itself(stage: Make) -> None:
    on = stage("rules: [{play: {end: Cancelled}}]")
    done = await on.run(await on.reset(reset_type="ForceOff"))
    assert (done.task_state, await on.power()) == ("Cancelled", "On")


async def test_one_that_never_ends_stays_until_it_is_cancelled(stage: Make) -> None:
    on = stage("rules: [{play: {steps: [{percent: 40}], end: never}}]")
    task = await on.reset(reset_type="ForceOff")
    seen: list[tuple[str, int]] = []

    async def cancel() -> None:
        now = await on.get(task.id)
        seen.append((now.task_state, now.percent_complete))
        await on.tasks.cancel(task.id)

    on.clock.plan(100_000, cancel)
    done = await on.run(task)
    assert seen == [("Running", 40)]
    assert (done.task_state, await on.power()) == ("Cancelled", "On")
    assert on.clock.passed < 100_003


async def test_cancellation_is_honoured_at_once_by_the_engines_signal(stage: Make) -> None:
    on = stage("rules: [{play: {duration: 50}}]")
    task = await on.reset()
    run = asyncio.create_task(on.run(task))

    async def cancel() -> None:
        await on.tasks.cancel(task.id)
        run.cancel()  # what the engine's signal does to the run
        await asyncio.sleep(0)

    on.clock.plan(10, cancel)
    assert (await run).task_state == "Cancelled"
    assert on.clock.passed == 10


@pytest.mark.parametrize("signalled", [False, True])
@pytest.mark.parametrize(
    ("after", "state", "passed"), [("5", "Cancelled", 15.0), ("never", "Completed", 30.0)]
)
async def test_one_that_refuses_to_be_cancelled_for_a_while(
    stage: Make, after: str, state: str, passed: float, signalled: bool
) -> None:
    on = stage(
        "rules: [{play: {duration: 30, steps: [{percent: 9, at: 12}], cancel_after: "
        f"{after}}}}}]"
    )
    task = await on.reset(reset_type="ForceOff")
    seen: list[tuple[str, int]] = []
    run = asyncio.create_task(on.run(task))

    async def cancel() -> None:
        await on.tasks.cancel(task.id)
        if signalled:
            run.cancel()
            await asyncio.sleep(0)

    async def look() -> None:
        now = await on.get(task.id)
        seen.append((now.task_state, now.percent_complete))

    on.clock.plan(10, cancel)
    on.clock.plan(14, look)
    done = await run
    assert seen == [("Cancelling", 9)]
    assert done.task_state == state
    assert await on.power() == ("Off" if state == "Completed" else "On")
    assert passed <= on.clock.passed <= passed + 2


async def test_a_run_that_is_cut_short_for_another_reason_is_not_taken_for_a_cancellation(
    stage: Make,
) -> None:
    on = stage("rules: [{play: {duration: 30, cancel_after: never}}]")
    task = await on.reset()
    run = asyncio.create_task(on.run(task))

    async def die() -> None:
        run.cancel()
        await asyncio.sleep(0)

    on.clock.plan(10, die)
    assert (await run).task_state == "Interrupted"  # handed back, for another worker


async def test_cancelled_while_starting_it_never_runs(stage: Make) -> None:
    on = stage("rules: [{play: {starting: 10, duration: 10}}]")
    task = await on.reset()

    async def cancel() -> None:
        await on.tasks.cancel(task.id)

    on.clock.plan(5, cancel)
    done = await on.run(task)
    assert done.task_state == "Cancelled"
    assert "TaskStarted" not in ids(done)


async def test_cancelled_between_starting_and_running_it_ends(stage: Make) -> None:
    on = stage("rules: [{play: {starting: 2, duration: 10}}]")
    task = await on.reset()

    async def cancel() -> None:  # after the last look of the wait, before the step to Running
        await on.tasks.cancel(task.id)

    on.clock.plan(2, cancel)
    assert (await on.run(task)).task_state == "Cancelled"


@pytest.mark.parametrize(("dies_at", "lost"), [(12.0, 2.0), (4.0, 4.0)])
async def test_after_a_crash_it_goes_on_from_the_checkpoint(
    stage: Make, dies_at: float, lost: float
) -> None:
    on = stage("rules: [{play: {duration: 20, steps: [{percent: 50, at: 10}]}}]")
    task = await on.reset(reset_type="ForceOff")

    async def die() -> None:
        raise Died

    on.clock.plan(dies_at, die)
    with pytest.raises(Died):
        await on.run(task)
    cut = await on.get(task.id)
    assert cut.task_state == "Running"
    done = await on.run(task)
    assert (done.task_state, await on.power()) == ("Completed", "Off")
    assert on.clock.passed == 20 + lost
    assert ids(done) == ["TaskStarted", "TaskPaused", "TaskResumed", "TaskCompletedOK"]


async def test_time_factor_makes_it_faster_and_zero_does_not_wait(stage: Make) -> None:
    quick = stage(STEPS, speed=10)
    await quick.run(await quick.reset())
    assert quick.clock.passed == pytest.approx(2.3, abs=0.01)
    at_once = stage(STEPS, speed=0)
    done = await at_once.run(await at_once.reset())
    assert (done.task_state, at_once.clock.passed) == ("Completed", 0)


async def test_the_first_requests_are_refused_and_the_next_accepted(stage: Make) -> None:
    on = stage("rules: [{first: 2, refuse: {status: 503, retry_after: 7}}]")
    for _ in range(2):
        with pytest.raises(RequestRefused) as refused:
            await on.reset()
        assert (refused.value.status, refused.value.retry_after) == (503, 7)
    assert await on.tasks.count(on.tasks.index()) == 0
    assert (await on.run(await on.reset())).task_state == "Completed"
    with pytest.raises(RequestRefused):
        await on.reset("node-2")  # each target is counted for itself


async def test_chance_depends_on_seed_operation_target_and_request_only(stage: Make) -> None:
    text = """
    rules:
      - choose:
          - {weight: 1, play: {end: Exception}}
          - {weight: 2, play: {duration: {min: 1, max: 50}}}
          - {weight: 1, refuse: {}}
    """

    async def history(on: Stage) -> list[object]:
        outcomes: list[object] = []
        for machine in ("node-1", "node-2") * 6:
            before = on.clock.passed
            try:
                done = await on.run(await on.reset(machine))
                outcomes.append((done.task_state, round(on.clock.passed - before, 3)))
            except RequestRefused:
                outcomes.append("refused")
        return outcomes

    async def fresh(seed: int) -> list[object]:
        on = stage(text, seed=seed)
        await on.store.call("DEL", on.store.keys.of("emulation", "requests"))
        return await history(on)

    first = await fresh(7)
    assert first == await fresh(7)
    assert first != await fresh(8)
    assert len(set(map(str, first))) > 4


async def test_a_scenario_file_that_changed_after_acceptance_does_not_strand_the_task(
    stage: Make,
) -> None:
    accepted = await stage("{}").reset(reset_type="ForceOff")
    on = stage("rules: [{refuse: {}}]")
    assert (await on.run(accepted)).task_state == "Completed"
