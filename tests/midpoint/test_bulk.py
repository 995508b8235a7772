"""``executeScript``, and what scripts have put out, as a client sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from odimra.jobs.bulk.steps import BulkOptions
from odimra.midpoint.media import Form, read, render
from tests.jobs.bulk.yard import action, replace, search
from tests.midpoint.conftest import Face, MakeFace

RUN = "rpc/executeScript"
RESULTS = "scriptExecutionResults"
RETITLE = action("modify", delta=replace("title", "Boss"))
NAMES = {"@element": "select", "path": "name"}


def script(*expressions: Any, **more: Any) -> dict[str, Any]:
    return {"executeScript": {"pipeline": list(expressions), **more}}


async def count_of_tasks(face: Face) -> int:
    return len((await face.get("tasks")).objects)


# Running


@pytest.mark.parametrize("form", Form)
async def test_a_script_that_is_waited_for(face: Face, form: Form) -> None:
    await face.yard.fill(3)
    body = render(form, "executeScript", {"pipeline": [search(), RETITLE, NAMES]})
    answer = await face.post(RUN, body, Content_Type=form.value, Accept=form.value)
    assert (answer.status, answer.form) == (200, form)
    document = read(answer.raw, form)
    assert document.name == "object"
    content = document.content
    members = ["@type", "dataOutput", "consoleOutput", "result"]
    assert list(content) == members
    assert content["@type"] == "ScriptExecutionResultType"
    assert answer.values == ["u00000", "u00001", "u00002"]
    assert content["consoleOutput"].splitlines() == [
        f"Modified user:u0000{number}(u0000{number})" for number in range(3)
    ]
    assert content["result"]["status"] == "success"
    assert (await face.yard.content("u00001"))["title"] == "Boss"


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ({"search": {"type": "UserType"}}, ["u00000", "u00001"]),
        ({"pipeline": [search(), NAMES]}, ["u00000", "u00001"]),
        ({"sequence": [search(), search()]}, ["u00000", "u00001"]),
        ({"action": {"type": "log", "parameter": {"name": "message", "value": "x"}}}, []),
        ({"executeScript": {"search": {"type": "UserType"}}}, ["u00000", "u00001"]),
        ({"executeScript": {"scriptingExpression": {"@element": "search", "type": "UserType"}}},
         ["u00000", "u00001"]),
        ({"executeScript": {"input": {"value": ["a", "b"]},
                            "foreach": {"log": {"message": "x"}}}}, ["a", "b"]),
    ],
)  # fmt: skip
async def test_documents_that_are_scripts(face: Face, body: Any, values: list[str]) -> None:
    await face.yard.fill(2)
    answer = await face.post(RUN, body)
    assert answer.status == 200, answer.raw
    assert [one if isinstance(one, str) else one["oid"] for one in answer.values] == values


@pytest.mark.parametrize("root", ["/ws/rest", "/midpoint/ws/rest"])
async def test_a_script_that_is_not_waited_for(face: Face, root: str) -> None:
    answer = await face.post(f"{root}/{RUN}?asynchronous=true", script(search()))
    assert (answer.status, answer.raw) == (201, b"")
    location = answer.headers["Location"]
    assert location.startswith(f"{root}/tasks/")
    oid = location.rpartition("/")[2]
    task = (await face.get(location)).content
    assert task["oid"] == oid and task["taskIdentifier"] == f"task{oid}"
    await face.yard.ended(oid)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"executeScript": {}}, "executeScript: has no expression"),
        ({"executeScript": None}, "executeScript"),
        ({"user": {}}, "user: is neither executeScript nor an expression"),
        ({"search": {}}, "type"),
        (script(), "pipeline"),
        (script({"@element": "twist"}), "twist"),
        (script({"type": "UserType"}), "@element"),
        (script(search("Nothing Type")), "type"),
        (script(search(query={"filter": {"text": "a ="}})), "text"),
        (script(search(query={"filter": {"text": "name = $who"}})), "who"),
        (script(action("test-resource")), "test-resource"),
        (script(action("modify")), "delta"),
        (script(search(), twist=1), "twist"),
        (script(search(), options={"continueOnAnyError": "perhaps"}), "continueOnAnyError"),
        (script({"@element": "execute", "script": {"code": "("}}), "bracket is missing"),
        (
            {"foreach": {"pipeline": [{"@element": "search", "type": "UserType",
             "execute": {"script": {"code": "(("}}}]}},
            "bracket is missing",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("later", ["", "?asynchronous=true"])
async def test_scripts_that_cannot_be(still: Face, body: Any, said: str, later: str) -> None:
    status, message = (await still.post(RUN + later, body)).error
    assert status == 400 and said in message
    assert await count_of_tasks(still) == 0


async def test_asynchronous_is_true_or_false(still: Face) -> None:
    answer = await still.post(f"{RUN}?asynchronous=maybe", script(search()))
    assert answer.error == (400, "asynchronous: has to be true or false")
    assert await count_of_tasks(still) == 0


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ('name = "x"', [{"name": "x"}]),
        ('name != "x"', ["x", 5, ["x"]]),
        ("name exists", [{"name": "x"}]),
        ('. = "x"', ["x", ["x"]]),
        (". > 4", [5]),
        (". type UserType", [{"name": "x"}]),
        ('. inOid ("x")', []),
        ('not (. inOid ("x"))', [{"name": "x"}, "x", 5, ["x"]]),
        ('a/b = "x" or name = "x"', [{"name": "x"}]),
        ('name matches (orig = "x")', [{"name": "x"}]),
        ("name = title", []),
    ],
)
async def test_a_filter_of_values_that_are_no_objects(
    face: Face, query: str, kept: list[Any]
) -> None:
    values = [{"name": "x"}, "x", 5, ["x"]]
    body = {"filter": {"query": {"filter": {"text": query}}}, "input": {"value": values}}
    answer = await face.post(RUN, {"executeScript": body})
    assert answer.status == 200, answer.raw
    assert answer.values == kept


# How a script that ended is answered


@pytest.mark.parametrize(
    ("who", "expressions", "status", "said"),
    [
        ("guest", [search(), RETITLE], 403, "ConfigureComponents"),
        ("ann", [action("add")], 409, "already"),
        ("ann", [action("resolve")], 404, "there is no record"),
        ("ann", [{"@element": "execute", "script": {"code": "gone"}}], 400, "there is no gone"),
    ],
)
@pytest.mark.parametrize("form", Form)
async def test_a_script_that_an_error_stopped(
    face: Face, who: str, expressions: list[Any], status: int, said: str, form: Form
) -> None:
    await face.yard.fill(1)
    value = {"@type": "UserType", "oid": "u00000" if status == 409 else "none", "type": "UserType"}
    body = script(*expressions, input={"value": [value]})
    answer = await face.post(RUN, body, who, Accept=form.value)
    assert answer.form is form
    assert answer.error[0] == status and said in answer.error[1]
    partial = answer.content["partialResults"]
    (part,) = partial if isinstance(partial, list) else [partial]
    assert part["status"] == "fatal_error" and said in part["message"]


async def test_errors_that_the_script_goes_on_behind(face: Face) -> None:
    await face.yard.fill(3, name=lambda number: {} if number == 1 else "x")
    rename = action("modify", delta=replace("name/first", "y"))
    answer = await face.script(search(), rename, options={"continueOnAnyError": True})
    assert answer.status == 200
    result = answer.content["result"]
    assert result["status"] == "fatal_error"
    items = answer.content["dataOutput"]["item"]
    assert [one["result"]["status"] for one in items] == ["fatal_error", "success", "fatal_error"]
    assert "leads through what is no container" in items[0]["result"]["message"]
    lines = answer.content["consoleOutput"].splitlines()
    assert [line.split()[0] for line in lines] == ["Failed", "Modified", "Failed"]


async def test_results_of_items_can_be_left_out(face: Face) -> None:
    await face.yard.fill(2)
    answer = await face.script(search(), options={"hideOperationResults": True})
    assert all(list(one) == ["value"] for one in answer.content["dataOutput"]["item"])


async def test_a_run_that_is_deleted_while_somebody_waits(still: Face) -> None:
    waiting = asyncio.create_task(still.script(search()))
    async with asyncio.timeout(30):
        while not (found := (await still.get("tasks")).objects):
            await asyncio.sleep(0.01)
    # Nobody works, so it cannot be told to end: it is removed at once.
    assert (await still.delete(f"tasks/{found[0]['oid']}")).status == 204
    async with asyncio.timeout(30):
        assert (await waiting).error == (409, "The run was deleted before it ended")


# What it has put out


async def test_results_before_anybody_has_begun(still: Face) -> None:
    oid = await still.start(search())
    content = (await still.get(f"{RESULTS}/{oid}")).content
    assert content["result"]["status"] == "in_progress"
    assert content["result"]["asynchronousOperationReference"] == oid
    assert "end" not in content["result"]
    assert content["dataOutput"] == {"item": []} and "consoleOutput" not in content


@pytest.mark.parametrize("form", Form)
async def test_results_of_more_items_than_a_page(face: Face, form: Form) -> None:
    await face.yard.fill(450, number=lambda number: number)
    oid = await face.start(search(), {"@element": "select", "path": "number"})
    await face.ended(oid)
    answer = await face.get(f"{RESULTS}/{oid}", Accept=form.value)
    assert answer.form is form and answer.values == list(range(450))
    assert answer.headers["X-Total-Count"] == "450"
    assert "hiddenRecordsCount" not in answer.content


@pytest.mark.parametrize(
    ("query", "first", "count", "hidden"),
    [
        ("offset=3", 3, 7, None),
        ("offset=3&maxSize=4", 3, 4, 3),
        ("maxSize=4", 0, 4, 6),
        ("maxSize=0", 0, 0, 10),
        ("offset=10", 10, 0, None),
        ("offset=1000000000&maxSize=1000000000", 0, 0, None),
    ],
)
async def test_some_of_the_data(
    face: Face, query: str, first: int, count: int, hidden: int | None
) -> None:
    await face.yard.fill(10)
    oid = await face.start(search(), NAMES)
    await face.ended(oid)
    answer = await face.get(f"{RESULTS}/{oid}?{query}")
    assert answer.values == [f"u{number:05d}" for number in range(first, first + count)]
    assert answer.content.get("hiddenRecordsCount") == hidden
    assert answer.headers["X-Total-Count"] == "10"


@pytest.mark.parametrize(
    "query", ["offset=-1", "offset=x", "maxSize=", "maxSize=%C2%B2", "maxSize=1e3"]
)
async def test_numbers_that_are_none(still: Face, query: str) -> None:
    oid = await still.start(search())
    answer = await still.get(f"{RESULTS}/{oid}?{query}")
    assert answer.error[0] == 400 and "has to be a number from 0 to" in answer.error[1]


async def test_what_was_not_kept_is_told(make_face: MakeFace) -> None:
    face = await make_face(bulk=BulkOptions(max_items=4, max_console=100))
    await face.yard.fill(10)
    answer = await face.script(search(), RETITLE)
    assert len(answer.values) == 4 and answer.content["hiddenRecordsCount"] == 6
    assert answer.headers["X-Total-Count"] == "10"
    *lines, last = answer.content["consoleOutput"].splitlines()
    assert 0 < len(lines) < 10
    assert last == f"[{10 - len(lines)} more line(s) were not kept]"


async def test_whose_results_they_are(face: Face) -> None:
    oid = await face.start(search(), who="ann")
    await face.yard.ended(oid)
    for who in ("ann", "admin", "eve"):
        assert (await face.get(f"{RESULTS}/{oid}", who)).status == 200
    for who in ("bob", "guest"):
        answer = await face.get(f"{RESULTS}/{oid}", who)
        assert answer.error == (404, f"There is no task {oid}")


async def test_results_of_a_task_that_is_no_script(face: Face) -> None:
    await face.script(
        search("ComputerSystemType"), action("ComputerSystem.Reset", ResetType="On", wait=False)
    )
    others = [one for one in (await face.get("tasks")).objects if one["category"] == "reset"]
    assert len(others) == 2
    answer = await face.get(f"{RESULTS}/{others[0]['oid']}")
    assert answer.error == (409, "The task is no bulk script")


async def test_results_of_a_run_that_was_removed(face: Face) -> None:
    oid = await face.start(search())
    await face.ended(oid)
    await face.delete(f"tasks/{oid}")
    assert (await face.get(f"{RESULTS}/{oid}")).error[0] == 404


async def test_secrets_are_shown_nowhere(face: Face) -> None:
    await face.put(
        "users/1", {"user": {"name": "jack", "password": "hunter2", "n": {"apiKey": "k2"}}}
    )
    delta = replace("credentials/password/value", "hunter3")
    oid = await face.start(search(), action("modify", delta=delta))
    await face.ended(oid)
    answer = await face.get(f"{RESULTS}/{oid}")
    assert b"hunter" not in answer.raw and b"k2" not in answer.raw
    assert answer.values[0]["password"] == "******"
    task = await face.yard.tasks.get(f"task{oid}")
    assert task is not None and task.payload is not None
    assert "hunter" not in task.payload.json_body
    assert orjson.loads(task.payload.json_body)["executeScript"]
    assert b"hunter" not in (await face.get(f"tasks/{oid}")).raw


async def test_the_request_is_what_the_task_shows(face: Face) -> None:
    oid = await face.start(search())
    task = await face.yard.tasks.get(f"task{oid}")
    assert task is not None and task.payload is not None
    assert task.payload.http_operation == "POST"
    assert task.payload.target_uri == "/ws/rest/rpc/executeScript"
    assert "Bearer" not in str(task.payload)
