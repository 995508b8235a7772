"""The rows about rating: how fast periods are rated again, storage and all.

The floor is a plain loop over the same points and rules in memory, on one core, in turn with it.
The sums of both have to be the same.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from benchmarks import rating_load as load
from benchmarks import targets
from benchmarks.load import SERVER_CORE, pinned
from benchmarks.rows import Plan, Row
from odimra.rating.model import Point
from odimra.rating.usage import Sample, Usage
from odimra.store import Store, StoreOptions
from tests.support.service import CHECKOUT, clean_environment

#: Periods of each scope, and points in each.
PERIODS, POINTS = 1000, 50
ROOT = "/v1/rating/module_config/hashmap"
PATIENCE = 600.0


def _time(period: int) -> str:
    moment = datetime.fromtimestamp(load.START + period * load.PERIOD, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _made(stack: targets.Stack, path: str, body: dict[str, Any]) -> Any:
    answer = stack.client.post(path, body)
    if answer.status not in (200, 201, 202):
        raise RuntimeError(f"{path} answered {answer.status}: {answer.content!r}")
    return answer.body


def rules(stack: targets.Stack) -> None:
    """Make the rules, which hold since long ago."""
    group = _made(stack, f"{ROOT}/groups", {"name": "surcharge"})["group_id"]
    since = {"start": "2000-01-01T00:00:00"}

    def mapping(kind: str, cost: Decimal, **more: Any) -> None:
        body = {"type": kind, "cost": str(cost), **since, **more}
        _made(stack, f"{ROOT}/mappings?force=true", body)

    for metric, cost in load.COSTS.items():
        service = _made(stack, f"{ROOT}/services", {"name": metric})["service_id"]
        flavor = _made(stack, f"{ROOT}/fields", {"name": "flavor", "service_id": service})
        mapping("flat", cost, service_id=service)
        mapping("flat", load.SURCHARGE, service_id=service, group_id=group)
        for name, rate in load.RATES.items():
            mapping("rate", rate, field_id=flavor["field_id"], value=name)
        for level, factor in load.LEVELS:
            body = {"type": "rate", "cost": str(factor), "level": str(level), "service_id": service}
            _made(stack, f"{ROOT}/thresholds", body)


async def fill(url: str, periods: int, count: int) -> None:
    """Push the usage of all scopes."""
    store = await Store.open(StoreOptions(url))
    usage = Usage(store, period=load.PERIOD)
    for scope in range(load.SCOPES):
        for period in range(periods):
            begin = load.START + period * load.PERIOD
            await usage.push(
                Sample(
                    f"p{scope}",
                    one["metric"],
                    begin,
                    begin + load.PERIOD,
                    Point(Decimal(one["qty"]), "u", one["groupby"], one["metadata"]),
                )
                for one in load.points(scope, period, count)
            )
    await store.close()


def rate_again(stack: targets.Stack, periods: int) -> float:
    """Have all periods of all scopes rated again; return the seconds that it took."""
    body = {
        "scope_ids": "ALL",
        "start_reprocess_time": _time(0),
        "end_reprocess_time": _time(periods - 1),
        "reason": "bench",
    }
    started = time.monotonic()
    answer = stack.client.post("/v2/task/reprocesses", body)
    if answer.status != 202:
        raise RuntimeError(f"reprocesses answered {answer.status}: {answer.content!r}")
    monitor = answer.headers["Location"]
    while stack.client.get(monitor).status == 202:
        if time.monotonic() - started > PATIENCE:
            raise RuntimeError("rating again takes too long")
        time.sleep(0.02)
    return time.monotonic() - started


def floor(periods: int, count: int) -> tuple[float, Decimal]:
    """Return the seconds of the plain loop, and what all costs."""
    done = subprocess.run(
        [
            *(*pinned(SERVER_CORE), sys.executable, "-m", "benchmarks.rate_plain"),
            *(str(periods), str(count)),
        ],
        cwd=CHECKOUT,
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, total = done.stdout.split()
    return float(seconds), Decimal(total)


def _check(stack: targets.Stack, total: Decimal, periods: int) -> None:
    answer = stack.client.get(f"/v2/summary?begin={_time(0)}&end={_time(periods)}")
    columns, (row,) = answer.body["columns"], answer.body["results"]
    rate = row[columns.index("rate")]
    if abs(Decimal(str(rate)) - total) > total / 10**12:
        raise RuntimeError(f"the service comes to {rate}, the plain loop to {total}")


def rating(plan: Plan) -> list[Row]:
    """Points rated again per second by one worker and by two, against the plain loop."""
    found: list[Row] = []
    for workers, cores in ((1, None), (2, ())):
        values, rates = [], []
        settings = {
            # A worker would take all scopes for itself, and they would share its one core.
            "engine": {"worker_processes": workers, "concurrency": load.SCOPES // workers},
            "rating": {"keep_hours": 0},
        }
        with targets.stack(settings, pinned_to=cores) as stack:
            rules(stack)
            for scope in range(load.SCOPES):
                scope_body = {
                    "scope_id": f"p{scope}", "last_processed_timestamp": "2100-01-01T00:00:00",
                }  # fmt: skip
                _made(stack, "/v2/scope", scope_body)
            asyncio.run(fill(stack.store_url, PERIODS, POINTS))
            rate_again(stack, PERIODS)
            for _ in range(min(plan.rounds, 5)):
                took = rate_again(stack, PERIODS)
                bare, total = floor(PERIODS, POINTS)
                _check(stack, total, PERIODS)
                count = load.SCOPES * PERIODS * POINTS
                plan.tell(f"{count / took:,.0f} points/s, plain {count / bare:,.0f}/s")
                values.append(bare / took)
                rates.append((count / took, count / bare))
        mine, plain = (statistics.median(one) for one in zip(*rates, strict=True))
        where = "one core" if cores is None else "all cores"
        note = f"{mine:,.0f} points/s, plain {plain:,.0f}/s; API, workers and store on {where}"
        name = f"rating_again_{workers}_worker{'s' if workers > 1 else ''}"
        found.append(Row(name, statistics.median(values), "ratio", 0.5, note=note))
    return found


ROWS: dict[Callable[[Plan], list[Row]], Sequence[str]] = {
    rating: ("rating_again_1_worker", "rating_again_2_workers"),
}
