"""The rows about bulk scripts: how fast objects are searched and changed, and what that takes.

The floor is a client that reads, changes and writes the same records by pipelined commands on the
worker's core, in turn with the script.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import record_fill, targets
from benchmarks.load import SERVER_CORE, pinned
from benchmarks.rows import Plan, Row
from benchmarks.scan_rows import FEW, PATIENCE, peak
from tests.support.service import CHECKOUT, clean_environment

MANY = 100_000


def script_of(value: str) -> dict[str, Any]:
    """Return a script that searches all users and sets a title."""
    delta = {"itemDelta": {"modificationType": "replace", "path": "title", "value": value}}
    return {
        "executeScript": {
            "pipeline": [
                {"@element": "search", "type": "UserType"},
                {
                    "@element": "action",
                    "type": "modify",
                    "parameter": {"name": "delta", "value": delta},
                },
            ]
        }
    }


def run(stack: targets.Stack, value: str, count: int) -> tuple[float, list[float]]:
    """Have a script run; return the seconds it took, and those of looking at it meanwhile."""
    started = time.monotonic()
    answer = stack.client.post("/ws/rest/rpc/executeScript?asynchronous=true", script_of(value))
    if answer.status != 201:
        raise RuntimeError(f"executeScript answered {answer.status}: {answer.content!r}")
    oid = answer.headers["Location"].rpartition("/")[2]
    looks: list[float] = []
    while True:
        # As somebody looks who follows the console: the last items of data.
        at = time.monotonic()
        uri = f"/ws/rest/scriptExecutionResults/{oid}?maxSize=10"
        seen = stack.client.request("GET", uri, None, {"Accept": "application/json"})
        looks.append(time.monotonic() - at)
        result = seen.body["object"]["result"]
        took = time.monotonic() - started
        if result["status"] == "success":
            done = result["partialResults"][0]["count"]
            if done != count:
                raise RuntimeError(f"{done} of {count} were changed")
            return took, looks
        if result["status"] != "in_progress" or took > PATIENCE:
            raise RuntimeError(f"the script came to {result}")
        time.sleep(0.25)


def floor(stack: targets.Stack, value: str) -> float:
    """Return the seconds in which a bare client does the same to all records."""
    done = subprocess.run(
        [
            *(*pinned(SERVER_CORE), sys.executable, "-m", "benchmarks.modify_all"),
            *(stack.store_url, record_fill.TYPE, value),
        ],
        cwd=CHECKOUT,
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[0])


def modifying(plan: Plan) -> list[Row]:
    """Objects per second of a script that changes 100,000, its results' latency, its memory."""
    values, rates, looks, peaks = [], [], [], {}
    with targets.stack() as stack:
        for have, count in ((0, FEW), (FEW, MANY)):
            asyncio.run(record_fill.fill(stack.store_url, have, count, 100, lambda done: None))
            run(stack, f"first {count}", count)
            peaks[count] = peak(stack)
        for number in range(min(plan.rounds, 5)):
            took, seen = run(stack, f"round {number}", MANY)
            bare = floor(stack, f"floor {number}")
            plan.tell(f"{MANY / took:,.0f} objects/s, bare {MANY / bare:,.0f}/s")
            values.append(bare / took)
            rates.append((MANY / took, MANY / bare))
            looks += seen
        peaks[MANY] = peak(stack)
    mine, bare_rate = (statistics.median(one) for one in zip(*rates, strict=True))
    note = f"{mine:,.0f} objects/s, bare loop {bare_rate:,.0f}/s; API, worker and store on one core"
    return [
        Row("bulk_modify_vs_loop", statistics.median(values), "ratio", 0.5, note=note),
        Row(
            "bulk_results_latency",
            statistics.median(looks) * 1000,
            "ms",
            None,
            at_least=False,
            note=f"GET of the results while a script runs on the same core, p95 "
            f"{statistics.quantiles(looks, n=20)[-1] * 1000:,.0f} ms of {len(looks)}",
        ),
        Row(
            "bulk_memory_hundred_vs_ten_thousand",
            peaks[MANY] / peaks[FEW],
            "ratio",
            1.2,
            at_least=False,
            note=f"peak of the worker {peaks[FEW] / 1e6:,.0f} MB and {peaks[MANY] / 1e6:,.0f} MB",
        ),
    ]


ROWS: dict[Callable[[Plan], list[Row]], tuple[str, ...]] = {
    modifying: (
        "bulk_modify_vs_loop",
        "bulk_results_latency",
        "bulk_memory_hundred_vs_ten_thousand",
    ),
}
