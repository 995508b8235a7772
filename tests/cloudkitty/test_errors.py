"""Every error of the reference: its status, its text, and in which order things are checked."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.jobs.reprocess.windows import Asked
from tests.cloudkitty.conftest import HASHMAP, REPROCESSES, Desk
from tests.cloudkitty.wording import END, FIRST, FORBIDDEN, LAST, MALFORMED, NOT_JSON, scopes
from tests.fakes import FakeClock
from tests.rating.yard import PAYLOAD, PERIOD

START_SECONDS, END_SECONDS = LAST - 6 * PERIOD, LAST - 4 * PERIOD

ALONE = (
    "Either schedule a reprocessing for all active scopes using 'ALL' option, or inform only the "
    "scopes you desire to schedule a reprocessing."
)
BLANK = (
    "Empty or blank reason text is not allowed. Please, do inform/register the reason for the "
    "reprocessing of a previously processed timestamp."
)


def wanted(**changed: Any) -> dict[str, Any]:
    """A request that is right, but for what is changed; what is None is left out."""
    body = {
        "scope_ids": "p1",
        "start_reprocess_time": FIRST,
        "end_reprocess_time": END,
        "reason": "new prices",
        **changed,
    }
    return {name: one for name, one in body.items() if one is not None}


async def nothing_happened(desk: Desk) -> None:
    assert (await desk.get(REPROCESSES)).body == {"results": []}
    assert await desk.yard.tasks.count(desk.yard.tasks.index()) == 0


# 1.1: asking for a reprocessing. The numbers are those of the reference.


async def test_01_a_body_that_is_no_json_by_its_type(desk: Desk) -> None:
    for body in (wanted(), b"scope_ids=p1", b""):
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            answer = await desk.post(REPROCESSES, body, Content_Type=kind)
            assert answer.said == (415, NOT_JSON)


@pytest.mark.parametrize("body", [b"", b"  ", b"{", b"{'a': 1}", b'{"a": NaN}', b"\xff", b"nope"])
async def test_02_a_body_that_is_no_json(desk: Desk, body: bytes) -> None:
    assert (await desk.post(REPROCESSES, body)).said == (400, MALFORMED)


@pytest.mark.parametrize(
    ("body", "shown"), [(b"[]", "[]"), (b"null", "None"), (b'"p1"', "'p1'"), (b"1", "1")]
)
async def test_03_a_body_that_is_no_object(desk: Desk, body: bytes, shown: str) -> None:
    text = f"Invalid data '{shown}' : expected a dictionary (path: '[]')"
    assert (await desk.post(REPROCESSES, body)).said == (400, text)


@pytest.mark.parametrize(
    "name", ["scope_ids", "start_reprocess_time", "end_reprocess_time", "reason"]
)
async def test_04_something_is_missing(desk: Desk, name: str) -> None:
    body = wanted(**{name: None})
    text = f"Invalid data '{body!r}' : required key not provided (path: '['{name}']')"
    assert (await desk.post(REPROCESSES, body)).said == (400, text)


async def test_05_there_is_something_else(desk: Desk) -> None:
    body = wanted(foo=1)
    text = f"Invalid data '{body!r}' : extra keys not allowed (path: '['foo']')"
    assert (await desk.post(REPROCESSES, body)).said == (400, text)


@pytest.mark.parametrize("value", [0, 1.5, True, {}, [1], [None], ["p1", []]])
async def test_06_scopes_that_are_no_texts(desk: Desk, value: Any) -> None:
    status, text = (await desk.post(REPROCESSES, wanted(scope_ids=value))).said
    assert status == 400 and text.endswith("(path: '['scope_ids']')")


@pytest.mark.parametrize("name", ["start_reprocess_time", "end_reprocess_time"])
@pytest.mark.parametrize(
    "value",
    [
        *("", "today", "2027-13-01", "2027-01-15T25:00:00Z", "2027-01-15T02:00:00+99:00"),
        *(1_800_000_000, 1e9, True, [], {}, "1800000000000"),
        # Out of the calendar when they are moved to UTC, or when the period's end is worked out.
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:30:00Z"),
    ],
)
async def test_06_times_that_are_none(desk: Desk, name: str, value: Any) -> None:
    status, text = (await desk.post(REPROCESSES, wanted(**{name: value}))).said
    assert status == 400 and text.endswith(f": not a valid time (path: '['{name}']')")


async def test_06_what_is_null_is_no_default(desk: Desk) -> None:
    for name in wanted():
        status, text = (await desk.post(REPROCESSES, {**wanted(), name: None})).said
        assert status == 400 and text.endswith(f"(path: '['{name}']')")


@pytest.mark.parametrize("who", [None, "stranger", ""])
@pytest.mark.parametrize("path", [REPROCESSES, "/v2/scope", f"{HASHMAP}/services"])
async def test_07_somebody_unknown(desk: Desk, who: str | None, path: str) -> None:
    for answer in (await desk.get(path, who), await desk.post(path, b"{", who)):
        assert answer.status == 401
        assert answer.body == {
            "error": {
                "code": 401,
                "title": "Unauthorized",
                "message": "The request you have made requires authentication.",
            }
        }
        address = f"http://{desk.client.host}:{desk.client.port}"
        assert answer.headers["WWW-Authenticate"].startswith(f'Keystone uri="{address}"')


@pytest.mark.parametrize("who", ["member", "guest"])
async def test_08_somebody_who_may_not(desk: Desk, who: str) -> None:
    assert (await desk.post(REPROCESSES, wanted(), who)).said == (403, FORBIDDEN)
    assert (await desk.get(REPROCESSES, who)).said == (403, FORBIDDEN)
    assert (await desk.get(f"{REPROCESSES}/p1", who)).said == (403, FORBIDDEN)


@pytest.mark.parametrize(
    ("given", "shown"),
    [("ALL,p1", "['ALL', 'p1']"), (["p1", "ALL"], "['p1', 'ALL']")],
)
async def test_09_all_and_some_more(desk: Desk, given: Any, shown: str) -> None:
    text = f"Cannot use 'ALL' with scope ID [{shown}]. {ALONE}"
    assert (await desk.post(REPROCESSES, wanted(scope_ids=given))).said == (400, text)


@pytest.mark.parametrize("reason", ["", " ", "\t\n"])
async def test_10_no_reason(desk: Desk, reason: str) -> None:
    assert (await desk.post(REPROCESSES, wanted(reason=reason))).said == (400, BLANK)


async def test_11_it_ends_before_it_starts(desk: Desk) -> None:
    body = wanted(start_reprocess_time=END, end_reprocess_time=FIRST)
    text = (
        "End reprocessing timestamp [2027-01-15 02:00:00+00:00] cannot be less than start "
        "reprocessing timestamp [2027-01-15 04:00:00+00:00]."
    )
    assert (await desk.post(REPROCESSES, body)).said == (400, text)


@pytest.mark.parametrize(
    ("start", "end", "near"),
    [
        ("02:00:01", "04:00:00", ("02:00:00", "04:00:00")),
        ("02:00:00", "04:59:59", ("02:00:00", "04:00:00")),
        ("02:10:00", "02:50:00", ("02:00:00", "03:00:00")),
        ("02:10:00", "02:10:00", ("02:00:00", "03:00:00")),
    ],
)
async def test_12_it_is_not_of_whole_periods(
    desk: Desk, start: str, end: str, near: tuple[str, str]
) -> None:
    day = "2027-01-15"
    body = wanted(start_reprocess_time=f"{day} {start}", end_reprocess_time=f"{day} {end}")
    text = (
        "The provided reprocess time window does not comply with the configured collector period. "
        "A valid time window near the provided one is "
        f"['{day} {near[0]}+00:00', '{day} {near[1]}+00:00']"
    )
    assert (await desk.post(REPROCESSES, body)).said == (400, text)


@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        ("nobody", "['nobody']"),
        ("p1,nobody,off", "['nobody', 'off']"),
        (["nobody", "p1", "x,y"], "['nobody', 'x', 'y']"),
        ("", "['']"),
        ("all", "['all']"),
        ("P1", "['P1']"),
    ],
)
async def test_13_a_scope_that_is_not_there_or_not_active(
    desk: Desk, given: Any, unknown: str
) -> None:
    await scopes(desk)
    text = (
        f"Scopes {unknown} scheduled to reprocess [start=2027-01-15 02:00:00+00:00, "
        "end=2027-01-15 04:00:00+00:00] do not exist."
    )
    assert (await desk.post(REPROCESSES, wanted(scope_ids=given))).said == (400, text)
    await nothing_happened(desk)


async def test_14_it_starts_behind_what_was_rated(desk: Desk) -> None:
    await scopes(desk)
    body = wanted(
        scope_ids="p1,p2",
        start_reprocess_time="2027-01-15T04:00:00Z",
        end_reprocess_time="2027-01-15T05:00:00Z",
    )
    text = (
        "Cannot execute a reprocessing [start=2027-01-15 04:00:00+00:00] for scope [p2] starting "
        "after the last possible timestamp [2027-01-15 03:00:00+00:00]."
    )
    assert (await desk.post(REPROCESSES, body)).said == (400, text)
    await nothing_happened(desk)


async def test_15_it_ends_behind_what_was_rated(desk: Desk) -> None:
    await scopes(desk)
    text = (
        "Cannot execute a reprocessing [end=2027-01-15 04:00:00+00:00] for scope [p2] ending "
        "after the last possible timestamp [2027-01-15 03:00:00+00:00]."
    )
    assert (await desk.post(REPROCESSES, wanted(scope_ids="p1,p2"))).said == (400, text)
    await nothing_happened(desk)


@pytest.mark.parametrize(
    ("start", "end"), [(2, 4), (1, 2), (4, 6), (3, 3), (0, 8)], ids=lambda one: str(one)
)
async def test_16_it_has_a_period_in_common_with_another(desk: Desk, start: int, end: int) -> None:
    await scopes(desk)
    assert (await desk.post(REPROCESSES, wanted())).status == 202
    body = wanted(
        start_reprocess_time=f"2027-01-15T0{start}:00:00Z",
        end_reprocess_time=f"2027-01-15T0{end}:00:00Z",
    )
    text = (
        "Cannot schedule a reprocessing for scope [p1] for reprocessing time "
        f"[2027-01-15 0{start}:00:00+00:00 - 2027-01-15 0{end}:00:00+00:00], because it already "
        "has a schedule for a similar time range "
        "[2027-01-15 02:00:00+00:00 - 2027-01-15 04:00:00+00:00]."
    )
    assert (await desk.post(REPROCESSES, body)).said == (400, text)
    assert len((await desk.get(REPROCESSES)).body["results"]) == 1


async def test_the_checks_come_in_their_order(desk: Desk) -> None:
    """A request that has every fault loses them one by one: the first that is left is told."""
    await scopes(desk)
    asked = Asked(["p1"], START_SECONDS, END_SECONDS, "other", "ann")
    await desk.yard.windows.schedule(asked, PAYLOAD)
    body: dict[str, Any] = {
        "scope_ids": ["ALL", "nobody"],
        "start_reprocess_time": "2027-01-15T09:30:00Z",
        "end_reprocess_time": "2027-01-15T08:30:00Z",
        "foo": 1,
    }
    steps: list[tuple[dict[str, Any], str]] = [
        ({}, "required key not provided"),
        ({"reason": " "}, "extra keys not allowed"),
        ({"foo": None}, "Cannot use 'ALL' with scope ID"),
        ({"scope_ids": ["p1", "p2", "nobody"]}, "Empty or blank reason text"),
        ({"reason": "r"}, "End reprocessing timestamp"),
        ({"end_reprocess_time": "2027-01-15T09:45:00Z"}, "does not comply"),
        (
            {
                "start_reprocess_time": "2027-01-15T09:00:00Z",
                "end_reprocess_time": "2027-01-15T10:00:00Z",
            },
            "Scopes ['nobody'] scheduled",
        ),
        ({"scope_ids": "p1"}, "[start=2027-01-15 09:00:00+00:00] for scope [p1]"),
        ({"start_reprocess_time": END}, "[end=2027-01-15 10:00:00+00:00] for scope [p1]"),
        ({"end_reprocess_time": "2027-01-15T08:00:00Z"}, "already has a schedule"),
    ]
    for change, said in steps:
        body.update(change)
        body = {name: one for name, one in body.items() if one is not None}
        status, text = (await desk.post(REPROCESSES, body)).said
        assert status == 400 and said in text
        # Who may not is told nothing of it.
        assert (await desk.post(REPROCESSES, body, "member")).said == (403, FORBIDDEN)
    body["start_reprocess_time"] = "2027-01-15T05:00:00Z"
    answer = await desk.post(REPROCESSES, body)
    assert (answer.status, answer.body) == (202, {})


@pytest.mark.parametrize(
    ("path", "method"),
    [(path, method) for path in ("", "/p1") for method in ("PUT", "PATCH", "DELETE")]
    + [("/p1", "POST")],
)
async def test_other_methods_are_not_allowed(desk: Desk, path: str, method: str) -> None:
    answer = await desk.ask(method, REPROCESSES + path, wanted())
    assert answer.said[0] == 405
    assert answer.headers["Allow"] == ("GET" if path else "POST, GET")


@pytest.mark.parametrize(
    ("changed", "start", "end"),
    [
        ({"end_reprocess_time": FIRST}, "02:00:00", "02:00:00"),
        ({"end_reprocess_time": "2027-01-15T08:00:00Z"}, "02:00:00", "08:00:00"),
        ({"start_reprocess_time": "2027-01-15 02:00:00"}, "02:00:00", "04:00:00"),
        ({"start_reprocess_time": "2027-01-15T04:00:00+02:00"}, "02:00:00", "04:00:00"),
        ({"start_reprocess_time": "20270115T020000Z"}, "02:00:00", "04:00:00"),
        ({"start_reprocess_time": "2027-01-15T02:00:00.999999Z"}, "02:00:00", "04:00:00"),
        ({"start_reprocess_time": "2027-01-15"}, "00:00:00", "04:00:00"),
    ],
)
async def test_what_is_right_is_taken(
    desk: Desk, changed: dict[str, Any], start: str, end: str
) -> None:
    await scopes(desk)
    answer = await desk.post(REPROCESSES, wanted(**changed))
    assert (answer.status, answer.body) == (202, {})
    (row,) = (await desk.get(REPROCESSES)).body["results"]
    assert row == {
        "scope_id": "p1",
        "reason": "new prices",
        "start_reprocess_time": f"2027-01-15T{start}",
        "end_reprocess_time": f"2027-01-15T{end}",
        "current_reprocess_time": "",
    }


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ("p1,p3", ["p1", "p3"]),
        (["p1", "p3"], ["p1", "p3"]),
        (["p1,p3", "p1"], ["p1", "p3"]),
        (" p1 , p3 ", ["p1", "p3"]),
        ("ALL", ["p1", "p3"]),
        (["ALL"], ["p1", "p3"]),
    ],
)
async def test_scopes_come_in_all_ways(desk: Desk, given: Any, chosen: list[str]) -> None:
    for name, active in (("p1", True), ("off", False), ("p3", True)):
        await desk.yard.scope(name, LAST, active=active)
    assert (await desk.post(REPROCESSES, wanted(scope_ids=given))).status == 202
    rows = (await desk.get(f"{REPROCESSES}?order=asc")).body["results"]
    assert [one["scope_id"] for one in rows] == chosen


@pytest.mark.parametrize(("reason", "kept"), [(12, "12"), (2**70, str(2**70)), (" r ", " r ")])
async def test_a_reason_is_a_text(desk: Desk, reason: Any, kept: str) -> None:
    await scopes(desk)
    assert (await desk.post(REPROCESSES, wanted(reason=reason))).status == 202
    (row,) = (await desk.get(REPROCESSES)).body["results"]
    assert row["reason"] == kept


# 1.2: what was asked for


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("order=up", "The order [up] is not valid. Accepted values are ['asc', 'desc']."),
        ("order=", "The order [] is not valid. Accepted values are ['asc', 'desc']."),
        ("order=asc&order=desc", "length of value must be 1"),
        ("limit=0", "value must be at least 1"),
        ("limit=-5", "value must be at least 1"),
        ("offset=-1", "value must be at least 0"),
        ("limit=many", "expected int"),
        ("limit=99999999999999999999", "expected int"),
        ("limit=1&limit=2", "length of value must be 1"),
        ("colour=red", "extra keys not allowed (path: '['colour']')"),
    ],
)
@pytest.mark.parametrize("path", [REPROCESSES, f"{REPROCESSES}/p1"])
async def test_a_list_that_cannot_be(desk: Desk, path: str, query: str, said: str) -> None:
    status, text = (await desk.get(f"{path}?{query}")).said
    assert status == 400 and said in text


async def test_the_list_is_of_scopes_in_an_order_and_by_pages(desk: Desk) -> None:
    for name in ("p1", "p3"):
        await desk.yard.scope(name, LAST)
    for number in range(3):
        hour = f"2027-01-15T0{number}:00:00Z"
        body = wanted(scope_ids="p1,p3", start_reprocess_time=hour, end_reprocess_time=hour)
        assert (await desk.post(REPROCESSES, body)).status == 202

    async def listed(rest: str) -> list[str]:
        answer = await desk.get(REPROCESSES + rest)
        assert answer.status == 200
        return [f"{r['scope_id']}-{r['start_reprocess_time'][12]}" for r in answer.body["results"]]

    newest = ["p3-2", "p1-2", "p3-1", "p1-1", "p3-0", "p1-0"]
    assert await listed("") == await listed("?order=DESC&limit=100") == newest
    assert await listed("?order=ASC") == newest[::-1]
    assert await listed("?offset=1&limit=2") == newest[1:3]
    assert await listed("?scope_ids=p1,p3") == await listed("?scope_ids=p1&scope_ids=p3") == newest
    assert await listed("?scope_ids=p1") == await listed("/p1") == newest[1::2]
    assert await listed("?scope_ids=p1&offset=1&limit=1") == ["p1-1"]
    # The path counts, not the query.
    assert await listed("/p1?scope_ids=p3") == newest[1::2]
    assert await listed("?scope_ids=nobody") == await listed("/nobody") == []
    assert (await desk.get(f"{REPROCESSES}/")).said[0] == 404


# Of the service itself


@pytest.mark.parametrize(("who", "seconds"), [("away", 7), ("busy", 1)])
@pytest.mark.parametrize("path", ["/v2/scope", f"{HASHMAP}/services"])
async def test_a_service_that_cannot_answer_says_when_to_ask_again(
    desk: Desk, path: str, who: str, seconds: int
) -> None:
    answer = await desk.get(path, who)
    assert answer.said == (503, "The service cannot answer at present")
    assert int(answer.headers["Retry-After"]) >= seconds


async def test_a_body_may_not_be_too_long(desk: Desk) -> None:
    body = wanted(reason="x" * 200_000)
    assert (await desk.post(REPROCESSES, body)).said == (413, "The body is longer than is taken.")


async def test_a_first_password_has_to_be_changed(desk: Desk) -> None:
    assert (await desk.get("/v2/scope", "new")).said[0] == 403


async def test_a_page_of_another_service_cannot_ask(desk: Desk, clock: FakeClock) -> None:
    await scopes(desk)
    answer = await desk.post(REPROCESSES, wanted(), Origin="https://elsewhere.test")
    assert answer.said[0] == 403
    await nothing_happened(desk)
