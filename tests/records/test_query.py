"""Queries: which records, in which order, page by page, and how many there are."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from odimra.records import query as queries
from odimra.records.errors import BadQuery
from odimra.records.filter import compile_filter
from odimra.records.model import RecordOptions
from odimra.records.query import QueryResult, query
from odimra.records.records import Records
from odimra.store import Store
from tests.fakes import FakeClock

USER = "managed/user"


@pytest.fixture
async def people(records: Records) -> Records:
    """Thirty users, u00 to u29: every third is old, ages fall, teams repeat."""
    for n in range(30):
        content = {
            "age": 90 - n,
            "team": "abc"[n % 3],
            "old": n % 3 == 0,
            "name": {"first": f"N{n}"},
        }
        await records.create(USER, content, f"u{n:02}")
    return records


async def ask(records: Records, filter: str | None = None, **how: Any) -> QueryResult:
    return await query(records, USER, None if filter is None else compile_filter(filter), **how)


def ids(result: QueryResult) -> list[str]:
    return [one["_id"] for one in result.result]


async def pages(records: Records, filter: str | None = None, **how: Any) -> list[QueryResult]:
    found = [await ask(records, filter, **how)]
    while found[-1].cookie is not None:
        how.pop("offset", None)
        found.append(await ask(records, filter, cookie=found[-1].cookie, **how))
        assert len(found) < 100, "the pages never end"
    return found


async def test_everything_comes_in_the_order_of_the_ids(people: Records) -> None:
    result = await ask(people)
    assert ids(result) == [f"u{n:02}" for n in range(30)]
    assert list(result.envelope().items())[1:] == [
        ("resultCount", 30),
        ("pagedResultsCookie", None),
        ("totalPagedResultsPolicy", "NONE"),
        ("totalPagedResults", -1),
        ("remainingPagedResults", -1),
    ]
    assert list(result.result[0])[:2] == ["_id", "_rev"]


async def test_only_what_the_filter_means_comes(people: Records) -> None:
    assert ids(await ask(people, '(/old eq true and /age gt 80) or _id eq "u29"')) == [
        "u00", "u03", "u06", "u09", "u29",
    ]  # fmt: skip
    assert ids(await ask(people, "false")) == []
    assert (await ask(people, "/none pr")).envelope()["resultCount"] == 0


async def test_of_a_type_without_records_nothing_comes(records: Records) -> None:
    for how in ({}, {"sort_keys": ["a"]}, {"page_size": 3, "total_policy": "EXACT"}):
        result = await ask(records, **how)
        assert (result.result, result.cookie) == ([], None)


@pytest.mark.parametrize("policy", ["NONE", "ESTIMATE", "EXACT"])
@pytest.mark.parametrize("sort_keys", [[], ["age"], ["-team", "+/age"]])
@pytest.mark.parametrize("size", [1, 4, 5, 10, 11])
async def test_pages_hold_each_result_once(
    people: Records, policy: str, sort_keys: list[str], size: int
) -> None:
    found = await pages(
        people, "/old eq true", page_size=size, sort_keys=sort_keys, total_policy=policy
    )
    together = [one for page in found for one in ids(page)]
    assert together == ids(await ask(people, "/old eq true", sort_keys=sort_keys))
    assert sorted(together) == [f"u{n:02}" for n in range(0, 30, 3)]
    assert [len(page.result) for page in found[:-1]] == [size] * (len(found) - 1)
    if policy == "EXACT":
        shown = 0
        for page in found:
            shown += len(page.result)
            assert (page.total, page.remaining) == (10, 10 - shown)


async def test_an_order_is_by_value_then_by_id(people: Records) -> None:
    assert ids(await ask(people, sort_keys=["age"]))[:3] == ["u29", "u28", "u27"]
    assert ids(await ask(people, sort_keys=["-age"]))[:3] == ["u00", "u01", "u02"]
    assert ids(await ask(people, sort_keys=["+team"]))[:3] == ["u00", "u03", "u06"]
    assert ids(await ask(people, sort_keys=["-team", "age"]))[:3] == ["u29", "u26", "u23"]
    assert ids(await ask(people, sort_keys=["/name/first"]))[:3] == ["u00", "u01", "u10"]


async def test_what_is_of_different_types_has_an_order_too(records: Records) -> None:
    values = [None, False, True, -3, 0.5, 2, "", "A", "b", "C", {"x": 1}]
    order = list(range(len(values)))
    random.Random(1).shuffle(order)
    for at in order:
        await records.create(USER, {"v": values[at]}, f"u{at:02}")
    await records.create(USER, {}, "nothing")
    expected = [f"u{n:02}" for n in range(len(values))]
    up = ids(await ask(records, sort_keys=["v"]))
    assert up == ["nothing", *expected]  # absent is as null, and then the ids decide
    down = [page.result[0]["_id"] for page in await pages(records, sort_keys=["-v"], page_size=1)]
    assert down == [*reversed(expected[1:]), "nothing", "u00"]


async def test_a_cookie_keeps_its_meaning_while_records_come_and_go(people: Records) -> None:
    for sort_keys in ([], ["team"]):
        first = await ask(people, page_size=10, sort_keys=sort_keys)
        rest = ids(await ask(people, sort_keys=sort_keys))[10:]
        for gone in ids(first)[5:]:
            await people.delete(USER, gone)
        await people.create(USER, {"team": "0"}, f"a{len(sort_keys)}")
        second = await ask(people, page_size=10, cookie=first.cookie, sort_keys=sort_keys)
        assert ids(second) == rest[:10]


async def test_a_cookie_survives_that_its_record_moves_in_the_order(people: Records) -> None:
    first = await ask(people, page_size=3, sort_keys=["age"])
    assert ids(first) == ["u29", "u28", "u27"]
    await people.update(USER, "u27", {"age": 1000})
    second = await ask(people, page_size=3, sort_keys=["age"], cookie=first.cookie)
    assert ids(second) == ["u26", "u25", "u24"]


async def test_long_values_do_not_make_long_cookies(records: Records) -> None:
    for n in range(4):
        await records.create(USER, {"t": "x" * 3000 + str(n)}, f"u{n}")
    found = await pages(records, sort_keys=["t"], page_size=1)
    assert [ids(page) for page in found] == [["u0"], ["u1"], ["u2"], ["u3"]]
    assert len(str(found[0].cookie)) < 500


@pytest.mark.parametrize(
    "cookie", ["x", "!!", "bnVsbA", "W10", "WzEsMiwzLDRd", "é", "e30", "WyJhIixbXSwiYSIsMV0", "MQ"]
)
async def test_a_cookie_that_nobody_gave_is_refused(people: Records, cookie: str) -> None:
    with pytest.raises(BadQuery, match="_pagedResultsCookie"):
        await ask(people, page_size=3, cookie=cookie)


async def test_the_cookie_of_another_query_is_refused(people: Records) -> None:
    given = (await ask(people, "/old eq true", page_size=3)).cookie
    assert await ask(people, "/old eq true", page_size=5, cookie=given)
    for filter, how in (
        ("/old eq false", {}),
        (None, {}),
        ("/old eq true", {"sort_keys": ["age"]}),
    ):
        with pytest.raises(BadQuery, match="_pagedResultsCookie"):
            await ask(people, filter, page_size=3, cookie=given, **how)
    with pytest.raises(BadQuery, match="_pagedResultsCookie"):
        await query(people, "managed/role", compile_filter("/old eq true"), cookie=given)
    sorted_cookie = (await ask(people, sort_keys=["age"], page_size=3)).cookie
    with pytest.raises(BadQuery, match="_pagedResultsCookie"):
        await ask(people, sort_keys=["-age"], page_size=3, cookie=sorted_cookie)


async def test_a_cookie_with_other_values_in_it_is_refused(people: Records) -> None:
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    import orjson

    given = str((await ask(people, sort_keys=["age"], page_size=3)).cookie)
    mark, parts, id, passed = orjson.loads(urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    for other in (
        [mark, [[3, 5]], id, passed],
        [mark, [[9, 5]], id, passed],
        [mark, [5], id, passed],
        [mark, [], id, passed],
        [mark, parts, 7, passed],
        [mark, parts, id, -1],
        [mark, parts, id, True],
    ):
        cookie = urlsafe_b64encode(orjson.dumps(other)).decode()
        with pytest.raises(BadQuery, match="_pagedResultsCookie"):
            await ask(people, sort_keys=["age"], page_size=3, cookie=cookie)


async def test_an_offset_skips_results(people: Records) -> None:
    for sort_keys in ([], ["age"]):
        every = ids(await ask(people, "/old eq true", sort_keys=sort_keys))
        result = await ask(people, "/old eq true", offset=4, sort_keys=sort_keys)
        assert ids(result) == every[4:]
        found = await pages(
            people,
            "/old eq true",
            offset=4,
            page_size=4,
            sort_keys=sort_keys,
            total_policy="EXACT",
        )
        assert [ids(page) for page in found] == [every[4:8], every[8:]]
        assert [(page.total, page.remaining) for page in found] == [(10, 2), (10, 0)]
        beyond = await ask(people, offset=45, sort_keys=sort_keys, total_policy="EXACT")
        assert (ids(beyond), beyond.total, beyond.remaining) == ([], 30, 0)


async def test_without_a_filter_the_number_is_known_at_once(people: Records) -> None:
    for policy in ("exact", "ESTIMATE"):
        first, second = await pages(people, page_size=20, total_policy=policy)
        assert (first.total, first.remaining, first.policy) == (30, 10, policy.upper())
        assert (second.total, second.remaining) == (30, 0)


async def test_an_estimate_is_drawn_from_what_was_looked_at(people: Records) -> None:
    first = await ask(people, "/old eq true", page_size=4, total_policy="ESTIMATE")
    # Five of the first thirteen are old: the four and the one that shows that there are more.
    assert (first.total, first.remaining) == (round(5 / 13 * 30), round(5 / 13 * 30) - 4)
    whole = await ask(people, "/old eq true", page_size=10, total_policy="ESTIMATE")
    assert (whole.total, whole.remaining) == (10, 0)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (["age"], {"age": 90}),
        (["/name/first"], {"name": {"first": "N0"}}),
        (["name", "/name/first"], {"name": {"first": "N0"}}),
        (["/name/first", "name"], {"name": {"first": "N0"}}),
        (["none", "/name/none"], {}),
        (["_id", "_rev"], {}),
        (["/_rev", "old", "team"], {"old": True, "team": "a"}),
    ],
)
async def test_only_the_fields_asked_for_are_shown(
    people: Records, fields: list[str], shown: Any
) -> None:
    result = await ask(people, '_id eq "u00"', fields=fields)
    assert result.result == [{"_id": "u00", "_rev": "1", **shown}]


@pytest.mark.parametrize("fields", [[], ["*"], ["age", "*"], [""], ["/"]])
async def test_all_fields_are_shown(people: Records, fields: list[str]) -> None:
    (found,) = (await ask(people, '_id eq "u00"', fields=fields)).result
    assert list(found) == ["_id", "_rev", "age", "team", "old", "name"]


async def test_fields_within_arrays_are_shown_by_their_index(records: Records) -> None:
    await records.create(USER, {"a": [{"b": 1, "c": 2}, {"b": 3}]}, "u")
    (found,) = (await ask(records, fields=["/a/0/b", "/a/1"])).result
    assert found == {"_id": "u", "_rev": "1", "a": {"0": {"b": 1}, "1": {"b": 3}}}
    (found,) = (await ask(records, fields=["/a", "/a/1/b"])).result
    assert found["a"] == [{"b": 1, "c": 2}, {"b": 3}]


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ({"page_size": -1}, "_pageSize"),
        ({"page_size": 101}, "_pageSize"),
        ({"offset": -1}, "_pagedResultsOffset"),
        ({"offset": 1, "cookie": "x"}, "_pagedResultsOffset"),
        ({"total_policy": "SOME"}, "_totalPagedResultsPolicy"),
        ({"sort_keys": ["a%"]}, "_sortKeys"),
        ({"sort_keys": [""]}, "_sortKeys"),
        ({"sort_keys": ["-"]}, "_sortKeys"),
        ({"sort_keys": ["a"] * 9}, "_sortKeys"),
        ({"sort_keys": ["a"], "page_size": 51}, "_sortKeys"),
        ({"sort_keys": ["a"], "page_size": 20, "offset": 31}, "_sortKeys"),
        ({"fields": ["%"]}, "_fields"),
    ],
)
async def test_what_cannot_be_asked_says_which_parameter_is_to_blame(
    people: Records, how: dict[str, Any], name: str
) -> None:
    with pytest.raises(BadQuery) as refused:
        await ask(people, **how)
    assert refused.value.name == name and str(refused.value).startswith(f"{name}: ")


async def test_more_than_one_answer_holds_must_be_asked_for_in_pages(records: Records) -> None:
    limits = records.options
    for n in range(limits.max_results + 1):
        await records.create(USER, {"n": n, "even": n % 2 == 0, "few": n < 50}, f"u{n:03}")
    for how in ({}, {"sort_keys": ["n"]}):
        with pytest.raises(BadQuery, match="_pageSize"):
            await ask(records, **how)
    assert len((await ask(records, "/few eq true")).result) == 50
    assert len((await ask(records, "/few eq true", sort_keys=["-n"])).result) == 50
    with pytest.raises(BadQuery, match="_pageSize"):
        await ask(records, "/even eq true", sort_keys=["n"])
    found = await pages(records, sort_keys=["-n"], page_size=limits.max_sorted)
    assert [one["n"] for page in found for one in page.result] == list(range(100, -1, -1))


async def test_a_page_of_long_records_ends_sooner(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "ANSWER_BYTES", 2500)
    records = Records(store, RecordOptions(), clock)
    for n in range(5):
        await records.create(USER, {"n": n, "text": "x" * (1000 if n else 5000)}, f"u{n}")
    for how in ({}, {"sort_keys": ["n"]}):
        found = await pages(records, page_size=4, total_policy="EXACT", **how)
        assert [ids(page) for page in found] == [["u0"], ["u1", "u2"], ["u3", "u4"]]
        assert [page.remaining for page in found] == [4, 2, 0]
        with pytest.raises(BadQuery, match="_pageSize"):
            await ask(records, **how)


async def test_a_result_that_changes_while_it_is_put_in_order_is_none_any_more(
    people: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_many = people.read_many

    async def meanwhile(type: str, ids: list[str]) -> Any:
        await people.update(USER, "u03", {"old": False})
        await people.delete(USER, "u06")
        return await read_many(type, ids)

    monkeypatch.setattr(people, "read_many", meanwhile)
    result = await ask(people, "/old eq true", sort_keys=["-age"], page_size=4)
    assert ids(result) == ["u00", "u09"] and result.cookie is not None
    monkeypatch.undo()
    rest = await ask(people, "/old eq true", sort_keys=["-age"], page_size=4, cookie=result.cookie)
    assert ids(rest)[0] == "u12"


async def test_others_have_their_turn_while_a_query_goes_on(records: Records) -> None:
    await asyncio.gather(*(records.create(USER, {"n": n}, f"u{n:05}") for n in range(3000)))
    asking = asyncio.ensure_future(ask(records, "/n lt 0"))
    longest = turns = 0.0
    loop = asyncio.get_running_loop()
    while not asking.done():
        before = loop.time()
        await asyncio.sleep(0)
        longest = max(longest, loop.time() - before)
        turns += 1
    assert (await asking).result == []
    assert turns > 3000 / queries.STEP
    assert longest < 0.25, "a step of 500 records takes a few milliseconds"
