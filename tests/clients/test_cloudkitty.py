"""CloudKitty's `python-cloudkittyclient`: its command line and its Python API, as operators use it.

A Redfish session's token is all that it is given. A period is a second here, so that what is used
now is rated now.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudkittyclient import client as cloudkitty
from keystoneauth1 import exceptions, http_basic, session, token_endpoint

from tests.clients.conftest import run_script
from tests.support.http import Client
from tests.support.service import Service
from tests.support.work import SETTINGS

HASHMAP = "/v1/rating/module_config/hashmap"
REPROCESSES = "/v2/task/reprocesses"

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service that rates every second what was used two seconds ago."""
    rating = {"period_seconds": 1, "wait_periods": 1, "look_seconds": 0.1}
    with Service({**SETTINGS, "rating": rating}) as started:
        yield started


@pytest.fixture
def command(service: Service, admin: Client, tmp_path: Path) -> Command:
    """A function that runs `cloudkitty` and returns what it prints."""

    def run(*arguments: str, wrong: int = 0, silent: bool = False) -> Any:
        # What prints a table can print JSON as well.
        table = not silent and not wrong
        done = run_script(
            "cloudkitty",
            *("--os-auth-type", "admin_token", "--os-endpoint", service.address),
            *("--os-token", str(admin.token), "--os-cacert", service.ca_file),
            *arguments,
            *(("-f", "json") if table else ()),
            folder=tmp_path,
        )
        assert done.returncode == wrong, (arguments, done.stdout, done.stderr)
        if wrong:
            return done.stderr
        return json.loads(done.stdout) if table else done.stdout

    return run


def now() -> int:
    return int(time.time())


def iso(seconds: int) -> str:
    return zoned(seconds).replace("+00:00", "Z")


def zoned(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def scope(admin: Client, name: str, last: int) -> None:
    """Make a scope; the client has no command for that."""
    body = {"scope_id": name, "last_processed_timestamp": iso(last)}
    answer = admin.post("/v2/scope", body)
    assert answer.status == 200, answer.body


def frames(name: str, first: int, quantities: list[str], **groupby: str) -> dict[str, Any]:
    """Usage of seconds that follow each other."""
    return {
        "dataframes": [
            {
                "period": {"begin": iso(first + at), "end": iso(first + at + 1)},
                "usage": {
                    f"cpu-{name}": [
                        {
                            "vol": {"unit": "vcpu", "qty": quantity},
                            "groupby": {"project_id": name, **groupby},
                            "metadata": {"flavor": "big" if at % 2 else "small"},
                        }
                    ]
                },
            }
            for at, quantity in enumerate(quantities)
        ]
    }


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def rated_up_to(admin: Client, name: str, last: int) -> None:
    """Wait until the ordinary rating has come so far."""

    def is_there() -> bool:
        (row,) = admin.get(f"/v2/scope?scope_id={name}").body["results"]
        return datetime.fromisoformat(row["last_processed_timestamp"]).timestamp() >= last

    until(is_there)


def reprocessed(admin: Client, name: str) -> None:
    """Wait until all windows of a scope are done."""

    def is_done() -> bool:
        rows = admin.get(f"{REPROCESSES}/{name}").body["results"]
        return bool(rows) and all(
            one["current_reprocess_time"] == one["end_reprocess_time"] for one in rows
        )

    until(is_done)


def price_of_the_past(admin: Client, service_id: str, cost: float, start: int) -> None:
    """Make a rule that holds since ``start``; the client has no way to say so."""
    body = {"service_id": service_id, "cost": cost, "type": "flat", "start": iso(start)}
    answer = admin.post(f"{HASHMAP}/mappings/", body)
    assert answer.status == 400 and "start in the past" in answer.body["faultstring"]
    assert admin.post(f"{HASHMAP}/mappings/?force=true", body).status == 201


def test_an_operator_changes_a_price_of_the_past(
    command: Command, admin: Client, tmp_path: Path
) -> None:
    # Rules: a cost of the service, a factor for a flavor, more for much of it.
    (made,) = command("hashmap", "service", "create", "cpu-shop")
    cpu = made["Service ID"]
    (made,) = command("hashmap", "field", "create", cpu, "flavor")
    field = made["Field ID"]
    (old,) = command("hashmap", "mapping", "create", "0.1", "-s", cpu, "-t", "flat")
    command(
        *("hashmap", "mapping", "create", "1.5", "--field-id", field),
        *("--value", "big", "-t", "rate"),
    )
    command("hashmap", "threshold", "create", "100", "0.9", "-s", cpu, "-t", "rate")
    assert (old["Cost"], old["Type"]) == ("0.1", "flat")

    # Usage from a moment on that a command on a busy machine comes before.
    first = now() + 10
    scope(admin, "shop", first - 1)
    file = tmp_path / "frames.json"
    file.write_text(json.dumps(frames("shop", first, ["1", "2", "0.3", "200"], id="vm1")))
    command("dataframes", "add", str(file), silent=True)
    (state,) = command("scope", "state", "get", "--scope-id", "shop")
    assert state["State"] is not None
    rated_up_to(admin, "shop", first + 3)

    # What it costs: 1 x 0.1, 2 x 0.1 x 1.5, 0.3 x 0.1, 200 x 0.1 x 1.5 x 0.9.
    window = ("-b", iso(first), "-e", iso(first + 4))
    asked = ("summary", "get", *window, "-g", "project_id", "-g", "type", "--filter")
    (row,) = command(*asked, "project_id:shop")
    assert row["Project id"] == "shop" and row["Type"] == "cpu-shop"
    assert (row["Qty"], row["Rate"]) == (203.3, 27.43)
    points = command("dataframes", "get", *window, "--filter", "project_id:shop")
    assert [one["Price"] for one in points] == [0.1, 0.3, 0.03, 27.0]
    assert set(points[0]["Group By"].split()) == {'project_id="shop"', 'id="vm1"'}
    assert points[1]["Metadata"] == 'flavor="big"'

    # It should have cost 0.2 from the second of them on.
    command("hashmap", "mapping", "delete", old["Mapping ID"], silent=True)
    price_of_the_past(admin, cpu, 0.2, first + 1)
    command(
        *("tasks", "reprocessing", "create", "--scope-id", "shop"),
        *("--start-reprocess-time", iso(first + 1), "--end-reprocess-time", iso(first + 3)),
        *("--reason", "a wrong price"),
    )
    reprocessed(admin, "shop")
    (task,) = command("tasks", "reprocessing", "get", "--scope-id", "shop", "--order", "ASC")
    assert task["Reason"] == "a wrong price"
    assert task["Current reprocessing time"] == task["End reprocessing time"]
    (row,) = command(*asked, "project_id:shop")
    # 0.1 stays; 2 x 0.2 x 1.5, 0.3 x 0.2, 200 x 0.2 x 1.5 x 0.9.
    assert (row["Qty"], row["Rate"]) == (203.3, 54.76)
    rows = command("summary", "get", *window, "-g", "time", "--filter", "project_id:shop")
    assert [one["Rate"] for one in rows] == [0.1, 0.6, 0.06, 54.0]


def test_the_python_api_changes_a_price_of_the_past(service: Service, admin: Client) -> None:
    auth = token_endpoint.Token(endpoint=service.address, token=admin.token)
    api = cloudkitty.Client("2", session=session.Session(auth=auth, verify=service.ca_file))
    hashmap = api.rating.hashmap
    cpu = hashmap.create_service(name="cpu-api")["service_id"]
    old = hashmap.create_mapping(service_id=cpu, cost="0.07", type="flat")
    first = now() + 10
    scope(admin, "api", first - 1)
    api.dataframes.add_dataframes(dataframes=frames("api", first, ["1", "2", "3", "0.125"]))
    rated_up_to(admin, "api", first + 3)
    asked = {
        "begin": iso(first),
        "end": iso(first + 4),
        "groupby": ["type"],
        "filters": {"project_id": "api"},
        "response_format": "object",
    }
    (row,) = api.summary.get_summary(**asked)["results"]
    assert (row["type"], row["qty"], row["rate"]) == ("cpu-api", 6.125, 0.42875)

    hashmap.delete_mapping(mapping_id=old["mapping_id"])
    price_of_the_past(admin, cpu, 0.0001, first)
    window = {"start": iso(first), "end": iso(first + 3), "reason": "r"}
    assert api.reprocessing.post_reprocessing_task(scope_ids=["api"], **window) == {}
    reprocessed(admin, "api")
    (row,) = api.summary.get_summary(**asked)["results"]
    assert (row["qty"], row["rate"]) == (6.125, 0.0006125)
    found = api.reprocessing.get_reprocessing_tasks(scope_ids=["api"], limit=2)["results"]
    assert [one["scope_id"] for one in found] == ["api"]
    points = api.dataframes.get_dataframes(
        filters={"project_id": "api"}, begin=iso(first), end=iso(first + 4)
    )
    assert points["total"] == 4
    with pytest.raises(exceptions.HttpError) as refused:
        api.reprocessing.post_reprocessing_task(scope_ids=["nobody"], **window)
    assert refused.value.http_status == 400 and "do not exist" in str(refused.value)


def test_the_state_of_scopes(command: Command, admin: Client) -> None:
    last = now() + 3600
    for name in ("one", "two"):
        scope(admin, name, last)
    rows = command("scope", "state", "get", "--scope-id", "one", "--scope-id", "two")
    assert [one["Scope ID"] for one in rows] == ["one", "two"]
    assert all(one["State"] == zoned(last) for one in rows)
    # The command makes the answer its exit status, which is 1 then.
    command("scope", "patch", "-id", "one", "--active", "false", wrong=1)
    rows = {one["scope_id"]: one for one in admin.get("/v2/scope?scope_id=one,two").body["results"]}
    assert (rows["one"]["active"], rows["two"]["active"]) == (False, True)
    earlier = last - 60
    command("scope", "state", "reset", "--scope-id", "one", iso(earlier), silent=True)
    (row,) = command("scope", "state", "get", "--scope-id", "one")
    assert row["State"] == zoned(earlier)
    said = command("scope", "state", "get", "--scope-id", "nobody", wrong=1)
    assert "No resource found for provided filters." in said and "HTTP 404" in said


def test_rules_are_made_listed_changed_and_deleted(command: Command, admin: Client) -> None:
    (service,) = command("hashmap", "service", "create", "volume")
    volume = service["Service ID"]
    assert volume in [one["Service ID"] for one in command("hashmap", "service", "list")]
    (field,) = command("hashmap", "field", "create", volume, "kind")
    assert command("hashmap", "field", "list", volume) == [field]
    (group,) = command("hashmap", "group", "create", "disks")
    of = ("--field-id", field["Field ID"], "-g", group["Group ID"])
    start = iso(now() + 3600)
    (one,) = command(
        *("hashmap", "mapping", "create", "0.05", *of, "--value", "ssd", "--start", start),
        *("-p", "p1", "--name", "ssds"),
    )
    assert (one["Cost"], one["Project ID"], one["Mapping Name"]) == ("0.05", "p1", "ssds")
    # Once: elsewhere the client sends this 31 times.
    (changed,) = command("hashmap", "mapping", "update", one["Mapping ID"], "--cost", "2")
    assert changed["Cost"] == "2"
    listed = command("hashmap", "mapping", "list", "-g", group["Group ID"])
    assert listed == command("hashmap", "group", "mappings", "get", group["Group ID"])
    assert [row["Mapping ID"] for row in listed] == [one["Mapping ID"]]
    (level,) = command("hashmap", "threshold", "create", "10", "0.9", *of, "-t", "rate")
    (changed,) = command("hashmap", "threshold", "update", level["Threshold ID"], "--cost", "0.8")
    assert (changed["Level"], changed["Cost"]) == ("10", "0.8")
    said = command("hashmap", "service", "create", "volume", wrong=1)
    assert f"Service volume already exists (UUID: {volume})" in said and "HTTP 409" in said

    command("hashmap", "mapping", "delete", one["Mapping ID"], silent=True)
    assert command("hashmap", "mapping", "list", "-g", group["Group ID"]) == []
    command("hashmap", "group", "delete", group["Group ID"], silent=True)
    (left,) = command("hashmap", "threshold", "list", "--field-id", field["Field ID"])
    assert left["Group ID"] is None
    command("hashmap", "service", "delete", volume, silent=True)
    assert admin.get(f"{HASHMAP}/thresholds/{level['Threshold ID']}").status == 404


def test_modules_and_information(command: Command) -> None:
    rows = command("module", "list")
    assert {one["Module"]: one["Enabled"] for one in rows} == {
        "hashmap": True,
        "noop": False,
        "pyscripts": False,
    }
    (row,) = command("module", "set", "priority", "noop", "7")
    assert row["Priority"] == 7
    (row,) = command("module", "enable", "noop")
    assert row["Enabled"] is True
    (row,) = command("module", "disable", "noop")
    assert row["Enabled"] is False
    assert "HTTP 501" in command("module", "enable", "pyscripts", wrong=1)
    assert "period" in json.dumps(command("info", "config", "get"))
    command("report", "tenant", "list")
    command("hashmap", "mapping-types", "list")


def test_name_and_password_do_as_well(service: Service, tmp_path: Path) -> None:
    auth = http_basic.HTTPBasicAuth(
        endpoint=service.address, username=service.administrator, password=service.password
    )
    api = cloudkitty.Client("2", session=session.Session(auth=auth, verify=service.ca_file))
    assert api.rating.get_module()["modules"]
    done = run_script(
        "cloudkitty",
        *("--os-auth-type", "http_basic", "--os-endpoint", service.address),
        *("--os-username", service.administrator, "--os-password", "wrong"),
        *("--os-cacert", service.ca_file, "module", "list"),
        folder=tmp_path,
    )
    assert done.returncode == 1 and "HTTP 401" in done.stderr


def test_a_window_is_a_task_that_redfish_shows_and_cancels(admin: Client) -> None:
    last = now() + 24 * 3600
    for name in ("long", "longer"):
        scope(admin, name, last)
    answer = admin.post(
        REPROCESSES,
        {
            "scope_ids": "long,longer",
            "start_reprocess_time": "1990-01-01",
            "end_reprocess_time": iso(last),
            "reason": "a window of a billion seconds",
        },
    )
    assert (answer.status, answer.body) == (202, {})
    monitor = answer.headers["Location"]
    assert admin.get(monitor).status == 202
    assert admin.delete(monitor).status in (200, 202, 204)
    rows = admin.get(f"{REPROCESSES}?scope_ids=long,longer").body["results"]
    assert len(rows) == 2
    assert all(one["current_reprocess_time"] != one["end_reprocess_time"] for one in rows)
    # Nothing is in the way of another one.
    answer = admin.post(
        REPROCESSES,
        {
            "scope_ids": "long,longer",
            "start_reprocess_time": iso(last - 5),
            "end_reprocess_time": iso(last),
            "reason": "shorter",
        },
    )
    assert answer.status == 202
    until(lambda: admin.get(answer.headers["Location"]).status == 200)
