"""What goes along with a piece of work wherever it goes: the ids by which it is found in logs.

A request has an id, which the client may give (``X-Request-Id``); the task that it begins keeps it;
a worker that runs the task has both, and a BMC is sent the same header. Must never import a room.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

HEADER = "X-Request-Id"

_GIVEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

#: Ids of what is being done; empty where there is none.
request_id: ContextVar[str] = ContextVar("request_id", default="")
task_id: ContextVar[str] = ContextVar("task_id", default="")


def sane(given: str | None) -> str | None:
    """Return an id that a client gave if it can be one, so that logs hold what they should."""
    return given if given is not None and _GIVEN.fullmatch(given) else None


def fresh() -> str:
    """Return a new id."""
    return secrets.token_hex(8)


def ids() -> dict[str, str]:
    """Return the ids of what is being done, by the names that logs give them."""
    found = {}
    if request := request_id.get():
        found["request"] = request
    if task := task_id.get():
        found["task"] = task
    return found
