"""How an operation of a BMC has gone, as a task of ours tells it: messages, result, end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from odimra.aggregation.addresses import local, rewritten
from odimra.aggregation.bmc import BadAnswer
from odimra.aggregation.bmc.following import CANCELLED, COMPLETED, EXCEPTION, Followed
from odimra.engine import Outcome
from odimra.tasks import Result, TaskMessage, states

SEVERITIES = ("OK", "Warning", "Critical")
#: Characters of a message, and messages, that are passed on.
LONGEST = 1000
MOST = 20
MESSAGE_ID = re.compile(r"[A-Za-z][\w-]*(?:\.[0-9]+){1,3}\.\w+")
#: Of what has no id that can be read.
GENERAL = "Base.1.22.GeneralError"
FAILED = "Odimra.1.0.BmcFailed"
UNKNOWN_END = "Odimra.1.0.BmcOutcomeUnknown"
#: Errors of a BMC that would be taken for errors of this service.
NOT_OURS = (401, 407, 500)
_PLACE = re.compile(r"/redfish/v1/[!#-~]+")


def ours(status: int) -> int:
    """Return the status of an answer of ours to what a BMC has refused with ``status``."""
    return 502 if status in NOT_OURS or not 400 <= status <= 599 else status


def reworded(source_id: str, value: Any) -> Any:
    """Return what a BMC says with the places of its resources, within texts too, made ours.

    Unlike a resource it keeps what is not shown here: who reads an error must know what was said.
    Raises BadAnswer for what cannot be passed on.
    """
    try:
        orjson.dumps(value)  # bounds how deep it is
    except TypeError:
        raise BadAnswer("what it says cannot be passed on") from None
    return _reworded(source_id, value)


def _reworded(source_id: str, value: Any) -> Any:
    if isinstance(value, str):
        return _PLACE.sub(lambda found: _placed(source_id, found[0]), value)
    if isinstance(value, list):
        return [_reworded(source_id, one) for one in value]
    if isinstance(value, dict):
        return {name: _reworded(source_id, one) for name, one in value.items()}
    return value


def _placed(source_id: str, text: str) -> str:
    # What ends a sentence, or encloses it, is no part of it.
    bare = text.rstrip(".,;:'\")]}>")
    return (local(source_id, bare) or bare) + text[len(bare) :]


def _text(source_id: str, text: str) -> str:
    # Half characters cannot be passed on.
    whole = text.encode("utf-8", "replace").decode()
    return str(_reworded(source_id, whole[: 2 * LONGEST]))[:LONGEST]


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
                tuple(_text(source_id, str(arg)) for arg in args[:MOST])
                if isinstance(args, list)
                else (),
                severity if severity in SEVERITIES else "OK",
                _text(source_id, said),
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
    # Often it has failed by its task, and the monitor has nothing to say of it.
    result = _result(source_id, ended)
    if ended.state == EXCEPTION:
        if not any(one.severity == "Critical" for one in told):
            why = _text(source_id, ended.said).rstrip(".")
            told = (*told, TaskMessage(FAILED, (why,), "Critical"))
        return Outcome(states.EXCEPTION, result, told)
    why = _text(source_id, ended.said).rstrip(".")
    unknown = TaskMessage(UNKNOWN_END, (why,), "Critical")
    return Outcome(states.EXCEPTION, result, (*told, unknown))


def _result(source_id: str, ended: Followed) -> Result:
    status, body = ended.status or 0, ended.body
    completed = ended.state == COMPLETED
    if body is None or "TaskState" in body or completed == (status >= 400):
        return Result(204 if completed else ours(status))
    try:
        told = reworded(source_id, dict(body))
        if completed and "@odata.id" in body:
            told = rewritten(source_id, dict(body))
    except BadAnswer:
        told = None
    if told is None:
        return Result(204 if completed else ours(status))
    return Result(200 if completed else ours(status), told)
