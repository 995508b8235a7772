"""The started service as pytest fixtures; a conftest imports those it needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.http import Client
from tests.support.service import Service
from tests.support.work import SETTINGS


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A service on the machines of data/fleet.yaml, for the whole session."""
    with Service(SETTINGS) as started:
        yield started


@pytest.fixture
def admin(service: Service) -> Iterator[Client]:
    """A client with an administrator's session, ended after the test."""
    client = service.admin()
    yield client
    client.delete(str(client.session_uri))
    client.close()
