"""The rows about events: how many reach their subscribers, and what that costs a task.

The yardsticks send the very bytes that the service sent. A backlog is made while the sending
process is stopped, so that what is timed is the sending and not the making of events.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from redis import Redis

from benchmarks import targets
from benchmarks.load import LOAD_CORE, SERVER_CORE, pinned
from benchmarks.rows import Plan, Row
from tests.support.chaos import processes
from tests.support.http import Client
from tests.support.service import CHECKOUT, clean_environment, free_port

SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions"
STREAM = "{odimra}:events"
#: Events of one round by number of subscribers: a second or two of work each.
EVENTS = {1: 20_000, 10: 5_000, 100: 1_000}
STREAM_URI = "/redfish/v1/EventService/SSE?$filter=RegistryPrefix%20eq%20'TaskEvent'"
READERS = 1_000
STREAMED = 200
PATIENCE = 120.0


@contextmanager
def helper(module: str, *arguments: str, core: int = LOAD_CORE) -> Iterator[Client]:
    """A server of the benchmark, on the load's core unless said; yields a client of it."""
    port = free_port()
    with subprocess.Popen(
        [*pinned(core), sys.executable, "-m", module, str(port), *arguments],
        cwd=CHECKOUT,
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        stdin=subprocess.DEVNULL,
    ) as process:
        try:
            targets.wait_for_port(port, process)
            yield Client(f"http://127.0.0.1:{port}")
        finally:
            process.kill()
            process.wait()


def subscribe(stack: targets.Stack, sink: Client, count: int) -> None:
    """Subscribe the first `count` paths of the sink, and no others."""
    for old in stack.client.get(SUBSCRIPTIONS).body["Members"]:
        stack.client.delete(old["@odata.id"])
    for number in range(count):
        wanted = {
            "Destination": f"{sink.address}/{number}",
            "Protocol": "Redfish",
            "RegistryPrefixes": ["TaskEvent"],
        }
        answer = stack.client.post(SUBSCRIPTIONS, wanted)
        if answer.status != 201:
            raise RuntimeError(f"subscribing answered {answer.status}: {answer.body}")


def say(stack: targets.Stack, count: int) -> None:
    """Put the last event of a task on the stream `count` times more."""
    with Redis.from_url(stack.store_url) as store:
        entries: Any = store.xrevrange(STREAM, count=10_000)
        fields = next(found for _, found in entries if found.get(b"task"))
        pipeline = store.pipeline(transaction=False)
        for _ in range(count):
            pipeline.xadd(STREAM, fields, maxlen=1_000_000)
        pipeline.execute()


@contextmanager
def stopped(stack: targets.Stack, name: str) -> Iterator[None]:
    """Keep a process of the service from running."""
    pid = processes(stack.service, store=False)[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def until_told(sink: Client, events: int) -> float:
    """Return when the sink had heard that many events, in seconds of the monotonic clock."""
    deadline = time.monotonic() + PATIENCE
    while True:
        told = sink.get("/told").body
        if told["events"] >= events:
            if told["events"] > events:
                raise RuntimeError(f"{told['events']} events came, {events} were sent")
            return float(told["at"])
        if time.monotonic() > deadline:
            raise RuntimeError(f"{told['events']} of {events} events came")
        time.sleep(0.05)


def push_round(stack: targets.Stack, sink: Client, subscribers: int) -> float:
    """Return the seconds in which the service delivers a backlog to all its subscribers."""
    sink.delete("/")
    with stopped(stack, "events-0"):
        say(stack, EVENTS[subscribers])
        started = time.monotonic()
    return until_told(sink, EVENTS[subscribers] * subscribers) - started


def bare_push_round(sink: Client, subscribers: int, bodies: list[str]) -> float:
    """Return the seconds in which a bare client delivers the same."""
    sink.delete("/")
    port = sink.address.rpartition(":")[2]
    command = [*pinned(SERVER_CORE), sys.executable, "-m", "benchmarks.bare_push"]
    done = subprocess.run(
        [*command, port, str(subscribers)],
        cwd=CHECKOUT,
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        input=json.dumps(bodies),
        capture_output=True,
        text=True,
        check=True,
    )
    return until_told(sink, EVENTS[subscribers] * subscribers) - float(done.stdout)


def push(plan: Plan) -> list[Row]:
    """Events per second to 1, 10 and 100 push subscribers, and a bare client posting the same."""
    rows = []
    with targets.stack() as stack, helper("benchmarks.sink") as sink:
        stack.reset_once()
        for subscribers in EVENTS:
            subscribe(stack, sink, subscribers)
            push_round(stack, sink, subscribers)  # warms up, and shows what is posted
            bodies = sink.get("/bodies").body
            mine, bare = [], []
            for _ in range(plan.rounds):
                mine.append(push_round(stack, sink, subscribers))
                bare.append(bare_push_round(sink, subscribers, bodies))
            events = EVENTS[subscribers] * subscribers
            value = statistics.median(b / m for m, b in zip(mine, bare, strict=True))
            note = (
                f"{events / statistics.median(mine):,.0f} events/s, bare client "
                f"{events / statistics.median(bare):,.0f}/s with the same {len(bodies)} bodies each"
            )
            rows.append(Row(f"push_to_{subscribers}_vs_bare", value, "ratio", note=note))
    return rows


def streams(plan: Plan) -> list[Row]:
    """Events per second to 1,000 SSE connections, and a bare stream of the same frames."""
    with targets.stack() as stack, ExitStack() as running:
        stack.reset_once()
        readers = running.enter_context(
            helper(
                "benchmarks.readers",
                *(stack.service.address.partition("://")[2], STREAM_URI, str(READERS)),
                f"X-Auth-Token: {stack.client.token}",
            )
        )
        _until_open(readers)
        mine, bare = [], []
        stream_round(stack, readers)  # warms up
        for _ in range(plan.rounds):
            mine.append(stream_round(stack, readers))
        frames = [one for one in readers.get("/bodies").body if one.startswith("id:")]
        yardstick = running.enter_context(helper("benchmarks.bare_stream", core=SERVER_CORE))
        others = running.enter_context(
            helper(
                "benchmarks.readers",
                *(yardstick.address.partition("://")[2], "/stream", str(READERS)),
            )
        )
        _until_open(others)
        for _ in range(plan.rounds):
            others.delete("/")
            started = float(yardstick.post("/go", frames).body)
            bare.append(until_told(others, STREAMED * READERS) - started)
    events = STREAMED * READERS
    note = (
        f"{events / statistics.median(mine):,.0f} events/s, bare stream "
        f"{events / statistics.median(bare):,.0f}/s with the same {len(frames)} frames each"
    )
    value = statistics.median(bare) / statistics.median(mine)
    return [Row("sse_to_1000_vs_bare", value, "ratio", note=note)]


def stream_round(stack: targets.Stack, readers: Client) -> float:
    """Return the seconds in which the service sends a backlog to all readers."""
    readers.delete("/")
    with stopped(stack, "api-0"):
        say(stack, STREAMED)
        started = time.monotonic()
    return until_told(readers, STREAMED * READERS) - started


def _until_open(readers: Client) -> None:
    deadline = time.monotonic() + PATIENCE
    while (told := readers.get("/told").body)["open"] < READERS:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {told['open']} of {READERS} streams opened")
        time.sleep(0.1)


def latency(plan: Plan) -> list[Row]:
    """What 100 push subscribers add to the time from a reset's POST to its end."""
    count = 10 * plan.rounds
    with targets.stack() as stack, helper("benchmarks.sink") as sink:
        stack.reset_once()

        def taken() -> list[float]:
            found = []
            for _ in range(count):
                found.append(1000 * stack.reset_timed()[1])
                _quiet(sink)
            return found

        alone, heard = [], []
        for _ in range(2):
            subscribe(stack, sink, 0)
            alone += taken()
            subscribe(stack, sink, 100)
            heard += taken()
    without, with_them = statistics.median(alone), statistics.median(heard)
    note = (
        f"{with_them:.1f} ms against {without:.1f} ms, medians of {2 * count} resets each, one at "
        "a time; service, store and deliveries on one core"
    )
    return [Row("task_latency_with_100_subscribers", with_them / without, "ratio", note=note)]


def _quiet(sink: Client) -> None:
    """Wait until no more events come."""
    before = -1
    while (told := sink.get("/told").body["events"]) != before:
        before = told
        time.sleep(0.1)


ROWS: dict[Callable[[Plan], list[Row]], tuple[str, ...]] = {
    push: ("push_to_*_vs_bare",),
    streams: ("sse_to_1000_vs_bare",),
    latency: ("task_latency_with_100_subscribers",),
}
