"""Headers of requests and answers (DSP0266 6.4, 7.1, 8.1)."""

from __future__ import annotations

import pytest

from odimra.access.request import same_origin
from tests.redfish.conftest import Desk, Open

ONE = "/redfish/v1/Systems/s1"


@pytest.mark.parametrize("uri", ["/redfish/v1/", "/redfish/v1/Systems", ONE])
async def test_every_answer_carries_what_the_standard_wants(desk: Desk, uri: str) -> None:
    answer = await desk.get(uri)
    assert answer.headers["OData-Version"] == "4.0"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Server"] == "odimra"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers.getall("OData-Version") == ["4.0"]  # type: ignore[attr-defined]


async def test_link_names_the_schema_in_the_version_of_the_type(desk: Desk) -> None:
    answer = await desk.get(ONE)
    assert answer.headers["Link"] == (
        "</redfish/v1/JsonSchemas/ComputerSystem.v1_27_0>; rel=describedby"
    )
    assert answer.body["@odata.type"] == "#ComputerSystem.v1_27_0.ComputerSystem"


@pytest.mark.parametrize(
    ("version", "status"), [("4.0", 200), ("4.1", 412), ("3.0", 412), ("", 412)]
)
async def test_another_odata_version_is_412(desk: Desk, version: str, status: int) -> None:
    answer = await desk.get(ONE, OData_Version=version)
    assert answer.status == status
    if status == 412:
        assert answer.messages[0]["MessageArgs"] == ["OData-Version"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("*/*", 200),
        ("*/*;charset=utf-8", 200),
        ("application/*", 200),
        ("application/json", 200),
        ("APPLICATION/JSON; charset=utf-8", 200),
        ("text/html, application/json;q=0.5", 200),
        ("", 200),
        ("text/html", 406),
        ("application/xml", 406),
        ("application/json;q=0", 406),
        ("application/json; q=0.0, text/*", 406),
    ],
)
async def test_an_accept_that_cannot_be_met_is_406(
    desk: Desk, accept: str | None, status: int
) -> None:
    more = {} if accept is None else {"Accept": accept}
    answer = await desk.get(ONE, **more)
    assert answer.status == status
    if status == 406:
        assert answer.keys == ["HeaderInvalid"]


@pytest.mark.parametrize(
    ("accept", "status"), [("application/xml", 200), ("*/*", 200), ("application/json", 406)]
)
async def test_metadata_is_xml(desk: Desk, accept: str, status: int) -> None:
    answer = await desk.get("/redfish/v1/$metadata", user=None, Accept=accept)
    assert answer.status == status
    if status == 200:
        assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json;charset=utf-8", 200),
        ("application/merge-patch+json", 200),
        (None, 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonx", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
async def test_a_body_that_is_not_declared_as_json_is_415(
    desk: Desk, content_type: str | None, status: int
) -> None:
    more = {} if content_type is None else {"Content-Type": content_type}
    answer = await desk.ask("PATCH", ONE, data=b'{"AssetTag":"x"}', **more)
    assert answer.status == status
    assert desk.shop.systems["s1"]["AssetTag"] == ("x" if status == 200 else None)


# Origin


async def test_a_page_of_another_origin_cannot_write(desk: Desk) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        answer = await desk.patch(ONE, {"AssetTag": "x"}, Origin=origin)
        assert (answer.status, answer.messages[0]["MessageArgs"]) == (403, ["Origin"])
    assert desk.shop.systems["s1"]["AssetTag"] is None
    assert desk.doorman.asked == 0


async def test_a_page_of_another_origin_cannot_read(desk: Desk) -> None:
    answer = await desk.get(ONE, Origin="https://evil.example")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


async def test_a_page_of_the_service_itself_may_both(desk: Desk) -> None:
    answer = await desk.patch(ONE, {"AssetTag": "x"}, Origin=desk.base)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == desk.base


async def test_the_origin_that_the_configuration_names_is_the_service_s_own(
    open_desk: Open,
) -> None:
    desk = await open_desk(public_url="https://bmc.example/")
    answer = await desk.patch(ONE, {"AssetTag": "x"}, Origin="https://bmc.example")
    assert answer.status == 200
    refused = await desk.patch(ONE, {}, Origin="https://bmc.example.evil")
    assert refused.status == 403


async def test_an_error_too_tells_its_own_pages_only(desk: Desk) -> None:
    own = await desk.get("/redfish/v1/Nothing", Origin=desk.base)
    other = await desk.get("/redfish/v1/Nothing", Origin="https://evil.example")
    assert own.headers["Access-Control-Allow-Origin"] == desk.base
    assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.parametrize("origin", ["", "x", "://", "https://"])
def test_what_is_no_origin_is_no_origin_of_ours(origin: str) -> None:
    assert not same_origin({"Origin": origin, "Host": ""}, "")
