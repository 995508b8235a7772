"""Destinations that fail: backups, redirects, refusals, and networks to which nothing is sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from odimra.events.model import FOREVER, SUSPEND, TERMINATE
from odimra.events.resolver import DestinationDenied, GuardedResolver
from odimra.networks import Reach, parse
from odimra.tasks import Change, Tasks, states
from tests.events.conftest import Sink, Stand
from tests.tasks.conftest import a_task, bring

MakeSink = Callable[[], Awaitable[Sink]]


async def run_a_task(tasks: Tasks) -> str:
    task = await tasks.create(a_task())
    await tasks.change(task.id, Change(state=states.RUNNING))
    return f"/redfish/v1/TaskService/Tasks/{task.id}"


# Backups


async def test_backups_are_tried_in_their_order(
    stand: Stand, make_sink: MakeSink, tasks: Tasks
) -> None:
    first, second, third, fourth = sinks = [await make_sink() for _ in range(4)]
    first.always, second.always = 500, 404
    subscription = await stand.subscribe(
        first.url,
        backups=(second.url, third.url, fourth.url),
        context="mine",
        headers=[("X-Who", "odimra-test")],
    )
    stand.push()
    await run_a_task(tasks)
    await stand.until(lambda: third.heard == ["TaskStarted"])
    assert [one.tries for one in sinks] == [1, 1, 1, 0]
    assert await stand.failures(subscription) == 0
    # The same payload, as the destination would have got it.
    assert third.payloads[0]["Context"] == "mine"
    assert third.requests[0].headers["X-Who"] == "odimra-test"
    first.always = 204
    await run_a_task(tasks)
    await stand.until(lambda: first.heard == ["TaskStarted"])
    assert [one.tries for one in sinks] == [2, 1, 1, 0], "the destination is asked first each time"


async def test_a_destination_that_hangs_or_is_not_there_has_its_backup_asked(
    stand: Stand, make_sink: MakeSink, tasks: Tasks
) -> None:
    first, second = [await make_sink() for _ in range(2)]

    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    first.answers.append(hang)
    await stand.subscribe(first.url, backups=("http://127.0.0.1:1/", second.url))
    stand.push(timeout=0.2)
    await run_a_task(tasks)
    await stand.until(lambda: second.heard == ["TaskStarted"])
    assert first.tries == 1


@pytest.mark.parametrize("policy", [TERMINATE, SUSPEND])
async def test_when_no_backup_takes_it_either_the_policy_acts(
    stand: Stand, make_sink: MakeSink, tasks: Tasks, policy: str
) -> None:
    first, second = [await make_sink() for _ in range(2)]
    first.always = second.always = 500
    subscription = await stand.subscribe(first.url, backups=(second.url,), policy=policy)
    stand.push()
    await run_a_task(tasks)
    # The first try and as many retries as DeliveryRetryAttempts says, each of both.
    for times in (1, 2):
        await stand.until_failed(subscription, times)
        assert (first.tries, second.tries) == (times, times)
        stand.clock.advance(600)

    async def acted() -> bool:
        stand.clock.advance(60)
        found = await stand.subscriptions.get(subscription.id)
        return found is None if policy == TERMINATE else found.state == "Disabled"

    await stand.until(acted)
    assert (first.tries, second.tries) == (3, 3)


async def test_when_no_backup_takes_it_either_it_is_tried_again(
    stand: Stand, make_sink: MakeSink, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "odimra")
    first, second = [await make_sink() for _ in range(2)]
    first.always, second.always = 500, 404
    subscription = await stand.subscribe(first.url, backups=(second.url,), policy=FOREVER)
    stand.push()
    await run_a_task(tasks)
    await stand.until_failed(subscription)
    assert "delivery 1 failed: status 500, status 404" in caplog.text
    second.always = 204
    stand.clock.advance(600)
    await stand.until(lambda: second.heard == ["TaskStarted"])
    assert first.tries == 2
    await stand.until_failed(subscription, 0)


async def test_no_backup_is_asked_for_who_unsubscribed_meanwhile(
    stand: Stand, make_sink: MakeSink, tasks: Tasks
) -> None:
    first, second, other = [await make_sink() for _ in range(3)]
    subscription = await stand.subscribe(first.url, backups=(second.url,))

    async def unsubscribed(request: web.Request) -> web.StreamResponse:
        await stand.subscriptions.delete(subscription.id)
        return web.Response(status=500)

    first.answers.append(unsubscribed)
    push = stand.push()
    await run_a_task(tasks)
    await stand.until(lambda: first.tries == 1 and not push.held)
    await stand.subscribe(other.url)
    await run_a_task(tasks)
    await stand.until(lambda: other.heard == ["TaskStarted"])
    assert second.tries == 0


async def test_the_lease_outlives_a_round_through_slow_backups(
    stand: Stand, make_sink: MakeSink, tasks: Tasks
) -> None:
    sinks = [await make_sink() for _ in range(4)]
    subscription = await stand.subscribe(
        sinks[0].url, backups=[one.url for one in sinks[1:]], policy=FOREVER
    )
    lease, left = stand.subscriptions.lease(subscription.id), []

    async def slow(request: web.Request) -> web.StreamResponse:
        left.append(int(await stand.store.call("PTTL", lease)))
        # As if it had taken as long as a delivery may; the server's time goes on as well.
        await stand.store.call("PEXPIRE", lease, max(left[-1] - 10_000, 1))
        stand.clock.advance(10)
        return web.Response(status=500)

    for one in sinks[:3]:
        one.answers.append(slow)
    stand.push(timeout=10.0, lease=15.0)
    await run_a_task(tasks)
    await stand.until(lambda: sinks[3].heard == ["TaskStarted"])
    assert len(left) == 3 and min(left) > 10_000
    await stand.until_failed(subscription, 0)


# Networks


async def test_a_backup_in_a_denied_network_is_passed_over(
    stand: Stand, make_sink: MakeSink, tasks: Tasks
) -> None:
    first, hidden, last = [await make_sink() for _ in range(3)]
    first.always = 500
    behind = hidden.url.replace("127.0.0.1", "127.0.0.2")
    await stand.subscribe(first.url, backups=(behind, last.url))
    stand.push(reach=Reach(denied=parse("127.0.0.2")))
    await run_a_task(tasks)
    await stand.until(lambda: last.heard == ["TaskStarted"])
    assert hidden.tries == 0


async def test_a_backup_in_a_denied_network_gets_nothing(
    stand: Stand, make_sink: MakeSink, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "odimra")
    hidden = await make_sink()
    subscription = await stand.subscribe("http://192.0.2.1/events", backups=(hidden.url,))
    stand.push(reach=Reach(denied=parse("loopback 192.0.2.0/24")))
    await run_a_task(tasks)
    await stand.until_failed(subscription)
    assert hidden.tries == 0
    assert "DestinationDenied, DestinationDenied" in caplog.text


@pytest.mark.parametrize(
    ("host", "reach", "arrives"),
    [
        ("127.0.0.1", Reach(), True),
        ("127.0.0.1", Reach(denied=parse("private link-local metadata")), True),
        ("127.0.0.1", Reach(denied=parse("127.0.0.1")), False),
        ("127.0.0.1", Reach(allowed=parse("10.0.0.0/8 2001:db8::/32")), False),
        ("127.0.0.1", Reach(allowed=parse("127.0.0.0/8")), True),
        ("127.0.0.1", Reach(parse("127.0.0.0/8"), parse("127.0.0.1/32")), False),
        # A name, and what resolvers read as an address.
        ("localhost", Reach(), True),
        ("localhost", Reach(denied=parse("loopback")), False),
        ("0x7f.1", Reach(), True),
        ("0x7f.1", Reach(denied=parse("loopback")), False),
        ("0x7f000001", Reach(denied=parse("loopback")), False),
        ("0", Reach(denied=parse("loopback")), False),
        ("[::ffff:127.0.0.1]", Reach(), True),
        ("[::ffff:7f00:1]", Reach(denied=parse("loopback")), False),
        # Where an address carries another one, both are judged.
        ("[64:ff9b::7f00:1]", Reach(denied=parse("loopback")), False),
        ("[2002:7f00:1::1]", Reach(denied=parse("loopback")), False),
    ],
)
async def test_what_is_connected_to_is_what_is_judged(
    stand: Stand,
    sink: Sink,
    tasks: Tasks,
    caplog: pytest.LogCaptureFixture,
    host: str,
    reach: Reach,
    arrives: bool,
) -> None:
    caplog.set_level("INFO", "odimra")
    # Not by way of the API, as one that was subscribed before the lists were changed.
    subscription = await stand.subscribe(sink.url.replace("127.0.0.1", host))
    stand.push(reach=reach)
    await bring(tasks, states.CANCELLED)
    if arrives:
        await stand.until(lambda: sink.heard == ["TaskCancelled"])
    else:
        await stand.until_failed(subscription)
        assert sink.tries == 0
        assert "failed: DestinationDenied" in caplog.text


@pytest.mark.parametrize(
    ("found", "denied"),
    [
        (["198.51.100.1", "10.0.0.1"], True),
        (["198.51.100.1", "2001:db8::1"], False),
        (["fe80::1%2"], True),
        (["::ffff:10.0.0.1"], True),
    ],
)
async def test_a_name_is_judged_by_every_address_it_leads_to(
    monkeypatch: pytest.MonkeyPatch, found: list[str], denied: bool
) -> None:
    def looked_up(host: str, port: int, **options: object) -> list[Any]:
        answers: list[Any] = []
        for one in found:
            address, _, scope = one.partition("%")
            v6 = ":" in address
            end: tuple[object, ...] = (address, port, 0, int(scope or 0)) if v6 else (address, port)
            family = socket.AF_INET6 if v6 else socket.AF_INET
            answers.append((family, socket.SOCK_STREAM, 6, "", end))
        return answers

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    resolver = GuardedResolver(Reach(denied=parse("private link-local")))
    try:
        if denied:
            with pytest.raises(DestinationDenied):
                await resolver.resolve("sink.example", 443)
        else:
            assert [one["host"] for one in await resolver.resolve("sink.example", 443)] == found
    finally:
        await resolver.close()


async def test_a_link_local_address_keeps_its_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 2))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [answer])
    resolver = GuardedResolver(Reach())
    assert [one["host"] for one in await resolver.resolve("sink.example", 80)] == ["fe80::1%2"]
    await resolver.close()


# What else can be wrong with a destination


async def test_a_redirect_is_no_delivery(stand: Stand, make_sink: MakeSink, tasks: Tasks) -> None:
    here, elsewhere = [await make_sink() for _ in range(2)]

    async def away(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect(elsewhere.url)

    here.answers.append(away)
    subscription = await stand.subscribe(here.url, policy=FOREVER)
    stand.push()
    await run_a_task(tasks)
    await stand.until_failed(subscription)
    assert elsewhere.tries == 0, "its headers are nobody else's business"
    stand.clock.advance(600)
    await stand.until(lambda: here.heard == ["TaskStarted"])


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 304])
async def test_whatever_is_answered_instead_the_event_comes_later(
    stand: Stand, sink: Sink, tasks: Tasks, status: int
) -> None:
    sink.answers.append(status)
    subscription = await stand.subscribe(sink.url, policy=FOREVER)
    stand.push()
    await run_a_task(tasks)
    await stand.until_failed(subscription)
    assert sink.heard == []
    stand.clock.advance(600)
    await stand.until(lambda: sink.heard == ["TaskStarted"])


async def test_a_connection_that_was_closed_while_idle_is_no_failure(
    stand: Stand, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "odimra")
    heard: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one payload of a connection; hear the next one begin, and close."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        await reader.readexactly(length)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        heard.append(1)
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    subscription = await stand.subscribe(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    stand.push()
    for count in (1, 2):
        await bring(tasks, states.CANCELLED)
        await stand.until(lambda count=count: len(heard) == count)  # type: ignore[misc]
    await stand.until_failed(subscription, 0)
    assert "failed" not in caplog.text
    await stand.stop()
    server.close()
