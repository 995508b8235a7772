"""What the description says is what the service does: tried out by Schemathesis, face by face.

A little of what `make fuzz` does; which checks are not made, and why, is in schemathesis.toml.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.describe.fuzz import FACES, SETTINGS, login, run
from tests.support.service import Service

EXAMPLES = 3
SEED = 20260101


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(SETTINGS) as started:
        yield started


@pytest.fixture(scope="module")
def token(service: Service) -> str:
    return login(service)


@pytest.mark.parametrize("face", FACES)
def test_a_face_does_what_is_told_of_it(service: Service, token: str, face: str) -> None:
    done = run(service, token, face, examples=EXAMPLES, seed=SEED)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{service.printed()}"
    told = service.client().get("/openapi.json").body["paths"]
    operations = [one for item in told.values() for one in item.values() if "tags" in one]
    assert f"Tested: {sum(face in one['tags'] for one in operations)}\n" in done.stdout
