"""CREST patch: operations that change a record, all of them or none.

``{"operation": ..., "field": <pointer>, "value": ... | "from": <pointer>}``. Pure: called by
:mod:`.records`; knows :mod:`.pointer` and the errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from odimra.records.errors import BadPatch
from odimra.records.model import ID, REV, same
from odimra.records.pointer import (
    BEHIND,
    MISSING,
    BadPointer,
    NoSuchPlace,
    Pointer,
    get,
    index,
    parse,
    put,
    remove,
)

#: Operations in one patch, at most.
MOST: Final = 1000

#: Which member an operation has besides ``field``: "value" or "from", and whether it needs it.
MEMBERS: Final[Mapping[str, tuple[str, bool]]] = {
    "add": ("value", True),
    "remove": ("value", False),
    "replace": ("value", True),
    "increment": ("value", True),
    "move": ("from", True),
    "copy": ("from", True),
}
_KNOWN = ("operation", "field", "value", "from")
_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a patch, understood; ``value`` is MISSING where there is none."""

    number: int
    name: str
    field: Pointer
    value: Any = MISSING
    source: Pointer = ()


def _wrong(number: int, member: str, said: str) -> BadPatch:
    return BadPatch(f"operation {number}, {member}", said)


def _pointer(number: int, member: str, text: Any) -> Pointer:
    if not isinstance(text, str):
        raise _wrong(number, member, "must be a pointer such as /name/first")
    try:
        pointer = parse(text)
    except BadPointer as error:
        raise _wrong(number, member, str(error)) from None
    if not pointer:
        raise _wrong(number, member, "is the whole record, which is replaced by an update")
    return pointer


def _operation(number: int, given: Any) -> Operation:
    if not isinstance(given, Mapping):
        raise BadPatch(f"operation {number}", "must be an object")
    name = given.get("operation")
    if not isinstance(name, str):
        raise _wrong(number, "operation", "is missing; it is one of " + ", ".join(MEMBERS))
    name = name.lower()
    if name == "transform":
        raise _wrong(number, "operation", "'transform' is not supported")
    if name not in MEMBERS:
        raise _wrong(number, "operation", f"invalid patch operation type '{name[:50]}'")
    for member in given:
        if member not in _KNOWN:
            raise BadPatch(f"operation {number}", "has a member other than " + ", ".join(_KNOWN))
    if "field" not in given:
        raise _wrong(number, "field", "is missing")
    field = _pointer(number, "field", given["field"])
    if field[0] in (ID, REV):
        raise _wrong(number, "field", f"{field[0]} cannot be changed")
    wants, needed = MEMBERS[name]
    other = "from" if wants == "value" else "value"
    if other in given and given[other] is not None:
        raise _wrong(number, other, f"does not go with '{name}'")
    if needed and wants not in given:
        raise _wrong(number, wants, f"is needed by '{name}'")
    if wants == "from":
        return _moving(number, name, field, _pointer(number, "from", given["from"]))
    return Operation(number, name, field, _value(number, name, given))


def _value(number: int, name: str, given: Mapping[str, Any]) -> Any:
    value = given.get("value")
    if name == "remove" and value is None:
        return MISSING
    if name == "replace" and value is None:
        raise _wrong(number, "value", "null is not allowed; 'remove' takes a field away")
    if name == "increment" and not _is_number(value):
        raise _wrong(number, "value", "must be a number")
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise _wrong(number, "value", f"cannot be kept as JSON: {error}") from None
    return value


def _moving(number: int, name: str, field: Pointer, source: Pointer) -> Operation:
    if source[0] in (ID, REV) and name == "move":
        raise _wrong(number, "from", f"{source[0]} cannot be changed")
    if name == "move" and field[: len(source)] == source and field != source:
        raise _wrong(number, "field", "is within what is moved")
    return Operation(number, name, field, source=source)


def parse_patch(operations: Any) -> list[Operation]:
    """Return the operations of a patch as they came in a body. Raises :class:`BadPatch`."""
    if not isinstance(operations, Sequence) or isinstance(operations, str | bytes):
        raise BadPatch("patch", "must be an array of operations")
    if len(operations) > MOST:
        raise BadPatch(
            "patch", f"has {len(operations)} operations, at most {MOST} are done at once"
        )
    return [
        given if isinstance(given, Operation) else _operation(number, given)
        for number, given in enumerate(operations)
    ]


def apply(content: Mapping[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """Return ``content`` after the operations; it is not changed itself.

    Raises :class:`BadPatch` for the first operation that cannot be done.
    """
    changed: dict[str, Any] = _copied(content)
    for operation in operations:
        _DO[operation.name](changed, operation)
    return changed


def _refuse_position(record: dict[str, Any], number: int, member: str, pointer: Pointer) -> None:
    # Between two patches without a revision, the elements of an array move: which one is meant
    # nobody can tell. CREST's managed objects refuse it, too.
    if index(pointer[-1]) is not None and isinstance(get(record, pointer[:-1]), list):
        raise _wrong(number, member, "position-based operation is not allowed")


def _set(record: dict[str, Any], operation: Operation, value: Any) -> None:
    number, field = operation.number, operation.field
    _refuse_position(record, number, "field", field)
    if field[-1] == BEHIND and operation.name != "replace" and len(field) > 1:
        array = get(record, field[:-1])
        if array is None or array is MISSING:
            field, value = field[:-1], [value]
    elif field[-1] == BEHIND and isinstance(get(record, field[:-1]), list):
        raise _wrong(number, "field", "there is nothing behind an array to replace")
    try:
        put(record, field, value)
    except NoSuchPlace as error:
        raise _wrong(number, "field", str(error)) from None


def _add(record: dict[str, Any], operation: Operation) -> None:
    # A copy: a later operation may change it, and the patch may have to be done once more.
    _set(record, operation, _copied(operation.value))


def _remove(record: dict[str, Any], operation: Operation) -> None:
    _refuse_position(record, operation.number, "field", operation.field)
    if operation.value is MISSING:
        remove(record, operation.field)
        return
    current = get(record, operation.field)
    if current is MISSING:
        return
    if isinstance(current, list) and not same(current, operation.value):
        current[:] = [one for one in current if not same(one, operation.value)]
    elif same(current, operation.value):
        remove(record, operation.field)


def _increment(record: dict[str, Any], operation: Operation) -> None:
    _refuse_position(record, operation.number, "field", operation.field)
    current = get(record, operation.field)
    numbers = current if isinstance(current, list) else [current]
    if not all(map(_is_number, numbers)):
        raise _wrong(operation.number, "field", "there is neither a number nor an array of numbers")
    sums = [_sum(operation, one) for one in numbers]
    put(record, operation.field, sums if isinstance(current, list) else sums[0])


def _sum(operation: Operation, number: Any) -> Any:
    value = number + operation.value
    # Beyond it JSON has no numbers that everybody reads alike (64 bits, IEEE 754).
    if not -_LARGEST <= value < _LARGEST and (isinstance(value, int) or value - value != 0):
        raise _wrong(operation.number, "value", "the number would become too large")
    return value


def _copy(record: dict[str, Any], operation: Operation) -> None:
    value = get(record, operation.source)
    if value is None or value is MISSING:
        return
    _set(record, operation, _copied(value))


def _move(record: dict[str, Any], operation: Operation) -> None:
    _refuse_position(record, operation.number, "from", operation.source)
    value = get(record, operation.source)
    if value is None or value is MISSING or operation.source == operation.field:
        return
    remove(record, operation.source)
    _set(record, operation, value)


def _copied(value: Any) -> Any:
    # Several times as fast as a copy in Python; a record is nothing but JSON.
    return orjson.loads(orjson.dumps(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_DO = {
    "add": _add,
    "replace": _add,
    "remove": _remove,
    "increment": _increment,
    "move": _move,
    "copy": _copy,
}
