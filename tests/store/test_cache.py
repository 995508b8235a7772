"""The cache never tells what is no longer so."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from odimra.store import Store, StoreOptions
from odimra.store.cache import VARIANTS, ReadCache
from tests.store.conftest import Server


@pytest.fixture
async def other(store: Store) -> AsyncIterator[Store]:
    """Another process's view of the same keys."""
    opened = await Store.open(store.options)
    yield opened
    await opened.close()


async def read(store: Store, key: str) -> bytes | None:
    async def load() -> bytes | None:
        found: bytes | None = await store.call("GET", key)
        return found

    return await store.cached(key, "value", load)


async def until_forgotten(store: Store, key: str) -> None:
    async with asyncio.timeout(30):
        while store.peek(key, "value") is not None:
            await asyncio.sleep(0)


async def test_what_was_read_is_kept(store: Store) -> None:
    key = store.keys.task("1")
    await store.call("SET", key, "a")
    assert await read(store, key) == b"a"
    assert store.peek(key, "value") == b"a"


async def test_another_process_s_write_drops_the_copy(store: Store, other: Store) -> None:
    key = store.keys.task("1")
    await store.call("SET", key, "a")
    await read(store, key)
    await other.call("SET", key, "b")
    await until_forgotten(store, key)
    assert await read(store, key) == b"b"


async def test_a_process_reads_its_own_writes(store: Store) -> None:
    key = store.keys.of("account", "1")
    for number in range(50):
        if number == 0:
            await store.documents.create(key, {"n": "0"})
        else:
            await store.documents.update(key, {"n": str(number)})
        found = await store.documents.read(key)
        assert found is not None and found.fields == {"n": str(number)}


async def test_a_read_that_a_write_overtook_is_not_kept(store: Store) -> None:
    key = store.keys.task("1")
    release = asyncio.Event()

    async def load() -> str:
        await release.wait()
        return "old"

    reading = asyncio.ensure_future(store.cached(key, "value", load))
    await asyncio.sleep(0)
    store.forget(key)
    release.set()
    assert await reading == "old"
    assert store.peek(key, "value") is None


async def test_one_load_serves_all_who_wait_for_it(store: Store) -> None:
    key = store.keys.task("1")
    loads = 0

    async def load() -> str:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0)
        return "x"

    first = asyncio.ensure_future(store.cached(key, "value", load))
    others = [asyncio.ensure_future(store.cached(key, "value", load)) for _ in range(9)]
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*others) == ["x"] * 9
    assert loads == 1


async def test_keys_that_are_not_tracked_are_not_kept(store: Store) -> None:
    key = store.keys.of("untracked", "1")
    await store.call("SET", key, "a")
    assert await read(store, key) == b"a"
    assert store.peek(key, "value") is None


async def test_a_key_that_expires_is_forgotten(store: Store) -> None:
    key = store.keys.of("session", "1")
    await store.call("SET", key, "a", "PX", 30)
    await read(store, key)
    await until_forgotten(store, key)
    assert await read(store, key) is None


async def test_without_the_server_s_push_nothing_is_kept(server: Server) -> None:
    store = await Store.open(StoreOptions(server.url))
    key = store.keys.task("1")
    await store.call("SET", key, "a")
    await read(store, key)
    server.kill()
    async with asyncio.timeout(30):
        while store.cache.enabled:
            await asyncio.sleep(0.01)
    assert store.peek(key, "value") is None
    server.start()
    async with asyncio.timeout(30):
        while not store.cache.enabled:
            await asyncio.sleep(0.01)
    assert await read(store, key) == b"a"
    assert store.peek(key, "value") == b"a"
    await store.close()


async def test_flushing_the_server_empties_the_cache(server: Server) -> None:
    store = await Store.open(StoreOptions(server.url))
    key = store.keys.task("1")
    await store.call("SET", key, "a")
    await read(store, key)
    await store.call("FLUSHALL")
    await until_forgotten(store, key)
    await store.close()


async def test_no_cache_when_it_is_switched_off(valkey: str) -> None:
    store = await Store.open(StoreOptions(valkey, namespace="off", cache_entries=0))
    await read(store, store.keys.task("1"))
    assert not store.cache.enabled
    await store.close()


def test_the_least_used_leaves_first() -> None:
    cache = ReadCache(2)
    cache.enable()
    for key in ("a", "b"):
        cache._entries[key] = {None: key}
    cache.peek("a")
    asyncio.run(_fill(cache, "c"))
    assert [cache.peek(key) for key in ("a", "b", "c")] == ["a", None, "c"]


def test_the_variants_of_one_key_are_bounded() -> None:
    cache = ReadCache(2)
    cache.enable()

    async def fill() -> None:
        for number in range(VARIANTS + 5):
            await cache.read("a", number, _value)

    asyncio.run(fill())
    assert len(cache._entries["a"]) == VARIANTS
    assert cache.peek("a", 0) is None


async def _value() -> str:
    return "c"


async def _fill(cache: ReadCache, key: str) -> None:
    await cache.read(key, None, _value)


async def test_readers_never_see_a_value_older_than_an_acknowledged_write_for_long(
    store: Store, other: Store
) -> None:
    """Under a storm of writes each reader only ever moves forward, and ends at the last value."""
    keys = [store.keys.task(str(number)) for number in range(5)]
    for key in keys:
        await store.call("SET", key, 0)
    chance = random.Random(7)
    done = False

    async def write() -> None:
        nonlocal done
        for number in range(1, 400):
            await other.call("SET", chance.choice(keys), number)
        done = True

    async def look() -> None:
        last = dict.fromkeys(keys, -1)
        while not done:
            key = chance.choice(keys)
            value = int(await read(store, key) or 0)
            assert value >= last[key]
            last[key] = value
            await asyncio.sleep(0)

    await asyncio.gather(write(), look(), look())
    await other.call("PING")
    async with asyncio.timeout(30):
        for key in keys:
            while await read(store, key) != await other.call("GET", key):
                await asyncio.sleep(0)
