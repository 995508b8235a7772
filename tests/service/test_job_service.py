"""The JobService as clients use it: jobs that really run, and what is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.yard import context
from tests.service.job_desk import JOBS, RESET, SYSTEM, Desk, opened, payload


@pytest.fixture
async def desk(valkey: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(valkey, tmp_path) as one:
        yield one


async def test_a_job_runs_at_once(desk: Desk) -> None:
    made = await desk.make(Name="off", Payload=payload(ResetType="ForceOff"))
    assert made["Name"] == "off" and made["CreatedBy"] == "admin"
    assert json.loads(made["Payload"]["JsonBody"]) == {"ResetType": "ForceOff"}
    ended = await desk.state(made["@odata.id"], "Completed", "Exception")
    assert (ended["JobState"], ended["JobStatus"], ended["PercentComplete"]) == (
        "Completed", "OK", 100,
    )  # fmt: skip
    _, system, _ = await desk.ask("GET", SYSTEM)
    assert system["PowerState"] == "Off"
    (link,) = ended["Links"]["CreatedResources"]
    _, task, _ = await desk.ask("GET", link["@odata.id"])
    assert task["TaskState"] == "Completed" and task["Payload"]["TargetUri"] == RESET


async def test_steps_run_in_their_order(desk: Desk) -> None:
    steps = [
        {"Id": "last", "Payload": payload(SYSTEM, "PATCH", AssetTag="b")},
        {"Id": "first", "Name": "one", "Payload": payload(SYSTEM, "PATCH", AssetTag="a")},
    ]
    made = await desk.make(Steps=steps, StepOrder=["first", "last"])
    assert made["StepOrder"] == ["first", "last"] and "Payload" not in made
    await desk.state(made["@odata.id"], "Completed")
    _, system, _ = await desk.ask("GET", SYSTEM)
    assert system["AssetTag"] == "b"
    _, listed, _ = await desk.ask("GET", made["Steps"]["@odata.id"])
    uris = [one["@odata.id"] for one in listed["Members"]]
    assert [one.rpartition("/")[2] for one in uris] == ["first", "last"]
    _, one, _ = await desk.ask("GET", uris[0])
    assert (one["JobState"], one["Name"]) == ("Completed", "one")
    assert (await desk.ask("GET", uris[0] + "x"))[0] == 404


async def test_a_step_that_fails_stops_it(desk: Desk) -> None:
    steps = [
        {"Payload": payload(ResetType="ForceOff")},
        {"Payload": payload(f"{SYSTEM}0/Actions/ComputerSystem.Reset")},  # which is not there
        {"Payload": payload(SYSTEM, "PATCH", AssetTag="never")},
    ]
    made = await desk.make(Steps=steps)
    ended = await desk.state(made["@odata.id"], "Exception")
    assert ended["JobStatus"] == "Critical" and "EndTime" in ended
    _, system, _ = await desk.ask("GET", SYSTEM)
    assert system["AssetTag"] != "never"


async def test_a_schedule(desk: Desk) -> None:
    start = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    schedule = {"InitialStartTime": start, "RecurrenceInterval": "PT1S", "MaxOccurrences": 2}
    made = await desk.make(Payload=payload(SYSTEM, "PATCH", AssetTag="x"), Schedule=schedule)
    assert made["JobState"] == "Pending" and made["Schedule"] == schedule
    await desk.state(made["@odata.id"], "Completed")
    tasks = desk.house.tasks
    assert await tasks.count(tasks.index(kind="redfish-job")) == 2


async def test_a_job_rests_goes_on_and_is_removed(desk: Desk) -> None:
    start = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = await desk.make(Payload=payload(SYSTEM, "PATCH", AssetTag="x"), StartTime=start)
    uri = made["@odata.id"]
    for wanted, shown in (("Suspended", "Suspended"), ("Continue", "Pending")):
        status, body, _ = await desk.ask("PATCH", uri, {"JobState": wanted})
        assert (status, body["JobState"]) == (200, shown)
    assert (await desk.ask("DELETE", uri))[0] == 204
    assert (await desk.ask("GET", uri))[0] == 404


async def test_who_sees_and_changes_what(desk: Desk) -> None:
    start = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = await desk.make("olga", Payload=payload(ResetType="On"), StartTime=start)
    uri = made["@odata.id"]
    for who, status in (("olga", 200), ("admin", 200), ("otto", 403), ("rita", 403)):
        assert (await desk.ask("GET", uri, who=who))[0] == status
        _, listed, _ = await desk.ask("GET", JOBS, who=who)
        assert listed["Members@odata.count"] == int(status == 200)
    assert (await desk.ask("DELETE", uri, who="otto"))[0] == 403
    assert (await desk.ask("POST", JOBS, {"Payload": payload()}, "rita"))[0] == 403
    assert (await desk.ask("DELETE", uri, who="olga"))[0] == 204


async def test_privileges_are_those_of_the_moment(desk: Desk) -> None:
    start = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    made = await desk.make("olga", Payload=payload(ResetType="ForceOff"), StartTime=start)
    account = "/redfish/v1/AccountService/Accounts/olga"
    assert (await desk.ask("PATCH", account, {"RoleId": "ReadOnly"}))[0] == 200
    await desk.state(made["@odata.id"], "Exception")
    _, system, _ = await desk.ask("GET", SYSTEM)
    assert system["PowerState"] == "On"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "Payload"),
        ({"Payload": payload(), "Steps": [{"Payload": payload()}]}, "Payload"),
        ({"Payload": {"TargetUri": RESET}}, "HttpOperation"),
        ({"Payload": payload("/elsewhere")}, "TargetUri"),
        ({"Payload": payload("/redfish/v1/Nothing")}, "TargetUri"),
        ({"Payload": payload(JOBS)}, "TargetUri"),
        ({"Payload": payload(ResetType="Never")}, "JsonBody"),
        ({"Payload": {**payload(), "JsonBody": "{"}}, "JsonBody"),
        ({"Payload": {**payload(), "JsonBody": "[]"}}, "JsonBody"),
        ({"Payload": {**payload(), "HttpHeaders": ["X-Auth-Token: x"]}}, "HttpHeaders"),
        ({"Payload": payload(), "Schedule": {"RecurrenceInterval": "1h"}}, "RecurrenceInterval"),
        ({"Payload": payload(), "Schedule": {"EnabledDaysOfMonth": [0, 1]}}, "EnabledDaysOfMonth"),
        ({"Payload": payload(), "Schedule": {"MaxOccurrences": 0}}, "MaxOccurrences"),
        ({"Payload": payload(), "StartTime": "soon"}, "StartTime"),
        ({"Steps": []}, "Steps"),
        ({"Steps": [{"Id": "a", "Payload": payload()}] * 2}, "Steps/1/Id"),
        ({"Steps": [{"Id": "a", "Payload": payload()}], "StepOrder": ["b"]}, "StepOrder"),
        ({"Payload": payload(), "JobState": "Running"}, "JobState"),
    ],
)  # fmt: skip
async def test_what_is_refused_is_named(desk: Desk, body: dict[str, Any], name: str) -> None:
    status, said, _ = await desk.ask("POST", JOBS, body)
    assert status == 400 and name in str(said["error"]["@Message.ExtendedInfo"]), said
    assert await desk.house.scheduled.count() == 0


async def test_the_scanner_s_jobs_are_shown(desk: Desk) -> None:
    scan = {
        "type": "simple", "enabled": False, "invokeService": "taskscanner",
        "invokeContext": context("true"),
    }  # fmt: skip
    assert (await desk.ask("PUT", "/openidm/scheduler/job/nightly", scan))[0] == 201
    await desk.make(Payload=payload(ResetType="On"))
    _, listed, _ = await desk.ask("GET", JOBS)
    uris = {one["@odata.id"] for one in listed["Members"]}
    assert f"{JOBS}/scan:nightly" in uris and len(uris) == 2
    _, shown, _ = await desk.ask("GET", f"{JOBS}/scan:nightly")
    assert (shown["Name"], shown["HidePayload"]) == ("nightly", True)
    _, there, _ = await desk.ask("GET", "/openidm/scheduler/job?_queryFilter=true")
    assert [one["_id"] for one in there["result"]] == ["nightly"]
    assert (await desk.ask("DELETE", f"{JOBS}/scan:nightly"))[0] == 204
    assert (await desk.ask("GET", "/openidm/scheduler/job/nightly"))[0] == 404
