"""Server-sent events: what a stream says, line by line (WHATWG HTML, 9.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from odimra.client.errors import ServiceFailed

#: More than this on one line is no stream of ours (an Event has at most 1 MiB), in bytes.
LONGEST_LINE = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Message:
    """A message; ``id`` is where to go on after it, ``data`` is empty where nothing is told."""

    id: str
    data: str


class Reader:
    """Makes messages of bytes, however they are cut."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._id = ""

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Yield the messages that are whole with ``chunk``. Raises :class:`ServiceFailed`."""
        self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise ServiceFailed("what comes is no stream of events: a line has no end")
        for line in lines:
            message = self._line(line.rstrip(b"\r").decode("utf-8", "replace"))
            if message is not None:
                yield message

    def _line(self, line: str) -> Message | None:
        if not line:
            data, self._data = self._data, []
            identity, self._id = self._id, ""
            return Message(identity, "\n".join(data)) if data or identity else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "id":
            self._id = value
        return None  # a comment keeps the connection alive; other fields say nothing here
