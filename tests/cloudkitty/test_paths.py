"""Paths, methods and parameters that were taken for something else than they are."""

from __future__ import annotations

import pytest

from tests.cloudkitty.conftest import HASHMAP, Desk

SCOPE = {"scope_id": "p1", "last_processed_timestamp": "2026-01-01T00:00:00+00:00"}


@pytest.mark.parametrize("path", [f"{HASHMAP}/mappings/a%0Ab", "/v2/%0A"])
async def test_a_path_with_a_line_feed_is_answered_as_others_are(desk: Desk, path: str) -> None:
    assert (await desk.get(path)).said[0] == 404


@pytest.mark.parametrize(
    "path", ["groups/mappings", "groups/thresholds", "mappings/group", "thresholds/group"]
)
async def test_what_has_a_path_of_its_own_is_no_id(desk: Desk, path: str) -> None:
    for method in ("PUT", "DELETE", "OPTIONS"):
        answer = await desk.ask(method, f"{HASHMAP}/{path}", {"cost": 1})
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("value", ["", "null", "1", "yes"])
async def test_a_flag_is_true_or_false(desk: Desk, value: str) -> None:
    made = await desk.made("services", {"name": "power"})
    rule = {"service_id": made["service_id"], "cost": 1}
    asked = [
        await desk.get(f"{HASHMAP}/mappings?no_group={value}"),
        await desk.post(f"{HASHMAP}/mappings?force={value}", rule),
        await desk.ask("DELETE", f"{HASHMAP}/services/{made['service_id']}?recursive={value}"),
    ]
    if value == "":
        assert [one.status for one in asked] == [200, 201, 204]
        return
    assert [one.said[0] for one in asked] == [400, 400, 400]
    assert (await desk.get(f"{HASHMAP}/mappings?no_group=True")).body == {"mappings": []}


@pytest.mark.parametrize(
    "wrong",
    [
        {"all_scopes": "no", "scope_id": None},
        {"state": "soon"},
        {"state": ""},
        {"state": "2026-01-01T01:00:00+00:00"},
    ],
)
async def test_a_reset_that_contradicts_itself_is_refused(
    desk: Desk, wrong: dict[str, object]
) -> None:
    assert (await desk.post("/v2/scope", SCOPE)).status == 200
    body = {name: one for name, one in {**SCOPE, **wrong}.items() if one is not None}
    assert (await desk.ask("PUT", "/v2/scope", body)).said[0] == 400
    both = {**SCOPE, "state": SCOPE["last_processed_timestamp"]}
    assert (await desk.ask("PUT", "/v2/scope", both)).status == 202


async def test_a_whole_number_may_be_written_with_a_point(desk: Desk) -> None:
    path = "/v2/rating/modules/noop"
    assert (await desk.ask("PUT", path, b'{"priority": 7.0}')).status == 204
    assert (await desk.get(path)).body["priority"] == 7
    for wrong in (b"7.5", b"-1.0", b"1e999", b"true"):
        answer = await desk.ask("PUT", path, b'{"priority": ' + wrong + b"}")
        assert answer.said[0] == 400
