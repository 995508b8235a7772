"""What the library beneath the executor would do by itself, and must not."""

from __future__ import annotations

import asyncio
import logging

import pytest

from odimra.engine.executor import Executor, ExecutorOptions, with_connections
from odimra.store import Store


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("redis://h/0", "redis://h/0?max_connections=7"),
        ("unix:///s?db=1", "unix:///s?db=1&max_connections=7"),
        ("redis://h?max_connections=3", "redis://h?max_connections=3"),
        ("redis+cluster://a,b", "redis+cluster://a,b"),
    ],
)
def test_how_many_connections_are_asked_for(url: str, asked: str) -> None:
    assert with_connections(url, 7) == asked


async def test_many_that_end_at_once_find_connections(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    most, started, go = 256, 0, asyncio.Event()

    async def run(_: str) -> None:
        nonlocal started
        started += 1
        await go.wait()

    options = ExecutorOptions(store.options.url, f"{store.options.namespace}-many", most)
    async with Executor(options, run) as executor:
        stop = asyncio.Event()
        working = asyncio.create_task(executor.work(stop, drain=10))
        executor.submit(f"task{number}.0" for number in range(most))
        async with asyncio.timeout(120):
            while started < most:
                await asyncio.sleep(0.01)
        go.set()
        stop.set()
        await working
    wrong = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert not wrong, wrong[0].exc_text
