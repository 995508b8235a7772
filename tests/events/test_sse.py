"""A stream of server-sent events as its client sees it, on a real socket (DSP0266, SSE)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from odimra.redfish.event_json import EVENT_SERVICE, STREAM, SUBSCRIPTIONS
from odimra.store import Store, StoreOptions, StoreUnavailable
from odimra.tasks import Tasks, states
from tests.events.station import Clients, MakeStation, Station, until
from tests.tasks.conftest import bring

LIFE = ["TaskStarted", "TaskProgressChanged", "TaskCompletedOK"]


def said(body: dict[str, Any]) -> list[str]:
    return [one["MessageId"].rpartition(".")[2] for one in body["error"]["@Message.ExtendedInfo"]]


async def destinations(who: Clients, station: Station) -> list[str]:
    _, body, _ = await who.ask("GET", f"{station.url}{SUBSCRIPTIONS}")
    return [one["@odata.id"] for one in body["Members"]]


async def no_destinations(who: Clients, station: Station) -> bool:
    return await destinations(who, station) == []


async def removals(store: Store) -> list[str]:
    """Return of which resources the stream says that they were removed."""
    entries = await store.call("XRANGE", store.keys.events, "-", "+")
    found = []
    for _, fields in entries:
        pairs = dict(fields.items() if isinstance(fields, dict) else zip(*[iter(fields)] * 2))  # noqa: B905
        if pairs[b"message"] == b"ResourceRemoved":
            found.append(pairs[b"resource"].decode())
    return found


async def test_what_happens_is_told_in_order_and_as_redfish_says(
    station: Station, who: Clients, tasks: Tasks
) -> None:
    await bring(tasks, states.CANCELLED)  # before: not told
    listener = await who.listen(station.url)
    assert listener.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert listener.response.headers["OData-Version"] == "4.0"
    for _ in range(3):
        await bring(tasks, states.COMPLETED)
    await until(lambda: len(listener.records) == 9)
    assert listener.heard == LIFE * 3
    ids = [message_id for message_id, _ in listener.messages]
    assert len(set(ids)) == len(ids)
    (uri,) = await destinations(who, station)
    _, destination, _ = await who.ask("GET", station.url + uri)
    for message_id, payload in listener.messages:
        assert payload["@odata.type"] == "#Event.v1_13_0.Event"
        assert payload["Id"] == message_id == payload["Events"][-1]["EventId"]
        assert payload["Context"] == destination["Context"]
        assert payload["Events@odata.count"] == len(payload["Events"])
        assert [one["MemberId"] for one in payload["Events"]] == [
            str(number) for number in range(len(payload["Events"]))
        ]


async def test_the_event_service_says_what_it_can(station: Station, who: Clients) -> None:
    _, body, _ = await who.ask("GET", f"{station.url}{EVENT_SERVICE}")
    assert body["ServerSentEventUri"] == STREAM
    assert body["SSEIncludeOriginOfConditionSupported"] is False
    supported = body["SSEFilterPropertiesSupported"]
    for name, able in supported.items():
        value = "true" if name == "SubordinateResources" else "'x'"
        status, _, _ = await who.ask("HEAD", f"{station.url}{STREAM}?$filter={name} eq {value}")
        assert (status == 200) is able, name


async def test_an_event_destination_lives_as_long_as_the_connection(
    station: Station, who: Clients, store: Store
) -> None:
    listener = await who.listen(station.url, who="ann")
    (uri,) = await destinations(who, station)
    _, body, headers = await who.ask("GET", station.url + uri)
    transport = listener.response.connection and listener.response.connection.transport
    assert transport is not None
    host, port = transport.get_extra_info("sockname")
    assert (
        body.items()
        >= {
            "SubscriptionType": "SSE",
            "Protocol": "Redfish",
            "EventFormatType": "Event",
            "Destination": f"redfish-sse://{host}:{port}",
            "RegistryPrefixes": [],
            "OriginResources": [],
        }.items()
    )
    assert len(body["Context"]) >= 16 and body["Context"] not in uri
    for absent in ("HttpHeaders", "DeliveryRetryPolicy", "VerifyCertificate", "Actions"):
        assert absent not in body
    assert headers["ETag"]
    listener.response.close()
    await until(lambda: no_destinations(who, station))
    assert (await who.ask("GET", station.url + uri))[0] == 404
    assert await removals(store) == [uri.rpartition("/")[2]]
    assert len(station.feed) == 0


async def test_with_a_filter_nothing_is_said_of_its_arrays(station: Station, who: Clients) -> None:
    await who.listen(station.url, "ResourceType eq 'Task'")
    (uri,) = await destinations(who, station)
    _, body, _ = await who.ask("GET", station.url + uri)
    for absent in ("RegistryPrefixes", "MessageIds", "OriginResources", "SubordinateResources"):
        assert absent not in body


async def test_deleting_the_event_destination_closes_the_connection(
    make_station: MakeStation, who: Clients, store: Store
) -> None:
    # Whichever process is asked.
    serving, asked = await make_station(), await make_station()
    listener, other = await who.listen(serving.url), await who.listen(serving.url)
    _, second = await destinations(who, asked)
    uri = (await destinations(who, asked))[0]
    status, _, _ = await who.ask("DELETE", asked.url + uri)
    assert status == 204
    await until(lambda: listener.ended)
    assert listener.heard[-1] == "SubscriptionTerminated"
    assert listener.response.connection is None or listener.response.connection.transport is None
    assert not other.ended and await destinations(who, asked) == [second]
    assert await removals(store) == [uri.rpartition("/")[2]]


async def test_only_its_owner_or_a_manager_deletes_it_and_with_its_etag(
    station: Station, who: Clients
) -> None:
    listener = await who.listen(station.url, who="ann")
    (uri,) = await destinations(who, station)
    assert (await who.ask("DELETE", station.url + uri, who="guest"))[0] == 403
    assert (await who.ask("DELETE", station.url + uri, If_Match='"99"'))[0] == 412
    _, _, headers = await who.ask("GET", station.url + uri)
    assert not listener.ended
    assert (await who.ask("DELETE", station.url + uri, If_Match=headers["ETag"]))[0] == 204
    await until(lambda: listener.ended)


async def test_a_stream_can_be_neither_changed_nor_suspended(
    station: Station, who: Clients
) -> None:
    await who.listen(station.url)
    (uri,) = await destinations(who, station)
    for change in ({"Context": "mine"}, {"DeliveryRetryPolicy": "RetryForever"}):
        status, body, _ = await who.ask("PATCH", station.url + uri, change)
        assert (status, said(body)) == (400, ["PropertyNotWritable"])
    for action in ("SuspendSubscription", "ResumeSubscription"):
        target = f"{station.url}{uri}/Actions/EventDestination.{action}"
        status, body, _ = await who.ask("POST", target, {})
        assert (status, said(body)) == (400, ["ActionNotSupported"])


async def test_there_are_as_many_streams_as_may_be_in_all_processes(
    make_station: MakeStation, who: Clients
) -> None:
    one, other = await make_station(limit=2), await make_station(limit=2)
    first = await who.listen(one.url)
    await who.listen(other.url)
    for station in (one, other):
        status, body, _ = await who.ask("GET", f"{station.url}{STREAM}")
        assert (status, said(body)) == (503, ["EventSubscriptionLimitExceeded"])
    first.response.close()
    await until(lambda: _opens(who, other))


async def _opens(who: Clients, station: Station) -> bool:
    response = await who.session.get(f"{station.url}{STREAM}", headers={"X-Auth-Token": "ann"})
    return response.status == 200


async def test_streams_are_listed_behind_the_subscriptions(station: Station, who: Clients) -> None:
    plain = {"Destination": "https://192.0.2.1/events", "Protocol": "Redfish"}
    _, first, _ = await who.ask("POST", f"{station.url}{SUBSCRIPTIONS}", plain)
    await who.listen(station.url)
    await who.listen(station.url)
    _, second, _ = await who.ask("POST", f"{station.url}{SUBSCRIPTIONS}", plain)
    _, listed, _ = await who.ask("GET", f"{station.url}{SUBSCRIPTIONS}")
    uris = [one["@odata.id"] for one in listed["Members"]]
    assert listed["Members@odata.count"] == 4
    assert uris[:2] == [first["@odata.id"], second["@odata.id"]]
    paged: list[str] = []
    for skip in range(5):
        _, page, _ = await who.ask("GET", f"{station.url}{SUBSCRIPTIONS}?$skip={skip}&$top=1")
        paged += [one["@odata.id"] for one in page["Members"]]
    assert paged == uris
    # Push leaves them alone: it asks for the subscriptions only.
    assert sorted(await station.subscriptions.ids()) == sorted(
        one.rpartition("/")[2] for one in uris[:2]
    )


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("?$filter=Severity eq 'OK'", ["QueryParameterValueError", "PropertyUnknown"]),
        ("?$filter=MessageId eq", ["QueryParameterValueFormatError"]),
        ("?$filter=SubordinateResources eq 1", ["QueryParameterValueFormatError"]),
        ("?$filter=", ["QueryParameterValueFormatError"]),
        ("?$top=1", ["QueryNotSupportedOnResource"]),
        ("?$expand=*", ["QueryNotSupportedOnResource"]),
        ("?only", ["QueryNotSupportedOnResource"]),
    ],
)
async def test_what_cannot_be_asked_for_is_refused(
    station: Station, who: Clients, query: str, keys: list[str]
) -> None:
    status, body, headers = await who.ask("GET", f"{station.url}{STREAM}{query}")
    assert (status, said(body)) == (400, keys)
    assert headers["Content-Type"].startswith("application/json")
    assert await no_destinations(who, station)


async def test_who_does_not_take_a_stream_gets_none(station: Station, who: Clients) -> None:
    status, body, _ = await who.ask("GET", f"{station.url}{STREAM}", Accept="application/json")
    assert (status, said(body)) == (406, ["HeaderInvalid"])
    for accept in ("text/event-stream", "text/event-stream;charset=utf-8", "text/*", "*/*"):
        (await who.open(station.url, Accept=accept)).close()
    status, body, headers = await who.ask("HEAD", f"{station.url}{STREAM}")
    assert status == 200 and headers["Content-Type"].startswith("text/event-stream")
    assert (await who.ask("POST", f"{station.url}{STREAM}", {}))[0] == 405
    assert (await who.ask("GET", f"{station.url}{STREAM}?$nonsense=1"))[0] == 501
    (await who.open(station.url, "?nonsense=1&includeoriginofcondition")).close()
    await until(lambda: no_destinations(who, station))


async def test_only_what_the_filter_lets_through_is_told(
    station: Station, who: Clients, tasks: Tasks
) -> None:
    only = await who.listen(station.url, "MessageId eq 'TaskEvent.9.9.TaskCancelled'")
    rest = await who.listen(station.url, "not (MessageId eq 'TaskEvent.TaskCancelled')")
    await bring(tasks, states.CANCELLED)
    await bring(tasks, states.COMPLETED)
    await bring(tasks, states.CANCELLED)
    await until(lambda: len(only.records) == 2 and rest.tasks == LIFE)
    assert only.heard == ["TaskCancelled"] * 2


async def test_what_is_somebody_else_s_own_is_not_told(
    station: Station, who: Clients, tasks: Tasks
) -> None:
    ann = await who.listen(station.url, who="ann")  # whose tasks they are
    bob = await who.listen(station.url, who="bob")
    root = await who.listen(station.url)
    await bring(tasks, states.COMPLETED)
    await until(lambda: ann.tasks == LIFE and root.tasks == LIFE)
    station.sees_all = {"bob"}
    await bring(tasks, states.CANCELLED)
    await until(lambda: bob.tasks and len(ann.tasks) == 4)
    assert bob.tasks == ["TaskCancelled"] and root.tasks == LIFE


async def test_the_stream_of_a_disabled_or_deleted_account_ends(
    station: Station, who: Clients
) -> None:
    ann, bob = await who.listen(station.url, who="ann"), await who.listen(station.url, who="bob")
    station.barred.add("ann")
    await until(lambda: ann.ended)
    assert ann.heard[-1] == "SubscriptionTerminated" and not bob.ended
    await until(lambda: _one_left(who, station))


async def _one_left(who: Clients, station: Station) -> bool:
    return len(await destinations(who, station)) == 1


async def test_a_disabled_service_opens_no_stream_and_ends_those_there_are(
    station: Station, who: Clients
) -> None:
    listener = await who.listen(station.url)
    await who.ask("PATCH", f"{station.url}{EVENT_SERVICE}", {"ServiceEnabled": False})
    await until(lambda: listener.ended)
    assert listener.heard[-1] == "SubscriptionTerminated"
    status, body, _ = await who.ask("GET", f"{station.url}{STREAM}")
    assert (status, said(body)) == (503, ["ServiceDisabled"])
    await until(lambda: no_destinations(who, station))
    await who.ask("PATCH", f"{station.url}{EVENT_SERVICE}", {"ServiceEnabled": True})
    await who.listen(station.url)


async def test_comments_keep_a_quiet_stream_alive_and_say_how_far_it_is(
    make_station: MakeStation, who: Clients, tasks: Tasks
) -> None:
    station = await make_station(keep_alive=0.1)
    listener = await who.listen(station.url, "MessageId eq 'TaskEvent.TaskPaused'")
    assert listener.blocks[0].startswith(": open\nid: ")
    await until(lambda: ": keep-alive" in listener.blocks)
    before = listener.last_id
    await bring(tasks, states.CANCELLED)
    # Nothing of it was wanted: yet who comes back need not have it gone through again.
    await until(lambda: listener.last_id != before)
    assert listener.messages == []
    again = await who.listen(station.url, Last_Event_ID=listener.last_id)
    await bring(tasks, states.COMPLETED)
    await until(lambda: again.tasks == LIFE)


async def test_every_event_is_rendered_once_for_all(
    make_station: MakeStation, who: Clients, tasks: Tasks
) -> None:
    station = await make_station(limit=20)
    listeners = [await who.listen(station.url) for _ in range(6)]
    some = [await who.listen(station.url, "ResourceType eq 'Task'") for _ in range(3)]
    await bring(tasks, states.COMPLETED)
    await until(lambda: all(one.tasks == LIFE for one in [*listeners, *some]))
    assert len(station.rendered) == len(set(station.rendered))
    assert len({one.context for one in listeners}) == 6


async def test_streams_end_in_good_order_with_their_process(
    make_station: MakeStation, who: Clients, store: Store
) -> None:
    leaving, staying = await make_station(), await make_station()
    listeners = [await who.listen(leaving.url) for _ in range(3)]
    await leaving.stop()
    await until(lambda: all(one.ended for one in listeners))
    assert all(one.heard.count("SubscriptionTerminated") == 0 for one in listeners)
    assert await no_destinations(who, staying)
    assert len(await removals(store)) == 3


async def test_a_stopping_process_opens_no_stream(station: Station, who: Clients) -> None:
    await station.feed.stop()
    status, body, headers = await who.ask("GET", f"{station.url}{STREAM}")
    assert (status, said(body), headers["Retry-After"]) == (503, ["ServiceShuttingDown"], "1")


async def test_streams_of_a_killed_process_vanish_and_its_clients_lose_nothing(
    make_station: MakeStation, who: Clients, store: Store, tasks: Tasks
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.events.station"),
        *(store.options.url, store.options.namespace),
        cwd=Path(__file__).resolve().parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    listener = await who.listen(url)
    await bring(tasks, states.COMPLETED)
    await until(lambda: listener.tasks == LIFE)
    station = await make_station(lease=0.5)
    (uri,) = await destinations(who, station)
    process.kill()
    await process.wait()
    await until(lambda: listener.ended)
    await bring(tasks, states.CANCELLED)
    again = await who.listen(station.url, Last_Event_ID=listener.last_id)
    await bring(tasks, states.EXCEPTION)
    await until(lambda: len(again.tasks) == 2)
    assert again.tasks == ["TaskCancelled", "TaskAborted"]
    await until(lambda: _one_left(who, station))
    assert uri not in await destinations(who, station)
    assert await removals(store) == [uri.rpartition("/")[2]]
    # Who lives is not taken for dead.
    await until(lambda: "ResourceRemoved" in again.heard)
    assert not again.ended


async def test_a_session_s_end_does_not_end_the_stream(
    station: Station, who: Clients, tasks: Tasks
) -> None:
    # 13.3.5.6: who asked is looked at when it is opened; afterwards only the account counts.
    listener = await who.listen(station.url)

    async def nobody(token: str | None, basic: object) -> object:
        raise AssertionError("asked again")

    station.frame._access.authenticate = nobody  # type: ignore[method-assign,assignment]
    await bring(tasks, states.CANCELLED)
    await until(lambda: listener.tasks)


async def test_streams_outlive_an_outage_of_the_store_and_lose_nothing(
    station: Station, who: Clients, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    staying, leaving = await who.listen(station.url), await who.listen(station.url)
    read, close = station.streams.read, station.streams.close
    tried: list[str] = []

    async def away(*args: object, **named: object) -> Any:
        tried.append("once")
        raise StoreUnavailable("away", retry_after=0.05)

    monkeypatch.setattr(station.streams, "read", away)
    monkeypatch.setattr(station.streams, "close", away)
    leaving.response.close()
    await until(lambda: len(tried) > 3)
    await bring(tasks, states.COMPLETED)
    monkeypatch.setattr(station.streams, "read", read)
    monkeypatch.setattr(station.streams, "close", close)
    await until(lambda: staying.tasks == LIFE)
    await until(lambda: _one_left(who, station))


async def test_who_was_taken_for_dead_ends_its_streams(
    make_station: MakeStation, who: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, other = await make_station(lease=0.3), await make_station(lease=0.3)
    renew, read = late.streams.renew, late.streams.read

    async def silent(*args: object) -> Any:
        raise StoreUnavailable("away", retry_after=0.05)  # type: ignore[arg-type]

    monkeypatch.setattr(late.streams, "renew", silent)
    monkeypatch.setattr(late.streams, "read", silent)
    listener = await who.listen(late.url)
    await until(lambda: no_destinations(who, other))
    assert not listener.ended

    async def nothing(*args: object) -> Any:
        # What it reads is of later: the events that told of it are gone.
        page = await read(*args)  # type: ignore[arg-type]
        return type(page)(False, page.start, ())

    monkeypatch.setattr(late.streams, "read", nothing)
    monkeypatch.setattr(late.streams, "renew", renew)
    await until(lambda: listener.ended)
    assert listener.heard == ["SubscriptionTerminated"]


async def test_a_step_that_breaks_silences_nobody(
    station: Station, who: Clients, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = await who.listen(station.url)
    read = station.streams.read
    broken: list[str] = []

    async def breaks(*args: object) -> Any:
        broken.append("once")
        raise RuntimeError("broken")

    monkeypatch.setattr(station.streams, "read", breaks)
    await until(lambda: len(broken) > 1)
    monkeypatch.setattr(station.streams, "read", read)
    await bring(tasks, states.COMPLETED)
    await until(lambda: listener.tasks == LIFE)


async def test_who_comes_back_while_the_store_is_away_is_served_when_it_is_back(
    station: Station, who: Clients, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await who.listen(station.url)
    await bring(tasks, states.COMPLETED)
    await until(lambda: first.tasks == LIFE)
    read = station.streams.read
    tried: list[str] = []

    async def away(*args: object) -> Any:
        tried.append("once")
        raise StoreUnavailable("away", retry_after=0.05)  # type: ignore[arg-type]

    monkeypatch.setattr(station.streams, "read", away)
    place = first.records[0]["EventId"]
    again = await who.listen(station.url, Last_Event_ID=place)
    await until(lambda: len(tried) > 3)
    monkeypatch.setattr(station.streams, "read", read)
    await until(lambda: again.tasks == LIFE[1:])


async def test_what_breaks_in_a_stream_ends_it_and_is_no_answer_in_an_answer(
    station: Station,
    who: Clients,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def breaks(*args: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(station.feed, "_catch_up", breaks)
    response = await who.open(station.url)
    assert await response.read() == b""  # a whole body, in chunks, of nothing
    assert "broke" in caplog.text
    await until(lambda: no_destinations(who, station))


async def test_two_processes_tell_the_same(
    make_station: MakeStation, who: Clients, store: Store, tasks: Tasks
) -> None:
    separate = await Store.open(StoreOptions(store.options.url, namespace=store.options.namespace))
    try:
        one, other = await make_station(), await make_station(separate)
        heard = [await who.listen(one.url), await who.listen(other.url)]
        await bring(tasks, states.COMPLETED)
        await until(lambda: all(listener.tasks == LIFE for listener in heard))
        uris = await destinations(who, one)
        assert uris == await destinations(who, other) and len(uris) == 2
        await who.ask("DELETE", one.url + uris[1])
        await until(lambda: heard[1].ended)
        assert not heard[0].ended
        heard[0].response.close()
        await until(lambda: no_destinations(who, one))
    finally:
        await other.stop()
        await separate.close()
