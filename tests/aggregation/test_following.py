"""Operations that a BMC goes on with: each way in which BMCs are odd, by its name."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.aggregation.bmc import Answer, Bmc, Followed, Operation, cancel, follow
from odimra.aggregation.bmc.following import FollowOptions
from tests.aggregation.strange import MONITOR, RESET, TASK, QuickClock, Say, StrangeBmc, task

FAST = FollowOptions(every=1, least=0.5, most=10, lost=30, longest=300)


class Desk:
    def __init__(self, bmc: Bmc, strange: StrangeBmc, clock: QuickClock) -> None:
        self.bmc, self.strange, self.clock = bmc, strange, clock
        self.told: list[int] = []

    async def reset(self, *monitor: Say, start: Say | None = None) -> Followed:
        """Start a reset and follow it; ``monitor`` is what the monitor says one after the other."""
        start = start or Say(202, task("New"), {"Location": MONITOR})
        self.strange.say("POST", RESET, start)
        self.strange.say("GET", MONITOR, *monitor)
        answer = await self.bmc.request("POST", RESET, {"ResetType": "On"})
        return await self.follow(answer)

    async def follow(self, answer: Answer) -> Followed:
        async def tell(percent: int) -> None:
            self.told.append(percent)

        return await follow(self.bmc, Operation.of(answer), self.clock, tell, FAST)


@pytest.fixture
def desk(bmc: Bmc, strange: StrangeBmc, quick: QuickClock) -> Desk:
    return Desk(bmc, strange, quick)


RUNNING = Say(202, task("Running", 30))


async def test_by_the_book(desk: Desk) -> None:
    messages = [{"MessageId": "Base.1.0.Success", "Message": "Fine"}]
    ended = await desk.reset(
        Say(202, task("Running", 10), {"Retry-After": "3"}),
        Say(202, task("Running", 60, Messages=messages), {"Retry-After": "2"}),
        Say(200, {"done": True}),
    )
    assert (ended.state, ended.said, ended.status) == ("Completed", "", 200)
    assert ended.body == {"done": True} and list(ended.messages) == messages
    assert desk.told == [10, 60] and desk.clock.slept == [1, 3, 2]


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_every_success_is_one(desk: Desk, status: int) -> None:
    assert (await desk.reset(RUNNING, Say(status))).state == "Completed"


async def test_an_error_of_the_operation_is_its_end(desk: Desk) -> None:
    refused = {"error": {"message": "The fan is broken"}}
    ended = await desk.reset(RUNNING, Say(400, refused))
    assert (ended.state, ended.said, ended.status) == ("Exception", "The fan is broken", 400)
    assert ended.body == refused


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (MONITOR, MONITOR),
        ("http://bmc.example:8080" + MONITOR, MONITOR),
        ("https://[fe80::1]" + MONITOR + "?a=b", MONITOR + "?a=b"),
        ("../../../TaskService/TaskMonitors/7", "/redfish/v1/TaskService/TaskMonitors/7"),
        ("  " + MONITOR, MONITOR),
    ],
)
async def test_a_location_may_be_written_in_many_ways(desk: Desk, location: str, path: str) -> None:
    start = Say(202, None, {"Location": location})
    desk.strange.say("POST", RESET, start)
    answer = await desk.bmc.request("POST", RESET, {})
    assert Operation.of(answer).monitor == path


async def test_without_a_location_the_body_tells(desk: Desk) -> None:
    for body, expected in (
        (task("New", TaskMonitor=MONITOR), Operation(MONITOR, TASK)),
        (task("New", TaskMonitor={"@odata.id": MONITOR}), Operation(MONITOR, TASK)),
        (task("New"), Operation(TASK, TASK)),
        ({"@odata.id": "/redfish/v1/Systems/1"}, Operation()),
        ({"TaskMonitor": 5, "@odata.id": None, "TaskState": "New"}, Operation()),
        (None, Operation()),
    ):
        desk.strange.say("POST", RESET, Say(202, body))
        assert Operation.of(await desk.bmc.request("POST", RESET, {})) == expected


async def test_without_any_place_to_look_the_end_is_unknown(desk: Desk) -> None:
    ended = await desk.reset(start=Say(202))
    assert (ended.state, ended.said) == (
        "Unknown", "the BMC goes on with it, and does not say where to look",
    )  # fmt: skip


async def test_a_monitor_that_answers_200_with_a_running_task_goes_on(desk: Desk) -> None:
    ended = await desk.reset(Say(200, task("Running", 40)), Say(200, task("Completed", 100)))
    assert ended.state == "Completed" and desk.told == [40, 100]


async def test_a_monitor_that_answers_202_with_a_task_that_has_ended_has(desk: Desk) -> None:
    broken = [{"Message": "No power"}]
    ended = await desk.reset(Say(202, task("Exception", Messages=broken)))
    assert (ended.state, ended.said) == ("Exception", "No power")


@pytest.mark.parametrize(
    ("state", "status", "end"),
    [
        ("Completed", "OK", "Completed"),
        ("Completed", "Warning", "Completed"),
        ("Completed", "Critical", "Exception"),
        ("Exception", "Critical", "Exception"),
        ("Killed", "Critical", "Cancelled"),
        ("Cancelled", "Warning", "Cancelled"),
    ],
)
async def test_ends(desk: Desk, state: str, status: str, end: str) -> None:
    assert (await desk.reset(Say(200, task(state, TaskStatus=status)))).state == end


async def test_a_monitor_that_vanishes_leaves_the_task_to_tell(desk: Desk) -> None:
    desk.strange.say("GET", TASK, Say(200, task("Running", 50)), Say(200, task("Completed")))
    ended = await desk.reset(RUNNING, Say(404))
    assert ended.state == "Completed" and desk.told == [30, 50]


@pytest.mark.parametrize("status", [404, 410])
async def test_a_task_that_vanishes_has_an_unknown_end(desk: Desk, status: int) -> None:
    desk.strange.say("GET", TASK, Say(status))
    ended = await desk.reset(RUNNING, Say(status))
    assert (ended.state, ended.said) == ("Unknown", "the BMC does not know of it any more")


async def test_a_monitor_in_trouble_is_asked_again(desk: Desk) -> None:
    desk.strange.say("GET", TASK, Say(200, task("Running", 35)))
    ended = await desk.reset(RUNNING, *[Say(500)] * 3, Say(204))
    assert ended.state == "Completed" and desk.told == [30, 35]


async def test_an_operation_that_ends_in_500_has_failed(desk: Desk) -> None:
    desk.strange.say("GET", TASK, Say(200, task("Exception", 100)))
    assert (await desk.reset(RUNNING, Say(500))).state == "Exception"


async def test_a_bmc_that_reboots_in_the_middle_is_waited_for(desk: Desk) -> None:
    ended = await desk.reset(RUNNING, *[Say(drop=True)] * 8, Say(204))
    assert ended.state == "Completed"


async def test_a_bmc_that_does_not_come_back_has_an_unknown_end(desk: Desk) -> None:
    ended = await desk.reset(RUNNING, Say(drop=True))
    assert ended.state == "Unknown" and "cannot be followed any more" in ended.said
    assert 30 < sum(desk.clock.slept) < 120


async def test_an_operation_without_end_is_given_up(desk: Desk) -> None:
    ended = await desk.reset(RUNNING)
    assert (ended.state, ended.said) == ("Unknown", "it has not ended in the time that is given")
    assert 300 < sum(desk.clock.slept) < 310


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("45", [45]), ("45%", [45]), (45.9, [45]), (None, []), ("half", []), ([1], []),
        (-5, []), (500, [100]), ("NaN", []), (True, [1]),
    ],
)  # fmt: skip
async def test_a_percentage_may_be_written_in_many_ways(
    desk: Desk, given: Any, told: list[int]
) -> None:
    await desk.reset(Say(202, task("Running", PercentComplete=given)), Say(204))
    assert desk.told == told


async def test_progress_never_falls(desk: Desk) -> None:
    await desk.reset(*(Say(202, task("Running", one)) for one in (10, 50, 20, 50, 60)), Say(204))
    assert desk.told == [10, 50, 60]


@pytest.mark.parametrize("messages", ["text", {"a": 1}, [1, None], [{"Message": 5}], []])
async def test_messages_of_wrong_types_are_none(desk: Desk, messages: Any) -> None:
    ended = await desk.reset(Say(200, task("Exception", Messages=messages)))
    assert (ended.state, ended.said) == ("Exception", "its task has ended as Exception")


@pytest.mark.parametrize("state", [5, None, ["Running"], "Sleeping"])
async def test_a_state_that_is_none_does_not_end_it(desk: Desk, state: Any) -> None:
    ended = await desk.reset(Say(202, {**task("Running"), "TaskState": state}), Say(204))
    assert ended.state == "Completed" and len(desk.clock.slept) == 2


@pytest.mark.parametrize(("said", "slept"), [("0", 0.5), ("3600", 10), ("-1", 0.5), ("soon", 1)])
async def test_a_retry_after_has_bounds(desk: Desk, said: str, slept: float) -> None:
    await desk.reset(Say(202, task("Running"), {"Retry-After": said}), Say(204))
    assert desk.clock.slept == [1, slept]


# Cancelling


async def test_an_operation_is_cancelled_at_its_monitor(desk: Desk) -> None:
    desk.strange.say("DELETE", MONITOR, Say(202))
    assert await cancel(desk.bmc, Operation(MONITOR, TASK))


async def test_where_a_monitor_cannot_be_deleted_the_task_is(desk: Desk) -> None:
    desk.strange.say("DELETE", MONITOR, Say(405))
    desk.strange.say("DELETE", TASK, Say(204))
    assert await cancel(desk.bmc, Operation(MONITOR, TASK))
    assert desk.strange.asked("DELETE", TASK) == 1


async def test_a_bmc_that_cannot_cancel_says_so(desk: Desk) -> None:
    for status in (404, 405, 501):
        desk.strange.say("DELETE", MONITOR, Say(status))
        desk.strange.say("DELETE", TASK, Say(status))
        assert not await cancel(desk.bmc, Operation(MONITOR, TASK))
    assert not await cancel(desk.bmc, Operation())
