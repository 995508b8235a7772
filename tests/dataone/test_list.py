"""Lists: every filter, every order, every bad value, pages to the end; as the document has them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urljoin

import pytest

from odimra.jobs.submission.model import STATUSES
from tests.dataone.conftest import JOBS, Desk

#: How a filter is named, and where a job shows what it is of.
SHOWN: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "status": ("status",),
    "queue": ("queue",),
    "contract": ("contract",),
    "workflowTemplateId": ("contractActionWorkflowInstance", "workflowTemplateId"),
    "workflowTemplateName": ("contractActionWorkflowInstance", "workflowTemplateName"),
    "workflowTemplateRevision": ("contractActionWorkflowInstance", "workflowTemplateRevision"),
    "extIPID": ("extIPID",),
    "submittedBy": ("submittedBy",),
    "dfiid": ("dfic", "dfiid"),
    "lcid": ("dfic", "lcid"),
    "actor": ("actor",),
    "contractAction": ("contractAction",),
    "contractType": ("contractType",),
    "contractActionTrigger": ("contractActionTrigger",),
}
TIMES = {
    "createdAtFrom": "createdAt", "createdAtTo": "createdAt", "updatedAtFrom": "updatedAt",
    "updatedAtTo": "updatedAt",
}  # fmt: skip
SORTS = (
    "id", "status", "queue", "contract", "workflowTemplateId", "workflowTemplateName",
    "workflowTemplateRevision", "submittedBy", "createdAt", "updatedAt",
)  # fmt: skip
SCRIPT = {"executeScript": {"pipeline": [{"@element": "search", "type": "UserType"}]}}


def value(job: dict[str, Any], name: str) -> Any:
    found: Any = job
    for part in SHOWN.get(name, (name,)):
        found = found[part]
    return found


@pytest.fixture
async def jobs(desk: Desk) -> list[dict[str, Any]]:
    """A dozen jobs that differ in everything in which they can, newest first."""
    login = {"UserName": "chief", "Password": "correct horse battery"}
    opened = await desk.ask("POST", "/redfish/v1/SessionService/Sessions", login, None)
    token = {"X_Auth_Token": opened.headers["X-Auth-Token"]}
    for number in range(12):
        body: dict[str, Any] = {"contractName": "machines", "actionName": "rehearse"}
        if number % 3 == 0:
            body = {"contractName": "records", "actionName": "script", "actionVariables": SCRIPT}
        if number % 2:
            body["extIPID"] = f"k{number}"
        if number % 4 == 0:
            made = await desk.ask("POST", JOBS, body, None, **token)
        else:
            made = await desk.ask("POST", JOBS, body)
        assert made.status == 201
        await desk.bring(made.body["id"], STATUSES[number % 6])
    found = (await desk.get()).body
    assert "next" not in found
    listed: list[dict[str, Any]] = found["jobs"]
    assert [one["id"] for one in listed] == [str(number) for number in range(12, 0, -1)]
    return listed


async def ids(desk: Desk, query: str) -> list[str]:
    answer = await desk.get(f"{JOBS}?{query}")
    assert answer.status == 200, answer.body
    return [one["id"] for one in answer.body["jobs"]]


@pytest.mark.parametrize("name", SHOWN)
async def test_each_filter_is_an_exact_match(
    desk: Desk, jobs: list[dict[str, Any]], name: str
) -> None:
    values = {value(one, name) for one in jobs} - {None}
    assert values
    for wanted in values:
        expected = [one["id"] for one in jobs if value(one, name) == wanted]
        assert await ids(desk, f"{name}={quote(wanted, safe='')}") == expected
    if name == "status":
        return
    other = "9999" if name in ("id", "workflowTemplateId", "workflowTemplateRevision") else "none"
    assert await ids(desk, f"{name}={other}") == []
    if name not in ("id", "workflowTemplateId", "workflowTemplateRevision"):
        part = min(values)[:-1] or "x"
        assert await ids(desk, f"{name}={quote(part, safe='')}") == [], "no part of it"
        assert await ids(desk, f"{name}={quote(min(values).swapcase(), safe='')}") in (
            [], [one["id"] for one in jobs if value(one, name) == min(values).swapcase()],
        )  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
async def test_times_include_their_bounds(
    desk: Desk, jobs: list[dict[str, Any]], name: str
) -> None:
    for bound in sorted({one[TIMES[name]] for one in jobs}):
        expected = [
            one["id"]
            for one in jobs
            if (one[TIMES[name]] >= bound if name.endswith("From") else one[TIMES[name]] <= bound)
        ]
        assert await ids(desk, f"{name}={quote(bound, safe='')}") == expected
        # With another zone, whose plus has become a blank on its way.
        there = bound.replace("Z", "+00:00")
        assert await ids(desk, f"{name}={there}") == expected


async def test_filters_together_all_count(desk: Desk, jobs: list[dict[str, Any]]) -> None:
    query = "contract=records&submittedBy=chief&status=SUBMITTED"
    wanted = ("records", "chief", "SUBMITTED")
    expected = [
        one["id"] for one in jobs if (one["contract"], one["submittedBy"], one["status"]) == wanted
    ]
    assert expected and await ids(desk, query) == expected
    assert (
        await ids(desk, "createdAtFrom=2030-01-01T00:00:00Z&createdAtTo=2020-01-01T00:00:00Z") == []
    )


@pytest.mark.parametrize("name", SORTS)
@pytest.mark.parametrize("sign", ["+", "%2B", "%20", "", "-"])
async def test_each_order_with_each_sign(
    desk: Desk, jobs: list[dict[str, Any]], name: str, sign: str
) -> None:
    def order(job: dict[str, Any]) -> tuple[Any, int]:
        found = value(job, name)
        numeric = name in ("id", "workflowTemplateId", "workflowTemplateRevision")
        return (int(found) if numeric else found, int(job["id"]))

    expected = [one["id"] for one in sorted(jobs, key=order, reverse=sign == "-")]
    assert await ids(desk, f"sort={sign}{name}") == expected
    found: list[str] = []
    link = f"{JOBS}?sort={sign}{name}&maxItems=5"
    for size in (5, 5, 2):
        page = (await desk.get(link)).body
        assert len(page["jobs"]) == size
        found += [one["id"] for one in page["jobs"]]
        if size == 5:
            assert re.match(rf"^{JOBS}\?", page["next"])
            link = urljoin(link, page["next"])
    assert "next" not in page and found == expected


async def test_a_link_has_the_filters_in_it(desk: Desk, jobs: list[dict[str, Any]]) -> None:
    first = (await desk.get(f"{JOBS}?submittedBy=admin&maxItems=4")).body
    second = (await desk.get(first["next"])).body
    both = [*first["jobs"], *second["jobs"]]
    assert {one["submittedBy"] for one in both} == {"admin"} and len(both) == 8


async def test_a_page_is_100_jobs(desk: Desk) -> None:
    for _ in range(101):
        await desk.submit()
    first = (await desk.get()).body
    assert len(first["jobs"]) == 100
    assert [one["id"] for one in (await desk.get(first["next"])).body["jobs"]] == ["1"]
    assert len((await desk.get(f"{JOBS}?maxItems=1000")).body["jobs"]) == 101


@pytest.mark.parametrize(
    ("query", "said"),
    [
        *((f"maxItems={bad}", "maxItems: ") for bad in ("0", "-1", "1001", "x", "1.5", "%C2%B2")),
        *((f"{name}={bad}", f"{name}: has to be a whole number")
          for name in ("id", "workflowTemplateId", "workflowTemplateRevision")
          for bad in ("x", "-1", "1e3", "", "%C2%B2", "9" * 16)),
        *((f"status={bad}", "status: has to be one of SUBM") for bad in ("NONE", "running", "")),
        *((f"{name}={bad}", f"{name}: has to ")
          for name in TIMES
          for bad in ("x", "", "2026-11-23", "2026-11-23T10:00:00", "2026-13-01T00:00:00Z")),
        *((f"sort={bad}", "sort: has to be") for bad in ("x", "", "*id", "--id", "dfiid", "ID")),
        *((f"cursor={bad}", "cursor: ") for bad in ("x", "", "e30", "%00", "WyJhIl0")),
        ("color=red", "color: is no parameter"),
        ("status=RUNNING&status=ERROR", "status: is there more than once"),
        ("sort=id&sort=-id", "sort: is there more than once"),
        *((f"{name}=", f"{name}: is empty") for name in ("queue", "contract", "extIPID", "actor")),
    ],
)  # fmt: skip
async def test_what_is_not_understood_is_refused(desk: Desk, query: str, said: str) -> None:
    answer = await desk.get(f"{JOBS}?{query}")
    assert answer.status == 400 and answer.said[1].startswith(said), answer.body


async def test_a_cursor_is_of_its_list(desk: Desk, jobs: list[dict[str, Any]]) -> None:
    link = (await desk.get(f"{JOBS}?maxItems=5")).body["next"]
    for other in ("&sort=%2Bid", "&submittedBy=admin"):
        answer = await desk.get(link + other)
        assert answer.said == (400, "cursor: is none that this list has given")
