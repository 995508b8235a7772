"""Whole requests that nobody thought of: whatever is sent, the service is not what fails.

They are made from requests that are in order, of which something is then replaced, renamed, left
out or broken. Every answer is one that clients can read, and every script that was accepted ends of
itself.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from odimra.engine.patience import patiently
from odimra.midpoint.media import Form, read, render
from tests.jobs.bulk.yard import TYPE, action, replace, search
from tests.midpoint.conftest import WHO, Face

#: How many groups of requests are tried; more than these in a run by hand.
EXAMPLES = int(os.environ.get("ODIMRA_FUZZ_EXAMPLES", "100"))
OIDS = ["u00001", "u00002", "s1", "none", "é", "a b", "_x0041_", "%", ":", "\x00", "1" * 300, "."]
PATHS = [
    *("name", "activation/administrativeStatus", "assignment", "assignment[1]/targetRef"),
    *("x/y/z", "title", "number", "oid", "", "[", "#", ".", "AssetTag"),
]
NUMBERS = [0, -1, 5, 2**53, 2**63, -(2**63) - 1, 10**40, 0.5, 1e300]
ODD = st.recursive(
    st.one_of(
        st.sampled_from([None, True, False, *NUMBERS]),
        st.sampled_from([*OIDS, *PATHS, "$x", "true", "c:UserType", "\ud800", "x" * 2000]),
        st.text(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["@type", "@element", "@ns", "oid", "value", "id", "_id", "orig"]),
                st.text(max_size=4),
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)  # fmt: skip


# What is in order


def reference(oid: str = "captain") -> dict[str, Any]:
    return {"oid": oid, "type": "RoleType"}


ASSIGNMENT = {"targetRef": reference()}
USER = {
    "oid": "u00001", "name": "jack", "assignment": [ASSIGNMENT], "number": 5, "x": {"y": {"z": 1}},
    "activation": {"administrativeStatus": "enabled", "validTo": "2030-01-01T00:00:00Z"},
}  # fmt: skip
FILTERS = [
    {"text": 'name = "u00001" or number > 2'},
    {"text": 'assignment/targetRef matches (oid = "captain") and title not exists'},
    {"text": 'name =[origIgnoreCase] "U00001" and not (number in (1, 2))'},
    {"equal": {"path": "name", "value": "u00001", "matching": "origIgnoreCase"}},
    {"and": {"greater": {"path": "number", "value": 0}, "not": {"none": {}}}},
    {"or": [{"@element": "substring", "path": "name", "value": "u", "anchorStart": True},
            {"@element": "inOid", "value": ["u00001", "u00002"]}]},
    {"exists": {"path": "assignment", "filter": {"ref": {"path": "targetRef",
                                                         "value": reference()}}}},
    {"type": {"type": "UserType", "filter": {"all": {}}}},
]  # fmt: skip
QUERIES = [
    *({"filter": one} for one in FILTERS),
    {"paging": {"offset": 1, "maxSize": 1, "orderBy": "name", "orderDirection": "descending"}},
    {},
]
DELTAS = [
    replace("title", "Boss"),
    {"itemDelta": [
        {"modificationType": "add", "path": "assignment", "value": [ASSIGNMENT]},
        {"modificationType": "delete", "path": "number", "value": 1},
        {"modificationType": "replace", "path": "x/y/z", "value": [1, 2]},
    ]},
    {"changeType": "modify", "objectType": "UserType", "oid": "u00001",
     "itemDelta": {"modificationType": "replace", "path": "assignment[1]/targetRef",
                   "value": reference("other")}},
    replace("activation", {"administrativeStatus": "disabled"}),
    replace("AssetTag", "7"),
]  # fmt: skip
STEPS = [
    *(action("modify", delta=one) for one in DELTAS),
    action("modify", delta=DELTAS[0], dryRun=True, options={"raw": True}),
    *(action(name) for name in ("delete", "enable", "disable", "recompute", "validate", "resolve")),
    action("assign", role="captain", relation="manager"),
    action("unassign", filter={"text": 'targetRef matches (oid = "captain")'}),
    action("log", message="hello", level="info"),
    action("notify", subtype="x", forWholeInput=True),
    action("execute-script", script={"code": "echo"}, outputItemName="x"),
    action("execute-script", script={"code": "echo"}, forWholeInput=True, quiet=True),
    action("execute-script", script={"code": "gone"}),
    action("add", dryRun=True),
    action("add", options={"overwrite": True}),
    action("ComputerSystem.Reset", ResetType="On", wait=False),
    {"@element": "assign", "targetRef": reference()},
    {"@element": "modify", "delta": DELTAS[0]},
    {"@element": "select", "path": "assignment/targetRef"},
    {"@element": "filterContent", "keep": ["name", "x/y"]},
    {"@element": "filterContent", "remove": "name"},
    {"@element": "filter", "query": {"filter": FILTERS[0]}},
    {"@element": "foreach", "pipeline": [action("recompute"), {"@element": "select", "path": "x"}]},
    {"@element": "sequence", "sequence": [action("recompute"), search()]},
]
SEARCHES = [
    *(search(query=one) for one in QUERIES),
    search("ComputerSystemType"),
    search("managed/user", searchFilter=FILTERS[0]),
    search(modify={"delta": DELTAS[0]}, aggregateOutput=False),
]
SCRIPTS = st.builds(
    lambda first, steps, options, values: {
        "pipeline": [*first, *steps],
        "options": options,
        "input": {"value": values},
        "variables": {"variable": {"name": "x", "expression": {"value": 5}}},
    },
    st.lists(st.sampled_from(SEARCHES), max_size=1),
    st.lists(st.sampled_from(STEPS), min_size=1, max_size=3),
    st.fixed_dictionaries({"continueOnAnyError": st.booleans()}),
    st.lists(st.sampled_from([{"@type": "UserType", **USER}, {"name": "x"}, reference(), 5, "x"])),
)
REQUESTS = [
    *[("POST", "rpc/executeScript?asynchronous=true", "executeScript")] * 12,
    ("POST", "users/search?returnTotalCount=true", "query"),
    ("POST", "users/search", "query"),
    ("POST", "tasks/search", "query"),
    ("POST", "computerSystems/search", "query"),
    ("PUT", "users/{oid}", "user"),
    ("PUT", "roles/{oid}", "role"),
    ("POST", "users", "user"),
    ("PATCH", "users/{oid}", "objectModification"),
    ("POST", "users/{oid}", "objectModification"),
    ("PATCH", "computerSystems/s1", "objectModification"),
    ("GET", "users/{oid}", ""),
    ("GET", "{oid}/{oid}", ""),
    ("DELETE", "users/{oid}", ""),
    ("GET", "users", ""),
    ("GET", "tasks?{oid}", ""),
    ("POST", "tasks/{task}/run", ""),
    ("POST", "tasks/{task}/suspend", ""),
    ("POST", "tasks/{task}/resume", ""),
    ("GET", "tasks/{task}", ""),
    ("DELETE", "tasks/{task}", ""),
    ("GET", "scriptExecutionResults/{task}?offset=1&maxSize=2", ""),
    ("GET", "scriptExecutionResults/{oid}?offset={oid}", ""),
]


@st.composite
def contents(draw: st.DrawFn, name: str) -> Any:
    """What a document of that name has in it."""
    if name == "executeScript":
        return draw(SCRIPTS)
    if name == "query":
        return draw(st.sampled_from(QUERIES))
    if name == "objectModification":
        return draw(st.sampled_from(DELTAS))
    return dict(USER)


# What is not


def places(node: Any) -> list[tuple[Any, Any]]:
    """Return each value within, by what it is in and where."""
    found: list[tuple[Any, Any]] = []
    todo = [node]
    while todo:
        one = todo.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], (dict, list)):
                todo.append(one[key])
    return found


@st.composite
def broken(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """A document in which something is otherwise."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        found = places(document)
        if not found:
            break
        holder, key = found[draw(st.integers(0, len(found) - 1))]
        what = draw(st.sampled_from(["replace", "replace", "drop", "rename", "list", "deepen"]))
        if what == "replace":
            holder[key] = draw(ODD)
        elif what == "drop":
            del holder[key]
        elif what == "rename" and isinstance(holder, dict):
            holder[draw(st.text(max_size=5))] = holder.pop(key)
        elif what == "list":
            holder[key] = [holder[key], copy.deepcopy(holder[key])]
        else:
            for _ in range(draw(st.sampled_from([1, 30]))):
                holder[key] = {str(key): holder[key]}
    return document


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


def rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 19)) == 7


@st.composite
def requests(draw: st.DrawFn) -> Request:
    method, path, name = draw(st.sampled_from(REQUESTS))
    oid = draw(st.sampled_from(OIDS))
    path = path.replace("{oid}", quote(oid, safe=""))
    accept = [one.value for one in Form]
    headers = {
        "Accept": draw(st.sampled_from(["*/*", "a/b", ";", "q"] if rarely(draw) else accept)),
        "Authorization": f"Bearer {draw(st.sampled_from(['admin', 'ann', 'ann', 'guest']))}",
    }
    if rarely(draw):
        headers["Authorization"] = f"Bearer {draw(st.sampled_from(list(WHO)))}"
    if rarely(draw):
        method = draw(st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"]))
    if not name:
        return Request(method, path, headers)
    document = draw(broken({name: draw(contents(name))}))
    name, content = next(iter(document.items()), ("", None))
    form = draw(st.sampled_from(Form))
    try:
        raw = render(form, name, content)
    except ValueError:
        # What can be sent is more than the service would write.
        form, raw = Form.JSON, json.dumps(document).encode()
    if rarely(draw):
        start = draw(st.integers(0, len(raw)))
        raw = raw[:start] + draw(st.binary(max_size=4)) + raw[start + draw(st.integers(0, 20)) :]
    headers["Content-Type"] = form.value
    if rarely(draw):
        headers["Content-Type"] = draw(st.sampled_from([*accept, "", "text/plain", "x"]))
    return Request(method, path, headers, raw)


async def send(face: Face, request: Request, task: str = "none") -> str | None:
    """Send a request and look at its answer; return the oid of the task that it started."""
    path = f"/ws/rest/{request.path}".replace("{task}", task)
    try:
        answer = await face.client.request(
            request.method, path, data=request.body, headers=request.headers,
            skip_auto_headers=("Content-Type",),
        )  # fmt: skip
        raw = await answer.read()
    except ClientError as error:
        raise AssertionError(f"no whole answer: {error!r}") from error
    event(f"{request.method} {request.path.partition('/')[0]} {answer.status}")
    # 503: making up requests holds up the loop now and then, until the store seems to be away.
    assert answer.status < 500 or answer.status == 503, raw
    if raw:
        form = next(one for one in Form if answer.headers["Content-Type"].startswith(one.value))
        document = read(raw, form, 100)
        if answer.status >= 400:
            assert document.content["status"] == "fatal_error" and document.content["message"]
    location = answer.headers.get("Location", "")
    return location.removeprefix("/ws/rest/tasks/") if "/tasks/" in location else None


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=st.lists(requests(), min_size=1, max_size=6))
async def test_no_request_breaks_the_service(face: Face, asked: list[Request]) -> None:
    async def echo(bindings: Any, change: Any) -> Any:
        return bindings["input"]

    face.yard.scripts.named["echo"] = echo
    for number in range(3):
        name = f"u0000{number}"
        content = {"name": name, "number": number, "x": {"y": 1}}
        await patiently(lambda: face.yard.records.put(TYPE, name, content))  # noqa: B023
    started = ["none"]
    for request in asked:
        oid = await send(face, request, started[-1])
        if oid is not None:
            started.append(oid)
    for oid in started[1:]:
        if (await face.get(f"tasks/{oid}")).status == 404:
            continue  # deleted by one of the requests
        await face.post(f"tasks/{oid}/resume")
        async with asyncio.timeout(60):
            output = await patiently(lambda: face.yard.ended(oid))  # noqa: B023
        said = output.result.get("message", "")
        event(f"ended {output.http_status}")
        assert output.http_status < 500, (said, output.task.args)
        for form in Form:
            headers = {"Accept": form.value, "Authorization": "Bearer admin"}
            await send(face, Request("GET", f"scriptExecutionResults/{oid}", headers))
        await face.delete(f"tasks/{oid}")
