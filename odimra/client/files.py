"""What commands read from files, from the standard input, and from flags."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from odimra.client.errors import BadUsage

STDIN = "-"


def content(name: str) -> bytes:
    """Return what is in a file; ``-`` is the standard input. Raises :class:`BadUsage`."""
    if name == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise BadUsage(f"{name} cannot be read: {error.strerror}") from error


def document(name: str) -> dict[str, Any]:
    """Return the JSON object in a file. Raises :class:`BadUsage`."""
    return an_object(content(name), name)


def an_object(raw: bytes | str, name: str) -> dict[str, Any]:
    """Return ``raw`` as a JSON object. Raises :class:`BadUsage` with where it is wrong."""
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise BadUsage(f"{name} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadUsage(f"{name} is no JSON object")
    return found


def variables(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return ``name=value`` as an object; a value that is JSON stands for what it says."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, mark, text = pair.partition("=")
        if not mark or not name:
            raise BadUsage(f"{pair} is no NAME=VALUE")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
