"""Lists of jobs: in pages, within bounds, and none of them hidden by another."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from odimra.crest import listing
from odimra.crest.scheduler import LONGEST_JOB
from odimra.engine import Scheduler, SchedulerOptions, task_going
from odimra.engine.scheduled import Firing, ScheduledJob
from odimra.tasks import Change, NewTask, states
from odimra.wire import BodyLimits
from tests.crest.conftest import Desk, MakeDesk
from tests.fakes import FakeClock
from tests.jobs.yard import context

JOBS = "scheduler/job"
EXECUTING = f"{JOBS}?_action=listCurrentlyExecutingJobs"


def job(**values: Any) -> dict[str, Any]:
    return {
        "type": "simple",
        "repeatInterval": 60_000,
        "invokeService": "taskscanner",
        "invokeContext": context("true"),
        **values,
    }


@pytest.fixture
async def many(make_desk: MakeDesk) -> Desk:
    """130 jobs: more than are read together."""
    desk = await make_desk(limit=200)
    for at in range(130):
        body = job(repeatInterval=1000 * (at + 1))
        assert (await desk.put(f"{JOBS}/j{at:03}", body)).status == 201
    return desk


async def ids(desk: Desk, query: str) -> list[str]:
    answer = await desk.get(f"{JOBS}?{query}")
    assert answer.status == 200, answer.body
    return [one["_id"] for one in answer.body["result"]]


async def test_all_jobs_are_found_in_however_many_pages(many: Desk) -> None:
    every = [f"j{at:03}" for at in range(130)]
    assert await ids(many, "_queryFilter=true") == every
    assert await ids(many, "_queryId=query-all-ids") == every
    assert await ids(many, "_queryFilter=true&_sortKeys=-repeatInterval") == every[::-1]
    assert await ids(many, "_queryFilter=repeatInterval+gt+128000") == ["j128", "j129"]
    seen: list[str] = []
    cookie: str | None = "nonsense"
    while cookie is not None:
        query = f"_queryFilter=true&_pageSize=47&_pagedResultsCookie={cookie}"
        page = (await many.get(f"{JOBS}?{query}")).body
        seen += [one["_id"] for one in page["result"]]
        assert page["remainingPagedResults"] == 130 - len(seen)
        cookie = page["pagedResultsCookie"]
        assert cookie == (str(len(seen)) if len(seen) < 130 else None)
    assert seen == every
    waiting = (await many.get("scheduler/waitingTriggers")).body["names"]
    assert len(waiting) == 130


async def test_jobs_that_are_deleted_meanwhile_are_passed_over(
    many: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole page of them is gone between its ids and its reads."""
    read = many.jobs.read

    async def gone(name: str) -> ScheduledJob | None:
        return None if name < "j060" else await read(name)

    monkeypatch.setattr(many.jobs, "read", gone)
    assert await ids(many, "_queryFilter=true") == [f"j{at:03}" for at in range(60, 130)]


async def test_an_answer_has_a_bound(many: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    one = len(orjson.dumps((await many.get(f"{JOBS}/j000")).body))
    monkeypatch.setattr(listing, "ANSWER_BYTES", 10 * one + one // 2)
    whole = await many.get(f"{JOBS}?_queryFilter=true")
    assert whole.said[0] == 400 and "_pageSize" in whole.body["message"]
    page = (await many.get(f"{JOBS}?_queryFilter=true&_pageSize=50")).body
    assert 8 <= page["resultCount"] <= 10
    assert page["pagedResultsCookie"] == str(page["resultCount"])
    assert page["remainingPagedResults"] == 130 - page["resultCount"]


async def test_a_job_has_a_bound(make_desk: MakeDesk) -> None:
    desk = await make_desk(body=BodyLimits(max_bytes=2 * LONGEST_JOB))
    answer = await desk.put(f"{JOBS}/a", job(invokeContext=context("x" * LONGEST_JOB)))
    assert answer.said[0] == 413
    assert str(LONGEST_JOB) in answer.body["message"]


async def test_a_time_zone_that_this_host_does_not_know_hides_no_job(desk: Desk) -> None:
    await desk.put(f"{JOBS}/a", job(endTime="2040-01-01T00:00:00+01:00"))
    await desk.put(f"{JOBS}/b", job(type="cron", schedule="0 0 12 * * ?"))
    key = desk.jobs.key("b")
    stored = orjson.loads(await desk.jobs.store.call("HGET", key, "schedule"))
    foreign = orjson.dumps({**stored, "timeZone": "Mars/Olympus"}).decode()
    await desk.jobs.store.call("HSET", key, "schedule", foreign)
    assert await ids(desk, "_queryFilter=true") == ["a", "b"]
    assert (await desk.get(f"{JOBS}/b")).status == 200
    a = (await desk.get(f"{JOBS}/a")).body["triggers"][0]["serialized"]
    assert a["endTime"] == 2208985200000


async def test_null_stands_for_what_is_not_given(desk: Desk) -> None:
    plain = (await desk.put(f"{JOBS}/a", job())).body
    nulls = dict.fromkeys(
        ("enabled", "persisted", "misfirePolicy", "repeatCount", "invokeLogLevel", "timeZone")
    )
    body = (await desk.put(f"{JOBS}/b", job(**nulls))).body
    shown = [name for name in plain if name not in ("_id", "triggers")]
    assert {name: body[name] for name in shown} == {name: plain[name] for name in shown}
    cron = job(type=None, schedule="0 0 12 * * ?")
    made = (await desk.put(f"{JOBS}/c", cron)).body
    assert (made["type"], made["triggers"][0]["serialized"]["type"]) == ("cron", "CronTriggerImpl")


async def test_what_runs_is_listed_also_when_nothing_waits_for_it(
    desk: Desk, clock: FakeClock
) -> None:
    started: list[str] = []

    async def start(scheduled: ScheduledJob, firing: Firing) -> str | None:
        listed = (await desk.post(EXECUTING, who="guest")).body
        assert scheduled.id in [one["_id"] for one in listed], "it fires"
        acquired = (await desk.get("scheduler/acquiredTriggers")).body
        assert f"scheduler-service-group.trigger-{scheduled.id}" in acquired["n"]
        await desk.tasks.create(NewTask("scanner", "admin"), task_id=firing.run_id)
        started.append(firing.run_id)
        return firing.run_id

    worker = Scheduler(desk.jobs, task_going(desk.tasks), clock, SchedulerOptions("n"))
    await desk.put(f"{JOBS}/alone", job())
    await desk.put(f"{JOBS}/beside", job(concurrentExecution=True))
    await desk.put(f"{JOBS}/later", job(startTime="2040-01-01T00:00:00Z"))
    assert (await desk.post(EXECUTING)).body == []
    clock.advance(3)
    while await worker.turn(start) == 0:
        pass
    listed = (await desk.post(EXECUTING)).body
    assert [one["_id"] for one in listed] == ["alone", "beside"]
    assert listed[1] == (await desk.get(f"{JOBS}/beside")).body
    for run_id in started:
        for state in (states.RUNNING, states.COMPLETED):
            await desk.tasks.change(run_id, Change(state=state))
    clock.advance(2)
    while await worker.turn(start) == 0:
        pass
    assert (await desk.post(EXECUTING)).body == []


async def test_what_rests_does_not_wait(desk: Desk) -> None:
    for name in ("a", "b"):
        await desk.put(f"{JOBS}/{name}", job())
    await desk.post(f"{JOBS}/a?_action=pause")
    waiting = (await desk.get("scheduler/waitingTriggers")).body
    assert waiting["names"] == ["scheduler-service-group.trigger-b"]


@pytest.mark.parametrize("pretty", ["true", "false"])
async def test_a_long_answer_is_rendered_as_a_short_one_is(desk: Desk, pretty: str) -> None:
    for at in range(1201):
        await desk.records.create("managed/user", {"n": at, "result": []}, f"u{at:04}")
    answer = await desk.client.get(
        f"/openidm/managed/user?_queryFilter=true&_prettyPrint={pretty}",
        headers={"X-Auth-Token": "admin"},
    )
    raw = await answer.read()
    body = orjson.loads(raw)
    assert [one["n"] for one in body["result"]] == list(range(1201))
    option = orjson.OPT_INDENT_2 if pretty == "true" else None
    assert raw == orjson.dumps(body, option=option)


@pytest.mark.parametrize("path", [JOBS, "scheduler/trigger", "taskscanner"])
async def test_a_way_of_counting_that_there_is_not_is_refused(desk: Desk, path: str) -> None:
    asked = f"{path}?_queryFilter=true&_totalPagedResultsPolicy="
    said = "_totalPagedResultsPolicy: is one of NONE, ESTIMATE, EXACT"
    assert (await desk.get(f"{asked}SOME")).said == (400, said)
    assert (await desk.get(f"{asked}none")).status == 200
