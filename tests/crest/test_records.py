"""Records over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.crest.conftest import Desk, MakeDesk

USER = "managed/user"


def replace(name: str, value: Any) -> list[dict[str, Any]]:
    return [{"operation": "replace", "field": name, "value": value}]


async def test_a_record_s_life(desk: Desk) -> None:
    made = await desk.put(f"{USER}/ann", {"mail": "a@b", "_id": "other", "_rev": "9"})
    assert made.status == 201
    assert made.headers["Location"] == "/openidm/managed/user/ann"
    assert made.headers["ETag"] == '"1"'
    assert list(made.body.items()) == [("_id", "ann"), ("_rev", "1"), ("mail", "a@b")]

    same = await desk.put(f"{USER}/ann", {"mail": "a@b"})
    assert (same.status, same.body["_rev"]) == (200, "1"), "nothing has changed"
    changed = await desk.put(f"{USER}/ann", {"mail": "c@d"})
    assert (changed.status, changed.body["_rev"]) == (200, "2")
    patched = await desk.ask("PATCH", f"{USER}/ann", replace("/age", 7))
    assert patched.body == {"_id": "ann", "_rev": "3", "mail": "c@d", "age": 7}

    read = await desk.get(f"{USER}/ann?_fields=/age")
    assert list(read.body.items()) == [("_id", "ann"), ("_rev", "3"), ("age", 7)]
    kept = await desk.get(f"{USER}/ann", If_None_Match='"3"')
    assert (kept.status, kept.body) == (304, None)
    assert (await desk.get(f"{USER}/ann", If_None_Match='"2"')).status == 200

    gone = await desk.ask("DELETE", f"{USER}/ann")
    assert (gone.status, gone.body["mail"]) == (200, "c@d")
    assert (await desk.get(f"{USER}/ann")).said[0] == 404
    assert (await desk.ask("DELETE", f"{USER}/ann")).said[0] == 404


async def test_the_service_makes_ids_up(desk: Desk) -> None:
    for path in (USER, f"{USER}?_action=create", f"{USER}?_action=CREATE"):
        made = await desk.post(path, {"a": 1})
        assert made.status == 201 and len(made.body["_id"]) == 36
    named = await desk.post(f"{USER}?_action=create", {"_id": "bob"})
    assert named.body["_id"] == "bob"
    assert (await desk.post(f"{USER}?_action=create", {"_id": "bob"})).said[0] == 412
    assert (await desk.post(f"{USER}?_action=create", {"_id": 5})).said[0] == 400
    assert (await desk.post(f"{USER}?_action=create", {"_id": "a/b"})).said[0] == 400


async def test_conditions(desk: Desk) -> None:
    created = {"If_None_Match": "*"}
    assert (await desk.put(f"{USER}/1", {"a": 1}, **created)).status == 201
    assert (await desk.put(f"{USER}/1", {"a": 2}, **created)).said[0] == 412
    assert (await desk.put(f"{USER}/2", {"a": 2}, If_Match="*")).said[0] == 404
    assert (await desk.put(f"{USER}/1", {"a": 2}, If_Match='"7"')).said[0] == 412
    assert (await desk.put(f"{USER}/1", {"a": 2}, If_Match='"1"')).body["_rev"] == "2"
    assert (await desk.ask("PATCH", f"{USER}/1", replace("/a", 3), If_Match="1")).said[0] == 412
    assert (await desk.ask("PATCH", f"{USER}/1", replace("/a", 3), If_Match="2")).status == 200
    assert (await desk.ask("DELETE", f"{USER}/1", If_Match="2")).said[0] == 412
    assert (await desk.ask("DELETE", f"{USER}/1", If_Match="3")).status == 200


async def test_patches(desk: Desk) -> None:
    await desk.put(f"{USER}/1", {"a": 1, "team": "x"})
    await desk.put(f"{USER}/2", {"a": 2, "team": "x"})
    done = await desk.post(f"{USER}/1?_action=patch", replace("/a", 5))
    assert done.body["a"] == 5
    one = await desk.post(f"{USER}?_action=patch&_queryFilter=/a+eq+2", replace("/a", 6))
    assert (one.body["_id"], one.body["a"]) == ("2", 6)
    many = await desk.post(f"{USER}?_action=patch&_queryFilter=/team+eq+%22x%22", [])
    assert many.said[0] == 409
    none = await desk.post(f"{USER}?_action=patch&_queryFilter=false", [])
    assert none.said[0] == 404
    assert (await desk.post(f"{USER}?_action=patch", [])).said[0] == 400
    for body in ({}, None):
        assert (await desk.ask("PATCH", f"{USER}/1", body)).said[0] == 400
    code, said = (await desk.ask("PATCH", f"{USER}/1", [{"operation": "turn"}])).said
    assert code == 400 and "operation 0" in said
    transform = [{"operation": "transform", "field": "/a", "value": {"script": {}}}]
    assert (await desk.ask("PATCH", f"{USER}/1", transform)).said[0] == 400


async def test_queries(desk: Desk) -> None:
    for number in range(7):
        await desk.put(f"{USER}/u{number}", {"n": number, "even": number % 2 == 0})
    found = await desk.get(f"{USER}?_queryFilter=/even+eq+true&_fields=n")
    assert list(found.body) == [
        "result", "resultCount", "pagedResultsCookie", "totalPagedResultsPolicy",
        "totalPagedResults", "remainingPagedResults",
    ]  # fmt: skip
    assert [one["n"] for one in found.body["result"]] == [0, 2, 4, 6]
    assert "even" not in found.body["result"][0]
    assert (found.body["resultCount"], found.body["totalPagedResults"]) == (4, -1)

    seen: list[int] = []
    cookie = ""
    while True:
        page = await desk.get(
            f"{USER}?_queryFilter=true&_pageSize=3&_sortKeys=-n"
            f"&_totalPagedResultsPolicy=EXACT&_pagedResultsCookie={cookie}"
        )
        seen += [one["n"] for one in page.body["result"]]
        assert page.body["totalPagedResults"] == 7
        cookie = page.body["pagedResultsCookie"]
        if cookie is None:
            break
    assert seen == [6, 5, 4, 3, 2, 1, 0]

    ids = await desk.get(f"{USER}?_queryId=query-all-ids")
    assert [one["_id"] for one in ids.body["result"]] == [f"u{n}" for n in range(7)]
    assert all("n" not in one for one in ids.body["result"])
    everything = await desk.get(f"{USER}?_queryId=query-all")
    assert len(everything.body["result"]) == 7
    clash = await desk.get(f"{USER}?_queryFilter=true&_pagedResultsCookie=x&_pagedResultsOffset=1")
    assert clash.said[0] == 400


@pytest.mark.parametrize("record_id", ["ä ö", "a:b", "50%", "..x"])
async def test_ids_are_what_their_owners_want(desk: Desk, record_id: str) -> None:
    from urllib.parse import quote

    path = f"{USER}/{quote(record_id, safe='')}"
    made = await desk.put(path, {})
    assert made.status == 201 and made.body["_id"] == record_id
    assert (await desk.get(path)).body["_id"] == record_id


async def test_more_records_than_there_may_be(make_desk: MakeDesk) -> None:
    desk = await make_desk(max_records=1)
    assert (await desk.put(f"{USER}/1", {})).status == 201
    for answer in (await desk.put(f"{USER}/2", {}), await desk.post(USER, {})):
        assert answer.said[0] == 409


@pytest.mark.parametrize("query", ["_queryId=query-all", "_queryFilter=true"])
@pytest.mark.parametrize("action", ["", "_action=create&"])
async def test_a_new_record_is_selected_by_no_query(desk: Desk, query: str, action: str) -> None:
    answer = await desk.ask("POST", f"managed/user?{action}{query}", {"name": "Ada"})
    name = query.partition("=")[0]
    assert answer.said == (400, f"The parameter '{name}' has no meaning here")


@pytest.mark.parametrize(
    ("method", "body"), [("PUT", {"age": 2}), ("PATCH", replace("/age", 2)), ("DELETE", None)]
)
async def test_fields_that_are_none_are_refused_before_anything_is_done(
    desk: Desk, method: str, body: Any
) -> None:
    await desk.put(f"{USER}/ann", {"age": 1})
    answer = await desk.ask(method, f"{USER}/ann?_fields=%25", body)
    assert answer.said == (400, "_fields: a % must be followed by two hexadecimal digits")
    assert (await desk.get(f"{USER}/ann")).body == {"_id": "ann", "_rev": "1", "age": 1}
    assert (await desk.get("taskscanner?_fields=%25")).said[0] == 400
