"""Subscribers of the benchmark: one server that takes whatever is posted and counts the events.

Run as a process of its own: `python -m benchmarks.sink PORT`. Each path is a subscriber.
`GET /told` returns the events counted so far and when the last came (seconds of the monotonic
clock, which all processes of a machine share); `GET /bodies` what was posted to `/0`; `DELETE /`
begins anew.
"""

from __future__ import annotations

import asyncio
import sys
import time

import uvloop
from aiohttp import web


async def serve(port: int) -> None:
    """Serve until killed."""
    told = {"events": 0, "at": 0.0}
    bodies: list[str] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        told["events"] += body.count(b'"MemberId":')
        told["at"] = time.monotonic()
        if request.path == "/0":
            bodies.append(body.decode())
        return web.Response(status=204)

    async def forget(request: web.Request) -> web.Response:
        told.update(events=0, at=0.0)
        bodies.clear()
        return web.Response(status=204)

    async def count(request: web.Request) -> web.Response:
        return web.json_response(told)

    async def show(request: web.Request) -> web.Response:
        return web.json_response(bodies)

    app = web.Application(client_max_size=2**21)
    app.router.add_get("/told", count)
    app.router.add_get("/bodies", show)
    app.router.add_delete("/", forget)
    app.router.add_post("/{subscriber}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
