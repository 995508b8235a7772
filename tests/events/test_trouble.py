"""Subscribers' trouble, and what helps: heartbeats, backups, whole resources, test events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from odimra.events import OriginGone
from odimra.events.model import FOREVER, SUSPEND
from odimra.events.origins import LONGEST_RECORD
from odimra.networks import Reach, parse
from odimra.tasks import Change, Tasks, states
from tests.events.conftest import Sink, Stand
from tests.events.face import SERVICE, Desk, said, said_keys
from tests.tasks.conftest import a_task

MakeSink = Callable[[], Awaitable[Sink]]
BEAT = "RedfishServiceFunctional"
MINUTE = 60


async def run_a_task(tasks: Tasks) -> str:
    task = await tasks.create(a_task())
    await tasks.change(task.id, Change(state=states.RUNNING))
    return f"/redfish/v1/TaskService/Tasks/{task.id}"


# Heartbeats


async def test_heartbeats_come_at_their_interval(stand: Stand, sink: Sink, tasks: Tasks) -> None:
    await stand.subscribe(sink.url, context="mine", send_heartbeat=True, heartbeat_minutes=2)
    stand.push()
    await run_a_task(tasks)
    await stand.until(lambda: sink.heard == ["TaskStarted"])
    for count in (1, 2):
        stand.clock.advance(2 * MINUTE)
        await stand.until(lambda count=count: sink.heard.count(BEAT) == count)
    payload = sink.payloads[-1]
    assert payload["Context"] == "mine"
    (record,) = payload["Events"]
    assert record["MessageId"].startswith("HeartbeatEvent.1.") and record["MemberId"] == "0"


async def test_nobody_gets_heartbeats_who_did_not_ask(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url)
    await stand.subscribe(sink.url, send_heartbeat=False, heartbeat_minutes=1)
    stand.push()
    stand.clock.advance(10 * MINUTE)
    await run_a_task(tasks)
    await stand.until(lambda: sink.heard.count("TaskStarted") == 2)
    assert BEAT not in sink.heard


async def test_the_next_holder_keeps_the_beat(stand: Stand, sink: Sink) -> None:
    subscription = await stand.subscribe(sink.url, send_heartbeat=True, heartbeat_minutes=1)
    stand.push()
    stand.clock.advance(MINUTE)
    await stand.until(lambda: len(sink.records) == 1)
    due = (await stand.delivery(subscription))["heartbeat_at"]
    await stand.stop()
    stand.push()
    stand.clock.advance(MINUTE / 2)
    await stand.until(lambda: stand.delivery(subscription))
    assert (await stand.delivery(subscription))["heartbeat_at"] == due
    assert len(sink.records) == 1
    stand.clock.advance(MINUTE / 2)
    await stand.until(lambda: len(sink.records) == 2)


async def test_a_heartbeat_that_nobody_takes_is_a_failed_delivery(stand: Stand, sink: Sink) -> None:
    subscription = await stand.subscribe(
        sink.url, send_heartbeat=True, heartbeat_minutes=1, policy=SUSPEND
    )
    sink.always = 503
    stand.push()
    stand.clock.advance(MINUTE)
    await stand.until(lambda: sink.tries == 1)

    async def failed() -> bool:
        return await stand.failures(subscription) == 1

    await stand.until(failed)


# Backups


async def test_backups_are_tried_in_their_order(
    stand: Stand, make_sink: MakeSink, tasks: Tasks
) -> None:
    first, second, third = [await make_sink() for _ in range(3)]
    first.always, second.always = 500, 404
    subscription = await stand.subscribe(first.url, backups=(second.url, third.url))
    stand.push()
    await run_a_task(tasks)
    await stand.until(lambda: third.heard == ["TaskStarted"])
    assert (first.tries, second.tries, await stand.failures(subscription)) == (1, 1, 0)
    first.always = 204
    await run_a_task(tasks)
    await stand.until(lambda: first.heard == ["TaskStarted"])
    assert third.tries == 1, "the destination is asked first each time"


async def test_when_no_backup_takes_it_either_the_policy_decides(
    stand: Stand, make_sink: MakeSink, tasks: Tasks
) -> None:
    first, second = [await make_sink() for _ in range(2)]
    first.always = second.always = 500
    subscription = await stand.subscribe(first.url, backups=(second.url,), policy=FOREVER)
    stand.push()
    await run_a_task(tasks)

    async def failed() -> bool:
        return await stand.failures(subscription) == 1

    await stand.until(failed)
    second.always = 204
    stand.clock.advance(600)
    await stand.until(lambda: second.heard == ["TaskStarted"])


async def test_a_backup_in_a_denied_network_gets_nothing(
    stand: Stand, make_sink: MakeSink, tasks: Tasks
) -> None:
    hidden = await make_sink()
    subscription = await stand.subscribe("http://192.0.2.1/events", backups=(hidden.url,))
    stand.push(reach=Reach(denied=parse("loopback 192.0.2.0/24")))
    await run_a_task(tasks)

    async def failed() -> bool:
        return await stand.failures(subscription) == 1

    await stand.until(failed)
    assert hidden.tries == 0


# What else can be wrong with a destination


async def test_a_redirect_is_no_delivery(stand: Stand, make_sink: MakeSink, tasks: Tasks) -> None:
    here, elsewhere = [await make_sink() for _ in range(2)]

    async def away(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect(elsewhere.url)

    here.answers.append(away)
    subscription = await stand.subscribe(here.url, policy=FOREVER)
    stand.push()
    await run_a_task(tasks)

    async def failed() -> bool:
        return await stand.failures(subscription) == 1

    await stand.until(failed)
    assert elsewhere.tries == 0, "its headers are nobody else's business"
    stand.clock.advance(600)
    await stand.until(lambda: here.heard == ["TaskStarted"])


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 304])
async def test_whatever_is_answered_instead_the_event_comes_later(
    stand: Stand, sink: Sink, tasks: Tasks, status: int
) -> None:
    sink.answers.append(status)
    await stand.subscribe(sink.url, policy=FOREVER)
    stand.push()
    await run_a_task(tasks)
    await stand.until(lambda: sink.tries == 1)
    assert sink.heard == []
    stand.clock.advance(600)
    await stand.until(lambda: sink.heard == ["TaskStarted"])


async def test_a_name_that_leads_to_a_denied_network(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    named = sink.url.replace("127.0.0.1", "localhost")
    subscription = await stand.subscribe(named)
    stand.push(reach=Reach(denied=parse("loopback")))
    await run_a_task(tasks)

    async def failed() -> bool:
        return await stand.failures(subscription) == 1

    await stand.until(failed)
    assert sink.tries == 0


# IncludeOriginOfCondition


async def test_an_event_carries_its_resource_as_its_owner_may_read_it(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url, include_origin=True)
    uri = await run_a_task(tasks)
    stand.origins[uri] = orjson.dumps({"@odata.id": uri, "TaskState": "Running"})
    stand.push()
    await stand.until(lambda: sink.heard == ["TaskStarted"])
    assert sink.records[0]["OriginOfCondition"] == {"@odata.id": uri, "TaskState": "Running"}
    assert stand.read == [(uri, "ann")]


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
    stand.push()
    await stand.until(lambda: sink.heard[-1:] == ["TaskRemoved"])
    assert sink.records[-1]["OriginOfConditionUnavailable"] is True


# Test events

SUBMIT = f"{SERVICE}/Actions/EventService.SubmitTestEvent"
ANNOUNCE = f"{SERVICE}/Actions/EventService.TestEventSubscription"
EVENT: dict[str, Any] = {
    "MessageId": "TaskEvent.1.0.TaskAborted",
    "Message": "as it was given",
    "MessageArgs": ["a", "b"],
    "MessageSeverity": "Critical",
    "EventId": "my-own",
    "EventGroupId": 7,
    "EventTimestamp": "2026-01-02T03:04:05Z",
    "EventType": "Alert",
    "OriginOfCondition": "/redfish/v1/EventService",
}


async def test_a_test_event_is_told_as_it_was_given(desk: Desk, stand: Stand, sink: Sink) -> None:
    await stand.subscribe(sink.url)
    stand.push()
    status, _, _ = await desk.ask("POST", SUBMIT, EVENT)
    assert status == 204
    await stand.until(lambda: len(sink.records) == 1)
    (record,) = sink.records
    wanted = {**EVENT, "OriginOfCondition": {"@odata.id": EVENT["OriginOfCondition"]}}
    assert {name: record[name] for name in wanted} == wanted and record["MemberId"] == "0"


async def test_filters_hold_for_test_events_too(desk: Desk, stand: Stand, sink: Sink) -> None:
    from odimra.events import Filters

    await stand.subscribe(sink.url, filters=Filters(severities=("Critical",)))
    stand.push()
    for severity in ("OK", "Warning", "Critical"):
        await desk.ask("POST", SUBMIT, {**EVENT, "MessageSeverity": severity, "EventId": severity})
    await stand.until(lambda: len(sink.records) == 1)
    assert sink.records[0]["EventId"] == "Critical"


async def test_subscriptions_can_be_tested(desk: Desk, stand: Stand, sink: Sink) -> None:
    await stand.subscribe(sink.url)
    stand.push()
    assert (await desk.ask("POST", ANNOUNCE, {}))[0] == 204
    await stand.until(lambda: sink.heard == ["TestMessage"])
    assert sink.records[0]["MessageId"].startswith("ResourceEvent.1.")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"MessageId": ...}, "MessageId"),
        ({"MessageId": "no id"}, "MessageId"),
        ({"MessageArgs": "a"}, "MessageArgs"),
        ({"MessageArgs": [1]}, "MessageArgs/0"),
        ({"MessageSeverity": "Awful"}, "MessageSeverity"),
        ({"EventType": "Party"}, "EventType"),
        ({"EventGroupId": "x"}, "EventGroupId"),
        ({"EventTimestamp": "now"}, "EventTimestamp"),
        ({"EventId": ""}, "EventId"),
        ({"Colour": "red"}, "Colour"),
    ],
)
async def test_a_test_event_that_is_none_is_refused_by_name(
    desk: Desk, stand: Stand, change: dict[str, Any], name: str
) -> None:
    given = {key: value for key, value in {**EVENT, **change}.items() if value is not ...}
    before = await stand.store.call("XLEN", stand.store.keys.events)
    status, body, _ = await desk.ask("POST", SUBMIT, given)
    assert status == 400
    ((key, _),) = said(body)
    assert key.startswith("ActionParameter") and name in str(body)
    assert await stand.store.call("XLEN", stand.store.keys.events) == before


async def test_who_may_test_and_when(desk: Desk, stand: Stand) -> None:
    for uri, body in ((SUBMIT, EVENT), (ANNOUNCE, {})):
        assert (await desk.ask("POST", uri, body, who="op"))[0] == 403
    await desk.ask("PATCH", SERVICE, {"ServiceEnabled": False})
    for uri, body in ((SUBMIT, EVENT), (ANNOUNCE, {})):
        status, answer, _ = await desk.ask("POST", uri, body)
        assert status == 503 and said_keys(answer) == ["ServiceDisabled"]
