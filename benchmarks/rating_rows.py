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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
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

#: Periods of each scope, and points in each, where workers are compared.
PERIODS, POINTS = 1000, 50
#: The same where sets of rules are.
SIZES = ((2000, 10), (20, 1000))
#: Points that are pushed at the same time.
TOGETHER = 1000
ROOT = "/v1/rating/module_config/hashmap"
PATIENCE = 600.0
AIM = 0.5


def _time(period: int) -> str:
    moment = datetime.fromtimestamp(load.START + period * load.PERIOD, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _made(stack: targets.Stack, path: str, body: dict[str, Any]) -> Any:
    answer = stack.client.post(path, body)
    if answer.status not in (200, 201, 202):
        raise RuntimeError(f"{path} answered {answer.status}: {answer.content!r}")
    return answer.body


def prepare(stack: targets.Stack, sets: Iterable[load.Rules]) -> None:
    """Make the rules, which hold since long ago, and the scopes, which were rated long ago."""
    group = _made(stack, f"{ROOT}/groups", {"name": "surcharge"})["group_id"]
    since = {"start": "2000-01-01T00:00:00"}

    def mapping(kind: str, cost: Decimal, **more: Any) -> None:
        body = {"type": kind, "cost": str(cost), **since, **more}
        _made(stack, f"{ROOT}/mappings?force=true", body)

    for rules in sets:
        for metric, cost in rules.costs.items():
            service = _made(stack, f"{ROOT}/services", {"name": metric})["service_id"]
            mapping("flat", cost, service_id=service)
            if rules.groups:
                mapping("flat", load.SURCHARGE, service_id=service, group_id=group)
            if rules.fields:
                flavor = _made(stack, f"{ROOT}/fields", {"name": "flavor", "service_id": service})
                for name, rate in load.RATES.items():
                    mapping("rate", rate, field_id=flavor["field_id"], value=name)
            if rules.levels:
                for level, factor in load.LEVELS:
                    _made(
                        stack,
                        f"{ROOT}/thresholds",
                        {
                            "type": "rate",
                            "cost": str(factor),
                            "level": str(level),
                            "service_id": service,
                        },
                    )
        for scope in rules.scopes:
            body = {"scope_id": scope, "last_processed_timestamp": "2100-01-01T00:00:00"}
            _made(stack, "/v2/scope", body)


async def fill(url: str, sets: Iterable[load.Rules], periods: int, count: int) -> None:
    """Push the usage of all scopes."""
    store = await Store.open(StoreOptions(url))
    usage = Usage(store, period=load.PERIOD)

    async def push(rules: load.Rules, scope: int, period: int) -> None:
        begin = load.START + period * load.PERIOD
        await usage.push(
            Sample(
                rules.scopes[scope],
                one["metric"],
                begin,
                begin + load.PERIOD,
                Point(Decimal(one["qty"]), "u", one["groupby"], one["metadata"]),
            )
            for one in load.points(rules, scope, period, count)
        )

    at_once = max(1, TOGETHER // count)
    for rules in sets:
        for scope in range(load.SCOPES):
            for first in range(0, periods, at_once):
                some = range(first, min(periods, first + at_once))
                await asyncio.gather(*(push(rules, scope, period) for period in some))
    await store.close()


def rate_again(stack: targets.Stack, rules: load.Rules, periods: int) -> float:
    """Have all periods of the scopes of a set rated again; return the seconds that it took."""
    body = {
        "scope_ids": rules.scopes,
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


def floor(rules: load.Rules, periods: int, count: int) -> tuple[float, Decimal]:
    """Return the seconds of the plain loop, and what all costs."""
    done = subprocess.run(
        [
            *(*pinned(SERVER_CORE), sys.executable, "-m", "benchmarks.rate_plain"),
            *(rules.name, str(periods), str(count)),
        ],
        cwd=CHECKOUT,
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, total = done.stdout.split()
    return float(seconds), Decimal(total)


def _check(stack: targets.Stack, rules: load.Rules, total: Decimal, periods: int) -> None:
    filters = ",".join(f"project_id:{scope}" for scope in rules.scopes)
    answer = stack.client.get(
        f"/v2/summary?begin={_time(0)}&end={_time(periods)}&filters={filters}"
    )
    columns, (row,) = answer.body["columns"], answer.body["results"]
    rate = row[columns.index("rate")]
    if abs(Decimal(str(rate)) - total) > total / 10**12:
        raise RuntimeError(f"the service comes to {rate}, the plain loop to {total}")


@contextmanager
def _filled(
    sets: Sequence[load.Rules], periods: int, count: int, workers: int
) -> Iterator[targets.Stack]:
    """A service with so many workers, on one core if it is one, that has rated all once."""
    settings = {
        # A worker would take all scopes for itself, and they would share its one core.
        "engine": {"worker_processes": workers, "concurrency": load.SCOPES // workers},
        "rating": {"keep_hours": 0},
    }
    with targets.stack(settings, pinned_to=None if workers == 1 else ()) as stack:
        prepare(stack, sets)
        asyncio.run(fill(stack.store_url, sets, periods, count))
        for rules in sets:
            rate_again(stack, rules, periods)
        yield stack


class _Found:
    """What the rounds of one row have found."""

    def __init__(self, name: str, where: str, aim: float | None) -> None:
        self._name, self._where, self._aim = name, where, aim
        self._mine: list[float] = []
        self._plain: list[float] = []

    def measure(
        self, plan: Plan, stack: targets.Stack, rules: load.Rules, periods: int, count: int
    ) -> None:
        """Do a round: the service, then the plain loop."""
        took = rate_again(stack, rules, periods)
        bare, total = floor(rules, periods, count)
        _check(stack, rules, total, periods)
        points = load.SCOPES * periods * count
        self._mine.append(points / took)
        self._plain.append(points / bare)
        plan.tell(f"{self._name}: {points / took:,.0f} points/s, plain {points / bare:,.0f}/s")

    def row(self) -> Row:
        """Return the row: the median of the ratios of each round."""
        mine, plain = statistics.median(self._mine), statistics.median(self._plain)
        ratios = [one / bare for one, bare in zip(self._mine, self._plain, strict=True)]
        note = (
            f"{mine:,.0f} points/s, plain {plain:,.0f}/s; API, workers and store on {self._where}"
        )
        return Row(self._name, statistics.median(ratios), "ratio", self._aim, note=note)


def rating(plan: Plan) -> list[Row]:
    """Points rated again per second by one worker and by two, against the plain loop."""
    rows: list[Row] = []
    for workers, name, where in (
        (1, "rating_again_1_worker", "one core"),
        (2, "rating_again_2_workers", "all cores"),
    ):
        found = _Found(name, where, AIM)
        with _filled([load.ALL], PERIODS, POINTS, workers) as stack:
            for _ in range(min(plan.rounds, 5)):
                found.measure(plan, stack, load.ALL, PERIODS, POINTS)
        rows.append(found.row())
    return rows


def sets_of_rules(plan: Plan) -> list[Row]:
    """Points rated again per second by sets of rules and by size, against the plain loop."""
    rows: list[Row] = []
    sets = list(load.SETS.values())
    for periods, count in SIZES:
        found = {
            # Where the rules are next to nothing, this is what the store costs: that has no aim.
            one.name: _Found(
                f"rating_{one.name}_{count}", "one core", AIM if one is load.ALL else None
            )
            for one in sets
        }
        with _filled(sets, periods, count, 1) as stack:
            for _ in range(min(plan.rounds, 5)):
                for rules in sets:
                    found[rules.name].measure(plan, stack, rules, periods, count)
        rows += [one.row() for one in found.values()]
    return rows


ROWS: dict[Callable[[Plan], list[Row]], Sequence[str]] = {
    rating: ("rating_again_1_worker", "rating_again_2_workers"),
    sets_of_rules: [f"rating_{name}_{count}" for _, count in SIZES for name in load.SETS],
}
