"""BMCs that send no events are looked at, and what has changed is told; others are asked anew."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from odimra.aggregation.listening import listener as listeners
from odimra.aggregation.listening import watching
from odimra.aggregation.listening.watching import Seen, changes
from odimra.aggregation.sources import Source
from odimra.emulation.bmcs.bmc import EVENT_SERVICE, SUBSCRIPTIONS, Ask, Reply, refusal
from odimra.emulation.bmcs.serving import Station
from tests.aggregation.listening.conftest import Stand, until
from tests.aggregation.listening.test_subscribed import subscribed, subscriptions

SYSTEM, CHASSIS = "/redfish/v1/Systems/1", "/redfish/v1/Chassis/1"
MANAGER = "/redfish/v1/Managers/1"
Answer = Callable[[Ask], Reply | None]


def instead(station: Station, answer: Answer) -> list[Ask]:
    """Have a BMC answer what ``answer`` says, if it says anything; return what it is asked."""
    by_the_book = station.bmc.answer
    asked: list[Ask] = []

    def given(ask: Ask, now: float) -> Reply:
        asked.append(ask)
        return answer(ask) or by_the_book(ask, now)

    station.bmc.answer = given  # type: ignore[method-assign]
    return asked


def no_events(ask: Ask) -> Reply | None:
    return refusal(404, "X", "x") if ask.path.startswith(EVENT_SERVICE) else None


@pytest.fixture
async def silent(stand: Stand, station: Station, source: Source) -> Station:
    """A BMC without an EventService, that has been looked at once."""
    instead(station, no_events)
    await stand.listen()
    await until(lambda: seen(stand, source, SYSTEM))
    return station


async def seen(stand: Stand, source: Source, path: str) -> bool:
    return path in await stand.ledger.seen(source.id)


async def heard(stand: Stand, count: int = 1) -> list[tuple[str, str, str]]:
    """Return what is told: what, of which kind, how bad."""
    found: list[Any] = []

    async def enough() -> bool:
        found.extend(await stand.told())
        return len(found) >= count

    await until(enough)
    return [(one.message, one.resource_type, one.severity) for one in found]


CHANGES: list[tuple[str, dict[str, Any], tuple[str, str, str]]] = [
    (SYSTEM, {"AssetTag": "x"}, ("ResourceChanged", "ComputerSystem", "OK")),
    (SYSTEM, {"PowerState": "Off"}, ("ResourcePoweredOff", "ComputerSystem", "OK")),
    (CHASSIS, {"PowerState": "PoweringOff"}, ("ResourcePoweringOff", "Chassis", "OK")),
    (
        SYSTEM,
        {"Status": {"Health": "Critical"}},
        ("ResourceStatusChangedCritical", "ComputerSystem", "Critical"),
    ),
    (CHASSIS, {"Status": {"Health": "Warning"}},
     ("ResourceStatusChangedWarning", "Chassis", "Warning")),
    (MANAGER, {"Status": {"State": "Updating"}}, ("ResourceStateChanged", "Manager", "OK")),
    (MANAGER, {"Status": {"HealthRollup": "Warning"}}, ("ResourceChanged", "Manager", "OK")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "values", "what"), CHANGES)
async def test_a_change_is_seen_and_told_once(
    stand: Stand,
    silent: Station,
    source: Source,
    path: str,
    values: dict[str, Any],
    what: tuple[str, str, str],
) -> None:
    assert await stand.told() == []  # what is there at first is no news
    silent.bmc._change(path, values)
    assert await heard(stand) == [what]
    await until(lambda: ("listener", source.id, path) in stand.changed)
    await looked_again(stand, silent)
    assert await stand.told() == []


async def looked_again(stand: Stand, station: Station) -> None:
    """Return when a BMC was looked at once more from the beginning."""
    asked = instead(station, lambda ask: None)
    await until(lambda: [one.path for one in asked].count("/redfish/v1/Systems") >= 2)


async def test_what_comes_and_goes_is_told(stand: Stand, silent: Station, source: Source) -> None:
    second = {**silent.bmc.tree[SYSTEM], "@odata.id": "/redfish/v1/Systems/2", "Id": "2"}
    systems = silent.bmc.tree["/redfish/v1/Systems"]
    both = [{"@odata.id": SYSTEM}, {"@odata.id": "/redfish/v1/Systems/2/"}]
    silent.bmc._changed["/redfish/v1/Systems/2"] = second
    silent.bmc._changed["/redfish/v1/Systems"] = {**systems, "Members": both}
    assert await heard(stand) == [("ResourceCreated", "ComputerSystem", "OK")]
    del silent.bmc._changed["/redfish/v1/Systems"]
    assert await heard(stand) == [("ResourceRemoved", "ComputerSystem", "OK")]


async def test_the_time_of_a_manager_is_no_change(
    stand: Stand, silent: Station, source: Source
) -> None:
    silent.bmc._change(MANAGER, {"DateTime": "2026-11-23T10:00:00Z"})
    await looked_again(stand, silent)
    assert await stand.told() == []


async def test_a_bmc_that_is_away_has_not_lost_its_systems(
    stand: Stand, silent: Station, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await silent.stop()
    await until(lambda: "cannot be listened to" in caplog.text)
    silent.bmc._change(SYSTEM, {"PowerState": "Off"})
    await silent.start()
    assert await heard(stand) == [("ResourcePoweredOff", "ComputerSystem", "OK")]
    # Once, not each time that it was tried.
    assert caplog.text.count("no connection") <= 1


async def test_what_changed_while_nobody_looked_is_told_by_the_next_who_does(
    stand: Stand, silent: Station, source: Source
) -> None:
    await stand.stop()
    silent.bmc._change(SYSTEM, {"PowerState": "Off"})
    assert await stand.told() == []
    await stand.listen()
    assert await heard(stand) == [("ResourcePoweredOff", "ComputerSystem", "OK")]


async def test_what_cannot_be_read_is_as_it_was(
    stand: Stand, silent: Station, source: Source
) -> None:
    broken = True
    asked = instead(
        silent,
        lambda ask: refusal(500, "X", "x") if broken and ask.path == SYSTEM else None,
    )
    silent.bmc._change(CHASSIS, {"PowerState": "Off"})
    assert await heard(stand) == [("ResourcePoweredOff", "Chassis", "OK")]
    assert any(one.path == SYSTEM for one in asked)
    broken = False
    silent.bmc._change(SYSTEM, {"PowerState": "Off"})
    assert await heard(stand) == [("ResourcePoweredOff", "ComputerSystem", "OK")]


async def test_what_could_not_be_read_at_first_is_no_news_when_it_can(
    stand: Stand, station: Station, source: Source
) -> None:
    broken = True

    def answer(ask: Ask) -> Reply | None:
        busy = broken and ask.path == SYSTEM
        return refusal(500, "X", "x") if busy else no_events(ask)

    instead(station, answer)
    await stand.listen()
    await until(lambda: seen(stand, source, CHASSIS))
    broken = False
    await looked_again(stand, station)
    assert await stand.told() == []
    station.bmc._change(SYSTEM, {"PowerState": "Off"})
    assert await heard(stand) == [("ResourcePoweredOff", "ComputerSystem", "OK")]


async def test_a_bmc_that_takes_no_subscription_is_not_asked_all_the_time(
    stand: Stand, station: Station, source: Source
) -> None:
    asked = instead(
        station,
        lambda ask: refusal(501, "X", "x") if (ask.method, ask.path) == ("POST", SUBSCRIPTIONS)
        else None,
    )  # fmt: skip
    await stand.listen()
    await until(lambda: [one.path for one in asked].count(SYSTEM) >= 3)
    tried = [one.body for one in asked if (one.method, one.path) == ("POST", SUBSCRIPTIONS)]
    # Each way of asking once: the newest first, the plainest last.
    assert [sorted(one.keys() - {"Destination", "Protocol", "Context"}) for one in tried] == [
        ["EventFormatType", "SubscriptionType"], ["EventTypes"], [],
    ]  # fmt: skip


async def test_a_bmc_that_takes_but_old_subscriptions_gets_one(
    stand: Stand, station: Station, source: Source
) -> None:
    def old(ask: Ask) -> Reply | None:
        if (ask.method, ask.path) == ("POST", SUBSCRIPTIONS) and "EventTypes" not in ask.body:
            return refusal(400, "PropertyMissing", "EventTypes is missing.")
        if (ask.method, ask.path) == ("GET", EVENT_SERVICE):
            return Reply(200, {"EventTypesForSubscription": ["Alert", "Unheard"]})
        return None

    asked = instead(station, old)
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    taken = [one.body for one in asked if one.method == "POST" and one.path == SUBSCRIPTIONS][-1]
    assert taken["EventTypes"] == ["Alert"]


async def test_a_bmc_may_not_be_made_to_judge_our_certificate(
    stand: Stand, station: Station, source: Source
) -> None:
    asked = instead(station, lambda ask: None)
    await stand.listen(check=100, verify=False, address="https://odimra.invalid")
    await subscribed(station, stand, source)
    taken = [one.body for one in asked if one.method == "POST" and one.path == SUBSCRIPTIONS]
    assert taken[0]["VerifyCertificate"] is False


async def test_a_disabled_event_service_is_none(
    stand: Stand, station: Station, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    instead(
        station,
        lambda ask: Reply(200, {"ServiceEnabled": False}) if ask.path == EVENT_SERVICE else None,
    )
    await stand.listen()
    await until(lambda: "its EventService is disabled" in caplog.text)
    await until(lambda: seen(stand, source, SYSTEM))
    assert subscriptions(station) == []


async def test_one_that_does_not_say_where_its_subscription_is_is_searched(
    stand: Stand, station: Station, source: Source
) -> None:
    def late(ask: Ask) -> Reply | None:
        if (ask.method, ask.path) == ("POST", SUBSCRIPTIONS):
            station.bmc.subscriptions.add(SUBSCRIPTIONS, ask.body)
            return Reply(202, {}, {"Location": "/redfish/v1/TaskService/TaskMonitors/1"})
        return None

    instead(station, late)
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    assert len(subscriptions(station)) == 1
    assert (await stand.ledger.read(source.id)).uri == f"{SUBSCRIPTIONS}/1"


async def test_one_that_the_bmc_has_suspended_is_made_anew(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen()
    await subscribed(station, stand, source)
    first = subscriptions(station)[0]["Destination"]
    suspended = station.bmc.subscriptions._all[f"{SUBSCRIPTIONS}/1"]
    suspended["Status"] = {"State": "Disabled"}  # type: ignore[assignment]
    await until(lambda: [one["Destination"] for one in subscriptions(station)] not in ([], [first]))
    assert len(subscriptions(station)) == 1


async def test_a_subscription_that_cannot_be_looked_at_is_left_alone(
    stand: Stand, station: Station, source: Source
) -> None:
    asked = instead(
        station,
        lambda ask: refusal(501, "X", "x") if ask.method == "GET"
        and ask.path == f"{SUBSCRIPTIONS}/1" else None,
    )  # fmt: skip
    await stand.listen()
    await subscribed(station, stand, source)
    await until(lambda: [one.path for one in asked].count(f"{SUBSCRIPTIONS}/1") >= 2)
    assert len([one for one in asked if one.method == "POST" and one.path == SUBSCRIPTIONS]) == 1


async def test_one_that_answers_nonsense_does_not_end_the_listening(
    stand: Stand, station: Station, source: Source, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    broken = [RuntimeError("broken")]
    look = watching.look

    async def stumble(*args: Any) -> Any:
        if broken:
            raise broken.pop()
        return await look(*args)

    monkeypatch.setattr(f"{listeners.__name__}.look", stumble)
    await stand.listen()
    await until(lambda: "listening stumbled" in caplog.text)
    await until(lambda: seen(stand, source, SYSTEM))


@pytest.mark.parametrize("status", [403, 500])
async def test_where_the_event_service_fails_it_is_looked(
    stand: Stand, station: Station, source: Source, status: int
) -> None:
    instead(station, lambda ask: refusal(status, "X", "x") if ask.path == EVENT_SERVICE else None)
    await stand.listen()
    await until(lambda: seen(stand, source, SYSTEM))
    assert (await stand.ledger.read(source.id)).refused == 0


def test_odd_resources_and_collections() -> None:
    odd = Seen.of("", {"Status": "OK", "PowerState": None})
    assert (odd.health, odd.state, odd.power) == ("", "", "")
    worse = Seen.of("", {"Status": {"Health": 3, "State": None}, "PowerState": 5})
    assert (worse.health, worse.state, worse.power) == ("", "", "")
    assert Seen.load(odd.stored()) == odd
    # What was there and could not be read is no change when it can.
    assert list(changes({"a": Seen()}, {"a": odd}, {})) == []
    assert [one.key for one in changes({"a": odd}, {}, {})] == ["ResourceRemoved"]


async def test_collections_in_pages_and_of_odd_members(
    stand: Stand, station: Station, source: Source
) -> None:
    pages: dict[str, Any] = {
        "/redfish/v1/Systems": {
            "Members": [4, {}, {"@odata.id": 5}, {"@odata.id": "/redfish/v1/Elsewhere/1"}],
            "Members@odata.nextLink": "/redfish/v1/Systems/page",
        },
        "/redfish/v1/Systems/page": {
            "Members": [{"@odata.id": SYSTEM}],
            "Members@odata.nextLink": "/redfish/v1/Systems/page",  # for ever
        },
        "/redfish/v1/Chassis": {"Members": "none"},
    }
    instead(
        station,
        lambda ask: no_events(ask) or (Reply(200, pages[ask.path]) if ask.path in pages else None),
    )
    await stand.listen()
    await until(lambda: seen(stand, source, SYSTEM))
    assert set(await stand.ledger.seen(source.id)) == {"@base", SYSTEM, MANAGER}


async def test_all_sources_are_listened_to(
    stand: Stand, fleet: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    listening = await stand.listen(check=100, share=2, at_a_time=2)
    stations = await fleet(6)
    for number, one in enumerate(stations, 1):
        await stand.add(one.url, "root", f"pw-{number}" if number != 4 else "wrong")
    await until(lambda: len(listening.held) == 6)
    right = [one for number, one in enumerate(stations, 1) if number != 4]
    await until(lambda: all(subscriptions(one) for one in right))
    assert not subscriptions(stations[3])
    for one in right:
        one.bmc._change(SYSTEM, {"AssetTag": "x"})
    found = await heard(stand, 5)
    assert found == [("ResourceChanged", "ComputerSystem", "OK")] * 5


async def test_what_is_left_of_a_source_that_was_removed_when_nobody_listened_goes(
    stand: Stand, station: Station, source: Source
) -> None:
    await stand.listen(check=100)
    await subscribed(station, stand, source)
    (_, running) = stand._running.pop()
    # Killed: nothing is given back.
    await stand.store.call("HSET", stand.ledger._holders, source.id, "dead")
    running.cancel()
    await stand.remove(source)
    await stand.store.call("ZADD", stand.ledger._leases, 1, source.id)
    await stand.listen(lease=0.3)

    async def gone() -> bool:
        return not await stand.store.call("EXISTS", stand.ledger._noted(source.id))

    await until(gone)
    assert await stand.ledger.known() == frozenset()
