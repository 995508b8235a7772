"""The machines as records: what a GET shows, with what is kept beside, and never written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from odimra import machine_records
from odimra.records.errors import BadRecord, ReadOnly, RecordMissing
from odimra.records.filter import compile_filter
from odimra.records.model import RecordOptions
from odimra.records.query import query
from odimra.records.records import Records
from odimra.records.transaction import Transaction
from odimra.store import Store
from tests.emulation.desk import Desk, MakeDesk

TYPES = {"redfish/Systems": "Systems", "redfish/Chassis": "Chassis", "redfish/Managers": "Managers"}


def records_of(desk: Desk) -> Records:
    records = Records(desk.stage.store, RecordOptions(), desk.stage.clock)
    machine_records.mount(records, desk.stage.machines)
    return records


async def keep_beside(records: Records, type: str, id: str, content: dict[str, Any]) -> None:
    """Write beside a machine as a scan does."""
    await records.store.call(
        "HSET", records.key(type, id), "doc", orjson.dumps(content), "rev", "1"
    )


@pytest.mark.parametrize("type", TYPES)
async def test_a_record_shows_what_a_get_shows(desk: MakeDesk, type: str) -> None:
    on = await desk()
    records = records_of(on)
    shown = await on.get(f"/redfish/v1/{TYPES[type]}/node-1")
    etag = shown.pop("@odata.etag").strip('"')
    record = await records.read(type, "node-1")
    assert record.content == shown
    assert record.full["_id"] == "node-1"
    assert record.rev.startswith(etag)


async def test_a_record_changes_with_its_machine(desk: MakeDesk) -> None:
    on = await desk()
    records = records_of(on)
    before = await records.read("redfish/Systems", "node-1")
    await on.patch("/redfish/v1/Systems/node-1", {"AssetTag": "rack 7"})
    after = await records.read("redfish/Systems", "node-1")
    assert after.content == {**before.content, "AssetTag": "rack 7"}
    assert after.rev != before.rev


@pytest.mark.parametrize("type", TYPES)
async def test_all_machines_are_paged_in_the_order_of_their_ids(desk: MakeDesk, type: str) -> None:
    on = await desk()
    records = records_of(on)
    every = sorted(on.stage.machines.fleet.machines)
    assert await records.count(type) == len(every) > 3
    assert [one.id for one in await records.page(type)] == every
    assert [one.id for one in await records.page(type, "", 2)] == every[:2]
    assert [one.id for one in await records.page(type, every[1], 2)] == every[2:4]
    assert [one.id for one in await records.page(type, every[1] + " ", 1)] == every[2:3]
    assert await records.page(type, every[-1]) == []
    found = await records.read_many(type, ["none", every[1], every[0], every[1]])
    assert [one and one.id for one in found] == [None, every[1], every[0], every[1]]


async def test_machines_are_found_by_a_filter(desk: MakeDesk) -> None:
    on = await desk()
    records = records_of(on)
    await on.patch("/redfish/v1/Systems/node-2", {"AssetTag": "old"})
    await keep_beside(records, "redfish/Systems", "node-3", {"warranty": {"date": "2020"}})
    asked = compile_filter('/AssetTag eq "old" or /warranty/date lt "2021"')
    result = await query(records, "redfish/Systems", asked, fields=["AssetTag"], page_size=5)
    assert [(one["_id"], one["AssetTag"]) for one in result.result] == [
        ("node-2", "old"),
        ("node-3", ""),
    ]


async def test_nobody_writes_machines_or_makes_them(desk: MakeDesk) -> None:
    records = records_of(await desk())
    before = await records.read("redfish/Systems", "node-1")
    assert not records.writable("redfish/Systems")
    for doing in (
        records.create("redfish/Systems", {}, "new"),
        records.put("redfish/Systems", "node-1", {}),
        records.update("redfish/Systems", "node-1", {}),
        records.patch("redfish/Systems", "node-1", []),
        records.delete("redfish/Systems", "node-1"),
    ):
        with pytest.raises(ReadOnly, match="redfish/Systems"):
            await doing
    assert await records.read("redfish/Systems", "node-1") == before


async def test_what_is_no_machine_is_missing(desk: MakeDesk) -> None:
    records = records_of(await desk())
    with pytest.raises(RecordMissing):
        await records.read("redfish/Systems", "none")
    with pytest.raises(BadRecord):
        await records.read("redfish/Systems", "a/b")


async def test_what_is_kept_beside_completes_the_machine_and_never_speaks_for_it(
    desk: MakeDesk, store: Store
) -> None:
    on = await desk()
    records = records_of(on)
    plain = await records.read("redfish/Systems", "node-1")
    beside = {"taskState": {"done": "x"}, "PowerState": "Off", "Boot": {"note": 1}, "Status": 7}
    await keep_beside(records, "redfish/Systems", "node-1", beside)
    full = await records.read("redfish/Systems", "node-1")
    expected = {
        **plain.content,
        "taskState": {"done": "x"},
        "Boot": {**plain.content["Boot"], "note": 1},
    }
    assert full.content == expected
    assert full.rev != plain.rev
    assert (await records.page("redfish/Systems", "node-0", 1000))[0] == full
    # Nothing of it gets to the machine, or to another face of it.
    assert (await records.read("redfish/Chassis", "node-1")).rev.endswith("-0")
    assert "taskState" not in await on.get("/redfish/v1/Systems/node-1")


async def test_whoever_reads_a_machine_sees_one_revision(desk: MakeDesk) -> None:
    records = records_of(await desk())
    for _ in range(2):
        read = await records.read("redfish/Systems", "node-1")
        staged = await Transaction(records).read("redfish/Systems", "node-1")
        (paged,) = await records.page("redfish/Systems", "node-0~", 1)
        assert read == staged == paged
        await keep_beside(records, "redfish/Systems", "node-1", {"note": 1})
