"""Every resource of the composed service can be carried by an event, as a GET shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from odimra.app import INITIAL_PASSWORD, first_start
from odimra.config import load
from odimra.events import NewSubscription, OriginGone
from odimra.faces import feed, redfish_frame
from odimra.house import House, build
from odimra.redfish.frame import Frame
from odimra.redfish.messages import Messages
from odimra.redfish.origin_reader import OriginReader
from tests.tasks.conftest import a_task

ROOT = "/redfish/v1/"


@pytest.fixture
async def house(
    valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    monkeypatch.setenv(INITIAL_PASSWORD, "correct horse battery")
    settings = load(
        None, {}, {"state_folder": str(tmp_path), "store.namespace": f"origins{tmp_path.name}"}
    )
    async with build(settings, valkey) as built:
        await first_start(built)
        yield built


@pytest.fixture
def frame(house: House) -> Frame:
    messages = Messages.load()
    return redfish_frame(house, messages, "u-u-i-d", feed(house, messages))


def links(value: Any) -> Iterator[str]:
    """Yield every link below a value."""
    if isinstance(value, dict):
        for name, below in value.items():
            if name == "@odata.id":
                yield below
            else:
                yield from links(below)
    elif isinstance(value, list):
        for below in value:
            yield from links(below)


async def test_whatever_an_event_can_be_about_is_read(
    house: House, frame: Frame, caplog: pytest.LogCaptureFixture
) -> None:
    await house.subscriptions.create(NewSubscription("https://192.0.2.1/", "admin"))
    parent = await house.tasks.create(a_task(owner="admin", subtasks=[a_task(owner="admin")]))
    read = OriginReader(frame, house.access)
    found: dict[str, dict[str, Any]] = {}
    waiting = [ROOT]
    while waiting:
        uri = waiting.pop().partition("#")[0]
        if uri in found:
            continue
        raw = await read(uri, "admin")
        assert raw is not None, uri
        found[uri] = orjson.loads(raw)
        assert found[uri]["@odata.id"] == uri
        waiting += links(found[uri])
    kinds = {body["@odata.type"].rpartition(".")[2] for body in found.values()}
    # A machine, a task and its sub-task, a subscription, an account: whatever events tell of.
    assert {"ComputerSystem", "Task", "EventDestination", "ManagerAccount", "Role"} <= kinds
    assert any(uri.startswith(f"/redfish/v1/TaskService/Tasks/{parent.id}/Sub") for uri in found)
    assert "broke" not in caplog.text


@pytest.mark.parametrize(
    "uri",
    [
        "/redfish",
        "/redfish/v1/odata",
        "/redfish/v1/$metadata",
        "/redfish/v1/EventService/SSE",
        "/redfish/v1/SessionService/Sessions/Members",
        "/taskmon/none",
        "/redfish/v1/JsonSchemas/none",
    ],
)
async def test_what_is_no_resource_breaks_nothing(
    house: House, frame: Frame, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raw = await OriginReader(frame, house.access)(uri, "admin")
    except OriginGone:
        raw = None
    assert raw is None or isinstance(orjson.loads(raw), dict)
    assert "broke" not in caplog.text


async def test_a_secret_is_in_no_event_either(house: House, frame: Frame) -> None:
    made = await house.subscriptions.create(
        NewSubscription("https://192.0.2.1/", "admin", headers=[("Authorization", "hush")])
    )
    read = OriginReader(frame, house.access)
    raw = await read(f"/redfish/v1/EventService/Subscriptions/{made.id}", "admin")
    assert raw is not None and b"hush" not in raw
