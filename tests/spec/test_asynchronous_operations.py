"""Asynchronous operations (DSP0266 "Asynchronous operations"): one test per rule on the task
monitor.

The clauses are told in our own words; "shall" and "may" are the specification's. What a Task and
the TaskService must look like is in test_task_schema.py.
"""

from __future__ import annotations

import time

import pytest

from tests.spec.conftest import UserOf
from tests.support.http import Answer, Client
from tests.support.work import (
    TASK_SERVICE,
    TASKS,
    cancel,
    firmware,
    reset,
    system,
    update,
    wait,
    wait_for,
)

# A GET that waited for the operation, which never ends, would take longer than this; seconds.
PROMPT = 10.0


@pytest.fixture
def running(admin: Client):
    """A reset that never ends by itself, cancelled after the test."""
    answer = reset(admin, "endless")
    assert answer.status == 202, answer.body
    wait_for(admin, answer.body["@odata.id"], PercentComplete=40)
    yield answer
    cancel(admin, answer)


def both_monitors(answer: Answer) -> list[str]:
    """The two URIs of the task monitor: of Location, and under the TaskService."""
    return [
        answer.headers["Location"],
        f"{TASK_SERVICE}/TaskMonitors/{answer.body['Id']}",
    ]


def test_an_operation_that_takes_longer_answers_202_with_the_monitor_in_location(
    running: Answer,
) -> None:
    """12.2.

    The response shall be 202 with a Location header that is the URI of the task monitor.
    """
    assert running.status == 202
    assert running.headers["Location"]


def test_location_is_a_path_that_clients_can_append_to_the_address(running: Answer) -> None:
    """12.2, and the DMTF's own tools: Location is used as a path, never as an absolute URL."""
    location = running.headers["Location"]
    assert location.startswith("/")
    assert not location.startswith("//")


def test_retry_after_is_whole_seconds_above_zero(running: Answer) -> None:
    """12.2: Retry-After may be given; clients take it as seconds, and 0 would be a busy loop."""
    assert int(running.headers["Retry-After"]) >= 1


def test_the_body_of_a_202_is_the_task(admin: Client, running: Answer) -> None:
    """12.2: the body of a 202 should be (in later versions: if present, shall be) the Task."""
    assert running.body["@odata.type"].startswith("#Task.v1_")
    assert admin.get(running.body["@odata.id"]).body["Id"] == running.body["Id"]


def test_both_uris_are_the_same_monitor(admin: Client, running: Answer) -> None:
    """12.2: the monitor's URI is opaque; this service offers two for each task."""
    first, second = (admin.get(uri) for uri in both_monitors(running))
    assert (
        (first.status, first.body["Id"])
        == (second.status, second.body["Id"])
        == (
            202,
            running.body["Id"],
        )
    )


def test_the_monitor_answers_202_as_long_as_the_operation_runs(
    admin: Client, running: Answer
) -> None:
    """12.2: as long as the operation is in process, a GET of the monitor shall return 202."""
    for uri in both_monitors(running) * 3:
        answer = admin.get(uri)
        assert answer.status == 202
        assert answer.headers["Location"] in both_monitors(running)
        assert answer.body["TaskState"] == "Running"


def test_a_get_of_the_monitor_does_not_wait_for_the_operation(
    admin: Client, running: Answer
) -> None:
    """12.2: a GET of the monitor shall not block while the operation runs."""
    started = time.monotonic()
    assert admin.get(running.headers["Location"]).status == 202
    assert time.monotonic() - started < PROMPT


def test_a_get_of_the_task_does_not_wait_for_the_operation(admin: Client, running: Answer) -> None:
    """12.2: a GET of the Task shall not block, and is 200 whatever the task's state is."""
    started = time.monotonic()
    answer = admin.get(running.body["@odata.id"])
    assert time.monotonic() - started < PROMPT
    assert (answer.status, answer.body["TaskState"]) == (200, "Running")


def test_after_the_end_the_monitor_returns_the_status_of_the_operation(admin: Client) -> None:
    """12.2: after completion a GET of the monitor shall return the final status code, not 202."""
    answer = reset(admin, "quick-1")
    final = wait(admin, answer.headers["Location"])
    assert final.status in (200, 204)
    assert admin.get(answer.body["@odata.id"]).body["TaskState"] == "Completed"


def test_the_final_answer_has_headers_and_body_as_if_synchronous(admin: Client) -> None:
    """12.2: headers and body are those of the operation: no Location, no Retry-After, no Task."""
    answer = reset(admin, "quick-1")
    final = wait(admin, answer.headers["Location"])
    assert final.headers.get("Location") is None
    assert final.headers.get("Retry-After") is None
    assert "#Task." not in str(final.body)
    if final.status == 204:
        assert final.content == b""


def test_the_final_answer_can_be_read_again_and_by_both_uris(admin: Client) -> None:
    """12.2: the monitor keeps its answer until it is deleted or expires."""
    answer = reset(admin, "quick-1")
    final = wait(admin, answer.headers["Location"])
    for uri in both_monitors(answer):
        again = admin.get(uri)
        assert (again.status, again.content) == (final.status, final.content)


def test_a_failed_operation_ends_in_an_error_response(admin: Client) -> None:
    """12.2.

    When the operation failed, the monitor's final status is the error's, with an error body.
    """
    answer = reset(admin, "failing")
    final = wait(admin, answer.headers["Location"])
    assert final.status >= 400
    assert final.body["error"]["code"]
    assert final.body["error"]["message"]
    assert final.message_ids()


def test_a_task_of_a_failed_operation_is_still_readable(admin: Client) -> None:
    """12.2: the Task is a resource of its own: GET is 200 although the operation failed."""
    answer = reset(admin, "failing")
    wait(admin, answer.headers["Location"])
    task = admin.get(answer.body["@odata.id"])
    assert (task.status, task.body["TaskState"]) == (200, "Exception")


def test_the_operation_takes_effect_when_it_completes_and_not_before(admin: Client) -> None:
    """12.2: 202 says that the request was accepted, not that it was carried out."""
    wait(admin, reset(admin, "slow", "On").headers["Location"])
    answer = reset(admin, "slow", "ForceOff")
    during = admin.get(system("slow")).body["PowerState"]
    assert admin.get(answer.headers["Location"]).status == 202
    wait(admin, answer.headers["Location"])
    assert (during, admin.get(system("slow")).body["PowerState"]) == ("On", "Off")


def test_a_failed_operation_changes_nothing(admin: Client) -> None:
    """12.2: a failed operation is an error response, so its change was not made."""
    before = admin.get(system("failing")).body["PowerState"]
    wait(admin, reset(admin, "failing", "ForceOff").headers["Location"])
    assert admin.get(system("failing")).body["PowerState"] == before == "On"


def test_a_running_monitor_allows_delete(admin: Client, running: Answer) -> None:
    """12.2.

    A service that supports cancellation shall list DELETE in the monitor's Allow header.
    """
    for uri in both_monitors(running):
        assert "DELETE" in admin.get(uri).allow()


def test_delete_of_the_monitor_cancels_the_operation(admin: Client) -> None:
    """12.2: a DELETE of the task monitor cancels the operation; here the Task is kept."""
    answer = reset(admin, "endless")
    deleted = admin.delete(answer.headers["Location"])
    assert deleted.status in (200, 202, 204)
    task = wait_for(admin, answer.body["@odata.id"], TaskState="Cancelled")
    assert "EndTime" in task


def test_delete_of_the_monitor_is_not_answered_202_since_the_task_stays(admin: Client) -> None:
    """12.2: a DELETE answered 202 ends with monitor and Task 404; here the Task is kept, so
    200/204.

    Clients that follow a 202 (redfishtool does) would otherwise report that cancelling failed.
    """
    answer = reset(admin, "stubborn")
    wait_for(admin, answer.body["@odata.id"], TaskState="Running")
    assert admin.delete(answer.headers["Location"]).status in (200, 204)
    assert wait(admin, answer.headers["Location"]).status in (404, 410)
    assert admin.get(answer.body["@odata.id"]).body["TaskState"] == "Cancelled"


def test_the_monitor_of_a_cancelled_task_is_gone(admin: Client) -> None:
    """TaskService v1_3_0.

    If a task is cancelled before it completes, its monitor is removed then.
    """
    answer = reset(admin, "endless")
    admin.delete(answer.headers["Location"])
    wait_for(admin, answer.body["@odata.id"], TaskState="Cancelled")
    for uri in both_monitors(answer):
        assert admin.get(uri).status in (404, 410)


def test_delete_of_the_task_cancels_the_operation_and_removes_the_task(admin: Client) -> None:
    """12.2: a DELETE of the Task also cancels; monitor and Task then answer 404 (or 410)."""
    answer = reset(admin, "endless")
    assert admin.delete(answer.body["@odata.id"]).status in (200, 202, 204)
    wait(admin, answer.headers["Location"])
    for uri in (answer.body["@odata.id"], *both_monitors(answer)):
        assert admin.get(uri).status in (404, 410)


def test_delete_of_a_completed_task_removes_task_and_monitor(admin: Client) -> None:
    """12.2: a monitor that is already deleted may answer 404 or 410."""
    answer = reset(admin, "quick-1")
    wait(admin, answer.headers["Location"])
    assert admin.delete(answer.body["@odata.id"]).status in (200, 204)
    for uri in (answer.body["@odata.id"], *both_monitors(answer)):
        assert admin.get(uri).status in (404, 410)


def test_a_delete_that_answers_202_starts_no_further_task(admin: Client) -> None:
    """12.2.

    When a DELETE of Task or monitor is itself answered 202, no additional task is started.
    """
    answer = reset(admin, "stubborn")
    wait_for(admin, answer.body["@odata.id"], TaskState="Running")
    before = admin.get(TASKS).body["Members@odata.count"]
    deleted = admin.delete(answer.body["@odata.id"])
    assert deleted.status == 202
    assert deleted.headers["Location"] in both_monitors(answer)
    assert admin.get(TASKS).body["Members@odata.count"] == before
    wait(admin, answer.headers["Location"])


def test_while_it_is_cancelling_the_monitor_answers_202_and_then_both_are_gone(
    admin: Client,
) -> None:
    """12.2: when the cancellation is finished, monitor and Task shall answer 404."""
    answer = reset(admin, "stubborn")
    wait_for(admin, answer.body["@odata.id"], TaskState="Running")
    assert admin.delete(answer.body["@odata.id"]).status == 202
    assert admin.get(answer.headers["Location"]).status == 202
    assert admin.get(answer.body["@odata.id"]).body["TaskState"] == "Cancelling"
    assert wait(admin, answer.headers["Location"]).status == 404
    assert admin.get(answer.body["@odata.id"]).status == 404


def test_an_unknown_monitor_is_404(admin: Client) -> None:
    """12.2: there is no monitor for a task that never was."""
    for uri in ("/taskmon/task-no-such", f"{TASK_SERVICE}/TaskMonitors/task-no-such"):
        answer = admin.get(uri)
        assert answer.status == 404
        assert answer.message_ids()


def test_get_and_patch_are_synchronous(admin: Client) -> None:
    """12.2: GET, PUT and PATCH should be synchronous even in a service with long operations."""
    assert admin.get(system("quick-1")).status == 200
    current = admin.get(TASK_SERVICE).body["TaskAutoDeleteTimeoutMinutes"]
    changed = admin.patch(TASK_SERVICE, {"TaskAutoDeleteTimeoutMinutes": current})
    assert changed.status in (200, 204)


def test_a_client_need_not_ask_for_an_asynchronous_answer(admin: Client) -> None:
    """12.2.

    A client shall be able to handle either; 202 needs no Prefer header, which is OData's.
    """
    plain, preferring = (
        reset(admin, "quick-1"),
        reset(admin, "quick-2", Prefer="respond-async"),
    )
    assert (plain.status, preferring.status) == (202, 202)
    for answer in (plain, preferring):
        wait(admin, answer.headers["Location"])


def test_operation_apply_time_is_announced_where_it_is_taken(admin: Client) -> None:
    """7.12: an action that takes @Redfish.OperationApplyTime shall carry the Support annotation."""
    action = admin.get("/redfish/v1/UpdateService").body["Actions"]["#UpdateService.SimpleUpdate"]
    body = {
        "ImageURI": "https://images.test/a.bin",
        "Targets": [firmware("quick-1")],
        "@Redfish.OperationApplyTime": "Immediate",
    }
    answer = admin.post(action["target"], body)
    announced = "@Redfish.OperationApplyTimeSupport" in action
    assert announced == (answer.status == 202), answer.body
    if answer.status == 202:
        wait(admin, answer.headers["Location"])


def test_an_operation_on_several_targets_is_one_task_with_a_sub_task_each(admin: Client) -> None:
    """12.2 and Task v1_7_4: parts of an operation are SubTasks; its end is that of all parts."""
    answer = update(admin, "quick-1", "quick-2", "failing")
    final = wait(admin, answer.headers["Location"])
    task = admin.get(answer.body["@odata.id"]).body
    parts = admin.get(task["SubTasks"]["@odata.id"]).body["Members"]
    states = sorted(admin.get(part["@odata.id"]).body["TaskState"] for part in parts)
    assert states == ["Completed", "Completed", "Exception"]
    assert task["TaskState"] == "Exception"
    assert final.status >= 400


def test_cancelling_an_operation_cancels_its_parts(admin: Client) -> None:
    """12.2 and Task v1_7_4: a cancelled operation goes on in none of its sub-tasks."""
    answer = update(admin, "quick-1", "endless")
    task = wait_for(admin, answer.body["@odata.id"], TaskState="Running")
    parts = [one["@odata.id"] for one in admin.get(task["SubTasks"]["@odata.id"]).body["Members"]]
    quick = next(uri for uri in parts if "quick-1" in admin.get(uri).body["Name"])
    wait_for(admin, quick, TaskState="Completed")
    admin.delete(answer.headers["Location"])
    wait_for(admin, answer.body["@odata.id"], TaskState="Cancelled")
    states = sorted(admin.get(uri).body["TaskState"] for uri in parts)
    assert states == ["Cancelled", "Completed"]


def test_the_monitor_is_as_private_as_its_task(admin: Client, user_of: UserOf) -> None:
    """13.3.8: the privileges of the task object apply to who may see it, whoever started it."""
    operator, reader = user_of("Operator"), user_of("ReadOnly")
    answer = reset(operator, "endless")
    assert answer.status == 202
    for uri in (answer.body["@odata.id"], *both_monitors(answer)):
        assert operator.get(uri).status in (200, 202)
        assert admin.get(uri).status in (200, 202)
        assert reader.get(uri).status in (403, 404)
    listed = [one["@odata.id"] for one in reader.get(TASKS).body["Members"]]
    assert answer.body["@odata.id"] not in listed
    cancel(admin, answer)


def test_who_started_an_operation_may_cancel_it(user_of: UserOf) -> None:
    """13.3.8 and the privilege map: an Operator may cancel the reset that it may start."""
    operator = user_of("Operator")
    answer = reset(operator, "endless")
    assert operator.delete(answer.headers["Location"]).status in (200, 202, 204)
    wait_for(operator, answer.body["@odata.id"], TaskState="Cancelled")


def test_lacking_privilege_neither_starts_nor_cancels(running: Answer, user_of: UserOf) -> None:
    """13.3.8: a request without the privilege is refused with 403 (or hides the resource)."""
    reader = user_of("ReadOnly")
    assert reset(reader, "quick-1").status == 403
    for uri in (running.body["@odata.id"], *both_monitors(running)):
        assert reader.delete(uri).status in (403, 404)


def test_without_a_login_neither_task_nor_monitor_is_shown(service, running: Answer) -> None:
    """13.3: everything but the service root and its metadata needs authentication: 401."""
    nobody = service.client()
    for uri in (TASK_SERVICE, TASKS, running.body["@odata.id"], *both_monitors(running)):
        answer = nobody.get(uri)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"]
    nobody.close()
