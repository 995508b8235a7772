"""What is so of the whole service, read from the store when somebody asks; the same for everybody.

All of it is kept or counted where it changes, so that asking costs the same however much there is.
Called by :mod:`.frame`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    SummaryMetricFamily,
)

from odimra.aggregation.sources import Sources
from odimra.events import Streams
from odimra.events.backlog import Backlog, Backlogs
from odimra.store import Store
from odimra.tasks import states
from odimra.tasks.tallies import Tallies, Totals

#: States in which no worker has begun with a task yet.
WAITING = (states.NEW, states.PENDING)


class Facts:
    """Reads what is so."""

    def __init__(
        self,
        store: Store,
        tallies: Tallies,
        backlogs: Backlogs,
        streams: Streams,
        sources: Sources,
    ) -> None:
        self._store = store
        self._tallies = tallies
        self._backlogs = backlogs
        self._streams = streams
        self._sources = sources

    async def read(self) -> list[Metric]:
        """Return all of it. Raises :class:`~odimra.store.StoreUnavailable`."""
        keys = self._store.keys
        counts, totals, backlogs, streams, sources, due, events = await asyncio.gather(
            self._tallies.by_kind_and_state(),
            self._tallies.totals(),
            self._backlogs.all(),
            self._streams.count(),
            self._sources.ids(),
            self._store.call("ZCARD", keys.due),
            self._store.call("XLEN", keys.events),
        )
        return [
            *_tasks(counts),
            *_totals(totals),
            *_backlogs(backlogs),
            _gauge("odimra_event_streams", "Open streams of server-sent events", streams),
            _gauge("odimra_event_subscriptions", "Subscriptions", len(backlogs)),
            _gauge("odimra_events_kept", "Events on the stream, oldest to newest", int(events)),
            _gauge("odimra_sources", "BMCs behind this service", len(sources)),
            _gauge(
                "odimra_queue_handovers",
                "Tasks that have to be handed to a worker, now or later",
                int(due),
            ),
        ]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _tasks(counts: dict[tuple[str, str], int]) -> Iterator[Metric]:
    tasks = GaugeMetricFamily(
        "odimra_tasks", "Top-level tasks that there are", labels=("kind", "state")
    )
    waiting = GaugeMetricFamily(
        "odimra_queue_depth", "Tasks with which no worker has begun yet", labels=("kind",)
    )
    depth = {kind: 0 for kind, _ in counts}
    for (kind, state), number in sorted(counts.items()):
        tasks.add_metric((kind, state), number)
        if state in WAITING:
            depth[kind] += number
    for kind, number in sorted(depth.items()):
        waiting.add_metric((kind,), number)
    yield tasks
    yield waiting


def _totals(totals: Totals) -> Iterator[Metric]:
    began = CounterMetricFamily(
        "odimra_tasks_started", "Tasks with which a worker has begun", labels=("kind",)
    )
    ended = CounterMetricFamily(
        "odimra_tasks_ended", "Tasks that have ended", labels=("kind", "state")
    )
    took = SummaryMetricFamily(
        "odimra_task_duration_seconds",
        "Time from the request to the end of tasks that have ended",
        labels=("kind",),
    )
    for kind, number in sorted(totals.began.items()):
        began.add_metric((kind,), number)
    by_kind: dict[str, int] = {}
    for (kind, state), number in sorted(totals.ended.items()):
        ended.add_metric((kind, state), number)
        by_kind[kind] = by_kind.get(kind, 0) + number
    for kind, number in sorted(by_kind.items()):
        took.add_metric((kind,), number, totals.took_ms.get(kind, 0) / 1000)
    yield from (began, ended, took)


def _backlogs(backlogs: dict[str, Backlog]) -> Iterator[Metric]:
    of = ("subscription",)
    behind = GaugeMetricFamily(
        "odimra_event_backlog",
        "Events that the delivery of a subscription has not come to; no more are counted than some",
        labels=of,
    )
    age = GaugeMetricFamily(
        "odimra_event_backlog_age_seconds", "Time since the oldest of them", labels=of
    )
    failures = GaugeMetricFamily(
        "odimra_event_delivery_failures", "Deliveries that have failed in a row", labels=of
    )
    for name, one in backlogs.items():
        behind.add_metric((name,), one.behind)
        age.add_metric((name,), one.age_ms / 1000)
        failures.add_metric((name,), one.failures)
    yield from (behind, age, failures)
