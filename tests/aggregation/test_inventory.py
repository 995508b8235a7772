"""What one process keeps of the resources of BMCs, and how long; how the end of theirs is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from odimra.aggregation import mirror
from odimra.aggregation.bmc import Bmc, Followed, Refused, Unreachable
from odimra.aggregation.bmc.wire import Answer
from odimra.aggregation.bmcs import Bmcs
from odimra.aggregation.inventory import Inventory, InventoryOptions, NotInTime
from odimra.aggregation.known import Known
from odimra.aggregation.sources import NoSuchSource, Sources
from odimra.store import Store
from odimra.tasks import states
from tests.aggregation.test_sources import a_source
from tests.fakes import FakeClock

SYSTEM = "/redfish/v1/Systems/1"


class ScriptedBmc:
    """Answers what it is told, when it is let."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.value = "a"
        self.error: Exception | None = None
        self.let = asyncio.Event()
        self.let.set()
        self.headers: dict[str, str] = {}

    async def ask(
        self, method: str, uri: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        assert method == "GET" and body is None
        self.asked.append((uri, dict(headers or {})))
        value = self.value
        await self.let.wait()
        if self.error is not None:
            raise self.error
        shown: dict[str, Any] = {"@odata.id": uri, "@odata.type": "#X.v1_0_0.X", "Value": value}
        if uri.count("/") == 3:
            shown = {"Members": [{"@odata.id": f"{uri}/{value}"}]}
        return Answer(200, CIMultiDictProxy(CIMultiDict(self.headers)), shown, uri)

    async def get(self, uri: str) -> Answer:
        return await self.ask("GET", uri)


class Stand:
    def __init__(self, store: Store, clock: FakeClock, **options: Any) -> None:
        self.store, self.clock = store, clock
        self.sources = Sources(store)
        self.known = Known(store, self.sources)
        self.bmcs: dict[str, ScriptedBmc] = {}
        self.inventory = Inventory(
            self.sources, cast("Bmcs", self), self.known, clock, InventoryOptions(**options)
        )

    async def of(self, source_id: str) -> Bmc:
        return cast("Bmc", self.bmcs[source_id])

    async def add(self, number: int = 1) -> tuple[str, ScriptedBmc]:
        source = a_source(f"https://10.0.0.{number}")
        await self.store.call(
            "HSET", self.sources.key(source.id), "version", "1",
            *(one for pair in source.stored().items() for one in pair),
        )  # fmt: skip
        await self.store.call("ZADD", self.store.keys.index("sources"), number, source.id)
        self.bmcs[source.id] = ScriptedBmc()
        return source.id, self.bmcs[source.id]

    async def remove(self, source_id: str) -> None:
        await self.store.call("ZREM", self.store.keys.index("sources"), source_id)
        await self.store.call("DEL", self.sources.key(source_id))
        self.store.forget(self.sources.key(source_id))
        self.store.forget(self.store.keys.index("sources"))

    async def value(self, source_id: str, uri: str = SYSTEM) -> Any:
        return (await self.inventory.read(source_id, uri)).body()["Value"]


@pytest.fixture
async def stand(store: Store, clock: FakeClock) -> AsyncIterator[Stand]:
    made = Stand(store, clock, patience=0.2, longest=0.5)
    async with made.inventory:
        yield made


async def test_what_was_said_is_shown_until_it_is_old(stand: Stand) -> None:
    source, bmc = await stand.add()
    assert await stand.value(source) == "a"
    bmc.value = "b"
    stand.clock.advance(4.9)
    assert await stand.value(source) == "a"
    stand.clock.advance(0.2)
    assert await stand.value(source) == "b"
    assert len(bmc.asked) == 2


async def test_who_reads_after_a_change_gets_nothing_from_before(stand: Stand) -> None:
    source, bmc = await stand.add()
    bmc.let.clear()
    before = asyncio.create_task(stand.value(source))
    while not bmc.asked:
        await asyncio.sleep(0)
    bmc.value = "b"
    await stand.known.changed(source)
    after = asyncio.create_task(stand.value(source))
    while len(bmc.asked) < 2:
        await asyncio.sleep(0.001)
    bmc.let.set()
    assert (await before, await after) == ("a", "b")
    assert await stand.value(source) == "b", "what came late from before is not kept"
    assert len(bmc.asked) == 2


async def test_no_more_is_kept_than_may_be(store: Store, clock: FakeClock) -> None:
    stand = Stand(store, clock, kept_bytes=2_000)
    source, bmc = await stand.add()
    for number in (1, 2, 3, 3, 2):
        await stand.value(source, f"/redfish/v1/Systems/{number}")
    assert [uri[-1] for uri, _ in bmc.asked] == ["1", "2", "3"]
    await stand.value(source, "/redfish/v1/Systems/1")
    assert len(bmc.asked) == 4


async def test_an_error_is_not_kept(stand: Stand) -> None:
    source, bmc = await stand.add()
    bmc.headers = {"ETag": '"e"'}
    await stand.value(source)
    stand.clock.advance(10)
    bmc.error = Unreachable("it does not answer", sent=True)
    with pytest.raises(Unreachable):
        await stand.value(source)
    bmc.error = None
    assert await stand.value(source) == "a"
    assert bmc.asked[-1][1] == {"If-None-Match": '"e"'}


async def test_nobody_waits_for_ever(stand: Stand) -> None:
    source, bmc = await stand.add()
    bmc.let.clear()
    with pytest.raises(NotInTime):
        await stand.value(source)
    bmc.let.set()
    assert await stand.value(source) == "a"
    with pytest.raises(NoSuchSource):
        await stand.value("f" * 12)


async def test_members_of_which_nothing_is_known_are_waited_for(stand: Stand) -> None:
    assert await stand.inventory.members("Systems") == []
    (first, one), (second, two) = await stand.add(1), await stand.add(2)
    stand.store.forget(stand.store.keys.index("sources"))
    two.let.clear()
    found = await stand.inventory.members("Systems")
    assert found == [f"/redfish/v1/Systems/{first}.a"], "the other one has not answered yet"
    two.let.set()
    async with asyncio.timeout(30):
        while len(found := await stand.inventory.members("Chassis")) < 2:
            await asyncio.sleep(0.01)
    assert found == [f"/redfish/v1/Chassis/{first}.a", f"/redfish/v1/Chassis/{second}.a"]
    assert len(one.asked) == 3, "once each"


async def test_members_stay_known_while_a_bmc_is_away(stand: Stand) -> None:
    source, bmc = await stand.add()
    await stand.inventory.members("Systems")
    for error in (Unreachable("it does not answer", sent=False), Refused(500, "no")):
        bmc.error = error
        stand.clock.advance(61)
        asked = len(bmc.asked)
        found = await stand.inventory.members("Systems")
        async with asyncio.timeout(30):
            while len(bmc.asked) == asked:
                await asyncio.sleep(0.01)
        assert found == [f"/redfish/v1/Systems/{source}.a"]
    bmc.error, bmc.value = None, "b"
    stand.clock.advance(61)
    async with asyncio.timeout(30):
        while await stand.inventory.members("Systems") != [f"/redfish/v1/Systems/{source}.b"]:
            await asyncio.sleep(0.01)


async def test_of_sources_that_have_gone_nothing_is_left(stand: Stand) -> None:
    for number in range(110):
        source, _ = await stand.add(number + 1)
        stand.store.forget(stand.store.keys.index("sources"))
        await stand.inventory.members("Systems")
        if number:
            await stand.remove(source)
    left, _ = await stand.add(200)
    stand.store.forget(stand.store.keys.index("sources"))
    assert f"/redfish/v1/Systems/{left}.a" in await stand.inventory.members("Systems")
    assert len(stand.inventory._looked) < 110
    await stand.known.note("f" * 12, {"Systems": [SYSTEM]})
    assert "f" * 12 not in (await stand.known.all())["Systems"]


# How theirs has ended

SOURCE = "0123456789ab"


def ended(
    state: str, status: int | None = None, body: Any = None, *told: Any, said: str = ""
) -> Any:
    found = mirror.outcome(SOURCE, Followed(state, said, told, status, body))
    result = found.result
    return (
        found.state, None if result is None else result.status,
        None if result is None else result.body,
        [(one.message_id.rpartition(".")[2], one.text or one.args) for one in found.messages],
    )  # fmt: skip


def test_what_is_completed() -> None:
    assert ended("Completed", 204) == (states.COMPLETED, 204, None, [])
    assert ended("Completed", 200, {"TaskState": "Completed"}) == (states.COMPLETED, 204, None, [])
    resource = {"@odata.id": SYSTEM, "Id": "1"}
    here = f"/redfish/v1/Systems/{SOURCE}.1"
    assert ended("Completed", 202, resource)[1:3] == (200, {"@odata.id": here, "Id": "1"})
    hidden = {"@odata.id": "/redfish/v1/SessionService"}
    assert ended("Completed", 200, hidden)[1:3] == (204, None)
    assert ended("Completed", 200, {"X": 10**30})[1:3] == (204, None)
    told = {"MessageId": "A.1.0.Done", "Message": f"Done: {SYSTEM}."}
    assert ended("Completed", 200, None, told, {"X": 1}, {"Message": 7})[3] == [
        ("Done", f"Done: {here}.")
    ]
    assert ended("Completed", 200, None, {"MessageId": "odd", "Message": "So."})[3] == [
        ("GeneralError", "So.")
    ]


def test_what_is_not() -> None:
    assert ended("Cancelled") == (states.CANCELLED, None, None, [])
    error = {"error": {"code": "A.1.0.No", "message": "No."}}
    assert ended("Exception", 409, error, said="No.") == (
        states.EXCEPTION, 409, error, [("BmcFailed", ("No",))],
    )  # fmt: skip
    assert ended("Exception", 500, None, said="No.")[1] == 502, "it is not our error"
    critical = {"MessageId": "A.1.0.No", "Message": "No.", "Severity": "Critical"}
    assert ended("Exception", 200, None, critical)[1:] == (502, None, [("No", "No.")])
    assert ended("Unknown", said="It is lost.") == (
        states.EXCEPTION, 502, None, [("BmcOutcomeUnknown", ("It is lost",))],
    )  # fmt: skip
