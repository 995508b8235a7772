"""The EventService and its subscriptions, asked over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from odimra.networks import Reach, parse
from odimra.redfish import event_destinations
from odimra.redfish.event_json import SUBSCRIPTIONS
from tests.events.conftest import Stand
from tests.events.face import PLAIN, SERVICE, Desk, said, said_keys


async def test_the_service_says_what_it_does_and_keeps_what_it_is_told(desk: Desk) -> None:
    _, body, _ = await desk.ask("GET", SERVICE)
    assert body["@odata.type"] == "#EventService.v1_12_0.EventService"
    assert body["Subscriptions"] == {"@odata.id": SUBSCRIPTIONS}
    for what in ("ExcludeMessageId", "ExcludeRegistryPrefix", "OriginResourcesSupported"):
        assert body[what] is True
    assert body["IncludeOriginOfConditionSupported"] is True
    assert "HeartbeatEvent" in body["RegistryPrefixes"]
    change = {
        "ServiceEnabled": False,
        "DeliveryRetryAttempts": 7,
        "DeliveryRetryIntervalSeconds": 11,
    }
    status, changed, _ = await desk.ask("PATCH", SERVICE, change)
    assert status == 200 and changed.items() >= change.items()
    assert changed["Status"]["State"] == "Disabled"
    _, again, _ = await desk.ask("GET", SERVICE)
    assert again == changed
    stale = await desk.ask("PATCH", SERVICE, {"DeliveryRetryAttempts": 1}, If_Match='"999"')
    assert stale[0] == 412
    for name, value in (
        ("DeliveryRetryAttempts", -1),
        ("DeliveryRetryIntervalSeconds", "soon"),
        ("RegistryPrefixes", []),
        ("Nonsense", 1),
    ):
        status, body, _ = await desk.ask("PATCH", SERVICE, {name: value})
        assert status == 400 and f"/{name}" in said(body)[0][1]
    assert (await desk.ask("PATCH", SERVICE, change, who="op"))[0] == 403


@pytest.mark.parametrize("uri", [SUBSCRIPTIONS, f"{SUBSCRIPTIONS}/Members"])
async def test_a_subscription_is_taken_without_asking_its_destination(desk: Desk, uri: str) -> None:
    status, body, headers = await desk.ask("POST", uri, {**PLAIN, "Context": "mine"})
    assert status == 201
    assert headers["Location"] == body["@odata.id"]
    assert body["@odata.type"] == "#EventDestination.v1_16_0.EventDestination"
    assert body["Context"] == "mine" and body["SubscriptionType"] == "RedfishEvent"
    status, read, _ = await desk.ask("GET", headers["Location"])
    assert status == 200 and read == body
    _, listed, _ = await desk.ask("GET", SUBSCRIPTIONS)
    assert listed["Members"] == [{"@odata.id": headers["Location"]}]
    assert (await desk.ask("DELETE", headers["Location"]))[0] == 204
    assert (await desk.ask("GET", headers["Location"]))[0] == 404
    assert (await desk.ask("DELETE", headers["Location"]))[0] == 404


async def test_filters_are_kept_as_they_were_given(desk: Desk) -> None:
    filters = {
        "RegistryPrefixes": ["TaskEvent"],
        "MessageIds": ["ResourceEvent.1.4.ResourceRemoved"],
        "ExcludeMessageIds": ["TaskEvent.TaskProgressChanged"],
        "ResourceTypes": ["Task"],
        "Severities": ["Critical"],
        "EventTypes": ["StatusChange", "Alert"],
        "ExcludeRegistryPrefixes": ["Base"],
        "OriginResources": [{"@odata.id": "/redfish/v1/TaskService/Tasks"}],
        "SubordinateResources": True,
        "DeliveryRetryPolicy": "RetryForeverWithBackoff",
        "VerifyCertificate": True,
        "IncludeOriginOfCondition": True,
        "SendHeartbeat": True,
        "HeartbeatIntervalMinutes": 65535,
        "BackupDestinations": ["https://b.example/x", "http://[2001:db8::1]:8080/"],
    }
    uri, body = await desk.subscribe(**filters)
    assert body.items() >= filters.items()
    assert (await desk.ask("GET", uri))[1] == body


async def test_what_was_not_asked_for_is_not_there(desk: Desk) -> None:
    _, body = await desk.subscribe()
    assert body["IncludeOriginOfCondition"] is False
    # An empty array says that backups are supported.
    assert body["BackupDestinations"] == []
    assert not {"SendHeartbeat", "HeartbeatIntervalMinutes", "EventTypes"} & body.keys()
    nothing = dict.fromkeys(
        ("SendHeartbeat", "HeartbeatIntervalMinutes", "EventTypes", "BackupDestinations")
    )
    assert (await desk.subscribe(**nothing))[1].keys() == body.keys()


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"SendHeartbeat": True}, {"SendHeartbeat": True, "HeartbeatIntervalMinutes": 10}),
        ({"SendHeartbeat": False}, {"SendHeartbeat": False}),
        (
            {"SendHeartbeat": False, "HeartbeatIntervalMinutes": 5},
            {"SendHeartbeat": False, "HeartbeatIntervalMinutes": 5},
        ),
    ],
)
async def test_an_interval_of_heartbeats_is_shown_when_there_is_one(
    desk: Desk, asked: dict[str, Any], shown: dict[str, Any]
) -> None:
    _, body = await desk.subscribe(**asked)
    assert {name: body[name] for name in body if "Heartbeat" in name} == shown


async def test_backups_can_be_changed(desk: Desk, stand: Stand) -> None:
    uri, body = await desk.subscribe(BackupDestinations=["https://a.example/"])
    change = {"BackupDestinations": ["https://b.example/", None, "https://c.example/"]}
    status, changed, _ = await desk.ask("PATCH", uri, change, If_Match=body["@odata.etag"])
    assert status == 200
    assert changed["BackupDestinations"] == ["https://b.example/", "https://c.example/"]
    kept = await stand.subscriptions.get(uri.rpartition("/")[2])
    assert kept is not None and kept.backups == ("https://b.example/", "https://c.example/")
    for wrong in (None, ["https://b.example/", "hush"], "https://b.example/"):
        status, refused, _ = await desk.ask("PATCH", uri, {"BackupDestinations": wrong})
        assert status == 400 and "/BackupDestinations" in said(refused)[0][1][0]
        assert "hush" not in json.dumps(refused)
    assert (await desk.ask("GET", uri))[1] == changed
    assert (await desk.ask("PATCH", uri, {"BackupDestinations": []}))[1]["BackupDestinations"] == []


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("[::1]", "::1"),
        ("[::ffff:10.0.0.1]", "::ffff:10.0.0.1"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
async def test_an_address_out_of_reach_is_refused_at_once(
    make_desk: Callable[..., Any], host: str, shown: str
) -> None:
    desk = await make_desk(
        Reach(parse("203.0.113.0/24 127.0.0.0/8 ::/0"), parse("loopback link-local private"))
    )
    outside = f"https://{host}:8443/events"
    status, refused, _ = await desk.ask("POST", SUBSCRIPTIONS, {**PLAIN, "Destination": outside})
    assert status == 400 and said(refused) == [("PropertyValueOutOfRange", ["/Destination"])]
    assert shown in json.dumps(refused)
    # A name is judged when it is connected to; the backups are judged alike.
    within = {"Destination": "https://localhost/", "BackupDestinations": ["https://203.0.113.1/"]}
    uri, _ = await desk.subscribe(**within)
    backups = {"BackupDestinations": ["https://203.0.113.1/", outside]}
    for method, at, body in (("POST", SUBSCRIPTIONS, {**PLAIN, **within}), ("PATCH", uri, {})):
        status, refused, _ = await desk.ask(method, at, {**body, **backups})
        assert status == 400 and said(refused)[0][1] == ["/BackupDestinations/1"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"Protocol": "FTP"}, "/Protocol"),
        ({"SubscriptionType": "SSE"}, "/SubscriptionType"),
        ({"EventFormatType": "MetricReport"}, "/EventFormatType"),
        ({"DeliveryRetryPolicy": "Never"}, "/DeliveryRetryPolicy"),
        ({"RegistryPrefixes": ["TaskEvent", "Nonsense"]}, "/RegistryPrefixes/1"),
        ({"ResourceTypes": ["Nonsense"]}, "/ResourceTypes/0"),
        ({"MessageIds": ["TaskEvent.1.0.TaskBurnt"]}, "/MessageIds/0"),
        ({"MessageIds": ["Storage.1.0.DriveFailed"]}, "/MessageIds/0"),
        ({"OriginResources": [{"@odata.id": "http://x/"}]}, "/OriginResources/0/@odata.id"),
        ({"Protocol": "SNMPv3"}, "/Protocol"),
        ({"SubscriptionType": "Syslog"}, "/SubscriptionType"),
        ({"IncludeOriginOfCondition": "yes"}, "/IncludeOriginOfCondition"),
        ({"SendHeartbeat": 1}, "/SendHeartbeat"),
        ({"SendHeartbeat": True, "HeartbeatIntervalMinutes": 0}, "/HeartbeatIntervalMinutes"),
        ({"SendHeartbeat": True, "HeartbeatIntervalMinutes": 65536}, "/HeartbeatIntervalMinutes"),
        ({"SendHeartbeat": True, "HeartbeatIntervalMinutes": 1.5}, "/HeartbeatIntervalMinutes"),
        # An interval of nothing.
        ({"HeartbeatIntervalMinutes": 5}, "/SendHeartbeat"),
        ({"SendHeartbeat": None, "HeartbeatIntervalMinutes": 5}, "/SendHeartbeat"),
        ({"EventTypes": ["MetricReport"]}, "/EventTypes/0"),
        ({"EventTypes": "Alert"}, "/EventTypes"),
        ({"BackupDestinations": "https://192.0.2.1/hush"}, "/BackupDestinations"),
        ({"BackupDestinations": {}}, "/BackupDestinations"),
        ({"BackupDestinations": ["https://a.example/", "hush"]}, "/BackupDestinations/1"),
        ({"BackupDestinations": ["https://a:hush@a.example/"]}, "/BackupDestinations/0"),
        ({"BackupDestinations": ["https://a.example/"] * 9}, "/BackupDestinations"),
        ({"HttpHeaders": {}}, "/HttpHeaders"),
        # Read as one thing by some and as another by others.
        ({"Destination": "https://hush\\@192.0.2.1/"}, "/Destination"),
        ({"Destination": "https://127.1/"}, "/Destination"),
        ({"Destination": "https://2130706433/"}, "/Destination"),
        ({"Destination": "https://\uff11\uff12\uff17.0.0.1/"}, "/Destination"),
        ({"Context": 1}, "/Context"),
        ({"Unheard": 1}, "/Unheard"),
        ({"HttpHeaders": "hush"}, "/HttpHeaders"),
        ({"HttpHeaders": [{"Host": "hush"}]}, "/HttpHeaders/0"),
        ({"HttpHeaders": [{"X-A": "hush\r\nX-B: hush"}]}, "/HttpHeaders/0"),
        ({"HttpHeaders": [{"X-A": "fine"}, {"X B": "hush"}]}, "/HttpHeaders/1"),
        ({"HttpHeaders": [{"X-A": 5}]}, "/HttpHeaders/0"),
        ({"HttpHeaders": [{}]}, "/HttpHeaders/0"),
        ({"HttpHeaders": [{f"X-{n}": "" for n in range(40)}]}, "/HttpHeaders"),
        ({"Destination": "https://ann:hush@192.0.2.1/"}, "/Destination"),
        ({"Destination": "ftp://192.0.2.1/hush"}, "/Destination"),
        ({"Destination": "/hush"}, "/Destination"),
        ({"Destination": "https://"}, "/Destination"),
        ({"Destination": "https://[hush/"}, "/Destination"),
        ({"Destination": "https://192.0.2.1:99999/hush"}, "/Destination"),
        ({"Destination": 7}, "/Destination"),
    ],
)
async def test_a_subscription_that_cannot_be_is_refused_by_name(
    desk: Desk, change: dict[str, Any], names: str
) -> None:
    status, body, _ = await desk.ask("POST", SUBSCRIPTIONS, {**PLAIN, **change})
    assert status == 400
    assert names in [pointer for _, pointers in said(body) for pointer in pointers]
    assert "hush" not in json.dumps(body)
    assert (await desk.ask("GET", SUBSCRIPTIONS))[1]["Members@odata.count"] == 0


@pytest.mark.parametrize("missing", ["Destination", "Protocol"])
async def test_what_is_needed_is_named(desk: Desk, missing: str) -> None:
    given = {name: value for name, value in PLAIN.items() if name != missing}
    status, body, _ = await desk.ask("POST", SUBSCRIPTIONS, given)
    assert status == 400 and said(body) == [("PropertyMissing", [f"/{missing}"])]


async def test_headers_are_sent_but_never_shown(desk: Desk, stand: Stand) -> None:
    uri, body = await desk.subscribe(HttpHeaders=[{"Authorization": "Bearer hush", "X-B": "b"}])
    _, read, _ = await desk.ask("GET", uri)
    assert body["HttpHeaders"] == read["HttpHeaders"] == []
    assert "hush" not in json.dumps([body, read])
    kept = await stand.subscriptions.get(uri.rpartition("/")[2])
    assert kept is not None
    assert kept.headers == (("Authorization", "Bearer hush"), ("X-B", "b"))


async def test_what_may_change_changes_and_the_rest_does_not(desk: Desk, stand: Stand) -> None:
    uri, body = await desk.subscribe(HttpHeaders=[{"X-A": "old"}])
    change = {
        "Context": "new",
        "DeliveryRetryPolicy": "SuspendRetries",
        "VerifyCertificate": True,
    }
    status, changed, _ = await desk.ask(
        "PATCH",
        uri,
        {**change, "HttpHeaders": [{"X-A": "new"}]},
        If_Match=body["@odata.etag"],
    )
    assert status == 200 and changed.items() >= change.items()
    kept = await stand.subscriptions.get(uri.rpartition("/")[2])
    assert kept is not None and kept.headers == (("X-A", "new"),)
    stale = await desk.ask("PATCH", uri, change, If_Match=body["@odata.etag"])
    assert stale[0] == 412
    assert (await desk.ask("DELETE", uri, If_Match=body["@odata.etag"]))[0] == 412
    for name, value in (
        ("Destination", "http://192.0.2.9/"),
        ("MessageIds", []),
        ("SendHeartbeat", True),
        ("HeartbeatIntervalMinutes", 5),
        ("IncludeOriginOfCondition", True),
        ("EventTypes", ["Alert"]),
    ):
        status, refused, _ = await desk.ask("PATCH", uri, {name: value})
        assert status == 400 and said(refused) == [("PropertyNotWritable", [f"/{name}"])]
    assert (await desk.ask("PATCH", f"{uri}x", change))[0] == 404
    assert (await desk.ask("GET", uri))[1] == changed


async def test_a_subscription_is_changed_by_its_owner_or_a_manager(desk: Desk) -> None:
    assert (await desk.ask("POST", SUBSCRIPTIONS, PLAIN, who="guest"))[0] == 403
    mine, _ = await desk.subscribe(who="op")
    other, _ = await desk.subscribe(who="admin")
    assert (await desk.ask("GET", other, who="guest"))[0] == 200
    assert (await desk.ask("PATCH", other, {"Context": "x"}, who="op"))[0] == 403
    assert (await desk.ask("DELETE", mine, who="guest"))[0] == 403
    assert (await desk.ask("PATCH", mine, {"Context": "x"}, who="op"))[0] == 200
    assert (await desk.ask("DELETE", mine, who="op"))[0] == 204
    assert (await desk.ask("DELETE", other, who="admin"))[0] == 204


async def test_there_are_as_many_as_may_be(desk: Desk) -> None:
    for _ in range(5):
        await desk.subscribe()
    status, body, _ = await desk.ask("POST", SUBSCRIPTIONS, PLAIN)
    assert status == 503
    assert said_keys(body) == ["EventSubscriptionLimitExceeded"]


async def test_suspending_and_resuming(desk: Desk) -> None:
    uri, body = await desk.subscribe()
    targets = {name: action["target"] for name, action in body["Actions"].items()}
    suspend = targets["#EventDestination.SuspendSubscription"]
    resume = targets["#EventDestination.ResumeSubscription"]
    assert (await desk.ask("POST", suspend))[0] == 204
    assert (await desk.ask("POST", suspend, {}))[0] == 204
    assert (await desk.ask("GET", uri))[1]["Status"]["State"] == "Disabled"
    wrong = {"DeliverBufferedEventDuration": "soon"}
    status, refused, _ = await desk.ask("POST", resume, wrong)
    assert status == 400
    assert said_keys(refused) == ["ActionParameterValueFormatError"]
    late = {"DeliverBufferedEventDuration": "P1DT2H3M4.5S"}
    assert (await desk.ask("POST", resume, late))[0] == 204
    assert (await desk.ask("GET", uri))[1]["Status"]["State"] == "Enabled"
    assert (await desk.ask("POST", resume, {}))[0] == 204


@pytest.mark.parametrize(
    ("duration", "seconds"), [("PT0S", 0), ("P1DT1H1M1.5S", 90061.5), ("PT30M", 1800)]
)
def test_a_duration_in_seconds(duration: str, seconds: float) -> None:
    assert event_destinations.seconds_of(duration) == seconds
