"""Lists and searches of objects, in each form, and what becomes of them when the store is away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import ClientPayloadError

from odimra.midpoint.media import Form, render
from odimra.records.model import RecordOptions
from odimra.store import StoreUnavailable
from tests.midpoint.conftest import Face, MakeFace


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("count", [0, 1, 2, 1201])
async def test_all_objects(still: Face, form: Form, count: int) -> None:
    await still.yard.fill(count, number=lambda number: number)
    answer = await still.get("users", Accept=form.value)
    assert answer.form is form and answer.headers["X-Total-Count"] == str(count)
    assert [one["oid"] for one in answer.objects] == [f"u{number:05d}" for number in range(count)]
    assert all(one["@type"] == "UserType" and one["version"] == "1" for one in answer.objects)
    assert [one["number"] for one in answer.objects] == list(range(count))


async def test_no_more_objects_than_one_answer_may_hold(make_face: MakeFace) -> None:
    face = await make_face(records=RecordOptions(max_results=7), work=False)
    await face.yard.fill(20)
    answer = await face.get("users")
    assert len(answer.objects) == 7 and answer.headers["X-Total-Count"] == "20"
    paged = await face.post("users/search", {"query": {"paging": {"offset": 7, "maxSize": 100}}})
    assert [one["oid"] for one in paged.objects] == [f"u{number:05d}" for number in range(7, 14)]


# Searching


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"filter": {}}, [0, 1, 2, 3, 4, 5]),
        ({"filter": {"equal": {"path": "number", "value": 3}}}, [3]),
        ({"filter": {"text": "number >= 4"}}, [4, 5]),
        ({"filter": {"text": 'name = "nobody"'}}, []),
        ({"filter": {"not": {"text": "number >= 4"}}, "paging": {"maxSize": 2}}, [0, 1]),
        ({"paging": {"offset": 4}}, [4, 5]),
        ({"paging": {"offset": 1, "maxSize": 2}}, [1, 2]),
        ({"paging": {"maxSize": 0}}, []),
        ({"paging": {"offset": 100}}, []),
        ({"paging": {"orderBy": "number", "orderDirection": "descending"}}, [5, 4, 3, 2, 1, 0]),
        (
            {
                "filter": {"text": "number < 4"},
                "paging": {"orderBy": "number", "orderDirection": "descending", "offset": 1,
                           "maxSize": 2},
            },
            [2, 1],
        ),
        ({"filter": {"inOid": {"value": ["u00002", "u00004", "none"]}}}, [2, 4]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", Form)
async def test_search(still: Face, query: Any, found: list[int], form: Form) -> None:
    await still.yard.fill(6, number=lambda number: number)
    body = render(form, "query", query)
    answer = await still.post(
        "users/search", body, Content_Type=form.value, Accept=form.value, who="guest"
    )
    assert answer.status == 200, answer.raw
    assert [one["number"] for one in answer.objects] == found


async def test_a_search_without_a_body_finds_all(still: Face) -> None:
    await still.yard.fill(3)
    assert len((await still.post("users/search", who="guest")).objects) == 3


async def test_how_many_a_search_means_altogether(still: Face) -> None:
    await still.yard.fill(1200, number=lambda number: number)
    query = {"query": {"filter": {"text": "number < 1100"}, "paging": {"maxSize": 2}}}
    answer = await still.post("users/search?returnTotalCount=true", query)
    assert answer.headers["X-Total-Count"] == "1100" and len(answer.objects) == 2
    answer = await still.post("users/search?returnTotalCount=false", query)
    assert "X-Total-Count" not in answer.headers
    answer = await still.post("users/search?returnTotalCount=yes", query)
    assert answer.error == (400, "returnTotalCount: has to be true or false")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"user": {}}, "user: the body has to be a query"),
        ({"query": 5}, "has to be an object"),
        ({"query": {"filter": {"twist": {}}}}, "twist"),
        ({"query": {"filter": {"text": "name ="}}}, "text"),
        ({"query": {"filter": {"text": "name = $who"}}}, "who"),
        ({"query": {"filter": {"inOid": {"value": {"a": 1}}}}}, "inOid/value"),
        ({"query": {"paging": {"offset": -1}}}, "paging/offset"),
        ({"query": {"paging": {"orderBy": ""}}}, "paging/orderBy"),
        ({"query": {"twist": 1, "filter": {}}}, "twist"),
    ],
)
async def test_queries_that_cannot_be(still: Face, body: Any, said: str) -> None:
    status, message = (await still.post("users/search", body)).error
    assert status == 400 and said in message


async def test_too_many_to_put_in_order(make_face: MakeFace) -> None:
    face = await make_face(records=RecordOptions(max_sorted=5), work=False)
    await face.yard.fill(6)
    ordered = {"query": {"paging": {"orderBy": "name"}}}
    status, message = (await face.post("users/search", ordered)).error
    assert status == 400 and "at most 5 objects in order" in message
    ordered["query"]["paging"] |= {"maxSize": 5}
    assert len((await face.post("users/search", ordered)).objects) == 5


@pytest.mark.parametrize("paging", [{}, {"paging": {"orderBy": "name"}}])
async def test_a_store_that_is_away(
    still: Face, monkeypatch: pytest.MonkeyPatch, paging: dict[str, Any]
) -> None:
    async def away(*args: Any) -> Any:
        raise StoreUnavailable("it is away", 3)

    monkeypatch.setattr(still.yard.records, "page", away)
    async with asyncio.timeout(30):
        answer = await still.post("users/search", {"query": paging})
    assert answer.error == (503, "The service cannot answer at present")
    assert answer.headers["Retry-After"] == "3"


async def test_an_answer_that_breaks_off_is_no_whole_one(
    still: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    await still.yard.fill(600)
    records = still.yard.records
    page = records.page

    async def away(type_: str, after: str, size: int) -> Any:
        if after:
            raise StoreUnavailable("it is away", 3)
        return await page(type_, after, size)

    monkeypatch.setattr(records, "page", away)
    with pytest.raises(ClientPayloadError):
        await still.get("users")


@pytest.mark.parametrize("collection", ["users", "tasks"])
async def test_a_key_of_requests_that_come_again_hides_no_query(
    still: Face, collection: str
) -> None:
    await still.yard.fill(3)
    path = f"{collection}/search"
    nobody = {"query": {"filter": {"text": 'name = "nobody"'}}}
    assert (await still.post(path, nobody, Idempotency_Key="k1")).objects == []
    for wrong in (b"{}", b'{"user": {}}', b"{"):
        assert (await still.post(path, wrong, Idempotency_Key="k2")).status == 400
    for empty in (None, b"", b" "):
        answer = await still.post(path, empty, Idempotency_Key="k3")
        assert (answer.status, len(answer.objects)) == (200, 3 if collection == "users" else 0)
