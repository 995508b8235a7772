"""Secrets in scripts: not only members are named after what they hold, but paths and parameters."""

from __future__ import annotations

from typing import Any

from odimra.tasks.payload import MASK, is_secret

#: Members that say what a value beside them is.
_NAMING = ("path", "name")


def without_secrets(data: Any) -> Any:
    """Return a script with the values masked that a path or the name of a parameter call secret."""
    if isinstance(data, list):
        return [without_secrets(one) for one in data]
    if not isinstance(data, dict):
        return data
    named = any(isinstance(data.get(key), str) and is_secret(data[key]) for key in _NAMING)
    return {
        key: MASK if named and key == "value" else without_secrets(value)
        for key, value in data.items()
    }
