"""What a request for a list of jobs asks, read strictly: what is not understood is refused.

A filter that was left out by mistake would return too much.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from multidict import MultiMapping

from odimra.dataone.errors import bad
from odimra.jobs.submission.model import STATUSES, Query

#: Parameters that have to be equal, by the names of this API, and the fields that they mean.
EQUAL: Mapping[str, str] = {
    "status": "status",
    "queue": "queue",
    "contract": "contract",
    "workflowTemplateId": "template_id",
    "workflowTemplateName": "template_name",
    "workflowTemplateRevision": "template_revision",
    "extIPID": "ext",
    "submittedBy": "by",
    "dfiid": "dfiid",
    "lcid": "lcid",
    "actor": "actor",
    "contractAction": "action",
    "contractType": "type",
    "contractActionTrigger": "trigger",
}
WHOLE = ("id", "workflowTemplateId", "workflowTemplateRevision")
TIMES = ("createdAtFrom", "createdAtTo", "updatedAtFrom", "updatedAtTo")
#: What jobs can be put in order by.
SORTS: Mapping[str, str] = {
    "id": "id",
    "status": "status",
    "queue": "queue",
    "contract": "contract",
    "workflowTemplateId": "template_id",
    "workflowTemplateName": "template_name",
    "workflowTemplateRevision": "template_revision",
    "submittedBy": "by",
    "createdAt": "created",
    "updatedAt": "updated",
}
FILTERS = ("id", *EQUAL, *TIMES)
OTHERS = ("maxItems", "sort", "cursor")
DEFAULT, MOST = 100, 1000
#: A plus in a query is a blank when it arrives.
ZONE = re.compile(r" (\d\d:?\d\d)$")


def asked(params: MultiMapping[str]) -> Query:
    """Return what is looked for. Raises 400."""
    for name in params:
        if name not in FILTERS and name not in OTHERS:
            raise bad(f"{name[:60]}: is no parameter of this list")
        if len(params.getall(name)) > 1:
            raise bad(f"{name}: is there more than once")
    given = {name: params[name] for name in params}
    equal = {field: given[name] for name, field in EQUAL.items() if name in given}
    for name in WHOLE:
        if name in given:
            whole = str(_whole(name, given[name]))
            if name != "id":
                equal[EQUAL[name]] = whole
    if "status" in equal and equal["status"] not in STATUSES:
        raise bad(f"status: has to be one of {', '.join(STATUSES)}")
    empty = [name for name in EQUAL if given.get(name) == ""]
    if empty:
        raise bad(f"{empty[0]}: is empty")
    times = {name: _time(name, given[name]) for name in TIMES if name in given}
    sort, descending = _sort(given.get("sort"))
    size = DEFAULT
    if "maxItems" in given:
        size = _whole("maxItems", given["maxItems"])
        if not 1 <= size <= MOST:
            raise bad(f"maxItems: has to be from 1 to {MOST}")
    query = Query(
        equal,
        (times.get("createdAtFrom"), times.get("createdAtTo")),
        (times.get("updatedAtFrom"), times.get("updatedAtTo")),
        int(given["id"]) if "id" in given else None,
        sort,
        descending,
        size,
    )
    if "cursor" in given:
        query = replace(query, after=_place(query, given["cursor"]))
    return query


def following(params: MultiMapping[str], query: Query, after: tuple[str, int]) -> str:
    """Return the query of the next page."""
    kept = [(name, params[name]) for name in params if name != "cursor"]
    place = orjson.dumps([_digest(query), *after])
    return urlencode([*kept, ("cursor", base64.urlsafe_b64encode(place).decode().rstrip("="))])


def _digest(query: Query) -> str:
    """Return what a cursor is of: the filters and the order."""
    made: Any = [
        dict(query.equal), query.created, query.updated, query.number, query.sort,
        query.descending,
    ]  # fmt: skip
    return hashlib.sha256(orjson.dumps(made, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _place(query: Query, text: str) -> tuple[str, int]:
    try:
        padded = text + "=" * (-len(text) % 4)
        of, value, number = orjson.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, binascii.Error, TypeError):
        raise bad("cursor: is none that this list has given") from None
    if (
        of != _digest(query)
        or not isinstance(value, str)
        or isinstance(number, bool)
        or not isinstance(number, int)
    ):
        raise bad("cursor: is none that this list has given")
    return value, number


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise bad(f"{name}: has to be a whole number")
    return int(text)


def _sort(text: str | None) -> tuple[str, bool]:
    if text is None:
        return "id", True
    name = text.lstrip("+- ")
    sign = text[: len(text) - len(name)]
    if name not in SORTS or sign not in ("", "+", "-", " "):
        raise bad(f"sort: has to be + or - and one of {', '.join(SORTS)}")
    return SORTS[name], sign == "-"


def _time(name: str, text: str) -> int:
    try:
        found = datetime.fromisoformat(ZONE.sub(r"+\1", text))
    except ValueError:
        raise bad(f"{name}: has to be a time as ISO 8601 has it") from None
    if found.tzinfo is None:
        raise bad(f"{name}: has to have a time zone")
    return round(found.timestamp() * 1000)
