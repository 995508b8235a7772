"""Heartbeats (EventDestination v1_16_0, SendHeartbeat): that the service works, told on time."""

from __future__ import annotations

import pytest
from aiohttp import web

from odimra.events import DISABLED, Filters, Subscription
from odimra.events.model import FOREVER, HEARTBEAT_MINUTES, SUSPEND, TERMINATE
from odimra.tasks import Tasks, states
from tests.events.conftest import Sink, Stand
from tests.events.face import SERVICE
from tests.tasks.conftest import bring

BEAT = "RedfishServiceFunctional"
MINUTE = 60
#: Longer than all the small steps that a test takes while it waits for sockets.
A_WHILE = 15


async def due_in(stand: Stand, subscription: Subscription) -> float:
    """Return the seconds until the store says that the next heartbeat is due."""
    at = int((await stand.delivery(subscription))["heartbeat_at"])
    return (at - stand.clock.now_ms()) / 1000


async def hear_a_task(stand: Stand, sink: Sink, tasks: Tasks) -> None:
    """Have a task tell something: whatever was to be told before has been told then."""
    before = sink.heard.count("TaskCancelled")
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: sink.heard.count("TaskCancelled") == before + 1)


async def test_a_heartbeat_comes_when_its_time_has_come_and_not_before(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url, context="mine", send_heartbeat=True, heartbeat_minutes=2)
    stand.push()
    for beats in (1, 2):
        stand.clock.advance(2 * MINUTE - A_WHILE)
        # What is told meanwhile does not put it off.
        await hear_a_task(stand, sink, tasks)
        assert sink.heard.count(BEAT) == beats - 1
        stand.clock.advance(A_WHILE)
        await stand.until(lambda count=beats: sink.heard.count(BEAT) == count)  # type: ignore[misc]
    payload = sink.payloads[-1]
    assert payload["@odata.type"] == "#Event.v1_13_0.Event" and payload["Context"] == "mine"
    (record,) = payload["Events"]
    assert record["MessageId"] == f"HeartbeatEvent.1.1.{BEAT}"
    assert record["MessageSeverity"] == "OK" and record["MessageArgs"] == []
    assert record["Message"] and record["EventTimestamp"].endswith("Z")
    assert record["OriginOfCondition"] == {"@odata.id": SERVICE}
    assert record["MemberId"] == "0" and payload["Events@odata.count"] == 1
    ids = [one["EventId"] for one in sink.records]
    assert len(set(ids)) == len(ids)


async def test_nobody_gets_heartbeats_who_did_not_ask(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url)
    await stand.subscribe(sink.url, send_heartbeat=False, heartbeat_minutes=1)
    stand.push()
    stand.clock.advance(HEARTBEAT_MINUTES * MINUTE)
    for told in (1, 2):
        await bring(tasks, states.CANCELLED)
        await stand.until(lambda count=2 * told: sink.heard.count("TaskCancelled") == count)  # type: ignore[misc]
    assert BEAT not in sink.heard


async def test_without_an_interval_it_is_the_default_one(stand: Stand, sink: Sink) -> None:
    subscription = await stand.subscribe(sink.url, send_heartbeat=True)
    assert await due_in(stand, subscription) == HEARTBEAT_MINUTES * MINUTE
    stand.push()
    stand.clock.advance(HEARTBEAT_MINUTES * MINUTE)
    await stand.until(lambda: sink.heard == [BEAT])


async def test_filters_do_not_concern_heartbeats(stand: Stand, sink: Sink, tasks: Tasks) -> None:
    none = Filters(message_ids=("TaskEvent.TaskPaused",), exclude_registry_prefixes=("Base",))
    await stand.subscribe(sink.url, filters=none, send_heartbeat=True, heartbeat_minutes=1)
    stand.push()
    await bring(tasks, states.COMPLETED)
    stand.clock.advance(MINUTE)
    await stand.until(lambda: sink.heard == [BEAT])


async def test_the_next_holder_keeps_the_beat(stand: Stand, sink: Sink, tasks: Tasks) -> None:
    subscription = await stand.subscribe(sink.url, send_heartbeat=True, heartbeat_minutes=1)
    first = (await stand.delivery(subscription))["heartbeat_at"]
    stand.push()
    stand.clock.advance(MINUTE)
    await stand.until(lambda: sink.heard == [BEAT])

    async def noted() -> bool:
        return (await stand.delivery(subscription))["heartbeat_at"] != first

    # The one who hears it is first to know.
    await stand.until(noted)
    due = (await stand.delivery(subscription))["heartbeat_at"]
    await stand.stop()
    stand.clock.advance(MINUTE / 2)
    stand.push()
    await hear_a_task(stand, sink, tasks)
    assert (await stand.delivery(subscription))["heartbeat_at"] == due
    assert sink.heard.count(BEAT) == 1
    stand.clock.advance(await due_in(stand, subscription))
    await stand.until(lambda: sink.heard.count(BEAT) == 2)


async def test_those_that_nobody_could_send_are_not_made_up_for(stand: Stand, sink: Sink) -> None:
    subscription = await stand.subscribe(sink.url, send_heartbeat=True, heartbeat_minutes=1)
    first = int((await stand.delivery(subscription))["heartbeat_at"])
    stand.clock.advance(10.5 * MINUTE)
    stand.push()

    async def sent() -> bool:
        return int((await stand.delivery(subscription))["heartbeat_at"]) > first

    await stand.until(sent)
    assert sink.heard == [BEAT]
    # In step with the first one.
    assert int((await stand.delivery(subscription))["heartbeat_at"]) == first + 10 * MINUTE * 1000


async def test_a_heartbeat_that_nobody_takes_is_a_failed_delivery(stand: Stand, sink: Sink) -> None:
    subscription = await stand.subscribe(
        sink.url, send_heartbeat=True, heartbeat_minutes=1, policy=FOREVER
    )
    sink.answers.extend([503, 503])
    stand.push()
    stand.clock.advance(MINUTE)
    for times in (1, 2):
        await stand.until_failed(subscription, times)
        assert sink.tries == times
        stand.clock.advance(600)
    await stand.until(lambda: sink.heard == [BEAT])
    await stand.until_failed(subscription, 0)


@pytest.mark.parametrize("policy", [TERMINATE, SUSPEND])
async def test_the_policy_acts_when_heartbeats_go_on_failing(
    stand: Stand, sink: Sink, policy: str
) -> None:
    subscription = await stand.subscribe(
        sink.url, send_heartbeat=True, heartbeat_minutes=1, policy=policy
    )
    sink.always = 500
    stand.push()
    stand.clock.advance(MINUTE)
    for times in (1, 2, 3):
        await stand.until(lambda count=times: sink.tries == count)  # type: ignore[misc]
        if times < 3:
            await stand.until_failed(subscription, times)
            stand.clock.advance(600)
            continue

        async def acted() -> bool:
            stand.clock.advance(60)
            found = await stand.subscriptions.get(subscription.id)
            return found is None if policy == TERMINATE else found.state == DISABLED

        await stand.until(acted)
    assert sink.tries == 3


async def test_who_refuses_nothing_but_heartbeats_hears_all_the_rest(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    async def no_beats(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if BEAT in body["Events"][0]["MessageId"]:
            return web.Response(status=400)
        sink.payloads.append(body)
        return web.Response(status=204)

    sink.answers.extend([no_beats] * 8)
    subscription = await stand.subscribe(sink.url, send_heartbeat=True, heartbeat_minutes=1)
    stand.push()
    stand.clock.advance(MINUTE)
    for _ in range(3):
        await stand.until_failed(subscription)
        await bring(tasks, states.CANCELLED)
        stand.clock.advance(600)
    # Three failures in a row would have ended it.
    await stand.until(lambda: sink.heard.count("TaskCancelled") == 3)
    await stand.until_failed(subscription)


async def test_a_disabled_service_is_silent_and_an_enabled_one_says_so_once(
    stand: Stand, sink: Sink
) -> None:
    subscription = await stand.subscribe(
        sink.url,
        send_heartbeat=True,
        heartbeat_minutes=1,
        filters=Filters(message_ids=("TaskEvent.TaskPaused",)),
    )
    await stand.settings.write({"enabled": False})
    stand.push()
    start = (await stand.delivery(subscription))["cursor"]

    async def passed() -> bool:
        return (await stand.delivery(subscription))["cursor"] != start

    await stand.until(passed)  # somebody delivers, by what the settings say now
    for _ in range(3):
        stand.clock.advance(MINUTE)
        held = (await stand.delivery(subscription))["cursor"]
        await stand.settings.write({"interval": 600 + stand.clock.now_ms() % 1000})

        async def looked(before: str = held) -> bool:
            return (await stand.delivery(subscription))["cursor"] != before

        await stand.until(looked)
    assert sink.tries == 0
    await stand.settings.write({"enabled": True})
    await stand.until(lambda: sink.heard == [BEAT])


async def test_a_suspended_subscription_has_no_pulse(stand: Stand, sink: Sink) -> None:
    subscription = await stand.subscribe(sink.url, send_heartbeat=True, heartbeat_minutes=1)
    stand.push()
    await stand.subscriptions.suspend(subscription.id)
    await stand.until(lambda: _no_lease(stand, subscription))
    stand.clock.advance(5 * MINUTE)
    other = await stand.subscribe(f"{sink.url}?other", send_heartbeat=True, heartbeat_minutes=1)
    stand.clock.advance(MINUTE)
    await stand.until(lambda: sink.heard == [BEAT])
    assert (await stand.delivery(other))["heartbeat_at"]
    await stand.subscriptions.delete(other.id)
    await stand.subscriptions.resume(subscription.id, buffered_seconds=0)
    await stand.until(lambda: sink.heard == [BEAT] * 2)


async def _no_lease(stand: Stand, subscription: Subscription) -> bool:
    return not await stand.store.call("EXISTS", stand.subscriptions.lease(subscription.id))


async def test_who_lost_the_lease_over_a_heartbeat_records_nothing_of_it(
    stand: Stand, sink: Sink
) -> None:
    subscription = await stand.subscribe(sink.url, send_heartbeat=True, heartbeat_minutes=1)

    async def usurped(request: web.Request) -> web.StreamResponse:
        await stand.store.call("SET", stand.subscriptions.lease(subscription.id), "another")
        return web.Response(status=204)

    sink.answers.append(usurped)
    before = await stand.delivery(subscription)
    push = stand.push()
    stand.clock.advance(MINUTE)
    await stand.until(lambda: sink.tries == 1 and not push.held)
    assert await stand.delivery(subscription) == before
