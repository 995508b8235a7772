"""Writes to resources of BMCs: PATCH, PUT, POST, DELETE as they are sent on, and what comes back.

What a BMC goes on with becomes a task here. Whatever it has answered, what was read of it before is
old.
"""

from __future__ import annotations

import logging
from typing import Any

from odimra.aggregation import collecting
from odimra.aggregation.addresses import local, remote
from odimra.aggregation.bmc import BadAnswer, Bmc, BmcError, Refused
from odimra.aggregation.bmc.bmc import refusal
from odimra.aggregation.bmc.following import ENDS, Operation, cancel
from odimra.aggregation.bmc.wire import Answer
from odimra.aggregation.inventory import Inventory
from odimra.aggregation.mirror import reworded
from odimra.aggregation.requests import REQUEST
from odimra.redfish import errors
from odimra.redfish.accepted import Accepted, payload
from odimra.redfish.resource import Body, Call, Reply
from odimra.redfish.sourced_answers import failed, hushed, refused, shown_headers
from odimra.store import StoreUnavailable
from odimra.tasks import NewTask, TaskExists, Tasks, TaskServiceDisabled, TasksFull

log = logging.getLogger(__name__)

#: What a BMC answers that takes no write without an If-Match.
PRECONDITION_REQUIRED = 428
WEAK = "W/"


class Writes:
    """Sends writes on."""

    def __init__(self, inventory: Inventory, tasks: Tasks, accepted: Accepted) -> None:
        self._inventory = inventory
        self._tasks = tasks
        self._accepted = accepted

    async def __call__(self, call: Call, bmc: Bmc, source_id: str, uri: str) -> Reply:
        """Send a write on and return what becomes of it. Raises 412, 502."""
        if call.task_id is not None and await self._tasks.get(call.task_id) is not None:
            raise TaskExists(call.task_id)  # it was sent before, by a worker that has died since
        try:
            try:
                answer = await self._send(call, bmc, source_id, uri)
            finally:
                await self._outdate(source_id)
            return await self._reply(call, bmc, source_id, uri, answer)
        except Refused as error:
            raise hushed(refused(source_id, error), call.body) from None
        except BmcError as error:
            raise hushed(failed(source_id, error), call.body) from None

    async def _outdate(self, source_id: str) -> None:
        try:
            await self._inventory.known.changed(source_id)
        except StoreUnavailable:
            log.warning("what is known of the source %s is shown until it is old", source_id)

    async def _send(self, call: Call, bmc: Bmc, source_id: str, uri: str) -> Answer:
        method = call.method
        body = None if method == "DELETE" else theirs(source_id, call.body)
        tag = ""
        if method != "POST" and call.if_match not in (None, ("*",)):
            tag = await self._matched(call, source_id, uri)
        answer = await bmc.ask(method, uri, body, {"If-Match": tag} if tag else {})
        if answer.status == 412 and tag.startswith(WEAK):
            # By the book a weak tag never matches; some want the strong one that they never gave.
            return await bmc.ask(method, uri, body, {"If-Match": tag.removeprefix(WEAK)})
        if answer.status == PRECONDITION_REQUIRED and not tag:
            current = collecting.their_tag(await bmc.get(uri)) or "*"
            return await bmc.ask(method, uri, body, {"If-Match": current})
        return answer

    async def _matched(self, call: Call, source_id: str, uri: str) -> str:
        """Return the BMC's tag for that of an If-Match, empty if it has none. Raises 412."""
        await self._outdate(source_id)  # what is there now counts
        found = await self._inventory.read(source_id, uri)
        if f'"{found.etag}"' not in (call.if_match or ()):
            raise errors.precondition_failed()
        return found.theirs

    # What comes back

    async def _reply(self, call: Call, bmc: Bmc, source_id: str, uri: str, answer: Answer) -> Reply:
        body = answer.body
        if answer.status >= 400:
            raise hushed(refused(source_id, refusal(answer), answer.headers), call.body)
        if not 200 <= answer.status < 300:
            raise BadAnswer(f"it answers {answer.status}: nothing was done")
        state = None if body is None else body.get("TaskState")
        if answer.status == 202 or (isinstance(state, str) and state not in ENDS):
            return await self._going_on(call, bmc, source_id, answer)
        headers = {}
        location = answer.headers.get("Location")
        if location is not None and (here := local(source_id, location)) is not None:
            headers["Location"] = here
        status, empty = (201, 201) if answer.status == 201 else (200, 204)
        if body is None:
            return Reply(empty, headers=headers)
        if not isinstance(body.get("@odata.id"), str) or "@odata.type" not in body:
            return Reply(status, reworded(source_id, body), headers)
        if local(source_id, body["@odata.id"]) is None:
            return Reply(empty, headers=headers)  # it is not shown here, what it tells neither
        shown = collecting.shape(source_id, uri, body)
        found = collecting.found_of(shown, collecting.their_tag(answer), "", 0)
        link = {name: value for name, value in shown_headers(found).items() if name == "Link"}
        return Reply(status, found.body(), {**headers, **link}, found.etag)

    async def _going_on(self, call: Call, bmc: Bmc, source_id: str, answer: Answer) -> Reply:
        operation = Operation.of(answer)
        new = NewTask(
            REQUEST,
            call.principal.account,
            name=f"{call.method} {call.uri}"[:200],
            args={"source": source_id, "monitor": operation.monitor, "task": operation.task},
            payload=payload(call),
        )
        try:
            return self._accepted(await self._tasks.create(new, task_id=call.task_id))
        except (TasksFull, TaskServiceDisabled, StoreUnavailable):
            # Who is told to come again must not have it done twice.
            if await cancel(bmc, operation):
                raise
        raise failed(source_id, BmcError("it goes on with it, and no task here can follow it"))


def theirs(source_id: str, value: Any) -> Any:
    """Return a body for a BMC: the places of its resources here made its own."""
    if isinstance(value, str):
        found = remote(value)
        return found[1] if found is not None and found[0] == source_id else value
    if isinstance(value, list):
        return [theirs(source_id, one) for one in value]
    if isinstance(value, dict):
        made: Body = {name: theirs(source_id, one) for name, one in value.items()}
        return made
    return value
