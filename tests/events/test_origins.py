"""Events that carry the resource they are about (EventDestination v1_16_0)."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from odimra.access import Principal
from odimra.events import OriginGone, event_service_settings
from odimra.events.origins import LONGEST_RECORD
from odimra.events.settings import EventSettings
from odimra.redfish import event_service
from odimra.redfish import tasks as task_face
from odimra.redfish.accepted import Accepted
from odimra.redfish.frame import Frame, FrameOptions
from odimra.redfish.messages import Messages
from odimra.redfish.origin_reader import OriginReader
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.task_json import TaskRepresentation
from odimra.store import Store, StoreUnavailable
from odimra.tasks import Change, Tasks, states
from tests.events.conftest import Sink, Stand
from tests.events.face import SERVICE, WHO, Doorman
from tests.tasks.conftest import a_task, bring

TASKS = "/redfish/v1/TaskService/Tasks"


async def run_a_task(tasks: Tasks) -> str:
    task = await tasks.create(a_task())
    await tasks.change(task.id, Change(state=states.RUNNING))
    return f"{TASKS}/{task.id}"


# What the delivery makes of what is read


async def test_an_event_carries_its_resource_as_its_owner_may_read_it(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url, include_origin=True)
    uri = await run_a_task(tasks)
    stand.origins[uri] = orjson.dumps({"@odata.id": uri, "TaskState": "Running"})
    stand.push()
    await stand.until(lambda: sink.heard == ["TaskStarted"])
    assert sink.records[0]["OriginOfCondition"] == {"@odata.id": uri, "TaskState": "Running"}
    assert sink.records[0]["MemberId"] == "0"
    assert stand.read == [(uri, "ann")]


async def test_who_did_not_ask_gets_links_and_nothing_is_read(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url)
    uri = await run_a_task(tasks)
    stand.origins[uri] = orjson.dumps({"@odata.id": uri, "TaskState": "Running"})
    stand.push()
    await stand.until(lambda: sink.heard == ["TaskStarted"])
    assert sink.records[0]["OriginOfCondition"] == {"@odata.id": uri}
    assert stand.read == []


async def test_what_a_filter_keeps_back_is_not_read(stand: Stand, sink: Sink, tasks: Tasks) -> None:
    from odimra.events import Filters

    filters = Filters(message_ids=("TaskEvent.TaskCancelled",))
    await stand.subscribe(sink.url, include_origin=True, filters=filters)
    await bring(tasks, states.COMPLETED)
    told = await bring(tasks, states.CANCELLED)
    stand.push()
    await stand.until(lambda: sink.heard == ["TaskCancelled"])
    assert stand.read == [(f"{TASKS}/{told.id}", "ann")]


@pytest.mark.parametrize("why", ["denied", "gone", "long"])
async def test_an_event_is_told_with_a_link_where_it_cannot_carry_more(
    stand: Stand, sink: Sink, tasks: Tasks, why: str
) -> None:
    await stand.subscribe(sink.url, include_origin=True)
    uri = await run_a_task(tasks)
    if why == "gone":
        stand.origins[uri] = OriginGone(uri)
    if why == "long":
        stand.origins[uri] = orjson.dumps({"long": "x" * LONGEST_RECORD})
    stand.push()
    await stand.until(lambda: sink.heard == ["TaskStarted"])
    (record,) = sink.records
    assert record["OriginOfCondition"] == {"@odata.id": uri}
    assert record.get("OriginOfConditionUnavailable") == (True if why == "gone" else None)


async def test_what_was_removed_is_not_looked_for(stand: Stand, sink: Sink, tasks: Tasks) -> None:
    await stand.subscribe(sink.url, include_origin=True)
    task = await tasks.create(a_task())
    await tasks.cancel(task.id)
    await tasks.delete(task.id)
    stand.origins[f"{TASKS}/{task.id}"] = b'{"there": "again"}'
    stand.push()
    await stand.until(lambda: sink.heard[-1:] == ["TaskRemoved"])
    last = sink.records[-1]
    assert last["OriginOfConditionUnavailable"] is True
    assert last["OriginOfCondition"] == {"@odata.id": f"{TASKS}/{task.id}"}
    assert len(stand.read) == 1


async def test_many_long_resources_come_in_order_in_payloads_that_fit(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url, include_origin=True)
    uris = [await run_a_task(tasks) for _ in range(9)]
    for uri in uris:
        stand.origins[uri] = orjson.dumps({"@odata.id": uri, "long": "x" * 400_000})
    stand.push()
    await stand.until(lambda: len(sink.records) == 9)
    assert [one["OriginOfCondition"]["@odata.id"] for one in sink.records] == uris
    assert all(len(one["OriginOfCondition"]["long"]) == 400_000 for one in sink.records)
    assert max(sink.sizes) <= 1024 * 1024
    # What does not fit is read when its turn comes, and nothing over and over.
    assert len(stand.read) <= 2 * len(uris)


async def test_a_heartbeat_and_a_gap_carry_the_event_service(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    stand.origins[SERVICE] = orjson.dumps({"@odata.id": SERVICE, "Name": "here"})
    short_store = await Store.open(replace(stand.store.options, max_events=10))
    short = Tasks(short_store, tasks.options, stand.clock)
    await stand.subscribe(sink.url, include_origin=True, send_heartbeat=True, heartbeat_minutes=1)
    for _ in range(300):
        await bring(short, states.CANCELLED)
    await short_store.close()
    stand.push()
    stand.clock.advance(60)
    await stand.until(lambda: "RedfishServiceFunctional" in sink.heard)
    for key in ("EventBufferExceeded", "RedfishServiceFunctional"):
        assert sink.records[sink.heard.index(key)]["OriginOfCondition"]["Name"] == "here"


async def test_a_store_that_goes_away_while_a_resource_is_read_loses_no_event(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    subscription = await stand.subscribe(sink.url, include_origin=True)
    uri = await run_a_task(tasks)
    stand.origins[uri] = StoreUnavailable("away")
    stand.push()
    await stand.until(lambda: len(stand.read) >= 2)
    assert sink.tries == 0
    stand.origins[uri] = orjson.dumps({"@odata.id": uri, "TaskState": "Running"})
    await stand.until(lambda: sink.heard == ["TaskStarted"])
    assert sink.records[0]["OriginOfCondition"]["TaskState"] == "Running"
    assert await stand.failures(subscription) == 0


# Who reads: the frame, as an account


@dataclass
class Accounts:
    """Who may what; a name that is not in it is of nobody."""

    known: dict[str, Principal] = field(default_factory=lambda: dict(WHO))

    async def principal(self, name: str) -> Principal | None:
        return self.known.get(name)


@pytest.fixture
async def accounts() -> Accounts:
    return Accounts()


@pytest.fixture
async def own_store(store: Store) -> AsyncIterator[Store]:
    """The same namespace as another process has it."""
    opened = await Store.open(store.options)
    yield opened
    await opened.close()


@pytest.fixture
async def reader(own_store: Store, tasks: Tasks, accounts: Accounts) -> OriginReader:
    messages = Messages.load()
    representation = TaskRepresentation(messages)
    seen = Tasks(own_store, tasks.options, tasks.clock)
    frame = Frame(
        [
            *event_service.resources(event_service_settings(own_store, EventSettings())),
            *task_face.resources(
                seen,
                representation,
                Accepted(representation, tasks.clock, retry_after=1),
                tasks.clock,
            ),
        ],
        Doorman(),
        messages,
        FrameOptions(),
        privileges=PrivilegeMap.load(),
    )
    return OriginReader(frame, accounts)


async def read(reader: OriginReader, uri: str, account: str) -> dict[str, Any] | None:
    raw = await reader(uri, account)
    return None if raw is None else orjson.loads(raw)


async def test_a_resource_is_read_as_a_get_of_the_owner_shows_it(
    reader: OriginReader, tasks: Tasks
) -> None:
    task = await tasks.create(a_task(owner="op"))
    own = await read(reader, f"{TASKS}/{task.id}", "op")
    assert own is not None
    assert own["TaskState"] == "New" and own["@odata.etag"] and own["@odata.id"].endswith(task.id)
    # Somebody else's task, without ConfigureUsers.
    assert await read(reader, f"{TASKS}/{task.id}", "guest") is None
    service = await read(reader, SERVICE, "guest")
    assert service is not None and service["ServiceEnabled"] is True
    members = await read(reader, TASKS, "op")
    assert members is not None and members["Members@odata.count"] == 1


async def test_an_account_that_may_nothing_reads_nothing(
    reader: OriginReader, accounts: Accounts
) -> None:
    assert await read(reader, SERVICE, "nobody") is None
    accounts.known["op"] = replace(WHO["op"], password_change_required=True)
    assert await read(reader, SERVICE, "op") is None
    accounts.known["op"] = replace(WHO["op"], privileges=frozenset())
    assert await read(reader, SERVICE, "op") is None
    accounts.known["op"] = WHO["op"]
    assert await read(reader, SERVICE, "op") is not None


@pytest.mark.parametrize(
    "uri",
    [
        f"{TASKS}/none",
        f"{TASKS}/none/SubTasks/none",
        "/redfish/v1/Nowhere",
        "http://192.0.2.1/redfish/v1/EventService",
        f"{SERVICE}/Actions/EventService.SubmitTestEvent",
        "..",
        " ",
    ],
)
async def test_what_is_not_there_is_gone(reader: OriginReader, uri: str) -> None:
    with pytest.raises(OriginGone):
        await reader(uri, "admin")


async def test_what_breaks_in_reading_is_not_the_subscribers_trouble(
    reader: OriginReader,
    tasks: Tasks,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = await tasks.create(a_task(owner="op"))

    def breaks(*args: object) -> dict[str, Any]:
        raise RuntimeError("a secret reason")

    monkeypatch.setattr(TaskRepresentation, "task", breaks)
    assert await reader(f"{TASKS}/{task.id}", "op") is None
    assert "broke" in caplog.text


async def test_the_store_s_absence_is_not_taken_for_the_resource_s(
    reader: OriginReader, own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*args: object, **named: object) -> object:
        raise StoreUnavailable("away")

    monkeypatch.setattr(own_store, "call", away)
    with pytest.raises(StoreUnavailable):
        await reader(f"{TASKS}/{uuid.uuid4()}", "op")


async def test_the_resource_is_never_older_than_its_event(
    stand: Stand, sink: Sink, tasks: Tasks, reader: OriginReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand, "_read_origin", reader)
    stand.administrators = {"op"}
    await stand.subscriptions.create(_new(sink.url))
    stand.push()
    for _ in range(30):
        task = await tasks.create(a_task(owner="op"))
        await tasks.change(task.id, Change(state=states.RUNNING))
        before = len(sink.records)
        await stand.until(lambda: len(sink.records) > before)  # noqa: B023
        # It has been read once, and another process changes it.
        await tasks.change(task.id, Change(state=states.COMPLETED))
        await stand.until(lambda: sink.heard[-1] == "TaskCompletedOK")
        assert sink.records[-1]["OriginOfCondition"]["TaskState"] == "Completed"


def _new(url: str) -> Any:
    from odimra.events import NewSubscription

    return NewSubscription(url, "op", include_origin=True)
