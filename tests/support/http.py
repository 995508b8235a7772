"""A small synchronous HTTP client that shows the raw answer: status, headers, body.

Standard library only, so that the conformance run and the benchmarks need nothing installed. It
follows no redirect, retries nothing and hides no status: the tests judge those.
"""

from __future__ import annotations

import base64
import json
import ssl
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `body` is the decoded JSON, or None where there is none."""

    status: int
    headers: HTTPMessage
    content: bytes
    body: Any = None

    def allow(self) -> set[str]:
        """Return the methods that the Allow header lists."""
        return {name.strip() for name in self.headers.get("Allow", "").split(",") if name.strip()}

    def message_ids(self) -> list[str]:
        """Return the MessageIds of the error in the body, none when it is no error."""
        error = self.body.get("error", {}) if isinstance(self.body, dict) else {}
        return [entry["MessageId"] for entry in error.get("@Message.ExtendedInfo", [])]


@dataclass
class Stream:
    """Server-sent events as they come."""

    connection: HTTPConnection
    response: HTTPResponse
    last_id: str = ""

    def next(self) -> Any:
        """Wait for the next message and return its payload; None when the stream has ended.

        Raises TimeoutError when nothing at all comes for as long as the client waits.
        """
        data = ""
        while line := self.response.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "id":
                self.last_id = value
            elif name == "data":
                data += value
            elif not line.strip() and data:
                return json.loads(data)
        return None

    def keys(self, last: str) -> list[str]:
        """Return the keys of all messages up to the first that is `last`, or to the end."""
        found: list[str] = []
        while last not in found and (payload := self.next()) is not None:
            found += [one["MessageId"].rpartition(".")[2] for one in payload["Events"]]
        return found

    def close(self) -> None:
        """Close the connection."""
        self.response.close()
        self.connection.close()


@dataclass
class Client:
    """Speaks to one service as one user, over a kept connection.

    `address` is the scheme, host and port; `ca_file` the certificate to trust. Set `token` to send
    X-Auth-Token, `basic` for HTTP Basic; neither means an unauthenticated request.
    """

    address: str
    ca_file: str | None = None
    token: str | None = None
    basic: tuple[str, str] | None = None
    timeout: float = 30.0
    session_uri: str | None = None
    _connection: HTTPConnection | None = field(default=None, repr=False)

    def login(self, user: str, password: str) -> Client:
        """Create a session and use its token from now on.

        Raises AssertionError when it is refused.
        """
        answer = self.post(
            "/redfish/v1/SessionService/Sessions", {"UserName": user, "Password": password}
        )
        assert answer.status == 201, (answer.status, answer.body)
        self.token = answer.headers["X-Auth-Token"]
        self.session_uri = answer.headers["Location"]
        return self

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request and read the whole answer.

        Raises OSError when there is nobody to answer.
        """
        sent = {"Accept": "application/json", **(headers or {})}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        if self.token is not None:
            sent.setdefault("X-Auth-Token", self.token)
        if self.basic is not None:
            pair = base64.b64encode(":".join(self.basic).encode()).decode()
            sent.setdefault("Authorization", f"Basic {pair}")
        reused = self._connection is not None
        try:
            response, content = self._exchange(method, path, data, sent)
        except OSError:
            # A kept connection that the service has closed meanwhile says nothing about the
            # request; a fresh one does.
            self.close()
            if not reused or method not in ("GET", "HEAD"):
                raise
            response, content = self._exchange(method, path, data, sent)
        is_json = "json" in response.headers.get("Content-Type", "")
        decoded = json.loads(content) if content and is_json else None
        return Answer(response.status, response.headers, content, decoded)

    def get(self, path: str, **headers: str) -> Answer:
        """GET `path`; keyword arguments become headers, with `_` for `-`."""
        return self.request("GET", path, None, _dashed(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """POST `body` as JSON."""
        return self.request("POST", path, {} if body is None else body, _dashed(headers))

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        """PATCH with `body` as JSON."""
        return self.request("PATCH", path, body, _dashed(headers))

    def delete(self, path: str) -> Answer:
        """DELETE `path`."""
        return self.request("DELETE", path)

    def stream(self, path: str, **headers: str) -> Stream:
        """GET `path` on a connection of its own and leave the answer open.

        Raises AssertionError when it is refused.
        """
        one = Client(self.address, self.ca_file, timeout=self.timeout)
        connection = one._connect()
        sent = {"Accept": "text/event-stream", **_dashed(headers)}
        if self.token is not None:
            sent["X-Auth-Token"] = self.token
        connection.request("GET", path, None, sent)
        response = connection.getresponse()
        assert response.status == 200, (response.status, response.read())
        return Stream(connection, response)

    def close(self) -> None:
        """Close the kept connection, if any."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[HTTPResponse, bytes]:
        connection = self._connect()
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        return response, response.read()

    def _connect(self) -> HTTPConnection:
        if self._connection is None:
            parts = urlsplit(self.address)
            host, port = parts.hostname or "", parts.port
            if parts.scheme == "https":
                context = ssl.create_default_context(cafile=self.ca_file)
                self._connection = HTTPSConnection(
                    host, port, timeout=self.timeout, context=context
                )
            else:
                self._connection = HTTPConnection(host, port, timeout=self.timeout)
        return self._connection


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
