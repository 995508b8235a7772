"""Whole requests that nobody thought of: whatever is sent, the service is not what fails.

Every answer is one that clients can read, and every script that was accepted ends, of itself.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odimra.jobs.bulk.actions import ACTIONS
from odimra.jobs.bulk.parsing import EXPRESSIONS
from odimra.midpoint.media import Form, read, render
from tests.midpoint.conftest import WHO, Face

OIDS = [
    "1",
    "2",
    "u00001",
    "s1",
    "none",
    "é",
    "a b",
    "_x0041_",
    "%",
    ":",
    "\ud800",
    "\x00",
    "1" * 300,
]
TYPES = ["UserType", "c:UserType", "RoleType", "ComputerSystemType", "TaskType", "ObjectType",
         "managed/user", "redfish/Systems", "Type", "", "x" * 100]  # fmt: skip
COLLECTIONS = ["users", "roles", "computerSystems", "managers", "tasks", "rpc", "s", "Users"]
PATHS = ["name", "c:name", "activation/administrativeStatus", "assignment", "assignment[1]",
         "assignment[1]/targetRef", "extension/x", "a/b/c", "oid", "", "/", "[", "[x]", ".", "#",
         "AssetTag", "number", "password", "\ud800"]  # fmt: skip
STRINGS = st.one_of(
    st.sampled_from([*OIDS, *TYPES, *PATHS, "true", "false", "add", "replace", "delete", "$x"]),
    st.text(max_size=8),
)
NUMBERS = st.one_of(
    st.integers(-3, 12),
    st.sampled_from([2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**40, 1e300, 0.5, -0.0]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, STRINGS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from(
                    ["@type", "@element", "@ns", "oid", "value", "type", "path", "name", "id",
                     "assignment", "targetRef", "activation", "orig", "item", "_id", "_rev"]
                ),
                st.text(max_size=4),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)  # fmt: skip


def made(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have some of these members, and now and then one more."""
    some = st.fixed_dictionaries({}, optional=members)
    more = st.dictionaries(st.text(max_size=5), VALUES, max_size=1)
    return st.one_of(some, some, some, st.builds(lambda one, two: {**two, **one}, some, more))


def mostly(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(strategy, strategy, strategy, VALUES)


DELTAS = made(
    itemDelta=mostly(
        st.lists(
            made(
                modificationType=mostly(st.sampled_from(["add", "replace", "delete"])),
                path=mostly(st.sampled_from(PATHS)),
                value=VALUES,
            ),
            max_size=3,
        )
    ),
    changeType=mostly(st.just("modify")),
)
TEXTS = st.one_of(
    st.sampled_from(
        ['name = "u00001"', "number > 2", "number < $x", 'name startsWith "u" and number = 1',
         "assignment/targetRef matches (oid = 1)", ". type RoleType", "not (", "a = b = c",
         'name =[stringIgnoreCase] "X"', "name exists", "assignment not exists"]
    ),
    st.text(max_size=12),
)  # fmt: skip
FILTERS = st.deferred(
    lambda: st.one_of(
        made(text=mostly(TEXTS)),
        made(
            **dict.fromkeys(
                ["equal", "less", "greaterOrEqual", "substring", "ref", "exists"],
                mostly(
                    made(
                        path=mostly(st.sampled_from(PATHS)),
                        value=VALUES,
                        matching=STRINGS,
                        filter=FILTERS,
                    )
                ),
            )
        ),
        made(**{"not": FILTERS, "and": FILTERS, "or": st.lists(FILTERS, max_size=2)}),
        made(inOid=made(value=VALUES), type=made(type=STRINGS, filter=FILTERS), all=VALUES),
    )
)
QUERIES = made(
    filter=mostly(FILTERS),
    paging=mostly(
        made(
            offset=mostly(NUMBERS),
            maxSize=mostly(NUMBERS),
            orderBy=mostly(st.sampled_from(PATHS)),
            orderDirection=mostly(st.sampled_from(["ascending", "descending"])),
        )
    ),
)
PARAMETERS = ["delta", "script", "role", "resource", "relation", "targetRef", "filter", "message",
              "level", "dryRun", "raw", "options", "ResetType", "wait", "outputItemName",
              "forWholeInput", "quiet", "subtype", "noFetch"]  # fmt: skip


def values_of(name: str) -> st.SearchStrategy[Any]:
    known: dict[str, st.SearchStrategy[Any]] = {
        "delta": DELTAS,
        "script": made(code=st.sampled_from(["gone", "(", "echo"]), language=STRINGS),
        "targetRef": made(oid=st.sampled_from(OIDS), type=st.sampled_from(TYPES)),
        "filter": FILTERS,
        "options": made(raw=VALUES, overwrite=VALUES, force=VALUES),
    }
    return mostly(known.get(name, st.one_of(STRINGS, st.booleans())))


GIVEN = st.sampled_from(PARAMETERS).flatmap(
    lambda name: made(name=st.just(name), value=values_of(name))
)
STATIC = st.fixed_dictionaries({}, optional={name: values_of(name) for name in PARAMETERS})
NAMES = sorted(
    set(ACTIONS) | {"ComputerSystem.Reset", "Manager.Reset", "test-resource", ".", "a.b"}
)


def expressions(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """Members of an expression by its ``@element``."""
    inner = expressions(depth - 1) if depth else st.just({"@element": "recompute"})
    element = st.sampled_from([*sorted(EXPRESSIONS), "twist"])

    def of(name: str) -> st.SearchStrategy[dict[str, Any]]:
        head = st.fixed_dictionaries({"@element": st.just(name)})
        nested = inner.map(
            lambda one: {str(one.get("@element", "log")): {k: v for k, v in one.items()
                                                           if k != "@element"}}
        )  # fmt: skip
        members: st.SearchStrategy[dict[str, Any]]
        if name in ("pipeline", "sequence"):
            members = made(pipeline=st.lists(inner, max_size=3), item=mostly(st.lists(inner)))
        elif name == "search":
            body = made(
                type=mostly(st.sampled_from(TYPES)), query=mostly(QUERIES), searchFilter=FILTERS,
                aggregateOutput=STRINGS,
            )  # fmt: skip
            members = st.builds(
                lambda one, two: {**one, **two}, body, st.one_of(st.just({}), nested)
            )
        elif name == "action":
            members = made(
                type=mostly(st.sampled_from(NAMES)), parameter=mostly(st.lists(GIVEN, max_size=3))
            )
        elif name == "foreach":
            members = nested
        elif name in ("filter", "filterContent", "select"):
            members = made(
                path=mostly(st.sampled_from(PATHS)), query=QUERIES, searchFilter=FILTERS,
                keep=st.lists(mostly(st.sampled_from(PATHS)), max_size=2), remove=STRINGS,
            )  # fmt: skip
        else:
            members = STATIC
        return st.builds(lambda one, two: {**one, **two}, head, members)

    return element.flatmap(of)


ITEMS = st.one_of(
    made(
        **{"@type": mostly(st.sampled_from(TYPES))},
        oid=mostly(st.sampled_from(OIDS)),
        name=VALUES,
        assignment=VALUES,
        activation=VALUES,
    ),
    VALUES,
)
SCRIPTS = made(
    pipeline=st.lists(expressions(2), min_size=1, max_size=4),
    input=mostly(made(value=st.lists(ITEMS, max_size=3))),
    options=mostly(made(continueOnAnyError=mostly(st.booleans()), hideOperationResults=STRINGS)),
    variables=mostly(
        made(variable=st.lists(made(name=st.just("x"), expression=made(value=VALUES)), max_size=2))
    ),
)
NAMED = st.one_of(
    st.tuples(st.just("executeScript"), mostly(SCRIPTS)),
    st.tuples(st.just("query"), mostly(QUERIES)),
    st.tuples(st.just("objectModification"), mostly(DELTAS)),
    st.tuples(st.sampled_from(["user", "role", "object", "computerSystem"]), mostly(ITEMS)),
    st.tuples(st.text(max_size=6), VALUES),
)


@dataclass
class Request:
    """A request; what is in the body, and how that is broken."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, str]:
    """Bodies, with the media type that they say they are of."""
    name, content = draw(NAMED)
    form = draw(st.sampled_from(Form))
    raw = b""
    if form is not Form.JSON:
        try:
            raw = render(form, name, content)
        except (ValueError, TypeError, RecursionError, OverflowError):
            # Not all that can be sent is what the service itself would write.
            form = Form.JSON
    if form is Form.JSON:
        raw = json.dumps({name: content}).encode()
    if draw(st.integers(0, 5)) == 0:
        start = draw(st.integers(0, len(raw)))
        end = draw(st.integers(start, min(len(raw), start + 20)))
        raw = raw[:start] + draw(st.binary(max_size=4)) + raw[end:]
    said = draw(
        st.sampled_from([form.value] * 8 + [one.value for one in Form] + ["", "text/plain", "x"])
    )
    return raw, said


@st.composite
def requests(draw: st.DrawFn) -> Request:
    oid = quote(draw(st.sampled_from(OIDS)).encode("utf-8", "surrogatepass"), safe="")
    collection = draw(st.sampled_from(COLLECTIONS))
    method, path = draw(
        st.sampled_from(
            [("POST", "rpc/executeScript"), ("POST", "rpc/executeScript")]
            + [("POST", f"{collection}/search"), ("POST", f"tasks/{oid}/run")]
            + [("POST", f"tasks/{oid}/suspend"), ("GET", f"scriptExecutionResults/{oid}")]
            + [(one, f"{collection}/{oid}") for one in ("GET", "PUT", "PATCH", "POST", "DELETE")]
            + [("POST", collection), ("GET", collection)]
        )
    )
    asked = draw(
        st.sampled_from(
            ["", "", "", "?asynchronous=true", "?asynchronous=x", "?maxSize=1&offset=2",
             "?offset=%00", "?returnTotalCount=true", "?%FF"]
        )
    )  # fmt: skip
    if path == "rpc/executeScript" and "asynchronous" not in asked:
        asked = "?asynchronous=true"
    headers = {
        "Accept": draw(st.sampled_from([one.value for one in Form] * 3 + ["*/*", "a/b", ";", "q"])),
        "Authorization": "Bearer " + draw(st.sampled_from(["admin", "ann", "ann", *WHO])),
    }
    body = None
    if method not in ("GET", "DELETE") or draw(st.integers(0, 9)) == 0:
        body, said = draw(bodies())
        headers["Content-Type"] = said
    return Request(method, f"/ws/rest/{path}{asked}", headers, body)


async def send(face: Face, request: Request) -> str | None:
    """Send a request and look at its answer; return the oid of what it has started."""
    try:
        answer = await face.client.request(
            request.method, request.path, data=request.body, headers=request.headers,
            skip_auto_headers=("Content-Type",),
        )  # fmt: skip
        raw = await answer.read()
    except ClientError as error:
        raise AssertionError(f"no whole answer: {error!r}") from error
    assert answer.status < 500, raw
    if raw and request.method != "HEAD":
        form = next(one for one in Form if answer.headers["Content-Type"].startswith(one.value))
        document = read(raw, form, 200)
        if answer.status >= 400:
            assert document.content["status"] == "fatal_error" and document.content["message"]
    location = answer.headers.get("Location", "")
    return location.removeprefix("/ws/rest/tasks/") if "/tasks/" in location else None


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(asked=st.lists(requests(), min_size=1, max_size=8))
async def test_no_request_breaks_the_service(face: Face, asked: list[Request]) -> None:
    async def echo(bindings: Any, change: Any) -> Any:
        return bindings["input"]

    face.yard.scripts.named["echo"] = echo
    for number in range(3):
        content = {"name": f"u0000{number}", "number": number}
        await face.yard.records.put("managed/user", content["name"], content)  # type: ignore[arg-type]
    started = [oid for request in asked if (oid := await send(face, request)) is not None]
    for oid in started:
        async with asyncio.timeout(30):
            output = await face.yard.ended(oid)
        said = output.result.get("message", "")
        assert output.http_status < 500 and "given up" not in said, (said, output.task.args)
        for form in Form:
            request = Request("GET", f"/ws/rest/scriptExecutionResults/{oid}",
                              {"Accept": form.value, "Authorization": "Bearer admin"})  # fmt: skip
            await send(face, request)
        await face.delete(f"tasks/{oid}")
