"""A GET that was answered before is answered fast; these rules must hold for it all the same.

Each test reads a resource until any cache there may be is warm, changes one thing, and reads again.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.spec.conftest import UserOf
from tests.support.http import Answer, Client
from tests.support.service import Service
from tests.support.work import TASKS, reset, wait, wait_for


@pytest.fixture
def task(admin: Client) -> Iterator[str]:
    """The URI of a task that has ended."""
    answer = reset(admin, "quick-1")
    wait(admin, answer.headers["Location"])
    wait_for(admin, answer.body["@odata.id"], TaskState="Completed")
    yield answer.body["@odata.id"]
    admin.delete(answer.body["@odata.id"])


def warm(client: Client, uri: str) -> Answer:
    """Read `uri` a few times and return the last answer."""
    answers = [client.get(uri) for _ in range(5)]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    return answers[-1]


def test_a_session_that_was_deleted_reads_nothing_that_it_had_read(
    service: Service, task: str
) -> None:
    """13.3: a request with the token of a session that has ended is not authenticated."""
    client = service.admin()
    warm(client, task)
    client.delete(str(client.session_uri))
    assert client.get(task).status == 401
    client.close()


def test_an_account_that_was_disabled_reads_nothing_that_it_had_read(
    admin: Client, user_of: UserOf
) -> None:
    """ManagerAccount Enabled: the user of a disabled account cannot use the service."""
    operator = user_of("Operator")
    answer = reset(operator, "quick-2")
    wait(operator, answer.headers["Location"])
    warm(operator, answer.body["@odata.id"])
    session = operator.get(str(operator.session_uri)).body
    account = f"/redfish/v1/AccountService/Accounts/{session['UserName']}"
    assert admin.patch(account, {"Enabled": False}).status in (200, 204)
    assert operator.get(answer.body["@odata.id"]).status == 401


def test_another_user_is_not_shown_what_the_owner_has_just_read(
    admin: Client, user_of: UserOf, task: str
) -> None:
    """13.3.8: what may be read depends on who reads, not on who read before."""
    reader = user_of("ReadOnly")
    warm(admin, task)
    assert reader.get(task).status in (403, 404)
    assert warm(admin, TASKS).content != reader.get(TASKS).content
    assert reader.get(TASKS).body["Members"] == []


def test_a_request_without_a_token_is_not_answered_from_what_was_read(
    service: Service, admin: Client, task: str
) -> None:
    """13.3: reading needs authentication, each time."""
    warm(admin, task)
    nobody = service.client()
    assert nobody.get(task).status == 401
    assert nobody.get(task, X_Auth_Token=f"{admin.token}0").status == 401
    nobody.close()


def test_a_deleted_task_is_gone_at_once(admin: Client, task: str) -> None:
    """12.2: after its DELETE a Task is 404, also for whoever had just read it."""
    warm(admin, task)
    warm(admin, TASKS)
    assert admin.delete(task).status in (200, 204)
    assert admin.get(task).status == 404
    assert task not in [one["@odata.id"] for one in admin.get(TASKS).body["Members"]]


def test_a_new_task_is_listed_at_once(admin: Client) -> None:
    """TaskCollection: Members shows every task, also to whoever had just read the list."""
    warm(admin, TASKS)
    answer = reset(admin, "quick-1")
    assert answer.body["@odata.id"] in [
        one["@odata.id"] for one in admin.get(TASKS).body["Members"]
    ]
    wait(admin, answer.headers["Location"])


def test_request_headers_are_heeded_however_often_a_task_was_read(admin: Client, task: str) -> None:
    """6.5 and 7.1: OData-Version other than 4.0 is 412, If-None-Match with the ETag 304."""
    etag = warm(admin, task).headers["ETag"]
    assert admin.get(task, OData_Version="4.1").status == 412
    unchanged = admin.get(task, If_None_Match=etag)
    assert (unchanged.status, unchanged.content) == (304, b"")
    assert admin.get(task, If_None_Match='"another"').status == 200
    assert admin.get(task, Accept="text/html").status == 406


def test_head_is_the_same_without_a_body_however_often_a_task_was_read(
    admin: Client, task: str
) -> None:
    """7.4: HEAD returns the headers of GET and no body."""
    got = warm(admin, task)
    head = admin.request("HEAD", task)
    assert (head.status, head.content) == (200, b"")
    per_answer = {"Date", "Content-Length"}
    names = {name for name in got.headers if name not in per_answer}
    assert {name: head.headers[name] for name in names} == {
        name: got.headers[name] for name in names
    }


def test_a_query_is_heeded_however_often_a_task_was_read(admin: Client, task: str) -> None:
    """7.3: query parameters are part of the request."""
    warm(admin, task)
    selected = admin.get(f"{task}?$select=TaskState")
    assert selected.body["TaskState"] == "Completed"
    assert "Messages" not in selected.body
    assert admin.get(f"{task}?$nonsense").status == 501
