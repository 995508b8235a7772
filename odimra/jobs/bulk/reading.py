"""Reads plain data: what is there, whether it may be there, whether it is of the right kind.

Every refusal names the element. Used by all who parse parts of a script.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from odimra.jobs.bulk.errors import BadScript

#: Longest name or text that is said again in an error.
SHOWN = 80


def members(data: Any, element: str) -> Mapping[str, Any]:
    """Return the members of an object; an element without content has none."""
    if data is None or data == "":
        return {}
    if not isinstance(data, Mapping):
        raise BadScript(element, "has to be an object")
    return data


def only_known(given: Mapping[str, Any], known: Collection[str], element: str) -> None:
    """Refuse members that are not among ``known``; those with an "@" are the format's own."""
    for name in given:
        if name not in known and not name.startswith("@"):
            raise BadScript(f"{element}/{name[:SHOWN]}", "is not known here")


def listed(data: Any) -> list[Any]:
    """Return what stands once or many times as a list."""
    if data is None:
        return []
    return data if isinstance(data, list) else [data]


def text(value: Any, element: str) -> str:
    """Return a text that is not empty."""
    if isinstance(value, Mapping) and "orig" in value:
        value = value["orig"]
    if not isinstance(value, str) or not value.strip():
        raise BadScript(element, "has to be a text")
    return value.strip()


def boolean(value: Any, element: str) -> bool:
    """Return a truth value; as text it is exactly "true" or "false"."""
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise BadScript(element, "has to be true or false")
    return value
