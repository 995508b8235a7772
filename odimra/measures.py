"""What a process measures of itself: requests, round trips to the store, runs, calls to BMCs.

Each is a metric of prometheus_client, in a registry of this process. Whoever does the work observes
it here; :mod:`odimra.metrics` tells it. Must never import a room. docs/metrics.md has them all.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry(auto_describe=False)
ProcessCollector(registry=REGISTRY)

#: Seconds: what is answered from memory, from the store, and what waits for somebody else.
QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LONG = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)

REQUESTS = Histogram(
    "odimra_http_request_duration_seconds",
    "Requests by method, route and status, and how long they took until their answer was there",
    ("method", "route", "status"),
    buckets=QUICK,
    registry=REGISTRY,
)
UNTIMED = Counter(
    "odimra_http_untimed_requests",
    "Requests without a time: streams, which end when somebody leaves, and what is no HTTP",
    ("method", "route", "status"),
    registry=REGISTRY,
)
ROUND_TRIPS = Histogram(
    "odimra_store_round_trip_duration_seconds",
    "Pipelines sent to the store, and how long they took",
    buckets=QUICK,
    registry=REGISTRY,
)
COMMANDS = Counter(
    "odimra_store_commands", "Commands sent to the store in pipelines", registry=REGISTRY
)
STORE_FAILURES = Counter(
    "odimra_store_failures", "Pipelines that the store did not answer", registry=REGISTRY
)
WAITS = Histogram(
    "odimra_task_wait_duration_seconds",
    "Tasks that a worker took for the first time, and how long they had waited, by kind",
    ("kind",),
    buckets=SLOW,
    registry=REGISTRY,
)
SLOTS = Gauge("odimra_worker_slots", "Tasks that this worker may run at a time", registry=REGISTRY)
SLOTS_BUSY = Gauge(
    "odimra_worker_slots_busy", "Tasks that this worker runs at this moment", registry=REGISTRY
)
DELIVERIES = Histogram(
    "odimra_event_delivery_duration_seconds",
    "Payloads posted to subscribers, by outcome (ok, failed), and how long that took",
    ("outcome",),
    buckets=SLOW,
    registry=REGISTRY,
)
BMC_REQUESTS = Histogram(
    "odimra_bmc_request_duration_seconds",
    "Requests to BMCs by method and outcome (2xx to 5xx, unreachable, bad), and how long they took",
    ("method", "outcome"),
    buckets=SLOW,
    registry=REGISTRY,
)
BREAKERS = Gauge(
    "odimra_bmc_breakers_open",
    "BMCs that this process leaves alone because they do not answer",
    registry=REGISTRY,
)
LAG = Histogram(
    "odimra_event_loop_lag_seconds",
    "How late the event loop was, looked at four times in a second",
    buckets=QUICK,
    registry=REGISTRY,
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: The route of what was answered without one: every other name would be the client's choice.
UNMATCHED = "unmatched"

_requests: dict[tuple[str, str, int], Histogram] = {}

#: How this process is called, among those of its host; set where it begins.
process = "process"


def request(method: str, route: str, status: int, seconds: float | None) -> None:
    """Note a request; without ``seconds`` one of which it cannot be said how long it took."""
    if seconds is None:
        UNTIMED.labels(method if method in METHODS else "other", route, str(status)).inc()
        return
    key = (method, route, status)
    one = _requests.get(key)
    if one is None:
        named = method if method in METHODS else "other"
        one = _requests[key] = REQUESTS.labels(named, route, str(status))
        if len(_requests) > 10_000:  # methods are the client's choice
            _requests.clear()
    one.observe(seconds)


async def watch_loop(every: float = 0.25) -> None:
    """Observe until cancelled how late the event loop is."""
    while True:
        began = perf_counter()
        await asyncio.sleep(every)
        LAG.observe(max(0.0, perf_counter() - began - every))
