"""The yardstick of server-sent events: aiohttp on uvloop that writes given frames to all readers.

Run as a process of its own: `python -m benchmarks.bare_stream PORT`. `GET /stream` is a stream;
`POST /go` takes the frames as a JSON array, answers with the time (monotonic seconds) and begins.
"""

from __future__ import annotations

import asyncio
import sys
import time

import uvloop
from aiohttp import web


async def serve(port: int) -> None:
    """Serve until killed."""
    readers: list[web.StreamResponse] = []
    sending: set[asyncio.Task[None]] = set()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        readers.append(response)
        await asyncio.Event().wait()
        return response

    async def broadcast(frames: list[bytes]) -> None:
        for frame in frames:
            for reader in readers:
                await reader.write(frame)

    async def go(request: web.Request) -> web.Response:
        frames = [frame.encode() for frame in await request.json()]
        started = time.monotonic()
        task = asyncio.create_task(broadcast(frames))
        sending.add(task)
        task.add_done_callback(sending.discard)
        return web.json_response(started)

    app = web.Application(client_max_size=2**26)
    app.router.add_get("/stream", stream)
    app.router.add_post("/go", go)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
