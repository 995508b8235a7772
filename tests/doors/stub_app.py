"""What a supervisor's children run in these tests: a small real API and a worker that drains."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime

from aiohttp import web
from redis.asyncio import Redis

from odimra.certificates import server_context
from odimra.config import Settings


async def serve_api(settings: Settings, store_url: str) -> None:
    store = Redis.from_url(store_url)

    async def redfish(request: web.Request) -> web.Response:
        return web.json_response({"v1": "/redfish/v1/"})

    async def pid(request: web.Request) -> web.Response:
        await store.incr("visits")
        return web.json_response({"pid": os.getpid(), "parent": os.getppid()})

    app = web.Application()
    app.router.add_get("/redfish", redfish)
    app.router.add_get("/pid", pid)
    runner = web.AppRunner(app)
    await runner.setup()
    context = server_context(settings, datetime.now(UTC))
    http = settings.http
    await web.TCPSite(runner, http.address, http.port, ssl_context=context, reuse_port=True).start()
    await asyncio.Event().wait()


async def serve_worker(settings: Settings, store_url: str) -> None:
    store = Redis.from_url(store_url)
    await store.rpush("workers", os.getpid())
    try:
        await asyncio.Event().wait()
    finally:
        # The drain needs the store: it must still be there.
        await store.rpush("drained", os.getpid())


async def stubborn_worker(settings: Settings, store_url: str) -> None:
    await Redis.from_url(store_url).rpush("workers", os.getpid())
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


async def broken(settings: Settings, store_url: str) -> None:
    raise RuntimeError("Password='open sesame' is of no use")


async def misconfigured(settings: Settings, store_url: str) -> None:
    sys.exit(2)
