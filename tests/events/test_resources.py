"""The EventService and its subscriptions, asked over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from odimra.access import Principal
from odimra.redfish import event_destinations, event_service
from odimra.redfish.event_json import SUBSCRIPTIONS
from odimra.redfish.frame import Frame, FrameOptions
from odimra.redfish.messages import Messages
from odimra.redfish.privileges import PrivilegeMap
from tests.events.conftest import Stand

SERVICE = "/redfish/v1/EventService"
WHO = {
    "admin": Principal(
        "admin",
        "Administrator",
        frozenset({"Login", "ConfigureManager", "ConfigureComponents", "ConfigureSelf"}),
        "1",
        False,
        "/redfish/v1/a",
    ),
    "op": Principal(
        "op",
        "Operator",
        frozenset({"Login", "ConfigureComponents", "ConfigureSelf"}),
        "2",
        False,
        "/redfish/v1/b",
    ),
    "guest": Principal(
        "guest", "ReadOnly", frozenset({"Login", "ConfigureSelf"}), "3", False, "/redfish/v1/c"
    ),
}


class Doorman:
    """Believes the token to be the name of who asks."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        return WHO[token or ""]


class Desk:
    def __init__(self, client: Any) -> None:
        self.client = client

    async def ask(
        self, method: str, uri: str, body: object = None, who: str = "admin", **headers: str
    ) -> tuple[int, dict[str, Any], Any]:
        given = {"X-Auth-Token": who} | {k.replace("_", "-"): v for k, v in headers.items()}
        answer = await self.client.request(method, uri, json=body, headers=given)
        text = await answer.text()
        return answer.status, json.loads(text) if text else {}, answer.headers

    async def subscribe(self, who: str = "admin", **values: Any) -> tuple[str, dict[str, Any]]:
        status, body, headers = await self.ask("POST", SUBSCRIPTIONS, {**PLAIN, **values}, who=who)
        assert status == 201, body
        return headers["Location"], body


PLAIN = {"Destination": "https://192.0.2.1/events", "Protocol": "Redfish"}


@pytest.fixture
async def desk(stand: Stand, aiohttp_client: Callable[..., Any]) -> Desk:
    messages = Messages.load()
    frame = Frame(
        [
            *event_service.resources(stand.settings),
            *event_destinations.resources(stand.subscriptions, stand.streams, messages),
        ],
        Doorman(),
        messages,
        FrameOptions(),
        privileges=PrivilegeMap.load(),
        translations=event_destinations.TRANSLATIONS,
    )
    app = web.Application()
    frame.mount(app)
    return Desk(await aiohttp_client(app))


def said(body: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [
        (one["MessageId"].rpartition(".")[2], one["RelatedProperties"])
        for one in body["error"]["@Message.ExtendedInfo"]
    ]


async def test_the_service_says_what_it_does_and_keeps_what_it_is_told(desk: Desk) -> None:
    _, body, _ = await desk.ask("GET", SERVICE)
    assert body["@odata.type"] == "#EventService.v1_12_0.EventService"
    assert body["Subscriptions"] == {"@odata.id": SUBSCRIPTIONS}
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
        "OriginResources": [{"@odata.id": "/redfish/v1/TaskService/Tasks"}],
        "SubordinateResources": True,
        "DeliveryRetryPolicy": "RetryForeverWithBackoff",
        "VerifyCertificate": True,
    }
    _, body = await desk.subscribe(**filters)
    assert body.items() >= filters.items()


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"Protocol": "FTP"}, "/Protocol"),
        ({"SubscriptionType": "SSE"}, "/SubscriptionType"),
        ({"EventFormatType": "MetricReport"}, "/EventFormatType"),
        ({"DeliveryRetryPolicy": "Never"}, "/DeliveryRetryPolicy"),
        ({"RegistryPrefixes": ["TaskEvent", "Nonsense"]}, "/RegistryPrefixes/1"),
        ({"ResourceTypes": ["Fan"]}, "/ResourceTypes/0"),
        ({"MessageIds": ["TaskEvent.1.0.TaskBurnt"]}, "/MessageIds/0"),
        ({"MessageIds": ["Storage.1.0.DriveFailed"]}, "/MessageIds/0"),
        ({"OriginResources": [{"@odata.id": "http://x/"}]}, "/OriginResources/0/@odata.id"),
        ({"IncludeOriginOfCondition": True}, "/IncludeOriginOfCondition"),
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
    for name, value in (("Destination", "http://192.0.2.9/"), ("MessageIds", [])):
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


def said_keys(body: dict[str, Any]) -> list[str]:
    return [one["MessageId"].rpartition(".")[2] for one in body["error"]["@Message.ExtendedInfo"]]


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
