"""Entity tags and conditional requests (DSP0266 6.5, RFC 9110 13)."""

from __future__ import annotations

import pytest

from odimra.redfish import etag
from tests.redfish.conftest import Desk

ONE = "/redfish/v1/Systems/s1"
CHASSIS = "/redfish/v1/Chassis/c1"


@pytest.mark.parametrize(("uri", "tag"), [(ONE, '"1"'), (CHASSIS, '"7"')])
async def test_the_etag_is_strong_quoted_and_the_same_in_header_and_body(
    desk: Desk, uri: str, tag: str
) -> None:
    answer = await desk.get(uri)
    assert answer.headers["ETag"] == answer.body["@odata.etag"] == tag


async def test_a_write_gives_another_etag(desk: Desk) -> None:
    answer = await desk.patch(ONE, {"AssetTag": "x"})
    assert answer.status == 200
    assert answer.headers["ETag"] == answer.body["@odata.etag"] == '"2"'
    assert (await desk.get(ONE)).headers["ETag"] == '"2"'


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ('"1"', 304),
        ('W/"1"', 304),
        ("*", 304),
        ('"9", "1"', 304),
        ('"9" ,\t"8"', 200),
        ('"2"', 200),
        ("1", 200),
        ("", 200),
        ('nonsense, "1"', 304),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_if_none_match(desk: Desk, known: str, status: int, method: str) -> None:
    answer = await desk.ask(method, ONE, If_None_Match=known)
    assert answer.status == status
    assert answer.headers["ETag"] == '"1"'
    if status == 304:
        assert answer.raw == b""
        assert "Content-Type" not in answer.headers


async def test_a_kept_rendering_is_conditional_too(desk: Desk) -> None:
    assert (await desk.get(CHASSIS, If_None_Match='"7"')).status == 304


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ('"1"', 200),
        ("*", 200),
        ('"9", "1"', 200),
        ('"2"', 412),
        ('W/"1"', 412),
        ("1", 412),
        ("", 412),
        ('"01"', 412),
        ('"one"', 412),
        ('"' + "1" * 3000 + '"', 412),
    ],
)
async def test_if_match(desk: Desk, expected: str, status: int) -> None:
    answer = await desk.patch(ONE, {"AssetTag": "x"}, If_Match=expected)
    assert answer.status == status
    assert desk.shop.versions["s1"] == (2 if status == 200 else 1)
    if status == 412:
        assert answer.keys == ["PreconditionFailed"]


async def test_an_etag_within_the_body_is_no_condition(desk: Desk) -> None:
    answer = await desk.patch(ONE, {"@odata.etag": '"99"', "AssetTag": "x"})
    assert answer.status == 200


async def test_who_is_not_logged_in_learns_nothing_from_conditions(desk: Desk) -> None:
    assert (await desk.get(ONE, user=None, If_None_Match='"1"')).status == 401
    assert (await desk.patch(ONE, {}, user=None, If_Match='"9"')).status == 401
    assert (await desk.patch(ONE, {}, user="reader", If_Match='"9"')).status == 403


def test_more_tags_than_is_honest_are_not_looked_at() -> None:
    header = ", ".join(f'"{number}"' for number in range(1000))
    assert len(etag.parse(header) or ()) == etag.MOST


def test_versions_of_tags() -> None:
    assert etag.versions(None) is None
    assert etag.versions(("*",)) is None
    assert etag.versions(()) == frozenset()
    assert etag.versions(('"3"', '"0"', 'W/"4"', '"٣"', '"-1"')) == {3, 0}
