"""What a subscriber hears, when, and how often."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from odimra.events import (
    DISABLED,
    Filters,
    NewSubscription,
    Push,
    PushOptions,
    Rendered,
    SubscriptionMissing,
)
from odimra.events.model import BACKOFF, FOREVER, SUSPEND, TERMINATE
from odimra.events.subscriptions import LeaseLost
from odimra.networks import Reach, parse
from odimra.store import Store
from odimra.tasks import Change, TaskOptions, Tasks, states
from tests.events.conftest import Sink, Stand
from tests.tasks.conftest import a_task, bring

LIFE = ["TaskStarted", "TaskProgressChanged", "TaskCompletedOK"]
MakeSink = Callable[[], Awaitable[Sink]]


async def test_a_subscriber_hears_a_task_from_beginning_to_end(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url, context="mine", headers=[("X-Who", "odimra-test")])
    stand.push()
    task = await tasks.create(a_task())
    await tasks.change(task.id, Change(state=states.RUNNING))
    await tasks.change(task.id, Change(percent=40))
    await tasks.change(task.id, Change(state=states.COMPLETED))
    await tasks.delete(task.id)
    await stand.until(lambda: len(sink.records) == 5)
    told = ["TaskProgressChanged", "TaskProgressChanged", "TaskCompletedOK", "TaskRemoved"]
    assert sink.heard == ["TaskStarted", *told]
    for payload in sink.payloads:
        assert payload["@odata.type"] == "#Event.v1_13_0.Event"
        assert payload["Context"] == "mine"
        assert [record["MemberId"] for record in payload["Events"]] == [
            str(number) for number in range(len(payload["Events"]))
        ]
        assert payload["Id"] == payload["Events"][-1]["EventId"]
    progress = sink.records[1]
    assert progress["MessageId"] == "TaskEvent.1.0.TaskProgressChanged"
    assert progress["MessageArgs"] == [task.id, "40"]
    assert progress["MessageSeverity"] == "OK"
    assert progress["OriginOfCondition"] == {
        "@odata.id": f"/redfish/v1/TaskService/Tasks/{task.id}"
    }
    assert sink.requests[0].headers["X-Who"] == "odimra-test"
    assert sink.requests[0].headers["Content-Type"].startswith("application/json")


async def test_the_origin_of_a_sub_task_is_under_its_parent(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url)
    stand.push()
    parent = await tasks.create(a_task(subtasks=[a_task()]))
    child = (await stand.store.call("ZRANGE", stand.store.keys.index("sub", parent.id), 0, -1))[0]
    await tasks.change(child.decode(), Change(state=states.RUNNING))
    await stand.until(lambda: len(sink.records) >= 2)
    uris = {record["OriginOfCondition"]["@odata.id"] for record in sink.records}
    own = f"/redfish/v1/TaskService/Tasks/{parent.id}"
    assert uris == {own, f"{own}/SubTasks/{child.decode()}"}


async def test_nothing_of_what_was_before_is_heard(stand: Stand, sink: Sink, tasks: Tasks) -> None:
    await bring(tasks, states.COMPLETED)
    await stand.subscribe(sink.url)
    await bring(tasks, states.CANCELLED)
    stand.push()
    await stand.until(lambda: sink.heard)
    assert sink.heard == ["TaskCancelled"]


async def test_only_what_is_subscribed_to_is_heard(
    stand: Stand, sink: Sink, make_sink: MakeSink, tasks: Tasks
) -> None:
    all_of_it = await make_sink()
    await stand.subscribe(sink.url, filters=Filters(message_ids=("TaskEvent.TaskCompletedOK",)))
    await stand.subscribe(all_of_it.url)
    stand.push()
    for _ in range(3):
        await bring(tasks, states.COMPLETED)
    await stand.until(lambda: len(all_of_it.records) == 9 and len(sink.records) == 3)
    assert sink.heard == ["TaskCompletedOK"] * 3
    assert all_of_it.heard == LIFE * 3


async def test_a_long_backlog_comes_in_batches_in_order(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url, context="c" * 4096)
    done = [(await bring(tasks, states.COMPLETED)).id for _ in range(150)]
    stand.push()
    await stand.until(lambda: len(sink.records) == 450)
    assert [record["MessageArgs"][0] for record in sink.records[::3]] == done
    assert all(len(payload["Events"]) <= 100 for payload in sink.payloads)
    assert max(sink.sizes) <= 1024 * 1024


@pytest.mark.parametrize("status", [302, 401, 404, 500, 503])
async def test_what_is_not_a_2xx_is_sent_again(
    stand: Stand, sink: Sink, tasks: Tasks, status: int
) -> None:
    sink.answers.append(status)
    subscription = await stand.subscribe(sink.url)
    stand.push()
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: stand.failures(subscription))
    assert (sink.tries, sink.heard) == (1, [])
    stand.clock.advance(600)
    await stand.until(lambda: sink.heard)
    assert (sink.tries, sink.heard) == (2, ["TaskCancelled"])
    await stand.until(lambda: _is(stand.failures(subscription), 0))


async def test_an_answer_that_never_comes_or_breaks_off_is_a_failure(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def close(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    sink.answers.extend([hang, close])
    subscription = await stand.subscribe(sink.url, policy=FOREVER)
    stand.push(timeout=0.2)
    await bring(tasks, states.CANCELLED)
    for failures in (1, 2):
        await stand.until(lambda count=failures: _is(stand.failures(subscription), count))  # type: ignore[misc]
        stand.clock.advance(600)
    await stand.until(lambda: sink.heard)
    assert sink.tries == 3


async def _is(value: Awaitable[int], expected: int) -> bool:
    return await value == expected


async def test_terminate_after_retries_removes_the_subscription(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    sink.always = 500
    subscription = await stand.subscribe(sink.url, policy=TERMINATE)
    stand.push()
    await bring(tasks, states.CANCELLED)
    for failures in (1, 2):
        await stand.until(lambda count=failures: _is(stand.failures(subscription), count))  # type: ignore[misc]
        assert await stand.subscriptions.get(subscription.id) is not None
        stand.clock.advance(600)
    await stand.until(lambda: _gone(stand, subscription.id))
    # The first try and as many retries as DeliveryRetryAttempts says.
    assert sink.tries == 3
    assert await stand.subscriptions.count() == 0
    assert await stand.delivery(subscription) == {}


async def _gone(stand: Stand, subscription_id: str) -> bool:
    return await stand.subscriptions.get(subscription_id) is None


async def _state(stand: Stand, subscription_id: str, state: str) -> bool:
    found = await stand.subscriptions.get(subscription_id)
    return found is not None and found.state == state


async def test_suspend_retries_waits_to_be_resumed_and_loses_nothing(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    sink.answers.extend([500, 500, 500])
    subscription = await stand.subscribe(sink.url, policy=SUSPEND)
    push = stand.push()
    await bring(tasks, states.CANCELLED)
    for failures in (1, 2):
        await stand.until(lambda count=failures: _is(stand.failures(subscription), count))  # type: ignore[misc]
        stand.clock.advance(600)
    await stand.until(lambda: _state(stand, subscription.id, DISABLED))
    await stand.until(lambda: not push.held)
    await bring(tasks, states.COMPLETED)
    assert (sink.tries, sink.heard) == (3, [])
    await stand.subscriptions.resume(subscription.id)
    await stand.until(lambda: len(sink.heard) >= 3 + len(LIFE))
    assert sink.heard == ["TaskCancelled", "ResourceChanged", *LIFE, "ResourceChanged"]


async def test_resuming_can_leave_out_what_was_not_delivered(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    subscription = await stand.subscribe(sink.url)
    await stand.subscriptions.suspend(subscription.id)
    await bring(tasks, states.COMPLETED)
    await stand.subscriptions.resume(subscription.id, buffered_seconds=0)
    stand.push()
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: sink.heard)
    assert sink.heard == ["TaskCancelled"]


@pytest.mark.parametrize(("policy", "waits"), [(FOREVER, [600] * 5), (BACKOFF, [600, 1200, 2400])])
async def test_retrying_for_ever_waits_as_its_policy_says(
    stand: Stand, sink: Sink, tasks: Tasks, policy: str, waits: list[int]
) -> None:
    sink.always = 500
    subscription = await stand.subscribe(sink.url, policy=policy)
    stand.push()
    await bring(tasks, states.CANCELLED)
    for number, wait in enumerate(waits, 1):
        await stand.until(lambda count=number: _is(stand.failures(subscription), count))  # type: ignore[misc]
        next_try = int((await stand.delivery(subscription))["retry_at"])
        assert wait - 20 < (next_try - stand.clock.now_ms()) / 1000 <= wait
        stand.clock.advance(wait)
    sink.always = 204
    await stand.until(lambda: sink.heard)
    assert sink.heard == ["TaskCancelled"]


async def test_a_subscriber_that_hangs_delays_no_other(
    stand: Stand, sink: Sink, make_sink: MakeSink, tasks: Tasks
) -> None:
    stuck, let_go = await make_sink(), asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        await let_go.wait()
        return web.Response(status=500)

    stuck.answers.append(hang)
    await stand.subscribe(stuck.url)
    await stand.subscribe(sink.url)
    stand.push()
    for _ in range(5):
        await bring(tasks, states.COMPLETED)
    await stand.until(lambda: len(sink.records) == 15 and stuck.tries == 1)
    assert sink.heard == LIFE * 5
    let_go.set()


async def test_history_that_is_gone_is_told(stand: Stand, sink: Sink, tasks: Tasks) -> None:
    short_store = await Store.open(replace(stand.store.options, max_events=10))
    short = Tasks(short_store, TaskOptions(), stand.clock)
    await stand.subscribe(
        sink.url, filters=Filters(message_ids=("TaskEvent.TaskCompletedOK",)), context="c"
    )
    for _ in range(300):
        await bring(short, states.COMPLETED)
    await short_store.close()
    left = int(await stand.store.call("XLEN", stand.store.keys.events))
    assert left < 900
    stand.push()
    await stand.until(lambda: len(sink.records) >= 1 + left // 3)
    assert sink.heard[0] == "EventBufferExceeded"
    assert sink.heard.count("EventBufferExceeded") == 1
    assert sink.records[0]["OriginOfCondition"] == {"@odata.id": "/redfish/v1/EventService"}


async def test_a_disabled_service_tells_nothing_of_that_time(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    subscription = await stand.subscribe(sink.url)
    await stand.settings.write({"enabled": False})
    stand.push()
    start = (await stand.delivery(subscription))["cursor"]
    await bring(tasks, states.COMPLETED)

    async def passed() -> bool:
        newest = await stand.store.call("XREVRANGE", stand.store.keys.events, "+", "-", "COUNT", 1)
        cursor = (await stand.delivery(subscription))["cursor"]
        return cursor == newest[0][0].decode() != start

    await stand.until(passed)
    await stand.settings.write({"enabled": True})
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: "TaskCancelled" in sink.heard)
    # That it was switched on is news too.
    assert set(sink.heard) <= {"ResourceChanged", "TaskCancelled"}


async def test_a_deleted_subscription_hears_no_more(
    stand: Stand, sink: Sink, make_sink: MakeSink, tasks: Tasks
) -> None:
    other = await make_sink()
    subscription = await stand.subscribe(sink.url)
    await stand.subscribe(other.url)
    push = stand.push()
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: "TaskCancelled" in sink.heard)
    heard = list(sink.heard)
    await stand.subscriptions.delete(subscription.id)
    await bring(tasks, states.COMPLETED)
    await stand.until(lambda: "TaskCompletedOK" in other.heard and len(push.held) == 1)
    assert sink.heard == heard


async def test_two_processes_share_the_subscriptions_and_neither_sends_twice(
    stand: Stand, sink: Sink, make_sink: MakeSink, tasks: Tasks
) -> None:
    sinks = [sink, await make_sink(), await make_sink()]
    for one in sinks:
        await stand.subscribe(one.url)
    first, second = stand.push(), stand.push()
    await stand.until(lambda: len(first.held) + len(second.held) == 3)
    start = [len(one.records) for one in sinks]
    for _ in range(20):
        await bring(tasks, states.COMPLETED)
    await stand.until(
        lambda: all(len(one.records) >= n + 40 for one, n in zip(sinks, start, strict=True))
    )
    assert first.held.isdisjoint(second.held)
    for one in sinks:
        ids = [record["EventId"] for record in one.records]
        assert len(set(ids)) == len(ids)


async def test_a_stopped_holder_gives_the_subscription_to_the_next_at_once(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    subscription = await stand.subscribe(sink.url)
    push = stand.push()
    await stand.until(lambda: push.held)
    await stand.stop()
    assert await stand.store.call("EXISTS", stand.subscriptions.lease(subscription.id)) == 0
    stand.push()
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: sink.heard)


async def test_who_lost_the_lease_changes_nothing_any_more(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    subscription = await stand.subscribe(sink.url)

    async def usurped(request: web.Request) -> web.StreamResponse:
        # While the post is under way the lease runs out and another process takes it.
        await stand.store.call("SET", stand.subscriptions.lease(subscription.id), "another")
        return web.Response(status=204)

    sink.answers.append(usurped)
    before = await stand.delivery(subscription)
    push = stand.push()
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: sink.tries == 1 and not push.held)
    assert await stand.delivery(subscription) == before
    assert await stand.store.call("GET", stand.subscriptions.lease(subscription.id)) == b"another"


async def test_after_the_holder_was_killed_another_goes_on_where_it_stopped(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url)
    # A process of its own, so that SIGKILL leaves its lease behind.
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.events.holder"),
        *(stand.store.options.url, stand.store.options.namespace),
        cwd=Path(__file__).resolve().parents[2],
    )
    stuck = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        stuck.set()
        await asyncio.Event().wait()
        raise AssertionError

    await bring(tasks, states.COMPLETED)
    await stand.until(lambda: len(sink.records) == 3)
    sink.answers.append(hang)
    await bring(tasks, states.CANCELLED)
    await asyncio.wait_for(stuck.wait(), 10)
    holder.kill()
    await holder.wait()
    await bring(tasks, states.EXCEPTION)
    stand.push()
    await stand.until(lambda: len(sink.records) >= 5)
    assert sink.heard == [*LIFE, "TaskCancelled", "TaskAborted"]


async def test_the_store_may_go_away_and_come_back(
    stand: Stand, sink: Sink, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from odimra.store import StoreUnavailable

    await stand.subscribe(sink.url)
    push = stand.push()
    await stand.until(lambda: push.held)
    script = stand.store.script
    refused = 0

    async def away(*args: object, **named: object) -> object:
        nonlocal refused
        refused += 1
        raise StoreUnavailable("away")

    monkeypatch.setattr(stand.store, "script", away)
    await stand.until(lambda: refused > 2 and stand.clock.advance(5) is None)
    monkeypatch.setattr(stand.store, "script", script)
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: sink.heard)
    assert sink.heard == ["TaskCancelled"]


async def test_a_certificate_is_verified_only_on_request(
    stand: Stand, tasks: Tasks, tmp_path: Path
) -> None:
    certificate = _self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    sink = Sink()
    app = web.Application()
    app.router.add_post("/events", sink.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/events"
    try:
        strict = await stand.subscribe(url, verify_certificate=True, policy=FOREVER)
        stand.push()
        await bring(tasks, states.CANCELLED)
        await stand.until(lambda: stand.failures(strict))
        assert sink.tries == 0
        await stand.subscriptions.change(strict.id, {"verify_certificate": "0"})
        stand.clock.advance(600)
        await stand.until(lambda: "TaskCancelled" in sink.heard)
    finally:
        await stand.stop()
        await runner.cleanup()


def _self_signed(folder: Path) -> Path:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "sink.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


async def test_neither_the_headers_nor_the_destination_reach_the_log(
    stand: Stand, sink: Sink, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "odimra")
    sink.always = 500
    new = NewSubscription(f"{sink.url}?key=hush", "ann", headers=[("Authorization", "hush")])
    assert "Authorization" not in repr(new)
    subscription = await stand.subscriptions.create(new)
    assert "Authorization" not in repr(subscription)
    stand.push()
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: stand.failures(subscription))
    assert "delivery 1 failed: status 500" in caplog.text
    assert "hush" not in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_nothing_is_sent_to_a_denied_network(
    stand: Stand, sink: Sink, tasks: Tasks, host: str
) -> None:
    subscription = await stand.subscribe(sink.url.replace("127.0.0.1", host))
    stand.push(reach=Reach(denied=parse("loopback")))
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: stand.failures(subscription))
    assert sink.tries == 0


def test_a_lease_outlives_a_delivery(stand: Stand) -> None:
    with pytest.raises(ValueError, match="lease"):
        Push(
            stand.store,
            stand.subscriptions,
            stand.settings,
            stand.clock,
            PushOptions(timeout=10, lease=10),
            render=_unused,
            gap=_unused,
            heartbeat=_unused,
            sees_all=_nobody,
            read_origin=_nothing,
        )


async def _nobody(account: str) -> bool:
    return False


async def _nothing(uri: str, account: str) -> bytes | None:
    return None


def _unused(*args: object) -> Rendered:
    raise AssertionError


async def test_a_suspended_subscription_is_nobodys(
    stand: Stand, sink: Sink, make_sink: MakeSink, tasks: Tasks
) -> None:
    other = await make_sink()
    suspended = await stand.subscribe(sink.url)
    await stand.subscribe(other.url)
    await stand.subscriptions.suspend(suspended.id)
    push = stand.push()
    for _ in range(3):
        await bring(tasks, states.COMPLETED)
    await stand.until(lambda: "TaskCompletedOK" in other.heard)
    assert suspended.id not in push.held
    assert sink.tries == 0


async def test_who_was_overtaken_while_a_delivery_failed_says_nothing_of_it(
    stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    subscription = await stand.subscribe(sink.url)

    async def usurped(request: web.Request) -> web.StreamResponse:
        await stand.store.call("SET", stand.subscriptions.lease(subscription.id), "another")
        return web.Response(status=500)

    sink.answers.append(usurped)
    push = stand.push()
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: sink.tries == 1 and not push.held)
    assert await stand.failures(subscription) == 0
    with pytest.raises(LeaseLost):
        await stand.subscriptions.delete(subscription.id, token="mine")
    with pytest.raises(SubscriptionMissing):
        await stand.subscriptions.resume("nobody")


async def test_what_is_somebody_else_s_own_is_not_told(
    stand: Stand, sink: Sink, make_sink: MakeSink, tasks: Tasks
) -> None:
    other, all_of_it = await make_sink(), await make_sink()
    stand.administrators = {"root"}
    for account, url in (("ann", sink.url), ("bob", other.url), ("root", all_of_it.url)):
        await stand.subscriptions.create(NewSubscription(url, account))
    stand.push()
    tasks_of_ann = [await bring(tasks, states.CANCELLED) for _ in range(2)]
    await stand.until(lambda: all_of_it.heard.count("TaskCancelled") == 2)
    await stand.until(lambda: sink.heard.count("TaskCancelled") == 2)
    assert {one.owner for one in tasks_of_ann} == {"ann"}
    assert "TaskCancelled" not in other.heard
    # Asked anew for what comes: privileges are taken away, and given.
    stand.administrators = {"bob"}
    await bring(tasks, states.EXCEPTION)
    await stand.until(lambda: "TaskAborted" in other.heard and "TaskAborted" in sink.heard)
    assert "TaskAborted" not in all_of_it.heard
