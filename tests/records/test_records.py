"""Records: created, read, changed with a revision compared, deleted, paged and counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from odimra.records.errors import (
    BadPatch,
    BadRecord,
    RecordExists,
    RecordMissing,
    RecordTooLarge,
    RevisionMismatch,
    TooManyRecords,
    UnknownType,
)
from odimra.records.model import RecordOptions
from odimra.records.records import PATIENCE_MS, Records
from odimra.store import Store
from tests.fakes import FakeClock

USER = "managed/user"


async def ids(records: Records, *page: Any) -> list[str]:
    return [record.id for record in await records.page(USER, *page)]


async def test_what_is_created_is_read_again_in_the_order_of_its_members(records: Records) -> None:
    created = await records.create(USER, {"z": 1, "a": {"ü": None}, "_id": "x", "_rev": "9"}, "bob")
    assert created == await records.read(USER, "bob")
    assert list(created.full) == ["_id", "_rev", "z", "a"]
    assert created.full == {"_id": "bob", "_rev": "1", "z": 1, "a": {"ü": None}}


async def test_a_record_without_an_id_gets_a_fresh_one(store: Store, clock: FakeClock) -> None:
    fresh = iter(["one", "two"])
    records = Records(store, RecordOptions(), clock, lambda: next(fresh))
    assert (await records.create(USER, {})).id == "one"
    assert (await records.create(USER, {})).id == "two"


async def test_ids_of_its_own_making_differ(records: Records) -> None:
    made = {(await records.create(USER, {})).id for _ in range(5)}
    assert len(made) == 5


async def test_what_is_there_is_not_created_again(records: Records) -> None:
    await records.create(USER, {"a": 1}, "bob")
    with pytest.raises(RecordExists, match="managed/user/bob"):
        await records.create(USER, {"a": 2}, "bob")
    assert (await records.read(USER, "bob")).content == {"a": 1}


async def test_of_many_who_create_one_record_one_succeeds(records: Records) -> None:
    outcomes = await asyncio.gather(
        *(records.create(USER, {"by": n}, "bob") for n in range(20)), return_exceptions=True
    )
    (made,) = [one for one in outcomes if not isinstance(one, RecordExists)]
    assert made == await records.read(USER, "bob")
    assert await records.count(USER) == 1


async def test_what_is_not_there_is_missing(records: Records) -> None:
    for doing in (
        records.read(USER, "bob"),
        records.update(USER, "bob", {}),
        records.update(USER, "bob", {}, "1"),
        records.patch(USER, "bob", []),
        records.delete(USER, "bob"),
    ):
        with pytest.raises(RecordMissing, match="managed/user/bob"):
            await doing
    assert await records.read_many(USER, ["bob"]) == [None]
    assert await ids(records) == [] and await records.count(USER) == 0


async def test_an_update_replaces_the_content_and_is_a_new_revision(records: Records) -> None:
    await records.create(USER, {"a": 1, "b": 2}, "bob")
    changed = await records.update(USER, "bob", {"b": 3}, "1")
    assert changed == await records.read(USER, "bob")
    assert changed.content == {"b": 3} and changed.rev == "2"


@pytest.mark.parametrize("rev", ["0", "2", "", "any", "present", "absent", "01", "x"])
async def test_whoever_names_another_revision_changes_nothing(records: Records, rev: str) -> None:
    before = await records.create(USER, {"a": 1}, "bob")
    for doing in (
        records.update(USER, "bob", {"a": 2}, rev),
        records.update(USER, "bob", {"a": 1}, rev),
        records.patch(USER, "bob", [{"operation": "add", "field": "a", "value": 2}], rev),
        records.delete(USER, "bob", rev),
    ):
        with pytest.raises(RevisionMismatch, match="managed/user/bob"):
            await doing
    assert await records.read(USER, "bob") == before


async def test_what_changes_nothing_keeps_the_revision(records: Records) -> None:
    await records.create(USER, {"a": 1, "b": {"c": [True], "d": 2}}, "bob")
    same = {"b": {"d": 2, "c": [True]}, "a": 1}
    assert (await records.update(USER, "bob", same)).rev == "1"
    assert (await records.update(USER, "bob", same, "1")).rev == "1"
    record, created = await records.put(USER, "bob", same)
    assert (record.rev, created) == ("1", False)
    nothing = [
        {"operation": "replace", "field": "/a", "value": 1},
        {"operation": "remove", "field": "/nothing"},
    ]
    assert (await records.patch(USER, "bob", nothing)).rev == "1"
    assert (await records.read(USER, "bob")).rev == "1"


@pytest.mark.parametrize("other", [1, 1.0, "true", [True], None])
async def test_what_python_takes_for_equal_is_a_change(records: Records, other: Any) -> None:
    await records.create(USER, {"a": True}, "bob")
    assert (await records.update(USER, "bob", {"a": other})).rev == "2"
    assert str((await records.read(USER, "bob")).content["a"]) == str(other)


async def test_put_creates_or_replaces(records: Records) -> None:
    record, created = await records.put(USER, "bob", {"a": 1})
    assert (record.rev, created) == ("1", True)
    record, created = await records.put(USER, "bob", {"a": 2})
    assert (record.rev, created) == ("2", False)
    assert await records.read(USER, "bob") == record


async def test_delete_returns_what_was_and_forgets_all_of_it(
    records: Records, store: Store
) -> None:
    before = await records.create(USER, {"a": 1}, "bob")
    await store.call("HSET", records.key(USER, "bob"), "claim", "x")
    assert await records.delete(USER, "bob", "1") == before
    assert await store.call("EXISTS", records.key(USER, "bob")) == 0
    assert await ids(records) == [] and await records.count(USER) == 0


async def test_a_write_leaves_what_others_keep_by_the_record(
    records: Records, store: Store
) -> None:
    await records.create(USER, {"a": 1}, "bob")
    await store.call("HSET", records.key(USER, "bob"), "claim", "x")
    await records.update(USER, "bob", {"a": 2})
    assert await store.call("HGET", records.key(USER, "bob"), "claim") == b"x"


async def test_a_record_that_was_deleted_and_made_anew_has_a_revision_it_never_had(
    records: Records,
) -> None:
    await records.create(USER, {"a": 0}, "bob")
    old = await records.update(USER, "bob", {"a": 1})
    await records.delete(USER, "bob")
    new = await records.create(USER, {"a": 0}, "bob")
    await records.update(USER, "bob", {"a": 1})
    assert new.rev not in ("1", old.rev)
    with pytest.raises(RevisionMismatch):
        await records.update(USER, "bob", {"a": 5}, old.rev)


async def test_patches_without_a_revision_all_land(records: Records) -> None:
    await records.create(USER, {"n": 0, "seen": []}, "bob")
    one = {"operation": "increment", "field": "/n", "value": 1}
    await asyncio.gather(
        *(
            records.patch(
                USER, "bob", [one, {"operation": "add", "field": "/seen/-", "value": number}]
            )
            for number in range(40)
        )
    )
    found = await records.read(USER, "bob")
    assert found.content["n"] == 40
    assert sorted(found.content["seen"]) == list(range(40))
    assert found.rev == "41"


async def test_of_writers_with_one_revision_one_wins(records: Records) -> None:
    await records.create(USER, {"n": 0}, "bob")
    outcomes = await asyncio.gather(
        *(
            records.patch(USER, "bob", [{"operation": "add", "field": "n", "value": n}], "1")
            for n in range(1, 21)
        ),
        *(records.update(USER, "bob", {"n": n}, "1") for n in range(21, 41)),
        return_exceptions=True,
    )
    (won,) = [one for one in outcomes if not isinstance(one, RevisionMismatch)]
    assert won == await records.read(USER, "bob")


async def test_a_patch_that_is_always_overtaken_gives_up(store: Store, clock: FakeClock) -> None:
    class Overtaken(Records):
        """Somebody else changes the record whenever it was read."""

        attempts = 0

        async def _write(self, type: str, id: str, doc: bytes, expected: str) -> Any:
            self.attempts += 1
            clock.advance(PATIENCE_MS / 1000 / 3)
            await others.update(type, id, {"other": self.attempts})
            return await super()._write(type, id, doc, expected)

    others = Records(store, RecordOptions(), clock)
    await others.create(USER, {"n": 0}, "bob")
    overtaken = Overtaken(store, RecordOptions(), clock)
    with pytest.raises(RevisionMismatch):
        await overtaken.patch(USER, "bob", [{"operation": "add", "field": "n", "value": 1}])
    assert overtaken.attempts > 2
    assert (await others.read(USER, "bob")).content == {"other": overtaken.attempts}


async def test_a_patch_is_done_as_a_whole_or_not_at_all(records: Records) -> None:
    before = await records.create(USER, {"a": 1}, "bob")
    with pytest.raises(BadPatch, match="operation 1"):
        await records.patch(
            USER,
            "bob",
            [
                {"operation": "replace", "field": "/a", "value": 2},
                {"operation": "increment", "field": "/b", "value": 2},
            ],
        )
    assert await records.read(USER, "bob") == before


async def test_pages_go_by_the_bytes_of_the_ids(records: Records) -> None:
    names = ["b", "a", "é", "Z", "10", "9", "z", "a b", "😀", "�"]
    for name in names:
        await records.create(USER, {"n": name}, name)
    ordered = sorted(names, key=str.encode)
    assert await ids(records) == ordered
    assert await records.count(USER) == len(names)
    assert await ids(records, "", 3) == ordered[:3]
    assert await ids(records, ordered[2], 3) == ordered[3:6]
    assert await ids(records, "a!", 2) == [name for name in ordered if name.encode() > b"a!"][:2]
    assert await ids(records, ordered[-1]) == []


async def test_types_do_not_see_each_other(records: Records) -> None:
    await records.create(USER, {"a": 1}, "bob")
    await records.create("managed/role", {"a": 2}, "bob")
    assert (await records.read("managed/role", "bob")).content == {"a": 2}
    await records.delete("managed/role", "bob")
    assert await ids(records) == ["bob"]


async def test_a_page_of_long_records_is_read_in_several_steps(
    store: Store, clock: FakeClock
) -> None:
    records = Records(store, RecordOptions(max_bytes=600_000), clock)
    for n in range(5):
        await records.create(USER, {"text": "x" * 500_000}, f"r{n}")
    assert await ids(records, "", 4) == ["r0", "r1", "r2", "r3"]
    assert await ids(records, "r3", 4) == ["r4"]


async def test_many_records_are_read_together(records: Records) -> None:
    await records.create(USER, {"a": 1}, "one")
    await records.create(USER, {"a": 2}, "two")
    found = await records.read_many(USER, ["two", "none", "one", "two"])
    assert [one and one.content["a"] for one in found] == [2, None, 1, 2]
    assert await records.read_many(USER, []) == []


@pytest.mark.parametrize(
    "id", ["", "a/b", "a\nb", "a\0", "\x7f", ".", "..", "x" * 256, "é" * 128, "\u2028", "\ud800"]
)
async def test_ids_that_cannot_be(records: Records, id: str) -> None:
    for doing in (
        records.create(USER, {}, id),
        records.put(USER, id, {}),
        records.read(USER, id),
        records.update(USER, id, {}),
        records.patch(USER, id, []),
        records.delete(USER, id),
    ):
        with pytest.raises(BadRecord, match="_id"):
            await doing
    assert await records.count(USER) == 0


@pytest.mark.parametrize("id", ["x" * 255, "a b", "a:b", "{a}", "é" * 127, "*", "-", "(", "..."])
async def test_ids_that_can_be(records: Records, id: str) -> None:
    await records.create(USER, {"n": 1}, id)
    assert (await records.read(USER, id)).id == id
    assert await ids(records) == [id]


@pytest.mark.parametrize(
    "type",
    ["", "managed", "managed/", "/user", "a/b/c", "managed/us:er", "managed/a b", "a/" + "b" * 65],
)
async def test_types_that_cannot_be(records: Records, type: str) -> None:
    for doing in (
        records.create(type, {}),
        records.read(type, "x"),
        records.page(type),
        records.count(type),
    ):
        with pytest.raises(BadRecord, match="type"):
            await doing


async def test_types_are_those_that_the_settings_allow(store: Store, clock: FakeClock) -> None:
    options = RecordOptions(types=("managed/alpha_*", "managed/user", "site/*"))
    records = Records(store, options, clock)
    for type in ("managed/alpha_user", "managed/alpha_", "managed/user", "site/x"):
        assert records.writable(type) and records.known(type)
        await records.create(type, {})
    for type in ("managed/role", "managed/user2", "managed/aalpha_user", "system/x"):
        assert not records.known(type)
        with pytest.raises(UnknownType, match=type):
            await records.create(type, {})
        with pytest.raises(UnknownType, match=type):
            await records.page(type)


async def test_no_record_is_longer_than_allowed(records: Records, options: RecordOptions) -> None:
    fits = {"t": "x" * (options.max_bytes - len('{"t":""}'))}
    await records.create(USER, fits, "bob")
    larger = {"t": fits["t"] + "x"}
    for doing in (
        records.create(USER, larger),
        records.update(USER, "bob", larger),
        records.put(USER, "bob", larger),
        records.patch(USER, "bob", [{"operation": "add", "field": "t", "value": larger["t"]}]),
    ):
        with pytest.raises(RecordTooLarge, match="at most 4096"):
            await doing
    assert (await records.read(USER, "bob")).rev == "1"


async def test_there_are_no_more_records_than_allowed(store: Store, clock: FakeClock) -> None:
    records = Records(store, RecordOptions(max_records=2), clock)
    await records.create(USER, {}, "a")
    await records.put(USER, "b", {})
    with pytest.raises(TooManyRecords, match="2"):
        await records.create(USER, {}, "c")
    with pytest.raises(TooManyRecords, match="2"):
        await records.put(USER, "c", {})
    await records.put(USER, "b", {"changed": True})
    await records.delete(USER, "a")
    await records.create(USER, {}, "c")


@pytest.mark.parametrize(
    "content", [[], "text", None, {"n": 2**64}, {"n": object()}, {1: 2}, {"t": "\ud800"}]
)
async def test_contents_that_cannot_be(records: Records, content: Any) -> None:
    with pytest.raises(BadRecord, match="content"):
        await records.create(USER, content)


async def test_numbers_come_back_as_they_were(records: Records) -> None:
    content = {"big": 2**63 - 1, "small": -(2**63), "half": 0.5, "one": 1.0, "tiny": 1e-300}
    await records.create(USER, content, "bob")
    found = (
        await records.patch(USER, "bob", [{"operation": "add", "field": "x", "value": 1}])
    ).content
    assert repr(found) == repr({**content, "x": 1})
