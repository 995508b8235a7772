"""Every example of docs/scenarios.md does what the text beside it says."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from odimra.emulation import scenarios
from odimra.emulation.files import locate
from odimra.emulation.operations import RequestRefused
from odimra.emulation.scenarios import VARIABLES
from tests.emulation.stage import Stage

DOCUMENT = Path(__file__).parents[2] / "docs" / "scenarios.md"
EXAMPLES = dict(
    re.findall(r"```yaml example=(\w+)\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)
)


async def story(on: Stage) -> None:
    task = await on.reset()
    seen: dict[float, tuple[str, int]] = {}

    def plan(at: float) -> None:
        async def look() -> None:
            now = await on.get(task.id)
            seen[at] = (now.task_state, now.percent_complete)

        on.clock.plan(at, look)

    for at in (1.5, 3.9, 4.1, 6.1, 9.1):
        plan(at)
    done = await on.run(task)
    assert seen == {
        1.5: ("Starting", 0),
        3.9: ("Running", 0),
        4.1: ("Running", 30),
        6.1: ("Running", 60),
        9.1: ("Running", 90),
    }
    assert (done.task_state, on.clock.passed) == ("Completed", 12)
    assert [one.text for one in done.messages if one.text] == [
        "node-1 is half way through ForceRestart"
    ]


async def fails(on: Stage) -> None:
    done = await on.run(await on.reset())
    assert (done.task_state, done.percent_complete) == ("Exception", 60)
    assert done.result is not None and done.result.status == 503


async def warning(on: Stage) -> None:
    done = await on.run(await on.reset())
    assert (done.task_state, done.task_status) == ("Completed", "Warning")


async def stuck(on: Stage) -> None:
    task = await on.reset()

    async def cancel() -> None:
        assert (await on.get(task.id)).percent_complete == 40
        await on.tasks.cancel(task.id)

    on.clock.plan(5000, cancel)
    assert (await on.run(task)).task_state == "Cancelled"


async def deaf(on: Stage) -> None:
    task = await on.reset()

    async def cancel() -> None:
        await on.tasks.cancel(task.id)

    async def look() -> None:
        assert (await on.get(task.id)).task_state == "Cancelling"

    on.clock.plan(10, cancel)
    on.clock.plan(14, look)
    assert (await on.run(task)).task_state == "Cancelled"
    assert 15 <= on.clock.passed <= 17


async def busy(on: Stage) -> None:
    for _ in range(2):
        with pytest.raises(RequestRefused) as refused:
            await on.reset()
        assert (refused.value.status, refused.value.retry_after) == (503, 2)
    assert (await on.run(await on.reset())).task_state == "Completed"


async def pattern(on: Stage) -> None:
    assert (await on.run(await on.reset("node-2", "ForceOff"))).task_state == "Completed"
    assert (await on.run(await on.reset("node-1", "GracefulShutdown"))).task_state == "Completed"
    task = await on.reset("node-2", "GracefulShutdown")

    async def cancel() -> None:
        await on.tasks.cancel(task.id)

    on.clock.plan(5000, cancel)
    assert (await on.run(task)).task_state == "Cancelled"


async def chance(on: Stage) -> None:
    ends = []
    for _ in range(40):
        task = await on.update("http://images/bios-3.0.1.bin", "/redfish/v1/Systems/node-1")
        ends.append((await on.run(task)).task_state)
    assert set(ends) == {"Completed", "Exception"}
    assert 3 <= ends.count("Exception") <= 18


CHECKS: dict[str, Callable[[Stage], Awaitable[None]]] = {
    check.__name__: check for check in (story, fails, warning, stuck, deaf, busy, pattern, chance)
}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
async def test_example(name: str, stage: Callable[..., Stage]) -> None:
    await CHECKS[name](stage(EXAMPLES[name]))


def test_no_check_is_left_without_its_example() -> None:
    assert set(EXAMPLES) == set(CHECKS)


def test_every_variable_and_property_is_explained() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in VARIABLES if f"`${name}`" not in text] == []


@pytest.mark.parametrize("name", ["default", "faults"])
def test_the_files_that_come_with_it_are_good(name: str) -> None:
    assert scenarios.load(locate("scenarios", name), seed=1).rules
