"""What the store knows of listening to BMCs is changed by who may, and by nobody else."""

from __future__ import annotations

import pytest

from odimra.aggregation.listening.ledger import Entry, HoldingLost, Ledger, digest
from odimra.store import Store
from tests.support.news import News

ID = "3f2a9c0d1b7e"
EVENT = Entry("A", "B", "OK", "Chassis", {"MessageId": "A.1.0.B"}, digest="d", keep_ms=60_000)


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)


async def test_a_source_is_held_by_one(ledger: Ledger) -> None:
    assert await ledger.take("one", 100, 2, ["a", "b", "c"]) == ["a", "b"]
    assert await ledger.take("two", 100, 5, ["a", "b", "c"]) == ["c"]
    assert await ledger.keep("one", 100, ["a", "c"]) == ["c"]
    await ledger.drop("one", "c")
    assert await ledger.take("three", 100, 5, ["a", "c"]) == []
    await ledger.drop("one", "a")
    assert await ledger.take("three", 100, 5, ["a"]) == ["a"]


async def test_a_lease_that_has_run_out_is_anybodys(ledger: Ledger) -> None:
    assert await ledger.take("one", -1, 5, ["a"]) == ["a"]
    # While nobody has come it can go on.
    assert await ledger.keep("one", -1, ["a"]) == []
    assert await ledger.take("two", 100, 5, ["a"]) == ["a"]
    assert await ledger.keep("one", 100, ["a"]) == ["a"]


async def test_who_holds_nothing_writes_nothing(ledger: Ledger, store: Store) -> None:
    await ledger.take("one", 100, 1, [ID])
    with pytest.raises(HoldingLost):
        await ledger.note("two", ID, uri="/x")
    with pytest.raises(HoldingLost):
        await ledger.watched("two", ID, {"/a": "[]"}, [], [EVENT])
    assert (await ledger.read(ID)).uri == "" and await ledger.seen(ID) == {}
    assert await News(store).events() == []
    await ledger.note("one", ID, uri="/x", secret=digest("s"))
    await ledger.watched("one", ID, {"/a": "[]", "/b": "[]"}, ["/b"], [EVENT])
    assert (await ledger.read(ID)).uri == "/x" and await ledger.seen(ID) == {"/a": "[]"}
    assert len(await News(store).events()) == 1


async def test_a_secret_that_was_changed_meanwhile_is_none(ledger: Ledger, store: Store) -> None:
    await ledger.take("one", 100, 1, [ID])
    await ledger.note("one", ID, secret=digest("old"), context=digest("c"))
    assert await ledger.admits(ID, "old") == digest("c")
    await ledger.note("one", ID, secret=digest("new"))
    assert await ledger.tell(ID, "old", [EVENT]) is None
    assert await ledger.admits(ID, "old") is None
    assert await News(store).events() == []
    assert await ledger.tell(ID, "new", [EVENT, EVENT]) == 1
    assert await ledger.tell(ID, "new", [EVENT]) == 0
    assert (await ledger.read(ID)).heard == 2


async def test_the_digests_that_are_kept_are_bounded(
    ledger: Ledger, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odimra.aggregation.listening.ledger.MOST_DIGESTS", 3)
    await ledger.take("one", 100, 1, [ID])
    await ledger.note("one", ID, secret=digest("s"))
    many = [Entry("A", "B", "OK", "", {}, digest=str(one), keep_ms=60_000) for one in range(9)]
    assert await ledger.tell(ID, "s", many) == 9
    assert await store.call("ZCARD", ledger._digests(ID)) == 3
    short = Entry("A", "B", "OK", "", {}, digest="x", keep_ms=-1)
    assert await ledger.tell(ID, "s", [short]) == 1
    assert await ledger.tell(ID, "s", [short]) == 1


async def test_the_registries_that_are_kept_are_bounded(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odimra.aggregation.listening.ledger.MOST_REGISTRIES", 3)
    await ledger.take("one", 100, 1, [ID])
    await ledger.note("one", ID, secret=digest("s"))
    await ledger.add_registries(["Base", "x" * 65])
    assert await ledger.registries() == {"Base"}
    many = [Entry(f"R{one}", "B", "OK", "", {}) for one in range(9)]
    assert await ledger.tell(ID, "s", many) == 9
    await ledger.add_registries(["Late"])
    assert await ledger.registries() == {"Base", "R0", "R1"}
