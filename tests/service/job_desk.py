"""Where tests of the JobService stand: the whole Redfish face on a house that works."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from yarl import URL

from odimra.app import firing_of
from odimra.config import load
from odimra.events import Event
from odimra.faces import application
from odimra.house import House, build
from odimra.redfish.server import RedfishRunner
from tests.redfish.conftest import basic

PASSWORD = "correct horse battery"
QUICK = {"access.argon2.time_cost": 1, "access.argon2.memory_kib": 64, "emulation.time_factor": 0}
JOBS = "/redfish/v1/JobService/Jobs"
SYSTEM = "/redfish/v1/Systems/node-1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
PEOPLE = {"admin": "Administrator", "olga": "Operator", "otto": "Operator", "rita": "ReadOnly"}


def payload(target: str = RESET, verb: str = "POST", **body: Any) -> dict[str, Any]:
    return {"TargetUri": target, "HttpOperation": verb, "JsonBody": json.dumps(body)}


class Desk:
    def __init__(self, house: House, session: ClientSession, base: str) -> None:
        self.house = house
        self.session = session
        self.base = base

    async def ask(
        self, method: str, path: str, body: Any = None, who: str = "admin", **more: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        headers = {"Authorization": basic(who, PASSWORD)}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        url = URL(self.base + path, encoded=True)
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            content = await answer.json() if answer.content_length else None
            return answer.status, content, answer.headers

    async def make(self, who: str = "admin", **values: Any) -> dict[str, Any]:
        status, body, headers = await self.ask("POST", JOBS, values, who)
        assert status == 201, body
        assert headers["Location"] == body["@odata.id"]
        made: dict[str, Any] = body
        return made

    async def state(self, uri: str, *wanted: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while True:
                _, body, _ = await self.ask("GET", uri)
                if body["JobState"] in wanted:
                    found: dict[str, Any] = body
                    return found
                await asyncio.sleep(0.02)

    async def read(self, uri: str, who: str = "admin") -> dict[str, Any]:
        status, body, _ = await self.ask("GET", uri, who=who)
        assert status == 200, body
        found: dict[str, Any] = body
        return found

    async def events(self, registry: str = "JobEvent") -> list[Event]:
        """Return the events of a registry that were told, in their order."""
        store = self.house.store
        entries = await store.call("XRANGE", store.keys.events, "-", "+")
        return [one for one in map(Event.load, entries) if one.registry == registry]

    def work(self) -> None:
        self.stop = asyncio.Event()
        self.rooms = [
            asyncio.create_task(self.house.engine.work(self.stop)),
            asyncio.create_task(self.house.scheduler.run(self.stop, firing_of(self.house))),
        ]


@contextlib.asynccontextmanager
async def opened(valkey: str, folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    """Open a desk; ``settings`` have __ for the dots of their names."""
    given = {
        "state_folder": str(folder),
        "store.namespace": f"planned{folder.name}",
        **QUICK,
        **{name.replace("__", "."): value for name, value in settings.items()},
    }
    async with build(load(None, {}, given), valkey) as house:
        for name, role in PEOPLE.items():
            await house.access.accounts.create(name, PASSWORD, role)
        app, frame, lane = application(house, "u-u-i-d")
        runner = RedfishRunner(app, frame.error_response, lane=lane, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as session:
            desk = Desk(house, session, f"http://127.0.0.1:{runner.addresses[0][1]}")
            desk.work()
            yield desk
            desk.stop.set()
            await asyncio.gather(*desk.rooms)
        await runner.cleanup()
