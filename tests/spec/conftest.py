"""The service under test, and accounts of the roles that the clauses speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.fixtures import admin, service
from tests.support.http import Client
from tests.support.service import Service

__all__ = ["admin", "service"]

ACCOUNTS = "/redfish/v1/AccountService/Accounts"
PASSWORD = "a good Passw0rd for tests"

UserOf = Callable[[str], Client]


@pytest.fixture
def user_of(service: Service, admin: Client) -> Iterator[UserOf]:
    """A function that returns a logged-in client of a fresh account with the given role."""
    made: list[tuple[str, Client]] = []

    def make(role: str) -> Client:
        name = f"{role.lower()}{len(made)}"
        wanted = {"UserName": name, "Password": PASSWORD, "RoleId": role}
        answer = admin.post(ACCOUNTS, wanted)
        assert answer.status == 201, answer.body
        client = service.client()
        made.append((answer.headers["Location"], client))
        return client.login(name, PASSWORD)

    yield make
    for account, client in made:
        client.close()
        assert admin.delete(account).status in (200, 204)
