"""Networks to which nothing is sent, asked for over HTTP: an address is refused at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from odimra.networks import WORDS, Reach, parse
from odimra.redfish.event_json import SUBSCRIPTIONS
from tests.events.face import PLAIN, Desk, said, said_keys

MakeDesk = Callable[..., Awaitable[Desk]]
EVERY_WORD = Reach(denied=parse(" ".join(WORDS)))
FINE = "https://203.0.113.1/events"


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "[fd12:3456::1]",
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "169.254.0.1",
        "[fe80::1]",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "[fd00:ec2::254]",
        # What carries another address, or is another way to write one.
        "[::ffff:127.0.0.1]",
        "[::FFFF:7F00:1]",
        "[0:0:0:0:0:ffff:0a00:0001]",
        "[64:ff9b::169.254.169.254]",
        "[2002:a00:1::1]",
        "127.1",
        "127.0.1",
        "2130706433",
        "0",
        "010.0.0.1",
        "127.0.0.1.",
    ],
)
async def test_an_address_in_a_denied_network_is_refused(make_desk: MakeDesk, host: str) -> None:
    desk = await make_desk(EVERY_WORD)
    uri, body = await desk.subscribe(Destination=FINE, BackupDestinations=[FINE])
    denied = f"https://{host}:8443/events?hush"
    for method, at, given, name in (
        ("POST", SUBSCRIPTIONS, {**PLAIN, "Destination": denied}, "/Destination"),
        (
            "POST",
            SUBSCRIPTIONS,
            {**PLAIN, "Destination": FINE, "BackupDestinations": [FINE, denied]},
            "/BackupDestinations/1",
        ),
        ("PATCH", uri, {"Context": "x", "BackupDestinations": [denied]}, "/BackupDestinations/0"),
    ):
        status, refused, _ = await desk.ask(method, at, given)
        assert status == 400 and said(refused) == [("PropertyValueOutOfRange", [name])], host
        assert "hush" not in str(refused)
    assert (await desk.ask("GET", uri))[1] == body
    assert (await desk.ask("GET", SUBSCRIPTIONS))[1]["Members@odata.count"] == 1


@pytest.mark.parametrize(
    "host",
    [
        "203.0.113.1",
        "[2001:db8::1]",
        "[2002:cb00:7101::1]",
        # Names: judged when they are connected to.
        "localhost",
        "0x7f.1",
        "metadata.google.internal",
        "10.example.com",
    ],
)
async def test_another_one_is_taken(make_desk: MakeDesk, host: str) -> None:
    desk = await make_desk(EVERY_WORD)
    uri, body = await desk.subscribe(Destination=f"https://{host}/", BackupDestinations=[FINE])
    assert body["Destination"] == f"https://{host}/"
    change = {"BackupDestinations": [f"http://{host}:8080/"]}
    assert (await desk.ask("PATCH", uri, change))[1].items() >= change.items()


async def test_where_nothing_is_said_every_address_is_taken(desk: Desk) -> None:
    for host in ("127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1"):
        await desk.subscribe(Destination=f"http://{host}/")


async def test_where_some_are_allowed_all_others_are_refused(make_desk: MakeDesk) -> None:
    desk = await make_desk(Reach(parse("10.0.0.0/8 2001:db8::/32"), parse("10.9.0.0/16")))
    for host in ("10.1.1.1", "[2001:db8::5]", "[::ffff:10.1.1.1]", "anything.example.com"):
        await desk.subscribe(Destination=f"https://{host}/")
    for host in ("10.9.1.1", "203.0.113.1", "[2001:db9::1]", "[64:ff9b::a01:101]"):
        given = {**PLAIN, "Destination": f"https://{host}/"}
        status, refused, _ = await desk.ask("POST", SUBSCRIPTIONS, given)
        assert status == 400 and said_keys(refused) == ["PropertyValueOutOfRange"], host
