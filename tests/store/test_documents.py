"""Versioned hashes: two writers of one version cannot both win."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from odimra.store import (
    CHANGED,
    CREATED,
    REMOVED,
    Document,
    DocumentExists,
    DocumentMissing,
    Kept,
    LimitReached,
    News,
    Store,
    VersionMismatch,
)
from tests.support.news import News as Stream


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
    async with asyncio.timeout(30):
        while await store.documents.read(key) is not None:
            await asyncio.sleep(0.005)


def test_what_a_document_holds_is_not_in_its_repr() -> None:
    assert "hunter2" not in repr(Document({"password": "hunter2"}, 1))


async def test_a_change_is_told_by_the_step_that_makes_it(store: Store, key: str) -> None:
    news = Stream(store)

    def about(message: str) -> News:
        return News(message, "ManagerAccount", "ann", "ann")

    await store.documents.create(key, {"a": "1"}, news=about(CREATED))
    assert await news.told() == [("Created", "ManagerAccount", "ann", "ann")]
    await store.documents.update(key, {"a": "2"}, news=about(CHANGED))
    assert await news.told() == [("Changed", "ManagerAccount", "ann", "ann")]
    for refused in (
        store.documents.create(key, {}, news=about(CREATED)),
        store.documents.update(key, {"a": "3"}, expect=[1], news=about(CHANGED)),
        store.documents.update(f"{key}x", {"a": "3"}, news=about(CHANGED)),
        store.documents.delete(key, expect=[1], news=about(REMOVED)),
    ):
        with pytest.raises((DocumentExists, DocumentMissing, VersionMismatch)):
            await refused
    assert await news.told() == []
    assert await store.documents.delete(key, news=about(REMOVED))
    assert not await store.documents.delete(key, news=about(REMOVED))
    assert await news.told() == [("Removed", "ManagerAccount", "ann", "ann")]


async def test_what_changes_nothing_is_no_new_version_and_no_news(store: Store, key: str) -> None:
    stream, news = Stream(store), News(CHANGED, "TaskService")
    first = await store.documents.create(key, {"a": "1"})
    same = await store.documents.update(key, {"a": "1"}, unset=["b"], news=news)
    assert same == first
    # A field that is not stored is what the caller takes it for.
    assert await store.documents.update(key, {"c": "x"}, absent={"c": "x"}, news=news) == first
    assert await stream.told() == []
    gone = await store.documents.update(key, {"a": "1"}, unset=["a"], news=news)
    assert (gone.fields, gone.version) == ({}, 2)
    assert (await store.documents.update(key, {"c": "y"}, absent={"c": "x"})).version == 3
    assert await stream.told() == [("Changed", "TaskService", "", "")]


@dataclass(frozen=True)
class Knobs:
    volume: int = 5
    loud: int | bool | None = None
    version: int = 0


async def test_settings_tell_when_they_change_and_only_then(store: Store) -> None:
    stream = Stream(store)
    kept = Kept(store, "knobs", Knobs(), resource_type="TaskService")
    before = await kept.read()
    assert await kept.write({"volume": 5, "loud": None}, expect={before.version}) == before
    assert not await store.call("EXISTS", store.keys.of("setting", "knobs"))
    with pytest.raises(VersionMismatch):
        await kept.write({"volume": 5}, expect={before.version + 1})
    assert await stream.told() == []
    first = await kept.write({"volume": 6})
    assert await kept.write({"volume": 6}) == first
    assert await stream.told() == [("Changed", "TaskService", "", "")]
    # Not the same, though Python holds them equal.
    await kept.write({"loud": True})
    assert (await kept.write({"loud": 1})).loud is not True
    assert await stream.told() == [("Changed", "TaskService", "", "")] * 2
