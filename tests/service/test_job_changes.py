"""Jobs that are changed, steered, removed; what is told of them, and what they never show."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from odimra.jobs.planned.model import KIND
from odimra.redfish.event_json import EventRepresentation
from odimra.redfish.messages import Messages
from tests.jobs.yard import context
from tests.service.job_desk import JOBS, PASSWORD, RESET, SYSTEM, Desk, opened, payload

TAG = payload(SYSTEM, "PATCH", AssetTag="x")
SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions"


@pytest.fixture
async def desk(valkey: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(valkey, tmp_path) as one:
        yield one


@pytest.fixture
async def slow(valkey: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk where a reset takes minutes."""
    async with opened(valkey, tmp_path, emulation__time_factor=0.01) as one:
        yield one


def later(**more: float) -> str:
    return (datetime.now(UTC) + timedelta(**(more or {"hours": 1}))).isoformat()


async def refused(desk: Desk, method: str, uri: str, body: Any, status: int) -> str:
    got, said, _ = await desk.ask(method, uri, body)
    assert got == status, said
    return str(said["error"]["@Message.ExtendedInfo"])


# When it runs


async def test_another_start_time(desk: Desk) -> None:
    made = await desk.make(Payload=TAG, StartTime=later())
    uri = made["@odata.id"]
    moved = later(hours=2)
    _, body, _ = await desk.ask("PATCH", uri, {"StartTime": moved})
    assert datetime.fromisoformat(body["StartTime"]) - datetime.fromisoformat(moved) < timedelta(
        milliseconds=1
    )
    assert body["JobState"] == "Pending"
    await desk.ask("PATCH", uri, {"StartTime": later(seconds=0)})
    ended = await desk.state(uri, "Completed")
    assert len(ended["Links"]["CreatedResources"]) == 1
    # What has ended begins anew when it gets another time.
    first = ended["Links"]["CreatedResources"][0]
    await desk.ask("PATCH", uri, {"StartTime": later(seconds=0)})
    async with asyncio.timeout(30):
        while (await desk.read(uri)).get("Links", {}).get("CreatedResources") in (None, [first]):
            await asyncio.sleep(0.02)
    await desk.state(uri, "Completed")


async def test_a_schedule_is_changed_in_parts_and_makes_nothing_good(desk: Desk) -> None:
    begun = later(minutes=-90)
    schedule = {"InitialStartTime": begun, "RecurrenceInterval": "PT1H", "MaxOccurrences": 9}
    made = await desk.make(Payload=TAG, Schedule=schedule)
    uri = made["@odata.id"]
    tasks = desk.house.tasks
    async with asyncio.timeout(30):  # the one that was missed
        while await tasks.count(tasks.index(kind=KIND)) < 1:
            await asyncio.sleep(0.02)
    change = {"Schedule": {"MaxOccurrences": None, "Name": "ACME:Hourly"}}
    status, body, _ = await desk.ask("PATCH", uri, change)
    assert status == 200
    assert body["Schedule"] == {
        "InitialStartTime": begun, "RecurrenceInterval": "PT1H", "Name": "ACME:Hourly",
    }  # fmt: skip
    job = await desk.house.scheduled.read(f"redfish:{body['Id']}")
    assert job is not None and job.next == job.anchor + 2 * 3_600_000
    await desk.state(uri, "Pending")
    assert await tasks.count(tasks.index(kind=KIND)) == 1
    # Null takes the schedule away: it ran, and there is no other time.
    assert "Schedule" in await refused(desk, "PATCH", uri, {"Schedule": None}, 400)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"Schedule": {"InitialStartTime": "2999-01-01T00:00:00Z", "Lifetime": "P1D"}}, "Schedule"),
        ({"Schedule": {"RecurrenceInterval": "P1Y"}}, "Schedule/RecurrenceInterval"),
        ({"Schedule": {"EnabledDaysOfWeek": ["Someday"]}}, "EnabledDaysOfWeek"),
        ({"MaxExecutionTime": "long"}, "MaxExecutionTime"),
        ({"MaxExecutionTime": "PT0S"}, "MaxExecutionTime"),
        ({"StartTime": "soon"}, "StartTime"),
        ({"JobState": "Running"}, "JobState"),
        ({"Payload": TAG}, "Payload"),
        ({"CreatedBy": "olga"}, "CreatedBy"),
        ({"Nonsense": 1}, "Nonsense"),
    ],
)  # fmt: skip
async def test_a_change_that_is_refused_changes_nothing(
    desk: Desk, body: dict[str, Any], name: str
) -> None:
    uri = (await desk.make(Payload=TAG, StartTime=later()))["@odata.id"]
    before = await desk.read(uri)
    assert name in await refused(desk, "PATCH", uri, body, 400)
    assert await desk.read(uri) == before
    assert [one.message for one in await desk.events("ResourceEvent")].count("ResourceChanged") == 0


async def test_a_job_that_never_would_run_is_none(desk: Desk) -> None:
    schedule = {"InitialStartTime": later(days=2), "Lifetime": "P1D"}
    assert "Schedule" in await refused(
        desk, "POST", JOBS, {"Payload": TAG, "Schedule": schedule}, 400
    )
    assert await desk.house.scheduled.count() == 0


async def test_if_match(desk: Desk) -> None:
    uri = (await desk.make(Payload=TAG, StartTime=later()))["@odata.id"]
    _, body, headers = await desk.ask("GET", uri)
    tag = headers["ETag"]
    assert body["@odata.etag"] == tag
    assert (await desk.ask("GET", uri, If_None_Match=tag))[0] == 304
    change = {"StartTime": later(hours=3)}
    assert (await desk.ask("PATCH", uri, change, If_Match='"other"'))[0] == 412
    status, changed, headers = await desk.ask("PATCH", uri, change, If_Match=tag)
    assert status == 200 and headers["ETag"] == changed["@odata.etag"] != tag
    assert (await desk.ask("PATCH", uri, {"JobState": "Suspended"}, If_Match=tag))[0] == 412
    assert (await desk.ask("DELETE", uri, If_Match=tag))[0] == 412
    assert (await desk.ask("DELETE", uri, If_Match=headers["ETag"]))[0] == 204


# How it is


async def test_a_job_that_waits_is_cancelled(desk: Desk) -> None:
    uri = (await desk.make(Payload=TAG, StartTime=later()))["@odata.id"]
    for _ in range(2):  # the second time it is already
        status, body, _ = await desk.ask("PATCH", uri, {"JobState": "Cancelled"})
        assert (status, body["JobState"], body["JobStatus"]) == (200, "Cancelled", "Warning")
    assert body["EndTime"] and [one["MessageId"] for one in body["Messages"]] == [
        "JobEvent.1.1.JobCancelled"
    ]
    assert "JobState" in await refused(desk, "PATCH", uri, {"JobState": "Continue"}, 400)
    assert "JobState" in await refused(desk, "PATCH", uri, {"JobState": "Suspended"}, 400)
    assert [one.message for one in await desk.events()] == ["JobCancelled"]
    await desk.ask("PATCH", uri, {"StartTime": later(seconds=0)})
    await desk.state(uri, "Completed")


async def test_a_job_that_runs_is_cancelled_with_the_task_of_its_step(slow: Desk) -> None:
    steps = [{"Id": "off", "Payload": payload(ResetType="GracefulShutdown")}, {"Payload": TAG}]
    made = await slow.make(Steps=steps)
    uri = made["@odata.id"]
    await slow.state(uri, "Running")
    step = f"{uri}/Steps/off"
    async with asyncio.timeout(30):
        while "Links" not in await slow.read(step):
            await asyncio.sleep(0.02)
    (link,) = (await slow.read(step))["Links"]["CreatedResources"]
    assert (await slow.read(f"{uri}/Steps/2"))["JobState"] == "Pending"
    status, _, _ = await slow.ask("POST", f"{uri}/Actions/Job.Cancel", {})
    assert status == 204
    ended = await slow.state(uri, "Cancelled")
    assert ended["EndTime"] >= ended["StartTime"]
    async with asyncio.timeout(30):
        while (await slow.read(link["@odata.id"]))["TaskState"] != "Cancelled":
            await asyncio.sleep(0.02)
    states = [(await slow.read(f"{uri}/Steps/{one}"))["JobState"] for one in ("off", "2")]
    assert states == ["Cancelled", "Cancelled"]
    assert (await slow.read(SYSTEM)).get("AssetTag") != "x"


async def test_a_job_rests_in_the_middle_of_its_run(slow: Desk) -> None:
    steps = [{"Payload": payload(ResetType="GracefulShutdown")}, {"Payload": TAG}]
    uri = (await slow.make(Steps=steps))["@odata.id"]
    await slow.state(uri, "Running")
    step = f"{uri}/Steps/1"
    async with asyncio.timeout(30):
        while "Links" not in await slow.read(step):
            await asyncio.sleep(0.02)
    assert (await slow.ask("PATCH", uri, {"JobState": "Suspended"}))[0] == 200
    await slow.state(uri, "Suspended")
    (link,) = (await slow.read(step))["Links"]["CreatedResources"]
    assert (await slow.read(link["@odata.id"]))["TaskState"] == "Running", "its own affair"
    assert (await slow.ask("PATCH", uri, {"JobState": "Continue"}))[0] == 200
    await slow.state(uri, "Running")
    # It waits for the same task: nothing was started a second time.
    assert (await slow.read(step))["Links"]["CreatedResources"] == [link]
    await slow.ask("POST", "/redfish/v1/JobService/Actions/JobService.CancelAllJobs", {})
    await slow.state(uri, "Cancelled")


async def test_a_run_takes_no_longer_than_it_may(slow: Desk) -> None:
    made = await slow.make(Payload=payload(ResetType="GracefulShutdown"), MaxExecutionTime="PT0.5S")
    assert made["MaxExecutionTime"] == "PT0.5S"
    ended = await slow.state(made["@odata.id"], "Exception")
    assert "MaxExecutionTime" in str(ended["Messages"])
    task = await slow.read(ended["Links"]["CreatedResources"][0]["@odata.id"])
    assert task["TaskState"] == "Exception"
    tasks = slow.house.tasks
    (reset,) = await tasks.page(tasks.index(kind="system-reset"), 0, 9)
    async with asyncio.timeout(30):
        while (found := await tasks.get(reset)) is not None and found.task_state != "Cancelled":
            await asyncio.sleep(0.02)


async def test_actions(desk: Desk) -> None:
    uri = (await desk.make(Payload=TAG, StartTime=later()))["@odata.id"]
    actions = (await desk.read(uri))["Actions"]
    act = {name: one["target"] for name, one in actions.items()}
    for name, state in (("Suspend", "Suspended"), ("Resume", "Pending")):
        assert (await desk.ask("POST", act[f"#Job.{name}"], {}))[0] == 204
        assert (await desk.read(uri))["JobState"] == state
    assert (await desk.ask("POST", act["#Job.ForceStart"], {}))[0] == 204
    ended = await desk.state(uri, "Completed")
    assert datetime.fromisoformat(ended["StartTime"]) < datetime.now(UTC), "it did not wait"
    job = await desk.house.scheduled.read(f"redfish:{ended['Id']}")
    assert job is not None and job.next is None, "and it does not run once more"
    for name in ("Suspend", "Resume", "ForceStart"):
        assert (await desk.ask("POST", act[f"#Job.{name}"], {}))[0] == 409
    assert (await desk.ask("POST", f"{JOBS}/nothing/Actions/Job.Cancel", {}))[0] == 404


async def test_who_may_cancel_all(desk: Desk) -> None:
    uri = (await desk.make("olga", Payload=TAG, StartTime=later()))["@odata.id"]
    service = await desk.read("/redfish/v1/JobService")
    target = service["Actions"]["#JobService.CancelAllJobs"]["target"]
    assert (await desk.ask("POST", target, {}, "olga"))[0] == 403
    assert (await desk.ask("POST", f"{uri}/Actions/Job.Cancel", {}, "otto"))[0] == 403
    assert (await desk.ask("POST", target, {}))[0] == 204
    assert (await desk.read(uri))["JobState"] == "Cancelled"


# What is told


async def test_events_tell_of_a_job_with_its_changes(desk: Desk) -> None:
    made = await desk.make("olga", Payload=payload(ResetType="ForceOff"))
    await desk.state(made["@odata.id"], "Completed")
    assert (await desk.ask("DELETE", made["@odata.id"]))[0] == 204
    told = await desk.events()
    names = [one.message for one in told if one.message != "JobProgressChanged"]
    assert names == ["JobStarted", "JobCompletedOK", "JobRemoved"]
    assert {one.owner for one in told} == {"olga"}
    (created,) = [one for one in await desk.events("ResourceEvent") if one.resource_type == "Job"]
    assert (created.message, created.owner) == ("ResourceCreated", "olga")
    shown = EventRepresentation(Messages.load())
    for one in (*told, created):
        record = shown.event(one).record
        assert record["OriginOfCondition"] == {"@odata.id": made["@odata.id"]}
    assert shown.event(told[0]).record["MessageArgs"] == [made["Id"]]
    assert shown.event(told[-1]).record["OriginOfConditionUnavailable"] is True
    progress = [one for one in told if one.message == "JobProgressChanged"]
    assert all(shown.event(one).record["MessageArgs"][1] == one.percent for one in progress)


async def test_messages_and_links_lead_both_ways(desk: Desk) -> None:
    steps = [
        {"Id": "reset", "Payload": payload(ResetType="ForceOff")},
        {"Id": "hear", "Payload": payload(SUBSCRIPTIONS, Destination="https://192.0.2.1/x",
                                          Protocol="Redfish")},
        {"Id": "tag", "Payload": TAG},
    ]  # fmt: skip
    made = await desk.make(Steps=steps)
    uri = made["@odata.id"]
    ended = await desk.state(uri, "Completed")
    assert [one["MessageId"] for one in ended["Messages"]] == [
        "JobEvent.1.1.JobStarted", "JobEvent.1.1.JobCompletedOK",
    ]  # fmt: skip
    assert all(one["MessageArgs"] == [made["Id"]] for one in ended["Messages"])
    (link,) = ended["Links"]["CreatedResources"]
    task = await desk.read(link["@odata.id"])
    assert uri in task["Description"]
    shown = {one["Id"]: await desk.read(f"{uri}/Steps/{one['Id']}") for one in steps}
    of_steps = [
        one["@odata.id"]
        for step in shown.values()
        for one in step.get("Links", {}).get("CreatedResources", [])
    ]
    assert of_steps == [one["@odata.id"] for one in task["Links"]["CreatedResources"]]
    assert (await desk.read(of_steps[0]))["TaskState"] == "Completed"
    assert (await desk.read(of_steps[1]))["Destination"] == "https://192.0.2.1/x"
    times = [(one["StartTime"], one["EndTime"]) for one in shown.values()]
    assert times == sorted(times) and all(since <= until for since, until in times)
    # The run's task may go: the job knows still how it has ended.
    assert (await desk.ask("DELETE", link["@odata.id"]))[0] == 204
    after = await desk.read(uri)
    assert (after["JobState"], after["EndTime"]) == ("Completed", ended["EndTime"])
    assert "Links" not in after
    assert (await desk.read(f"{uri}/Steps/hear"))["Links"] == shown["hear"]["Links"]


async def test_steps_of_a_job_that_failed(desk: Desk) -> None:
    steps = [
        {"Payload": TAG},
        {"Name": "gone", "Payload": payload(f"{SYSTEM}0/Actions/ComputerSystem.Reset")},
        {"Payload": TAG},
    ]
    # Seen at once: what cannot be done now is refused; so it is taken away after that.
    status, said, _ = await desk.ask("POST", JOBS, {"Steps": steps})
    assert status in (201, 400), said
    uri = said.get("@odata.id") if status == 201 else None
    if uri is None:
        steps[1]["Payload"] = payload(ResetType="On")  # which a system that is on refuses
        uri = (await desk.make(Steps=steps))["@odata.id"]
    ended = await desk.state(uri, "Exception")
    states = [(await desk.read(f"{uri}/Steps/{at}"))["JobState"] for at in (1, 2, 3)]
    assert states == ["Completed", "Exception", "Cancelled"]
    said = [one for one in ended["Messages"] if one["MessageId"].endswith("JobStepFailed")]
    assert [one["MessageArgs"][0] for one in said] == ["gone"]
    (link,) = ended["Links"]["CreatedResources"]
    await desk.ask("DELETE", link["@odata.id"])
    after = await desk.read(uri)
    assert after["JobStatus"] == "Critical" and "JobStepFailed" in str(after["Messages"])


async def test_nobody_reads_secrets(desk: Desk) -> None:
    secret = "never to be seen by anybody 9"
    account = "/redfish/v1/AccountService/Accounts/otto"
    made = await desk.make(Payload=payload(account, "PATCH", Password=secret))
    ended = await desk.state(made["@odata.id"], "Completed")
    task = await desk.read(ended["Links"]["CreatedResources"][0]["@odata.id"])
    raw = repr(await desk.house.store.call("XRANGE", desk.house.store.keys.events, "-", "+"))
    for shown in (json.dumps(made), json.dumps(ended), json.dumps(task), raw):
        assert secret not in shown
    assert json.loads(ended["Payload"]["JsonBody"]) == {"Password": "******"}
    await desk.house.access.login("otto", secret)  # and it was really done
    hidden = await desk.make(Payload=TAG, HidePayload=True)
    assert hidden["HidePayload"] is True and "Payload" not in hidden
    ended = await desk.state(hidden["@odata.id"], "Completed")
    task = await desk.read(ended["Links"]["CreatedResources"][0]["@odata.id"])
    assert task["HidePayload"] is True and "Payload" not in task


# What a payload may be


async def test_headers_of_a_payload(desk: Desk) -> None:
    headers = ["Content-Type: application/json", 'If-Match: "0"', "OData-Version: 4.0"]
    made = await desk.make(Payload={**TAG, "HttpHeaders": headers})
    assert sorted(made["Payload"]["HttpHeaders"]) == sorted(headers)
    ended = await desk.state(made["@odata.id"], "Exception")
    assert "412" in str(ended["Messages"])
    _, _, now = await desk.ask("GET", SYSTEM)
    made = await desk.make(Payload={**TAG, "HttpHeaders": [f"If-Match: {now['ETag']}"]})
    await desk.state(made["@odata.id"], "Completed")


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Basic aHVzaDpodXNo",
        "X-Auth-Token: hush",
        "cookie: hush=hush",
        "Idempotency-Key: hush",
        "Content-Type: text/hush",
        "hush",
        "",
    ],
)
async def test_headers_that_are_refused_are_not_shown(desk: Desk, header: str) -> None:
    said = await refused(desk, "POST", JOBS, {"Payload": {**TAG, "HttpHeaders": [header]}}, 400)
    assert "Payload/HttpHeaders/0" in said and "hush" not in said and "aHVz" not in said


@pytest.mark.parametrize(
    "target",
    [
        JOBS,
        f"{JOBS}/",
        f"{JOBS}/Members",
        "/redfish/v1/JobService/%4Aobs",
        "/redfish/v1//JobService/Jobs",
        "/redfish/v1/./JobService/Jobs",
        "/redfish/v1/JobService/Actions/JobService.CancelAllJobs",
        "/redfish/v1/SessionService/Sessions",
        "/redfish/v1/Systems/../JobService/Jobs",
        "/redfish/v1/JobService/Jobs?x",
        "https://elsewhere.test/redfish/v1/Systems",
        "//elsewhere.test/redfish/v1/Systems",
        "/openidm/scheduler/job",
    ],
)
async def test_where_jobs_do_nothing(desk: Desk, target: str) -> None:
    said = await refused(desk, "POST", JOBS, {"Payload": payload(target, Payload=TAG)}, 400)
    assert "TargetUri" in said
    assert await desk.house.scheduled.count() == 0


# Lists


async def test_pages_and_filters(desk: Desk) -> None:
    names = [f"job {at}" for at in range(5)]
    for name in names:
        await desk.make(Name=name, Payload=TAG, StartTime=later())
    other = await desk.make("olga", Name="hers", Payload=TAG, StartTime=later())
    found = await desk.read(f"{JOBS}?$expand=.&$skip=1&$top=2")
    assert [one["Name"] for one in found["Members"]] == names[1:3], "in the order they were made"
    assert found["Members@odata.count"] == 6
    only = await desk.read(f"{JOBS}?$filter=CreatedBy%20eq%20'olga'")
    assert [one["@odata.id"] for one in only["Members"]] == [other["@odata.id"]]
    hers = await desk.read(JOBS, who="olga")
    assert [one["@odata.id"] for one in hers["Members"]] == [other["@odata.id"]]
    assert (await desk.ask("DELETE", other["@odata.id"]))[0] == 204
    assert (await desk.read(JOBS, who="olga"))["Members@odata.count"] == 0


async def test_a_request_that_comes_again_makes_no_second_job(desk: Desk) -> None:
    body = {"Payload": TAG, "StartTime": later()}
    answers = [await desk.ask("POST", JOBS, body, Idempotency_Key="one") for _ in range(3)]
    assert {status for status, _, _ in answers} == {201}
    assert len({said["@odata.id"] for _, said, _ in answers}) == 1
    assert [headers.get("Idempotent-Replayed") for _, _, headers in answers] == [
        None, "true", "true",
    ]  # fmt: skip
    assert await desk.house.scheduled.count() == 1
    body["Name"] = "another"
    assert (await desk.ask("POST", JOBS, body, Idempotency_Key="one"))[0] == 422
    together = await asyncio.gather(
        *(desk.ask("POST", JOBS, body, Idempotency_Key="two") for _ in range(20))
    )
    assert len({said["@odata.id"] for _, said, _ in together}) == 1
    assert await desk.house.scheduled.count() == 2


# The scanner's jobs


async def test_the_scanner_s_jobs_are_steered_too(desk: Desk) -> None:
    scan = {
        "type": "simple", "repeatInterval": 3_600_000, "startTime": later(),
        "invokeService": "taskscanner", "invokeContext": context("true"),
    }  # fmt: skip
    assert (await desk.ask("PUT", "/openidm/scheduler/job/hourly", scan, "admin"))[0] == 201
    uri = f"{JOBS}/scan:hourly"
    body = await desk.read(uri)
    assert (body["JobState"], body["CreatedBy"]) == ("Pending", "admin")
    assert body["Schedule"]["RecurrenceInterval"] == "PT3600S"
    said = await refused(desk, "PATCH", uri, {"StartTime": later(hours=5)}, 400)
    assert "PropertyNotWritable" in said and "StartTime" in said
    job = "/openidm/scheduler/trigger/scheduler-service-group.trigger-hourly"
    for wanted, state, there in (
        ("Suspended", "Suspended", "PAUSED"), ("Continue", "Pending", "NORMAL"),
    ):  # fmt: skip
        status, body, _ = await desk.ask("PATCH", uri, {"JobState": wanted})
        assert (status, body["JobState"]) == (200, state)
        assert (await desk.read(job))["state"] == there
    assert (await desk.ask("POST", f"{uri}/Actions/Job.ForceStart", {}))[0] == 204
    async with asyncio.timeout(30):
        while "Links" not in (body := await desk.read(uri)):
            await asyncio.sleep(0.02)
    (link,) = body["Links"]["CreatedResources"]
    async with asyncio.timeout(30):
        while (task := await desk.read(link["@odata.id"]))["TaskState"] != "Completed":
            await asyncio.sleep(0.02)
    assert uri in task["Description"]
    waiting = await desk.state(uri, "Pending")
    assert datetime.fromisoformat(waiting["StartTime"]) > datetime.now(UTC), "it goes on hourly"
    status, body, _ = await desk.ask("PATCH", uri, {"JobState": "Cancelled"})
    assert (status, body["JobState"]) == (200, "Cancelled")
    assert (await desk.read(job))["state"] == "COMPLETE"
    told = [one.message for one in await desk.events() if one.message != "JobProgressChanged"]
    assert told == [
        "JobSuspended", "JobResumed", "JobStarted", "JobCompletedOK", "JobCancelled",
    ]  # fmt: skip


async def test_the_scanner_s_api_knows_nothing_of_redfish_jobs(desk: Desk) -> None:
    made = await desk.make(Payload=TAG, StartTime=later())
    scheduler, scan = "/openidm/scheduler", {"invokeService": "taskscanner"}
    kept = f"redfish:{made['Id']}"
    before = await desk.read(made["@odata.id"])
    for method, path, body, status in (
        ("GET", f"job/{kept}", None, 404),
        ("PUT", f"job/{kept}", {**scan, "invokeContext": context("true")}, 400),
        ("DELETE", f"job/{kept}", None, 404),
        ("POST", f"job/{kept}?_action=trigger", {}, 404),
        ("POST", f"job/{kept}?_action=pause", {}, 404),
        ("GET", f"trigger/scheduler-service-group.trigger-{kept}", None, 404),
        ("POST", "job?_action=pauseJobs", {}, 200),
        ("POST", "job?_action=resumeJobs", {}, 200),
    ):
        got, said, _ = await desk.ask(method, f"{scheduler}/{path}", body)
        assert got == status, (path, said)
    assert (await desk.read(f"{scheduler}/job?_queryFilter=true"))["result"] == []
    assert await desk.read(made["@odata.id"]) == before
    assert (await desk.ask("GET", f"{JOBS}/scan:{kept}"))[0] == 404, "it has one name"


async def test_the_password_of_those_who_ask_is_theirs(desk: Desk) -> None:
    """A job goes on by the privileges of who made it, not by those of who changes it."""
    made = await desk.make("olga", Payload=payload(ResetType="ForceOff"), StartTime=later())
    await desk.ask("PATCH", made["@odata.id"], {"StartTime": later(seconds=0)}, "admin")
    ended = await desk.state(made["@odata.id"], "Completed")
    assert ended["CreatedBy"] == "olga" and PASSWORD not in str(ended)
    task = await desk.house.tasks.get(
        ended["Links"]["CreatedResources"][0]["@odata.id"].rpartition("/")[2]
    )
    assert task is not None and task.owner == "olga"
    assert (await desk.read(RESET.partition("/Actions")[0]))["PowerState"] == "Off"
