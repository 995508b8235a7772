"""The store as its users see it: fast while it is there, clear while it is not."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from odimra.store import Script, Store, StoreError, StoreOptions, StoreUnavailable
from odimra.store.connect import BadStoreUrl, ConnectOptions, connect
from tests.store.conftest import Server

ECHO = Script("return {KEYS[1], ARGV[1]}")


async def test_concurrent_commands_travel_together(store: Store) -> None:
    async def processed() -> int:
        return int((await store.call("INFO", "stats"))["total_reads_processed"])

    before = await processed()
    replies = await asyncio.gather(*(store.call("ECHO", number) for number in range(400)))
    assert replies == [str(number).encode() for number in range(400)]
    # One read for the pipeline, some for the heartbeats of the cache; 400 if each went alone.
    assert await processed() - before < 40


async def test_replies_go_to_who_asked_also_when_some_fail(store: Store) -> None:
    key = store.keys.of("x", "1")
    await store.call("SET", key, "a")
    replies = await asyncio.gather(
        store.call("GET", key),
        store.call("HGET", key, "f"),
        store.call("STRLEN", key),
        return_exceptions=True,
    )
    assert replies[0] == b"a" and replies[2] == 1
    assert isinstance(replies[1], StoreError) and "WRONGTYPE" in str(replies[1])


async def test_a_reader_that_gives_up_takes_nothing_from_the_others(store: Store) -> None:
    impatient = asyncio.ensure_future(store.call("ECHO", "a"))
    patient = asyncio.ensure_future(store.call("ECHO", "b"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == b"b"


async def test_more_callers_than_lanes_wait_their_turn(server: Server) -> None:
    store = await Store.open(StoreOptions(server.url, connections=1))
    replies = await asyncio.gather(*(store.call("ECHO", n) for n in range(3000)))
    assert len(replies) == 3000
    await store.close()


async def test_a_script_runs_although_the_server_forgot_it(store: Store) -> None:
    key = store.keys.of("x", "1")
    assert await store.script(ECHO, keys=[key], args=["a"]) == [key.encode(), b"a"]
    await store.call("SCRIPT", "FLUSH")
    assert await store.script(ECHO, keys=[key], args=["b"]) == [key.encode(), b"b"]


async def test_a_frozen_server_is_unavailable_within_a_second_and_heals(server: Server) -> None:
    store = await Store.open(StoreOptions(server.url, timeout=0.5))
    await store.call("SET", "a", "1")
    server.signal(signal.SIGSTOP)
    started = time.monotonic()
    results = await asyncio.gather(
        *(store.call("GET", "a") for _ in range(50)), return_exceptions=True
    )
    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert time.monotonic() - started < 1.0
    server.signal(signal.SIGCONT)
    assert await store.call("GET", "a") == b"1"
    await store.close()


async def test_a_server_that_went_and_came_back_is_used_again(server: Server) -> None:
    store = await Store.open(StoreOptions(server.url, timeout=0.5))
    await store.call("SET", "a", "1")
    server.kill()
    with pytest.raises(StoreUnavailable):
        await store.call("GET", "a")
    server.start()
    assert await store.call("GET", "a") == b"1"
    await store.close()


async def test_a_store_opens_while_the_server_is_away(server: Server) -> None:
    server.kill()
    store = await Store.open(StoreOptions(server.url, timeout=0.5))
    assert not store.cache.enabled
    with pytest.raises(StoreUnavailable):
        await store.call("PING")
    server.start()
    assert await store.call("PING") in (b"PONG", True)
    await store.close()


async def test_a_server_that_refuses_writes_is_unavailable(server: Server) -> None:
    store = await Store.open(StoreOptions(server.url))
    await store.call("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreUnavailable):
        await store.call("SET", "a", "1")
    await store.close()


async def test_closing_tells_those_who_wait(server: Server) -> None:
    store = await Store.open(StoreOptions(server.url))
    server.signal(signal.SIGSTOP)
    waiting = asyncio.ensure_future(store.call("GET", "a"))
    await asyncio.sleep(0.01)
    server.signal(signal.SIGCONT)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await waiting


@pytest.mark.parametrize(
    "url",
    ["", "http://x", "redis+sentinel://h:1", "redis+cluster://", "redis+sentinel:///name"],
)
def test_a_url_that_cannot_be_understood_is_said_to_be_so(url: str) -> None:
    with pytest.raises(BadStoreUrl):
        connect(ConnectOptions(url))
