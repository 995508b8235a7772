"""What somebody would write who has to reset many BMCs once: log in, POST, ask the monitor.

`python -m benchmarks.reset_plain <list of BMCs> <how many> <at a time>` prints the seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

ROOT = "/redfish/v1"
RESET = f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset"


async def reset(http: aiohttp.ClientSession, bmc: dict[str, Any]) -> None:
    """Reset one and wait for its end."""
    url = bmc["url"]
    account = {"UserName": bmc["user"], "Password": bmc["password"]}
    async with http.post(f"{url}{ROOT}/SessionService/Sessions", json=account) as answer:
        headers = {"X-Auth-Token": answer.headers["X-Auth-Token"]}
    body = {"ResetType": "ForceRestart"}
    async with http.post(url + RESET, json=body, headers=headers) as answer:
        if answer.status != 202:
            raise RuntimeError(f"{url} answered {answer.status}")
        monitor = answer.headers["Location"]
        wait = float(answer.headers.get("Retry-After", 1))
    while True:
        await asyncio.sleep(wait)
        async with http.get(url + monitor, headers=headers) as answer:
            if answer.status != 202:
                if answer.status >= 400:
                    raise RuntimeError(f"{url} ended with {answer.status}")
                return
            wait = float(answer.headers.get("Retry-After", 1))


async def main(listing: str, count: int, together: int) -> None:
    """Reset the first `count`, so many at a time."""
    bmcs = [json.loads(line) for line in Path(listing).read_text("utf-8").splitlines()][:count]
    places = asyncio.Semaphore(together)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=together)) as http:

        async def one(bmc: dict[str, Any]) -> None:
            async with places:
                await reset(http, bmc)

        began = time.monotonic()
        await asyncio.gather(*map(one, bmcs))
        print(time.monotonic() - began)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
