"""The yardstick of push: aiohttp's client on uvloop that posts given bodies and knows nothing else.

Run as a process of its own: `python -m benchmarks.bare_push PORT SUBSCRIBERS < bodies.json`. Each
subscriber gets all bodies, one after the other; prints when it began (monotonic seconds).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp
import uvloop


async def post(port: int, subscribers: int, bodies: list[bytes]) -> None:
    """Post all bodies to all subscribers."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:

        async def one(number: int) -> None:
            url = f"http://127.0.0.1:{port}/{number}"
            for body in bodies:
                headers = {"Content-Type": "application/json"}
                async with session.post(url, data=body, headers=headers) as response:
                    await response.read()

        print(time.monotonic(), flush=True)
        await asyncio.gather(*(one(number) for number in range(subscribers)))


if __name__ == "__main__":
    given = [body.encode() for body in json.load(sys.stdin)]
    uvloop.run(post(int(sys.argv[1]), int(sys.argv[2]), given))
