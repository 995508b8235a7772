"""The rows of the table.

Each function measures one subject and returns its rows; `ROWS` says which names it gives.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import targets
from benchmarks.fill import fill
from benchmarks.load import Request, run
from benchmarks.sequence import seconds_each

TASKS = "/redfish/v1/TaskService/Tasks"
PAGE = 1000
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `aim` is the bound, `at_least` its direction; both None for a figure without an aim.
    """

    name: str
    value: float
    unit: str
    aim: float | None = None
    at_least: bool = True
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None when there is none."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim

    def as_json(self) -> dict[str, Any]:
        """Return what .bench/latest.json holds for this row."""
        aim = None if self.aim is None else f"{'>=' if self.at_least else '<='} {self.aim:g}"
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "aim": aim,
            "met": self.met,
            "note": self.note,
        }


@dataclass(frozen=True)
class Plan:
    """How much is measured: seconds per figure, rounds, and the sizes of the store in tasks."""

    seconds: float
    rounds: int
    sizes: Sequence[int]
    tell: Callable[[str], None]


def sizes_from_environment() -> list[int]:
    """Return BENCH_SIZES, task counts separated by commas; else the three of the aim."""
    text = os.environ.get("BENCH_SIZES", "1000,100000,1000000")
    return [int(word) for word in text.replace("_", "").split(",")]


def interleaved(plan: Plan, requests: dict[str, Request]) -> dict[str, list[float]]:
    """Load the requests in turn, round after round.

    Return requests per second by name, one per round.
    """
    for request in requests.values():
        run(request, seconds=1)
    rates: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(plan.rounds):
        for name, request in requests.items():
            rates[name].append(run(request, seconds=plan.seconds).per_second)
    return rates


def ratio(rates: dict[str, list[float]], name: str, to: str) -> float:
    """Return the median of the per-round ratios, so that a slow round slows both of its sides."""
    pairs = zip(rates[name], rates[to], strict=True)
    return statistics.median(mine / other for mine, other in pairs)


def _rates(rates: dict[str, list[float]]) -> str:
    shown = (f"{name} {statistics.median(values):,.0f}/s" for name, values in rates.items())
    return ", ".join(shown)


@contextmanager
def _filled_stack(plan: Plan) -> Iterator[tuple[targets.Stack, str]]:
    """A service whose store holds a page of finished tasks and the URI of one of them."""
    with targets.stack() as stack:
        uri = stack.reset_once()
        _fill(plan, stack, uri, PAGE + 10)
        yield stack, uri


def _fill(plan: Plan, stack: targets.Stack, pattern_uri: str, count: int) -> None:
    def told(done: int) -> None:
        if done % 50_000 == 0:
            plan.tell(f"filled {done:,} of {count:,} tasks")

    asyncio.run(fill(stack.store_url, pattern_uri.rsplit("/", 1)[1], count, told))


def task_get(plan: Plan) -> list[Row]:
    """Authenticated GET of a finished task against bare handlers."""
    with ExitStack() as running:
        stack, uri = running.enter_context(_filled_stack(plan))
        answer = stack.client.get(uri)
        rates = interleaved(
            plan,
            {
                "service": stack.get(uri),
                "bare": running.enter_context(targets.bare(answer)),
                "bare, body only": running.enter_context(targets.bare(answer, with_headers=False)),
            },
        )
    note = f"{len(answer.content)} B; {_rates(rates)}"
    return [
        Row("task_get_vs_bare", ratio(rates, "service", "bare"), "ratio", 0.85, note=note),
        Row(
            "task_get_vs_bare_body_only",
            ratio(rates, "service", "bare, body only"),
            "ratio",
            note="the bare handler sends no header but Content-Type",
        ),
    ]


def page_get(plan: Plan) -> list[Row]:
    """Authenticated GET of a collection page of 1,000 members against a bare handler."""
    with ExitStack() as running:
        stack, _ = running.enter_context(_filled_stack(plan))
        answer = stack.client.get(TASKS)
        shown = len(answer.body["Members"])
        if shown != PAGE:
            raise RuntimeError(f"the page has {shown} members")
        rates = interleaved(
            plan,
            {"service": stack.get(TASKS), "bare": running.enter_context(targets.bare(answer))},
        )
    note = f"{len(answer.content)} B; {_rates(rates)}"
    return [Row("page1000_vs_bare", ratio(rates, "service", "bare"), "ratio", note=note)]


def against_sushy(plan: Plan) -> list[Row]:
    """The same two against sushy-emulator: its one task, and its systems as the 1,000 members."""
    with ExitStack() as running:
        stack, uri = running.enter_context(_filled_stack(plan))
        address = running.enter_context(targets.sushy_emulator(PAGE))
        rates = interleaved(
            plan,
            {
                "service task": stack.get(uri),
                "sushy task": Request(f"{address}/redfish/v1/TaskService/Tasks/42"),
                "service page": stack.get(TASKS),
                "sushy page": Request(f"{address}/redfish/v1/Systems"),
            },
        )
    return [
        Row(
            "task_get_vs_sushy_emulator",
            ratio(rates, "service task", "sushy task"),
            "times",
            note=f"sushy checks no login here; {_rates(rates)}",
        ),
        Row(
            "page1000_vs_sushy_emulator",
            ratio(rates, "service page", "sushy page"),
            "times",
            note="sushy's page is its collection of 1,000 fake systems",
        ),
    ]


def creates(plan: Plan) -> list[Row]:
    """Resets accepted per second while the worker runs what was accepted before."""
    with targets.stack() as stack:
        stack.reset_once()
        figure = run(stack.reset(), seconds=plan.seconds)
    return [
        Row(
            "creates_per_second",
            figure.per_second,
            "1/s",
            note="POST Reset answered 202, 32 connections, worker on the same core",
        )
    ]


def latency(plan: Plan) -> list[Row]:
    """Time from sending a POST Reset to reading the monitor's final answer, one at a time."""
    count = 20 * plan.rounds
    with targets.stack() as stack:
        stack.reset_once()
        taken = sorted(1000 * stack.reset_timed()[1] for _ in range(count))
    note = f"{count} resets, monitor polled without pause"
    return [
        Row("create_to_completed_p50", statistics.median(taken), "ms", note=note),
        Row("create_to_completed_p95", taken[int(0.95 * count)], "ms", note=note),
    ]


def store_bytes(plan: Plan) -> list[Row]:
    """What one more finished task costs the store.

    The stream of events is capped and is told apart.
    """
    count = 200 * plan.rounds
    with targets.stack() as stack:
        # Tables that grow in steps shall have grown.
        _fill(plan, stack, stack.reset_once(), 2000)
        used, events = stack.memory()
        for _ in range(count):
            stack.reset_once()
        used_then, events_then = stack.memory()
    each_event = (events_then - events) / count
    each = (used_then - used) / count - each_event
    note = f"{count} resets run by the worker; {each_event:.0f} B more on the stream until its cap"
    return [Row("store_bytes_per_finished_task", each, "B", 1500, at_least=False, note=note)]


def flatness(plan: Plan) -> list[Row]:
    """The same operations at each size of the store, as ratio of time to the smallest."""
    with ExitStack() as running:
        urls: dict[int, str] = {}
        uris: dict[int, str] = {}
        for size in plan.sizes:
            urls[size] = running.enter_context(targets.store_server())
            with targets.service_on(urls[size]) as stack:
                uris[size] = stack.reset_once()
                _fill(plan, stack, uris[size], size - 1)
                plan.tell(f"{size:,} tasks: {stack.memory()[0] / MEBIBYTE:,.0f} MiB")
        reads = _measure_sizes(plan, urls, uris, evict=False)
        evicts = _measure_sizes(plan, urls, uris, evict=True)
    rows = []
    for name, by_size in {**reads, **evicts}.items():
        first = plan.sizes[0]
        note = ", ".join(f"{s:,}: {1e6 * statistics.median(v):,.0f} us" for s, v in by_size.items())
        for size in plan.sizes[1:]:
            pairs = zip(by_size[size], by_size[first], strict=True)
            value = statistics.median(mine / base for mine, base in pairs)
            rows.append(Row(f"{name}_at_{size}", value, "ratio", 1.3, at_least=False, note=note))
    return rows


def _measure_sizes(
    plan: Plan, urls: dict[int, str], uris: dict[int, str], *, evict: bool
) -> dict[str, dict[int, list[float]]]:
    """Return seconds per operation, by operation and size, one per round; sizes take turns.

    The services run without workers, so that nothing but the request under the clock has work to
    do. A create is an evict when the store is at its cap.
    """
    with ExitStack() as running:
        stacks: dict[int, targets.Stack] = {}
        for size, url in urls.items():
            with targets.service_on(url, None, "--no-worker") as stack:
                count = int(stack.client.get(TASKS).body["Members@odata.count"])
            cap = {"tasks": {"max": count}} if evict else None
            stacks[size] = running.enter_context(targets.service_on(url, cap, "--no-worker"))
        plans: dict[str, Callable[[int], float]] = {
            "get_task": lambda size: seconds_each(stacks[size].get(uris[size]), 100),
            "first_page": lambda size: seconds_each(
                stacks[size].get(TASKS), 30, before=stacks[size].reset()
            ),
            "create": lambda size: seconds_each(stacks[size].reset(), 100),
        }
        if evict:
            plans = {"evict": plans["create"]}
        taken: dict[str, dict[int, list[float]]] = {
            name: {size: [] for size in urls} for name in plans
        }
        for number in range(plan.rounds + 1):
            for name, measure in plans.items():
                for size in urls:
                    each = measure(size)
                    if number:  # the first round warms up
                        taken[name][size].append(each)
        return taken


#: What can be measured, and the names of the rows that come of it (with *: a family of rows).
ROWS: dict[Callable[[Plan], list[Row]], tuple[str, ...]] = {
    task_get: ("task_get_vs_bare", "task_get_vs_bare_body_only"),
    page_get: ("page1000_vs_bare",),
    against_sushy: ("task_get_vs_sushy_emulator", "page1000_vs_sushy_emulator"),
    creates: ("creates_per_second",),
    latency: ("create_to_completed_p50", "create_to_completed_p95"),
    store_bytes: ("store_bytes_per_finished_task",),
    flatness: ("get_task_at_*", "first_page_at_*", "create_at_*", "evict_at_*"),
}
