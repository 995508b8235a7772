"""A reader of server-sent events that comes back whenever its connection breaks, as browsers do.

It asks to go on behind the last message that it has read whole (HTML Living Standard, 9.2.6).
"""

from __future__ import annotations

import json
import threading
import time
from http.client import HTTPException
from types import TracebackType
from typing import Any

from tests.support.http import Client, Stream


class Follower:
    """Reads the stream at `path` inside the `with` block, in a thread of its own."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path
        self._stop = threading.Event()
        self._opened = threading.Event()
        self._heard: list[dict[str, Any]] = []
        #: Id of the first message: it hears of all that is behind it.
        self.start = ""
        self.connections = 0
        self._last = ""

    def __enter__(self) -> Follower:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._opened.wait(20), "the stream did not open"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        # It notices at the next message or keep-alive, and is of no more interest.

    def records(self) -> list[dict[str, Any]]:
        """Return the events so far, in order, those that came twice too."""
        return list(self._heard)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                again = {"Last_Event_ID": self._last} if self._last else {}
                stream = self._client.stream(self._path, **again)
                self.connections += 1
                self._read(stream)
                stream.close()
            except (OSError, HTTPException, AssertionError):
                # Whoever served it was killed, or has not come back yet.
                time.sleep(0.1)

    def _read(self, stream: Stream) -> None:
        data = message_id = ""
        while not self._stop.is_set() and (line := stream.response.readline().decode()):
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "id":
                message_id = value
            elif name == "data":
                data += value
            elif line == "\n":
                if data:
                    self._heard += json.loads(data)["Events"]
                # Only now: of a message that was cut off nothing counts.
                self._last = message_id or self._last
                self.start = self.start or self._last
                self._opened.set()
                data = ""
