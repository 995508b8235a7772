"""What is told of this API in OpenAPI. Called by :mod:`odimra.descriptions`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from odimra.describe.common import RETRY, refused, usual
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
from odimra.midpoint.forms import Form
from odimra.midpoint.frame import INFO, ROOTS, Route

BASE = ROOTS[0].strip("/")
#: The other place at which all of it is served.
OTHER = ROOTS[1].removesuffix(ROOTS[0])
#: JSON first: it is what the schemas are of.
MEDIA = (Form.JSON.value, Form.YAML.value, Form.XML.value)
TOTAL = {"X-Total-Count": "How many there are in all."}
MOST = 10**9
WHERE = {"type": ref("Type"), "oid": ref("Id")}


def _reply(text: str, schema: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(text, ref(schema), headers or {}, MEDIA)


def _body(schema: str, *, required: bool = True) -> Body:
    return Body(ref(schema), required, MEDIA)


def _number(name: str, text: str) -> Parameter:
    schema: Schema = {"type": "integer", "minimum": 0, "maximum": MOST}
    return Parameter(name, text, schema)


def _scripts() -> list[Operation]:
    later = Parameter("asynchronous", "Whether the answer comes before the end.", FLAG)
    pages = (
        _number("offset", "Items of data that are passed over."),
        _number("maxSize", "Items of data that are shown."),
    )
    replies = {
        200: _reply("What it has put out.", "Output", TOTAL),
        201: Reply("It will run.", headers={"Location": "Its task."}),
        240: _reply("The same, with errors that were handled.", "Output", TOTAL),
        250: _reply("The same, with errors.", "Output", TOTAL),
    }
    return [
        Operation("POST", "rpc/executeScript", replies, query=(later,), body=_body("Script"),
            errors=(404, 409)),
        Operation(
            "GET",
            "scriptExecutionResults/{oid}",
            {200: _reply("What it has put out by now.", "Output", TOTAL)},
            query=pages,
            errors=(400, 409),
        ),
    ]  # fmt: skip


def _tasks() -> list[Operation]:
    found = {200: _reply("Tasks.", "ObjectList", TOTAL)}
    gone = {204: Reply("It is gone."), 202: Reply("It is cancelled, and gone soon.")}
    one = "tasks/{oid}"
    return [
        Operation("GET", "tasks", found),
        Operation("POST", "tasks/search", found, body=_body("Query", required=False)),
        Operation("GET", one, {200: _reply("The task.", "Task")}),
        Operation("DELETE", one, gone, errors=(409,)),
        Operation("POST", f"{one}/suspend", {204: Reply("It rests.")}, errors=(409,)),
        Operation("POST", f"{one}/resume", {202: Reply("It goes on.")}, errors=(409,)),
        Operation("POST", f"{one}/run", {204: Reply("It runs again.")}, errors=(409,)),
    ]


def _objects() -> list[Operation]:
    found = {200: _reply("Objects.", "ObjectList", TOTAL)}
    made = {201: Reply("It is there.", headers={"Location": "Its path."})}
    changed = {204: Reply("It is changed.")}
    total = Parameter("returnTotalCount", "Whether all that are meant are counted.", FLAG)
    one = "{type}/{oid}"
    return [
        Operation("GET", "{type}", found),
        Operation("POST", "{type}", made, body=_body("NewObject"), errors=(409,)),
        Operation(
            "POST", "{type}/search", found, query=(total,), body=_body("Query", required=False)
        ),
        Operation("GET", one, {200: _reply("The object.", "Object")}, errors=(400,)),
        Operation("PUT", one, made, body=_body("NewObject"), errors=(409,)),
        Operation("PATCH", one, changed, body=_body("Modification"), errors=(409,)),
        Operation("POST", one, changed, body=_body("Modification"), errors=(409,)),
        Operation("DELETE", one, {204: Reply("It is gone.")}, errors=(400, 409)),
    ]


OPERATIONS = (
    *(replace(one, path=f"{BASE}/{one.path}") for one in (*_scripts(), *_tasks(), *_objects())),
    Operation("GET", INFO[0].strip("/"), {200: Reply("What it is.", ref("Info"))}),
)


def _common(operation: Operation) -> Iterable[int]:
    yield from usual(operation)
    # Of 405: what has a path of its own is no collection.
    yield from (405, 406)


def face(routes: Sequence[Route], info: Route) -> Face:
    """Return what is told of ``routes``, and of ``info``, which is outside of their root."""
    served = [
        Served(one.method, f"{BASE}/{one.path}", summary(one.handler), one.needs) for one in routes
    ]
    served.append(Served("GET", INFO[0].strip("/"), summary(info.handler), info.needs))
    return Face(
        name="bulk",
        text="Bulk scripts, their results and tasks, and the objects that they work on.",
        root="",
        schemas=("bulk",),
        operations=OPERATIONS,
        served=served,
        common=_common,
        refusal=lambda status, operation: refused(status, ref("Refusal"), MEDIA),
        mounts=(*ROOTS, *INFO),
        others=(OTHER,),
        places=WHERE,
        retry=RETRY,
    )
