"""How an operation of a BMC has gone, as a task of ours tells it: messages, result, end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from odimra.aggregation.addresses import local, rewritten
from odimra.aggregation.bmc.following import CANCELLED, COMPLETED, Followed
from odimra.engine import Outcome
from odimra.tasks import Result, TaskMessage, states

SEVERITIES = ("OK", "Warning", "Critical")
#: Characters of a message, and messages, that are passed on.
LONGEST = 1000
MOST = 20
MESSAGE_ID = re.compile(r"[A-Za-z][\w-]*(?:\.[0-9]+){1,3}\.\w+")
#: Of what has no id that can be read.
GENERAL = "Base.1.22.GeneralError"
UNKNOWN_END = "Odimra.1.0.OperationUnknown"
_PLACE = re.compile(r"/redfish/v1/[!#-~]+")


def reworded(source_id: str, value: Any) -> Any:
    """Return what a BMC says with the places of its resources, within texts too, made ours.

    Unlike a resource it keeps what is not shown here: who reads an error must know what was said.
    """
    if isinstance(value, str):
        return _PLACE.sub(lambda found: _placed(source_id, found[0]), value)
    if isinstance(value, list):
        return [reworded(source_id, one) for one in value]
    if isinstance(value, dict):
        return {name: reworded(source_id, one) for name, one in value.items()}
    return value


def _placed(source_id: str, text: str) -> str:
    # What ends a sentence, or encloses it, is no part of it.
    bare = text.rstrip(".,;:'\")]}>")
    return (local(source_id, bare) or bare) + text[len(bare) :]


def messages(source_id: str, told: Iterable[Mapping[str, Any]]) -> tuple[TaskMessage, ...]:
    """Return the messages of a BMC's task as messages of ours."""
    found = []
    for one in list(told)[-MOST:]:
        said = one.get("Message")
        if not isinstance(said, str) or not said:
            continue
        given_id = one.get("MessageId")
        known = isinstance(given_id, str) and len(given_id) < 200 and MESSAGE_ID.fullmatch(given_id)
        severity = one.get("MessageSeverity", one.get("Severity"))
        args = one.get("MessageArgs")
        found.append(
            TaskMessage(
                str(given_id) if known else GENERAL,
                tuple(reworded(source_id, str(arg))[:LONGEST] for arg in args[:MOST])
                if isinstance(args, list)
                else (),
                severity if severity in SEVERITIES else "OK",
                reworded(source_id, said)[:LONGEST],
            )
        )
    return tuple(found)


def outcome(source_id: str, ended: Followed) -> Outcome:
    """Return how a task of ours ends whose work a BMC has done."""
    told = messages(source_id, ended.messages)
    if ended.state == COMPLETED:
        return Outcome(states.COMPLETED, _result(source_id, ended), told)
    if ended.state == CANCELLED:
        return Outcome(states.CANCELLED, messages=told)
    if ended.status is None or ended.status < 400:
        # It has failed by its task: the monitor has nothing to say of it.
        result = Result(500 if ended.state == "Exception" else 502)
    else:
        result = _result(source_id, ended)
    if ended.state == "Exception":
        last = told[-1].text if told else ""
        if ended.said and reworded(source_id, ended.said) != last:
            text = reworded(source_id, ended.said)[:LONGEST]
            told = (*told, TaskMessage(GENERAL, severity="Critical", text=text))
        return Outcome(states.EXCEPTION, result, told)
    unknown = TaskMessage(UNKNOWN_END, (ended.said[:500],), "Critical")
    return Outcome(states.EXCEPTION, result, (*told, unknown))


def _result(source_id: str, ended: Followed) -> Result:
    status = ended.status or 200
    body = ended.body
    if body is None or "TaskState" in body:
        return Result(204 if status < 400 else status)
    if "error" in body:
        return Result(status, reworded(source_id, dict(body)))
    return Result(200 if status == 202 else status, rewritten(source_id, dict(body)))
