"""SubmitTestEvent and TestEventSubscription (EventService v1_12_0): the way of every event."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from odimra.events import Filters
from odimra.redfish.event_json import SUBSCRIPTIONS
from odimra.tasks import Tasks, states
from tests.events.conftest import Sink, Stand
from tests.events.face import PLAIN, SERVICE, Desk, said_keys
from tests.events.station import Clients, Station, until
from tests.tasks.conftest import bring

MakeSink = Callable[[], Awaitable[Sink]]
SUBMIT = f"{SERVICE}/Actions/EventService.SubmitTestEvent"
ANNOUNCE = f"{SERVICE}/Actions/EventService.TestEventSubscription"
#: All parameters there are.
EVENT: dict[str, Any] = {
    "MessageId": "TaskEvent.1.0.TaskAborted",
    "Message": "as it was given",
    "MessageArgs": ["a", "b"],
    "MessageSeverity": "Critical",
    "Severity": "Critical",
    "EventId": "my-own",
    "EventGroupId": 7,
    "EventTimestamp": "2026-01-02T03:04:05Z",
    "EventType": "Alert",
    "OriginOfCondition": "/redfish/v1/EventService",
}
LEAST = {"MessageId": "Vendor.3.2.SomethingElse"}


async def length(stand: Stand) -> int:
    return int(await stand.store.call("XLEN", stand.store.keys.events))


async def test_the_service_names_the_actions_and_what_may_be_said(desk: Desk) -> None:
    _, body, _ = await desk.ask("GET", SERVICE)
    submit = body["Actions"]["#EventService.SubmitTestEvent"]
    assert submit["target"] == SUBMIT
    assert submit["MessageSeverity@Redfish.AllowableValues"] == ["OK", "Warning", "Critical"]
    assert body["Actions"]["#EventService.TestEventSubscription"] == {"target": ANNOUNCE}
    # What is said to be allowed is.
    for name in ("MessageSeverity", "EventType"):
        for value in submit[f"{name}@Redfish.AllowableValues"]:
            assert (await desk.ask("POST", SUBMIT, {**LEAST, name: value}))[0] == 204


async def test_a_test_event_is_told_as_it_was_given(desk: Desk, stand: Stand, sink: Sink) -> None:
    await stand.subscribe(sink.url, context="mine")
    stand.push()
    status, body, _ = await desk.ask("POST", SUBMIT, EVENT)
    assert (status, body) == (204, {})
    await stand.until(lambda: sink.records)
    told = {**EVENT, "OriginOfCondition": {"@odata.id": EVENT["OriginOfCondition"]}}
    assert sink.records == [{**told, "MemberId": "0"}]
    assert sink.payloads[0]["Context"] == "mine"
    # Of the service's own choice: what the subscriber tells payloads apart by.
    assert sink.payloads[0]["Id"] != "my-own"


async def test_what_was_not_given_is_not_told(desk: Desk, stand: Stand, sink: Sink) -> None:
    await stand.subscribe(sink.url)
    stand.push()
    assert (await desk.ask("POST", SUBMIT, LEAST))[0] == 204
    await stand.until(lambda: sink.records)
    # Event v1_13_0 cannot do without the first two.
    (record,) = sink.records
    assert record == {
        "EventType": "Other",
        "EventId": sink.payloads[0]["Id"],
        "MemberId": "0",
        **LEAST,
    }


async def test_nothing_that_is_given_can_pass_for_something_else(
    desk: Desk, stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    await stand.subscribe(sink.url)
    stand.push()
    odd = '"}\n\ndata: {"\u2028\x00é'
    given = {**EVENT, "Message": odd, "MessageArgs": [odd, ""], "EventId": "5-0", "Severity": odd}
    given["EventGroupId"] = -(2**63)
    assert (await desk.ask("POST", SUBMIT, given))[0] == 204
    await bring(tasks, states.CANCELLED)
    await stand.until(lambda: "TaskCancelled" in sink.heard)
    assert sink.heard == ["TaskAborted", "TaskCancelled"]
    assert sink.records[0]["Message"] == odd and sink.records[0]["MessageArgs"] == [odd, ""]
    assert sink.records[0]["EventGroupId"] == -(2**63)


@pytest.mark.parametrize(
    ("filters", "heard"),
    [
        (Filters(severities=("Critical",)), ["all", "severity"]),
        (Filters(registry_prefixes=("TaskEvent",)), ["all"]),
        (Filters(registry_prefixes=("Vendor",)), ["least", "origin", "severity"]),
        (Filters(message_ids=("Vendor.3.2.SomethingElse",)), ["least", "origin", "severity"]),
        (Filters(exclude_registry_prefixes=("Vendor",)), ["all"]),
        (Filters(exclude_message_ids=("TaskEvent.TaskAborted",)), ["least", "origin", "severity"]),
        (Filters(resource_types=("EventService",)), ["all"]),
        (Filters(resource_types=("EventDestinationCollection",)), ["origin"]),
        (Filters(origin_resources=(SUBSCRIPTIONS,)), ["origin"]),
        (Filters(origin_resources=(SERVICE,), subordinate_resources=True), ["all", "origin"]),
        (Filters(event_types=("Alert",)), ["all"]),
        (Filters(event_types=("Alert", "StatusChange")), ["all", "severity"]),
        (Filters(event_types=("Other",)), ["least", "all", "origin", "severity"]),
    ],
)
async def test_filters_hold_for_test_events_too(
    desk: Desk,
    stand: Stand,
    sink: Sink,
    make_sink: MakeSink,
    filters: Filters,
    heard: list[str],
) -> None:
    everything = await make_sink()
    await stand.subscribe(sink.url, filters=filters)
    await stand.subscribe(everything.url, filters=Filters(exclude_registry_prefixes=("Resource",)))
    for name, given in (
        ("least", LEAST),
        ("all", EVENT),
        ("origin", {**LEAST, "OriginOfCondition": SUBSCRIPTIONS}),
        ("severity", {**LEAST, "Severity": "Critical", "EventType": "StatusChange"}),
    ):
        assert (await desk.ask("POST", SUBMIT, {**given, "EventId": name}))[0] == 204
    # The last one passes them all.
    assert (await desk.ask("POST", SUBMIT, {**EVENT, "EventId": "end"}))[0] == 204
    stand.push()

    def told(one: Sink) -> list[str]:
        return [record["EventId"] for record in one.records if "-" not in record["EventId"]]

    await stand.until(lambda: told(everything)[-1:] == ["end"])
    assert told(everything) == ["least", "all", "origin", "severity", "end"]
    passes = "all" in heard
    await stand.until(lambda: len(told(sink)) >= len(heard) + passes)
    assert told(sink) == heard + ["end"] * passes


async def test_an_event_type_stands_for_the_messages_of_its_kind(
    stand: Stand, sink: Sink, make_sink: MakeSink, tasks: Tasks
) -> None:
    """Real events, too: EventTypes is deprecated and yet understood."""
    removed, progress, alert, other = [await make_sink() for _ in range(4)]
    for one, event_type in (
        (removed, "ResourceRemoved"),
        (progress, "ResourceUpdated"),
        (alert, "Alert"),
        (other, "Other"),
    ):
        filters = Filters(event_types=(event_type,), registry_prefixes=("TaskEvent",))
        await stand.subscribe(one.url, filters=filters)
    status = Filters(event_types=("StatusChange",), registry_prefixes=("TaskEvent",))
    await stand.subscribe(sink.url, filters=status)
    task = await bring(tasks, states.COMPLETED)
    await tasks.delete(task.id)
    stand.push()
    whole = ["TaskStarted", "TaskProgressChanged", "TaskCompletedOK", "TaskRemoved"]
    await stand.until(lambda: other.heard == whole)
    await stand.until(lambda: sink.heard == ["TaskStarted", "TaskCompletedOK"])
    await stand.until(lambda: progress.heard == ["TaskProgressChanged"])
    await stand.until(lambda: removed.heard == ["TaskRemoved"])
    assert alert.tries == 0


async def test_subscriptions_can_be_tested(desk: Desk, stand: Stand, sink: Sink) -> None:
    await stand.subscribe(sink.url, filters=Filters(message_ids=("ResourceEvent.1.0.TestMessage",)))
    stand.push()
    for body in ({}, None):
        assert (await desk.ask("POST", ANNOUNCE, body))[0] == 204
    await stand.until(lambda: sink.heard == ["TestMessage"] * 2)
    (record, _) = sink.records
    assert record["MessageId"].startswith("ResourceEvent.1.")
    assert record["MessageSeverity"] == "OK" and record["Message"]
    assert record["OriginOfCondition"] == {"@odata.id": SERVICE}


async def test_a_test_event_takes_its_turn_after_a_failure(
    desk: Desk, stand: Stand, sink: Sink, tasks: Tasks
) -> None:
    sink.answers.append(500)
    subscription = await stand.subscribe(sink.url)
    stand.push()
    await desk.ask("POST", ANNOUNCE)
    await stand.until_failed(subscription)
    await bring(tasks, states.CANCELLED)
    await desk.ask("POST", SUBMIT, LEAST)
    stand.clock.advance(600)
    await stand.until(lambda: len(sink.records) == 3)
    assert sink.heard == ["TestMessage", "TaskCancelled", "SomethingElse"]


async def test_streams_hear_test_events_through_their_filters(
    station: Station, who: Clients
) -> None:
    everything = await who.listen(station.url)
    some = await who.listen(station.url, "MessageId eq 'TaskEvent.TaskAborted'")
    theirs = await who.listen(station.url, who="guest")
    assert (await who.ask("POST", f"{station.url}{SUBMIT}", EVENT))[0] == 204
    assert (await who.ask("POST", f"{station.url}{ANNOUNCE}", {}))[0] == 204
    for listener in (everything, theirs):
        await until(lambda one=listener: one.heard[-2:] == ["TaskAborted", "TestMessage"])  # type: ignore[misc]
    told = {**EVENT, "OriginOfCondition": {"@odata.id": EVENT["OriginOfCondition"]}}
    (record,) = [one for one in everything.records if one["EventId"] == "my-own"]
    assert record == {**told, "MemberId": record["MemberId"]}
    assert (await who.ask("POST", f"{station.url}{SUBMIT}", EVENT))[0] == 204
    await until(lambda: len(some.records) == 2)
    assert some.heard == ["TaskAborted"] * 2


@pytest.mark.parametrize(
    ("change", "key", "name"),
    [
        ({"MessageId": ...}, "ActionParameterMissing", "MessageId"),
        ({"MessageId": None}, "ActionParameterValueTypeError", "MessageId"),
        ({"MessageId": "no id"}, "ActionParameterValueFormatError", "MessageId"),
        ({"MessageId": "TaskEvent.TaskAborted"}, "ActionParameterValueFormatError", "MessageId"),
        ({"MessageId": "A.1.0.B\n"}, "ActionParameterValueFormatError", "MessageId"),
        ({"Message": 5}, "ActionParameterValueTypeError", "Message"),
        ({"Message": "x" * 8193}, "ActionParameterValueFormatError", "Message"),
        ({"MessageArgs": "a"}, "ActionParameterValueTypeError", "MessageArgs"),
        ({"MessageArgs": [1]}, "ActionParameterValueTypeError", "MessageArgs/0"),
        ({"MessageArgs": ["a"] * 33}, "ActionParameterValueError", "MessageArgs"),
        ({"MessageSeverity": "Awful"}, "ActionParameterValueNotInList", "MessageSeverity"),
        ({"Severity": 1}, "ActionParameterValueTypeError", "Severity"),
        ({"EventType": "MetricReport"}, "ActionParameterValueNotInList", "EventType"),
        ({"EventGroupId": "x"}, "ActionParameterValueTypeError", "EventGroupId"),
        ({"EventGroupId": 1.5}, "ActionParameterValueTypeError", "EventGroupId"),
        ({"EventGroupId": 10**30}, "ActionParameterValueOutOfRange", "EventGroupId"),
        ({"EventTimestamp": "now"}, "ActionParameterValueFormatError", "EventTimestamp"),
        ({"EventId": ""}, "ActionParameterValueFormatError", "EventId"),
        ({"EventId": 5}, "ActionParameterValueTypeError", "EventId"),
        (
            {"OriginOfCondition": {"@odata.id": SERVICE}},
            "ActionParameterValueTypeError",
            "OriginOfCondition",
        ),
        (
            {"OriginOfCondition": "no uri at all\\"},
            "ActionParameterValueFormatError",
            "OriginOfCondition",
        ),
        ({"Colour": "red"}, "ActionParameterUnknown", "Colour"),
    ],
)
async def test_a_test_event_that_is_none_is_refused_by_name(
    desk: Desk, stand: Stand, change: dict[str, Any], key: str, name: str
) -> None:
    given = {key: value for key, value in {**EVENT, **change}.items() if value is not ...}
    before = await length(stand)
    status, body, _ = await desk.ask("POST", SUBMIT, given)
    assert status == 400
    assert said_keys(body) == [key]
    (one,) = body["error"]["@Message.ExtendedInfo"]
    assert name in one["MessageArgs"] and "EventService.SubmitTestEvent" in one["MessageArgs"]
    assert await length(stand) == before


async def test_everything_that_is_wrong_is_told_at_once(desk: Desk, stand: Stand) -> None:
    before = await length(stand)
    status, body, _ = await desk.ask("POST", SUBMIT, {"EventType": "Party", "Colour": "red"})
    assert status == 400
    assert sorted(said_keys(body)) == [
        "ActionParameterMissing",
        "ActionParameterUnknown",
        "ActionParameterValueNotInList",
    ]
    status, body, _ = await desk.ask("POST", ANNOUNCE, {"Colour": "red"})
    assert status == 400 and said_keys(body) == ["ActionParameterUnknown"]
    for uri in (SUBMIT, ANNOUNCE):
        for broken in (b"{", b"[]", b'"x"', b'{"MessageId": "A.1.0.B", "MessageId": "A.1.0.B"}'):
            answer = await desk.client.post(
                uri,
                data=broken,
                headers={"X-Auth-Token": "admin", "Content-Type": "application/json"},
            )
            assert answer.status == 400, (uri, broken)
            assert said_keys(json.loads(await answer.text()))
    assert (await desk.ask("POST", SUBMIT))[0] == 400
    assert (await desk.ask("GET", SUBMIT))[0] == 405
    assert await length(stand) == before


async def test_who_may_test_and_when(desk: Desk, stand: Stand, sink: Sink) -> None:
    before = await length(stand)
    for uri, body in ((SUBMIT, EVENT), (ANNOUNCE, {})):
        for account in ("op", "guest"):
            status, answer, _ = await desk.ask("POST", uri, body, who=account)
            assert status == 403 and said_keys(answer) == ["InsufficientPrivilege"]
    assert await length(stand) == before
    await desk.ask("PATCH", SERVICE, {"ServiceEnabled": False})
    before = await length(stand)
    for uri, body in ((SUBMIT, EVENT), (ANNOUNCE, {})):
        status, answer, _ = await desk.ask("POST", uri, body)
        assert status == 503 and said_keys(answer) == ["ServiceDisabled"]
    assert await length(stand) == before
    # Subscriptions can be made all the same, and nothing of that time is told later.
    assert (await desk.ask("POST", SUBSCRIPTIONS, {**PLAIN, "Destination": sink.url}))[0] == 201
    await desk.ask("PATCH", SERVICE, {"ServiceEnabled": True})
    assert (await desk.ask("POST", SUBMIT, EVENT))[0] == 204
    stand.push()
    await stand.until(lambda: "TaskAborted" in sink.heard)
    assert [one["EventId"] for one in sink.records if one["EventId"] == "my-own"] == ["my-own"]
