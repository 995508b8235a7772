"""Sources whose BMCs do not keep to the book: each oddity that is seen to is a test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from odimra.tasks import TasksFull, states
from tests.aggregation.park import SOURCES, Park, parked
from tests.aggregation.strange import MONITOR, RESET, TASK, Say, StrangeBmc
from tests.aggregation.test_sourced import SYSTEMS, ids_of, members
from tests.service.job_desk import JOBS, payload

SYSTEM = f"{SYSTEMS}/1"
LOG = f"{SYSTEM}/LogServices/1/Entries"


def a_system(**more: Any) -> dict[str, Any]:
    return {
        "@odata.id": SYSTEM, "@odata.type": "#ComputerSystem.v1_1_0.ComputerSystem",
        "Id": "1", "Name": "System", **more,
    }  # fmt: skip


def a_collection(uri: str, what: str, *found: Any, **more: Any) -> Say:
    body = {
        "@odata.id": uri, "@odata.type": f"#{what}Collection.{what}Collection", "Name": what,
        "Members": [one if isinstance(one, dict) else {"@odata.id": one} for one in found],
        "Members@odata.count": len(found), **more,
    }  # fmt: skip
    return Say(body=body)


@pytest.fixture
async def park(valkey: str, tmp_path: Path) -> AsyncIterator[Park]:
    settings = {
        "aggregation__retries": 0,
        "aggregation__fresh_seconds": 0,
        "engine__drain_seconds": 0.2,
    }
    async with parked(valkey, tmp_path, **settings) as one:
        yield one


@pytest.fixture
async def source(park: Park, strange: StrangeBmc, base: str) -> str:
    """A strange BMC as a source: a system, and neither chassis nor managers."""
    root = {
        "@odata.id": "/redfish/v1", "@odata.type": "#ServiceRoot.v1_5_0.ServiceRoot",
        "Id": "Root", "Name": "Root", "Systems": {"@odata.id": SYSTEMS},
    }  # fmt: skip
    strange.say("GET", "/redfish/v1/", Say(body=root))
    strange.say("GET", SYSTEMS, a_collection(SYSTEMS, "ComputerSystem", SYSTEM))
    for missing in ("Chassis", "Managers"):
        strange.say("GET", f"/redfish/v1/{missing}", Say(404))
    strange.say("GET", SYSTEM, Say(body=a_system()))
    body = {"HostName": base, "UserName": strange.user, "Password": strange.password}
    status, said, task = await park.ended(await park.begin("POST", SOURCES, body))
    assert status == 201, said
    return str(task["Links"]["CreatedResources"][0]["@odata.id"]).rpartition("/")[2]


@pytest.fixture
def uri(source: str) -> str:
    return f"{SYSTEMS}/{source}.1"


def heard(strange: StrangeBmc, method: str) -> list[Any]:
    return [one for one in strange.heard if one.method == method and "Sessions" not in one.path]


# What is read


async def test_a_collection_that_is_not_there_is_empty(park: Park, uri: str) -> None:
    assert uri in members(await park.read(SYSTEMS))
    assert [one for one in members(await park.read("/redfish/v1/Chassis")) if "." in one] == []


async def test_all_pages_of_a_collection_are_read(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    at = f"{SYSTEM}/Processors"
    page = {"Members@odata.nextLink": f"{at}?$skip=1", "Description": "Processors"}
    strange.say(
        "GET", at,
        a_collection(at, "Processor", f"{at}/1", **page),
        # The last one leads to itself.
        a_collection(at, "Processor", f"{at}/2", **page),
    )  # fmt: skip
    found = await park.read(f"{uri}/Processors")
    assert members(found) == [f"{uri}/Processors/1", f"{uri}/Processors/2"]
    assert (found["Members@odata.count"], found["Description"]) == (2, "Processors")
    assert "Members@odata.nextLink" not in found


async def test_entries_that_stand_in_their_collection_are_shown_there(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    entries = [{"@odata.id": f"{LOG}/{n}", "Id": str(n), "Message": f"No {n}"} for n in range(5)]
    strange.say("GET", LOG, a_collection(LOG, "LogEntry", *entries))
    found = await park.read(f"{uri}/LogServices/1/Entries?$skip=1&$top=2")
    assert [one["Message"] for one in found["Members"]] == ["No 1", "No 2"]
    assert found["Members"][0]["@odata.id"] == f"{uri}/LogServices/1/Entries/1"
    assert found["Members@odata.count"] == 5


@pytest.mark.parametrize("at", [None, "/redfish/v1/Fabrics/1", "Systems/1", 7])
async def test_who_says_wrongly_where_it_is(
    park: Park, strange: StrangeBmc, uri: str, at: Any
) -> None:
    strange.say("GET", SYSTEM, Say(body=a_system() | {"@odata.id": at}))
    assert (await park.read(uri))["@odata.id"] == uri


async def test_links_by_another_name_of_the_bmc_lead_here(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    links = {"Bios": {"@odata.id": "https://bmc.example/redfish/v1/Systems/1/Bios/"}}
    other = {"EventService": {"@odata.id": "/redfish/v1/EventService"}}
    strange.say("GET", SYSTEM, Say(body=a_system(**links, **other)))
    body = await park.read(uri)
    assert body["Bios"] == {"@odata.id": f"{uri}/Bios"}
    assert "EventService" not in body, "it is not shown here"


@pytest.mark.parametrize(
    ("say", "status", "key"),
    [
        (Say(500), 502, "SourceFailed"),
        (Say(503), 503, "SourceFailed"),
        (Say(404), 404, "InvalidURI"),
        (Say(204), 502, "SourceFailed"),
        (Say(200, "text"), 502, "SourceFailed"),
        (Say(drop=True), 502, "SourceFailed"),
        (Say(418, {"error": "of another kind"}), 418, "SourceFailed"),
        (Say(403, {"error": {"code": "X.1.0.No", "message": "No."}}), 403, None),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_said(
    park: Park, strange: StrangeBmc, uri: str, say: Say, status: int, key: str | None
) -> None:
    strange.say("GET", SYSTEM, say)
    got, body, _ = await park.ask("GET", uri)
    assert got == status
    assert ids_of(body) == ([] if key is None else [key])
    listed = await park.read(f"{SYSTEMS}?$expand=.")
    assert listed["Members"][-1] == {"@odata.id": uri}


async def test_a_bmc_that_takes_the_credentials_no_more_is_502(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    strange.tokens.clear()
    strange.password = "changed"
    status, body, _ = await park.ask("GET", uri)
    assert (status, ids_of(body)) == (502, ["SourceFailed"])


def nested(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = {"a": found}
    return found


@pytest.mark.parametrize(
    "odd", [nested(300), nested(900), 10**40, "\ud800"], ids=["deep", "deeper", "huge", "half"]
)
async def test_what_cannot_be_passed_on_is_said(
    park: Park, strange: StrangeBmc, uri: str, odd: Any
) -> None:
    strange.say("GET", SYSTEM, Say(body=a_system(Oem={"X": odd})))
    status, body, _ = await park.ask("GET", uri)
    assert (status == 502 and ids_of(body) == ["SourceFailed"]) or odd == 10**40
    error = {"error": {"code": "X.1.0.No", "message": "No.", "@Message.ExtendedInfo": [
        {"MessageId": "X.1.0.No", "Message": f"No {odd}." if isinstance(odd, str) else odd}
    ]}}  # fmt: skip
    strange.say("PATCH", SYSTEM, Say(400, error))
    status, _, _ = await park.ask("PATCH", uri, {"AssetTag": "x"})
    assert status in (400, 502)
    strange.say("PATCH", SYSTEM, Say(200, {"X": odd}))
    status, _, _ = await park.ask("PATCH", uri, {"AssetTag": "x"})
    assert status in (200, 502)


async def test_a_secret_that_a_bmc_repeats_is_not_passed_on(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    told = {"MessageId": "Base.1.18.PropertyValueFormatError", "Message": "hunter22 is too short."}
    told |= {"MessageArgs": ["hunter22", "Password"]}  # type: ignore[dict-item]
    error = {"code": "Base.1.18.GeneralError", "message": "It is hunter22."}
    strange.say("PATCH", SYSTEM, Say(400, {"error": error | {"@Message.ExtendedInfo": [told]}}))
    status, body, _ = await park.ask("PATCH", uri, {"Oem": {"Password": "hunter22"}})
    assert status == 400
    assert "hunter22" not in json.dumps(body)
    assert body["error"]["message"] == "It is ******."


# ETags


async def test_an_etag_of_the_bmc_is_used_to_ask_again(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    strange.say("GET", SYSTEM, Say(body=a_system(), headers={"ETag": 'W/"a1"'}), Say(304))
    first = await park.read(uri)
    assert first["@odata.etag"] == '"a1"'
    assert await park.read(uri) == first
    assert heard(strange, "GET")[-1].headers["If-None-Match"] == 'W/"a1"'


async def test_who_has_no_etags_gets_one_of_its_content(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    first = (await park.read(uri))["@odata.etag"]
    assert (await park.read(uri))["@odata.etag"] == first
    strange.say("GET", SYSTEM, Say(body=a_system(AssetTag="x")))
    assert (await park.read(uri))["@odata.etag"] != first
    status, _, _ = await park.ask("PATCH", uri, {"AssetTag": "y"}, If_Match=first)
    assert status == 412
    assert heard(strange, "PATCH") == []


async def test_a_weak_etag_that_never_matches_is_tried_as_a_strong_one(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    strange.say("GET", SYSTEM, Say(body=a_system(), headers={"ETag": 'W/"a1"'}))
    strange.say("PATCH", SYSTEM, Say(412), Say(204))
    tag = (await park.read(uri))["@odata.etag"]
    status, _, _ = await park.ask("PATCH", uri, {"AssetTag": "y"}, If_Match=tag)
    assert status == 204
    assert [one.headers["If-Match"] for one in heard(strange, "PATCH")] == ['W/"a1"', '"a1"']


async def test_who_wants_an_if_match_gets_one(park: Park, strange: StrangeBmc, uri: str) -> None:
    strange.say("GET", SYSTEM, Say(body=a_system(), headers={"ETag": '"b2"'}))
    strange.say("PATCH", SYSTEM, Say(428), Say(200, a_system(AssetTag="y")))
    status, body, _ = await park.ask("PATCH", uri, {"AssetTag": "y"})
    assert (status, body["@odata.id"], body["AssetTag"]) == (200, uri, "y")
    assert [one.headers.get("If-Match") for one in heard(strange, "PATCH")] == [None, '"b2"']


# What is written


async def test_links_in_a_body_are_those_of_the_bmc(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    strange.say("PATCH", SYSTEM, Say(200, {"@Message.ExtendedInfo": [{"Message": "Done."}]}))
    body = {"Links": {"Chassis": [{"@odata.id": uri.replace("Systems", "Chassis")}]}, "Name": "x"}
    status, said, _ = await park.ask("PATCH", uri, body)
    assert (status, said) == (200, {"@Message.ExtendedInfo": [{"Message": "Done."}]})
    (sent,) = heard(strange, "PATCH")
    assert sent.body["Links"]["Chassis"] == [{"@odata.id": "/redfish/v1/Chassis/1"}]


async def test_what_is_made_is_here(park: Park, strange: StrangeBmc, uri: str) -> None:
    at = f"{SYSTEM}/Storage/1/Volumes"
    made = {"@odata.id": f"{at}/1", "@odata.type": "#Volume.v1_0_0.Volume", "Id": "1", "Name": "V"}
    strange.say("POST", at, Say(201, made, {"Location": f"https://bmc.example{at}/1"}))
    status, body, headers = await park.ask("POST", f"{uri}/Storage/1/Volumes", {"Name": "V"})
    assert (status, headers["Location"]) == (201, f"{uri}/Storage/1/Volumes/1")
    assert body["@odata.id"] == headers["Location"]
    strange.say("DELETE", f"{at}/1", Say(200))
    assert (await park.ask("DELETE", headers["Location"]))[0] == 204
    assert heard(strange, "DELETE")[-1].body is None


async def test_a_write_that_is_sent_elsewhere_is_not_done(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    strange.say("PATCH", SYSTEM, Say(307, headers={"Location": "/redfish/v1/Systems/2"}))
    status, body, _ = await park.ask("PATCH", uri, {"AssetTag": "x"})
    assert (status, ids_of(body)) == (502, ["SourceFailed"])


async def test_a_write_that_may_have_been_done_is_not_sent_again(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    strange.say("POST", RESET, Say(drop=True))
    status, body, _ = await park.ask("POST", f"{uri}/Actions/ComputerSystem.Reset", {})
    assert (status, ids_of(body)) == (502, ["SourceFailed"])
    assert "may have heard" in json.dumps(body)
    assert strange.asked("POST", RESET) == 1


async def test_a_task_with_200_is_followed_like_one_with_202(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    task = {"@odata.id": TASK, "@odata.type": "#Task.v1_1_0.Task", "TaskState": "Running"}
    strange.say("POST", RESET, Say(200, task))
    strange.say("GET", TASK, Say(200, task), Say(200, task | {"TaskState": "Completed"}))
    monitor = await park.begin("POST", f"{uri}/Actions/ComputerSystem.Reset", {})
    status, _, found = await park.ended(monitor)
    assert (status, found["TaskState"]) == (204, "Completed")


async def test_who_does_not_say_where_to_look_ends_in_an_exception(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    strange.say("POST", RESET, Say(202))
    monitor = await park.begin("POST", f"{uri}/Actions/ComputerSystem.Reset", {})
    status, body, found = await park.ended(monitor)
    assert (status, found["TaskState"]) == (502, "Exception")
    assert "BmcOutcomeUnknown" in ids_of(body)


@pytest.mark.parametrize(("gives_up", "expected"), [(True, 503), (False, 502)])
async def test_without_a_task_the_bmc_is_asked_to_give_it_up(
    park: Park, strange: StrangeBmc, uri: str, monkeypatch: pytest.MonkeyPatch,
    gives_up: bool, expected: int,
) -> None:  # fmt: skip
    async def full(*_: Any, **__: Any) -> None:
        raise TasksFull(5)

    strange.say("POST", RESET, Say(202, headers={"Location": MONITOR}))
    strange.say("DELETE", MONITOR, Say(204 if gives_up else 405))
    monkeypatch.setattr(park.house.tasks, "create", full)
    status, body, _ = await park.ask("POST", f"{uri}/Actions/ComputerSystem.Reset", {})
    assert status == expected
    assert strange.asked("DELETE", MONITOR) == 1
    assert ("goes on" in json.dumps(body)) == (not gives_up)


async def test_what_a_bmc_answers_of_what_is_not_shown_here_is_not_told(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    other = {"@odata.id": "/redfish/v1/Fabrics/1", "@odata.type": "#Fabric.v1_0_0.Fabric"}
    strange.say("PATCH", SYSTEM, Say(200, other))
    assert (await park.ask("PATCH", uri, {"AssetTag": "x"}))[:2] == (204, None)


async def test_messages_of_a_task_say_where_as_it_is_called_here(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    told = {
        "MessageId": "Vendor.1.2.PowerFault", "Message": f"No power at {SYSTEM}.",
        "MessageArgs": [SYSTEM], "Severity": "Critical",
    }  # fmt: skip
    task = {"@odata.id": TASK, "@odata.type": "#Task.v1_1_0.Task", "Messages": [told]}
    strange.say("POST", RESET, Say(202, headers={"Location": MONITOR}))
    strange.say("GET", MONITOR, Say(202, task | {"TaskState": "Exception"}))
    monitor = await park.begin("POST", f"{uri}/Actions/ComputerSystem.Reset", {})
    status, body, found = await park.ended(monitor)
    assert status == 502
    (first,) = (one for one in found["Messages"] if one["MessageId"] == told["MessageId"])
    assert first["Message"] == f"No power at {uri}."
    assert (first["MessageArgs"], first["MessageSeverity"]) == ([uri], "Critical")
    assert "Vendor.1.2.PowerFault" in json.dumps(body)


async def test_a_worker_that_dies_leaves_the_bmc_at_work(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    task = {"@odata.id": TASK, "@odata.type": "#Task.v1_1_0.Task", "TaskState": "Running"}
    strange.say("POST", RESET, Say(202, headers={"Location": MONITOR}))
    strange.say("GET", MONITOR, Say(202, task))
    monitor = await park.begin("POST", f"{uri}/Actions/ComputerSystem.Reset", {})
    task_id = monitor.rpartition("/")[2]
    async with asyncio.timeout(30):
        while not strange.asked("GET", MONITOR):
            await asyncio.sleep(0.02)
    park.stop.set()
    await asyncio.gather(*park.rooms)
    assert strange.asked("DELETE", MONITOR) == 0
    kept = await park.house.tasks.get(task_id)
    assert kept is not None and kept.task_state not in states.FINAL
    strange.say("GET", MONITOR, Say(200))
    park.work()
    status, _, found = await park.ended(monitor)
    assert (status, found["TaskState"]) == (204, "Completed")
    assert strange.asked("POST", RESET) == 1


async def test_a_removed_source_leaves_nobody_waiting(
    park: Park, strange: StrangeBmc, source: str, uri: str
) -> None:
    strange.say("POST", RESET, Say(202, headers={"Location": MONITOR}))
    park.stop.set()
    await asyncio.gather(*park.rooms)
    monitor = await park.begin("POST", f"{uri}/Actions/ComputerSystem.Reset", {})
    kept = await park.house.sources.get(source)
    assert kept is not None
    for effect in park.house.sources.removed(kept):
        if effect.gone:
            await park.house.store.call("DEL", effect.key)
    park.work()
    status, _, found = await park.ended(monitor)
    assert (status, found["TaskState"]) == (502, "Exception")
    assert "was removed" in json.dumps(found["Messages"])


async def test_jobs_write_to_bmcs_by_the_same_rules(
    park: Park, strange: StrangeBmc, uri: str
) -> None:
    strange.say("PATCH", SYSTEM, Say(204))
    strange.say("POST", RESET, Say(202, headers={"Location": MONITOR}))
    strange.say("GET", MONITOR, Say(200))
    strange.say("PATCH", f"{SYSTEM}/Nothing", Say(404))
    for target, verb, body, who, state in (
        (uri, "PATCH", {"AssetTag": "x"}, "olga", "Completed"),
        (f"{uri}/Actions/ComputerSystem.Reset", "POST", {}, "olga", "Completed"),
        (f"{uri}/Nothing", "PATCH", {"AssetTag": "x"}, "olga", "Exception"),
    ):
        job = await park.make(who, Payload=payload(target, verb, **body))
        await park.state(job["@odata.id"], state)
    (sent,) = (one for one in heard(strange, "PATCH") if one.path == SYSTEM)
    assert sent.body == {"AssetTag": "x"}
    status, _, _ = await park.ask("POST", JOBS, {"Payload": payload(uri, "PATCH", A=1)}, "rita")
    assert status == 403
