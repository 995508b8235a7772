"""One API or worker process: the other end of the supervisor.

Started as ``python -m odimra _child`` by the supervisor, which writes the order as one JSON line to
the standard input and keeps that pipe open for as long as it lives. Imports the composition root by
name only, so that a test can put something else in its place.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import uvloop

from odimra import logs, measures
from odimra.config import Settings, from_document, to_document
from odimra.lifeline import exit_with_pipe

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import BinaryIO

    Entry = Callable[[Settings, str], Coroutine[Any, Any, None]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What a child is to be: ``entry`` is ``module:coroutine``, called with settings and URL."""

    name: str
    entry: str
    store_url: str
    settings: Settings

    def line(self) -> bytes:
        """Return the order as the line that the child reads. It holds secrets of the settings."""
        document = {
            "name": self.name,
            "entry": self.entry,
            "store_url": self.store_url,
            "settings": to_document(self.settings),
        }
        return json.dumps(document).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Order:
        """Return the order of a line."""
        document = json.loads(line)
        settings = from_document(document.pop("settings"))
        return cls(settings=settings, **document)


def run(pipe: BinaryIO) -> int:
    """Do what the order in ``pipe`` says until SIGTERM; return the exit code.

    SIGTERM cancels the entry's coroutine once: it drains and cleans up while the
    ``asyncio.CancelledError`` travels, unless it handles the signal itself. The end of the pipe, so
    the parent's death, ends the process at once.
    """
    order = Order.parse(pipe.readline())
    exit_with_pipe(pipe)
    logs.configure(order.settings.log, order.name)
    measures.process = order.name
    # The supervisor decides when to stop, not the terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_told(order))
    except asyncio.CancelledError:
        return 0
    except Exception:
        # The last line of a process: whatever it was, it is written down.
        logger.exception("%s ended by an error", order.name)
        return 1
    return 0


async def _until_told(order: Order) -> None:
    module, _, name = order.entry.partition(":")
    entry = cast("Entry", getattr(importlib.import_module(module), name))
    # What was imported stays for good: the collector need not walk through it again and again.
    gc.freeze()
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(entry(order.settings, order.store_url))

    def tell() -> None:
        loop.remove_signal_handler(signal.SIGTERM)
        # Once: what follows must not interrupt the drain.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        work.cancel()

    # Before the first step of the entry, which may put a handler of its own in this place.
    loop.add_signal_handler(signal.SIGTERM, tell)
    await work
