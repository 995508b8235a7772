"""What answers show of a resource, what they call its revision, and who has it already."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from odimra.engine import Scheduler, SchedulerOptions
from odimra.engine.scheduled import Firing, ScheduledJob
from tests.crest.conftest import Desk
from tests.fakes import FakeClock
from tests.jobs.yard import context

ONE = "managed/user/1"
JOB = "scheduler/job/a"
TRIGGER = "scheduler/trigger/scheduler-service-group.trigger-a"


def job(**values: Any) -> dict[str, Any]:
    return {
        "type": "simple",
        "repeatInterval": 60_000,
        "invokeService": "taskscanner",
        "invokeContext": context("true"),
        **values,
    }


async def fire(desk: Desk, clock: FakeClock) -> None:
    async def start(scheduled: ScheduledJob, firing: Firing) -> str | None:
        return None

    async def going(run_id: str) -> bool:
        return False

    worker = Scheduler(desk.jobs, going, clock, SchedulerOptions("n"))
    while await worker.turn(start) == 0:
        pass


# Revisions


@pytest.mark.parametrize("path", [JOB, TRIGGER])
async def test_an_etag_is_another_one_when_anything_else_is_shown(
    desk: Desk, clock: FakeClock, path: str
) -> None:
    await desk.put(JOB, job())
    seen: list[tuple[str, Any]] = []

    async def look() -> None:
        answer = await desk.get(path)
        tag = answer.headers["ETag"]
        assert (await desk.get(path, If_None_Match=tag)).status == 304
        seen.append((tag, answer.body))

    await look()
    await desk.post(f"{JOB}?_action=pause")
    await look()
    await desk.post(f"{JOB}?_action=resume")
    clock.advance(3)
    await fire(desk, clock)
    await look()
    await desk.put(JOB, job(repeatInterval=120_000))
    await look()
    assert all(one != other for (_, one), (_, other) in itertools.pairwise(seen))
    assert len({tag for tag, _ in seen}) == 4


async def test_the_revision_of_a_job_stays_when_it_fires(desk: Desk, clock: FakeClock) -> None:
    tag = (await desk.put(JOB, job())).headers["ETag"]
    clock.advance(3)
    await fire(desk, clock)
    assert (await desk.get(JOB)).headers["ETag"] != tag
    changed = await desk.put(JOB, job(repeatCount=3), If_Match=tag)
    assert changed.status == 200
    for stale in (tag, '"x"', '"0x1"', '""'):
        for method, body in (("PUT", job()), ("DELETE", None)):
            answer = await desk.ask(method, JOB, body, If_Match=stale)
            assert answer.said == (412, "The schedule has another revision")
    assert (await desk.get(JOB)).body["repeatCount"] == 3
    assert (await desk.ask("DELETE", JOB, If_Match=changed.headers["ETag"])).status == 200


async def test_what_the_client_has_is_not_sent_again(desk: Desk) -> None:
    tag = (await desk.put(ONE, {"a": 1})).headers["ETag"]
    for given in (tag, tag.strip('"'), f"W/{tag}", f'"x", {tag}', "*"):
        answer = await desk.get(ONE, If_None_Match=given)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, None, tag)
        assert "Content-Type" not in answer.headers
    assert (await desk.get(ONE, If_None_Match='"x"')).status == 200
    assert (await desk.get("managed/user?_queryFilter=true", If_None_Match="*")).said[0] == 412


async def test_head_is_get_without_the_body(desk: Desk) -> None:
    await desk.put(ONE, {"a": 1})
    got, head = await desk.get(ONE), await desk.ask("HEAD", ONE)
    assert (head.status, head.body) == (200, None)
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


# What is shown


@pytest.mark.parametrize("path", [ONE, JOB, TRIGGER, "scheduler/waitingTriggers"])
async def test_fields_choose_what_is_shown_of_any_resource(desk: Desk, path: str) -> None:
    await desk.put(ONE, {"type": {"a": 1, "b": 2}})
    await desk.put(JOB, job())
    whole = (await desk.get(path)).body
    revised = [name for name in ("_id", "_rev") if name in whole]
    name = next(name for name in whole if not name.startswith("_"))
    answer = await desk.get(f"{path}?_fields=/{name},nothing")
    assert list(answer.body) == [*revised, name]
    assert answer.body[name] == whole[name]
    assert list((await desk.get(f"{path}?_fields=*")).body) == list(whole)


async def test_fields_choose_what_is_shown_of_writes_and_lists(desk: Desk) -> None:
    made = await desk.put(f"{ONE}?_fields=a/b", {"a": {"b": 1, "c": 2}})
    assert made.body == {"_id": "1", "_rev": made.body["_rev"], "a": {"b": 1}}
    await desk.put(JOB, job())
    listed = await desk.get("scheduler/job?_queryFilter=true&_fields=type,triggers/0/state")
    (one,) = listed.body["result"]
    assert one == {"_id": "a", "type": "simple", "triggers": {"0": {"state": "NORMAL"}}}


async def test_pretty_print(desk: Desk) -> None:
    await desk.put(ONE, {"a": 1})
    url = f"/openidm/{ONE}?_prettyPrint="
    given = {"X-Auth-Token": "admin"}
    pretty = await (await desk.client.get(url + "true", headers=given)).text()
    plain = await (await desk.client.get(url + "FALSE", headers=given)).text()
    assert pretty.startswith('{\n  "_id": "1",\n')
    assert "\n" not in plain
    assert (await desk.get(f"{ONE}?_prettyPrint=1")).said[0] == 400


@pytest.mark.parametrize("collection", ["managed/user", "scheduler/job"])
async def test_the_place_of_what_was_created_can_be_asked_for(desk: Desk, collection: str) -> None:
    body = job() if collection == "scheduler/job" else {}
    made = await desk.put(f"{collection}/a%20b%C3%A9%23", body)
    assert made.body["_id"] == "a bé#"
    place = made.headers["Location"]
    assert place == f"/openidm/{collection}/a%20b%C3%A9%23"
    assert (await desk.get(place.removeprefix("/openidm/"))).body == made.body


@pytest.mark.parametrize(
    ("asked", "got"), [(None, "2.0"), ("resource=1.0", "1.0"), ("protocol=2.1,resource=2", "2.0")]
)
async def test_an_answer_says_of_which_version_it_is(
    desk: Desk, asked: str | None, got: str
) -> None:
    given = {} if asked is None else {"Accept_API_Version": asked}
    answer = await desk.get("managed/user?_queryFilter=true", **given)
    assert answer.headers["Content-API-Version"] == f"protocol=2.1,resource={got}"


# Parameters


@pytest.mark.parametrize(
    ("method", "query", "named"),
    [
        ("GET", "_pageSize=1", "_pageSize"),
        ("GET", "_ACTION=patch", "_action"),
        ("GET", "_sortKeys=a", "_sortKeys"),
        ("PUT", "_action=create", "_action"),
        ("PUT", "_queryFilter=true", "_queryFilter"),
        ("PATCH", "_pagedResultsCookie=x", "_pagedResultsCookie"),
        ("DELETE", "_queryId=query-all", "_queryId"),
        ("POST", "_action=patch&_pageSize=1", "_pageSize"),
    ],
)
async def test_a_parameter_of_another_kind_of_request(
    desk: Desk, method: str, query: str, named: str
) -> None:
    await desk.put(ONE, {"a": 1})
    body = {"PUT": {}, "PATCH": [], "POST": []}.get(method)
    code, message = (await desk.ask(method, f"{ONE}?{query}", body)).said
    assert (code, f"'{named}'" in message) == (400, True)
    assert (await desk.get(ONE)).body["a"] == 1
