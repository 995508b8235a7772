"""The processes that deliver: what breaks in one, who is told to stop, what is overtaken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from odimra.events import Push
from odimra.events.model import FOREVER, TERMINATE
from odimra.store import StoreUnavailable
from odimra.tasks import Tasks, states
from tests.events.conftest import Sink, Stand
from tests.tasks.conftest import bring

MakeSink = Callable[[], Awaitable[Sink]]


async def test_what_broke_in_one_process_is_left_to_another(
    stand: Stand,
    sink: Sink,
    make_sink: MakeSink,
    tasks: Tasks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = await make_sink()
    subscription = await stand.subscribe(sink.url, include_origin=True)
    uri = f"/redfish/v1/TaskService/Tasks/{(await bring(tasks, states.CANCELLED)).id}"
    stand.origins[uri] = RuntimeError("broken")
    first = stand.push()
    await stand.until(lambda: "delivery broke" in caplog.text)
    began = stand.clock.now_ms()
    del stand.origins[uri]
    await stand.subscribe(other.url)
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: other.heard == ["TaskCancelled"])
    assert subscription.id not in first.held and sink.tries == 0
    second = stand.push()
    await stand.until(lambda: sink.heard.count("TaskCancelled") == 2)
    assert subscription.id in second.held
    assert stand.clock.now_ms() - began < 15_000


async def test_where_there_is_no_other_process_it_is_tried_again(
    stand: Stand, sink: Sink, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    await stand.subscribe(sink.url, include_origin=True)
    uri = f"/redfish/v1/TaskService/Tasks/{(await bring(tasks, states.CANCELLED)).id}"
    stand.origins[uri] = RuntimeError("broken")
    stand.push()
    await stand.until(lambda: "delivery broke" in caplog.text)
    del stand.origins[uri]
    stand.clock.advance(15)
    await stand.until(lambda: sink.heard == ["TaskCancelled"])


async def test_nobody_is_taken_while_the_store_is_away(
    stand: Stand,
    sink: Sink,
    tasks: Tasks,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await stand.subscribe(sink.url)
    await bring(tasks, states.CANCELLED)

    async def away(*args: object) -> list[str]:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(stand.subscriptions, "ids", away)
        push = stand.push()
        await stand.until(lambda: caplog.text.count("push waits for the store") >= 2)
        assert not push.held
    await stand.until(lambda: sink.heard == ["TaskCancelled"])


async def test_a_process_that_is_cut_off_gives_its_leases_back(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    subscription = await stand.subscribe(sink.url)
    stuck = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        stuck.set()
        await asyncio.Event().wait()
        raise AssertionError

    sink.answers.append(hang)
    stand.push()
    await bring(tasks, states.CANCELLED)
    await stand.until(stuck.is_set)
    ((_, running),) = stand._running
    stand._running.clear()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not await stand.store.call("EXISTS", stand.subscriptions.lease(subscription.id))
    stand.push()
    await stand.until(lambda: sink.heard == ["TaskCancelled"])


async def test_a_policy_that_was_changed_a_moment_ago_is_the_one_that_acts(
    stand: Stand, sink: Sink, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = await stand.subscribe(sink.url, policy=TERMINATE)
    delete, tried = stand.subscriptions.delete, []

    async def late(subscription_id: str, **options: Any) -> None:
        tried.append(subscription_id)
        await stand.subscriptions.change(subscription_id, {"policy": FOREVER})
        await delete(subscription_id, **options)

    monkeypatch.setattr(stand.subscriptions, "delete", late)
    sink.answers.extend([500, 500, 500])
    stand.push()
    await bring(tasks, states.CANCELLED)
    for times in (1, 2, 3):
        await stand.until_failed(subscription, times)
        stand.clock.advance(600)
    await stand.until(lambda: "TaskCancelled" in sink.heard)
    assert tried == [subscription.id]
    assert await stand.subscriptions.get(subscription.id) is not None


async def test_what_comes_while_there_seemed_to_be_nothing_waits_for_nothing(
    stand: Stand, sink: Sink, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.subscribe(sink.url)
    # It looks at the stream's end by itself only when the test is over.
    push: Push = stand.push(poll=10_000.0)
    after, came = push._window.after, []

    async def late(cursor: str) -> Any:
        page = await after(cursor)
        if not page.events and not came:
            came.append(await bring(tasks, states.CANCELLED))
            push._window.grown()
            for delivery, _ in push._held.values():
                delivery.grown()
        return page

    monkeypatch.setattr(push._window, "after", late)
    began = stand.clock.now_ms()
    await stand.until(lambda: sink.heard == ["TaskCancelled"])
    assert stand.clock.now_ms() - began < push.options.lease / 3 * 1000


async def test_no_subscriptions_are_no_page(stand: Stand, sink: Sink) -> None:
    subscription = await stand.subscribe(sink.url)
    assert await stand.subscriptions.ids() == [subscription.id]
    assert await stand.subscriptions.ids(0, 0) == [] and await stand.subscriptions.ids(1, 5) == []
    assert await stand.streams.ids(0, 0) == []
