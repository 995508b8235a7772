"""An event subscriber on a real socket: keeps what is posted to it, in order.

Standard library only, in threads of its own, so that it goes on whatever the test waits for.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Between two bursts of deliveries nobody may be turned away.
    request_queue_size = 128


class Listener:
    """Listens inside the `with` block on `url`; `answer` says with which status, 204 by default."""

    def __init__(self, answer: Callable[[], int] = lambda: 204) -> None:
        self.answer = answer
        self.payloads: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._kept = threading.Lock()

    def __enter__(self) -> Listener:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                # Kept before it is acknowledged, and in the order of arrival.
                status = listener._take(json.loads(content), dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Print nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/events"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, payload: dict[str, Any], headers: dict[str, str]) -> int:
        with self._kept:
            status = self.answer()
            if status < 300:
                self.payloads.append(payload)
                self.headers.append(headers)
            return status

    def records(self) -> list[dict[str, Any]]:
        """Return the events that were taken so far, in order, those that came twice too."""
        with self._kept:
            return [record for payload in self.payloads for record in payload["Events"]]

    def heard(self) -> list[str]:
        """Return the keys of their messages."""
        return [record["MessageId"].rpartition(".")[2] for record in self.records()]
