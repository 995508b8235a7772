"""What is told of this API in OpenAPI. Called by :mod:`odimra.descriptions`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from odimra.access.entry import READS
from odimra.crest.endpoint import Endpoint
from odimra.crest.frame import ROOT
from odimra.crest.records import QUERY_ALL
from odimra.describe.common import RETRY, refused
from odimra.describe.model import (
    FLAG,
    Body,
    Face,
    Operation,
    Parameter,
    Reply,
    Schema,
    Served,
    ref,
    summary,
)
from odimra.records.query import POLICIES

FIELDS = (
    Parameter(
        "_fields",
        "Pointers to what is shown, with commas; `%2F` is a slash in a name.",
        {"type": "string", "pattern": "^([^%]|%[0-7][0-9A-Fa-f])*$"},
    ),
    Parameter("_prettyPrint", "Whether the answer is indented.", FLAG),
)
WHOLE: Schema = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
PAGES = (
    Parameter("_sortKeys", "Pointers, each after `+` or `-`, with commas."),
    Parameter("_pageSize", "Results of one page; 0 is all.", WHOLE),
    Parameter("_pagedResultsCookie", "Where the page begins: as the answer before has it."),
    Parameter("_pagedResultsOffset", "How many results are passed over.", WHOLE),
    Parameter("_totalPagedResultsPolicy", "How all are counted.", {"enum": list(POLICIES)}),
)
SELECTING = (
    Parameter("_queryFilter", 'Which are meant: `true`, `/name sw "a"`, ...'),
    Parameter("_queryId", "All of them, instead of a filter.", {"enum": list(QUERY_ALL)}),
)
QUERY = (*SELECTING, *FIELDS, *PAGES)
IF_MATCH = Parameter("If-Match", "The revision that it has to have.", place="header")
ABSENT = Parameter(
    "If-None-Match", "`*`: it is made, not replaced.", {"const": "*"}, place="header"
)
KNOWN = Parameter("If-None-Match", "The revision that the client has.", place="header")
TAG = {"ETag": "The revision."}
MADE = {**TAG, "Location": "Its path."}
#: Beside what an endpoint has: what it answers only to refuse it.
NOTHING = frozenset(
    {
        *((method, "redfish/*") for method in ("POST",)),
        *((method, "redfish/*/*") for method in ("PUT", "PATCH", "DELETE", "POST")),
        ("GET", "scheduler"),
        ("POST", "scheduler/*"),
    }
)


def _action(*names: str, required: bool = True) -> Parameter:
    return Parameter("_action", "What is done.", {"enum": list(names)}, required)


def _records(path: str, *, places: Mapping[str, Schema]) -> list[Operation]:
    ids = {**places, "id": ref("Id")}
    found = {200: Reply("The records.", ref("Results"))}
    one = {
        200: Reply("The record.", ref("Record"), TAG),
        304: Reply("The client has this revision.", headers=TAG),
    }
    return [
        Operation("GET", path, found, QUERY, errors=(400,), places=places),
        Operation("GET", f"{path}/{{id}}", one, (*FIELDS, KNOWN), errors=(400,), places=ids),
    ]


def _managed() -> list[Operation]:
    path, places = "managed/{type}", {"type": ref("Name")}
    one, ids = f"{path}/{{id}}", {**places, "id": ref("Id")}
    shown = Reply("The record.", ref("Record"), TAG)
    made = Reply("The new record.", ref("Record"), MADE)
    content = Body(ref("Content"))
    either = Body({"oneOf": [ref("Content"), ref("Patch")]})
    return [
        *_records(path, places=places),
        Operation(
            "POST",
            path,
            {200: shown, 201: made},
            (_action("create", "patch", required=False), *SELECTING, *FIELDS),
            either,
            (409,),
            places,
            "A new record, or a patch of the one that the query selects.",
        ),
        Operation("PUT", one, {200: shown, 201: made}, (*FIELDS, IF_MATCH, ABSENT), content,
                  (409,), ids),
        Operation("PATCH", one, {200: shown}, (*FIELDS, IF_MATCH), Body(ref("Patch")), (), ids),
        Operation("DELETE", one, {200: shown}, (*FIELDS, IF_MATCH), None, (), ids),
        Operation("POST", one, {200: shown}, (_action("patch"), *FIELDS), Body(ref("Patch")), (),
                  ids),
    ]  # fmt: skip


def _jobs() -> list[Operation]:
    path, one = "scheduler/job", "scheduler/job/{name}"
    places = {"name": ref("Id")}
    shown = Reply("The job.", ref("Job"), TAG)
    made = Reply("The new job.", ref("Job"), MADE)
    done = Reply("It is done.", ref("Success"))
    of_all = ("create", "pauseJobs", "resumeJobs", "listCurrentlyExecutingJobs")
    some = {200: Reply("It is done.", {"anyOf": [ref("Success"), ref("JobList")]}), 201: made}
    same = Reply("The client has this revision.", headers=TAG)
    return [
        Operation("GET", path, {200: Reply("The jobs.", ref("Results"))}, QUERY, errors=(400,)),
        Operation(
            "POST",
            path,
            some,
            (_action(*of_all, required=False), *FIELDS),
            Body(ref("NewJob"), required=False),
            (409,),
            text="A new job; or what is done with all of them.",
        ),
        Operation("GET", one, {200: shown, 304: same}, (*FIELDS, KNOWN), None, (400,), places),
        Operation("PUT", one, {200: shown, 201: made}, (*FIELDS, IF_MATCH, ABSENT),
                  Body(ref("NewJob")), (409,), places),
        Operation("DELETE", one, {200: shown}, (*FIELDS, IF_MATCH), None, (), places),
        Operation("POST", one, {200: done}, (_action("trigger", "pause", "resume"), *FIELDS), None,
                  (409,), places),
    ]  # fmt: skip


def _others() -> list[Operation]:
    trigger = {
        200: Reply("The trigger.", ref("Trigger"), TAG),
        304: Reply("The client has this revision.", headers=TAG),
    }
    which = {"id": {"enum": ["waitingTriggers", "acquiredTriggers"]}}
    runs = {200: Reply("The runs.", {"oneOf": [ref("Runs"), ref("Results")]})}
    name = Parameter("name", "The job whose scan it is.", required=True)
    return [
        Operation("GET", "scheduler/trigger", {200: Reply("Triggers.", ref("Results"))}, QUERY,
                  errors=(400,)),
        Operation("GET", "scheduler/trigger/{id}", trigger, (*FIELDS, KNOWN), None, (400,),
                  {"id": ref("Id")}),
        Operation("GET", "scheduler/{id}", {200: Reply("Their names.", ref("Triggers"))}, FIELDS,
                  None, (400,), which),
        Operation(
            "POST",
            "scheduler",
            {200: Reply("Whether it is one.", ref("Valid"))},
            (_action("validateQuartzCronExpression"), *FIELDS),
            Body(ref("Expression")),
        ),
        Operation("GET", "taskscanner", runs, QUERY, errors=(400,)),
        Operation(
            "POST",
            "taskscanner",
            {200: Reply("The run.", ref("Begun"))},
            (_action("execute"), name, *FIELDS),
            errors=(409,),
        ),
        Operation("GET", "taskscanner/{id}", {200: Reply("The run.", ref("Run"))}, FIELDS, None,
                  (400,), {"id": ref("Id")}),
        Operation(
            "POST",
            "taskscanner/{id}",
            {200: Reply("Whether it will end.", ref("Cancelled"))},
            (_action("cancel"), *FIELDS),
            errors=(409,),
            places={"id": ref("Id")},
        ),
    ]  # fmt: skip


OPERATIONS = (
    *_managed(),
    *_records("redfish/{type}", places={"type": ref("Kind")}),
    *_jobs(),
    *_others(),
)


def _common(operation: Operation) -> Iterable[int]:
    yield from (400, 401, 403, 404, 501, 503)
    if operation.method not in READS:
        yield from (408, 412, 413)
    elif any(one in operation.query for one in SELECTING):
        yield 412
    if operation.method == "POST":
        yield 422


def _served(path: str, endpoint: Endpoint) -> Iterable[Served]:
    """Yield what an endpoint has, as routes."""
    own = {name for name in vars(Endpoint) if _overridden(endpoint, name)}

    def route(method: str, where: str, *names: str) -> Iterable[Served]:
        found = [getattr(endpoint, name) for name in names if name in own]
        if found and (method, where) not in NOTHING:
            needs = endpoint.reading if method in READS else endpoint.writing
            yield Served(method, where, summary(found[0]), needs)

    yield from route("GET", path, "query", "read" if "query" in own else "")
    yield from route("POST", path, "create", "action")
    yield from route("GET", f"{path}/*", "read")
    yield from route("PUT", f"{path}/*", "put")
    yield from route("PATCH", f"{path}/*", "patch")
    yield from route("DELETE", f"{path}/*", "delete")
    yield from route("POST", f"{path}/*", "action")


def _overridden(endpoint: Endpoint, name: str) -> bool:
    mine: Any = getattr(type(endpoint), name)
    return callable(mine) and mine is not getattr(Endpoint, name)


def face(endpoints: Mapping[str, Endpoint]) -> Face:
    """Return what is told of ``endpoints``, which are given by their paths."""
    served: Sequence[Served] = [
        one for path, endpoint in endpoints.items() for one in _served(path, endpoint)
    ]
    return Face(
        name="records",
        text="Records, scheduled jobs and scans, as CREST has them.",
        root=ROOT,
        schemas=("records",),
        operations=OPERATIONS,
        served=served,
        common=_common,
        refusal=lambda status, operation: refused(status, ref("Error")),
        mounts=(ROOT,),
        retry=RETRY,
    )
