"""A client's desk: the emulated machines behind the real frame, with an account that may do all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp.test_utils import TestClient

from odimra.tasks import Task
from tests.emulation.stage import Stage


@dataclass
class Desk:
    client: TestClient[Any, Any]
    stage: Stage

    async def ask(
        self,
        method: str,
        uri: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """Return status, body and headers."""
        given = {"X-Auth-Token": "token", **(headers or {})}
        response = await self.client.request(method, uri, json=body, headers=given)
        content = await response.json() if response.content_type == "application/json" else {}
        return response.status, content, response.headers

    async def get(self, uri: str) -> dict[str, Any]:
        status, body, _ = await self.ask("GET", uri)
        assert status == 200, (uri, body)
        return body

    async def etag(self, uri: str) -> str:
        _, body, headers = await self.ask("GET", uri)
        assert headers["ETag"] == body["@odata.etag"]
        return headers["ETag"]

    async def patch(self, uri: str, body: object, if_match: str | None = None) -> dict[str, Any]:
        headers = {"If-Match": if_match} if if_match else {}
        status, shown, _ = await self.ask("PATCH", uri, body, headers)
        assert status == 200, shown
        return shown

    async def started(self, uri: str, body: object) -> Task:
        """POST an action that becomes a task, and return the task."""
        status, shown, headers = await self.ask("POST", uri, body)
        assert status == 202, shown
        assert headers["Location"] == f"/taskmon/{shown['Id']}"
        assert int(headers["Retry-After"]) >= 1
        return await self.stage.get(shown["Id"])

    async def refused(
        self,
        method: str,
        uri: str,
        body: object = None,
        *,
        status: int,
        names: str | None = None,
        retry_after: str | None = None,
        if_match: str | None = None,
    ) -> list[str]:
        """Send what must be refused and return the keys of the messages."""
        headers = {"If-Match": if_match} if if_match else {}
        got, shown, answer = await self.ask(method, uri, body, headers)
        assert got == status, shown
        messages = shown["error"]["@Message.ExtendedInfo"]
        if names is not None:
            assert any(names in message.get("MessageArgs", ()) for message in messages), messages
            pointers = [one for message in messages for one in message["RelatedProperties"]]
            assert f"/{names}" in pointers
        if retry_after is not None:
            assert answer["Retry-After"] == retry_after
        return [message["MessageId"].rpartition(".")[2] for message in messages]

    async def count_tasks(self) -> int:
        return await self.stage.tasks.count(self.stage.tasks.index())


MakeDesk = Callable[..., Awaitable[Desk]]
