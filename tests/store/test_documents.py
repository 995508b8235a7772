"""Versioned hashes: two writers of one version cannot both win."""

from __future__ import annotations

import asyncio

import pytest

from odimra.store import (
    Document,
    DocumentExists,
    DocumentMissing,
    LimitReached,
    Store,
    VersionMismatch,
)


@pytest.fixture
def key(store: Store) -> str:
    return store.keys.of("account", "ann")


async def test_a_document_is_created_once(store: Store, key: str) -> None:
    results = await asyncio.gather(
        *(store.documents.create(key, {"n": str(n)}) for n in range(8)), return_exceptions=True
    )
    won = [result for result in results if isinstance(result, Document)]
    assert len(won) == 1
    assert sum(isinstance(result, DocumentExists) for result in results) == 7
    assert await store.documents.read(key) == won[0]
    assert won[0].version == 1


async def test_of_writers_of_one_version_one_wins(store: Store, key: str) -> None:
    await store.documents.create(key, {"n": "0"})
    results = await asyncio.gather(
        *(store.documents.update(key, {"n": str(n)}, expect=[1]) for n in range(1, 9)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Document) for result in results) == 1
    assert sum(isinstance(result, VersionMismatch) for result in results) == 7


async def test_fields_can_go(store: Store, key: str) -> None:
    await store.documents.create(key, {"a": "1", "b": "2"})
    changed = await store.documents.update(key, {"c": "3"}, unset=["a"])
    assert changed.fields == {"b": "2", "c": "3"} and changed.version == 2


async def test_the_index_is_bounded_and_kept(store: Store, key: str) -> None:
    index = store.keys.index("accounts")
    await store.documents.create(key, {}, index=index, member="ann", score=2, limit=1)
    refused = store.keys.of("account", "bob")
    with pytest.raises(LimitReached):
        await store.documents.create(refused, {}, index=index, member="bob", limit=1)
    assert await store.documents.read(refused) is None
    assert await store.documents.members(index) == ["ann"]
    assert await store.documents.delete(key, index=index, member="ann", expect=[1])
    assert await store.documents.count(index) == 0
    assert not await store.documents.delete(key)


async def test_counters_change_with_the_document_or_not_at_all(store: Store, key: str) -> None:
    counters = store.keys.of("setting", "counters")
    touch = [(counters, "n", 1)]
    await store.documents.create(key, {}, touch=touch)
    with pytest.raises(DocumentExists):
        await store.documents.create(key, {}, touch=touch)
    with pytest.raises(VersionMismatch):
        await store.documents.update(key, {}, expect=[5], touch=touch)
    with pytest.raises(VersionMismatch):
        await store.documents.delete(key, expect=[5], touch=touch)
    await store.documents.update(key, {}, touch=touch)
    await store.documents.delete(key, touch=[(counters, "n", -1)])
    assert await store.call("HGET", counters, "n") == b"1"


async def test_a_missing_document_is_said_to_be_missing(store: Store, key: str) -> None:
    with pytest.raises(DocumentMissing):
        await store.documents.update(key, {"a": "1"})


async def test_a_document_may_expire(store: Store, key: str) -> None:
    await store.documents.create(key, {"a": "1"}, ttl_ms=60_000)
    assert 0 < await store.call("PTTL", key) <= 60_000
    await store.documents.update(key, {"a": "2"}, ttl_ms=10)
    async with asyncio.timeout(5):
        while await store.documents.read(key) is not None:
            await asyncio.sleep(0.005)


def test_what_a_document_holds_is_not_in_its_repr() -> None:
    assert "hunter2" not in repr(Document({"password": "hunter2"}, 1))
