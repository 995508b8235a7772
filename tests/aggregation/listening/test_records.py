"""What a BMC posts becomes records that Redfish allows, whatever the BMC thinks of that."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from typing import Any

import pytest

from odimra.aggregation.listening.kinds import kind
from odimra.aggregation.listening.ledger import Entry
from odimra.aggregation.listening.records import MOST_EVENTS, entries, seen_change
from odimra.aggregation.sources import Source
from odimra.redfish.messages import Messages

ID = "3f2a9c0d1b7e"
SOURCE = Source(
    id=ID, host_name="10.0.0.1", base="https://10.0.0.1", user="root", sealed="", verify="ca",
    method="Redfish", created=1,
)  # fmt: skip
OURS = f"/redfish/v1/AggregationService/AggregationSources/{ID}"
NOW = 1_800_000_000_000
WORD = Messages.load().build
GOOD = {
    "EventId": "7",
    "EventType": "Alert",
    "EventTimestamp": "2026-11-23T10:00:00Z",
    "MessageId": "Platform.1.0.FanFailed",
    "Message": "Fan 3 has failed.",
    "MessageArgs": ["3"],
    "MessageSeverity": "Critical",
    "OriginOfCondition": {"@odata.id": "/redfish/v1/Chassis/1/Thermal#/Fans/3"},
    "MemberId": "0",
}


TEXTS = ("Message", "Resolution", "DiagnosticData", "AdditionalDataURI", "Username")


def judge(record: Any) -> None:
    """See that a record is one by Event v1_13_0, before its delivery adds EventId and MemberId."""
    rest = dict(record)
    assert re.fullmatch(r"[A-Za-z0-9]+\.\d+\.\d+\.[A-Za-z0-9.]+", rest.pop("MessageId"))
    assert datetime.fromisoformat(rest.pop("EventTimestamp")).tzinfo is not None
    assert rest.pop("EventType") in (
        "StatusChange", "ResourceUpdated", "ResourceAdded", "ResourceRemoved", "Alert",
        "MetricReport", "Other",
    )  # fmt: skip
    assert rest.pop("MessageSeverity") in ("OK", "Warning", "Critical")
    assert re.match(".+://.+", rest.pop("OriginAddress"))
    assert all(isinstance(one, str) for one in rest.pop("MessageArgs", []))
    for name in ("OriginOfCondition", "LogEntry"):
        link = rest.pop(name, {"@odata.id": ""})
        assert link.keys() == {"@odata.id"} and isinstance(link["@odata.id"], str)
    assert isinstance(rest.pop("OriginOfConditionUnavailable", False), bool)
    assert isinstance(rest.pop("SpecificEventExistsInGroup", False), bool)
    for name in ("EventGroupId", "AdditionalDataSizeBytes"):
        assert isinstance(rest.pop(name, 0), int)
    assert all(isinstance(one, dict) for one in rest.pop("Oem", {}).values())
    assert all(isinstance(rest.pop(name, ""), str) for name in TEXTS)
    assert rest == {}


def read(*given: Any, **frame: Any) -> list[Entry]:
    return list(entries(SOURCE, {"Id": "1", "Events": list(given), **frame}, NOW, WORD))


def one(**changes: Any) -> Entry:
    given = {name: value for name, value in (GOOD | changes).items() if value is not ...}
    (found,) = read(given)
    judge(found.record)
    return found


def test_a_record_is_passed_on_with_its_link_made_ours() -> None:
    found = one()
    assert found.record == {
        "EventType": "Alert",
        "EventTimestamp": "2026-11-23T10:00:00Z",
        "MessageId": "Platform.1.0.FanFailed",
        "Message": "Fan 3 has failed.",
        "MessageArgs": ["3"],
        "MessageSeverity": "Critical",
        "OriginOfCondition": {"@odata.id": f"/redfish/v1/Chassis/{ID}.1/Thermal#/Fans/3"},
        "OriginAddress": "https://10.0.0.1",
    }
    assert (found.registry, found.message, found.severity) == ("Platform", "FanFailed", "Critical")
    assert found.resource_type == "Thermal"
    assert found.path == "/redfish/v1/Chassis/1/Thermal#/Fans/3"


ORIGINS = [
    ("/redfish/v1/Systems/1", f"/redfish/v1/Systems/{ID}.1", "ComputerSystem"),
    ({"@odata.id": "/redfish/v1/Managers/1/"}, f"/redfish/v1/Managers/{ID}.1", "Manager"),
    (
        {"@odata.id": "https://bmc.invalid/redfish/v1/Systems/1/Bios"},
        f"/redfish/v1/Systems/{ID}.1/Bios",
        "Bios",
    ),
    (
        {"@odata.id": "/redfish/v1/TaskService/Tasks/4"},
        f"/redfish/v1/TaskService/Tasks/{ID}.4",
        "Task",
    ),
    ({"@odata.id": "/redfish/v1/AccountService"}, OURS, "AggregationSource"),
    (..., OURS, "AggregationSource"),
    (None, OURS, "AggregationSource"),
    ([1], OURS, "AggregationSource"),
    ({"@odata.id": 5}, OURS, "AggregationSource"),
]


@pytest.mark.parametrize(("given", "uri", "type_"), ORIGINS)
def test_where_it_comes_from_is_a_resource_of_ours(given: Any, uri: str, type_: str) -> None:
    found = one(OriginOfCondition=given)
    assert found.record["OriginOfCondition"] == {"@odata.id": uri}
    assert found.resource_type == type_


def test_a_number_as_an_id_is_no_trouble() -> None:
    assert one(EventId=7).digest


@pytest.mark.parametrize(
    "given",
    [
        "yesterday",
        "2026-11-23",
        "2026-11-23T10:00:00",
        "20261123T100000Z",
        "2026-13-23T10:00:00Z",
        5,
        None,
        ...,
    ],
)
def test_a_time_that_is_none_is_when_it_came(given: Any) -> None:
    assert one(EventTimestamp=given).record["EventTimestamp"] == "2027-01-15T08:00:00.000Z"


SEVERITIES = [
    ({}, "Critical"),
    ({"MessageSeverity": ...}, "OK"),
    ({"MessageSeverity": ..., "Severity": "Warning"}, "Warning"),
    ({"MessageSeverity": "Informational"}, "OK"),
    ({"MessageSeverity": 3, "Severity": "Bad"}, "OK"),
]


@pytest.mark.parametrize(("given", "severity"), SEVERITIES)
def test_a_severity_is_a_health(given: dict[str, Any], severity: str) -> None:
    found = one(**given)
    assert found.severity == found.record["MessageSeverity"] == severity
    assert "Severity" not in found.record


TYPES = [
    ({"EventType": "Event"}, "Other"),
    ({"EventType": ...}, "Other"),
    ({"EventType": "ResourceAdded"}, "ResourceAdded"),
    ({"EventType": None, "MessageId": "ResourceEvent.1.0.ResourceChanged"}, "ResourceUpdated"),
]


@pytest.mark.parametrize(("given", "type_"), TYPES)
def test_a_type_is_one_that_there_is(given: dict[str, Any], type_: str) -> None:
    assert one(**given).record["EventType"] == type_


def test_arguments_are_texts_and_their_links_are_ours() -> None:
    found = one(MessageArgs=["/redfish/v1/Systems/1", "/redfish/v1/Gone", 4, None, {"a": 1}])
    assert found.record["MessageArgs"] == [
        f"/redfish/v1/Systems/{ID}.1", "/redfish/v1/Gone", "4", "null", '{"a":1}',
    ]  # fmt: skip
    assert "MessageArgs" not in one(MessageArgs="x").record


MESSAGES = [
    ("SYS403", "The lid is open.", "EventOfSource", ["SYS403", "The lid is open."]),
    (..., "The lid is open.", "EventOfSource", ["Alert", "The lid is open."]),
    ("", ..., "EventOfSource", ["Alert", "-"]),
    (17, 18, "EventOfSource", ["17", "-"]),
]


@pytest.mark.parametrize(("said", "text", "key", "args"), MESSAGES)
def test_what_has_no_message_id_is_told_in_our_words(
    said: Any, text: Any, key: str, args: list[str]
) -> None:
    found = one(MessageId=said, Message=text)
    assert found.record["MessageId"] == f"Odimra.1.0.{key}"
    assert found.record["MessageArgs"] == args
    assert args[1] in found.record["Message"]
    assert (found.registry, found.message) == ("Odimra", key)


@pytest.mark.parametrize(
    ("type_", "key"),
    [
        ("ResourceAdded", "ResourceCreated"),
        ("ResourceUpdated", "ResourceChanged"),
        ("ResourceRemoved", "ResourceRemoved"),
    ],
)
def test_a_type_alone_says_what_has_happened(type_: str, key: str) -> None:
    found = one(EventType=type_, MessageId=..., Message=..., MessageArgs=...)
    assert found.record["MessageId"] == f"ResourceEvent.1.4.{key}"
    assert found.record["EventType"] == type_
    assert found.record.get("OriginOfConditionUnavailable", False) == (key == "ResourceRemoved")


def test_what_may_not_be_there_is_left_out() -> None:
    found = one(
        Context="c",
        Unheard=1,
        EventGroupId="4",
        Resolution=5,
        SpecificEventExistsInGroup="no",
        Oem={"Maker": {"a": "/redfish/v1/Systems/1"}, "Bad": "text"},
        LogEntry={"@odata.id": "/redfish/v1/Managers/1/LogServices/Log/Entries/2"},
        AdditionalDataURI="/redfish/v1/UpdateService/data",
    )
    assert not found.record.keys() & {
        "Context", "Unheard", "EventGroupId", "Resolution", "SpecificEventExistsInGroup",
        "AdditionalDataURI",
    }  # fmt: skip
    assert found.record["Oem"] == {"Maker": {"a": f"/redfish/v1/Systems/{ID}.1"}}
    entry = f"/redfish/v1/Managers/{ID}.1/LogServices/Log/Entries/2"
    assert found.record["LogEntry"] == {"@odata.id": entry}


def test_too_much_of_a_makers_own_is_left_out() -> None:
    assert "Oem" not in one(Oem={"Maker": {"a": "x" * 70_000}}).record
    assert "MessageArgs" not in one(MessageArgs=["x" * 70_000]).record
    assert one(MessageId=f"A.1.0.{'x' * 300}").message == "EventOfSource"


def test_what_names_an_event() -> None:
    assert one().digest == one().digest != one(EventId="8").digest
    assert one().digest != one(EventTimestamp="2026-11-23T10:00:01Z").digest
    assert one(EventId=..., EventTimestamp=...).digest == ""
    # A number that a BMC gives out again after a restart names it not for long.
    assert one().keep_ms > 5 * one(EventTimestamp=...).keep_ms > 0
    same = read(GOOD, GOOD)
    assert same[0].digest == same[1].digest == read(GOOD, Id="2")[0].digest
    nameless = {name: value for name, value in GOOD.items() if name != "EventId"}
    twice = read(nameless, nameless)
    assert twice[0].digest != twice[1].digest
    assert twice[0].digest == read(nameless)[0].digest


@pytest.mark.parametrize("posted", [None, [], 4, "x", {}, {"Events": 4}, {"Events": None}])
def test_what_is_no_event_tells_nothing(posted: Any) -> None:
    assert list(entries(SOURCE, posted, NOW, WORD)) == []


def test_one_event_without_an_array_around_it() -> None:
    (found,) = entries(SOURCE, {"Events": GOOD}, NOW, WORD)
    assert found.message == "FanFailed"


def test_what_is_no_record_is_passed_over_and_too_many_are_cut() -> None:
    assert len(read(4, GOOD, None, {})) == 2
    assert len(read(*[GOOD] * (MOST_EVENTS + 3))) == MOST_EVENTS


def test_what_is_nested_too_deeply_is_for_the_receiver_to_refuse() -> None:
    deep: Any = {}
    for _ in range(sys.getrecursionlimit()):
        deep = {"a": deep}
    with pytest.raises(RecursionError):
        read({**GOOD, "Oem": {"Maker": deep}})


KINDS = [
    ("/redfish/v1/Systems/x.1", "ComputerSystem"),
    ("/redfish/v1/Systems/x.1/Processors/2", "Processor"),
    ("/redfish/v1/Systems/x.1/Processors", "ProcessorCollection"),
    ("/redfish/v1/Systems/x.1/LogServices/Sel/Entries/9", "LogEntry"),
    ("/redfish/v1/Chassis/x.1/Power#/PowerSupplies/0", "Power"),
    ("/redfish/v1/Managers/x.1/NetworkProtocol", "ManagerNetworkProtocol"),
    ("/redfish/v1/Managers/x.1/Oem/Maker/Thing", ""),
    ("", ""),
]


@pytest.mark.parametrize(("uri", "type_"), KINDS)
def test_what_is_at_a_path(uri: str, type_: str) -> None:
    assert kind(uri) == type_


def test_a_change_that_was_seen_is_a_resource_event() -> None:
    args = ("Systems/1", "Warning")
    found = seen_change(
        SOURCE, "/redfish/v1/Systems/1", "ResourceStatusChangedWarning", args, "Warning", NOW, WORD
    )
    assert found.record["MessageId"] == "ResourceEvent.1.4.ResourceStatusChangedWarning"
    assert found.record["OriginOfCondition"] == {"@odata.id": f"/redfish/v1/Systems/{ID}.1"}
    assert (found.resource_type, found.severity) == ("ComputerSystem", "Warning")
    assert found.record["EventType"] == "StatusChange"
