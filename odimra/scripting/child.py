"""The process that scripts run in: ``python child.py DESCRIPTOR MEMORY STACK LEVEL PARENT ROOT``.

It is started with nothing but a socket, takes one run after the other from it, and is killed when a
run takes too long. Of the package it imports a few pure modules only: all of it would take its
time at each start.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import quickjs

if __name__ == "__main__":
    # Isolated, it does not know where the package is.
    sys.path.insert(0, sys.argv[6])

from odimra.records.own import OwnRecord

#: Lines in front of the prelude, so that those of a script can be told from its own.
OFFSET = 100_000
#: Scripts after which a context is made anew, whatever they have left.
RUNS = 5_000
#: Contexts that are kept: one for each script and whom it runs for.
CONTEXTS = 16
#: What a script may leave for the collector of its context, in bytes.
LEFT = 1024 * 1024
#: Runs after which that is looked at, and runs that are looked at at once, in seconds: who leaves
#: much has needed time for it.
LOOK_RUNS, LOOK_SECONDS = 64, 0.001
#: Lines that one run may log.
LINES = 1_000
#: What the interpreter itself takes of addresses beside the scripts' memory, in bytes.
ROOM = 768 * 1024 * 1024
LEVELS = ("trace", "debug", "info", "warn", "error")
LENGTH = struct.Struct("!I")


class Link:
    """Frames over the socket: a length of four bytes, a letter, and the rest."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._later: deque[tuple[bytes, list[bytes]]] = deque()

    def send(self, kind: bytes, *parts: bytes) -> None:
        """Send a frame of parts, each with its length before it."""
        body = b"".join([kind, *(LENGTH.pack(len(part)) + part for part in parts)])
        self._connection.sendall(LENGTH.pack(len(body)) + body)

    def answer(self) -> bytes:
        """Return the answer to a call; runs that came before it have to wait."""
        while True:
            kind, parts = self._frame()
            if kind == b"A":
                return parts[0]
            self._later.append((kind, parts))

    def receive(self) -> tuple[bytes, list[bytes]]:
        """Return the next frame. Raises EOFError."""
        return self._later.popleft() if self._later else self._frame()

    def _frame(self) -> tuple[bytes, list[bytes]]:
        body = self._take(LENGTH.unpack(self._take(4))[0])
        parts, at = [], 1
        while at < len(body):
            (size,) = LENGTH.unpack_from(body, at)
            parts.append(body[at + 4 : at + 4 + size])
            at += 4 + size
        return body[:1], parts

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            got = self._connection.recv(max(65536, count - len(self._buffer)))
            if not got:
                raise EOFError
            self._buffer += got
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


@cache
def prelude() -> str:
    """Return what each context starts with; read once, before there is any script."""
    return Path(__file__).with_name("prelude.js").read_text("utf-8").rstrip()


class Engine:
    """A context with the prelude in it."""

    def __init__(self, link: Link, memory: int, stack: int, level: int) -> None:
        self._link = link
        self._level = level
        self._lines = 0
        self._took = 0.0
        self._open = True
        self._context = quickjs.Context()
        self._context.set_memory_limit(memory)
        self._context.set_max_stack_size(stack)
        # The engine calls whatever it is given with as many arguments as the script has.
        self._context.add_callable("$call", self._call)
        self._context.add_callable("$say", self._say)
        text = f"({chr(10) * OFFSET}{prelude()})($call, $say, {OFFSET})"
        # Taken away first: the prelude has them, nobody else shall.
        self._run = self._context.eval(
            f"(function () {{ const $c = globalThis.$call, $s = globalThis.$say;"
            f" delete globalThis.$call; delete globalThis.$say;"
            f" return (function ($call, $say) {{ return {text} }})($c, $s); }})()"
        )
        self.runs = 0
        self._own: OwnRecord | None = None
        self._least = self._taken()

    def _call(self, name: str, arguments: str) -> str:
        # Whatever is wrong becomes an exception in the script: one raised here would break out of
        # it in ways that the script could not catch.
        if not self._open:
            return '{"error": {"code": 400}, "message": "the script has ended"}'
        try:
            if self._own is not None:
                answer = self._own.call(name, arguments)
                if answer is not None:
                    return answer
                # From here on the worker has the record as it is.
                own, self._own = self._own, None
                if own.changed:
                    self._link.send(b"P", *own.told())
            self._link.send(b"C", name.encode(), arguments.encode())
            return self._link.answer().decode()
        except EOFError:
            os._exit(0)
        except UnicodeError:
            return '{"error": {"code": 400}, "message": "the arguments are no text"}'

    def _say(self, level: str, text: str) -> None:
        if LEVELS.index(level) < self._level or self._lines > LINES:
            return
        self._lines += 1
        if self._lines > LINES:
            level, text = "warn", f"a script has logged {LINES} lines: the rest is left out"
        with suppress(UnicodeError):
            self._link.send(b"L", level.encode(), text[:2000].encode("utf-8", "replace"))

    def run(self, source: str, bindings: str, names: str, own: OwnRecord | None = None) -> str:
        """Return what the prelude says of a run."""
        self.runs += 1
        self._own = own
        self._lines, self._open = 0, True
        began = time.thread_time()
        said = str(self._run("run", source, bindings, names))
        if not said.startswith("e"):
            said = self._finish(said)
        self._took = time.thread_time() - began
        self._open = False
        return said

    def _finish(self, said: str) -> str:
        # What a script has put off is part of it: left undone it would stay for good.
        try:
            while self._context.execute_pending_job():
                pass
        except quickjs.JSException as error:
            return failed(str(error).partition("\n")[0])
        return str(self._run("settled", "", "", "")) if said == "p" else said

    def told(self) -> tuple[bytes, ...]:
        """Return what the last run did to its own record, as far as nobody knows yet."""
        own, self._own = self._own, None
        return own.told() if own is not None and own.changed else ()

    def check(self, source: str) -> str:
        """Return what the prelude says of a script that is not run."""
        return str(self._run("check", source, "", ""))

    def clean(self) -> bool:
        """Take away what the last script has left; False if that is not possible."""
        if self.runs >= RUNS or self._run("clean", "", "", "") is not True:
            return False
        try:
            if self._context.execute_pending_job():
                return False  # of a script that has failed; there may be more
        except quickjs.JSException:
            return False
        if self._took > LOOK_SECONDS or self.runs % LOOK_RUNS == 0:
            if self._taken() - self._least > LEFT:
                self._context.gc()
            return self._taken() - self._least <= LEFT
        return True

    def _taken(self) -> int:
        return int(self._context.memory()["malloc_size"])


def failed(message: str) -> str:
    """Return what the prelude would say of that failure."""
    return "e" + json.dumps({"message": message, "line": None, "syntax": False})


def serve(link: Link, make: Callable[[], Engine]) -> None:
    """Take one run after the other."""
    # A context is for one script of one owner: whatever a script finds a way to leave in it, it
    # never comes to act with the rights of another.
    engines: dict[tuple[str, ...], Engine] = {}
    spare: Engine | None = make()
    link.send(b"R")
    while True:
        kind, parts = link.receive()
        source, *rest = (part.decode() for part in parts)
        key = () if kind == b"K" else (source, rest[2])
        engine = engines.pop(key, None) or spare or make()
        if engine is spare:
            spare = None
        try:
            told: tuple[bytes, ...] = ()
            if kind == b"K":
                said = engine.check(source)
            else:
                bindings, names, _, path, full, limit = rest
                own = OwnRecord(path, full.encode(), int(limit)) if path else None
                said = engine.run(source, bindings, names, own)
                told = engine.told()
            usable = engine.clean()
        except (quickjs.JSException, MemoryError) as error:
            # Out of memory, within the prelude or in handing over: the context is used up.
            said, usable, told = failed(f"the script cannot go on: {str(error)[:300]}"), False, ()
        link.send(b"D", said.encode("utf-8", "replace"), *told)
        if usable:
            engines[key] = engine
        if len(engines) > CONTEXTS:
            del engines[next(iter(engines))]
            usable = False
        if not usable:
            del engine
            gc.collect()  # a context and what it calls know each other
        spare = spare or make()


def limit(memory: int) -> None:
    """Take from this process what a script has no need of."""
    if sys.platform == "linux":
        # With its parent goes this process, too, even within a script that never ends.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
        resource.setrlimit(resource.RLIMIT_AS, (memory + ROOM, memory + ROOM))
    for nothing in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        resource.setrlimit(nothing, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))


def main(descriptor: str, memory: str, stack: str, level: str, parent: str, root: str = "") -> None:
    """Serve until the other end is closed."""
    connection = socket.socket(fileno=int(descriptor))
    limit(int(memory))
    if os.getppid() != int(parent):
        return  # it died before its death could be arranged to be this one's
    link = Link(connection)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(link, lambda: Engine(link, int(memory), int(stack), int(level)))


if __name__ == "__main__":
    # A signal for the whole group is for the parent to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(*sys.argv[1:])
