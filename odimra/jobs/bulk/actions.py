"""The actions on objects of the records: what each does to an item, staged in its turn.

Those on machines are in :mod:`.machine_actions`; :data:`ACTIONS` names them all. A dry run does
everything but the change.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from odimra.jobs.bulk import deltas, machine_actions
from odimra.jobs.bulk.computed import DISABLED, ENABLED, with_computed
from odimra.jobs.bulk.deltas import ADD, CannotApply, ItemDelta
from odimra.jobs.bulk.items import TOO_DEEP, Item, flat, name_of, named
from odimra.jobs.bulk.language import Action
from odimra.jobs.bulk.parameters import local
from odimra.jobs.bulk.turn import ActionFailed, Perform, Turn
from odimra.jobs.bulk.types import ObjectType, UnknownObjectType, of_name
from odimra.jobs.bulk.validation import issues, references
from odimra.records import rights
from odimra.records.errors import BadRecord, RecordExists, RecordMissing, RecordsError
from odimra.records.model import check_id

log = logging.getLogger(__name__)

LOG_LEVELS: Mapping[str, int] = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
#: What midPoint calls the status of an event about something that failed.
FAILURES = frozenset({"failure", "onlyFailure"})
#: Longest line that a script writes into the service's log, in characters.
LONGEST_LINE = 1000


def _done(
    turn: Turn, action: Action, word: str, kind: ObjectType, id: str, content: Mapping[str, Any]
) -> None:
    # To name it takes a while, and nobody may see it.
    about = "" if turn.quiet else named(kind, id, content)
    turn.say(f"{word} {about}{' (dry run)' if action.dry_run else ''}")


async def _kept_object(item: Item, turn: Turn, what: str) -> tuple[ObjectType, dict[str, Any]]:
    """Return an object that can be changed: none that is gone, and no machine."""
    turn.may_write()
    kind, content = await turn.object(item)
    if item.gone is not None:
        raise RecordMissing(item.type, item.id)
    if kind.machine:
        raise ActionFailed(f"a {kind.name} cannot be {what}")
    return kind, content


def _changed(content: Mapping[str, Any], delta: Sequence[ItemDelta]) -> dict[str, Any]:
    try:
        return deltas.apply(content, tuple(delta))
    except CannotApply as error:
        raise ActionFailed(str(error)) from None


async def _write(action: Action, item: Item, turn: Turn, content: dict[str, Any]) -> None:
    if action.dry_run:
        turn.tools.records.encode(content)
        return
    await turn.change.put(item.type, item.id, content)


async def add(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Make a new object of a value."""
    turn.may_write()
    (item,) = items
    value = item.value
    if item.type or not isinstance(value, Mapping) or "@type" not in value:
        raise ActionFailed("the item is no new object: a value with an @type")
    try:
        kind = of_name(local(str(value["@type"])))
    except UnknownObjectType as error:
        raise ActionFailed(str(error)) from None
    if kind.machine:
        raise ActionFailed(f"a {kind.name} cannot be added")
    content = {
        name: one for name, one in value.items() if name not in ("@type", "oid", "version", "@ns")
    }
    content = computed(content, turn, action)
    oid = _oid(value)
    there = oid is not None and await _is_there(turn, kind, oid)
    if oid is not None and there:
        if not action.overwrite:
            raise RecordExists(kind.records, oid)
        await _write(action, Item(kind.records, oid), turn, content)
    elif action.dry_run:
        turn.tools.records.encode(content)
        _done(turn, action, "Added", kind, oid or "(new)", content)
        return [item]
    else:
        # The same one if the turn has to be done again: its number makes it known.
        made = await turn.change.create(kind.records, content, oid or str(turn.new_uuid(kind.name)))
        oid = made.id
        await turn.change.put(kind.records, oid, content)
    _done(turn, action, "Added", kind, oid, content)
    return [Item(kind.records, oid)]


def _oid(value: Mapping[str, Any]) -> str | None:
    oid = value.get("oid")
    if oid is None:
        return None
    if not isinstance(oid, str) or not oid:
        raise ActionFailed("oid: has to be a text")
    try:
        check_id(oid)
    except BadRecord as error:
        raise ActionFailed(f"oid: {error.said}") from None
    return oid


async def _is_there(turn: Turn, kind: ObjectType, oid: str) -> bool:
    try:
        await turn.change.read(kind.records, oid)
    except RecordMissing:
        return False
    return True


async def modify(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Change an object by a delta; of a machine that is a PATCH."""
    (item,) = items
    kind, content = await turn.object(item)
    if item.gone is not None:
        raise RecordMissing(item.type, item.id)
    delta: tuple[ItemDelta, ...] = action.parameters["delta"]
    if kind.machine:
        await machine_actions.modify(action, item, content, turn)
    else:
        turn.may_write()
        await _write(action, item, turn, computed(_changed(content, delta), turn, action))
    _done(turn, action, "Modified", kind, item.id, content)
    return [item]


async def delete(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Remove an object; those behind see what it was."""
    (item,) = items
    try:
        kind, content = await _kept_object(item, turn, "deleted")
    except RecordMissing:
        if action.force:
            # What is not known of it is nothing.
            return [item if item.gone is not None else replace(item, gone={})]
        raise
    if action.dry_run:
        _done(turn, action, "Deleted", kind, item.id, content)
        return [item]
    await turn.change.delete(item.type, item.id, None)
    _done(turn, action, "Deleted", kind, item.id, content)
    return [Item(item.type, item.id, gone=content, failed=item.failed)]


async def enable(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Set activation/administrativeStatus to enabled."""
    return await _activate(action, items[0], turn, ENABLED, "Enabled")


async def disable(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Set activation/administrativeStatus to disabled."""
    return await _activate(action, items[0], turn, DISABLED, "Disabled")


async def _activate(action: Action, item: Item, turn: Turn, status: str, word: str) -> list[Item]:
    kind, content = await _kept_object(item, turn, status)
    before = content.get("activation")
    activation = dict(before) if isinstance(before, Mapping) else {}
    changed = {**content, "activation": {**activation, "administrativeStatus": status}}
    await _write(action, item, turn, computed(changed, turn, action))
    _done(turn, action, word, kind, item.id, content)
    return [item]


async def assign(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Add assignments of roles or resources, those that there are already excepted."""
    (item,) = items
    kind, content = await _kept_object(item, turn, "assigned anything")
    wanted: tuple[dict[str, Any], ...] = action.parameters["assignments"]
    for one in wanted:
        await _exists(turn, one)
    changed = _changed(content, [ItemDelta(ADD, ("assignment",), wanted)])
    await _write(action, item, turn, computed(changed, turn, action))
    _done(turn, action, "Modified", kind, item.id, content)
    return [item]


async def _exists(turn: Turn, assignment: Mapping[str, Any]) -> None:
    """What is assigned has to be there."""
    reference = assignment.get("targetRef") or assignment["construction"]["resourceRef"]
    kind = of_name(reference["type"])
    await turn.change.read(kind.records, reference["oid"])


async def unassign(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Remove assignments: those of roles or resources, or those that a filter means."""
    (item,) = items
    kind, content = await _kept_object(item, turn, "unassigned anything")
    wanted: tuple[dict[str, Any], ...] = action.parameters["assignments"]
    query = action.parameters["filter"]

    def goes(one: Any) -> bool:
        if any(deltas.meets(one, meant) for meant in wanted):
            return True
        return (
            query is not None
            and isinstance(one, Mapping)
            and (query.test is None or query.test(one))
        )

    kept = content.get("assignment")
    values = kept if isinstance(kept, list) else [] if kept is None else [kept]
    left = [one for one in values if not goes(one)]
    if len(left) != len(values):
        changed = {**content, "assignment": left}
        if not left:
            del changed["assignment"]
        await _write(action, item, turn, computed(changed, turn, action))
    _done(turn, action, "Modified", kind, item.id, content)
    return [item]


async def recompute(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Bring up to date what follows from the rest; nothing of a machine does."""
    (item,) = items
    turn.may_write()
    kind, content = await turn.object(item)
    if item.gone is not None:
        raise RecordMissing(item.type, item.id)
    if not kind.machine:
        changed = with_computed(content, turn.tools.job.clock.now_ms())
        if changed != content:
            await _write(action, item, turn, changed)
    _done(turn, action, "Recomputed", kind, item.id, content)
    return [item]


def computed(content: dict[str, Any], turn: Turn, action: Action) -> dict[str, Any]:
    """Return a changed content with what follows from it, unless the change is meant raw."""
    if action.raw:
        return content
    return with_computed(content, turn.tools.job.clock.now_ms())


async def resolve(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Turn a reference into the object that it leads to."""
    (item,) = items
    value = item.value
    if item.type:
        return [item]
    if not isinstance(value, Mapping) or not isinstance(value.get("oid"), str):
        raise ActionFailed("the item is no reference")
    called = value.get("type") or value.get("@type")
    if not called:
        raise ActionFailed("the reference names no type")
    try:
        kind = of_name(local(str(called)))
    except UnknownObjectType as error:
        raise ActionFailed(str(error)) from None
    turn.may(rights.READ)
    await turn.change.read(kind.records, value["oid"])
    return [Item(kind.records, value["oid"])]


async def write_log(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Say something of an item, in the log of the service and in the console output."""
    (item,) = items
    if item.type:
        kind, content = await turn.object(item)
        about = named(kind, item.id, content)
    else:
        # Of a value its kind only: a log is no place for whatever it may hold.
        about = f"a value ({type(item.value).__name__})"
    given = action.parameters["message"]
    line = " ".join(f"{given} {about}".split())
    log.log(
        LOG_LEVELS[action.parameters["level"]],
        "%s says: %s",
        turn.tools.job.task.id,
        line[:LONGEST_LINE],
    )
    turn.say(f"{action.parameters['level'].upper()}: {line}")
    return [item]


async def notify(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Have the subscribers of events hear of an item, or of all of them together."""
    turn.may_write()
    given = action.parameters
    about, origin = f"{len(items)} items", ""
    if not given["whole"] or len(items) == 1:
        (item,) = items
        kind, content = await turn.object(item)
        about = named(kind, item.id, content)
        if kind.machine:
            origin = str(content.get("@odata.id", ""))
    severity = "Warning" if given["status"] in FAILURES else "OK"
    called = given["subtype"] or "bulk-script"
    record: dict[str, Any] = {
        "MessageId": "Odimra.1.0.ScriptNotification",
        "MessageSeverity": severity,
        "Severity": severity,
        "Message": f"Script notification {called}: {given['operation']} of {about}.",
        "MessageArgs": [called, given["operation"], about],
    }
    if origin:
        record["OriginOfCondition"] = {"@odata.id": origin}
    turn.events.append((severity, orjson.dumps(record)))
    turn.say("Produced 1 event(s)")
    return list(items)


async def validate(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Return what is wrong with an object, if anything is."""
    (item,) = items
    kind, content = await turn.object(item)
    if item.gone is not None:
        raise RecordMissing(item.type, item.id)
    found = [] if kind.machine else issues(content)
    for path, reference in [] if kind.machine else references(content):
        try:
            target = of_name(local(str(reference.get("type") or "RoleType")))
            await turn.change.read(target.records, str(reference["oid"]))
        except (UnknownObjectType, RecordsError) as error:
            found.append({"severity": "error", "itemPath": path, "text": str(error)})
    turn.say(f"Validated {named(kind, item.id, content)}: {len(found)} issue(s)")
    return [
        Item(
            value={
                "@type": "ValidationResultType",
                "objectRef": {"oid": item.id, "type": kind.name, "targetName": name_of(content)},
                "issue": found,
            }
        )
    ]


async def execute(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Run a script on an item, or on all of them together; what it writes is staged."""
    turn.may(rights.READ)
    given = action.parameters
    inputs = [await turn.data(item) for item in items]
    single = items[0] if len(items) == 1 and items[0].type else None
    bindings = {
        "input": inputs if given["whole"] else inputs[0],
        "objectID": f"{single.type}/{single.id}" if single is not None else None,
        "task": {"oid": turn.tools.job.task.id.removeprefix("task")},
        "actor": {"name": turn.rights.account},
    }
    fork, full = turn.change.fork(), None
    if single is not None and single.gone is None:
        full = (await fork.read(single.type, single.id)).full
    value = await turn.tools.script(given["code"], bindings, fork, full)
    if given["output"]:
        try:
            flat(value)
        except TypeError:
            raise ActionFailed(f"its value cannot be put out: {TOO_DEEP}") from None
    turn.change.join(fork)
    if not given["quiet"]:
        about = f"{len(items)} items"
        if single is not None:
            kind, content = await turn.object(single)
            about = named(kind, single.id, content)
        turn.say(f"Executed script on {about}")
    if not given["output"]:
        return list(items)
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [Item(value=one) for one in values]


ACTIONS: Mapping[str, Perform] = {
    "add": add,
    "modify": modify,
    "delete": delete,
    "enable": enable,
    "disable": disable,
    "assign": assign,
    "unassign": unassign,
    "recompute": recompute,
    "resolve": resolve,
    "log": write_log,
    "notify": notify,
    "validate": validate,
    "execute-script": execute,
    ".": machine_actions.call,
}
