"""The rows about scans: how fast records are looked through and worked on, and what that takes.

The floor is a pipelined read of the same hashes by a client that does nothing else, on the worker's
core, in turn with the scan.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import record_fill, targets
from benchmarks.load import SERVER_CORE, pinned
from benchmarks.rows import Plan, Row
from tests.support.chaos import processes
from tests.support.service import CHECKOUT, clean_environment

LOOKED_THROUGH = 1_000_000
WORKED_ON = 100_000
FEW = 10_000
#: What the task scanner's documentation has a scan do with each record.
SCRIPT = (
    'var patch = [{ "operation" : "replace", "field" : "/active", "value" : false },'
    '{ "operation" : "replace", "field" : "/accountStatus", "value" : "inactive" }];\n'
    'logger.debug("Performing Sunset Task on {} ({})", input.mail, objectID);\n'
    "openidm.patch(objectID, null, patch); true;"
)
PATIENCE = 900.0


def scan_of(number: int, most: int | None = None) -> dict[str, Any]:
    """Return the scan of a round: each stamps the records at a place of its own."""
    context: dict[str, Any] = {
        "waitForCompletion": False,
        "numberOfThreads": 5,
        "scan": {
            "_queryFilter": f'(/sunset/date lt "${{Time.now}}" AND !(/round{number}/done pr))',
            "object": record_fill.TYPE,
            "taskState": {
                "started": f"/round{number}/started",
                "completed": f"/round{number}/done",
            },
            "recovery": {"timeout": "10m"},
        },
        "task": {"script": {"type": "text/javascript", "source": SCRIPT}},
    }
    if most is not None:
        context["maxRecords"] = most
    return {
        "type": "simple",
        "enabled": False,
        "persisted": True,
        "invokeService": "taskscanner",
        "invokeContext": context,
    }


def scan(stack: targets.Stack, job: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
    """Have a scan run; return the seconds it took and what it says of itself."""
    answer = stack.client.request("PUT", "/openidm/scheduler/job/bench", dict(job))
    if answer.status not in (200, 201):
        raise RuntimeError(f"making the job answered {answer.status}: {answer.body}")
    started = time.monotonic()
    answer = stack.client.post("/openidm/taskscanner?_action=execute&name=bench", {})
    if answer.status != 200:
        raise RuntimeError(f"execute answered {answer.status}: {answer.body}")
    uri = f"/openidm/taskscanner/{answer.body['_id']}"
    while True:
        run: dict[str, Any] = stack.client.get(uri).body
        took = time.monotonic() - started
        state = run["progress"]["state"]
        if state == "COMPLETED":
            return took, run["progress"]
        if state not in ("INITIALIZED", "ACTIVE") or took > PATIENCE:
            raise RuntimeError(f"the scan is {run}")
        time.sleep(0.05)


def floor(stack: targets.Stack) -> float:
    """Return the seconds in which a bare client reads all records."""
    done = subprocess.run(
        [
            *(*pinned(SERVER_CORE), sys.executable, "-m", "benchmarks.read_all"),
            *(stack.store_url, record_fill.TYPE),
        ],
        cwd=CHECKOUT,
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[0])


def peak(stack: targets.Stack) -> int:
    """Return the most memory that the worker has taken so far, in bytes."""
    pid = processes(stack.service, store=False)["worker-0"]
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the system does not say how much memory a process has taken")


def looking(plan: Plan) -> list[Row]:
    """Records per second of a scan that means 1 % of a million, and the floor of a bare read."""
    peaks, values, rates = {}, [], []
    with targets.stack() as stack:
        for have, count in ((0, FEW), (FEW, LOOKED_THROUGH)):
            asyncio.run(record_fill.fill(stack.store_url, have, count, 100, _every(plan, count)))
            scan(stack, scan_of(count))
            peaks[count] = peak(stack)
        for number in range(min(plan.rounds, 3)):
            took, progress = scan(stack, scan_of(number))
            if progress["successes"] != LOOKED_THROUGH // 100:
                raise RuntimeError(f"the scan came to {progress}")
            bare = floor(stack)
            values.append(bare / took)
            rates.append((LOOKED_THROUGH / took, LOOKED_THROUGH / bare))
    mine, bare_rate = (statistics.median(one) for one in zip(*rates, strict=True))
    note = (
        f"{mine:,.0f} records/s with the scripts of {LOOKED_THROUGH // 100:,}, bare read "
        f"{bare_rate:,.0f}/s; API, worker and store on one core"
    )
    memory = peaks[LOOKED_THROUGH] / peaks[FEW]
    return [
        Row("scan_million_vs_floor", statistics.median(values), "ratio", 0.5, note=note),
        Row(
            "scan_memory_million_vs_ten_thousand",
            memory,
            "ratio",
            1.2,
            at_least=False,
            note=f"peak of the worker {peaks[FEW] / 1e6:,.0f} MB and "
            f"{peaks[LOOKED_THROUGH] / 1e6:,.0f} MB",
        ),
    ]


def working(plan: Plan) -> list[Row]:
    """Records per second of a scan that means all of 100,000, with the documented script."""
    rates, floors = [], []
    with targets.stack(pinned_to=()) as stack:
        asyncio.run(record_fill.fill(stack.store_url, 0, WORKED_ON, 1, _every(plan, WORKED_ON)))
        for number in range(min(plan.rounds, 3)):
            took, progress = scan(stack, scan_of(number))
            if progress["successes"] != WORKED_ON:
                raise RuntimeError(f"the scan came to {progress}")
            rates.append(WORKED_ON / took)
            floors.append(WORKED_ON / floor(stack))
    value = statistics.median(rates)
    note = (
        f"end to end on all cores: selected, claimed, script, settled; bare read "
        f"{statistics.median(floors):,.0f}/s"
    )
    return [Row("scripted_records_per_second", value, "records/s", 5000, note=note)]


def _every(plan: Plan, count: int) -> Callable[[int], None]:
    def told(done: int) -> None:
        if done % 100_000 == 0:
            plan.tell(f"{done:,} of {count:,} records are there")

    return told


ROWS: dict[Callable[[Plan], list[Row]], tuple[str, ...]] = {
    looking: ("scan_million_vs_floor", "scan_memory_million_vs_ten_thousand"),
    working: ("scripted_records_per_second",),
}
