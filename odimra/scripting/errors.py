"""How scripts fail, one class per way; every text may be shown to whoever runs the script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ScriptError(Exception):
    """The script has ended in an exception, or in a value that cannot be handed out.

    ``line`` is where in the script, counted from 1; None where that is not known.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"{message} (line {line})")
        self.line = line


class BadScript(ScriptError):
    """The script does not compile."""


class ScriptTimeout(ScriptError):
    """The script took longer than it may, and was stopped; it may be anywhere in its work."""


class ScriptKilled(ScriptError):
    """The process of the script has ended under it."""


class HostError(Exception):
    """What a function that a script has called comes to: an exception in the script.

    ``detail`` are properties of that exception, such as ``code``.
    """

    def __init__(self, message: str, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.detail = detail or {}
