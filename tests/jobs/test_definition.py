"""What a scan may be told, and what it is told is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.jobs.scanner.definition import BadScan, Scan
from odimra.records.filter import compile_filter
from tests.jobs.yard import context

NOW = 1_800_000_000_000


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return a definition in which what is at ``path`` is another value, or is not there."""
    whole = context()
    *parents, last = path.split(".")
    place = whole
    for name in parents:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return whole


def test_what_is_not_said_is_as_the_users_know_it() -> None:
    scan = Scan.load(context(recovery=None))
    assert (scan.object, scan.threads, scan.most, scan.wait) == ("managed/user", 10, None, False)
    assert scan.lease.after(NOW) == NOW
    assert (scan.started, scan.completed) == (("state", "began"), ("state", "done"))
    assert scan.script.source == "ok"


def test_flattened_configurations_say_everything_as_text() -> None:
    scan = Scan.load(context(numberOfThreads="5", maxRecords="20", waitForCompletion="TRUE"))
    assert (scan.threads, scan.most, scan.wait) == (5, 20, True)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("scan", ..., "scan: is missing"),
        ("scan", [], "scan: is no object"),
        ("scan.object", ..., "scan.object: is missing"),
        ("scan.object", " ", "scan.object: is no text, or an empty one"),
        ("scan.taskState", ..., "scan.taskState: is missing"),
        ("scan.taskState.started", 1, "scan.taskState.started: is no text, or an empty one"),
        ("scan.taskState.completed", "/", "scan.taskState.completed: names the whole record"),
        ("scan._queryFilter", ..., "scan._queryFilter: is missing"),
        ("scan._queryId", "query-all", "scan._queryFilter: cannot stand beside another query"),
        ("scan.recovery.timeout", "10 minutes", "scan.recovery.timeout"),
        ("scan.recovery.timeout", 10, "scan.recovery.timeout: is no text, or an empty one"),
        ("task", ..., "task: is missing"),
        ("task.script", "x", "task.script: is no object"),
        ("task.script.type", "groovy", "task.script.type: is not text/javascript"),
        ("task.script.source", ..., "task.script.source: is missing"),
        ("task.script", {"file": "x.js"}, "task.script.file: scripts are given by their source"),
        ("numberOfThreads", 0, "numberOfThreads: is none of 1 to 256"),
        ("numberOfThreads", 257, "numberOfThreads: is none of 1 to 256"),
        ("numberOfThreads", True, "numberOfThreads: is no whole number"),
        ("maxRecords", -1, "maxRecords: is less than 0"),
        ("maxRecords", "many", "maxRecords: is no whole number"),
        ("waitForCompletion", "perhaps", "waitForCompletion: is neither true nor false"),
    ],
)
def test_what_is_wrong_is_named(path: str, value: Any, said: str) -> None:
    with pytest.raises(BadScan) as caught:
        Scan.load(changed(path, value))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("value", [None, [], "scan", 1])
def test_a_definition_is_an_object(value: Any) -> None:
    with pytest.raises(BadScan, match="invokeContext"):
        Scan.load(value)


def test_the_filter_has_the_time_in_it() -> None:
    scan = Scan.load(context(query='/a lt "${Time.now + 1d}" and !(${taskState.completed} pr)'))
    assert scan.filter_at(NOW) == '/a lt "2027-01-16T08:00:00.000Z" and !(/state/done pr)'


@pytest.mark.parametrize("name", ["query-all", "query-all-ids"])
def test_all_records_can_be_meant(name: str) -> None:
    given = changed("scan._queryFilter", ...)
    given["scan"]["_queryId"] = name
    assert Scan.load(given).query == "true"


def test_the_stock_query_selects_what_is_due_and_not_done() -> None:
    given = changed("scan._queryFilter", ...)
    given["scan"] |= {
        "queryId": "scan-tasks",
        "property": "sunset/date",
        "condition": {"before": "${Time.now}"},
    }
    meant = compile_filter(Scan.load(given).filter_at(NOW))
    assert meant({"sunset": {"date": "2020-01-01T00:00:00.000Z"}})
    assert not meant({"sunset": {"date": "2030-01-01T00:00:00.000Z"}})
    assert not meant({"sunset": {"date": "2020-01-01T00:00:00.000Z"}, "state": {"done": "x"}})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"_queryId": "unknown"}, "there is no query of that name"),
        ({"_queryExpression": "select *"}, "a language that this service does not have"),
        ({"_queryId": "scan-tasks"}, "scan.property"),
        ({"_queryId": "scan-tasks", "property": "a"}, "scan.condition"),
        ({"_queryId": "scan-tasks", "property": "a", "condition": {}}, "scan.condition.before"),
    ],
)
def test_queries_that_there_are_not(values: dict[str, Any], said: str) -> None:
    given = changed("scan._queryFilter", ...)
    given["scan"] |= values
    with pytest.raises(BadScan, match=said):
        Scan.load(given)
