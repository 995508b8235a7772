"""Processes that run scripts, from the side of those who want one run.

A run has its process to itself. One that does not end in time, or whose caller loses patience, is
ended with its process (SIGKILL: neither a loop nor a long native call can hold that off), and the
next run gets a fresh one. What one process is asked for, and how, is in :mod:`.process`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from odimra.scripting.errors import (
    BadScript,
    ScriptError,
    ScriptKilled,
)
from odimra.scripting.process import Host, NotBegun, OwnCopy, Process, Run, ScriptOptions, nothing

#: Lines of a script, and its characters, at most.
MOST_LINES = 100_000
LONGEST_SOURCE = 262_144


class Undefined:
    """The value of a script whose last expression has none; JSON has no word for it."""

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined()


class ScriptPool:
    """Runs scripts; a context manager, which leaves no process behind."""

    def __init__(self, options: ScriptOptions | None = None) -> None:
        self._options = options or ScriptOptions()
        self._all: set[Process] = set()
        self._starting = asyncio.Lock()
        self._closed = False

    async def __aenter__(self) -> ScriptPool:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._closed = True
        await asyncio.gather(*(process.end() for process in list(self._all)))

    @property
    def pids(self) -> list[int]:
        """The processes that there are."""
        return [process.pid for process in self._all if process.pid is not None]

    async def run(
        self,
        source: str,
        bindings: Mapping[str, Any],
        host: Host,
        *,
        timeout: float,
        owner: str = "",
        own: OwnCopy | None = None,
    ) -> Any:
        """Return the JSON value of a script's last expression, or :data:`UNDEFINED`.

        ``bindings`` are variables that it finds; ``timeout`` is for itself, in seconds: the time
        that ``host`` takes does not count. ``owner`` is whose rights ``host`` has: runs for
        different owners never share a context, so that nothing which the script of one has left
        could act for another. Raises :class:`ScriptError`.
        """
        _acceptable(source)
        parts = (
            source.encode(),
            orjson.dumps(list(bindings.values())),
            orjson.dumps(list(bindings)),
            owner.encode(),
            *((b"", b"", b"0") if own is None else _own_parts(own)),
        )
        return await self._ask(b"S", parts, host, timeout, own)

    async def check(self, source: str, *, timeout: float = 10.0) -> None:
        """Raise :class:`BadScript` unless ``source`` compiles; nothing of it runs."""
        _acceptable(source)
        await self._ask(b"K", (source.encode(),), nothing, timeout)

    async def _ask(
        self,
        kind: bytes,
        parts: Sequence[bytes],
        host: Host,
        timeout: float,
        own: OwnCopy | None = None,
    ) -> Any:
        again = False
        while True:
            process = await self._process()
            run = Run(kind, parts, host, timeout, own)
            try:
                return _value(await process.ask(run))
            except NotBegun:
                # The one before it took the process with it; nothing of this one has run.
                continue
            except ScriptKilled:
                # It may have died while it was idle, before the news came. Of a script that has
                # not said a word nothing has happened: it is run once more, and only then.
                if run.heard or again or self._closed:
                    raise
                again = True
            finally:
                if not process.alive:
                    await process.end()
                    self._all.discard(process)

    async def _process(self) -> Process:
        """Return the process with the least to do; another one if it has some and may be."""
        if self._closed:
            raise ScriptKilled("scripts are not run any more")
        async with self._starting:
            self._all -= {process for process in self._all if not process.alive}
            least = min(self._all, key=lambda process: process.load, default=None)
            if least is not None and (not least.load or len(self._all) >= self._options.processes):
                return least
            process = Process(self._options)
            self._all.add(process)
            try:
                await process.start()
            except BaseException:
                await process.end()
                self._all.discard(process)
                raise
            return process


def _own_parts(own: OwnCopy) -> tuple[bytes, bytes, bytes]:
    return own.path.encode(), own.full, str(own.limit).encode()


def _acceptable(source: str) -> None:
    if len(source) > LONGEST_SOURCE or source.count("\n") >= MOST_LINES:
        raise BadScript(f"the script is longer than {LONGEST_SOURCE} characters")
    try:
        source.encode()
    except UnicodeEncodeError:
        raise BadScript("the script holds half a character") from None


def _value(said: bytes) -> Any:
    kind, rest = said[:1], said[1:]
    if kind == b"u":
        return UNDEFINED
    if kind == b"v":
        try:
            return orjson.loads(rest)
        except orjson.JSONDecodeError:
            raise ScriptError("its value cannot be handed out as JSON") from None
    failure = orjson.loads(rest)
    raise (BadScript if failure["syntax"] else ScriptError)(failure["message"], failure["line"])
