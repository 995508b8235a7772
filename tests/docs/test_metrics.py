"""docs/metrics.md and the dashboard name metrics that there are, and all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from aiohttp import web

from odimra import measures
from odimra.aggregation.sources import Sources
from odimra.events import StreamOptions, Streams, SubscriptionOptions, Subscriptions
from odimra.events.backlog import Backlogs
from odimra.metrics import frame
from odimra.metrics.board import Board
from odimra.metrics.facts import Facts
from odimra.metrics.frame import Watching
from odimra.store import Store
from odimra.tasks import Tasks
from odimra.tasks.tallies import Tallies
from tests.fakes import FakeClock

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")
BOARD = ROOT / "docs" / "grafana" / "odimra.json"
PARTS = re.compile(r"_(bucket|count|sum)$")


def documented() -> dict[str, set[str]]:
    """Return the metrics of the page's tables with the labels that it names."""
    found = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and re.match(r"`(odimra|process)_", cells[0]):
            for name in re.findall(r"`([a-z_]+)`", cells[0]):
                found[name] = set(re.findall(r"`([a-z_]+)`", cells[2]))
    return found


def families(store: Store, tasks: Tasks) -> Facts:
    clock = FakeClock()
    subscriptions = Subscriptions(store, SubscriptionOptions(), clock)
    streams = Streams(store, StreamOptions(), clock)
    return Facts(store, Tallies(tasks), Backlogs(store, subscriptions), streams, Sources(store))


def shown(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" and not name.endswith("_total") else name


async def test_every_metric_is_told_and_no_other(store: Store, tasks: Tasks) -> None:
    every = [*await families(store, tasks).read(), *Board(store, name="api-0@h/1").own()]
    served = {shown(one.name, one.type) for one in every}
    served |= {"odimra_info", "odimra_store_up"}
    assert served == set(documented())


def test_labels_are_told() -> None:
    for metric in (
        measures.REQUESTS,
        measures.WAITS,
        measures.DELIVERIES,
        measures.BMC_REQUESTS,
        measures.ROUND_TRIPS,
        measures.LAG,
    ):
        assert documented()[metric._name] == set(metric._labelnames)
    assert documented()["odimra_http_untimed_requests_total"] == set(measures.UNTIMED._labelnames)


def test_the_dashboard_shows_metrics_that_there_are() -> None:
    board = json.loads(BOARD.read_text("utf-8"))
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    named = {
        PARTS.sub("", name) if PARTS.sub("", name) in documented() else name
        for text in expressions
        for name in re.findall(r"\b(?:odimra|process)_\w+", text)
    }
    assert named - set(documented()) == set()
    # Whatever is counted is drawn, but for what the dashboard's own title says.
    unseen = {name for name in documented() if name.startswith("odimra_")} - named
    assert unseen == {
        "odimra_info",
        "odimra_store_up",
        "odimra_queue_handovers",
        "odimra_event_subscriptions",
        "odimra_event_streams",
        "odimra_events_kept",
        "odimra_http_untimed_requests_total",
    }
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)
    assert all(panel["datasource"]["uid"] == "${source}" for panel in board["panels"])


def test_every_path_is_told() -> None:
    app = web.Application()
    Watching(None, None, None, None, None).mount(app)  # type: ignore[arg-type]
    paths = {resource.canonical for resource in app.router.resources()}
    assert paths == {frame.METRICS, frame.HEALTH, frame.READY}
    told = re.findall(r"^\| `(/[a-z]+)` \| GET", PAGE, re.MULTILINE)
    assert set(told) == paths
