"""The event tools of DMTF's `redfish_utilities`: they subscribe, hear a real reset, unsubscribe."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import Tool, run_script
from tests.support.http import Client
from tests.support.listener import Listener
from tests.support.work import TASKS, reset, wait

SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions"


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """A listener that the tool which is made to check listeners is content with."""
    with Listener() as listening:
        done = run_script(
            "rf_test_event_listener.py",
            *("--listener", listening.url, "--message", "Hello", "--header", "X-Who", "checker"),
            folder=tmp_path,
        )
        assert "Listener responded with 204" in done.stdout, done.stdout + done.stderr
        assert [record["Message"] for record in listening.records()] == ["Hello"]
        assert listening.headers[0]["X-Who"] == "checker"
        listening.payloads.clear()
        listening.headers.clear()
        yield listening


def until(true: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)  # events come by themselves


def subscribe(tool: Tool, listener: Listener, *options: str) -> str:
    """Subscribe as a person would, and return the subscription's id."""
    done = tool("rf_event_service.py", "subscribe", "--destination", listener.url, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(rf"Created subscription '\S*{SUBSCRIPTIONS}/(\S+)'", done.stdout)
    assert found is not None, done.stdout
    return found.group(1)


def test_a_reset_is_heard_from_subscribing_to_unsubscribing(
    tool: Tool, listener: Listener, admin: Client
) -> None:
    subscription = subscribe(
        tool,
        listener,
        *("--context", "mine", "--resourcetypes", "Task", "--registries", "TaskEvent"),
        *("--httpheaders", "X-Secret:hunter2"),
    )
    shown = tool("rf_event_service.py", "info")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert subscription in shown.stdout and listener.url in shown.stdout
    assert "hunter2" not in shown.stdout + str(admin.get(f"{SUBSCRIPTIONS}/{subscription}").body)

    accepted = reset(admin, "quick-1")
    task = str(accepted.body["Id"])
    assert wait(admin, str(accepted.headers["Location"])).status < 300

    def told() -> list[str]:
        return [
            record["MessageId"].rpartition(".")[2]
            for record in listener.records()
            if record["OriginOfCondition"]["@odata.id"] == f"{TASKS}/{task}"
        ]

    until(lambda: "TaskCompletedOK" in told(), told)
    assert told()[0] == "TaskStarted"
    assert told()[-1] == "TaskCompletedOK"
    assert set(told()[1:-1]) <= {"TaskProgressChanged"}
    assert {payload["Context"] for payload in listener.payloads} == {"mine"}
    assert {headers["X-Secret"] for headers in listener.headers} == {"hunter2"}
    assert admin.get(f"{TASKS}/{task}").status == 200  # the origin resolves

    done = tool("rf_event_service.py", "unsubscribe", "--id", subscription)
    assert done.returncode == 0, done.stdout + done.stderr
    assert admin.get(f"{SUBSCRIPTIONS}/{subscription}").status == 404
    heard = len(listener.records())
    with Listener() as other:
        last = subscribe(tool, other, "--registries", "TaskEvent")
        accepted = reset(admin, "quick-1")
        wait(admin, str(accepted.headers["Location"]))
        until(lambda: "TaskCompletedOK" in other.heard(), other.heard)
        assert len(listener.records()) == heard
        tool("rf_event_service.py", "unsubscribe", "--id", last)


def test_a_subscription_that_cannot_be_is_told_why(tool: Tool, admin: Client) -> None:
    done = tool("rf_event_service.py", "subscribe", "--destination", "ftp://127.0.0.1/x")
    assert done.returncode == 1
    assert "Destination" in done.stdout
    done = tool("rf_event_service.py", "unsubscribe", "--id", "none")
    assert done.returncode == 1
    assert "none" in done.stdout


def test_events_carry_their_resources_and_only_of_the_types_that_are_wanted(
    tool: Tool, listener: Listener, admin: Client, tmp_path: Path
) -> None:
    subscription = subscribe(
        tool,
        listener,
        *("--expand", "--format", "Event", "--eventtypes", "StatusChange", "ResourceRemoved"),
        *("--registries", "TaskEvent", "--resourcetypes", "Task", "--context", "mine"),
    )
    shown = tool("rf_event_service.py", "info")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Include Origin of Condition Supported: True" in shown.stdout
    assert re.search(r"Event Types: StatusChange, ResourceRemoved\n", shown.stdout), shown.stdout
    assert re.search(r"Event Format: Event\n", shown.stdout)

    task = str(reset(admin, "quick-1").body["@odata.id"])
    until(lambda: "TaskCompletedOK" in listener.heard(), listener.heard)
    assert admin.delete(task).status == 204
    until(lambda: "TaskRemoved" in listener.heard(), listener.heard)
    # Progress is a ResourceUpdated.
    assert listener.heard() == ["TaskStarted", "TaskCompletedOK", "TaskRemoved"]
    started, completed, removed = [one["OriginOfCondition"] for one in listener.records()]
    assert {one["@odata.id"] for one in (started, completed, removed)} == {task}
    assert started["@odata.type"].startswith("#Task.v1_") and completed["PercentComplete"] == 100
    assert completed["TaskState"] == "Completed"
    assert removed == {"@odata.id": task}
    assert listener.records()[-1]["OriginOfConditionUnavailable"] is True

    # What was told is a payload that the tool for listeners sends as it is.
    kept = tmp_path / "payload.json"
    kept.write_text(json.dumps(listener.payloads[-1]), "utf-8")
    with Listener() as other:
        done = run_script(
            "rf_test_event_listener.py",
            *("--listener", other.url, "--file", str(kept)),
            folder=tmp_path,
        )
        assert "Listener responded with 204" in done.stdout, done.stdout + done.stderr
        assert other.payloads == listener.payloads[-1:]
    assert tool("rf_event_service.py", "unsubscribe", "--id", subscription).returncode == 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--format", "MetricReport"), "EventFormatType"),
        (("--eventtypes", "MetricReport"), "EventTypes/0"),
        (("--registries", "TaskEvent", "Nonsense"), "RegistryPrefixes/1"),
        (("--resourcetypes", "Nonsense"), "ResourceTypes/0"),
        (("--httpheaders", "Host:hunter2"), "HttpHeaders/0"),
    ],
)
def test_what_cannot_be_subscribed_to_is_told_by_name(
    tool: Tool, admin: Client, options: tuple[str, ...], named: str
) -> None:
    before = admin.get(SUBSCRIPTIONS).body["Members@odata.count"]
    done = tool(
        "rf_event_service.py", "subscribe", "--destination", "http://127.0.0.1:1/", *options
    )
    assert done.returncode == 1
    assert named in done.stdout and "hunter2" not in done.stdout
    assert admin.get(SUBSCRIPTIONS).body["Members@odata.count"] == before


def test_test_events_arrive_as_they_were_given(
    tool: Tool, listener: Listener, admin: Client
) -> None:
    subscription = subscribe(tool, listener, "--context", "mine", "--registries", "TaskEvent")
    actions = admin.get("/redfish/v1/EventService").body["Actions"]
    submit = actions["#EventService.SubmitTestEvent"]["target"]
    announce = actions["#EventService.TestEventSubscription"]["target"]

    def post(uri: str, body: dict[str, object]) -> str:
        given = ("-m", "POST", "-req", uri, "-b", json.dumps(body), "-v")
        return str(tool("rf_raw_request.py", *given).stdout)

    event = {"MessageId": "TaskEvent.1.0.TaskAborted", "MessageArgs": ["7"], "EventId": "trial"}
    assert post(announce, {}).startswith("HTTP 204")  # not of that registry
    assert post(submit, {**event, "MessageId": "Nonsense"}).startswith("HTTP 400")
    assert post(submit, {**event, "MessageSeverity": "Critical"}).startswith("HTTP 204")
    until(lambda: "TaskAborted" in listener.heard(), listener.heard)
    (record,) = [one for one in listener.records() if one["EventId"] == "trial"]
    assert record.items() >= {**event, "MessageSeverity": "Critical"}.items()
    assert "TestMessage" not in listener.heard()

    with Listener() as other:
        everything = subscribe(tool, other)
        assert post(announce, {}).startswith("HTTP 204")
        until(lambda: "TestMessage" in other.heard(), other.heard)
        tool("rf_event_service.py", "unsubscribe", "--id", everything)
    tool("rf_event_service.py", "unsubscribe", "--id", subscription)
