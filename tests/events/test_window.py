"""The pages of the stream that the deliveries of a process share."""

from __future__ import annotations

import asyncio

import pytest

from odimra.events.model import Event, Rendered
from odimra.events.window import Window
from odimra.store import Store, StoreUnavailable


class Reader:
    """Words events, and remembers how often."""

    def __init__(self) -> None:
        self.worded: list[str] = []

    def __call__(self, event: Event) -> Rendered:
        self.worded.append(event.task)
        return Rendered({"MessageId": "TaskEvent.1.0.TaskStarted"}, event.task, "Task")


async def say(store: Store, *tasks: str) -> list[str]:
    ids = []
    for task in tasks:
        fields = ("message", "TaskStarted", "severity", "OK", "at", "1", "task", task)
        ids.append((await store.call("XADD", store.keys.events, "*", *fields)).decode())
    return ids


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def window(store: Store, reader: Reader) -> Window:
    return Window(store, reader, batch=3, pages=2)


async def test_all_who_ask_at_once_share_one_reading(
    store: Store, window: Window, reader: Reader
) -> None:
    ids = await say(store, "a", "b", "c", "d")
    pages = await asyncio.gather(*(window.after(ids[0]) for _ in range(50)))
    assert all(page is pages[0] for page in pages)
    assert [event.id for event, _ in pages[0].events] == ids[1:]
    assert reader.worded == ["b", "c", "d"]


async def test_a_page_that_was_not_full_is_read_again_when_the_stream_has_grown(
    store: Store, window: Window
) -> None:
    ids = await say(store, "a", "b")
    assert len((await window.after(ids[0])).events) == 1
    ids += await say(store, "c")
    assert len((await window.after(ids[0])).events) == 1
    window.grown()
    assert [event.id for event, _ in (await window.after(ids[0])).events] == ids[1:]


async def test_a_full_page_stays(store: Store, window: Window, reader: Reader) -> None:
    ids = await say(store, "a", "b", "c", "d", "e")
    first = await window.after(ids[0])
    assert first.full
    window.grown()
    assert await window.after(ids[0]) is first
    assert reader.worded == ["b", "c", "d"]


async def test_no_more_pages_are_kept_than_said(
    store: Store, window: Window, reader: Reader
) -> None:
    ids = await say(store, *"abcdefg")
    for start in (0, 1, 2):
        await window.after(ids[start])
    await window.after(ids[2])
    assert len(reader.worded) == 9
    await window.after(ids[0])
    assert len(reader.worded) == 12


async def test_a_reading_that_failed_is_tried_again(
    store: Store, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await say(store, "a", "b")

    async def away(*args: object, **values: object) -> None:
        raise StoreUnavailable(1)

    with monkeypatch.context() as broken:
        broken.setattr(Store, "script", away)
        with pytest.raises(StoreUnavailable):
            await window.after(ids[0])
    assert len((await window.after(ids[0])).events) == 1


async def test_who_is_cancelled_takes_it_from_nobody(store: Store, window: Window) -> None:
    ids = await say(store, "a", "b")
    first = asyncio.create_task(window.after(ids[0]))
    other = asyncio.create_task(window.after(ids[0]))
    await asyncio.sleep(0)
    first.cancel()
    assert len((await other).events) == 1


async def test_history_that_is_gone_is_known(store: Store, window: Window) -> None:
    ids = await say(store, "a", "b", "c")
    assert not (await window.after(ids[0])).gap
    await store.call("XDEL", store.keys.events, ids[0])
    window.grown()
    assert (await window.after(ids[0])).gap
