"""One connection that reads server-sent events: what is written to it, and how it ends.

Writes straight to the transport, whose own buffer is the queue: to look at its size costs less than
a queue and a task for each of a thousand connections, and bounds memory as well. Called by
:mod:`.feed`; knows no store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from odimra.events.model import Rendered, Subscription
from odimra.events.payload import FRAME, LONGEST, around, cut
from odimra.events.streams import Place, id_of

#: How long what was written last may take to leave before the connection is cut, in seconds.
GRACE = 5.0
#: The end of a body in chunks (RFC 9112 7.1).
LAST_CHUNK = b"0\r\n\r\n"

Wanted = Callable[[Rendered], bool]


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the stream, but for the Context, which differs between its readers."""

    before: bytes
    behind: bytes
    through: str

    def chunk(self, context: bytes) -> bytes:
        """Return it for a reader, as a chunk."""
        size = len(self.before) + len(context) + len(self.behind)
        return b"%x\r\n%b%b%b\r\n" % (size, self.before, context, self.behind)

    def plain(self, context: bytes) -> bytes:
        """Return it for a reader whose HTTP knows no chunks."""
        return self.before + context + self.behind


def message(records: Sequence[bytes], message_id: str) -> Message:
    """Return the message whose payload is one Event of ``records``."""
    before, behind = around(records, message_id)
    return Message(
        b"id: %b\ndata: %b" % (message_id.encode(), before), b"%b\n\n" % behind, message_id
    )


def messages(events: Iterable[tuple[str, Rendered | None]], most: int) -> list[Message]:
    """Return as few messages as hold the events that are not None (DSP0266: each within 1 MiB)."""
    return [
        message(records, through)
        for records, through in cut(events, LONGEST - FRAME, most)
        if records
    ]


class Reader:
    """A connection. ``cursor`` is the place up to which it has been told of all it wants."""

    def __init__(
        self,
        record: Subscription,
        born: Place,
        transport: asyncio.Transport,
        *,
        chunked: bool,
        bound: int,
        filter_key: str = "",
        wanted: Wanted | None = None,
        resume: Place | None = None,
    ) -> None:
        """``born`` is the place of the event that told of its EventDestination.

        ``bound`` is how many bytes may wait for a slow reader. ``resume`` is the place behind which
        it wants to go on; readers with the same ``filter_key`` have the same ``wanted``.
        """
        self.id = record.id
        self.owner = record.owner
        self.sees_all = False
        self.filter_key = filter_key
        self.wanted = wanted
        self.born = born
        self.resume = resume
        self.cursor = born
        self.ended = asyncio.Event()
        #: When something was written last, in ms since the epoch.
        self.wrote = 0
        self._context = b'"%b"' % record.context.encode()
        self._transport = transport
        self._chunked = chunked
        self._bound = bound
        #: The id of what was written last.
        self._told = ""
        self._cut: asyncio.TimerHandle | None = None

    @property
    def slow(self) -> bool:
        """Whether more waits for it than may."""
        return self._transport.get_write_buffer_size() > self._bound

    def send(self, found: Iterable[Message], now: int) -> bool:
        """Write messages; False when it is too slow for that, or is gone."""
        if self._gone():
            return False
        for one in found:
            if self.slow:
                return False
            self._write(one)
            self._told = one.through
            self.wrote = now
        return True

    def comment(self, word: str, now: int) -> bool:
        """Write a comment, and how far the stream is where nothing of that was wanted."""
        if self._gone() or self.slow:
            return False
        text, through = f": {word}\n", id_of(self.cursor)
        if through != self._told:
            # An id without data is no event; it is what a client asks to go on behind.
            text += f"id: {through}\n"
            self._told = through
        made = f"{text}\n".encode()
        self._transport.write(b"%x\r\n%b\r\n" % (len(made), made) if self._chunked else made)
        self.wrote = now
        return True

    def _gone(self) -> bool:
        if not self.ended.is_set() and self._transport.is_closing():
            self._end()
        return self.ended.is_set()

    def _write(self, one: Message) -> None:
        make = one.chunk if self._chunked else one.plain
        self._transport.write(make(self._context))

    def finish(self, *last: Rendered) -> None:
        """End it, with the events ``last`` if there are any; what was written may still leave."""
        if self._gone():
            return
        if last:
            # Not the id of an entry: who comes back goes on behind what it was told of before.
            records = [event.at(number) for number, event in enumerate(last)]
            self._write(message(records, f"{self._told.partition('.')[0]}.end"))
        if self._chunked:
            self._transport.write(LAST_CHUNK)
        self._transport.close()
        self._end()

    def _end(self) -> None:
        self.ended.set()
        # A connection that is being closed is open until all was read.
        self._cut = asyncio.get_running_loop().call_later(GRACE, self._transport.abort)

    def lost(self) -> None:
        """Hear that the connection is no more."""
        self.ended.set()
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None
