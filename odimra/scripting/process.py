"""One process that runs scripts, from the side of those who want one run.

It is asked for one run after the other over its socket, and answers the calls of its script through
:data:`Host`; see :mod:`.child` for the other side. Used by :mod:`.pool`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from odimra.scripting.errors import (
    HostError,
    ScriptError,
    ScriptKilled,
    ScriptTimeout,
)

log = logging.getLogger("odimra.scripts")


@dataclass(frozen=True, slots=True)
class OwnCopy:
    """The record that a script is about, which it may patch without asking.

    ``path`` is its type and id, ``full`` the JSON of it with ``_id`` and ``_rev``, ``limit`` the
    longest that its content may become, in bytes. ``take`` is told what was done, always before
    the host is asked for anything else: operations, the content that they came to, steps.
    """

    path: str
    full: bytes
    limit: int
    take: Callable[[list[Any], dict[str, Any], int], None]


#: Answers what a script has called: (name, arguments) to a JSON value. Raises :class:`HostError`.
Host = Callable[[str, Sequence[Any]], Awaitable[Any]]

CHILD = Path(__file__).with_name("child.py")
#: Where the package lies, for a process that knows nothing of it.
ROOT = Path(__file__).parents[2]
LENGTH = struct.Struct("!I")
LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


@dataclass(frozen=True, slots=True)
class ScriptOptions:
    """How many processes there are, and what each of them may take.

    ``memory`` (of the scripts, in bytes) and ``stack`` (bytes) of a process; ``longest`` is the
    longest frame that a script may send, in bytes: its value, or the arguments of a call.
    ``calls`` is how many calls one run may make. A process must be there within ``start`` seconds.
    """

    processes: int = 2
    memory: int = 64 * 1024 * 1024
    stack: int = 256 * 1024
    longest: int = 4 * 1024 * 1024
    calls: int = 10_000
    start: float = 30.0


class NotBegun(Exception):
    """The process has ended before the run began."""


@dataclass(slots=True, eq=False)
class Run:
    """One run: what is asked, and what has come of it so far."""

    kind: bytes
    parts: Sequence[bytes]
    host: Host
    timeout: float
    own: OwnCopy | None = None
    frames: deque[bytes] = field(default_factory=deque)
    waiting: asyncio.Future[None] | None = None
    done: bool = False
    #: Whether it has called or logged anything.
    heard: bool = False
    #: Nobody waits for it any more.
    abandoned: bool = False

    def wake(self) -> None:
        """Have who waits for it look."""
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)


async def nothing(name: str, arguments: Sequence[Any]) -> Any:
    """Answer no call: there is no such function."""
    raise HostError(f"{name} is not there")


class Process(asyncio.Protocol):
    """One process, and the runs that it was asked for: it does them one after the other.

    The next ones lie ready in its socket while one runs, so that it need not wait for them.
    """

    def __init__(self, options: ScriptOptions) -> None:
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._unsent: list[bytes] = []
        self._runs: deque[Run] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._error: ScriptError | None = None
        #: The run that it was at when it ended.
        self._lost: Run | None = None

    @property
    def pid(self) -> int | None:
        """The process, None before it was started and after it has ended."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process is not None else None

    @property
    def alive(self) -> bool:
        """Whether it can be asked for something."""
        return self._error is None

    @property
    def load(self) -> int:
        """How many runs it has to do."""
        return len(self._runs)

    # Life

    async def start(self) -> None:
        """Start the process. Raises :class:`ScriptKilled`."""
        ours, theirs = socket.socketpair()
        given = (
            theirs.fileno(),
            self._options.memory,
            self._options.stack,
            _level(),
            os.getpid(),
            ROOT,
        )
        try:
            with theirs:
                ours.setblocking(False)
                self._process = await asyncio.create_subprocess_exec(
                    # Isolated: no folder of the service's, no variable of its environment.
                    *(sys.executable, "-I", str(CHILD), *map(str, given)),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env={"LANG": "C.UTF-8"},
                    cwd="/",
                )
        except OSError as error:
            ours.close()
            raise ScriptKilled(f"no process for scripts: {error.strerror}") from error
        except BaseException:
            ours.close()
            raise
        loop = asyncio.get_running_loop()
        # What it says first is that it is there.
        ready = Run(b"", (), nothing, self._options.start)
        self._runs.append(ready)
        self._transport, _ = await loop.create_connection(lambda: self, sock=ours)
        self._start_clock()
        await self._next(ready)
        self._done(ready)

    async def end(self) -> None:
        """End the process, whatever it is doing."""
        self._lose(ScriptKilled("the script was stopped"))
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def _lose(self, error: ScriptError) -> None:
        """Give the process up, and with it the run that it is at."""
        if self._error is None:
            self._error = error
            self._lost = self._runs[0] if self._runs else None
        self._stop_clock()
        if self._transport is not None:
            self._transport.abort()
        for run in self._runs:
            run.wake()

    # Runs

    async def ask(self, run: Run) -> bytes:
        """Have something run and return what is said of it. Raises :class:`NotBegun`."""
        if self._error is not None:
            raise NotBegun
        calls = 0
        self._runs.append(run)
        if len(self._runs) == 1:
            self._start_clock()
        try:
            self._send(run.kind, *run.parts)
            while True:
                body = await self._next(run)
                if body[:1] == b"D":
                    said, *told = _parts(body)
                    self._take(run, told)
                    return said
                if body[:1] == b"P":
                    self._take(run, _parts(body))
                    continue
                # The host's time is not the script's.
                self._stop_clock()
                calls += 1
                if calls > self._options.calls:
                    raise ScriptError(f"it made more than {self._options.calls} calls")
                name, arguments = _parts(body)
                self._send(b"A", await _answer(run.host, name.decode(), arguments))
                self._start_clock()
        except NotBegun:
            raise
        except BaseException:
            if self._runs and self._runs[0] is not run and self._error is None:
                # It cannot be called back; when its turn comes, its process ends.
                run.abandoned = True
            else:
                # Stopped halfway: what it would still say belongs to nobody.
                self._lose(ScriptKilled("the script was stopped"))
            raise
        finally:
            if not run.abandoned:
                self._done(run)

    @staticmethod
    def _take(run: Run, told: Sequence[bytes]) -> None:
        if told and run.own is not None:
            operations, content, steps = map(orjson.loads, told)
            run.own.take(operations, content, steps)

    def _done(self, run: Run) -> None:
        if run.done:
            return
        run.done = True
        at_it = self._runs[0] is run
        self._runs.remove(run)
        if at_it:
            self._stop_clock()
            if self._runs and self._runs[0].abandoned:
                self._lose(ScriptKilled("the script was stopped"))
            elif self._runs and self._error is None:
                self._start_clock()

    async def _next(self, run: Run) -> bytes:
        """Return the next frame of a run. Raises what ended the process, or :class:`NotBegun`."""
        while not run.frames:
            if self._error is not None:
                if self._lost is not run:
                    raise NotBegun
                raise self._error
            run.waiting = asyncio.get_running_loop().create_future()
            try:
                await run.waiting
            finally:
                run.waiting = None
        return run.frames.popleft()

    def _start_clock(self) -> None:
        """Let the time of the run count that the process is at."""
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        self._timer = loop.call_later(max(self._runs[0].timeout, 0), self._too_long)

    def _stop_clock(self) -> None:
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        if self._runs:
            self._runs[0].timeout -= asyncio.get_running_loop().time() - self._since

    def _too_long(self) -> None:
        self._lose(ScriptTimeout("the script took too long and was stopped"))

    def _send(self, kind: bytes, *parts: bytes) -> None:
        body = b"".join([kind, *(LENGTH.pack(len(part)) + part for part in parts)])
        if self._error is not None:
            raise self._error
        if not self._unsent:
            # What others ask for in this turn of the loop goes with it.
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent += (LENGTH.pack(len(body)), body)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None and self._error is None:
            self._transport.write(b"".join(unsent))

    # What the process says

    def connection_lost(self, error: Exception | None) -> None:
        """Take note that the process has ended."""
        self._lose(ScriptKilled("the process of the script has ended"))

    def data_received(self, data: bytes) -> None:
        """Take apart what has come."""
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= 4:
            (size,) = LENGTH.unpack_from(buffer, at)
            if size > self._options.longest:
                self._lose(ScriptError(f"it said more than {self._options.longest} bytes at once"))
                return
            if len(buffer) - at - 4 < size:
                break
            self._frame(bytes(buffer[at + 4 : at + 4 + size]))
            at += 4 + size
        del buffer[:at]

    def _frame(self, body: bytes) -> None:
        if self._runs:
            self._runs[0].heard = True
        if body[:1] == b"L":
            level, text = (part.decode("utf-8", "replace") for part in _parts(body))
            log.log(LEVELS.get(level, logging.INFO), "%s", text)
        elif self._runs:
            run = self._runs[0]
            run.frames.append(body)
            run.wake()
            if body[:1] == b"D":
                # It is at the next one already, whether or not the caller has looked.
                self._done(run)


def _parts(body: bytes) -> list[bytes]:
    parts, at = [], 1
    while at < len(body):
        (size,) = LENGTH.unpack_from(body, at)
        parts.append(body[at + 4 : at + 4 + size])
        at += 4 + size
    return parts


async def _answer(host: Host, name: str, arguments: bytes) -> bytes:
    try:
        return orjson.dumps({"value": await host(name, orjson.loads(arguments))})
    except HostError as error:
        return orjson.dumps({"error": dict(error.detail), "message": str(error)})
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return b'{"error":{"code":400},"message":"the arguments are no JSON"}'
    except Exception:  # what the host is made of is no business of the script's
        log.exception("a script's call of %s broke", name)
        return b'{"error":{"code":500},"message":"the call has failed"}'


def _level() -> int:
    """Return the first of the child's levels that is logged."""
    wanted = log.getEffectiveLevel()
    return next((n for n, level in enumerate(LEVELS.values()) if level >= wanted), len(LEVELS))
