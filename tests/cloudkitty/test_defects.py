"""What went wrong elsewhere, one test for each: the letters and points are the reference's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from odimra.jobs.reprocess.rating import RATE
from odimra.rating.model import Point
from odimra.rating.usage import Sample, Usage, Used
from odimra.store import StoreUnavailable
from odimra.tasks import states
from tests.cloudkitty.charging import NEW, at, charged, expected, prices, reprocess, shown
from tests.cloudkitty.conftest import HASHMAP, REPROCESSES, Desk, MakeDesk
from tests.cloudkitty.wording import LAST
from tests.fakes import FakeClock
from tests.rating.yard import PERIOD, Yard, sample

# 1.6


async def test_a_the_last_period_of_a_window_is_replaced_not_doubled(desk: Desk) -> None:
    await charged(desk)
    desk.yard.work()
    await desk.yard.ended(await reprocess(desk, 1, 3))
    assert await prices(desk) == expected([1, 2, 3])


async def test_b_a_window_of_one_period_is_replaced_not_doubled(desk: Desk) -> None:
    await charged(desk)
    desk.yard.work()
    await desk.yard.ended(await reprocess(desk, 4, 4))
    assert await prices(desk) == expected([4])


class Faulty:
    """Reads usage, but fails when it comes to a period."""

    def __init__(self, usage: Usage, hour: int, *errors: Exception) -> None:
        self._read = usage.read_used
        self._begin = at(hour)
        self._errors = list(errors)
        self.failed = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, scope: str, begins: Sequence[int]) -> list[Used]:
        if self._begin in begins and self._errors:
            self.failed.set()
            await self.go_on.wait()
            raise self._errors.pop(0)
        return await self._read(scope, begins)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each period be a step of its own, as it is elsewhere."""
    monkeypatch.setattr("odimra.jobs.reprocess.worker.PERIODS", 1)


@pytest.mark.usefixtures("one_by_one")
async def test_c_a_failure_in_the_middle_leaves_no_hole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await charged(desk)
    faulty = Faulty(desk.yard.usage, 3, StoreUnavailable("it is away", 1))
    monkeypatch.setattr(desk.yard.usage, "read_used", faulty)
    desk.yard.work()
    task = await reprocess(desk, 1, 5)
    await asyncio.wait_for(faulty.failed.wait(), 30)
    # Two are done, and nothing is missing meanwhile.
    assert await prices(desk) == expected([1, 2])
    (row,) = (await desk.get(REPROCESSES)).body["results"]
    assert row["current_reprocess_time"] == "2027-01-15T02:00:00"
    faulty.go_on.set()
    assert (await desk.yard.ended(task)).task_state == states.COMPLETED
    assert await prices(desk) == expected([1, 2, 3, 4, 5])


@pytest.mark.usefixtures("one_by_one")
async def test_c_a_failure_for_good_is_visible_and_can_be_done_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await charged(desk)
    faulty = Faulty(desk.yard.usage, 3, ValueError("broken"))
    monkeypatch.setattr(desk.yard.usage, "read_used", faulty)
    faulty.go_on.set()
    desk.yard.work()
    ended = await desk.yard.ended(await reprocess(desk, 1, 5))
    assert ended.task_state == states.EXCEPTION and ended.messages
    assert await prices(desk) == expected([1, 2])
    assert (await desk.yard.ended(await reprocess(desk, 1, 5))).task_state == states.COMPLETED
    assert await prices(desk) == expected([1, 2, 3, 4, 5])


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("hour", [1, 3], ids=["d_the_first_period", "e_a_later_period"])
async def test_a_worker_that_dies_behind_its_write_doubles_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, hour: int
) -> None:
    """The frame is written and the worker is gone before it hears of that: another one goes on."""
    await charged(desk)
    script, lost = desk.yard.store.script, asyncio.Event()

    async def dies(what: Any, **given: Any) -> Any:
        reply = await script(what, **given)
        if what is RATE and given["args"][5] == str(at(hour)) and not lost.is_set():
            lost.set()
            # Its answer never arrives: the same step is done once more.
            raise StoreUnavailable("it is away", 1)
        return reply

    monkeypatch.setattr(desk.yard.store, "script", dies)
    desk.yard.work()
    task = await reprocess(desk, 1, 5)
    assert (await desk.yard.ended(task)).task_state == states.COMPLETED
    assert lost.is_set()
    assert await prices(desk) == expected([1, 2, 3, 4, 5])
    (frames,) = await desk.yard.usage.read_frames("p1", [at(hour)])
    assert len(frames) == 1


async def test_f_a_scope_that_is_switched_off_ends_its_window(desk: Desk) -> None:
    await charged(desk)
    task = await reprocess(desk, 1, 5)
    body = {"scope_id": "p1", "active": False}
    assert (await desk.ask("PATCH", "/v2/scope", body)).status == 200
    desk.yard.work()
    ended = await desk.yard.ended(task)
    assert ended.task_state == states.EXCEPTION
    assert [one.args for one in ended.messages if "not active" in str(one.args)]
    assert await prices(desk) == expected([])
    # And it holds up nobody once the scope is back.
    await desk.ask("PATCH", "/v2/scope", {**body, "active": True})
    await desk.yard.ended(await reprocess(desk, 1, 5))
    assert await prices(desk) == expected([1, 2, 3, 4, 5])


async def test_the_oldest_of_many_windows_does_not_starve(desk: Desk) -> None:
    """Elsewhere only the newest hundred are ever looked at."""
    count = 105
    for number in range(count):
        await desk.yard.scope(f"p{number}", LAST)
    tasks = [await reprocess(desk, 1, 2, f"p{number}") for number in range(count)]
    desk.yard.work()
    assert (await desk.yard.ended(tasks[0])).task_state == states.COMPLETED
    for task in tasks:
        assert (await desk.yard.ended(task)).task_state == states.COMPLETED
    rows = (await desk.get(f"{REPROCESSES}?limit=1000")).body["results"]
    assert len(rows) == count
    assert all(one["current_reprocess_time"] == one["end_reprocess_time"] for one in rows)


async def test_a_window_is_begun_at_once(desk: Desk) -> None:
    """Elsewhere it waits up to a whole period; the clock of this test does not move at all."""
    await charged(desk)
    desk.yard.work()
    assert (await desk.yard.ended(await reprocess(desk, 1, 2))).task_state == states.COMPLETED


async def test_a_window_waits_for_its_cycle_where_that_is_wanted(
    make_desk: MakeDesk, clock: FakeClock
) -> None:
    desk = await make_desk(cycle=True)
    await charged(desk)
    clock.advance(PERIOD / 4)
    task = await reprocess(desk, 1, 2)
    due = await desk.yard.store.call("ZSCORE", desk.yard.store.keys.due, task.id)
    assert int(due) == at(9) * 1000


# 1.1 to 1.4


async def test_race_two_equal_requests_cannot_both_win(desk: Desk) -> None:
    await charged(desk)
    body = {
        "scope_ids": "ALL",
        "start_reprocess_time": shown(1),
        "end_reprocess_time": shown(2),
        "reason": "r",
    }
    answers = await asyncio.gather(*(desk.post(REPROCESSES, body) for _ in range(10)))
    assert sorted(one.status for one in answers) == [202] + [400] * 9
    assert len((await desk.get(REPROCESSES)).body["results"]) == 1


async def test_all_scopes_of_a_request_are_scheduled_or_none(desk: Desk) -> None:
    for name in ("p1", "p2"):
        await charged(desk, name)
    await reprocess(desk, 1, 2, "p2")
    body = {
        "scope_ids": "p1,p2",
        "start_reprocess_time": shown(2),
        "end_reprocess_time": shown(3),
        "reason": "r",
    }
    assert (await desk.post(REPROCESSES, body)).said[0] == 400
    rows = (await desk.get(REPROCESSES)).body["results"]
    assert [one["scope_id"] for one in rows] == ["p2"]


@pytest.mark.parametrize("nobody", [[], "", [""]])
async def test_an_empty_list_is_not_everybody(desk: Desk, nobody: Any) -> None:
    await charged(desk)
    body = {
        "scope_ids": nobody,
        "start_reprocess_time": shown(1),
        "end_reprocess_time": shown(2),
        "reason": "r",
    }
    status, text = (await desk.post(REPROCESSES, body)).said
    assert status == 400
    if nobody == []:
        assert "Use 'ALL' to reprocess all active scopes." in text
    assert (await desk.get(REPROCESSES)).body == {"results": []}


async def test_who_may_not_is_told_so_whatever_is_wrong_with_the_request(desk: Desk) -> None:
    """Elsewhere a body that is wrong hides it: 400 instead of 403."""
    wrong: list[tuple[str, str, Any]] = [
        ("POST", REPROCESSES, {"foo": 1}),
        ("POST", REPROCESSES, b"{"),
        ("GET", f"{REPROCESSES}?order=up", None),
        ("POST", "/v2/scope", {}),
        ("PUT", "/v2/scope", {}),
        ("GET", "/v2/scope?active=maybe", None),
        ("POST", "/v2/dataframes", {"dataframes": []}),
        ("POST", f"{HASHMAP}/services", {}),
        ("DELETE", f"{HASHMAP}/mappings", {}),
    ]
    for method, path, body in wrong:
        answer = await desk.ask(method, path, body, "member")
        assert answer.said == (403, "You are not authorized to perform this action"), path


async def test_the_list_of_modules_is_not_for_everybody(desk: Desk) -> None:
    for version in ("v1", "v2"):
        assert (await desk.get(f"/{version}/rating/modules", "member")).said[0] == 403
    assert (await desk.get("/v2/rating/modules")).status == 200


async def test_somebody_sees_only_the_usage_of_their_own_scopes(desk: Desk) -> None:
    for name in ("p1", "p2"):
        await charged(desk, name)
    query = "?begin=2027-01-15"
    for rest in ("", "&filters=project_id:p2", "&filters=project_id:p1,project_id:p2"):
        for path, name in (("/v2/dataframes", "dataframes"), ("/v2/summary", "results")):
            answer = await desk.get(f"{path}{query}{rest}", "member")
            assert answer.status == 200
            assert "p2" not in str(answer.body[name])
    rows = (await desk.get(f"/v2/summary{query}&groupby=project_id", "member")).body["results"]
    assert [row[4] for row in rows] == ["p1"]
    rows = (await desk.get(f"/v2/summary{query}&groupby=project_id")).body["results"]
    assert [row[4] for row in rows] == ["p1", "p2"]


# 3 and 6


async def test_a_change_of_a_rule_is_no_redirect(desk: Desk) -> None:
    """Elsewhere it is a 302, for which the client sends the same request 31 times."""
    service = await desk.made("services", {"name": "cpu"})
    rule = {"service_id": service["service_id"], "cost": 1, "start": "2027-02-01T00:00:00Z"}
    made = await desk.made("mappings", rule)
    for path in (f"/mappings/{made['mapping_id']}", "/mappings/"):
        answer = await desk.ask("PUT", HASHMAP + path, {**made, "cost": 2})
        assert (answer.status, answer.body) == (204, None)
        assert "Location" not in answer.headers
    found = (await desk.get(f"{HASHMAP}/mappings/{made['mapping_id']}")).body
    assert found == {**made, "cost": "2", "updated_by": "admin"}


async def test_a_reset_takes_the_older_name_of_the_time_too(desk: Desk) -> None:
    """The client says `state`, which servers have not taken for years."""
    await charged(desk)
    for name, hour in (("state", 5), ("last_processed_timestamp", 3)):
        answer = await desk.ask("PUT", "/v2/scope", {"scope_id": "p1", name: shown(hour)})
        assert (answer.status, answer.body) == (202, {})
        (row,) = (await desk.get("/v2/scope?scope_id=p1")).body["results"]
        # The client shows what is called `state`.
        zoned = shown(hour).replace("Z", "+00:00")
        assert row["state"] == row["last_processed_timestamp"] == zoned
        assert list(await prices(desk)) == list(range(hour + 1))


async def test_a_reset_of_all_scopes_means_more_than_a_hundred(desk: Desk) -> None:
    for number in range(120):
        await desk.yard.scope(f"p{number}", LAST)
    body = {"all_scopes": True, "last_processed_timestamp": shown(3)}
    assert (await desk.ask("PUT", "/v2/scope", body)).status == 202
    assert {one.last for one in await desk.yard.scopes.all()} == {at(3)}


async def test_a_scope_may_be_made_inactive(desk: Desk) -> None:
    body = {"scope_id": "p1", "last_processed_timestamp": shown(3), "active": False}
    answer = await desk.post("/v2/scope", body)
    assert answer.status == 200 and answer.body["active"] is False
    assert (await desk.get("/v2/scope?active=0")).body["results"] == [answer.body]


async def test_a_price_of_the_past_takes_force_and_then_counts(desk: Desk) -> None:
    """The commonest "my reprocess changed nothing": rules hold from when they are made."""
    await desk.yard.scope("p1", LAST)
    await desk.yard.usage.push(sample("p1", at(hour)) for hour in range(9))
    service = await desk.made("services", {"name": "cpu"})
    desk.yard.work()
    rule = {"service_id": service["service_id"], "cost": 2}
    now = await desk.made("mappings", rule)
    await desk.yard.ended(await reprocess(desk, 0, 7))
    assert set((await prices(desk)).values()) == {Decimal(0)}
    await desk.ask("DELETE", f"{HASHMAP}/mappings/{now['mapping_id']}")
    rule["start"] = shown(4)
    assert (await desk.post(f"{HASHMAP}/mappings", rule)).said[0] == 400
    await desk.made("mappings?force=true", rule)
    await desk.yard.ended(await reprocess(desk, 0, 7))
    assert await prices(desk) == {hour: 2 * (4 <= hour < 8) for hour in range(9)}


async def test_an_attribute_that_is_no_number_holds_up_nobody(desk: Desk) -> None:
    """Elsewhere a rating that fails stops the period of everybody."""
    for name in ("p1", "p2"):
        await charged(desk, name)
    (service,) = (await desk.yard.rules.book()).of("service")
    field = await desk.made("fields", {"name": "size", "service_id": service})
    await desk.made("thresholds", {"field_id": field["field_id"], "level": 1, "cost": 7})
    odd = sample("p1", at(2), size="large")
    await desk.yard.usage.push([odd, sample("p2", at(2), size="5")])
    desk.yard.work()
    ended = await desk.yard.ended(await reprocess(desk, 1, 3, "p1", "p2"))
    assert ended.task_state == states.COMPLETED
    # The price of the threshold is left out, the rest of it is not.
    assert (await prices(desk))[2] == 2 * NEW
    assert (await prices(desk, "p2"))[2] == 2 * NEW + 7
    children = await desk.yard.tasks.page(desk.yard.tasks.index(parent=ended.id), 0, 10)
    said = [one for child in children for one in await messages(desk.yard, child)]
    assert ("size", "p1") in said and ("size", "p2") not in said


async def messages(yard: Yard, id: str) -> list[tuple[str, ...]]:
    task = await yard.tasks.get(id)
    assert task is not None
    return [tuple(map(str, one.args)) for one in task.messages]


async def test_what_a_resource_was_in_a_period_counts_not_what_it_is(desk: Desk) -> None:
    """Elsewhere the newest attributes of a resource are taken for all of the past."""
    await desk.yard.scope("p1", LAST)
    service = await desk.made("services", {"name": "cpu"})
    field = await desk.made("fields", {"name": "flavor", "service_id": service["service_id"]})
    for flavor, cost in (("small", 1), ("big", 5)):
        rule = {"field_id": field["field_id"], "value": flavor, "cost": cost, "start": "2020-01-01"}
        await desk.made("mappings?force=true", rule)
    await desk.yard.usage.push(
        Sample("p1", "cpu", at(hour), at(hour + 1), Point(Decimal(1), "h", groupby, metadata))
        for hour in range(4)
        for groupby in ({"project_id": "p1", "id": "vm1"},)
        for metadata in ({"flavor": "small" if hour < 2 else "big"},)
    )
    desk.yard.work()
    await desk.yard.ended(await reprocess(desk, 0, 3))
    assert await prices(desk) == {0: 1, 1: 1, 2: 5, 3: 5}


async def test_a_window_can_be_cancelled_and_keeps_what_is_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere there is no way to stop one."""
    monkeypatch.setattr("odimra.jobs.reprocess.worker.PERIODS", 1)
    await charged(desk)
    held = Faulty(desk.yard.usage, 3, StoreUnavailable("it is away", 1))
    monkeypatch.setattr(desk.yard.usage, "read_used", held)
    desk.yard.work()
    task = await reprocess(desk, 1, 5)
    await asyncio.wait_for(held.failed.wait(), 30)
    await desk.yard.tasks.cancel(task.id)
    held.go_on.set()
    assert (await desk.yard.ended(task)).task_state == states.CANCELLED
    assert await prices(desk) == expected([1, 2])
    await desk.yard.ended(await reprocess(desk, 3, 5))
    assert await prices(desk) == expected([1, 2, 3, 4, 5])


async def test_rating_reprocessing_and_a_reset_at_once_come_to_the_right_sums(
    desk: Desk, clock: FakeClock
) -> None:
    """Elsewhere none of these knows of the others."""
    await charged(desk, hours=range(16))
    clock.advance(12 * PERIOD)
    desk.yard.work()
    task = await reprocess(desk, 0, 8)
    reset = {"scope_id": "p1", "last_processed_timestamp": shown(4)}
    await asyncio.gather(
        desk.yard.cycle.once(), desk.ask("PUT", "/v2/scope", reset), desk.yard.cycle.once()
    )
    await desk.yard.ended(task)
    while await desk.yard.cycle.once():
        pass
    # Over for two periods at 20 o'clock: all up to 17 o'clock.
    assert await prices(desk) == expected(range(16), range(16))
    scope = await desk.yard.scopes.read("p1")
    assert scope is not None and scope.last == at(17)
