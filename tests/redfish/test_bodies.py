"""Bodies of requests: what is refused, by which message (DSP0266 7.5-7.11, 8.6)."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest

from odimra.redfish import body as bodies
from odimra.redfish.body import BodySchema
from odimra.redfish.errors import RedfishError
from odimra.wire import BodyLimits
from tests.redfish.conftest import Desk, Open
from tests.redfish.shop import UPDATE

ONE = "/redfish/v1/Systems/s1"
TASKS = "/redfish/v1/TaskService"
ACTION = f"/redfish/v1/UpdateService/Actions/{UPDATE}"
PLAIN_ACTION = f"{TASKS}/Actions/TaskService.DeleteAllCompletedTasks"
ACCOUNT = "/redfish/v1/AccountService/Accounts/admin"

NESTED = b'{"AssetTag":' + b"[" * 40 + b"]" * 40 + b"}"


async def unchanged(desk: Desk) -> None:
    assert desk.shop.systems["s1"]["AssetTag"] is None
    assert desk.shop.versions["s1"] == 1
    assert desk.shop.written == []


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"{", "MalformedJSON"),
        (b'{"AssetTag":"x"} x', "MalformedJSON"),
        (b"{'AssetTag':'x'}", "MalformedJSON"),
        (b'{"AssetTag":NaN}', "MalformedJSON"),
        (b'{"AssetTag":Infinity}', "MalformedJSON"),
        (b'{"AssetTag":1e999}', "MalformedJSON"),
        (b'{"AssetTag":"\\ud800"}', "MalformedJSON"),
        (b'{"AssetTag":"\xff"}', "MalformedJSON"),
        (b'\xef\xbb\xbf{"AssetTag":"x"}', "MalformedJSON"),
        ('{"AssetTag":"x"}'.encode("utf-16"), "MalformedJSON"),
        (b'{"AssetTag":' + b"9" * 5000 + b"}", "MalformedJSON"),
        (b'{"AssetTag":' + b"9" * 301 + b"}", "MalformedJSON"),
        (b'{"AssetTag":0.' + b"1" * 301 + b"}", "MalformedJSON"),
        (NESTED, "MalformedJSON"),
        (b"[" * 100_000, "MalformedJSON"),
        (b'{"AssetTag":"x","AssetTag":"y"}', "PropertyDuplicate"),
        (b"[]", "UnrecognizedRequestBody"),
        (b'"AssetTag"', "UnrecognizedRequestBody"),
        (b"null", "UnrecognizedRequestBody"),
        (b"", "MalformedJSON"),
        (b" \n", "MalformedJSON"),
        (b"{}", "EmptyJSON"),
        (b'{"@odata.id":"/x","@odata.etag":"1"}', "NoOperation"),
        (b'{"@odata.id":"/x","@odata.type":"#y"}', "NoOperation"),
    ],
)
async def test_a_body_that_is_no_change_is_400_and_changes_nothing(
    desk: Desk, raw: bytes, key: str
) -> None:
    answer = await desk.ask("PATCH", ONE, data=raw, Content_Type="application/json")
    assert (answer.status, answer.keys) == (400, [key])
    assert answer.headers["Content-Type"].startswith("application/json")
    await unchanged(desk)


@pytest.mark.parametrize(
    ("uri", "body", "key", "names"),
    [
        (ONE, {"Bogus": 1}, "PropertyUnknown", "Bogus"),
        (ONE, {"AssetTag": 5}, "PropertyValueTypeError", "AssetTag"),
        (ONE, {"Boot": {"Bogus": 1}}, "PropertyUnknown", "Boot/Bogus"),
        (
            ONE,
            {"Boot": {"BootSourceOverrideTarget": "Moon"}},
            "PropertyValueNotInList",
            "Boot/BootSourceOverrideTarget",
        ),
        (ONE, {"AssetTag": "x" * 300}, "PropertyValueFormatError", "AssetTag"),
        (ONE, {"PowerState": "Off"}, "PropertyNotWritable", "PowerState"),
        (ONE, {"AssetTag@Redfish.Bogus": 1}, "PropertyUnknown", "AssetTag@Redfish.Bogus"),
        (TASKS, {"TaskAutoDeleteTimeoutMinutes": 0}, "PropertyValueOutOfRange", None),
        (TASKS, {"TaskAutoDeleteTimeoutMinutes": 1.5}, "PropertyValueTypeError", None),
        (TASKS, {"TaskAutoDeleteTimeoutMinutes": "1"}, "PropertyValueTypeError", None),
        (TASKS, {"TaskAutoDeleteTimeoutMinutes": 10**18}, "PropertyValueOutOfRange", None),
        (TASKS, {"TaskAutoDeleteTimeoutMinutes": True}, "PropertyValueTypeError", None),
    ],
)
async def test_what_the_schema_refuses_is_named(
    desk: Desk, uri: str, body: dict[str, Any], key: str, names: str | None
) -> None:
    answer = await desk.patch(uri, body)
    assert (answer.status, answer.keys) == (400, [key])
    name = names or "TaskAutoDeleteTimeoutMinutes"
    assert name in answer.messages[0]["MessageArgs"]
    assert answer.messages[0]["RelatedProperties"] == [f"/{name}"]
    assert name in answer.messages[0]["Message"]
    await unchanged(desk)


async def test_a_missing_property_is_named(desk: Desk) -> None:
    answer = await desk.post("/redfish/v1/AccountService/Accounts", {"UserName": "u"})
    assert answer.status == 400
    assert set(answer.keys) == {"PropertyMissing"}
    assert {"Password", "RoleId"} == {one["MessageArgs"][0] for one in answer.messages}


async def test_all_errors_of_a_body_are_told_and_none_of_it_is_done(desk: Desk) -> None:
    body = {"AssetTag": "fine", "Bogus": 1, "LocationIndicatorActive": "yes", "PowerState": "Off"}
    answer = await desk.patch(ONE, body)
    assert answer.status == 400
    assert sorted(answer.keys) == [
        "PropertyNotWritable",
        "PropertyUnknown",
        "PropertyValueTypeError",
    ]
    assert answer.body["error"]["code"].endswith(".GeneralError")
    await unchanged(desk)


async def test_so_many_errors_are_told_and_no_more(desk: Desk) -> None:
    answer = await desk.patch(ONE, {f"Bogus{number}": 1 for number in range(500)})
    assert len(answer.keys) == bodies.MOST
    assert answer.keys[-1] == "MaximumErrorsExceeded"


async def test_annotations_beside_a_change_are_passed_over(desk: Desk) -> None:
    body = {"@odata.id": "/x", "Boot": {"@odata.type": "#y", "BootSourceOverrideTarget": "Pxe"}}
    assert (await desk.patch(ONE, body)).status == 200
    assert desk.shop.systems["s1"]["Boot"] == {"BootSourceOverrideTarget": "Pxe"}


async def test_an_integer_written_as_a_float_is_an_integer(desk: Desk) -> None:
    answer = await desk.ask(
        "PATCH",
        TASKS,
        data=b'{"TaskAutoDeleteTimeoutMinutes":5.0}',
        Content_Type="application/json",
    )
    assert answer.status == 204
    assert repr(desk.shop.written[0]["TaskAutoDeleteTimeoutMinutes"]) == "5"


@pytest.mark.parametrize("number", [b"1" + b"0" * 30, b"1e30", b"-1" + b"0" * 200])
async def test_a_number_that_no_computer_counts_with_is_out_of_range(
    desk: Desk, number: bytes
) -> None:
    data = b'{"TaskAutoDeleteTimeoutMinutes":' + number + b"}"
    answer = await desk.ask("PATCH", TASKS, data=data, Content_Type="application/json")
    assert (answer.status, answer.keys) == (400, ["PropertyValueOutOfRange"])


# Actions


@pytest.mark.parametrize(
    ("body", "key", "names"),
    [
        ({}, "ActionParameterMissing", "ImageURI"),
        ({"ImageURI": 5}, "ActionParameterValueTypeError", "ImageURI"),
        ({"ImageURI": "x", "Bogus": 1}, "ActionParameterUnknown", "Bogus"),
        (
            {"ImageURI": "x", "TransferProtocol": "Pigeon"},
            "ActionParameterValueNotInList",
            "TransferProtocol",
        ),
        ({"ImageURI": ""}, "ActionParameterValueFormatError", "ImageURI"),
        ({"ImageURI": "x", "Targets": ["a", 5]}, "ActionParameterValueTypeError", "Targets/1"),
        ({"ImageURI": "x", "Targets": ["a"] * 6000}, "ActionParameterValueError", "Targets"),
    ],
)
async def test_errors_of_an_action_speak_of_parameters(
    desk: Desk, body: dict[str, Any], key: str, names: str
) -> None:
    answer = await desk.post(ACTION, body)
    assert (answer.status, answer.keys) == (400, [key])
    assert {names, UPDATE} <= set(answer.messages[0]["MessageArgs"])
    assert answer.messages[0]["RelatedProperties"] == [f"/{names}"]
    await unchanged(desk)


@pytest.mark.parametrize("data", [None, b"", b"{}", b" "])
async def test_an_action_without_parameters_takes_no_body_or_an_empty_one(
    desk: Desk, data: bytes | None
) -> None:
    assert (await desk.ask("POST", PLAIN_ACTION, data=data)).status == 204
    assert desk.shop.written == [{}]


async def test_an_action_without_parameters_refuses_them(desk: Desk) -> None:
    answer = await desk.post(PLAIN_ACTION, {"Really": True, "Sure": True})
    assert (answer.status, answer.keys) == (400, ["ActionParameterUnknown"] * 2)


# Limits


async def test_a_body_over_the_limit_is_413_before_it_is_read(open_desk: Open) -> None:
    desk = await open_desk(body=BodyLimits(max_bytes=1000))
    answer = await desk.patch(ONE, {"AssetTag": "x" * 2000})
    assert (answer.status, answer.keys) == (413, ["PayloadTooLarge"])
    await unchanged(desk)


async def test_a_chunked_body_over_the_limit_is_413(open_desk: Open) -> None:
    desk = await open_desk(body=BodyLimits(max_bytes=1000))
    received = await desk.send(
        b"PATCH /redfish/v1/Systems/s1 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: admin\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"800\r\n" + b"x" * 0x800 + b"\r\n0\r\n\r\n"
    )
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"PayloadTooLarge" in received


async def test_a_compressed_body_counts_as_what_it_unpacks_to(open_desk: Open) -> None:
    desk = await open_desk(body=BodyLimits(max_bytes=1000))
    packed = gzip.compress(b'{"AssetTag":"' + b"x" * 500_000 + b'"}')
    assert len(packed) < 1000
    answer = await desk.ask(
        "PATCH", ONE, data=packed, Content_Type="application/json", Content_Encoding="gzip"
    )
    assert answer.status == 413


async def test_a_body_that_does_not_unpack_is_400(desk: Desk) -> None:
    answer = await desk.ask(
        "PATCH", ONE, data=b"no gzip", Content_Type="application/json", Content_Encoding="gzip"
    )
    assert (answer.status, answer.keys) == (400, ["MalformedJSON"])


async def test_a_body_that_does_not_come_is_408(open_desk: Open) -> None:
    desk = await open_desk(body=BodyLimits(timeout=0.05))
    received = await desk.send(
        b"PATCH /redfish/v1/Systems/s1 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: admin\r\n"
        b"Content-Type: application/json\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{"
    )
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"OperationTimeout" in received


async def test_a_long_body_is_read_beside_the_event_loop(open_desk: Open) -> None:
    """While a megabyte is parsed, somebody else is answered."""
    desk = await open_desk(body=BodyLimits(max_bytes=10_000_000))
    name = "x" * 500
    body = {"ImageURI": "x", "Targets": [name] * 4000}
    parsing = asyncio.ensure_future(desk.post(ACTION, body))
    answered = 0
    while not parsing.done():
        assert (await desk.get("/redfish", user=None)).status == 200
        answered += 1
    assert (await parsing).status == 204
    assert answered > 1
    assert desk.shop.written[0] == body


# Secrets


@pytest.mark.parametrize(
    "body",
    [
        {"Password": 12345678901},
        {"Password": ["hunter2hunter2"]},
        {"RoleId": {"Password": "hunter2hunter2"}},
        {"Password": "hunter2hunter2", "Bogus": "x"},
    ],
)
async def test_no_message_repeats_a_secret(desk: Desk, body: dict[str, Any]) -> None:
    answer = await desk.patch(ACCOUNT, body)
    assert answer.status == 400
    assert b"hunter2" not in answer.raw
    assert b"12345678901" not in answer.raw


async def test_no_message_repeats_the_login_within_a_uri(desk: Desk) -> None:
    body = {"ImageURI": "x", "TransferProtocol": "ftp://me:hunter2@host/x"}
    answer = await desk.post(ACTION, body)
    assert answer.status == 400
    assert b"hunter2" not in answer.raw


async def test_a_message_shows_no_more_than_the_beginning_of_a_value_or_name(desk: Desk) -> None:
    answer = await desk.patch(ONE, {"AssetTag": ["x" * 50_000], "y" * 50_000: 1})
    assert answer.status == 400
    assert len(answer.raw) < 3000


# Schemas


def refused(document: dict[str, Any], body: Any, action: str | None = None) -> list[str]:
    with pytest.raises(RedfishError) as caught:
        BodySchema(document).check(body, action)
    return [f"{said.key.partition('.')[2]} {said.args[-1]}" for said in caught.value.said]


def test_read_only_properties_are_refused_as_such_at_every_depth() -> None:
    document = {
        "properties": {
            "Id": {"type": "string", "readOnly": True},
            "Boot": {"properties": {"Now": {"readOnly": True}, "Next": {"type": "string"}}},
            "Open": True,
            "Never": False,
        }
    }
    assert refused(document, {"Id": "x", "Boot": {"Now": 1, "Next": "x"}, "Never": 1}) == [
        "PropertyNotWritable Boot/Now",
        "PropertyNotWritable Id",
        "PropertyNotWritable Never",
    ]
    BodySchema(document).check({"Boot": {"Next": "x"}, "Open": 1})
    assert refused(document, {"Boot": 5, "Id": 1}) == ["PropertyNotWritable Id"]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 5, "PropertyValueTypeError A"),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, 5, "PropertyValueTypeError A"),
        ({"const": 1}, 2, "PropertyValueNotInList A"),
        ({"exclusiveMaximum": 2}, 2, "PropertyValueOutOfRange A"),
        ({"format": "uri"}, "no uri", "PropertyValueFormatError A"),
        ({"format": "ipv4"}, "1.2.3", "PropertyValueFormatError A"),
        ({"pattern": "^a$"}, "b", "PropertyValueFormatError A"),
        ({"uniqueItems": True}, [1, 1], "PropertyValueError A"),
        ({"maxItems": 1}, [1, 2], "ArraySizeTooLong 1"),
        ({"minItems": 1}, [], "ArraySizeTooShort 1"),
        ({"type": "string", "enum": ["a"]}, 5, "PropertyValueTypeError A"),
        ({"multipleOf": 5}, 6, "PropertyValueError A"),
    ],
)
def test_each_keyword_of_a_schema_has_its_message(
    schema: dict[str, Any], value: Any, message: str
) -> None:
    assert refused({"properties": {"A": schema}}, {"A": value}) == [message]


def test_of_the_body_as_a_whole() -> None:
    with pytest.raises(RedfishError) as caught:
        BodySchema({"minProperties": 2}).check({"A": 1})
    assert [said.key for said in caught.value.said] == ["Base.UnrecognizedRequestBody"]
