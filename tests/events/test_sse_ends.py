"""How streams of server-sent events end when that is nobody's wish."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.http_writer import StreamWriter

from odimra.events import telling
from odimra.redfish.errors import RedfishError
from odimra.redfish.event_destinations import seconds_of
from odimra.redfish.event_json import STREAM, SUBSCRIPTIONS
from odimra.redfish.frame import ResourceGone
from odimra.redfish.sse import destination
from odimra.store import Store, StoreUnavailable
from odimra.tasks import Tasks, states
from tests.events.face import WHO
from tests.events.station import Clients, MakeStation, Station, until
from tests.events.test_sse import destinations, no_destinations, removals
from tests.events.test_sse_readers import named, say
from tests.tasks.conftest import bring


async def test_a_stream_that_was_opened_as_its_process_stopped_ends_at_once(
    station: Station, who: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = station.feed.open

    async def too_late(new: Any) -> Any:
        found = await opened(new)
        station.feed._stopping = True
        return found

    monkeypatch.setattr(station.feed, "open", too_late)
    response = await who.open(station.url)
    assert b"data:" not in await response.read()
    await until(lambda: no_destinations(who, station))


async def test_a_connection_that_breaks_while_it_catches_up_is_gone(
    station: Station, who: Clients, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await say(store, 0, 5)

    async def broken(self: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(StreamWriter, "drain", broken)
        response = await who.open(station.url, Last_Event_ID="0-0")
        await until(lambda: len(station.feed) == 0)
    await until(lambda: no_destinations(who, station))
    response.close()


async def test_who_is_too_slow_for_a_comment_is_dropped_with_a_message(
    make_station: MakeStation, who: Clients
) -> None:
    station = await make_station(keep_alive=0.2)
    slow, other = await who.listen(station.url), await who.listen(station.url)
    await until(lambda: len(station.feed._live) == 2)
    # Whatever waits for it is too much.
    next(iter(station.feed._live.values()))._bound = -1
    await until(lambda: slow.ended)
    assert slow.heard[-2:] == ["EventBufferExceeded", "SubscriptionTerminated"]
    await until(lambda: ": keep-alive" in "".join(other.blocks))
    assert not other.ended


async def test_a_stream_that_others_removed_is_not_removed_again(
    make_station: MakeStation,
    who: Clients,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = await make_station(), await make_station()
    listener = await who.listen(one.url)
    (uri,) = await destinations(who, one)

    async def away(*args: object, **named: object) -> Any:
        raise StoreUnavailable("away", retry_after=0.05)

    with monkeypatch.context() as patched:
        patched.setattr(one.streams, "close", away)
        listener.response.close()
        await until(lambda: one.feed._leaving)
        assert (await who.ask("DELETE", f"{other.url}{uri}"))[0] == 204
    await until(lambda: not one.feed._leaving)
    assert await removals(store) == [uri.rpartition("/")[2]]
    # What was left of it has broken nothing.
    again = await who.listen(one.url)
    await until(lambda: again.blocks)


async def test_what_was_told_is_not_kept_for_ever(
    station: Station, who: Clients, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "KEPT", 5)
    listener = await who.listen(station.url)
    expected = await say(store, 0, 50)
    await until(lambda: named(listener.records) == expected)
    assert len(station.feed._teller._kept) == 5


async def test_a_stream_is_in_nobody_s_answer(station: Station, who: Clients, tasks: Tasks) -> None:
    with pytest.raises(ResourceGone):
        await station.frame.read(STREAM, WHO["admin"])
    listener = await who.listen(station.url)
    _, listed, _ = await who.ask("GET", f"{station.url}{SUBSCRIPTIONS}?$expand=.")
    assert [one["SubscriptionType"] for one in listed["Members"]] == ["SSE"]
    await bring(tasks, states.CANCELLED)
    await until(lambda: listener.tasks == ["TaskCancelled"])


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        (("192.0.2.7", 5000), "redfish-sse://192.0.2.7:5000"),
        (("2001:db8::7", 5000, 0, 0), "redfish-sse://[2001:db8::7]:5000"),
        (("fe80::7%eth0", 5000, 0, 2), "redfish-sse://[fe80::7]:5000"),
        (None, "redfish-sse://"),
    ],
)
def test_the_destination_of_a_stream_is_its_client_s_end(peer: Any, shown: str) -> None:
    transport = SimpleNamespace(get_extra_info={"peername": peer}.get)
    assert destination(SimpleNamespace(transport=transport)) == shown  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "soon", "P1Y", "PT1H ", "-PT1S"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(RedfishError) as refused:
        seconds_of(text)
    assert refused.value.status == 400
