"""What scripts do to machines: PATCH, and the actions that their Redfish resources have.

Each is done as soon as its turn comes. A turn that is done again repeats the PATCH, which changes
nothing the second time; an action is known again by the id of its task, and not repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from odimra.jobs.bulk.deltas import DELETE, ItemDelta
from odimra.jobs.bulk.items import Item, named
from odimra.jobs.bulk.language import Action
from odimra.jobs.bulk.paths import shown, values_at
from odimra.jobs.bulk.turn import ActionFailed, Turn
from odimra.records.errors import RecordMissing
from odimra.tasks import Task, states

#: How often a task that a script waits for is looked at, in seconds.
EVERY = 0.1
_INTEGER = re.compile(r"-?[0-9]{1,18}")


async def modify(action: Action, item: Item, content: Mapping[str, Any], turn: Turn) -> None:
    """PATCH a machine as a delta says."""
    body = patch_body(action.parameters["delta"], content)
    await turn.tools.fleet.modify(item.type, item.id, body, turn.rights, check=action.dry_run)
    turn.lasting()
    # It has changed where it is, not here.
    turn.change.forget(item.type, item.id)


def patch_body(delta: Sequence[ItemDelta], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of the PATCH that makes these changes. Raises :class:`ActionFailed`."""
    body: dict[str, Any] = {}
    for one in delta:
        if any(segment.startswith("[") for segment in one.path):
            raise ActionFailed(f"{shown(one.path)}: a machine's values have no ids")
        *above, last = one.path
        place: Any = body
        for segment in above:
            place = place.setdefault(segment, {})
            if not isinstance(place, dict):
                raise ActionFailed(f"{shown(one.path)} contradicts another change")
        now = list(values_at(dict(content), one.path))
        if one.kind == DELETE or not one.values:
            place[last] = None
        else:
            values = [typed(value, now) for value in one.values]
            place[last] = values[0] if len(values) == 1 else values
    return body


def typed(value: Any, now: Sequence[Any]) -> Any:
    """Return a value of XML, which is a text, as what the property is at the moment."""
    if not isinstance(value, str) or len(now) != 1:
        return value
    if isinstance(now[0], bool):
        return {"true": True, "false": False}.get(value, value)
    if isinstance(now[0], int) and _INTEGER.fullmatch(value):
        return int(value)
    return value


async def call(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Call an action of a machine, and wait until its task has ended unless told not to."""
    (item,) = items
    kind, content = await turn.object(item)
    if item.gone is not None:
        raise RecordMissing(item.type, item.id)
    wanted = action.name.partition(".")[0]
    if not kind.machine or kind.name != f"{wanted}Type":
        raise ActionFailed(f"a {kind.name} has no action {action.name}")
    started = await turn.tools.fleet.act(
        item.type,
        item.id,
        action.name,
        action.parameters["body"],
        turn.rights,
        task_id=f"task{turn.new_uuid(item.id)}",
        check=action.dry_run,
    )
    turn.change.forget(item.type, item.id)
    turn.lasting()
    about = named(kind, item.id, content)
    if started is not None and action.parameters["wait"]:
        _check(await ended(started, turn), action)
    turn.say(f"Called {action.name} of {about}{' (dry run)' if action.dry_run else ''}")
    return [item]


async def ended(task_id: str, turn: Turn) -> Task | None:
    """Return a task when it has ended; None if it is gone."""
    while True:
        task = await turn.tools.tasks.get(task_id)
        if task is None or task.final:
            return task
        await turn.tools.job.clock.sleep(EVERY)


def _check(task: Task | None, action: Action) -> None:
    if task is None:
        raise ActionFailed(f"the task of {action.name} was removed before it ended", 409)
    if task.task_state != states.COMPLETED:
        why = next(
            (one.text for one in task.messages if one.severity == "Critical" and one.text), ""
        )
        said = f": {why}" if why else ""
        raise ActionFailed(
            f"{action.name} ended as {task.task_state} ({task.id}){said}",
            task.result.status if task.result is not None else 400,
        )
