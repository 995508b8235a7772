r"""The task scanner's documentation, replayed: its commands by the real curl, word by word.

Host and token apart nothing is changed: neither the backslash that stands in ``$\{Time.now}``, nor
the filter that has lost its outermost parentheses. Each answer is compared with what is printed,
field by field and in the order of the fields; what differs from run to run (times, ids, revisions)
is compared by its form.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from typing import Any

import pytest

from tests.support.http import Client
from tests.support.service import Service, clean_environment

CREATE = r"""curl \
--header "Authorization: Bearer <token>" \
--header "Content-type: application/json" \
--header "Accept-API-Version: resource=2.0" \
--request PUT \
--data '{
  "enabled" : true,
  "type" : "simple",
  "repeatInterval" : 3600000,
  "persisted": true,
  "concurrentExecution" : false,
  "invokeService" : "taskscanner",
  "invokeContext" : {
    "waitForCompletion" : false,
    "numberOfThreads" : 5,
    "scan" : {
      "_queryFilter" : "/sunset/date lt \"$\{Time.now}\") AND !(/sunset/task-completed pr",
      "object" : "managed/realm-name_user",
      "taskState" : { "started" : "/sunset/task-started", "completed" : "/sunset/task-completed" },
      "recovery" : { "timeout" : "10m" }
    },
    "task" : {
      "script" : {
        "type" : "text/javascript",
        "source" : "var patch = [{ \"operation\" : \"replace\", \"field\" : \"/active\", \"value\" : false }, { \"operation\" : \"replace\", \"field\" : \"/accountStatus\", \"value\" : \"inactive\" }];\n\nlogger.debug(\"Performing Sunset Task on {} ({})\", input.mail, objectID);\n\nopenidm.patch(objectID, null, patch); true;"
      }
    }
  }
}' \
"https://<tenant-env-fqdn>/openidm/scheduler/job/sunsetTask"
"""  # noqa: E501 - as it is printed
EXECUTE = r"""curl \
--header "Authorization: Bearer <token>" \
--header "Accept-API-Version: resource=1.0" \
--request POST \
"https://<tenant-env-fqdn>/openidm/taskscanner?_action=execute&name=NAME"
"""
CANCEL = r"""curl \
--header "Authorization: Bearer <token>" \
--header "Accept-API-Version: resource=1.0" \
--request POST \
"https://<tenant-env-fqdn>/openidm/taskscanner/ID?_action=cancel"
"""
LIST = r"""curl \
--header "Authorization: Bearer <token>" \
--header "Accept-API-Version: resource=1.0" \
--request GET \
"https://<tenant-env-fqdn>/openidm/taskscanner?_queryFilter=true"
"""

FILTER = '/sunset/date lt "${Time.now}") AND !(/sunset/task-completed pr'
SCRIPT = (
    'var patch = [{ "operation" : "replace", "field" : "/active", "value" : false }, '
    '{ "operation" : "replace", "field" : "/accountStatus", "value" : "inactive" }];\n\n'
    'logger.debug("Performing Sunset Task on {} ({})", input.mail, objectID);\n\n'
    "openidm.patch(objectID, null, patch); true;"
)
CONTEXT = {
    "waitForCompletion": False,
    "numberOfThreads": 5,
    "scan": {
        "_queryFilter": FILTER,
        "object": "managed/realm-name_user",
        "taskState": {
            "started": "/sunset/task-started",
            "completed": "/sunset/task-completed",
        },
        "recovery": {"timeout": "10m"},
    },
    "task": {"script": {"type": "text/javascript", "source": SCRIPT}},
}
SERVICE = "org.forgerock.openidm.taskscanner"
CONFIG = {
    "enabled": True,
    "persisted": True,
    "recoverable": False,
    "misfirePolicy": "fireAndProceed",
    "schedule": None,
    "repeatInterval": 3600000,
    "repeatCount": -1,
    "type": "simple",
    "invokeService": SERVICE,
    "invokeContext": CONTEXT,
    "invokeLogLevel": "info",
    "startTime": None,
    "endTime": None,
    "concurrentExecution": False,
}
RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

USERS = "/openidm/managed/realm-name_user"


def job_as_printed(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer that the document prints, with the times of this one."""
    serialized = answer["triggers"][0]["serialized"]
    first = serialized["nextFireTime"]
    return {
        "_id": "sunsetTask",
        **CONFIG,
        "triggers": [
            {
                "calendar": None,
                "group": "scheduler-service-group",
                "jobKey": "scheduler-service-group.sunsetTask",
                "name": "trigger-sunsetTask",
                "nodeId": None,
                "previousState": None,
                "serialized": {
                    "type": "SimpleTriggerImpl",
                    "calendarName": None,
                    "complete": False,
                    "description": None,
                    "endTime": None,
                    "fireInstanceId": None,
                    "group": "scheduler-service-group",
                    "jobDataMap": {
                        "scheduler.invokeService": SERVICE,
                        "scheduler.config-name": "scheduler-sunsetTask",
                        "scheduler.invokeContext": CONTEXT,
                        "schedule.config": CONFIG,
                        "scheduler.invokeLogLevel": "info",
                    },
                    "jobGroup": "scheduler-service-group",
                    "jobName": "sunsetTask",
                    "misfireInstruction": 1,
                    "name": "trigger-sunsetTask",
                    "nextFireTime": first,
                    "previousFireTime": None,
                    "priority": 5,
                    "repeatCount": -1,
                    "repeatInterval": 3600000,
                    "startTime": first,
                    "timesTriggered": 0,
                    "volatility": False,
                },
                "state": "NORMAL",
                "_rev": answer["triggers"][0]["_rev"],
                "_id": "scheduler-service-group.trigger-sunsetTask",
            }
        ],
        "previousRunDate": None,
        "nextRunDate": answer["nextRunDate"],
    }


class Curl:
    """Runs the document's commands."""

    def __init__(self, service: Service, token: str) -> None:
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed: apt install curl")
        self._service = service
        self._token = token

    def __call__(self, command: str, **names: str) -> Any:
        for name, value in {
            "<token>": self._token,
            "https://<tenant-env-fqdn>": self._service.address,
            **names,
        }.items():
            command = command.replace(name, value)
        done = subprocess.run(
            ["bash", "-c", command],
            # What the document's readers have in their trust store, this service has in a file.
            env=clean_environment(CURL_CA_BUNDLE=self._service.ca_file, CURL_HOME="/"),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout)


@pytest.fixture
def curl(service: Service, admin: Client) -> Curl:
    return Curl(service, str(admin.token))


def wait(admin: Client, run_id: str) -> dict[str, Any]:
    """Return a run when it has ended."""
    deadline = time.monotonic() + 60
    while True:
        run: dict[str, Any] = admin.get(f"/openidm/taskscanner/{run_id}").body
        if run["progress"]["state"] not in ("INITIALIZED", "ACTIVE"):
            return run
        assert time.monotonic() < deadline, run
        time.sleep(0.05)


def test_the_documented_session(curl: Curl, admin: Client) -> None:
    dates = {"past": "2019-10-09T00:00:00.000Z", "future": "2999-10-09T00:00:00.000Z"}
    users = {
        "due1": {"mail": "a@example.com", "active": True, "sunset": {"date": dates["past"]}},
        "due2": {"mail": "b@example.com", "active": True, "sunset": {"date": dates["past"]}},
        "later": {"mail": "c@example.com", "active": True, "sunset": {"date": dates["future"]}},
        "never": {"mail": "d@example.com", "active": True},
        "wrong": {"mail": "e@example.com", "active": True, "sunset": {"date": 2019}},
    }
    for name, user in users.items():
        assert admin.request("PUT", f"{USERS}/{name}", user).status == 201

    # Create a scanning task
    answer = curl(CREATE)
    printed = job_as_printed(answer)
    assert answer == printed
    assert json.dumps(answer) == json.dumps(printed), "the fields are in the order as printed"
    trigger = answer["triggers"][0]
    assert re.fullmatch(r"[0-9a-f]{16}", trigger["_rev"])
    first = trigger["serialized"]["nextFireTime"]
    assert DATE.fullmatch(answer["nextRunDate"])
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(first // 1000))
    assert answer["nextRunDate"] == f"{moment}.{first % 1000:03d}Z"
    assert admin.get("/openidm/scheduler/job/sunsetTask").body["invokeContext"] == CONTEXT

    # Trigger a scanning task
    started = curl(EXECUTE, NAME="sunsetTask")
    assert started.keys() == {"_id"} and RUN_ID.fullmatch(started["_id"])
    run = wait(admin, started["_id"])
    assert run["progress"] == {
        "state": "COMPLETED", "processed": 2, "total": 2, "successes": 2, "failures": 0,
    }  # fmt: skip
    for name, user in users.items():
        record = admin.get(f"{USERS}/{name}").body
        if name.startswith("due"):
            assert (record["active"], record["accountStatus"]) == (False, "inactive")
            assert DATE.fullmatch(record["sunset"]["task-started"])
            assert DATE.fullmatch(record["sunset"]["task-completed"])
        else:
            assert {key: record[key] for key in user} == user
            assert "accountStatus" not in record

    # The following example triggers a task named taskscan_sunset
    job = admin.get("/openidm/scheduler/job/sunsetTask").body
    slow = {
        **CONTEXT,
        "task": {"script": {"type": "text/javascript", "source": "for (;;);"}},
        "scan": {**CONTEXT["scan"], "_queryFilter": "/active eq true"},  # type: ignore[dict-item]
    }
    made = admin.request(
        "PUT", "/openidm/scheduler/job/taskscan_sunset", {**job, "invokeContext": slow}
    )
    assert made.status == 201
    started = curl(EXECUTE, NAME="taskscan_sunset")
    assert started.keys() == {"_id"} and RUN_ID.fullmatch(started["_id"])

    # Cancel a scanning task
    cancelled = curl(CANCEL, ID=started["_id"])
    assert json.dumps(cancelled) == json.dumps({"_id": started["_id"], "status": "SUCCESS"})
    assert wait(admin, started["_id"])["progress"]["state"] == "CANCELLED"
    completed = curl(CANCEL, ID=run["_id"])
    assert completed["status"] == "FAILURE", "you cannot cancel one that has completed"

    # List the scanning tasks
    listed = curl(LIST)
    assert next(iter(listed)) == "result"
    mine = {one["_id"]: one for one in listed["result"]}
    done = mine[run["_id"]]
    assert list(done) == ["_id", "name", "progress", "started", "ended"]
    assert list(done["progress"]) == ["state", "processed", "total", "successes", "failures"]
    assert done["name"] == "sunsetTask"
    assert DATE.fullmatch(done["started"]) and DATE.fullmatch(done["ended"])

    # The same run is a task of the task service, and its payload the request that started it.
    task = admin.get(f"/redfish/v1/TaskService/Tasks/task{run['_id']}").body
    assert task["TaskState"] == "Completed" and task["PercentComplete"] == 100
    assert task["Payload"]["HttpOperation"] == "POST"
    assert task["Payload"]["TargetUri"] == "/openidm/taskscanner?_action=execute&name=sunsetTask"
    for name in ("sunsetTask", "taskscan_sunset"):
        assert admin.delete(f"/openidm/scheduler/job/{name}").status == 200


def test_a_run_that_goes_on_has_not_ended(curl: Curl, admin: Client) -> None:
    admin.request("PUT", f"{USERS}/slow", {"slow": True})
    context = {
        **CONTEXT,
        "scan": {**CONTEXT["scan"], "_queryFilter": "/slow eq true"},  # type: ignore[dict-item]
        "task": {"script": {"type": "text/javascript", "source": "for (;;);"}},
    }
    job = {**CONFIG, "enabled": False, "invokeContext": context}
    assert admin.request("PUT", "/openidm/scheduler/job/slow", job).status == 201
    run_id = curl(EXECUTE, NAME="slow")["_id"]
    deadline = time.monotonic() + 30
    while True:
        (run,) = [one for one in curl(LIST)["result"] if one["_id"] == run_id]
        if run["progress"]["state"] == "ACTIVE" and run["progress"]["total"] == 1:
            break
        assert time.monotonic() < deadline, run
        time.sleep(0.05)
    assert run["ended"] is None and run["progress"]["processed"] == 0
    assert curl(CANCEL, ID=run_id)["status"] == "SUCCESS"
    wait(admin, run_id)
    admin.delete("/openidm/scheduler/job/slow")


def test_a_scan_that_is_waited_for_has_ended_when_it_is_answered(curl: Curl, admin: Client) -> None:
    context = {**CONTEXT, "waitForCompletion": True}
    job = {**CONFIG, "enabled": False, "invokeContext": context}
    assert admin.request("PUT", "/openidm/scheduler/job/waited", job).status == 201
    run_id = curl(EXECUTE, NAME="waited")["_id"]
    run = admin.get(f"/openidm/taskscanner/{run_id}").body
    assert run["progress"]["state"] == "COMPLETED" and run["ended"] is not None
    admin.delete("/openidm/scheduler/job/waited")
