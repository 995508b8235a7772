"""The fast lane gives the ordinary answer or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from odimra.access import Principal
from odimra.redfish import body as bodies
from odimra.redfish.lane import LONGEST, FastLane
from odimra.redfish.resource import Call, Kept, Reply, Resource
from odimra.store import ReadCache
from tests.redfish.conftest import ACCOUNTS, ROLES, Answer, Desk, Open, basic

URI = "/redfish/v1/Things/1"


@dataclass
class Peeker:
    """Who is in the cache: all accounts, until a test takes one out."""

    principals: dict[str, Principal] = field(
        default_factory=lambda: {
            name: Principal(
                name, "Some", frozenset(held), f"s-{name}", name == "fresh", f"{ACCOUNTS}/{name}"
            )
            for name, held in ROLES.items()
        }
    )

    def __call__(self, token: str) -> Principal | None:
        return self.principals.get(token)


@dataclass
class Track:
    desk: Desk
    cache: ReadCache
    peeker: Peeker
    #: Requests that took the ordinary way.
    ordinary: list[Call]
    pad: int = 0

    async def get(self, user: str = "admin", uri: str = URI, **headers: str) -> Answer:
        return await self.desk.get(uri, user=user, **headers)


@pytest.fixture
async def track(open_desk: Open) -> Track:
    """A resource whose rendered body is kept, behind a fast lane."""
    cache, peeker, ordinary = ReadCache(100), Peeker(), []
    cache.enable()
    version = iter(range(1, 1000))

    async def get(call: Call) -> Reply:
        ordinary.append(call)

        async def load() -> tuple[bytes, str]:
            tag = str(next(version))
            body = {"@odata.id": URI, "Id": "1", "Pad": "x" * made.pad, "@odata.etag": f'"{tag}"'}
            return bodies.render(body), tag

        found = await cache.read("thing", "rendered", load)
        return Reply(raw=found[0], etag=found[1], kept=Kept("thing", "rendered", found))

    resource = Resource("/redfish/v1/Things/{id}", "Task", "Task.v1_7_4.Task", get=get)
    desk = await open_desk(more=[resource], lane=FastLane(cache, peeker))
    made = Track(desk, cache, peeker, ordinary)
    return made


def comparable(answer: Answer) -> tuple[int, Mapping[str, str], bytes]:
    headers = {name: value for name, value in answer.headers.items() if name != "Date"}
    assert "Date" in answer.headers
    return answer.status, headers, answer.raw


async def test_the_second_answer_is_the_first_and_nobody_was_asked(track: Track) -> None:
    first, second, third = [await track.get() for _ in range(3)]
    assert comparable(first) == comparable(second) == comparable(third)
    assert len(track.ordinary) == 1
    assert track.desk.doorman.asked == 1


async def test_a_change_is_seen_at_once(track: Track) -> None:
    await track.get()
    track.cache.forget("thing")
    answer = await track.get()
    assert answer.headers["ETag"] == answer.body["@odata.etag"] == '"2"'
    assert len(track.ordinary) == 2


async def test_a_cache_that_the_server_no_longer_keeps_true_is_not_used(track: Track) -> None:
    await track.get()
    track.cache.disable()
    for number in (2, 3):
        assert (await track.get()).headers["ETag"] == f'"{number}"'


async def test_everybody_has_answers_of_their_own(track: Track) -> None:
    await track.get("admin")
    await track.get("reader")
    assert [call.principal.account for call in track.ordinary] == ["admin", "reader"]


async def test_who_is_not_in_the_cache_takes_the_ordinary_way(track: Track) -> None:
    await track.get()
    del track.peeker.principals["admin"]
    await track.get()
    assert len(track.ordinary) == 2


async def test_who_has_logged_out_is_401(track: Track) -> None:
    await track.get()
    assert (await track.get("gone")).status == 401


@pytest.mark.parametrize(
    "change",
    [{"privileges": frozenset({"Login"})}, {"password_change_required": True}],
)
async def test_who_may_do_something_else_now_takes_the_ordinary_way(
    track: Track, change: dict[str, object]
) -> None:
    await track.get()
    known = track.peeker.principals["admin"]
    track.peeker.principals["admin"] = replace(known, **change)  # type: ignore[arg-type]
    await track.get()
    assert len(track.ordinary) == 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": '"1"'}, 304),
        ({"OData-Version": "4.1"}, 412),
        ({"Accept": "text/html"}, 406),
        ({"Origin": "https://evil.example"}, 200),
        ({"Accept": "application/*"}, 200),
    ],
)
async def test_a_header_that_shapes_the_answer_takes_the_ordinary_way(
    track: Track, headers: dict[str, str], status: int
) -> None:
    await track.get()
    answer = await track.get(**headers)
    assert answer.status == status
    assert ("Vary" in answer.headers) is ("Origin" in headers)
    plain = await track.get()
    assert (plain.status, "Vary" in plain.headers) == (200, False)


async def test_head_and_queries_take_the_ordinary_way(track: Track) -> None:
    await track.get()
    head = await track.desk.ask("HEAD", URI)
    assert (head.status, head.raw) == (200, b"")
    assert set((await track.get(uri=f"{URI}?$select=Id")).body) == {
        "@odata.id",
        "@odata.etag",
        "Id",
    }
    assert (await track.get(uri=f"{URI}?$nonsense")).status == 501
    assert (await track.desk.ask("DELETE", URI)).status == 405


async def test_http_basic_takes_the_ordinary_way(track: Track) -> None:
    for _ in range(2):
        answer = await track.desk.get(URI, user=None, Authorization=basic("admin", "admin"))
        assert answer.status == 200
    assert len(track.ordinary) == 2


@pytest.mark.parametrize("text", ["HTTP/1.0\r\n", "HTTP/1.1\r\nConnection: close\r\n"])
async def test_a_connection_that_closes_takes_the_ordinary_way(track: Track, text: str) -> None:
    await track.get()
    received = await track.desk.send(
        f"GET {URI} {text}Host: x\r\nX-Auth-Token: admin\r\n\r\n".encode()
    )
    assert received.endswith(b'"@odata.etag":"\\"1\\""}')
    assert len(track.ordinary) == 2


async def test_a_long_answer_is_not_kept_twice(track: Track) -> None:
    track.pad = LONGEST
    await track.get()
    await track.get()
    assert len(track.ordinary) == 2


async def test_so_many_answers_are_kept_and_no_more(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odimra.redfish.lane.ANSWERS", 2)
    for number in (1, 2, 1, 3):  # 2 is the least recently used
        await track.get(uri=f"{URI}?x={number}")
    assert len(track.ordinary) == 3
    await track.get(uri=f"{URI}?x=1")
    assert len(track.ordinary) == 3
    await track.get(uri=f"{URI}?x=2")
    assert len(track.ordinary) == 4


async def test_requests_in_one_go_are_answered_in_turn(track: Track) -> None:
    await track.get()
    one = f"GET {URI} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: admin\r\n"
    received = await track.desk.send(
        (f"{one}\r\n" * 3 + f"{one}Connection: close\r\n\r\n").encode()
    )
    assert received.count(b"HTTP/1.1 200 OK") == 4
    assert received.count(b'"Id":"1"') == 4
    assert len(track.ordinary) == 2
