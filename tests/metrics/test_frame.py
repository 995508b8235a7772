"""Who may read metrics, and what is said while the store is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from odimra.access import AuthenticationFailed, Principal
from odimra.aggregation.sources import Sources
from odimra.events import StreamOptions, Streams, SubscriptionOptions, Subscriptions
from odimra.events.backlog import Backlogs
from odimra.metrics.board import Board, merged, stored
from odimra.metrics.facts import Facts
from odimra.metrics.frame import EVERYWHERE, LOOPBACK, NOWHERE, MetricsOptions, Watching
from odimra.store import Store, StoreUnavailable
from odimra.tasks import Tasks
from odimra.tasks.tallies import Tallies
from tests.fakes import FakeClock

WATCHER = Principal("watcher", "ReadOnly", frozenset({"Login"}), None, False, "")


class Doorman:
    """Lets in whoever has the right password."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        if basic == ("watcher", "right"):
            return WATCHER
        raise AuthenticationFailed


Make = Callable[..., Awaitable[Any]]


@pytest.fixture
async def make(store: Store, tasks: Tasks, aiohttp_client: Any) -> Make:
    async def made(without_login: str = LOOPBACK, facts: Any = None) -> Any:
        clock = FakeClock()
        subscriptions = Subscriptions(store, SubscriptionOptions(), clock)
        real = Facts(
            store,
            Tallies(tasks),
            Backlogs(store, subscriptions),
            Streams(store, StreamOptions(), clock),
            Sources(store),
        )
        app = web.Application()
        options = MetricsOptions(without_login=without_login, every=1, version="9.9")
        board = Board(store, name="api-0@here/1")
        Watching(board, facts or real, store, Doorman(), options).mount(app)
        return await aiohttp_client(app)

    return made


@pytest.mark.parametrize(
    ("without_login", "host", "credentials", "status"),
    [
        (LOOPBACK, "127.0.0.1", None, 200),
        (LOOPBACK, "192.0.2.7", None, 401),
        (LOOPBACK, "192.0.2.7", ("watcher", "right"), 200),
        (LOOPBACK, "127.0.0.1", ("watcher", "wrong"), 401),
        (EVERYWHERE, "192.0.2.7", None, 200),
        (NOWHERE, "127.0.0.1", None, 401),
        (NOWHERE, "127.0.0.1", ("watcher", "right"), 200),
    ],
)
async def test_who_may_read_metrics(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    without_login: str,
    host: str,
    credentials: tuple[str, str] | None,
    status: int,
) -> None:
    client = await make(without_login)
    monkeypatch.setattr(web.BaseRequest, "remote", property(lambda _: host))
    given = {"Authorization": aiohttp.encode_basic_auth(*credentials)} if credentials else {}
    answer = await client.get("/metrics", headers=given)
    assert answer.status == status
    assert ("odimra_info" in await answer.text()) == (status == 200)


class Away:
    """The store, read while it is away."""

    async def read(self) -> list[Any]:
        raise StoreUnavailable("away")


async def test_without_the_store_a_process_tells_its_own(make: Make) -> None:
    client = await make(facts=Away())
    answer = await client.get("/metrics")
    text = await answer.text()
    assert answer.status == 200
    assert "odimra_store_up 0.0" in text
    assert 'process="api-0"' in text
    assert "odimra_tasks{" not in text


async def test_ready_says_why_not(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await make()
    answer = await client.get("/ready")
    body = await answer.json()
    assert answer.status == 200 and body["processes"]["worker"] == 0 and "worker" in body["warning"]

    async def away(*args: Any, **values: Any) -> Any:
        raise StoreUnavailable("away")

    monkeypatch.setattr(store, "script", away)
    answer = await client.get("/ready")
    assert answer.status == 503
    assert (await answer.json())["reason"] == "the store does not answer"
    assert (await client.get("/health")).status == 200


async def test_processes_are_known_while_they_tell(store: Store) -> None:
    worker, other = Board(store, name="worker-0@a/1"), Board(store, name="api-0@b/2")
    await worker.publish()
    await other.publish()
    assert {(one.name, one.role) for one in await other.alive(10_000)} == {
        ("worker-0@a/1", "worker"),
        ("api-0@b/2", "api"),
    }
    assert await other.alive(-1) == []
    samples = [
        sample
        for family in await other.all()
        if family.name == "odimra_worker_slots"
        for sample in family.samples
    ]
    assert sorted((one.labels["process"], one.labels["host"]) for one in samples) == [
        ("api-0", "b"),
        ("worker-0", "a"),
    ]
    await worker.withdraw()
    assert [one.name for one in await other.alive(10_000)] == ["api-0@b/2"]
    key = store.keys.of("metrics", "of", "api-0@b/2")
    assert 0 < await store.call("TTL", key) <= 60


def test_families_of_processes_become_one(store: Store) -> None:
    own = stored(Board(store, name="api-0@h/1").own())
    assert not any(sample[0].endswith("_created") for one in own for sample in one[3])
    both = merged({"api-0@h/1": own}, {"api-1@h/1": orjson.dumps(own)})
    names = [one.name for one in both]
    assert len(names) == len(set(names)) == len(own)
    for one in both:
        keys = [(s.name, tuple(sorted(s.labels.items()))) for s in one.samples]
        assert len(keys) == len(set(keys))
