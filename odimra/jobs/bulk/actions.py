"""The actions on objects of the records: what each does to an item, staged in its turn.

Those on machines are in :mod:`.machine_actions`; :data:`ACTIONS` names them all. A dry run does
everything but the change.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from odimra.jobs.bulk import deltas, machine_actions
from odimra.jobs.bulk.deltas import ADD, CannotApply, ItemDelta
from odimra.jobs.bulk.items import Item, name_of, named
from odimra.jobs.bulk.language import Action
from odimra.jobs.bulk.parameters import local
from odimra.jobs.bulk.turn import ActionFailed, Perform, Turn
from odimra.jobs.bulk.types import ObjectType, UnknownObjectType, of_name
from odimra.jobs.bulk.validation import issues
from odimra.records import rights
from odimra.records.errors import RecordMissing, RecordsError

log = logging.getLogger(__name__)

LOG_LEVELS: Mapping[str, int] = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
#: What objects of all types have, and a scan or a client may have put there by other names.
ENABLED, DISABLED = "enabled", "disabled"
#: Longest line that a script writes into the service's log, in characters.
LONGEST_LINE = 1000


def _done(
    turn: Turn, action: Action, word: str, kind: ObjectType, id: str, content: Mapping[str, Any]
) -> None:
    if turn.quiet:
        turn.unsaid += 1  # nobody would see what it says
        return
    turn.say(f"{word} {named(kind, id, content)}{' (dry run)' if action.dry_run else ''}")


async def _kept_object(item: Item, turn: Turn, what: str) -> tuple[ObjectType, dict[str, Any]]:
    """Return an object that can be changed: none that is gone, and no machine."""
    turn.may_write()
    kind, content = await turn.object(item)
    if item.gone is not None:
        raise RecordMissing(item.type, item.id)
    if kind.machine:
        raise ActionFailed(f"a {kind.name} cannot be {what}")
    return kind, content


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
    oid = value.get("oid")
    if oid is not None and (not isinstance(oid, str) or not oid):
        raise ActionFailed("oid: has to be a text")
    if oid is not None and action.overwrite and await _is_there(turn, kind, oid):
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
        try:
            changed = deltas.apply(content, delta)
        except CannotApply as error:
            raise ActionFailed(str(error)) from None
        await _write(action, item, turn, computed(changed, turn, action))
    _done(turn, action, "Modified", kind, item.id, content)
    return [item]


async def delete(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Remove an object; those behind see what it was."""
    (item,) = items
    try:
        kind, content = await _kept_object(item, turn, "deleted")
    except RecordMissing:
        if action.force:
            return [item]
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
    changed = deltas.apply(content, (ItemDelta(ADD, ("assignment",), wanted),))
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


def with_computed(content: dict[str, Any], now: int) -> dict[str, Any]:
    """Return a content with the effective status and the memberships that it comes to.

    ``activation/effectiveStatus`` follows from administrativeStatus, validFrom and validTo at
    ``now`` (ms since the epoch), ``roleMembershipRef`` from the assignments. Without activation or
    assignments there is nothing to follow from them.
    """
    changed = content
    activation = content.get("activation")
    if isinstance(activation, Mapping):
        status = _effective(activation, now)
        if activation.get("effectiveStatus") != status:
            changed = {**changed, "activation": {**activation, "effectiveStatus": status}}
    if "assignment" in content or "roleMembershipRef" in content:
        memberships = _memberships(content.get("assignment"))
        if memberships != content.get("roleMembershipRef"):
            changed = {**changed, "roleMembershipRef": memberships}
            if not memberships:
                del changed["roleMembershipRef"]
    return changed


def _effective(activation: Mapping[str, Any], now: int) -> str:
    administrative = activation.get("administrativeStatus")
    if isinstance(administrative, str) and administrative in ("disabled", "archived"):
        return administrative
    begin, end = (_instant(activation.get(name)) for name in ("validFrom", "validTo"))
    if administrative != ENABLED and ((begin and now < begin) or (end and now >= end)):
        return DISABLED
    return ENABLED


def _instant(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


def _memberships(assignments: Any) -> list[dict[str, Any]]:
    values = assignments if isinstance(assignments, list) else [assignments]
    found: list[dict[str, Any]] = []
    for one in values:
        reference = one.get("targetRef") if isinstance(one, Mapping) else None
        if isinstance(reference, Mapping) and "oid" in reference:
            kept = {key: reference[key] for key in ("oid", "type", "relation") if key in reference}
            if kept not in found:
                found.append(kept)
    return found


async def resolve(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Turn a reference into the object that it leads to."""
    (item,) = items
    value = item.value
    if item.type:
        return [item]
    if not isinstance(value, Mapping) or not isinstance(value.get("oid"), str):
        raise ActionFailed("the item is no reference")
    try:
        kind = of_name(local(str(value.get("type") or value.get("@type") or "")))
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
    line = f"{given} {about}".strip()
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
    severity = "OK" if given["status"] == "success" else "Warning"
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


def references(content: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the references that an object and its assignments have, with their paths."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for name, value in content.items():
        values = value if isinstance(value, list) else [value]
        for one in values:
            if not isinstance(one, Mapping):
                continue
            if name.endswith("Ref") and "oid" in one:
                found.append((name, one))
            elif name in deltas.NUMBERED:
                target = one.get("targetRef")
                if isinstance(target, Mapping) and "oid" in target:
                    found.append((f"{name}/targetRef", target))
    return found


async def execute(action: Action, items: Sequence[Item], turn: Turn) -> list[Item]:
    """Run a script on an item, or on all of them together; what it writes is staged."""
    turn.may(rights.READ)
    given = action.parameters
    inputs = [await turn.data(item) for item in items]
    whole = given["whole"] and len(items) != 1
    bindings = {
        "input": inputs if whole or given["whole"] else inputs[0],
        "objectID": f"{items[0].type}/{items[0].id}" if len(items) == 1 else "",
        "task": {"oid": turn.tools.job.task.id.removeprefix("task")},
        "actor": {"name": turn.rights.account},
    }
    fork, full = turn.change.fork(), None
    if len(items) == 1 and items[0].type and items[0].gone is None:
        full = (await fork.read(items[0].type, items[0].id)).full
    value = await turn.tools.script(given["code"], bindings, fork, full)
    turn.change.join(fork)
    if not given["quiet"]:
        about = f"{len(items)} items"
        if len(items) == 1 and items[0].type:
            kind, content = await turn.object(items[0])
            about = named(kind, items[0].id, content)
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
