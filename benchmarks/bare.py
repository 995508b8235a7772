"""The yardstick: aiohttp on uvloop with one handler that returns fixed bytes.

It has no store and checks nothing.

Run as a process of its own: `python -m benchmarks.bare PORT FILE`; FILE holds JSON {"headers":
{...}, "body": "..."}.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from aiohttp import web
from multidict import CIMultiDict


async def serve(port: int, answer: dict[str, object]) -> None:
    """Serve until killed."""
    body = str(answer["body"]).encode()
    headers = CIMultiDict(answer["headers"])  # type: ignore[arg-type]

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8"))))
