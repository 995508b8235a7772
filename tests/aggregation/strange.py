"""A BMC that answers what a test says, one answer after the other; the last one for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes import FakeClock

SESSIONS = "/redfish/v1/SessionService/Sessions"
TASK = "/redfish/v1/TaskService/Tasks/7"
MONITOR = "/redfish/v1/TaskService/TaskMonitors/7"
RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"


class QuickClock(FakeClock):
    """A clock of which whoever sleeps is awake at once, and so much later."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += round(seconds * 1000)
        await asyncio.sleep(0)


@dataclass
class Say:
    """An answer; ``drop`` breaks the connection off instead, ``wait`` seconds pass before."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    wait: float = 0


@dataclass
class Heard:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


class StrangeBmc:
    """Answers by the book unless it was told something else."""

    user, password = "root", "calvin-9"

    def __init__(self) -> None:
        self.says: dict[tuple[str, str], list[Say]] = {}
        self.heard: list[Heard] = []
        self.tokens: set[str] = set()
        self.logins = 0
        self.sessions = True

    def say(self, method: str, path: str, *answers: Say) -> None:
        self.says[method, path] = list(answers)

    def asked(self, method: str, path: str) -> int:
        return sum((one.method, one.path) == (method, path) for one in self.heard)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw) if raw else None
        self.heard.append(Heard(request.method, request.path, dict(request.headers), body))
        answers = self.says.get((request.method, request.path))
        if answers:
            say = answers.pop(0) if len(answers) > 1 else answers[0]
            if say.wait:
                await asyncio.sleep(say.wait)
            if say.drop:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            text = say.body if isinstance(say.body, str) else json.dumps(say.body)
            kind = {} if say.body is None else {"Content-Type": "application/json"}
            return web.Response(
                status=say.status,
                text="" if say.body is None else text,
                headers={**kind, **say.headers},
            )
        if (request.method, request.path) == ("POST", SESSIONS):
            return self._login(body)
        if not self._known(request):
            return web.Response(status=401)
        return web.json_response({"@odata.id": request.path})

    def _login(self, body: Any) -> web.Response:
        if not self.sessions:
            return web.Response(status=404)
        if body != {"UserName": self.user, "Password": self.password}:
            return web.Response(status=401)
        self.logins += 1
        token = f"token-{self.logins}"
        self.tokens.add(token)
        headers = {"X-Auth-Token": token, "Location": f"{SESSIONS}/{self.logins}"}
        return web.json_response({}, status=201, headers=headers)

    def _known(self, request: web.Request) -> bool:
        basic = "Basic cm9vdDpjYWx2aW4tOQ=="
        return (
            request.headers.get("X-Auth-Token") in self.tokens
            or request.headers.get("Authorization") == basic
        )


def task(state: str, percent: Any = None, **more: Any) -> dict[str, Any]:
    """Return a Task as a BMC shows it."""
    shown = {"@odata.id": TASK, "@odata.type": "#Task.v1_4_3.Task", "TaskState": state, **more}
    if percent is not None:
        shown["PercentComplete"] = percent
    return shown


Handler = Callable[[web.Request], Any]
