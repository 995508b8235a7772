"""Places within a record: JSON pointers as CREST writes them.

CREST follows draft-pbryan-zyp-json-pointer-02, not RFC 6901: the slashes at both ends may be left
out, and characters are escaped as ``%XX`` (``~0`` and ``~1`` are just characters).
Pure: called by :mod:`.filter` and by whoever reads or changes a record. Knows nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote

#: The names on the way from the record down to the place; none of them: the record itself.
Pointer: TypeAlias = tuple[str, ...]

#: The name that stands for the place behind an array's last element.
BEHIND: Final = "-"

# Longer ones are no element of anything, and reading them as a number would take its time.
_LONGEST_INDEX = 9
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What a pointer may hold without an escape (RFC 3986, fragment), but for what the filter
# language uses itself: quotes, parentheses and "!".
_PLAIN = "$&*+,;=:@?-._~"


class Missing(Enum):
    """The type of :data:`MISSING`, which tells "there is nothing" from "there is null"."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return self.name

    def __bool__(self) -> bool:
        return False


#: What :func:`get` answers when the record has no such place.
MISSING: Final = Missing.MISSING


class BadPointer(ValueError):
    """The text is no pointer: it has a ``%`` that escapes nothing."""


class NoSuchPlace(ValueError):
    """Nothing can be put there: something on the way is neither an object nor an array."""


def parse(text: str) -> Pointer:
    """Return the names in ``text``; ``""`` and ``"/"`` are the whole record.

    Raises :class:`BadPointer`.
    """
    names = text.split("/")
    if names[-1] == "":
        names.pop()
    if names and names[0] == "":
        del names[0]
    if "%" not in text:
        return tuple(names)
    if _BAD_ESCAPE.search(text):
        raise BadPointer("a % must be followed by two hexadecimal digits")
    try:
        return tuple(unquote(name, errors="strict") for name in names)
    except UnicodeDecodeError:
        raise BadPointer("the %XX of a pointer must spell UTF-8") from None


def render(pointer: Pointer) -> str:
    """Return the text of ``pointer``, with a leading slash; :func:`parse` undoes it.

    It can stand in a filter: neither space, parenthesis nor quote is left in it.
    """
    text = "".join("/" + quote(name, safe=_PLAIN) for name in pointer)
    # An empty last name would be taken for a slash that may be left out.
    return text + "/" if pointer and pointer[-1] == "" else text or "/"


def index(name: str) -> int | None:
    """Return ``name`` as an array's index, or None: decimal digits and nothing else."""
    if len(name) <= _LONGEST_INDEX and name.isascii() and name.isdigit():
        return int(name)
    return None


def step(value: Any, name: str, missing: Any = MISSING) -> Any:
    """Return what ``value`` holds under ``name``, or ``missing``."""
    if isinstance(value, Mapping):
        return value.get(name, missing)
    if isinstance(value, list | tuple):
        at = index(name)
        if at is not None and at < len(value):
            return value[at]
    return missing


def get(record: Any, pointer: Pointer) -> Any:
    """Return what is at ``pointer``, or :data:`MISSING`; null is None."""
    for name in pointer:
        record = step(record, name)
        if record is MISSING:
            break
    return record


def put(record: Any, pointer: Pointer, value: Any) -> None:
    """Set what is at ``pointer``, in place; parents that are missing or null become objects.

    In an array a name is the index of an element, or of the first place behind its end, which
    :data:`BEHIND` names as well. Raises :class:`NoSuchPlace`; the record is then unchanged.
    """
    if not pointer:
        raise NoSuchPlace("the whole record cannot be set by a pointer")
    *parents, last = pointer
    place = record
    for depth, name in enumerate(parents):
        inner = step(place, name)
        if inner is MISSING or inner is None:
            # Built aside and hung in by one step: a place that cannot be leaves no parents.
            for parent in reversed((*parents[depth + 1 :], last)):
                value = {parent: value}
            last = name
            break
        place = inner
    _set(place, last, value)


def _set(place: Any, name: str, value: Any) -> None:
    if isinstance(place, dict):
        place[name] = value
        return
    if not isinstance(place, list):
        raise NoSuchPlace("there is neither an object nor an array to set this in")
    at = len(place) if name == BEHIND else index(name)
    if at is None or at > len(place):
        raise NoSuchPlace("an array is set at the index of an element, or at the first behind it")
    place[at : at + 1] = [value]


def remove(record: Any, pointer: Pointer) -> bool:
    """Take away what is at ``pointer``, in place; tell whether there was anything.

    The elements behind a removed one move up.
    """
    if not pointer:
        return False
    *parents, last = pointer
    place = get(record, tuple(parents))
    if step(place, last) is MISSING:
        return False
    if isinstance(place, dict):
        del place[last]
        return True
    if isinstance(place, list):
        del place[int(last)]
        return True
    return False
