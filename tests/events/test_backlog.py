"""How far deliveries are behind, and what went wrong last."""

from __future__ import annotations

import pytest

from odimra.events import backlog
from odimra.events.backlog import Backlog, Backlogs
from odimra.tasks import Tasks, states
from tests.events.conftest import Sink, Stand
from tests.fakes import FakeClock
from tests.tasks.conftest import bring


def backlogs(stand: Stand) -> Backlogs:
    return Backlogs(stand.store, stand.subscriptions)


async def test_what_is_delivered_is_behind_no_more(stand: Stand, sink: Sink, tasks: Tasks) -> None:
    one = await stand.subscribe(sink.url)
    assert (await backlogs(stand).all())[one.id] == Backlog(0, False, 0, 0, 0, "", 0, False)
    await bring(tasks, states.COMPLETED)
    before = (await backlogs(stand).all())[one.id]
    assert before.behind >= 2 and not before.more and not before.held
    stand.push()
    await stand.until(lambda: len(sink.records) >= 2)

    async def caught_up() -> bool:
        found = (await backlogs(stand).all())[one.id]
        return found.behind == 0 and found.held

    await stand.until(caught_up)


async def test_why_a_delivery_failed_is_kept(
    stand: Stand, sink: Sink, tasks: Tasks, clock: FakeClock
) -> None:
    sink.always = 503
    one = await stand.subscribe(sink.url, policy="RetryForever")
    await bring(tasks, states.COMPLETED)
    stand.push()

    async def failed() -> bool:
        return (await backlogs(stand).all())[one.id].failures == 1

    await stand.until(failed)
    found = (await backlogs(stand).all())[one.id]
    assert "503" in found.wrong and found.wrong_at <= clock.now_ms() < found.retry_at
    assert found.behind >= 2 and found.held


async def test_the_age_grows_until_it_is_delivered(stand: Stand, sink: Sink, tasks: Tasks) -> None:
    one = await stand.subscribe(sink.url)
    await bring(tasks, states.RUNNING)

    async def older() -> bool:
        return (await backlogs(stand).all())[one.id].age_ms >= 50

    assert (await backlogs(stand).all())[one.id].age_ms < 10_000
    await stand.until(older)
    stand.push()

    async def none() -> bool:
        return (await backlogs(stand).all())[one.id].age_ms == 0

    await stand.until(none)


async def cursor(stand: Stand, subscription_id: str) -> str:
    key = stand.subscriptions.delivery(subscription_id)
    return str((await stand.store.call("HGET", key, "cursor")).decode())


async def test_places_on_the_stream_are_counted_together_and_not_for_ever(
    stand: Stand, sink: Sink, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The truth of each is what is on the stream behind its place."""
    subscriptions = []
    for _ in range(3):
        subscriptions.append(await stand.subscribe(sink.url))
        await bring(tasks, states.COMPLETED)
    events = tasks.store.keys.events
    truth = {}
    for one in subscriptions:
        behind = await tasks.store.call("XRANGE", events, f"({await cursor(stand, one.id)}", "+")
        truth[one.id] = len(behind)
    found = await backlogs(stand).all()
    assert {name: one.behind for name, one in found.items()} == truth
    assert not any(one.more for one in found.values())
    most = truth[subscriptions[1].id]
    monkeypatch.setattr(backlog, "MOST", most)
    found = await backlogs(stand).all()
    assert [(found[one.id].behind, found[one.id].more) for one in subscriptions] == [
        (most, True),
        (most, False),
        (truth[subscriptions[2].id], False),
    ]
