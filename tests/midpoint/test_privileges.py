"""What each route takes, all of them: nothing is served that nobody thought of."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.midpoint.bulk import BulkEndpoint
from odimra.midpoint.objects import ObjectsEndpoint
from odimra.midpoint.tasks import TasksEndpoint
from tests.jobs.bulk.yard import search
from tests.midpoint.conftest import Face

READ, WRITE = "Login", "ConfigureComponents"
MODIFICATION = {
    "objectModification": {
        "itemDelta": [{"modificationType": "replace", "path": "title", "value": "Boss"}]
    }
}
#: Each route, an example of it, and the privilege that it takes (of one's own task).
TABLE: list[tuple[str, str, str, Any, str]] = [
    ("POST", "rpc/executeScript", "rpc/executeScript?asynchronous=true",
     {"search": {"type": "UserType"}}, READ),
    ("GET", "scriptExecutionResults/*", "scriptExecutionResults/{oid}", None, READ),
    ("GET", "tasks", "tasks", None, READ),
    ("POST", "tasks/search", "tasks/search", {"query": {}}, READ),
    ("GET", "tasks/*", "tasks/{oid}", None, READ),
    ("DELETE", "tasks/*", "tasks/{oid}", None, WRITE),
    ("POST", "tasks/*/suspend", "tasks/{oid}/suspend", None, WRITE),
    ("POST", "tasks/*/resume", "tasks/{oid}/resume", None, WRITE),
    ("POST", "tasks/*/run", "tasks/{oid}/run", None, WRITE),
    ("GET", "*", "users", None, READ),
    ("POST", "*", "users", {"user": {"name": "x"}}, WRITE),
    ("POST", "*/search", "users/search", {"query": {}}, READ),
    ("GET", "*/*", "users/1", None, READ),
    ("PUT", "*/*", "users/1", {"user": {"name": "x"}}, WRITE),
    ("PATCH", "*/*", "users/1", MODIFICATION, WRITE),
    ("POST", "*/*", "users/1", MODIFICATION, WRITE),
    ("DELETE", "*/*", "users/1", None, WRITE),
]  # fmt: skip


def test_the_table_has_all_routes(still: Face) -> None:
    yard = still.yard
    routes = [
        *BulkEndpoint(yard.runs, None, None).routes(),  # type: ignore[arg-type]
        *TasksEndpoint(yard.tasks, yard.runs, None).routes(),  # type: ignore[arg-type]
        *ObjectsEndpoint(yard.records, yard.machines, yard.clock).routes(),
    ]
    assert {(route.method, route.path) for route in routes} == {row[:2] for row in TABLE}


@pytest.mark.parametrize(("method", "route", "path", "body", "needs"), TABLE)
async def test_what_it_takes(
    still: Face, method: str, route: str, path: str, body: Any, needs: str
) -> None:
    await still.put("users/1", {"user": {"name": "jack"}})
    for who in ("nobody", "guest", "ann"):
        oid = "none" if who == "nobody" else await still.start(search(), who=who)
        if "resume" in path and who == "ann":
            await still.post(f"tasks/{oid}/suspend", who=who)
        before = (await still.get("users/1")).raw
        answer = await still.ask(method, path.format(oid=oid), body, who)
        if who == "ann" or (who == "guest" and needs == READ):
            assert answer.status < 300, answer.raw
        else:
            missing = {needs, READ} if who == "nobody" else {needs}
            assert answer.error in [(403, f"This needs the privilege {one}") for one in missing]
            assert (await still.get("users/1")).raw == before
