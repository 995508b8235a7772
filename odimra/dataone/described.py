"""What is told of this API in OpenAPI. Called by :mod:`odimra.descriptions`."""

from __future__ import annotations

from collections.abc import Sequence

from odimra.dataone.asking import EQUAL, MOST, SORTS, TIMES, WHOLE
from odimra.dataone.frame import ROOT, Route
from odimra.dataone.jobs import LONGEST
from odimra.describe.common import RETRY, key_of, refused, usual
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
from odimra.idempotency import KEY

JOBS = "job-manager/jobs"
PLACES = {"id": ref("Number")}


def _filter(name: str) -> Parameter:
    if name in WHOLE:
        schema: Schema = {"type": "string", "pattern": "^[0-9]{1,15}$"}
    elif name == "status":
        schema = ref("Status")
    else:
        schema = {"type": "string", "minLength": 1}
    return Parameter(name, "Jobs that have exactly this.", schema)


FILTERS = (
    _filter("id"),
    *map(_filter, EQUAL),
    *(
        Parameter(
            name,
            "Jobs from then on." if name.endswith("From") else "Jobs up to then.",
            {"type": "string", "format": "date-time"},
        )
        for name in TIMES
    ),
    Parameter("maxItems", "Jobs of one page.", {"type": "integer", "minimum": 1, "maximum": MOST}),
    Parameter(
        "sort",
        "The order; `-` before it is descending.",
        {"type": "string", "pattern": f"^[-+ ]?({'|'.join(SORTS)})$"},
    ),
    Parameter("cursor", "Where the page begins: as the answer's `next` has it."),
)


def _changing(verb: str, text: str) -> Operation:
    return Operation(
        "POST",
        f"{JOBS}/{{id}}/{verb}",
        {202: Reply(text, ref("Job"))},
        errors=(409,),
        places=PLACES,
    )


OPERATIONS = (
    Operation(
        "POST",
        JOBS,
        {
            201: Reply("The job.", ref("Job"), {"Location": "Its path."}),
            409: Reply(
                "The job that has this key already.",
                ref("Job"),
                {
                    "Location": "Its path.",
                    "X-Odimra-Variables": "`different`, if its variables are others than these.",
                },
            ),
        },
        (
            Parameter(
                KEY,
                "Another name of extIPID.",
                key_of(LONGEST),
                place="header",
            ),
        ),
        Body(ref("Submission")),
        errors=(404,),
    ),
    Operation("GET", JOBS, {200: Reply("A page of jobs.", ref("JobList"))}, FILTERS, errors=(400,)),
    Operation("GET", f"{JOBS}/{{id}}", {200: Reply("The job.", ref("Job"))}, places=PLACES),
    _changing("abort", "The job, which is being stopped."),
    _changing("suspend", "The job, which will rest."),
    _changing("resume", "The job, which goes on."),
    Operation("GET", "job-manager/contracts", {200: Reply("The contracts.", ref("ContractList"))}),
)


def face(routes: Sequence[Route]) -> Face:
    """Return what is told of ``routes``."""
    return Face(
        name="jobs",
        text="Jobs that are submitted on demand, as contracts allow, and found again.",
        root=ROOT,
        schemas=("jobs",),
        operations=OPERATIONS,
        served=[Served(one.method, one.path, summary(one.handler), one.needs) for one in routes],
        common=usual,
        refusal=lambda status, operation: refused(status, ref("Error")),
        retry=RETRY,
        mounts=(ROOT,),
    )
