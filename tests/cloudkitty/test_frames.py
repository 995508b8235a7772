"""``/v2/dataframes`` and ``/v2/summary``: what goes in, what comes out, and how it is cut."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloudkitty.conftest import Desk
from tests.fakes import FakeClock

LAST = 1_800_000_000
DAY = 86_400


def point(qty: Any, price: Any = None, **groupby: str) -> dict[str, Any]:
    return {
        "vol": {"unit": "h", "qty": qty},
        **({} if price is None else {"rating": {"price": price}}),
        "groupby": {"project_id": "p1", **groupby},
        "metadata": {"flavor": "big"},
    }


def frame(begin: str, end: str, *points: dict[str, Any], metric: str = "cpu") -> dict[str, Any]:
    return {"period": {"begin": begin, "end": end}, "usage": {metric: list(points)}}


async def push(desk: Desk, *frames: dict[str, Any]) -> None:
    assert (await desk.post("/v2/dataframes", {"dataframes": list(frames)})).status == 204


@pytest.fixture
async def used(desk: Desk) -> Desk:
    """Usage of two scopes: by hours of a day, one in the middle of an hour, one of last month."""
    for name in ("p1", "p2"):
        await desk.yard.scope(name, LAST)
    await push(
        desk,
        frame("2027-01-15T01:00:00Z", "2027-01-15T02:00:00Z", point("0.1", "0.7", id="a")),
        frame("2027-01-15T02:00:00Z", "2027-01-15T03:00:00Z", point(0.2, 0.1, id="a")),
        frame("2027-01-15T02:30:00Z", "2027-01-15T03:30:00Z", point(4, 8, id="b")),
        frame("2027-01-15T02:00:00Z", "2027-01-15T03:00:00Z", point(1, id="c"), metric="ram"),
        frame("2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z", point(100, 1, id="a")),
        frame("2027-01-14T01:00:00Z", "2027-01-14T02:00:00Z", point(5, 2, project_id="p2")),
    )
    return desk


async def ids(desk: Desk, query: str) -> list[str]:
    answer = await desk.get(f"/v2/dataframes?{query}")
    if answer.status == 404:
        return []
    return [
        str(one["groupby"].get("id", "p2"))
        for found in answer.body["dataframes"]
        for points in found["usage"].values()
        for one in points
    ]


async def test_what_goes_in_comes_out_in_frames(used: Desk) -> None:
    answer = await used.get("/v2/dataframes?begin=2027-01-15T01:00:00&end=2027-01-15T02:00:00")
    assert answer.body == {
        "total": 1,
        "dataframes": [
            {
                "period": {
                    "begin": "2027-01-15T01:00:00+00:00",
                    "end": "2027-01-15T02:00:00+00:00",
                },
                "usage": {
                    "cpu": [
                        {
                            "vol": {"unit": "h", "qty": 0.1},
                            "rating": {"price": 0.7},
                            "groupby": {"project_id": "p1", "id": "a"},
                            "metadata": {"flavor": "big"},
                        }
                    ]
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        # The current month is that of the clock.
        ("", ["p2", "a", "a", "c", "b"]),
        ("begin=2026-12-01", ["a", "p2", "a", "a", "c", "b"]),
        ("begin=2027-01-15T02:00:00Z", ["a", "c", "b"]),
        # In the middle of a period begins and ends only what lies there.
        ("begin=2027-01-15T02:00:01Z", ["b"]),
        ("begin=2027-01-15&end=2027-01-15T02:30:00Z", ["a", "a", "c"]),
        ("begin=2027-01-15&end=2027-01-15T02:30:01Z", ["a", "a", "c", "b"]),
        ("begin=2027-01-15&end=2027-01-15T01:00:00Z", []),
        ("filters=type:ram", ["c"]),
        ("filters=id:b,id:c", ["c", "b"]),
        ("filters=id:a&filters=type:cpu", ["a", "a"]),
        ("filters=id:a,type:ram", []),
        ("filters=flavor:big,project_id:p2", ["p2"]),
        ("filters=project_id:nobody", []),
        # Scope by scope, and each in the order of time.
        ("limit=2", ["a", "a"]),
        ("limit=2&offset=2", ["b", "c"]),
        ("limit=2&offset=4", ["p2"]),
        ("offset=5", []),
    ],
)
async def test_what_is_asked_for_is_found(used: Desk, query: str, found: list[str]) -> None:
    assert sorted(await ids(used, query)) == sorted(found)


async def test_the_total_counts_all_points_whatever_the_page(used: Desk) -> None:
    assert (await used.get("/v2/dataframes?limit=1")).body["total"] == 5


async def test_the_month_goes_on_with_the_clock(used: Desk, clock: FakeClock) -> None:
    clock.advance(40 * DAY)
    assert await ids(used, "") == []
    assert (await used.get("/v2/summary")).body["total"] == 0


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("", [["2027-01-01", "2027-02-01", 10.3, 10.8]]),
        ("groupby=type", [[9.3, 10.8, "cpu"], [1.0, 0.0, "ram"]]),
        ("groupby=project_id&groupby=type", [[4.3, 8.8, "p1", "cpu"], [1.0, 0.0, "p1", "ram"]]),
        ("groupby=time-d&filters=type:cpu", [["2027-01-14", "2027-01-15", 5.0, 2.0]]),
        ("groupby=time-m", [["2027-01-01", "2027-02-01", 10.3, 10.8]]),
        ("groupby=time-y", [["2027-01-01", "2028-01-01", 10.3, 10.8]]),
        ("groupby=id&filters=id:b", [[4.0, 8.0, "b"]]),
    ],
)
async def test_sums_are_exact_and_grouped(used: Desk, query: str, rows: list[list[Any]]) -> None:
    answer = await used.get(f"/v2/summary?{query}")
    assert answer.status == 200
    for wanted, row in zip(rows, answer.body["results"], strict=False):
        if len(wanted) == len(row):
            wanted = [one if at > 1 else f"{one}T00:00:00+00:00" for at, one in enumerate(wanted)]
        assert row[-len(wanted) :] == wanted
    assert answer.body["columns"][:4] == ["begin", "end", "qty", "rate"]


async def test_a_summary_may_be_a_list_of_objects(used: Desk) -> None:
    body = (await used.get("/v2/summary?groupby=type&response_format=object")).body
    assert list(body) == ["total", "results", "format"]
    assert (body["total"], body["format"]) == (2, "object")
    assert body["results"][0] == {
        "begin": "2027-01-01T00:00:00+00:00",
        "end": "2027-02-01T00:00:00+00:00",
        "qty": 9.3,
        "rate": 10.8,
        "type": "cpu",
    }
