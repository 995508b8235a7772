"""Metrics, health and readiness of a service with several processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families

from tests.support import work
from tests.support.chaos import processes
from tests.support.emulated import added, emulated
from tests.support.http import Client
from tests.support.service import Service, merged

SETTINGS = merged(
    work.SETTINGS,
    {
        "http": {"processes": 2},
        "metrics": {"publish_seconds": 0.2},
        "aggregation": {"allow_http": True},
        "log": {"format": "json"},
    },
)
Labels = dict[str, str]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def admin(service: Service) -> Iterator[Client]:
    client = service.admin()
    yield client
    client.close()


def scrape(client: Client, **headers: str) -> list[tuple[str, Labels, float]]:
    answer = client.get("/metrics", **headers)
    assert answer.status == 200, answer.content
    return [
        (sample.name, dict(sample.labels), sample.value)
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    ]


def total(found: list[tuple[str, Labels, float]], name: str, **labels: str) -> float:
    """Return the sum of the samples of a name that have these labels."""
    return sum(value for one, has, value in found if one == name and labels.items() <= has.items())


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)  # a look, not a wait: the condition ends this


def test_what_was_done_is_counted_whoever_is_asked(service: Service, admin: Client) -> None:
    before = scrape(admin)
    for _ in range(3):
        work.wait(admin, work.reset(admin, "quick-1").headers["Location"])
    name = "odimra_http_request_duration_seconds_count"
    route = "/redfish/v1/Systems/{id}/Actions/ComputerSystem.Reset"

    def grown(metric: str, **labels: str) -> float:
        return total(scrape(admin), metric, **labels) - total(before, metric, **labels)

    # Each request may reach either of two processes, and each tells of both.
    until(lambda: grown(name, route=route, status="202", method="POST") == 3)
    until(lambda: grown("odimra_tasks_ended_total", kind="system-reset", state="Completed") == 3)
    until(lambda: grown("odimra_task_wait_duration_seconds_count", kind="system-reset") == 3)
    assert grown("odimra_tasks_started_total", kind="system-reset") == 3
    assert grown("odimra_task_duration_seconds_sum", kind="system-reset") > 0
    assert grown("odimra_store_round_trip_duration_seconds_count", process="worker-0") > 0
    found = scrape(admin)
    assert total(found, "odimra_tasks", kind="system-reset", state="Completed") >= 3
    assert total(found, "odimra_queue_depth") == 0
    processes = {has["process"] for one, has, _ in found if one == "odimra_worker_slots"}
    assert processes == {"api-0", "api-1", "worker-0", "events-0"}
    assert total(found, "odimra_store_up") == 1


def test_no_route_is_what_a_client_likes(admin: Client) -> None:
    for number in range(5):
        assert admin.get(f"/redfish/v1/nothing-{number}").status == 404
        admin.get(f"/redfish/v1/Systems/none-{number}")

    def seen() -> set[str]:
        return {has["route"] for _, has, _ in scrape(admin) if "route" in has}

    until(lambda: {"unmatched", "/redfish/v1/Systems/{id}"} <= seen())
    routes = seen()
    assert not any("nothing-" in one or "none-" in one for one in routes)


def test_what_is_answered_from_memory_is_counted_too(admin: Client) -> None:
    name, route = "odimra_http_request_duration_seconds_count", "/redfish/v1/Systems/{id}"
    before = total(scrape(admin), name, route=route, status="200")
    for _ in range(20):
        assert admin.get(work.system("quick-2")).status == 200
    until(lambda: total(scrape(admin), name, route=route, status="200") == before + 20)


def test_a_deep_queue_is_seen(service: Service, admin: Client) -> None:
    running = work.reset(admin, "endless")
    waiting = work.reset(admin, "endless", kind="ForceOff")

    def busy() -> bool:
        found = scrape(admin)
        return (
            total(found, "odimra_queue_depth", kind="system-reset") == 1
            and total(found, "odimra_worker_slots_busy") == 1
            and total(found, "odimra_tasks", state="Running") == 1
        )

    if waiting.status == 202:
        until(busy)
        work.cancel(admin, waiting)
    work.cancel(admin, running)
    until(lambda: total(scrape(admin), "odimra_worker_slots_busy") == 0)


def test_open_metrics_when_asked(admin: Client) -> None:
    answer = admin.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    names = {family.name for family in parse_open(answer.content.decode())}
    assert {"odimra_tasks", "odimra_http_request_duration_seconds"} <= names


def test_who_is_logged_in_wrongly_is_refused_though_on_this_host(service: Service) -> None:
    client = service.client()
    assert client.get("/metrics").status == 200
    answer = client.get("/metrics", Authorization="Basic YWRtaW46d3Jvbmc=")
    assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Basic")
    assert b"odimra_" not in answer.content
    client.close()


def test_only_reads(admin: Client) -> None:
    for path in ("/metrics", "/health", "/ready"):
        assert admin.post(path, {}).status == 405


def test_nothing_secret_is_told(service: Service, admin: Client) -> None:
    text = admin.get("/metrics").content.decode()
    assert service.password not in text and str(admin.token) not in text
    assert "admin" not in text


def test_a_worker_that_hangs_or_dies_is_missed_and_back_again(
    service: Service, admin: Client
) -> None:
    def workers() -> int:
        return int(admin.get("/ready").body["processes"]["worker"])

    until(lambda: workers() == 1)
    assert "warning" not in admin.get("/ready").body
    worker = processes(service)["worker-0"]
    os.kill(worker, signal.SIGSTOP)
    try:
        until(lambda: workers() == 0)
        assert "worker" in admin.get("/ready").body["warning"]
    finally:
        os.kill(worker, signal.SIGCONT)
    until(lambda: workers() == 1)
    os.kill(worker, signal.SIGKILL)
    until(lambda: processes(service).get("worker-0") not in (None, worker))
    until(lambda: workers() == 1)


def test_an_id_is_followed_from_the_request_to_the_bmc(service: Service, admin: Client) -> None:
    with emulated(1) as bmcs:
        assert added(admin, bmcs) == {}
        system = bmcs[0].system
        asked = admin.post(
            f"{system}/Actions/ComputerSystem.Reset",
            {"ResetType": "ForceRestart"},
            X_Request_Id="ticket-4711",
        )
        assert (asked.status, asked.headers["X-Request-Id"]) == (202, "ticket-4711")
        work.wait(admin, asked.headers["Location"])
        task = asked.body["Id"]
    lines = [json.loads(one) for one in service.printed().splitlines() if one.startswith("{")]
    trail = [one for one in lines if one.get("request") == "ticket-4711"]
    told = [(one["process"].partition("-")[0], one["message"]) for one in trail]
    assert ("api", f"POST {system}/Actions/ComputerSystem.Reset: 202") in told
    assert any(who == "worker" and "begins to work" in what for who, what in told)
    assert any(what.startswith("BMC ") and "ComputerSystem.Reset: 2" in what for _, what in told)
    assert any(who == "worker" and "has ended: Completed" in what for who, what in told)
    assert {one["task"] for one in trail if one["process"].startswith("worker")} == {task}
    assert total(scrape(admin), "odimra_bmc_request_duration_seconds_count", outcome="2xx") > 0


@pytest.mark.parametrize("path", ["/bmc-events/3f2a9c0d1b7e/{}", "/%62mc-events/{}"])
def test_where_a_bmc_posts_its_events_is_not_logged(
    service: Service, admin: Client, path: str
) -> None:
    secret, ticket = f"known-to-one-bmc-{len(path)}", f"ticket-{len(path)}"
    assert admin.post(path.format(secret), {}, X_Request_Id=ticket).status == 404
    lines = [one for one in service.printed().splitlines() if f'"{ticket}"' in one]
    assert [json.loads(one)["message"] for one in lines] == ["POST /bmc-events/...: 404"]
    assert secret not in service.printed()


@pytest.mark.parametrize("given", ["a b", "x" * 65, "é", "-x", '"}', ""])
def test_an_id_that_cannot_be_used_is_replaced(admin: Client, given: str) -> None:
    answer = admin.get("/redfish/v1/nothing", X_Request_Id=given)
    assert answer.status == 404
    assert answer.headers["X-Request-Id"] not in ("", given)


def test_an_answer_from_memory_has_the_id_that_was_given(admin: Client) -> None:
    for _ in range(3):
        answer = admin.get(work.system("quick-3"), X_Request_Id="again")
        assert answer.headers["X-Request-Id"] == "again"
    assert "X-Request-Id" not in admin.get(work.system("quick-3")).headers


def test_streams_and_what_is_no_http_are_counted_without_a_time(
    service: Service, admin: Client
) -> None:
    name = "odimra_http_untimed_requests_total"
    context = ssl.create_default_context(cafile=service.ca_file)
    context.check_hostname = False
    stream = (
        "GET /redfish/v1/EventService/SSE HTTP/1.1\r\nHost: here\r\n"
        f"X-Auth-Token: {admin.token}\r\nAccept: text/event-stream\r\n\r\n"
    )
    for sent in (stream, "NONSENSE\r\n\r\n"):
        with (
            socket.create_connection(("127.0.0.1", service.port), timeout=10) as plain,
            context.wrap_socket(plain) as connection,
        ):
            connection.sendall(sent.encode())
            assert connection.recv(100).startswith(b"HTTP/1.")
    route = "/redfish/v1/EventService/SSE"
    until(lambda: total(scrape(admin), name, route=route, status="200") == 1)
    until(lambda: total(scrape(admin), name, route="unmatched", status="501") == 1)
