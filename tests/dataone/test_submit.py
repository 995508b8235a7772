"""Submissions: the job that is answered, the same one for the same key, and what is refused."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from tests.dataone.conftest import JOBS, PASSWORD, Desk
from tests.jobs.yard import context
from tests.redfish.conftest import basic

SCRIPT = {"pipeline": [{"@element": "search", "type": "UserType"}]}
#: A submission under every action that comes with the package, and the kind of its task.
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "system-reset": ("machines", "reset", {"systems": ["node-1", "node-2"], "resetType": "On"}),
    "many": (
        "machines", "reset-aggregate",
        {
            "targets": ["/redfish/v1/Systems/node-1", "/redfish/v1/Systems/node-2"],
            "resetType": "ForceOff", "batchSize": 1, "delaySeconds": 1,
        },
    ),
    "firmware-update": ("machines", "update", {"imageURI": "http://x/bmc-2.0.bin"}),
    "scenario": ("machines", "rehearse", {"operation": "Rehearsal"}),
    "scanner": ("records", "scan", {"invokeContext": context("true")}),
    "bulk-script": ("records", "script", {"executeScript": SCRIPT}),
    "reprocess": (
        "rating", "reprocess",
        {
            "scopes": ["p1"], "start": "1970-01-01T01:00:00Z", "end": "1970-01-01T02:00:00Z",
            "reason": "r",
        },
    ),
}  # fmt: skip


async def scope(desk: Desk) -> None:
    body = {"scope_id": "p1", "last_processed_timestamp": "1970-01-01T09:00:00"}
    assert (await desk.ask("POST", "/v2/scope", body)).status == 200


async def test_a_job_has_true_values(desk: Desk) -> None:
    answer = await desk.submit("order-1")
    assert answer.status == 201
    assert answer.headers["Location"] == f"{JOBS}/1"
    (id_,) = await desk.house.tasks.page(desk.house.tasks.index(), 0, 10)
    task = await desk.house.tasks.get(id_)
    assert task is not None and task.owner == "admin" and task.kind == "scenario"
    created = datetime.fromisoformat(answer.body["createdAt"]).timestamp() * 1000
    assert abs(created - task.start_time) < 1000
    assert answer.body == {
        "id": "1",
        "status": "SUBMITTED",
        "statusMessage": None,
        "createdAt": answer.body["createdAt"],
        "updatedAt": answer.body["createdAt"],
        "submittedBy": "admin",
        "queue": "machines",
        "actor": "data-centre",
        "contract": "machines",
        "contractType": "OPERATION",
        "contractAction": "rehearse",
        "contractActionTrigger": "REST",
        "contractActionWorkflowInstance": {
            "id": "1",
            "workflowTemplateId": "3",
            "workflowTemplateName": "rehearse",
            "workflowTemplateRevision": "1",
            "workflowTemplateDescription": "Plays a scenario and changes nothing.",
        },
        "dfic": {"dfiid": id_.removeprefix("task"), "lcid": None, "userAttrs": {}},
        "extIPID": "order-1",
    }
    assert (await desk.get(f"{JOBS}/1")).body == answer.body
    assert (await desk.get()).body == {"jobs": [answer.body]}


async def test_a_session_is_the_work_session(desk: Desk) -> None:
    login = {"UserName": "admin", "Password": "correct horse battery"}
    opened = await desk.ask("POST", "/redfish/v1/SessionService/Sessions", login, None)
    body = {"contractName": "machines", "actionName": "rehearse"}
    token = opened.headers["X-Auth-Token"]
    made = await desk.ask("POST", JOBS, body, None, X_Auth_Token=token)
    assert made.status == 201 and made.body["dfic"]["lcid"] == opened.body["Id"]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_action_starts_its_kind(desk: Desk, kind: str) -> None:
    await scope(desk)
    contract, action, variables = KINDS[kind]
    given = {"contractName": contract, "actionName": action, "actionVariables": variables}
    made = await desk.submit("k", **given)
    assert made.status == 201, made.body
    again = await desk.submit("k", **given)
    assert (again.status, again.body["id"]) == (409, made.body["id"])
    ids = await desk.house.tasks.page(desk.house.tasks.index(), 0, 10)
    assert ids == [f"task{made.body['dfic']['dfiid']}"]
    task = await desk.house.tasks.get(ids[0])
    assert task is not None and task.kind == kind and task.payload is not None
    assert task.payload.target_uri == JOBS


async def test_a_duplicate_is_the_job_as_it_is_now(desk: Desk) -> None:
    made = await desk.submit("k")
    await desk.bring("1", "ERROR")
    again = await desk.submit("k")
    assert (again.status, again.body["status"]) == (409, "ERROR")
    assert again.body == (await desk.get(f"{JOBS}/1")).body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "X-Odimra-Variables" not in again.headers
    other = await desk.submit("k", actionVariables={"operation": "x"})
    assert (other.status, other.body["id"]) == (409, made.body["id"])
    assert other.headers["X-Odimra-Variables"] == "different"
    assert await desk.count() == 1


async def test_of_many_at_once_one_is_201(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.submit("k") for _ in range(50)))
    assert sorted(one.status for one in answers) == [201] + [409] * 49
    assert {one.body["id"] for one in answers} == {"1"} and await desk.count() == 1


async def test_two_users_may_use_one_key(desk: Desk) -> None:
    assert (await desk.submit("k")).status == 201
    assert (await desk.submit("k", "chief")).status == 201


@pytest.mark.parametrize("ext", [None, "absent"])
async def test_without_a_key_each_is_a_new_job(desk: Desk, ext: str | None) -> None:
    more = {} if ext == "absent" else {"extIPID": None}
    for _ in range(2):
        assert (await desk.submit(**more)).status == 201


async def test_the_header_is_another_name_of_the_key(desk: Desk) -> None:
    body = {"contractName": "machines", "actionName": "rehearse"}
    first = await desk.ask("POST", JOBS, body, Idempotency_Key="k")
    assert (first.status, first.body["extIPID"]) == (201, "k")
    assert (await desk.submit("k")).status == 409
    both = await desk.ask("POST", JOBS, {**body, "extIPID": "k"}, Idempotency_Key="k")
    assert both.status == 409
    wrong = await desk.ask("POST", JOBS, {**body, "extIPID": "k"}, Idempotency_Key="l")
    assert wrong.said == (400, "extIPID: is not what Idempotency-Key says")


@pytest.mark.parametrize("key", [b"\xe9", b"a\tb", b"\xe2\x80\x8b"])
async def test_a_key_that_cannot_be_printed_is_refused(desk: Desk, key: bytes) -> None:
    body = b'{"contractName": "machines", "actionName": "rehearse"}'
    head = f"POST {JOBS} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic('admin', PASSWORD)}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    reader, writer = await asyncio.open_connection(*desk.base.removeprefix("http://").split(":"))
    writer.write(head.encode() + b"Idempotency-Key: " + key + b"\r\n\r\n" + body)
    assert b" 400 " in (await reader.readline())
    writer.close()
    assert (await desk.get()).body["jobs"] == []


@pytest.mark.parametrize("length", [64, 65])
async def test_a_key_has_at_most_64_characters(desk: Desk, length: int) -> None:
    answer = await desk.submit("é" * length)
    assert answer.status == (201 if length == 64 else 400)


@pytest.mark.parametrize(
    ("values", "status", "said"),
    [
        ({"contractName": None}, 400, "contractName: has to be a text"),
        ({"contractName": 5}, 400, "contractName: has to be a text"),
        ({"contractName": "none"}, 404, "contractName: there is no contract none"),
        ({"actionName": "none"}, 404, "actionName: machines has no action none"),
        ({"actionName": []}, 400, "actionName: has to be a text"),
        ({"actionVariables": []}, 400, "actionVariables: has to be an object"),
        ({"actionVariables": "x"}, 400, "actionVariables: has to be an object"),
        ({"extIPID": ""}, 400, "extIPID: has to be a text of 1 to 64 characters"),
        ({"extIPID": 5}, 400, "extIPID: has to be a text of 1 to 64 characters"),
        ({"color": "red"}, 400, "color: is no property of a submission"),
    ],
)
async def test_what_is_wrong_is_named_and_uses_no_key_up(
    desk: Desk, values: dict[str, Any], status: int, said: str
) -> None:
    answer = await desk.submit(**{"extIPID": "k", **values})
    assert answer.said == (status, said)
    assert await desk.count() == 0
    assert (await desk.submit("k")).status == 201


@pytest.mark.parametrize(
    ("contract", "action", "variables", "said"),
    [
        ("machines", "reset", {}, "actionVariables: "),
        ("machines", "reset", {"systems": []}, "actionVariables/systems: "),
        ("machines", "reset", {"systems": ["x"]}, "actionVariables: systems: there is no system x"),
        ("machines", "reset", {"systems": ["node-1"], "resetType": "Never"}, "reset_type"),
        ("machines", "reset-aggregate", {"targets": ["/redfish/v1/Systems/x"]}, "no /redfish"),
        ("machines", "reset-aggregate", {**KINDS["many"][2], "resetType": "Never"}, "reset_type"),
        ("machines", "reset-aggregate", {**KINDS["many"][2], "batchSize": 90_000}, "batch_size"),
        ("machines", "update", {"imageURI": "http://x/"}, "image_uri"),
        ("machines", "update", {"imageURI": "http://x/a.bin", "targets": ["/y"]}, "targets"),
        ("records", "scan", {"invokeContext": {}}, "context"),
        ("records", "script", {"executeScript": {"pipeline": [{"@element": "x"}]}}, "x"),
        ("rating", "reprocess", {**KINDS["reprocess"][2], "scopes": ["none"]}, "none"),
        (
            "rating",
            "reprocess",
            {**KINDS["reprocess"][2], "start": "1970-01-01T00:00:01Z"},
            "start",
        ),
        ("rating", "reprocess", {**KINDS["reprocess"][2], "end": "1970-01-01T00:00:00Z"}, "end"),
        ("rating", "reprocess", {**KINDS["reprocess"][2], "start": "soon"}, "start"),
    ],
)
async def test_variables_that_cannot_be_used(
    desk: Desk, contract: str, action: str, variables: dict[str, Any], said: str
) -> None:
    await scope(desk)
    answer = await desk.submit(
        "k", contractName=contract, actionName=action, actionVariables=variables
    )
    assert answer.status == 400 and said in answer.said[1], answer.body
    assert answer.said[1].startswith("actionVariables")
    assert await desk.count() == 0


async def test_secrets_are_not_shown(desk: Desk) -> None:
    values = {
        "contractName": "records",
        "actionName": "scan",
        "actionVariables": {"invokeContext": {**context("true"), "password": "s3cret-9"}},
    }
    made = await desk.submit("k", **values)
    if made.status != 201:
        assert "s3cret-9" not in str(made.body)
        return
    task = await desk.house.tasks.get(f"task{made.body['dfic']['dfiid']}")
    assert task is not None and "s3cret-9" not in repr(task.payload and task.payload.stored())
    assert "s3cret-9" not in str(made.body)


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"contractName": "a", "contractName": "b"}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"a": "' + b"x" * 2_000_000 + b'"}', "application/json", 413),
        (b"[" * 1000, "application/json", 400),
    ],
)
async def test_bodies_that_are_none(desk: Desk, raw: bytes, kind: str, status: int) -> None:
    answer = await desk.ask("POST", JOBS, raw, Content_Type=kind)
    assert answer.said[0] == status


async def test_who_may(desk: Desk) -> None:
    await desk.submit("k")
    for who in ("olga", "rita"):
        assert (await desk.submit("l", who)).said == (
            403,
            "This needs the privilege ConfigureUsers",
        )
        assert (await desk.submit("l", who, color="red")).status == 403, (
            "before the body is looked at"
        )
        assert len((await desk.get(who=who)).body["jobs"]) == 1
        assert (await desk.ask("POST", f"{JOBS}/1/abort", who=who)).status == 403
    assert (await desk.get(who=None)).said[0] == 401
    foreign = await desk.ask("POST", JOBS, {}, Origin="https://elsewhere.example")
    assert foreign.said == (403, "The page that sends this is another service's")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", JOBS, 405, "POST, GET"),
        ("DELETE", f"{JOBS}/1", 405, "GET"),
        ("GET", f"{JOBS}/1/abort", 405, "POST"),
        ("GET", "/ghibli-rest/v2/nothing", 404, None),
        ("GET", "/ghibli-rest/v2", 404, None),
        ("GET", f"{JOBS}/99", 404, None),
        ("GET", f"{JOBS}/x", 404, None),
        ("GET", f"{JOBS}/%C2%B2", 404, None),
    ],
)
async def test_paths_and_methods(
    desk: Desk, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = await desk.ask(method, path)
    assert answer.said[0] == status and answer.headers.get("Allow") == allow


async def test_a_job_is_aborted_suspended_and_resumed(desk: Desk) -> None:
    await desk.submit()
    await desk.bring("1", "RUNNING")
    task_id = (await desk.house.submission.jobs.read(1)).task  # type: ignore[union-attr]
    assert (await desk.ask("POST", f"{JOBS}/1/suspend")).status == 202
    assert (await desk.house.tasks.get(task_id)).desired == "suspend"  # type: ignore[union-attr]
    assert (await desk.ask("POST", f"{JOBS}/1/resume")).status == 202
    assert (await desk.house.tasks.get(task_id)).desired == "run"  # type: ignore[union-attr]
    await desk.submit()
    aborted = await desk.ask("POST", f"{JOBS}/2/abort")
    assert (aborted.status, aborted.body["status"]) == (202, "ABORTED")
    assert (await desk.ask("POST", f"{JOBS}/2/suspend")).said == (
        409, "The job has ended, or is about to",
    )  # fmt: skip


async def test_contracts_are_shown(desk: Desk) -> None:
    found = (await desk.get("/ghibli-rest/v2/job-manager/contracts", "rita")).body["contracts"]
    assert [one["name"] for one in found] == ["machines", "records", "rating"]
    reset = found[0]["actions"][0]
    assert (reset["name"], reset["kind"]) == ("reset", "system-reset")
    assert reset["actionVariables"]["required"] == ["systems"]
