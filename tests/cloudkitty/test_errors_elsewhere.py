"""Errors of scopes, usage, modules and rules: section 1.7 of the reference."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloudkitty.conftest import HASHMAP, Desk
from tests.cloudkitty.wording import END, FIRST, FORBIDDEN, LAST, MALFORMED, NONE, scopes

# 1.7: scopes

SCOPE = {"scope_id": "new", "last_processed_timestamp": FIRST}
WRONG: list[tuple[str, str, Any, int, str]] = [
    ("GET", "?active=true", None, 400, "expected int"),
    ("GET", "?colour=red", None, 400, "extra keys not allowed"),
    ("GET", "?scope_id=nobody", None, 404, NONE),
    ("GET", "?offset=100", None, 404, NONE),
    ("GET", "?limit=0", None, 400, "value must be at least 1"),
    ("POST", "", {"scope_id": "new"}, 400, "required key not provided"),
    ("POST", "", {"last_processed_timestamp": FIRST}, 400, "required key not provided"),
    ("POST", "", {**SCOPE, "foo": 1}, 400, "extra keys not allowed"),
    ("POST", "", {**SCOPE, "last_processed_timestamp": "x"}, 400, "not a valid time"),
    ("POST", "", {**SCOPE, "active": "yes"}, 400, "expected bool"),
    ("POST", "", {**SCOPE, "scope_id": "ALL"}, 400, "(path: '['scope_id']')"),
    ("POST", "", {**SCOPE, "scope_id": "a,b"}, 400, "(path: '['scope_id']')"),
    ("POST", "", {**SCOPE, "scope_id": 7}, 400, "expected str"),
    (
        *("POST", "", {**SCOPE, "scope_id": "p1"}, 404),
        "Cannot create a scope with an already existing scope_id: p1.",
    ),
    ("PATCH", "", {"active": False}, 400, "required key not provided"),
    ("PATCH", "", {"scope_id": "p1", "last_processed_timestamp": FIRST}, 400, "extra keys"),
    ("PATCH", "", {"scope_id": "nobody", "active": False}, 404, NONE),
    (
        *("PUT", "", {"last_processed_timestamp": FIRST}, 400),
        "Either all_scopes or a scope_id should be specified.",
    ),
    (
        *("PUT", "", {"scope_id": "p1"}, 400),
        "Variable 'last_processed_timestamp' cannot be empty/None.",
    ),
    (
        *("PUT", "", {"scope_id": "p1", "last_processed_timestamp": None}, 400),
        "Variable 'last_processed_timestamp' cannot be empty/None.",
    ),
    (
        *("PUT", "", {"all_scopes": True, "scope_id": "p1", "state": FIRST}, 400),
        "two or more values in the same group of exclusion 'scope_selector'",
    ),
    ("PUT", "", {"scope_id": "nobody", "last_processed_timestamp": FIRST}, 404, NONE),
    ("PUT", "", {"scope_id": [1], "state": FIRST}, 400, "expected str"),
    ("PUT", "", {"scope_id": "p1", "state": "late"}, 400, "not a valid time"),
    ("DELETE", "", None, 405, "The method is not allowed for the requested URL."),
]


@pytest.mark.parametrize(("method", "query", "body", "status", "said"), WRONG)
async def test_errors_of_scopes(
    desk: Desk, method: str, query: str, body: Any, status: int, said: str
) -> None:
    await scopes(desk)
    answer = await desk.ask(method, f"/v2/scope{query}", body)
    assert answer.said[0] == status and said in answer.said[1]
    if method != "DELETE":
        assert (await desk.ask(method, f"/v2/scope{query}", body, "member")).said[0] == 403
    scope = await desk.yard.scopes.read("p1")
    assert scope is not None and scope.active and scope.last == LAST
    assert len(await desk.yard.scopes.all()) == 3


# Dataframes and summary


def frames(**changed: Any) -> dict[str, Any]:
    point = {"vol": {"unit": "h", "qty": 1}, "groupby": {"project_id": "p1"}, "metadata": {}}
    frame = {"period": {"begin": FIRST, "end": END}, "usage": {"cpu": [{**point, **changed}]}}
    return {"dataframes": [frame]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"dataframes": []}, "Parameter dataframes must not be empty."),
        ({}, "(path: '['dataframes']')"),
        ({"dataframes": "x"}, "(path: '['dataframes']')"),
        ({"dataframes": [{}], "foo": 1}, "(path: '['dataframes']')"),
        *(
            ({"dataframes": [bad]}, "not a valid value (path: '['dataframes', 0]')")
            for bad in (
                {},
                [],
                "x",
                None,
                {"period": {"begin": FIRST, "end": END}},
                {"period": {"begin": FIRST, "end": END}, "usage": []},
                {"period": {"begin": FIRST, "end": END}, "usage": {"cpu": None}},
                {"period": {"begin": FIRST, "end": END}, "usage": {"cpu": [1]}},
                {"period": None, "usage": {}},
            )
        ),
        *(
            (frames(**bad), "not a valid value (path: '['dataframes', 0]')")
            for bad in (
                {"vol": {"qty": 1}},
                {"vol": {"unit": "h"}},
                {"vol": {"unit": 7, "qty": 1}},
                {"vol": {"unit": "h", "qty": "many"}},
                {"vol": {"unit": "h", "qty": True}},
                {"vol": {"unit": "h", "qty": "Infinity"}},
                {"vol": {"unit": "h", "qty": "1e99"}},
                {"rating": {"price": "free"}},
                {"rating": []},
                {"groupby": {}},
                {"groupby": {"project_id": ""}},
                {"groupby": {"project_id": ["p1"]}},
                {"metadata": [1]},
            )
        ),
        (
            {"dataframes": [{"period": {"begin": "x", "end": END}, "usage": {}}]},
            "not a valid time (path: '['begin']') (path: '['dataframes', 0]')",
        ),
        (
            {"dataframes": [{"period": {"begin": END, "end": FIRST}, "usage": {}}]},
            "ends before it begins (path: '['dataframes', 0]')",
        ),
    ],
)
async def test_dataframes_that_are_none(desk: Desk, body: Any, said: str) -> None:
    await desk.yard.scope("p1", LAST)
    answer = await desk.post("/v2/dataframes", body)
    assert answer.said[0] == 400 and said in answer.said[1]
    assert await desk.yard.usage.periods("p1", 0, LAST) == []
    assert (await desk.post("/v2/dataframes", body, "member")).said == (403, FORBIDDEN)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("filters=project_id", 400, "invalid key:value association project_id"),
        ("filters=a:b:c", 400, "invalid key:value association a:b:c"),
        ("filters=type:cpu,oops", 400, "invalid key:value association oops"),
        ("begin=yesterday", 400, "not a valid time (path: '['begin']')"),
        ("end=9999999999999", 400, "not a valid time (path: '['end']')"),
        ("begin=2027-01-01&begin=2027-01-02", 400, "length of value must be 1"),
        ("limit=0", 400, "value must be at least 1"),
        ("offset=-1", 400, "value must be at least 0"),
        ("colour=red", 400, "extra keys not allowed"),
    ],
)
@pytest.mark.parametrize("path", ["/v2/dataframes", "/v2/summary"])
async def test_usage_that_cannot_be_read(
    desk: Desk, path: str, query: str, status: int, said: str
) -> None:
    answer = await desk.get(f"{path}?{query}")
    assert answer.said[0] == status and said in answer.said[1]


async def test_where_there_is_no_usage(desk: Desk) -> None:
    assert (await desk.get("/v2/dataframes")).said == (404, NONE)
    answer = await desk.get("/v2/summary?groupby=type")
    assert answer.status == 200
    assert answer.body == {"total": 0, "columns": [], "results": [], "format": "table"}
    # Who has no scope sees an empty one, not that it is forbidden.
    for path, name in (("/v2/dataframes", "dataframes"), ("/v2/summary", "results")):
        answer = await desk.get(path, "guest")
        assert answer.status == 200 and (answer.body["total"], answer.body[name]) == (0, [])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "groupby=time-x",
            "Invalid groupby time option. There is no groupby processing for [time-x].",
        ),
        (
            "groupby=type,time-",
            "Invalid groupby time option. There is no groupby processing for [time-].",
        ),
        ("response_format=xml", "response_format [xml] is neither table nor object."),
        ("custom_fields=sum(qty)", "custom_fields"),
    ],
)
async def test_a_summary_that_cannot_be(desk: Desk, query: str, said: str) -> None:
    answer = await desk.get(f"/v2/summary?{query}")
    assert answer.said[0] == 400 and said in answer.said[1]


async def test_a_summary_of_too_many_groups(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.yard.scope("p1", LAST)
    body = frames()
    (frame,) = body["dataframes"]
    frame["usage"] = {str(n): frame["usage"]["cpu"] for n in range(4)}
    assert (await desk.post("/v2/dataframes", body)).status == 204
    query = "/v2/summary?begin=2027-01-01&groupby=type"
    assert (await desk.get(query)).body["total"] == 4
    monkeypatch.setattr("odimra.rating.summary.MOST", 3)
    assert (await desk.get(query)).said[0] == 400


# Modules


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/zz", None, 404, "Module 'zz' not found"),
        ("PUT", "/zz", {"enabled": True}, 404, "Module 'zz' not found"),
        ("PUT", "/noop", {"enabled": "yes"}, 400, "expected bool"),
        ("PUT", "/noop", {"priority": "high"}, 400, "expected int"),
        ("PUT", "/noop", {"priority": -1}, 400, "expected int"),
        ("PUT", "/noop", {"foo": 1}, 400, "extra keys not allowed"),
        ("PUT", "/pyscripts", {"enabled": True}, 501, "pyscripts is not supported"),
        ("POST", "", {}, 405, "The method is not allowed"),
    ],
)
async def test_errors_of_modules(
    desk: Desk, method: str, path: str, body: Any, status: int, said: str
) -> None:
    answer = await desk.ask(method, f"/v2/rating/modules{path}", body)
    assert answer.said[0] == status and said in answer.said[1]


# Rules of hashmap


async def known(desk: Desk) -> dict[str, str]:
    """Ids of what there is, by the names that the tables below have for them."""
    cpu = (await desk.made("services", {"name": "cpu"}))["service_id"]
    flavor = (await desk.made("fields", {"name": "flavor", "service_id": cpu}))["field_id"]
    group = (await desk.made("groups", {"name": "g"}))["group_id"]
    rule = {"field_id": flavor, "value": "m1", "cost": 1}
    mapping = (await desk.made("mappings", rule))["mapping_id"]
    level = {"service_id": cpu, "level": 5, "cost": 1}
    threshold = (await desk.made("thresholds", level))["threshold_id"]
    return {
        "<cpu>": cpu,
        "<flavor>": flavor,
        "<group>": group,
        "<mapping>": mapping,
        "<threshold>": threshold,
    }


def filled(value: Any, ids: dict[str, str]) -> Any:
    """Put ids where a table names them."""
    if isinstance(value, dict):
        return {name: filled(one, ids) for name, one in value.items()}
    if isinstance(value, str):
        for name, id in ids.items():
            value = value.replace(name, id)
    return value


PAST = "2027-01-15T07:00:00Z"
RULES: list[tuple[str, str, Any, int, str]] = [
    ("POST", "services", {"name": "cpu"}, 409, "Service cpu already exists (UUID: <cpu>)"),
    ("POST", "services", {}, 400, "name: has to be a text of at most 255 characters"),
    ("POST", "services", {"name": " "}, 400, "name: has to be a text of at most 255 characters"),
    ("POST", "services", b"{", 400, MALFORMED),
    ("POST", "groups", {"name": "g"}, 409, "Group g already exists (UUID: <group>)"),
    (
        *("POST", "fields", {"name": "flavor", "service_id": "<cpu>"}, 409),
        "Field flavor already exists (UUID: <flavor>)",
    ),
    (
        *("POST", "fields", {"name": "os", "service_id": "x"}, 404),
        "No such service: None (UUID: x)",
    ),
    (
        *("POST", "mappings", {"field_id": "<flavor>", "value": "m1", "cost": 2}, 409),
        "Mapping 'm1' already exists for field '<flavor>', tenant: 'None'",
    ),
    ("POST", "mappings", {"cost": 1}, 400, "You must specify one parent."),
    (
        *("POST", "mappings", {"service_id": "<cpu>", "field_id": "<flavor>", "cost": 1}, 400),
        "You can only specify one parent.",
    ),
    (
        *("POST", "mappings", {"service_id": "<cpu>", "value": "m", "cost": 1}, 400),
        "You can't specify a value and a service_id.",
    ),
    (
        *("POST", "mappings", {"field_id": "<flavor>", "cost": 1}, 400),
        "You must specify a value for a field mapping.",
    ),
    (
        *("POST", "mappings", {"service_id": "<cpu>", "cost": 1, "start": PAST}, 400),
        (
            "Cannot create a rule with start in the past. start=[2027-01-15 07:00:00] "
            "current time=[2027-01-15 08:00:00]."
        ),
    ),
    (
        *("PUT", "mappings/<mapping>", {"cost": 2}, 400),
        (
            "You are allowed to update only the attribute [end] as this rule is already running "
            "as it started on [2027-01-15 08:00:00]"
        ),
    ),
    ("GET", "mappings/x", None, 404, "No such mapping: None (UUID: x)"),
    ("PUT", "mappings/x", {"cost": 2}, 404, "No such mapping: None (UUID: x)"),
    ("DELETE", "mappings", {"mapping_id": "x"}, 404, "No such mapping: None (UUID: x)"),
    (
        *("POST", "thresholds", {"service_id": "<cpu>", "level": "5.0", "cost": 3}, 409),
        "Threshold '5' already exists for service '<cpu>', tenant: 'None'",
    ),
    ("POST", "thresholds", {"level": 1, "cost": 3}, 400, "You must specify one parent."),
    (
        *("POST", "thresholds", {"service_id": "<cpu>", "cost": 3}, 400),
        "level: has to be a number",
    ),
    ("POST", "thresholds", {"service_id": "<cpu>", "level": 7}, 400, "cost: has to be a number"),
    ("GET", "thresholds/x", None, 404, "No such threshold: None (UUID: x)"),
    ("GET", "services/x", None, 404, "No such service: None (UUID: x)"),
    ("GET", "fields/x", None, 404, "No such field: None (UUID: x)"),
    ("GET", "groups/x", None, 404, "No such group: None (UUID: x)"),
    ("DELETE", "services", {}, 400, "service_id: is missing"),
    ("DELETE", "services", {"service_id": "x"}, 404, "No such service: None (UUID: x)"),
    ("GET", "mappings/group?mapping_id=<mapping>", None, 404, "The mapping has no group."),
    ("GET", "nothing", None, 404, "The requested URL was not found on the server."),
    ("POST", "types", {}, 405, "The method is not allowed for the requested URL."),
    (
        *("POST", "mappings", {"service_id": "<cpu>", "cost": 1, "tennant_id": "p1"}, 400),
        "Unknown attribute: tennant_id",
    ),
    ("POST", "services", {"name": "ram", "cost": 1}, 400, "Unknown attribute: cost"),
    ("PUT", "thresholds/<threshold>", {"costs": 2}, 400, "Unknown attribute: costs"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "said"), RULES)
async def test_errors_of_rules(
    desk: Desk, method: str, path: str, body: Any, status: int, said: str
) -> None:
    ids = await known(desk)
    rev = (await desk.yard.rules.book()).rev
    path = filled(path, ids)
    answer = await desk.ask(method, f"{HASHMAP}/{path}", filled(body, ids))
    assert answer.said == (status, filled(said, ids))
    assert (await desk.ask(method, f"{HASHMAP}/{path}", b"{", "member")).status in (403, 404, 405)
    assert (await desk.yard.rules.book()).rev == rev


async def test_a_mapping_is_deleted_once(desk: Desk) -> None:
    ids = await known(desk)
    body = {"mapping_id": ids["<mapping>"]}
    assert (await desk.ask("DELETE", f"{HASHMAP}/mappings/", body)).status == 204
    answer = await desk.ask("DELETE", f"{HASHMAP}/mappings/", body)
    assert answer.said == (404, f"No such mapping: None (UUID: {ids['<mapping>']})")
