"""DMTF's Python library `redfish`: login, operations followed by its own task handling."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redfish
from redfish.rest.v1 import HttpClient, InvalidCredentialsError, RestResponse

from tests.support.service import Service
from tests.support.work import TASKS, UPDATE, firmware, system


@pytest.fixture
def client(service: Service) -> Iterator[HttpClient]:
    """A logged-in client that checks the certificate."""
    opened = redfish.redfish_client(
        base_url=service.address,
        username=service.administrator,
        password=service.password,
        cafile=service.ca_file,
        timeout=15,
        max_retry=1,
    )
    opened.login(auth="session")
    yield opened
    opened.logout()


def follow(client: HttpClient, response: RestResponse) -> RestResponse:
    """Follow a 202 as the library's documentation shows, at the pace that the service asks for."""
    monitor = response
    while monitor.is_processing:
        time.sleep(response.retry_after or 1)
        monitor = response.monitor(client)
    return monitor


def test_a_wrong_password_is_refused(service: Service) -> None:
    client = redfish.redfish_client(
        base_url=service.address, username="admin", password="not this one", max_retry=1
    )
    with pytest.raises(InvalidCredentialsError):
        client.login(auth="session")


@pytest.mark.parametrize("auth", ["session", "basic"])
def test_login(service: Service, auth: str) -> None:
    client = redfish.redfish_client(
        base_url=service.address,
        username=service.administrator,
        password=service.password,
        cafile=service.ca_file,
    )
    assert client.get("/redfish/v1/Systems").status == 401
    client.login(auth=auth)
    assert client.get("/redfish/v1/Systems").status == 200
    client.logout()


def test_a_token_is_worth_nothing_after_logout(client: HttpClient, service: Service) -> None:
    token = client.get_session_key()
    client.logout()
    again = service.client()
    assert again.get("/redfish/v1/Systems", X_Auth_Token=token).status == 401
    again.close()


def test_a_reset_is_followed_to_its_end(client: HttpClient) -> None:
    target = client.get(system("quick-1")).dict["Actions"]["#ComputerSystem.Reset"]["target"]
    response = client.post(target, body={"ResetType": "ForceOff"})
    assert response.is_processing
    assert follow(client, response).status in (200, 204)
    assert client.get(system("quick-1")).dict["PowerState"] == "Off"
    assert follow(client, client.post(target, body={"ResetType": "On"})).status in (200, 204)
    assert client.get(system("quick-1")).dict["PowerState"] == "On"


def test_an_update_of_three_targets_of_which_one_fails(client: HttpClient) -> None:
    machines = ("quick-1", "quick-2", "failing")
    before = client.get(firmware("failing")).dict["Version"]
    body = {
        "ImageURI": "https://images.test/bios-2.5.0.bin",
        "Targets": [firmware(one) for one in machines],
    }
    response = client.post(UPDATE, body=body)
    assert response.status == 202
    assert follow(client, response).status >= 400
    task = client.get(response.dict["@odata.id"]).dict
    parts = client.get(task["SubTasks"]["@odata.id"]).dict["Members"]
    states = sorted(client.get(part["@odata.id"]).dict["TaskState"] for part in parts)
    assert states == ["Completed", "Completed", "Exception"]
    versions = [client.get(firmware(one)).dict["Version"] for one in machines]
    assert versions == ["2.5.0", "2.5.0", before]


def test_cancel_by_the_monitor_and_delete_of_the_task(client: HttpClient) -> None:
    target = f"{system('endless')}/Actions/ComputerSystem.Reset"
    response = client.post(target, body={"ResetType": "ForceRestart"})
    assert response.status == 202
    assert client.delete(response.task_location).status in (200, 202, 204)
    uri = response.dict["@odata.id"]
    while client.get(uri).dict["TaskState"] == "Cancelling":
        time.sleep(0.05)
    assert client.get(uri).dict["TaskState"] == "Cancelled"
    assert client.delete(uri).status in (200, 204)
    assert client.get(uri).status == 404
    assert uri not in [one["@odata.id"] for one in client.get(TASKS).dict["Members"]]
