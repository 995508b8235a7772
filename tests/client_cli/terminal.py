"""A terminal, and a command before it that takes it for a person's."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import time
from types import TracebackType

from tests.client_cli.conftest import PATIENCE, Desk

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command before a terminal of 120 columns, ended when the block is left."""

    def __init__(self, desk: Desk, *arguments: str) -> None:
        self._desk = desk
        self._arguments = arguments
        self._raw = b""
        self._seen = 0
        self.code = -1

    @property
    def drawn(self) -> str:
        """What it has drawn so far, without colours and movements."""
        return CODES.sub("", self._raw.decode("utf-8", "replace"))

    def __enter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        mine = Desk(self._desk.home, self._desk.url)
        mine.env = {**self._desk.env, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"}
        self._command = mine.start(
            *self._arguments, stdin=slave, stdout=slave, stderr=slave, text=False
        )
        os.close(slave)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._command.kill()
        with contextlib.suppress(OSError):  # Linux says EIO when the last writer has gone
            while self._read():
                pass
        os.close(self._master)
        self.code = self._command.wait(30)

    def expect(self, text: str) -> None:
        """Wait until it draws `text`, behind what was expected before."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.drawn.find(text, self._seen)) < 0:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._master], [], [], max(0, left))
            assert ready, (text, self.drawn)
            self._read()
        self._seen = at + len(text)

    def say(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, text.encode() + b"\n")

    def _read(self) -> bool:
        part = os.read(self._master, 65536)
        self._raw += part
        return bool(part)


def drawn(desk: Desk, *arguments: str) -> tuple[int, str]:
    """Run a command before a terminal to its end; return its exit code and what it drew."""
    with Terminal(desk, *arguments) as terminal:
        pass
    return terminal.code, terminal.drawn
