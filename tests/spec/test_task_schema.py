"""Task v1_7_4, TaskCollection and TaskService v1_3_0: one test per rule of their schemas.

The rules are told in our own words.
"""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest

from tests.spec.conftest import UserOf
from tests.support.http import Answer, Client
from tests.support.work import (
    FINAL,
    TASK_SERVICE,
    TASKS,
    cancel,
    firmware,
    reset,
    update,
    wait,
    wait_for,
)

STATES = {
    *("New", "Starting", "Running", "Suspended", "Interrupted", "Pending", "Stopping"),
    *("Completed", "Exception", "Service", "Cancelling", "Cancelled"),
}
DURATION = re.compile(r"P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
TASK_EVENTS = {
    *("TaskStarted", "TaskCompletedOK", "TaskCompletedWarning", "TaskAborted", "TaskCancelled"),
    *("TaskRemoved", "TaskPaused", "TaskResumed", "TaskProgressChanged"),
}


@pytest.fixture
def running(admin: Client):
    """A reset that never ends by itself, cancelled after the test."""
    answer = reset(admin, "endless")
    assert answer.status == 202, answer.body
    wait_for(admin, answer.body["@odata.id"], PercentComplete=40)
    yield answer
    cancel(admin, answer)


@pytest.fixture
def task_service(admin: Client):
    """The TaskService's writable properties, put back after the test."""
    names = ("ServiceEnabled", "TaskAutoDeleteTimeoutMinutes", "TaskMonitorAutoExpirySeconds")
    before = admin.get(TASK_SERVICE).body
    yield admin
    back = {name: before[name] for name in names if name in before}
    assert admin.patch(TASK_SERVICE, back).status in (200, 204)


def task_of(client: Client, answer: Answer) -> dict:
    """The Task that a 202 started."""
    return client.get(answer.body["@odata.id"]).body


def finished(client: Client, machine: str) -> dict:
    """The Task of a reset that has ended."""
    answer = reset(client, machine)
    wait(client, answer.headers["Location"])
    return task_of(client, answer)


# TaskCollection and allowed methods


def test_the_task_collection_takes_no_post(admin: Client) -> None:
    """TaskCollection: not insertable. POST is 405 and Allow does not list it."""
    answer = admin.post(TASKS, {"Name": "mine"})
    assert answer.status == 405
    assert admin.get(TASKS).allow() == answer.allow() == {"GET", "HEAD"}


def test_a_task_is_read_and_deleted_but_not_changed(admin: Client, running: Answer) -> None:
    """Task: deletable, not updatable. PATCH and PUT are 405 and Allow lists neither."""
    uri = running.body["@odata.id"]
    assert admin.get(uri).allow() == {"GET", "HEAD", "DELETE"}
    assert admin.patch(uri, {"TaskState": "Completed"}).status == 405
    assert admin.request("PUT", uri, {}).status == 405
    assert admin.get(uri).body["TaskState"] == "Running"


def test_the_task_service_is_read_and_changed(admin: Client) -> None:
    """TaskService: updatable only, and for nothing else are there methods in Allow."""
    assert admin.get(TASK_SERVICE).allow() == {"GET", "HEAD", "PATCH"}


def test_the_collection_counts_and_links_every_task(admin: Client, running: Answer) -> None:
    """TaskCollection: Members holds links; Members@odata.count is their total."""
    body = admin.get(TASKS).body
    assert body["Members@odata.count"] == len(body["Members"])
    assert running.body["@odata.id"] in [one["@odata.id"] for one in body["Members"]]


# TaskService


def test_completed_task_over_write_policy_is_told_and_read_only(admin: Client) -> None:
    """TaskService: CompletedTaskOverWritePolicy is Manual or Oldest, and read-only."""
    policy = admin.get(TASK_SERVICE).body["CompletedTaskOverWritePolicy"]
    assert policy in ("Manual", "Oldest")
    other = "Manual" if policy == "Oldest" else "Oldest"
    answer = admin.patch(TASK_SERVICE, {"CompletedTaskOverWritePolicy": other})
    assert answer.status == 400
    assert any("PropertyNotWritable" in one for one in answer.message_ids())
    assert admin.get(TASK_SERVICE).body["CompletedTaskOverWritePolicy"] == policy


def test_life_cycle_event_on_task_state_change_is_told(admin: Client) -> None:
    """TaskService: LifeCycleEventOnTaskStateChange says whether a state change sends an event."""
    assert isinstance(admin.get(TASK_SERVICE).body["LifeCycleEventOnTaskStateChange"], bool)


def test_date_time_has_seconds_and_an_offset(admin: Client) -> None:
    """TaskService: DateTime is the service's time with its offset from UTC."""
    told = datetime.fromisoformat(admin.get(TASK_SERVICE).body["DateTime"])
    assert told.utcoffset() is not None


@pytest.mark.parametrize("value", [0, -1, "60", 1.5, True])
def test_auto_delete_takes_whole_minutes_from_one(task_service: Client, value: object) -> None:
    """TaskService v1_2_0: TaskAutoDeleteTimeoutMinutes is an integer of at least 1."""
    before = task_service.get(TASK_SERVICE).body["TaskAutoDeleteTimeoutMinutes"]
    answer = task_service.patch(TASK_SERVICE, {"TaskAutoDeleteTimeoutMinutes": value})
    assert answer.status == 400
    assert "TaskAutoDeleteTimeoutMinutes" in json.dumps(answer.body)
    assert task_service.get(TASK_SERVICE).body["TaskAutoDeleteTimeoutMinutes"] == before


def test_auto_delete_is_writable(task_service: Client) -> None:
    """TaskService v1_2_0: TaskAutoDeleteTimeoutMinutes is read-write."""
    answer = task_service.patch(TASK_SERVICE, {"TaskAutoDeleteTimeoutMinutes": 77})
    assert answer.status in (200, 204)
    assert task_service.get(TASK_SERVICE).body["TaskAutoDeleteTimeoutMinutes"] == 77


@pytest.mark.parametrize("value", [0, 30, None])
def test_monitor_expiry_is_writable_and_may_be_null(task_service: Client, value: object) -> None:
    """TaskService v1_3_0: TaskMonitorAutoExpirySeconds is an integer from 0, or null."""
    answer = task_service.patch(TASK_SERVICE, {"TaskMonitorAutoExpirySeconds": value})
    assert answer.status in (200, 204)
    assert task_service.get(TASK_SERVICE).body["TaskMonitorAutoExpirySeconds"] == value


@pytest.mark.parametrize("value", [-1, "30", 0.5, True])
def test_monitor_expiry_refuses_anything_else(task_service: Client, value: object) -> None:
    """TaskService v1_3_0: TaskMonitorAutoExpirySeconds is an integer from 0, or null."""
    answer = task_service.patch(TASK_SERVICE, {"TaskMonitorAutoExpirySeconds": value})
    assert answer.status == 400
    assert "TaskMonitorAutoExpirySeconds" in json.dumps(answer.body)


def test_a_monitor_expires_after_its_result_was_read(task_service: Client) -> None:
    """TaskService v1_3_0: that long after the monitor of a completed task was read, it is gone."""
    task_service.patch(TASK_SERVICE, {"TaskMonitorAutoExpirySeconds": 0})
    answer = reset(task_service, "quick-1")
    assert wait(task_service, answer.headers["Location"]).status in (200, 204)
    assert task_service.get(answer.headers["Location"]).status in (404, 410)
    assert task_service.get(answer.body["@odata.id"]).status == 200


def test_a_monitor_does_not_expire_before_its_result_was_read(task_service: Client) -> None:
    """TaskService v1_3_0: the time counts from reading the monitor, not from the end."""
    task_service.patch(TASK_SERVICE, {"TaskMonitorAutoExpirySeconds": 0})
    answer = reset(task_service, "quick-1")
    wait_for(task_service, answer.body["@odata.id"], TaskState="Completed")
    assert task_service.get(answer.headers["Location"]).status in (200, 204)


def test_delete_all_completed_tasks_leaves_only_what_runs(admin: Client, running: Answer) -> None:
    """TaskService v1_3_0: DeleteAllCompletedTasks deletes Completed, Cancelled and Exception."""
    ended = [finished(admin, machine) for machine in ("quick-1", "failing")]
    cancelled = reset(admin, "endless", "ForceOff")
    admin.delete(cancelled.headers["Location"])
    wait_for(admin, cancelled.body["@odata.id"], TaskState="Cancelled")
    action = admin.get(TASK_SERVICE).body["Actions"]["#TaskService.DeleteAllCompletedTasks"]
    assert admin.post(action["target"]).status in (200, 204)
    for uri in [*(task["@odata.id"] for task in ended), cancelled.body["@odata.id"]]:
        assert admin.get(uri).status == 404
    assert admin.get(running.body["@odata.id"]).status == 200


def test_a_disabled_task_service_starts_no_task(task_service: Client) -> None:
    """TaskService: ServiceEnabled false means that the service is disabled."""
    assert task_service.patch(TASK_SERVICE, {"ServiceEnabled": False}).status in (200, 204)
    assert task_service.get(TASK_SERVICE).body["Status"]["State"] == "Disabled"
    assert reset(task_service, "quick-1").status == 503
    assert task_service.patch(TASK_SERVICE, {"ServiceEnabled": True}).status in (200, 204)
    answer = reset(task_service, "quick-1")
    assert answer.status == 202
    wait(task_service, answer.headers["Location"])


def test_the_service_root_links_the_task_service_as_tasks(admin: Client) -> None:
    """ServiceRoot: the link to the TaskService is called Tasks."""
    root = admin.get("/redfish/v1/").body
    assert root["Tasks"]["@odata.id"] == TASK_SERVICE
    assert admin.get(TASK_SERVICE).body["Tasks"]["@odata.id"] == TASKS


# Task: states and times


def test_every_task_is_in_a_state_of_the_schema_and_none_is_killed(
    admin: Client, running: Answer
) -> None:
    """Task v1_7_4: TaskState is one of the enumeration; Killed is deprecated."""
    finished(admin, "quick-1")
    for one in admin.get(TASKS).body["Members"]:
        assert admin.get(one["@odata.id"]).body["TaskState"] in STATES


def test_end_time_appears_only_in_a_final_state(admin: Client, running: Answer) -> None:
    """Task: EndTime shall not appear before the end, and is no earlier than StartTime."""
    assert "EndTime" not in task_of(admin, running)
    for machine in ("quick-1", "failing"):
        task = finished(admin, machine)
        assert task["TaskState"] in FINAL
        assert datetime.fromisoformat(task["EndTime"]) >= datetime.fromisoformat(task["StartTime"])


def test_times_have_seconds_and_an_offset(admin: Client) -> None:
    """Date-Time: YYYY-MM-DDThh:mm:ss, a fraction if any, and Z or an offset."""
    task = finished(admin, "quick-1")
    for name in ("StartTime", "EndTime"):
        pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
        assert re.fullmatch(pattern, task[name])


def test_task_status_is_not_set_before_the_end(admin: Client, running: Answer) -> None:
    """Task: TaskStatus shall not be set until the task has completed."""
    assert task_of(admin, running).get("TaskStatus") is None


@pytest.mark.parametrize(("machine", "status"), [("quick-1", "OK"), ("failing", "Critical")])
def test_task_status_is_the_worst_severity_of_the_messages(
    admin: Client, machine: str, status: str
) -> None:
    """Task: Critical if a message is, else Warning if one is, else OK."""
    task = finished(admin, machine)
    severities = {message["MessageSeverity"] for message in task["Messages"]}
    worst = next(one for one in ("Critical", "Warning", "OK") if one in {*severities, "OK"})
    assert task["TaskStatus"] == worst == status


def test_percent_complete_is_zero_before_the_start(admin: Client, running: Answer) -> None:
    """Task: PercentComplete is 0 to 100, and zero as long as the task was not started."""
    waiting = reset(admin, "endless")
    task = task_of(admin, waiting)
    assert task["TaskState"] in ("New", "Pending")
    assert task["PercentComplete"] == 0
    cancel(admin, waiting)


def test_percent_complete_never_falls_and_ends_at_100(admin: Client) -> None:
    """Task: PercentComplete is the progress, 0 to 100."""
    answer = reset(admin, "slow")
    seen = []
    while (task := task_of(admin, answer))["TaskState"] not in FINAL:
        seen.append(task["PercentComplete"])
    seen.append(task["PercentComplete"])
    assert seen == sorted(seen)
    assert seen[-1] == 100
    assert len(set(seen)) >= 4


def test_estimated_duration_is_an_iso_duration(admin: Client) -> None:
    """Task v1_6_0: EstimatedDuration, if told, is an ISO 8601 duration up to days."""
    told = task_of(admin, reset(admin, "quick-1")).get("EstimatedDuration")
    assert told is None or DURATION.fullmatch(told)


def test_task_monitor_is_the_uri_of_the_monitor(admin: Client, running: Answer) -> None:
    """Task v1_2_0: TaskMonitor is the URI of the task monitor."""
    monitor = task_of(admin, running)["TaskMonitor"]
    assert monitor == running.headers["Location"]
    assert admin.get(monitor).status == 202


# Task: payload


def test_the_payload_is_the_request(admin: Client) -> None:
    """Task v1_3_0.

    Payload tells operation and target, the headers as an array, the body as text.
    """
    answer = reset(admin, "quick-1", "ForceRestart")
    payload = task_of(admin, answer)["Payload"]
    assert payload["HttpOperation"] == "POST"
    assert payload["TargetUri"].endswith("/quick-1/Actions/ComputerSystem.Reset")
    assert all(isinstance(line, str) for line in payload["HttpHeaders"])
    assert isinstance(payload["HttpHeaders"], list)
    assert json.loads(payload["JsonBody"]) == {"ResetType": "ForceRestart"}
    wait(admin, answer.headers["Location"])


def test_the_payload_holds_no_credentials(admin: Client) -> None:
    """13.3: neither the token of the session nor a password in the body is to be read in a task."""
    secret = "hunter2-hunter2"
    body = {
        "ImageURI": "https://images.test/a.bin",
        "Username": "someone",
        "Password": secret,
        "Targets": [firmware("quick-1")],
    }
    action = "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate"
    answer = admin.post(action, body)
    assert answer.status == 202, answer.body
    wait(admin, answer.headers["Location"])
    shown = json.dumps(task_of(admin, answer))
    assert secret not in shown
    assert str(admin.token) not in shown
    assert "x-auth-token" not in shown.lower()


def test_hide_payload_goes_with_the_payload(admin: Client, running: Answer) -> None:
    """Task v1_3_0: HidePayload shall be there if Payload is; Payload is absent when it is true."""
    for one in admin.get(TASKS).body["Members"]:
        task = admin.get(one["@odata.id"]).body
        assert ("Payload" in task) == (task["HidePayload"] is False)


# Task: messages


def test_messages_are_message_objects(admin: Client) -> None:
    """Task and Message v1_3_0: MessageId is required, MessageSeverity one of three, no Severity."""
    for machine in ("quick-1", "failing"):
        messages = finished(admin, machine)["Messages"]
        assert messages
        for message in messages:
            assert re.fullmatch(r"[A-Za-z0-9]+\.\d+\.\d+\.[A-Za-z0-9]+", message["MessageId"])
            assert message["MessageSeverity"] in ("OK", "Warning", "Critical")
            assert message["Message"]
            assert "Severity" not in message


@pytest.mark.parametrize(
    ("machine", "last"), [("quick-1", "TaskCompletedOK"), ("failing", "TaskAborted")]
)
def test_lifecycle_messages_are_those_of_the_task_event_registry(
    admin: Client, machine: str, last: str
) -> None:
    """TaskEvent 1.0: TaskStarted, then the message of the end, each with the task's id."""
    task = finished(admin, machine)
    lifecycle = [one for one in task["Messages"] if one["MessageId"].startswith("TaskEvent.1.0.")]
    keys = [one["MessageId"].rsplit(".", 1)[1] for one in lifecycle]
    assert set(keys) <= TASK_EVENTS
    assert (keys[0], keys[-1]) == ("TaskStarted", last)
    assert all(one["MessageArgs"][0] == task["Id"] for one in lifecycle)


def test_a_cancelled_task_says_so(admin: Client) -> None:
    """TaskEvent 1.0 and Task v1_7_0: Cancelled with TaskCancelled, a Warning."""
    answer = reset(admin, "endless")
    wait_for(admin, answer.body["@odata.id"], TaskState="Running")
    cancel(admin, answer)
    task = task_of(admin, answer)
    assert (task["TaskState"], task["TaskStatus"]) == ("Cancelled", "Warning")
    assert task["Messages"][-1]["MessageId"] == "TaskEvent.1.0.TaskCancelled"


# Task: sub-tasks


def test_only_top_level_tasks_have_sub_tasks(admin: Client) -> None:
    """Task v1_5_0: SubTasks shall not be there if the resource is itself a sub-task."""
    answer = update(admin, "quick-1", "quick-2")
    wait(admin, answer.headers["Location"])
    task = task_of(admin, answer)
    parts = admin.get(task["SubTasks"]["@odata.id"]).body["Members"]
    assert len(parts) == 2
    for part in parts:
        shown = admin.get(part["@odata.id"])
        assert shown.status == 200
        assert "SubTasks" not in shown.body


def test_sub_tasks_are_not_in_the_task_collection(admin: Client) -> None:
    """TaskCollection: Tasks lists the tasks; a sub-task is listed by its task."""
    answer = update(admin, "quick-1", "quick-2")
    wait(admin, answer.headers["Location"])
    parts = admin.get(task_of(admin, answer)["SubTasks"]["@odata.id"]).body["Members"]
    listed = {one["@odata.id"] for one in admin.get(TASKS).body["Members"]}
    assert answer.body["@odata.id"] in listed
    assert not listed & {part["@odata.id"] for part in parts}


def test_a_sub_task_is_not_found_under_another_task(admin: Client) -> None:
    """Task: a sub-task's URI is below its own task's."""
    first, second = update(admin, "quick-1", "quick-2"), update(admin, "quick-3", "quick-1")
    for answer in (first, second):
        wait(admin, answer.headers["Location"])
    part = admin.get(f"{first.body['@odata.id']}/SubTasks").body["Members"][0]["@odata.id"]
    foreign = part.replace(first.body["Id"], second.body["Id"])
    assert admin.get(part).status == 200
    assert admin.get(foreign).status == 404


def test_a_task_is_as_far_as_its_sub_tasks_together(admin: Client) -> None:
    """Task: PercentComplete of the whole, final only when all parts are."""
    answer = update(admin, "quick-1", "endless")
    uri = answer.body["@odata.id"]
    task = wait_for(admin, uri, PercentComplete=70)  # the mean of 100 and 40
    assert task["TaskState"] == "Running"
    cancel(admin, answer)
    parts = admin.get(f"{uri}/SubTasks").body["Members"]
    assert all(admin.get(part["@odata.id"]).body["TaskState"] in FINAL for part in parts)


def test_deleting_a_task_removes_its_sub_tasks(admin: Client) -> None:
    """Task: a subordinate resource does not outlive the resource that it belongs to."""
    answer = update(admin, "quick-1", "quick-2")
    wait(admin, answer.headers["Location"])
    parts = admin.get(f"{answer.body['@odata.id']}/SubTasks").body["Members"]
    assert admin.delete(answer.body["@odata.id"]).status in (200, 204)
    for part in parts:
        assert admin.get(part["@odata.id"]).status == 404


def test_a_reader_sees_only_its_own_tasks(admin: Client, running: Answer, user_of: UserOf) -> None:
    """Privilege map: Login reads; which tasks there are depends on whose they are."""
    reader = user_of("ReadOnly")
    body = reader.get(TASKS).body
    assert (body["Members"], body["Members@odata.count"]) == ([], 0)
