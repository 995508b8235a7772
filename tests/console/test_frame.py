"""What the console answers by HTTP: files with their headers, and the table of tasks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import odimra.console
from tests.support import work
from tests.support.http import Answer, Client
from tests.support.service import Service

TABLE = "/console/api/tasks"
STATIC = Path(odimra.console.__file__).with_name("static")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ACCOUNTS = "/redfish/v1/AccountService/Accounts"
PASSWORD = "Long-enough-9"


@pytest.fixture
def nobody(service: Service) -> Iterator[Client]:
    client = service.client()
    yield client
    client.close()


@pytest.fixture
def admin(service: Service) -> Iterator[Client]:
    client = service.admin()
    yield client
    client.close()


@pytest.fixture
def operator(service: Service, admin: Client) -> Iterator[Client]:
    made = {"UserName": "console-operator", "Password": PASSWORD, "RoleId": "Operator"}
    assert admin.post(ACCOUNTS, made).status == 201
    client = service.client().login("console-operator", PASSWORD)
    yield client
    client.close()
    assert admin.delete(f"{ACCOUNTS}/console-operator").status == 204


@pytest.mark.parametrize("name", ["", *sorted(one.name for one in STATIC.iterdir())])
def test_each_file_is_served_with_what_protects_it(nobody: Client, name: str) -> None:
    answer = nobody.get(f"/console/{name}")
    assert answer.status == 200
    assert answer.content == (STATIC / (name or "index.html")).read_bytes()
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    again = nobody.get(f"/console/{name}", If_None_Match=answer.headers["ETag"])
    assert (again.status, again.content) == (304, b"")


def test_no_file_names_another_place() -> None:
    # The namespace of SVG is a name, and nothing is fetched from it.
    for one in STATIC.iterdir():
        text = one.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text, one.name
        assert "innerHTML" not in text and "eval(" not in text, one.name
        assert "style=" not in text, one.name


@pytest.mark.parametrize(
    "path", ["/console/nothing", "/console/../console/__init__.py", "/console/%2e%2e/frame.py"]
)
def test_nothing_else_is_served(nobody: Client, path: str) -> None:
    answer = nobody.get(path)
    assert answer.status == 404
    assert b"import" not in answer.content


def test_files_can_only_be_read(nobody: Client) -> None:
    answer = nobody.post("/console/main.js")
    assert (answer.status, answer.allow()) == (405, {"GET", "HEAD"})


@pytest.mark.parametrize("path", ["/", "/redfish", "/redfish/v1", "/redfish/v1/", "/console"])
def test_a_browser_is_led_to_the_page(nobody: Client, path: str) -> None:
    answer = nobody.get(path, Accept=BROWSER)
    assert (answer.status, answer.headers["Location"]) == (302, "/console/")


@pytest.mark.parametrize("path", ["/", "/redfish", "/redfish/v1", "/redfish/v1/"])
@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/json, text/html"])
def test_a_program_gets_what_is_there(nobody: Client, path: str, accept: str) -> None:
    answer = nobody.get(path, Accept=accept)
    assert answer.status == 200
    assert isinstance(answer.body, dict)


def test_a_browser_gets_resources_that_are_no_door(admin: Client) -> None:
    answer = admin.get("/redfish/v1/Systems", Accept=BROWSER)
    assert answer.status == 200


# The table


def test_the_table_has_what_redfish_has_and_owner_and_kind(admin: Client) -> None:
    asked = work.reset(admin, "quick-1")
    work.wait(admin, asked.headers["Location"])
    task = admin.get(asked.body["@odata.id"]).body
    row = admin.get(f"{TABLE}?top=1").body["rows"][0]
    assert row == {
        "id": task["Id"],
        "uri": task["@odata.id"],
        "name": task["Name"],
        "kind": "system-reset",
        "owner": "admin",
        "state": "Completed",
        "status": "OK",
        "percent": 100,
        "started": task["StartTime"],
        "ended": task["EndTime"],
        "children": 0,
        "parent": None,
    }
    assert admin.get(f"{TABLE}/{task['Id']}").body == row


def test_the_table_goes_on_where_it_ended(admin: Client) -> None:
    for machine in ("quick-1", "quick-2", "quick-3"):
        work.wait(admin, work.reset(admin, machine).headers["Location"])
    whole = [row["id"] for row in admin.get(f"{TABLE}?top=200&order=oldest").body["rows"]]
    first = admin.get(f"{TABLE}?top=2&order=oldest").body
    second = admin.get(f"{TABLE}?top=2&order=oldest&skip={first['next']}").body
    assert [row["id"] for row in first["rows"] + second["rows"]] == whole[:4]
    assert first["total"] == len(whole)


def refused(answer: Answer, status: int) -> str:
    assert answer.status == status
    assert list(answer.body) == ["message"]
    return str(answer.body["message"])


def test_who_is_not_logged_in_sees_nothing(nobody: Client) -> None:
    for path in (TABLE, f"{TABLE}/task1"):
        answer = nobody.get(path)
        refused(answer, 401)
        # With a challenge a browser would ask for a password by itself.
        assert "WWW-Authenticate" not in answer.headers
    nobody.token = "wrong"
    refused(nobody.get(TABLE), 401)


def test_one_sees_ones_own_tasks(admin: Client, operator: Client) -> None:
    theirs = work.wait(admin, work.reset(admin, "quick-1").headers["Location"])
    assert theirs.status < 300
    other = admin.get(f"{TABLE}?owner=admin&top=1").body["rows"][0]["id"]
    asked = work.reset(operator, "quick-2")
    work.wait(operator, asked.headers["Location"])
    seen = operator.get(TABLE).body
    assert [row["id"] for row in seen["rows"]] == [asked.body["Id"]]
    assert seen["total"] == 1
    refused(operator.get(f"{TABLE}/{other}"), 404)
    refused(operator.get(f"{TABLE}?parent={other}"), 404)
    refused(operator.get(f"{TABLE}?owner=admin"), 400)
    assert operator.get(f"{TABLE}?kind=system-reset").body["rows"] == seen["rows"]
    # And who may see all of them can ask for one's.
    owned = admin.get(f"{TABLE}?owner=console-operator").body
    assert [row["id"] for row in owned["rows"]] == [asked.body["Id"]]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("top=0", "top"),
        ("top=201", "top"),
        ("top=many", "top"),
        ("skip=-1", "skip"),
        ("skip=99999999999999", "skip"),
        ("skip=%D9%A1", "skip"),
        ("order=random", "order"),
        ("state=Sleeping", "state"),
        ("state=Running,", "state"),
        (f"text={'x' * 256}", "text"),
        ("sort=owner", "sort"),
    ],
)
def test_a_bad_question_is_told_so(admin: Client, query: str, named: str) -> None:
    assert named in refused(admin.get(f"{TABLE}?{query}"), 400)


def test_the_table_can_only_be_read(admin: Client) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = admin.request(method, TABLE, {} if method != "DELETE" else None)
        refused(answer, 405)
        assert answer.allow() == {"GET", "HEAD"}
    assert admin.request("HEAD", TABLE).status == 200


# Figures


def test_history_counts_what_was_done(admin: Client) -> None:
    before = admin.get("/console/api/history?minutes=5").body
    work.wait(admin, work.reset(admin, "quick-2").headers["Location"])
    after = admin.get("/console/api/history?minutes=5").body

    def ended(found: Any) -> int:
        return sum(span["ended"].get("Completed", 0) for span in found["spans"])

    assert len(after["spans"]) == 5 and after["seconds"] == 60
    # A minute may have passed, and one of the five with it.
    assert ended(after) >= 1 and (after["first"] != before["first"] or ended(after) > ended(before))
    assert {"kind": "system-reset", "state": "Completed"}.items() <= after["now"][0].items() or any(
        one["kind"] == "system-reset" and one["tasks"] > 0 for one in after["now"]
    )
    (one,) = (one for one in after["durations"] if one["kind"] == "system-reset")
    assert 0 < one["p50"] <= one["p90"] <= one["p99"] < 600_000


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("minutes=0", "minutes"),
        ("minutes=1441", "minutes"),
        ("minutes=x", "minutes"),
        ("step=61", "step"),
        ("minutes=1440", "step"),
        ("hours=1", "hours"),
    ],
)
def test_bad_questions_about_history_are_told(admin: Client, query: str, named: str) -> None:
    answer = admin.get(f"/console/api/history?{query}")
    assert answer.status == 400
    assert f"'{named}'" in answer.body["message"]


@pytest.mark.parametrize("path", ["history", "deliveries"])
def test_figures_need_a_login_and_can_only_be_read(
    nobody: Client, admin: Client, path: str
) -> None:
    assert nobody.get(f"/console/api/{path}").status == 401
    assert admin.post(f"/console/api/{path}", {}).status == 405


def test_a_delivery_that_fails_says_why(admin: Client) -> None:
    made = admin.post(
        "/redfish/v1/EventService/Subscriptions",
        {
            "Destination": "https://127.0.0.1:9/nobody",
            "Protocol": "Redfish",
            "DeliveryRetryPolicy": "RetryForever",
        },
    )
    assert made.status == 201
    work.reset(admin, "quick-1")
    name = made.headers["Location"].rpartition("/")[2]

    def found() -> dict[str, Any]:
        return dict(admin.get("/console/api/deliveries").body["deliveries"][name])

    deadline = time.monotonic() + 30
    while not (one := found())["failures"]:
        assert time.monotonic() < deadline, one
        time.sleep(0.05)  # a look, not a wait: the condition ends this
    assert one["wrong"] and one["wrong_at"] < one["next_try"]
    assert one["behind"] > 0 and one["delivered"]
    assert admin.delete(made.headers["Location"]).status == 204
    assert name not in admin.get("/console/api/deliveries").body["deliveries"]
