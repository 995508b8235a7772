"""What clients say of a Job, made into a plan: each refusal names the property.

Called by :mod:`.jobs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from odimra.engine.recurrence import BadRecurrence, duration
from odimra.engine.schedules import to_ms
from odimra.jobs.planned.model import Plan, Request, Step
from odimra.redfish import errors
from odimra.redfish.resource import Body

#: Headers that a payload may have, and what their values may be: others would not be what they
#: seem. If-Match is heeded.
HEADERS: Mapping[str, re.Pattern[str]] = {
    "accept": re.compile(r"(application/json|\*/\*)([;,].*)?", re.I),
    "content-type": re.compile(r"application/json(\s*;\s*charset=utf-8)?", re.I),
    "if-match": re.compile(r"[\x20-\x7e]{1,1000}"),
    "odata-maxversion": re.compile(r"4\.\d"),
    "odata-version": re.compile(r"4\.0"),
}
#: Properties of a Schedule that say when it begins: who sets one has it begin anew.
BEGINNING = ("InitialStartTime",)


def plan_of(body: Body, owner: str, now: int) -> Plan:
    """Return the plan of a job that is made. Raises 400."""
    if ("Payload" in body) == ("Steps" in body):
        if "Steps" in body:
            raise errors.property_value_conflict("Payload", "Steps")
        raise errors.property_missing("Payload")
    if "StepOrder" in body and "Steps" not in body:
        raise errors.property_value_conflict("StepOrder", "Payload")
    steps = body.get("Steps") or [{"Payload": body["Payload"]}]
    found: dict[str, Step] = {}
    for at, one in enumerate(steps, 1):
        id_ = one.get("Id", str(at))
        where = f"Steps/{at - 1}/Payload" if "Steps" in body else "Payload"
        if id_ in found:
            raise errors.property_value_error(f"Steps/{at - 1}/Id")
        found[id_] = Step(id_, one.get("Name", ""), _request(one["Payload"], where))
    # An empty order is none (Job v1_3_0): the steps are done in the order in which they stand.
    order = body.get("StepOrder") or list(found)
    if sorted(order) != sorted(found):
        raise errors.property_value_error("StepOrder")
    return Plan(
        body.get("Name", "Job"),
        owner,
        now,
        [found[id_] for id_ in order],
        "Steps" in body,
        body.get("HidePayload", False),
        _without_null(body.get("Schedule") or {}),
        _moment(body.get("StartTime")),
        _longest(body.get("MaxExecutionTime")),
    )


def changed(plan: Plan, body: Body) -> tuple[Plan, bool]:
    """Return a plan as a PATCH changes it, and whether it begins anew. Raises 400."""
    given = body.get("Schedule")
    schedule = dict(plan.schedule)
    if "Schedule" in body:
        # Properties that are not named stay as they are, null takes one away (DSP0266, PATCH).
        schedule = {} if given is None else _without_null({**schedule, **given})
    begins = "StartTime" in body or any(name in (given or {}) for name in BEGINNING)
    start = _moment(body["StartTime"]) if "StartTime" in body else plan.start
    longest = _longest(body["MaxExecutionTime"]) if "MaxExecutionTime" in body else plan.longest
    return (
        Plan(
            plan.name,
            plan.owner,
            plan.created,
            plan.steps,
            plan.stepped,
            plan.hide,
            schedule,
            start,
            longest,
        ),
        begins,
    )


def _without_null(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _moment(text: str | None) -> int | None:
    return None if text is None else to_ms(datetime.fromisoformat(text))


def _longest(text: str | None) -> str:
    if text is None:
        return ""
    try:
        wrong = duration(text, "MaxExecutionTime") <= 0
    except BadRecurrence:
        wrong = True
    if wrong:
        raise errors.property_value_error("MaxExecutionTime")
    return text


def _request(given: Body, where: str) -> Request:
    try:
        body = orjson.loads(given.get("JsonBody") or "{}")
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise errors.property_value_error(f"{where}/JsonBody")
    return Request(
        given["HttpOperation"],
        str(given["TargetUri"]).rstrip("/"),
        body,
        _headers(given.get("HttpHeaders", []), where),
    )


def _headers(given: Iterable[str], where: str) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for at, one in enumerate(given):
        name, _, value = (part.strip() for part in one.partition(":"))
        allowed = HEADERS.get(name.lower())
        # Neither is shown: it may hold a password.
        if allowed is None or name.lower() in found or not allowed.fullmatch(value):
            raise errors.property_value_error(f"{where}/HttpHeaders/{at}")
        found[name.lower()] = f"{name}: {value}"
    return tuple(found.values())
