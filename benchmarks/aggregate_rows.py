"""The rows about many BMCs: how long a reset of all of them takes, what is known of them costs.

The BMCs are emulated and healthy; each needs two seconds for a reset. Theirs is the load's core.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import targets
from benchmarks.load import LOAD_CORE, SERVER_CORE, pinned
from benchmarks.rows import Plan, Row
from tests.support.chaos import processes
from tests.support.emulated import SERVICE, added, begin, emulated, ended
from tests.support.service import CHECKOUT, clean_environment

EACH = 2.0
#: BMCs that are reset one after the other; the rest is extrapolated.
SAMPLE = 10
TOGETHER = 100
SCENARIOS = f"""
scenarios: {{usual: {{duration: {EACH:g}, steps: [{{percent: 50}}]}}}}
rules: [{{play: usual}}]
"""
SETTINGS = {"aggregation": {"allow_http": True, "fresh_seconds": 3600}}
RESET = f"{SERVICE}/Actions/AggregationService.Reset"
PAGE = "/redfish/v1/Systems?$expand=.($levels=1)&$top=250"


def size() -> int:
    """Return BENCH_BMCS, else a thousand."""
    return int(os.environ.get("BENCH_BMCS", "1000"))


def plain(listing: Path, count: int, together: int) -> float:
    """Return the seconds that the plain script takes, on the server's core."""
    words = [sys.executable, "-m", "benchmarks.reset_plain", str(listing)]
    done = subprocess.run(
        [*pinned(SERVER_CORE), *words, str(count), str(together)],
        cwd=CHECKOUT,
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def reset(stack: targets.Stack, systems: Sequence[str]) -> float:
    """Return the seconds from the POST to the end of the task."""
    began = time.monotonic()
    body = {"ResetType": "ForceRestart", "TargetURIs": list(systems)}
    task = ended(stack.client, begin(stack.client, "POST", RESET, body), 600)
    if task["TaskState"] != "Completed":
        raise RuntimeError(f"the reset ended as {task['TaskState']}")
    return time.monotonic() - began


def resident(stack: targets.Stack) -> int:
    """Return the bytes of memory of the service's processes, its store apart."""
    found = 0
    for pid in processes(stack.service, store=False).values():
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        found += 1024 * int(match[1]) if match else 0
    return found


def inventory(stack: targets.Stack, count: int) -> float:
    """Return the seconds that it takes to read all systems, in pages."""
    began, shown, seen = time.monotonic(), 0, 0
    while True:
        body = stack.client.get(f"{PAGE}&$skip={seen}").body
        seen += len(body["Members"])
        shown += sum("PowerState" in one for one in body["Members"])
        if seen >= body["Members@odata.count"] or not body["Members"]:
            break
    if shown < count:
        raise RuntimeError(f"{shown} systems were shown in full, of {count}")
    return time.monotonic() - began


def aggregate(plan: Plan) -> list[Row]:
    """Reset, inventory and memory of many BMCs."""
    count = size()
    prefix = pinned(LOAD_CORE)
    with (
        emulated(count, scenarios=SCENARIOS, prefix=prefix) as bmcs,
        targets.stack(SETTINGS) as stack,
    ):
        stack.client.timeout = 300
        before = resident(stack), stack.memory()[0]
        began = time.monotonic()
        failed = added(stack.client, bmcs, 600)
        if failed:
            raise RuntimeError(f"{len(failed)} BMCs could not be added")
        plan.tell(f"{count} BMCs added in {time.monotonic() - began:.1f} s")
        first = inventory(stack, count)
        cached = statistics.median(inventory(stack, count) for _ in range(plan.rounds))
        plan.tell(f"inventory {first:.2f} s, again {cached:.2f} s")
        systems = [one.system for one in bmcs]
        listing = bmcs[0].listing
        together = [plain(listing, count, TOGETHER) for _ in range(2)]
        ours = [reset(stack, systems) for _ in range(max(2, plan.rounds // 2))]
        together.append(plain(listing, count, TOGETHER))
        alone = plain(listing, SAMPLE, 1) * count / SAMPLE
        after = resident(stack), stack.memory()[0]
    ours_s, together_s = statistics.median(ours), statistics.median(together)
    note = (
        f"{count} BMCs: ours {ours_s:.1f} s, {TOGETHER} at a time {together_s:.1f} s, "
        f"one after the other {alone:.0f} s ({SAMPLE} measured), ideal {EACH:g} s"
    )
    per = [(b - a) / count / 1024 for a, b in zip(before, after, strict=True)]
    return [
        Row("reset_many_vs_100_at_a_time", ours_s / together_s, "ratio", 1.3, False, note),
        Row("reset_many_vs_sequential", ours_s / alone, "ratio", note=note),
        Row("reset_many_vs_ideal", ours_s / EACH, "ratio", note=note),
        Row("inventory_first", first, "s", note=f"{count} systems in full, pages of 250"),
        Row("inventory_cached_vs_first", cached / first, "ratio", note=f"{cached:.2f} s"),
        Row("source_memory", per[0], "KiB", note="of all processes, per source"),
        Row("source_store", per[1], "KiB", note="in the store, with the tasks of these rows"),
    ]


ROWS: dict[Callable[[Plan], list[Row]], tuple[str, ...]] = {
    aggregate: (
        "reset_many_vs_100_at_a_time", "reset_many_vs_sequential", "reset_many_vs_ideal",
        "inventory_first", "inventory_cached_vs_first", "source_memory", "source_store",
    ),
}  # fmt: skip
