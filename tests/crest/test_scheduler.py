"""Scheduled jobs over HTTP: what they may be, what they show, what can be done with them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.crest.conftest import Desk, MakeDesk
from tests.fakes import FakeClock
from tests.jobs.yard import context

JOB = "scheduler/job"


def job(**values: Any) -> dict[str, Any]:
    given = {
        "type": "cron",
        "schedule": "0 0 3 * * ?",
        "invokeService": "taskscanner",
        "invokeContext": context("true"),
    }
    return {**copy.deepcopy(given), **values}


async def test_a_job_s_life(desk: Desk, clock: FakeClock) -> None:
    made = await desk.put(f"{JOB}/nightly", job(timeZone="Europe/Berlin"))
    assert made.status == 201 and made.headers["Location"] == "/openidm/scheduler/job/nightly"
    body = made.body
    assert body["invokeService"] == "org.forgerock.openidm.taskscanner"
    assert (body["enabled"], body["persisted"], body["misfirePolicy"]) == (
        True, True, "fireAndProceed",
    )  # fmt: skip
    assert "_rev" not in body and body["timeZone"] == "Europe/Berlin"
    (trigger,) = body["triggers"]
    assert trigger["serialized"]["type"] == "CronTriggerImpl"
    assert trigger["serialized"]["cronExpression"] == "0 0 3 * * ?"
    assert trigger["state"] == "NORMAL" and body["nextRunDate"].endswith("T02:00:00.000Z")
    assert (await desk.get(f"{JOB}/nightly")).body == body

    again = await desk.put(f"{JOB}/nightly", body)
    assert again.status == 200, "what an answer shows may come back"
    off = await desk.put(f"{JOB}/nightly", job(enabled="false"))
    assert (off.body["triggers"], off.body["nextRunDate"]) == ([], None)
    gone = await desk.ask("DELETE", f"{JOB}/nightly")
    assert gone.status == 200 and gone.body["_id"] == "nightly"
    for method in ("GET", "DELETE"):
        answer = await desk.ask(method, f"{JOB}/nightly")
        assert answer.said == (404, "Schedule does not exist")


async def test_conditions(desk: Desk) -> None:
    assert (await desk.put(f"{JOB}/a", job(), If_Match="*")).said[0] == 404
    made = await desk.put(f"{JOB}/a", job(), If_None_Match="*")
    assert made.status == 201
    exists = await desk.put(f"{JOB}/a", job(), If_None_Match="*")
    assert exists.said == (412, "Schedule already exists")
    tag = made.headers["ETag"]
    assert (await desk.put(f"{JOB}/a", job(), If_Match=tag)).status == 200
    assert (await desk.put(f"{JOB}/a", job(), If_Match=tag)).said[0] == 412
    assert (await desk.put(f"{JOB}/a", job(), If_Match="no revision")).said[0] == 412
    named = await desk.post(f"{JOB}?_action=create", job())
    assert named.status == 201 and len(named.body["_id"]) == 36
    assert (await desk.get(JOB)).said == (400, "Empty resourceId")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "sometimes"}, "Specified type value invalid: sometimes"),
        ({"schedule": None}, "A schedule of type cron must provide a cron schedule"),
        ({"schedule": "0 0 3 * *"}, "schedule"),
        ({"timeZone": "Mars/Base"}, "Scheduler configured timezone is not understood: Mars/Base"),
        ({"misfirePolicy": "cry"}, "Invalid misfire policy: cry"),
        ({"invokeService": " "}, "Invalid scheduler configuration"),
        ({"invokeService": 5}, "Invalid scheduler configuration"),
        ({"invokeService": "sync"}, "there is no service of that name"),
        ({"enabled": "perhaps"}, "enabled: is neither true nor false"),
        ({"invokeLogLevel": "loud"}, "invokeLogLevel"),
        ({"startTime": "soon"}, "startTime"),
        ({"startTime": "2030-01-02T00:00:00", "endTime": "2030-01-01T00:00:00"}, "endTime"),
        ({"type": "simple", "repeatInterval": "often"}, "repeatInterval"),
        ({"type": "simple", "repeatCount": -2}, "repeatCount"),
        ({"colour": "red"}, "colour: is no property of a job"),
        ({"invokeContext": None}, "invokeContext"),
        ({"invokeContext": context(query="/a lt")}, "filter"),
        ({"invokeContext": context(query="/a eq 1) and (/b pr")}, None),
        ({"invokeContext": context(recovery="soon")}, "scan.recovery.timeout"),
        ({"invokeContext": context(numberOfThreads=0)}, "numberOfThreads"),
    ],
)
async def test_what_is_no_job_is_refused_by_name(
    desk: Desk, change: dict[str, Any], said: str | None
) -> None:
    answer = await desk.put(f"{JOB}/a", job(**change))
    if said is None:
        assert answer.status == 201
        return
    code, message = answer.said
    assert code == 400 and said in message + str(answer.body.get("detail"))
    assert await desk.jobs.count() == 0


async def test_a_filter_without_its_parentheses(
    make_desk: MakeDesk, caplog: pytest.LogCaptureFixture
) -> None:
    lost = job(invokeContext=context(query="/a lt 1) AND !(/b pr"))
    assert (await (await make_desk()).put(f"{JOB}/a", lost)).status == 201
    assert "in parentheses only" in caplog.text
    assert (await (await make_desk(lenient=False)).put(f"{JOB}/b", lost)).said[0] == 400


async def test_there_are_only_so_many(desk: Desk) -> None:
    for number in range(5):
        assert (await desk.put(f"{JOB}/{number}", job())).status == 201
    assert (await desk.put(f"{JOB}/6", job())).said[0] == 409
    assert (await desk.put(f"{JOB}/{'x' * 256}", job())).said[0] == 400


async def test_queries(desk: Desk) -> None:
    for name, kind in (("b", "cron"), ("a", "simple"), ("c", "cron")):
        await desk.put(f"{JOB}/{name}", job(type=kind, repeatInterval=60000))
    found = (await desk.get(f"{JOB}?_queryFilter=type+eq+%27cron%27")).body
    assert [one["_id"] for one in found["result"]] == ["b", "c"]
    assert (found["totalPagedResultsPolicy"], found["totalPagedResults"]) == ("EXACT", 2)
    pages = (await desk.get(f"{JOB}?_queryFilter=true&_pageSize=2&_sortKeys=-_id")).body
    assert [one["_id"] for one in pages["result"]] == ["c", "b"]
    assert (pages["pagedResultsCookie"], pages["remainingPagedResults"]) == ("2", 1)
    rest = (
        await desk.get(f"{JOB}?_queryFilter=true&_pageSize=2&_sortKeys=-_id&_pagedResultsCookie=2")
    ).body
    assert [one["_id"] for one in rest["result"]] == ["a"] and rest["pagedResultsCookie"] is None
    ids = (await desk.get(f"{JOB}?_queryId=query-all-ids")).body["result"]
    assert ids == [{"_id": "a"}, {"_id": "b"}, {"_id": "c"}]
    some = (await desk.get(f"{JOB}?_queryFilter=triggers/0/state+pr&_fields=type")).body
    assert some["result"][0] == {"_id": "a", "type": "simple"}
    odd = (await desk.get(f"{JOB}?_queryFilter=true&_pagedResultsCookie=x")).body
    assert len(odd["result"]) == 3, "a cookie that is none counts as 0"
    assert (await desk.get(f"{JOB}?_queryId=mine")).said == (
        400, "only query-id of 'query-all-ids' is supported.",
    )  # fmt: skip
    both = f"{JOB}?_queryFilter=true&_pagedResultsCookie=1&_pagedResultsOffset=1"
    assert (await desk.get(both)).said[0] == 400


async def test_pausing_resuming_triggering(desk: Desk) -> None:
    await desk.put(f"{JOB}/a", job())
    await desk.put(f"{JOB}/b", job())

    async def states() -> list[str]:
        found = (await desk.get("scheduler/trigger?_queryFilter=true")).body["result"]
        return [one["state"] for one in found]

    for verb, wanted in (("pause", ["PAUSED", "NORMAL"]), ("resume", ["NORMAL", "NORMAL"])):
        assert (await desk.post(f"{JOB}/a?_action={verb}")).body == {"success": True}
        assert await states() == wanted
    assert (await desk.post(f"{JOB}?_action=pauseJobs")).body == {"success": True}
    assert await states() == ["PAUSED", "PAUSED"]
    assert (await desk.post(f"{JOB}?_action=RESUMEJOBS")).body == {"success": True}
    assert await states() == ["NORMAL", "NORMAL"]
    assert (await desk.post(f"{JOB}/a?_action=trigger")).body == {"success": True}
    triggered = await desk.jobs.read("a")
    assert triggered is not None and triggered.manual == 1
    for verb in ("pause", "resume", "trigger"):
        assert (await desk.post(f"{JOB}/none?_action={verb}")).said[0] == 404
    assert (await desk.post(f"{JOB}?_action=listCurrentlyExecutingJobs")).body == []


async def test_triggers(desk: Desk) -> None:
    await desk.put(f"{JOB}/a", job(schedule="0 0 4 * * ?"))
    await desk.put(f"{JOB}/b", job(schedule="0 0 3 * * ?", misfirePolicy="doNothing"))
    await desk.put(f"{JOB}/c", job(enabled=False))
    one = await desk.get("scheduler/trigger/scheduler-service-group.trigger-b")
    assert one.body["serialized"]["misfireInstruction"] == 2
    assert one.headers["ETag"] == f'"{one.body["_rev"]}"'
    for name in ("b", "scheduler-service-group.trigger-c", "scheduler-service-group.trigger-x"):
        assert (await desk.get(f"scheduler/trigger/{name}")).said[0] == 404
    assert (await desk.get("scheduler/trigger")).said[0] == 404
    waiting = (await desk.get("scheduler/waitingTriggers")).body
    assert set(waiting["names"]) == {
        "scheduler-service-group.trigger-a", "scheduler-service-group.trigger-b",
    }  # fmt: skip
    acquired = (await desk.get("scheduler/acquiredTriggers")).body
    assert acquired == {"_id": "acquiredTriggers"}
    assert (await desk.get("scheduler/none")).said[0] == 404


@pytest.mark.parametrize(
    ("text", "valid"),
    [("0 0 3 ? * MON-FRI", True), ("0 0 3 L-2 * ?", True), ("0 0 3 * * *", False), ("x", False)],
)
async def test_expressions_can_be_tried(desk: Desk, text: str, valid: bool) -> None:
    action = "scheduler?_action=validateQuartzCronExpression"
    answer = await desk.post(action, {"cronExpression": text}, who="guest")
    assert answer.body == {"valid": valid}
    assert (await desk.post(action, {})).said[0] == 400


@pytest.mark.parametrize("kind", ["redfish", "other", 5])
async def test_a_type_that_is_none(desk: Desk, kind: Any) -> None:
    answer = await desk.put(f"{JOB}/a", job(type=kind))
    assert answer.status == 400 and "type" in answer.said[1]
