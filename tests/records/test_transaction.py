"""Writes that are staged: what their owner sees, what is written, and what others do meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from odimra.records import claims
from odimra.records.errors import (
    BadPatch,
    BadRecord,
    ReadOnly,
    RecordExists,
    RecordMissing,
    RecordTooLarge,
    RevisionMismatch,
)
from odimra.records.model import RecordOptions, Sourced
from odimra.records.records import Records
from odimra.records.transaction import MOST, Transaction
from odimra.store import Store
from tests.fakes import FakeClock

USER, SYSTEM = "managed/user", "redfish/Systems"


#: Two machines, and what they say.
SAID: dict[str, dict[str, Any]] = {
    "1": {"Power": "On", "Oem": {"Rack": 7}},
    "2": {"Power": "Off", "Oem": {}},
}


class Machines:
    """Where those machines are."""

    async def page(self, after: str, size: int) -> Sequence[Sourced]:
        return [Sourced(one, "m", said) for one, said in SAID.items() if one > after][:size]

    async def read_many(self, ids: Sequence[str]) -> Sequence[Sourced | None]:
        return [Sourced(one, "m", SAID[one]) if one in SAID else None for one in ids]

    async def count(self) -> int:
        return len(SAID)


@pytest.fixture
def records(store: Store, clock: FakeClock) -> Records:
    made = Records(store, RecordOptions(max_bytes=1000), clock)
    made.mount(SYSTEM, Machines())
    return made


@pytest.fixture
def change(records: Records) -> Transaction:
    return Transaction(records)


def replace(name: str, value: Any) -> list[dict[str, Any]]:
    return [{"operation": "replace", "field": name, "value": value}]


async def test_staged_writes_are_seen_by_their_owner_only(
    records: Records, change: Transaction
) -> None:
    await records.create(USER, {"n": 1}, "a")
    await change.patch(USER, "a", replace("/n", 2), None)
    await change.create(USER, {"n": 3}, "b")
    assert (await change.read(USER, "a")).content == {"n": 2}
    assert (await change.read(USER, "b")).content == {"n": 3}
    assert (await records.read(USER, "a")).content == {"n": 1}
    with pytest.raises(RecordMissing):
        await records.read(USER, "b")
    writes = {write.id: write for write in change.writes()}
    assert {key: (write.rev, orjson.loads(write.doc)) for key, write in writes.items()} == {
        "a": ("1", {"n": 2}),
        "b": ("", {"n": 3}),
    }


async def test_what_changes_nothing_is_not_written(records: Records, change: Transaction) -> None:
    await records.create(USER, {"n": 1}, "a")
    await change.patch(USER, "a", replace("/n", 2), None)
    await change.update(USER, "a", {"n": 1}, None)
    await change.create(USER, {}, "b")
    await change.delete(USER, "b", None)
    assert change.writes() == []


async def test_each_staged_write_makes_a_revision(records: Records, change: Transaction) -> None:
    await records.create(USER, {"n": 1}, "a")
    first = await change.patch(USER, "a", replace("/n", 2), "1")
    with pytest.raises(RevisionMismatch):
        await change.patch(USER, "a", replace("/n", 3), "1")
    await change.patch(USER, "a", replace("/n", 3), first.rev)
    assert (await change.read(USER, "a")).content == {"n": 3}


async def test_a_deleted_record_is_gone_and_can_be_made_anew(
    records: Records, change: Transaction
) -> None:
    await records.create(USER, {"n": 1}, "a")
    assert (await change.delete(USER, "a", None)).content == {"n": 1}
    for refused in (
        change.read(USER, "a"),
        change.update(USER, "a", {}, None),
        change.patch(USER, "a", [], None),
        change.delete(USER, "a", None),
    ):
        with pytest.raises(RecordMissing):
            await refused
    (write,) = change.writes()
    assert (write.rev, write.doc) == ("1", b"")
    await change.create(USER, {"n": 9}, "a")
    (write,) = change.writes()
    assert (write.rev, orjson.loads(write.doc)) == ("1", {"n": 9})
    with pytest.raises(RecordExists):
        await change.create(USER, {}, "a")


async def test_done_again_on_what_others_have_written(
    records: Records, change: Transaction
) -> None:
    await records.create(USER, {"n": 1}, "a")
    await change.patch(USER, "a", replace("/n", 2), None)
    await records.patch(USER, "a", replace("/m", 5))
    await change.again()
    (write,) = change.writes()
    assert (write.rev, orjson.loads(write.doc)) == ("2", {"n": 2, "m": 5})
    await records.delete(USER, "a")
    with pytest.raises(RecordMissing):
        await change.again()


async def test_a_revision_that_was_named_holds_for_the_second_time_too(
    records: Records, change: Transaction
) -> None:
    await records.create(USER, {"n": 1}, "a")
    await change.update(USER, "a", {"n": 2}, "1")
    await records.patch(USER, "a", replace("/m", 5))
    with pytest.raises(RevisionMismatch):
        await change.again()


async def test_what_cannot_be_written_is_refused_when_it_is_staged(
    records: Records, change: Transaction
) -> None:
    await records.create(USER, {"n": 1}, "a")
    with pytest.raises(RecordTooLarge):
        await change.update(USER, "a", {"n": "x" * 1000}, None)
    with pytest.raises(BadPatch):
        await change.patch(USER, "a", [{"operation": "turn"}], None)
    with pytest.raises(BadRecord):
        await change.create(USER, {}, "a/b")
    assert (await change.read(USER, "a")).content == {"n": 1} and change.writes() == []
    for _ in range(MOST):
        await change.patch(USER, "a", replace("/n", 1), None)
    with pytest.raises(BadRecord):
        await change.patch(USER, "a", replace("/n", 1), None)


async def test_what_was_dropped_is_not_written(records: Records, change: Transaction) -> None:
    await records.create(USER, {"n": 1}, "a")
    await change.patch(USER, "a", replace("/n", 2), None)
    change.drop()
    assert change.writes() == []
    await change.again()
    assert change.writes() == []


async def test_a_stamp_is_written_and_not_staged(records: Records, change: Transaction) -> None:
    await records.create(USER, {"n": 1}, "a")
    await change.stamp(USER, "a", ("s", "done"), "now")
    await change.stamp(USER, "nobody", ("s", "done"), "now")
    (write,) = change.writes()
    assert orjson.loads(write.doc) == {"n": 1, "s": {"done": "now"}}
    await change.again()
    assert change.writes() == []


async def test_beside_a_machine_is_kept_what_it_does_not_say_itself(
    records: Records, change: Transaction
) -> None:
    await change.patch(SYSTEM, "1", replace("/state", {"done": "now"}), None)
    await change.patch(SYSTEM, "1", replace("/Oem/Note", "old"), None)
    (write,) = change.writes()
    assert orjson.loads(write.doc) == {"state": {"done": "now"}, "Oem": {"Note": "old"}}
    assert write.rev == ""
    shown = (await change.read(SYSTEM, "1")).content
    assert shown["Oem"] == {"Rack": 7, "Note": "old"} and shown["Power"] == "On"


@pytest.mark.parametrize(
    "operations",
    [
        replace("/Power", "Off"),
        replace("/Oem/Rack", 8),
        replace("/Oem", 1),
        [{"operation": "remove", "field": "/Power"}],
        [{"operation": "remove", "field": "/Oem/Rack"}],
    ],
)
async def test_nobody_says_for_a_machine_what_it_is(
    change: Transaction, operations: list[dict[str, Any]]
) -> None:
    with pytest.raises(ReadOnly):
        await change.patch(SYSTEM, "1", operations, None)
    assert change.writes() == []


async def test_machines_are_neither_made_nor_deleted(change: Transaction) -> None:
    with pytest.raises(ReadOnly):
        await change.create(SYSTEM, {}, "3")
    with pytest.raises(ReadOnly):
        await change.delete(SYSTEM, "1", None)
    with pytest.raises(RecordMissing):
        await change.read(SYSTEM, "3")


async def test_what_is_kept_of_records_is_read_together(records: Records) -> None:
    await records.create(USER, {"n": 1}, "a")
    key = records.key(USER, "a")
    await records.store.call("HSET", key, "claim", "task1.2", "lease", "77")
    await records.store.call("HSET", records.key(SYSTEM, "2"), "doc", '{"x": 1}', "rev", "4")
    kept, none = await claims.read(records, USER, ["a", "b"])
    assert none is None and kept is not None
    assert (kept.rev, kept.claim, kept.lease, kept.source) == ("1", "task1.2", 77, None)
    first, second, third = await claims.read(records, SYSTEM, ["1", "2", "3"])
    assert third is None and first is not None and second is not None
    assert (first.rev, first.stored) == ("", {})
    assert (second.rev, second.record.content) == ("4", {"Power": "Off", "Oem": {}, "x": 1})
