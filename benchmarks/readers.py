"""A thousand readers of a stream of server-sent events: open it, read all, count the events.

Run as a process of its own: `python -m benchmarks.readers PORT HOST:PORT PATH COUNT [HEADER...]`.
Answers on its own port as the sink does; `GET /bodies` is what the first reader read, chunk by
chunk.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import cast

import uvloop
from aiohttp import web

MARK = b'"MemberId":'


class Tally:
    """What all readers have read."""

    def __init__(self) -> None:
        self.open = self.events = 0
        self.at = 0.0


class Reader(asyncio.Protocol):
    """One connection; `kept` gets its bytes where somebody wants to see them."""

    def __init__(self, request: bytes, tally: Tally, kept: bytearray | None) -> None:
        self._request, self._tally, self._kept = request, tally, kept
        self._rest = b""
        self._headers = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._headers:
            self._rest += data
            head, found, data = self._rest.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 200 " not in head.partition(b"\r\n")[0]:
                raise RuntimeError(head.decode())
            self._headers, self._rest = False, b""
            self._tally.open += 1
        if self._kept is not None:
            self._kept += data
        found_now = (self._rest + data).count(MARK)
        self._rest = data[-len(MARK) + 1 :]
        if found_now:
            self._tally.events += found_now
            self._tally.at = time.monotonic()


def chunks(data: bytes) -> list[str]:
    """Return what was sent in each chunk of a chunked body."""
    found = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        found.append(data[:length].decode())
        data = data[length + 2 :]
    return found


async def read(port: int, host: str, path: str, count: int, headers: list[str]) -> None:
    """Read until killed."""
    tally, kept = Tally(), bytearray()
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Accept: text/event-stream", *headers]
    request = "\r\n".join([*lines, "", ""]).encode()
    name, _, number = host.partition(":")
    loop = asyncio.get_running_loop()
    for reader in range(count):
        mine = None if reader else kept
        await loop.create_connection(
            lambda one=mine: Reader(request, tally, one), name, int(number)
        )

    async def told(_: web.Request) -> web.Response:
        return web.json_response({"open": tally.open, "events": tally.events, "at": tally.at})

    async def show(_: web.Request) -> web.Response:
        return web.json_response(chunks(bytes(kept)))

    async def forget(_: web.Request) -> web.Response:
        tally.events, tally.at = 0, 0.0
        kept.clear()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/told", told)
    app.router.add_get("/bodies", show)
    app.router.add_delete("/", forget)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    own, where, what, many, *given = sys.argv[1:]
    uvloop.run(read(int(own), where, what, int(many), given))
