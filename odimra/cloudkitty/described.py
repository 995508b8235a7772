"""What is told of this API in OpenAPI. Called by :mod:`odimra.descriptions`."""

from __future__ import annotations

from collections.abc import Sequence

from odimra.cloudkitty.asking import PAGE
from odimra.cloudkitty.frame import ROOTS, Route
from odimra.cloudkitty.hashmap import KINDS, SELECTING
from odimra.cloudkitty.hashmap import ROOT as HASHMAP
from odimra.describe.common import RETRY, refused, usual
from odimra.describe.model import (
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

#: Rules of these kinds are made and removed, and never changed.
FIXED = ("services", "fields", "groups")
NAMED: Schema = {"type": "string", "minLength": 1}
MOMENT: Schema = {"type": "string", "anyOf": [{"format": "date-time"}, {"maxLength": 0}]}
WHEN = (
    Parameter("begin", "From when on; the current month if it is not said.", MOMENT),
    Parameter("end", "Until before when.", MOMENT),
)
FILTERS = Parameter(
    "filters",
    "`name:value`, several with commas: what has one of the values of each name.",
    {"type": "string", "pattern": "^[^:,]+:[^:,]*(,[^:,]+:[^:,]*)*$"},
)
DATES = {"Location": "The monitor of the task.", "Retry-After": "When it may be asked."}


def _page(least: int = 1) -> tuple[Parameter, ...]:
    whole = {"type": "integer", "maximum": 9_999_999_999}
    return (
        Parameter("offset", "How many are passed over.", {**whole, "minimum": 0}),
        Parameter("limit", f"How many are shown; {PAGE} at most if it is not said.",
                  {**whole, "minimum": least}),
    )  # fmt: skip


def _listed(name: str, text: str) -> Parameter:
    return Parameter(name, f"{text}, several with commas.")


WINDOWS = (
    Parameter("order", "By when they were asked for.", {"enum": ["asc", "desc"]}),
    *_page(),
)


def _reprocesses() -> list[Operation]:
    shown = {200: Reply("The windows.", ref("WindowList"))}
    path = "v2/task/reprocesses"
    return [
        Operation(
            "POST",
            path,
            {202: Reply("A task does it.", ref("Empty"), DATES)},
            body=Body(ref("Reprocess")),
        ),
        Operation("GET", path, shown, (_listed("scope_ids", "Scopes"), *WINDOWS), errors=(400,)),
        Operation("GET", f"{path}/{{scope}}", shown, WINDOWS, errors=(400,)),
    ]


def _scopes() -> list[Operation]:
    one = {200: Reply("The scope.", ref("Scope"))}
    names = ("scope_id", "scope_key", "fetcher", "collector")
    query = (
        *(_listed(name, "What it has to be") for name in names),
        Parameter("active", "0 or 1.", {"type": "string", "pattern": "^[01](,[01])*$"}),
        *_page(),
    )
    return [
        Operation(
            "GET", "v2/scope", {200: Reply("Scopes.", ref("ScopeList"))}, query, errors=(400, 404)
        ),
        Operation("POST", "v2/scope", one, body=Body(ref("NewScope")), errors=(404, 409)),
        Operation("PATCH", "v2/scope", one, body=Body(ref("ScopeChange")), errors=(404,)),
        Operation(
            "PUT",
            "v2/scope",
            {202: Reply("It was taken back.", ref("Empty"))},
            body=Body(ref("ScopeReset")),
            errors=(404,),
        ),
    ]


def _frames() -> list[Operation]:
    form = Parameter("response_format", "Rows or objects.", {"enum": ["table", "object"]})
    groupby = _listed("groupby", "Names of attributes, `type`, `time`, `time-d -w -m -y`")
    return [
        Operation(
            "POST",
            "v2/dataframes",
            {204: Reply("It is kept.")},
            body=Body(ref("Usage")),
            errors=(409,),
        ),
        Operation(
            "GET",
            "v2/dataframes",
            {200: Reply("Frames of points.", ref("Frames"))},
            (*WHEN, FILTERS, *_page()),
            errors=(400, 404),
        ),
        Operation(
            "GET",
            "v2/summary",
            {200: Reply("Sums.", ref("Summary"))},
            (*WHEN, groupby, FILTERS, form, *_page()),
            errors=(400,),
        ),
    ]


def _modules(root: str) -> list[Operation]:
    path = f"{root}/rating/modules"
    places = {"id": {"type": "string", "enum": ["hashmap", "noop", "pyscripts"]}}
    return [
        Operation("GET", path, {200: Reply("The modules.", ref("ModuleList"))}),
        Operation(
            "GET", f"{path}/{{id}}", {200: Reply("The module.", ref("Module"))}, places=places
        ),
        Operation(
            "PUT",
            f"{path}/{{id}}",
            {204: Reply("It is changed.")},
            body=Body(ref("ModuleChange")),
            errors=(501,),
            places=places,
        ),
    ]


def _rules(plural: str) -> list[Operation]:
    kind, path = KINDS[plural], f"{HASHMAP}/{plural}"
    one, gone = Reply("The rule.", ref(plural)), Reply("It is removed.")
    id_ = Parameter(f"{kind}_id", "Which; may be in a body instead.", NAMED, required=True)
    recursive = Parameter(
        "recursive", "Of a group: with its rules. May be in a body instead.", {"type": "boolean"}
    )
    selecting = [
        *(Parameter(name, "What it has to be; empty is none.") for name in SELECTING),
        Parameter("no_group", "Only those of no group.", {"type": "boolean"}),
    ]
    force = [Parameter("force", "Whether it may start in the past.", {"type": "boolean"})]
    if plural in FIXED:
        text = "It cannot be changed."
        changes = [
            Operation("PUT", where, {}, body=Body(ref(f"{plural}.New")), errors=(405,), text=text)
            for where in (path, f"{path}/{{id}}")
        ]
    else:
        changed = {204: Reply("It is changed.")}
        changes = [
            Operation(
                "PUT", path, changed, body=Body(ref(f"{plural}.ChangeById")), errors=(404, 409)
            ),
            Operation(
                "PUT", f"{path}/{{id}}", changed, body=Body(ref(f"{plural}.Change")), errors=(409,)
            ),
        ]
    return [
        Operation(
            "GET", path, {200: Reply("Rules.", ref(f"{plural}.List"))}, selecting, errors=(400,)
        ),
        Operation(
            "POST",
            path,
            {201: Reply("The rule.", ref(plural), {"Location": "Its path."})},
            force if plural == "mappings" else (),
            Body(ref(f"{plural}.New")),
            errors=(404, 409),
        ),
        *changes,
        Operation("DELETE", path, {204: gone}, (id_, recursive), errors=(400, 404, 409)),
        Operation("GET", f"{path}/{{id}}", {200: one}),
        Operation("DELETE", f"{path}/{{id}}", {204: gone}, (recursive,), errors=(400, 409)),
    ]


def _groups() -> list[Operation]:
    of_group = Parameter("group_id", "The group.")
    found = []
    for plural in ("mappings", "thresholds"):
        id_ = Parameter(f"{KINDS[plural]}_id", "Which.", required=True)
        shown = {200: Reply("Rules.", ref(f"{plural}.List"))}
        found += [
            Operation("GET", f"{HASHMAP}/groups/{plural}", shown, (of_group,), errors=(400,)),
            Operation(
                "GET",
                f"{HASHMAP}/{plural}/group",
                {200: Reply("The group.", ref("groups"))},
                (id_,),
                errors=(400, 404),
            ),
        ]
    return found


OPERATIONS = (
    Operation("GET", "", {200: Reply("The versions.", ref("Versions"))}, open=True),
    *_reprocesses(),
    *_scopes(),
    *_frames(),
    *_modules("v1"),
    *_modules("v2"),
    Operation("GET", f"{HASHMAP}/types", {200: Reply("The kinds.", ref("Names"))}),
    *_groups(),
    *(operation for plural in KINDS for operation in _rules(plural)),
    Operation("GET", "v1/info/config", {200: Reply("The settings.", ref("Config"))}),
    Operation("GET", "v1/info/metrics", {200: Reply("Metrics.", ref("MetricList"))}),
    Operation("GET", "v1/info/metrics/{id}", {200: Reply("The metric.", ref("Metric"))}),
    Operation("GET", "v1/report/tenants", {200: Reply("The ids.", ref("Names"))}),
)


def _refusal(status: int, operation: Operation) -> Reply:
    if status == 401:
        return refused(status, ref("Denied"))
    return refused(status, ref("Fault" if operation.path.startswith("v1/") else "Message"))


def face(routes: Sequence[Route], versions: Served) -> Face:
    """Return what is told of ``routes``, and of what tells the ``versions``."""
    served = [Served(one.method, one.path, summary(one.handler), one.needs) for one in routes]
    return Face(
        name="rating",
        text="Rating: usage, what it costs, the rules for that, and rating once more.",
        root="",
        schemas=("rating", "rating.rules"),
        operations=OPERATIONS,
        served=[versions, *served],
        common=usual,
        refusal=_refusal,
        mounts=ROOTS,
        retry=RETRY,
    )
