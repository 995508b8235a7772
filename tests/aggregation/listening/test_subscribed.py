"""BMCs that send events: asked to, heard once, and asked again when they have forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from odimra.aggregation.listening.subscribing import RECEIVER
from odimra.aggregation.sources import Source
from odimra.emulation.bmcs.bmc import SUBSCRIPTIONS, Ask
from odimra.emulation.bmcs.serving import Station
from odimra.store import StoreUnavailable
from tests.aggregation.listening.conftest import Stand, until

SYSTEM = "/redfish/v1/Systems/1"


def subscriptions(station: Station) -> list[dict[str, str]]:
    return list(station.bmc.subscriptions._all.values())


async def subscribed(station: Station, stand: Stand, source: Source) -> None:
    """Return when a BMC has a subscription that is noted here."""

    async def noted() -> bool:
        return bool((await stand.ledger.read(source.id)).uri)

    await until(lambda: subscriptions(station))
    await until(noted)


async def post(where: str, body: Any, raw: bytes | None = None) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(where, data=raw, json=None if raw else body) as answer,
    ):
        assert await answer.read() == b""
        return answer.status


async def test_a_bmc_is_heard(stand: Stand, station: Station, source: Source) -> None:
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    station.bmc._change(SYSTEM, {"AssetTag": "x"})
    await until(lambda: stand.posted)
    (event,) = await stand.told()
    assert (event.registry, event.message) == ("ResourceEvent", "ResourceChanged")
    assert event.resource_type == "ComputerSystem"
    assert f'"/redfish/v1/Systems/{source.id}.1"' in event.given
    assert event.owner == "" and event.severity == "OK"
    assert stand.posted[0][2] == 204
    assert stand.changed == [("receiver", source.id, SYSTEM)]


async def test_its_destination_is_a_secret_that_the_store_does_not_know(
    stand: Stand, station: Station, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    (given,) = subscriptions(station)
    begin, _, secret = given["Destination"].rpartition("/")
    assert begin == f"{stand.address}{RECEIVER}/{source.id}" and len(secret) >= 40
    assert given["Context"].startswith(f"odimra:{source.id}:")
    stored = str(await stand.store.call("HGETALL", stand.ledger._noted(source.id)))
    assert secret not in stored and given["Context"].rpartition(":")[2] not in stored
    assert secret not in caplog.text


async def test_who_does_not_know_the_secret_is_not_heard(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    (given,) = subscriptions(station)
    place = given["Destination"]
    event = {"Events": [{"MessageId": "A.1.0.B", "Message": "x"}], "Context": given["Context"]}
    other = await stand.add("https://192.0.2.1", "root", "x")
    for wrong in (
        f"{place[:-1]}{'A' if place[-1] != 'A' else 'B'}",
        place.replace(source.id, "0" * 12),
        place.replace(source.id, other.id),
    ):
        assert await post(wrong, event) == 404
    assert await post(place, {**event, "Context": "somebody"}) == 404
    assert await stand.told() == []
    for good in (event, {**event, "Context": None}, {**event, "Context": ""}):
        assert await post(place, good) == 204
    assert len(await stand.told()) == 3


async def test_what_is_no_event_is_refused_or_passed_over(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    place = subscriptions(station)[0]["Destination"]
    assert await post(place, None, b"{") == 400
    assert await post(place, None, b"[" * 5000) == 400
    assert await post(place, None, b'{"a":' * 1500 + b"1" + b"}" * 1500) in (204, 400)
    assert await post(place, None, b"x" * 20_000) == 413
    assert await post(place, {"MetricValues": []}) == 204
    assert await stand.told() == []
    odd = b'\xef\xbb\xbf{"Events": [{"MessageId": "A.1.0.B", "Message": "a\tb", "Oem": NaN}]}'
    assert await post(place, None, odd) == 204
    assert len(await stand.told()) == 1


async def test_what_is_sent_twice_is_told_once(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    place = subscriptions(station)[0]["Destination"]
    record = {"EventId": "1", "MessageId": "A.1.0.B", "EventTimestamp": "2026-11-23T10:00:00Z"}
    posted = {"Id": "1", "Events": [record, {**record, "EventId": "2"}]}
    await asyncio.gather(*(post(place, posted) for _ in range(5)))
    assert len(await stand.told()) == 2
    later = {**record, "EventTimestamp": "2026-11-23T10:00:01Z"}
    await post(place, {"Id": "2", "Events": [later]})
    assert len(await stand.told()) == 1
    # Who says neither when nor which may well have something new to say.
    for _ in range(2):
        await post(place, {"Id": "3", "Events": [{"MessageId": "A.1.0.B"}]})
    assert len(await stand.told()) == 2


async def test_while_the_store_is_away_a_bmc_is_to_send_again(
    stand: Stand, station: Station, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    place = subscriptions(station)[0]["Destination"]

    async def away(*args: object) -> None:
        raise StoreUnavailable("away")

    event = {"Events": [{"EventId": "1", "MessageId": "A.1.0.B"}]}
    with monkeypatch.context() as patched:
        patched.setattr(stand.ledger, "tell", away)
        assert await post(place, event) == 503
    assert await post(place, event) == 204
    assert len(await stand.told()) == 1


async def test_a_bmc_that_has_forgotten_is_asked_again(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen()
    await subscribed(station, stand, source)
    first = subscriptions(station)[0]["Destination"]
    station.bmc.subscriptions._all.clear()
    await until(lambda: subscriptions(station))
    second = subscriptions(station)[0]["Destination"]
    assert first != second
    await until(lambda: stand_hears(stand, station))
    assert await post(first, {"Events": []}) == 404


async def stand_hears(stand: Stand, station: Station) -> bool:
    station.bmc._change(SYSTEM, {"AssetTag": str(len(stand.posted))})
    await asyncio.sleep(0.3)  # the emulated BMC looks for what is to be sent now and then
    return any(status == 204 for _, _, status in stand.posted)


async def test_somebody_elses_subscription_at_the_same_place_is_not_taken_for_ours(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen()
    await subscribed(station, stand, source)
    (uri,) = station.bmc.subscriptions._all
    theirs = {"Destination": "https://192.0.2.1/events", "Context": "theirs"}
    station.bmc.subscriptions._all[uri] = theirs
    await until(lambda: len(subscriptions(station)) == 2)
    assert theirs in subscriptions(station)


async def test_an_unheard_answer_does_not_leave_two_subscriptions(
    stand: Stand, station: Station, source: Source
) -> None:
    listening = await stand.listen(check=100)
    await subscribed(station, stand, source)
    # Killed between the answer of the BMC and the note of it.
    await stand.stop()
    assert listening.held == frozenset()
    key = stand.ledger._noted(source.id)
    await stand.store.call("HSET", key, "uri", "")
    (before,) = subscriptions(station)
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    assert subscriptions(station) == [before]


async def test_what_is_left_of_earlier_ones_is_removed_and_of_others_is_not(
    stand: Stand, station: Station
) -> None:
    begin = f"{stand.address}{RECEIVER}"
    other = await stand.add("https://192.0.2.1", "root", "x")
    theirs = f"{begin}/{other.id}/secret"
    for place in (f"{begin}/000000000000/gone", theirs, "https://192.0.2.9/x"):
        station.bmc.subscriptions.add(SUBSCRIPTIONS, {"Destination": place})
    source = await stand.add(station.url, "root", "pw-1")
    station.bmc.subscriptions.add(SUBSCRIPTIONS, {"Destination": f"{begin}/{source.id}/old"})
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    places = [one["Destination"] for one in subscriptions(station)]
    assert len(places) == 3
    assert theirs in places and "https://192.0.2.9/x" in places
    assert not any(place.endswith(("/gone", "/old")) for place in places)


async def test_with_the_source_its_subscription_goes(
    stand: Stand, station: Station, source: Source
) -> None:
    listening = await stand.listen(check=100)
    await subscribed(station, stand, source)
    place = subscriptions(station)[0]["Destination"]
    await stand.remove(source)
    await until(lambda: not subscriptions(station))
    await until(lambda: not listening.held)
    left = [
        await stand.store.call("EXISTS", key(source.id))
        for key in (stand.ledger._noted, stand.ledger._seen, stand.ledger._digests)
    ]
    assert left == [0, 0, 0]
    assert await post(place, {"Events": []}) == 404


async def test_a_source_that_has_moved_is_listened_to_where_it_is(
    stand: Stand, station: Station, source: Source, fleet: Any
) -> None:
    listening = await stand.listen(check=100)
    await subscribed(station, stand, source)
    (other,) = await fleet()
    await stand.change(source, replace(source, base=other.url))
    await until(lambda: subscriptions(other))
    await until(lambda: not subscriptions(station))
    assert listening.held == {source.id}


async def test_a_service_that_has_moved_says_so(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    await stand.stop()
    await stand.listen(check=100, address="http://127.0.0.1:1")
    await until(
        lambda: (
            [one["Destination"][:18] for one in subscriptions(station)] == ["http://127.0.0.1:1"]
        )
    )
    await stand.stop()
    await stand.listen(address="")
    await until(lambda: not subscriptions(station))


async def test_one_of_many_processes_listens_and_another_goes_on(
    stand: Stand, station: Station, source: Source
) -> None:
    first = await stand.listen(check=100, lease=0.6)
    await subscribed(station, stand, source)
    second = await stand.listen(check=100, lease=0.6)
    assert first.held == {source.id} and not second.held
    # Killed: nothing is given back.
    stop, running = stand._running.pop(0)
    first._ledger.drop = lambda *a, **b: asyncio.sleep(0)  # type: ignore[method-assign]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    del first._ledger.drop
    await until(lambda: second.held == {source.id})
    assert len(subscriptions(station)) == 1
    assert not stop.is_set()


async def test_a_process_that_was_believed_dead_changes_nothing(
    stand: Stand, station: Station, source: Source
) -> None:
    first = await stand.listen(lease=100)
    await subscribed(station, stand, source)
    await stand.store.call("HSET", stand.ledger._holders, source.id, "somebody")
    await until(lambda: not first.held)
    station.bmc.subscriptions._all.clear()
    assert await stand.store.call("HGET", stand.ledger._holders, source.id) == b"somebody"


async def test_a_subscription_that_nobody_delivers_is_noticed(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen()
    await subscribed(station, stand, source)
    await until(lambda: seen(stand, source))
    # It changes, and says nothing.
    station.bmc.subscriptions.tell = lambda *a: None  # type: ignore[method-assign]
    station.bmc._change(SYSTEM, {"PowerState": "Off"})
    found = []

    async def told() -> bool:
        found.extend(await stand.told())
        return bool(found)

    await until(told)
    assert [one.message for one in found] == ["ResourcePoweredOff"]


async def seen(stand: Stand, source: Source) -> bool:
    return SYSTEM in await stand.ledger.seen(source.id)


async def test_what_a_bmc_tells_is_not_told_again_when_it_is_seen(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen()
    await subscribed(station, stand, source)
    await until(lambda: seen(stand, source))
    before = await stand.ledger.seen(source.id)
    station.bmc.answer(
        Ask("PATCH", SYSTEM, {"Authorization": "Basic cm9vdDpwdy0x"}, {"AssetTag": "x"}), 0
    )

    async def noted() -> bool:
        return await stand.ledger.seen(source.id) != before

    await until(noted)
    await until(lambda: stand.posted)
    assert [one.message for one in await stand.told()] == ["ResourceChanged"]
    assert ("listener", source.id, SYSTEM) in stand.changed


async def test_one_bmc_does_not_drive_out_what_others_tell(
    stand: Stand, station: Station, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odimra.aggregation.listening.ledger.MOST_A_MINUTE", 4)
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    place = subscriptions(station)[0]["Destination"]
    events = {"Events": [{"MessageId": "A.1.0.B"}] * 4}
    assert await post(place, events) == 204
    assert await post(place, events) == 429
    assert len(await stand.told()) == 4
    await stand.store.call("HSET", stand.ledger._noted(source.id), "minute", "1")
    assert await post(place, events) == 204


async def test_what_was_between_two_subscriptions_is_told(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen()
    await subscribed(station, stand, source)
    await until(lambda: seen(stand, source))
    await stand.stop()
    station.bmc._change(SYSTEM, {"AssetTag": "x"})
    await until(lambda: stand.posted)
    station.bmc.subscriptions._all.clear()
    station.bmc._change(SYSTEM, {"PowerState": "Off"})
    await stand.told()
    await stand.listen()
    found: list[str] = []

    async def told() -> bool:
        found.extend(one.message for one in await stand.told())
        return "ResourcePoweredOff" in found

    await until(told)
