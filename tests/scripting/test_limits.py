"""Limits that hold: each is run into, and the next script is none the worse for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from odimra.scripting import (
    Host,
    ScriptError,
    ScriptKilled,
    ScriptOptions,
    ScriptPool,
    ScriptTimeout,
)

CHECKOUT = Path(__file__).resolve().parents[2]
SHORT = 0.5


async def nothing(name: str, arguments: Sequence[Any]) -> Any:
    return None


#: Tells that it runs, and goes on for ever.
ENDLESS = "openidm.read('there'); for (;;);"


def telling(there: asyncio.Event) -> Host:
    async def answer(name: str, arguments: Sequence[Any]) -> Any:
        there.set()

    return answer


@pytest.fixture
async def pool() -> AsyncIterator[ScriptPool]:
    options = ScriptOptions(processes=1, memory=16 * 1024 * 1024, longest=100_000, calls=20)
    async with ScriptPool(options) as made:
        yield made


async def well(pool: ScriptPool) -> None:
    assert await pool.run("'well'", {}, nothing, timeout=10) == "well"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # Where there is no /proc, a process that is there is alive until it has been waited for.
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("ascii")
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return sys.platform != "linux"


@pytest.mark.parametrize(
    "source",
    [
        "for (;;);",
        "try { for (;;); } catch (e) { 'caught' } finally { for (;;); }",
        "/(a+)+$/.test('a'.repeat(50) + '!')",
        "var s = '\\u1E9B\\u0323'.repeat(5e5); for (var i = 0; i < 1e6; i++) s.normalize('NFKD')",
        "new Array(3e7).fill(0).map((_, i) => -i).sort()",
        "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
        "for (;;) { try { openidm.read('a') } catch (e) { } }",
    ],
    ids=["loop", "finally", "regex", "native", "sort", "wait", "calls"],
)
async def test_what_takes_too_long_is_stopped(pool: ScriptPool, source: str) -> None:
    began = time.monotonic()
    with pytest.raises(ScriptError):
        await pool.run(source, {}, nothing, timeout=SHORT)
    assert time.monotonic() - began < SHORT + 20
    await well(pool)


async def test_a_stopped_script_s_process_is_gone(pool: ScriptPool) -> None:
    await well(pool)
    (pid,) = pool.pids
    with pytest.raises(ScriptTimeout):
        await pool.run("for (;;);", {}, nothing, timeout=SHORT)
    assert not alive(pid)
    await well(pool)
    assert pool.pids != [pid]


@pytest.mark.parametrize(
    "source",
    [
        "var x = []; for (;;) x.push('x'.repeat(1000) + x.length)",
        "'x'.repeat(1e9)",
        "new ArrayBuffer(1e9)",
        "var s = 'x'; for (;;) s += s",
        "new Array(1e8).fill(1)",
    ],
)
async def test_what_takes_too_much_memory_fails(pool: ScriptPool, source: str) -> None:
    with pytest.raises(ScriptError):
        await pool.run(source, {}, nothing, timeout=20)
    await well(pool)


async def test_memory_that_ran_out_can_be_survived(pool: ScriptPool) -> None:
    source = "var x; try { x = new ArrayBuffer(1e9) } catch (e) { x = 'none' } x"
    assert await pool.run(source, {}, nothing, timeout=10) == "none"
    await well(pool)


async def test_a_value_that_is_too_long_is_not_taken(pool: ScriptPool) -> None:
    with pytest.raises(ScriptError, match="100000 bytes"):
        await pool.run("'x'.repeat(200000)", {}, nothing, timeout=10)
    await well(pool)
    with pytest.raises(ScriptError, match="100000 bytes"):
        await pool.run("openidm.read('x'.repeat(200000))", {}, nothing, timeout=10)
    await well(pool)


async def test_a_script_calls_only_so_often(pool: ScriptPool) -> None:
    calls = 0

    async def count(name: str, arguments: Sequence[Any]) -> Any:
        nonlocal calls
        calls += 1

    with pytest.raises(ScriptError, match="more than 20 calls"):
        await pool.run("for (;;) openidm.read('a')", {}, count, timeout=10)
    assert calls == 20
    await well(pool)


async def test_the_host_s_time_is_not_the_script_s(pool: ScriptPool) -> None:
    async def slow(name: str, arguments: Sequence[Any]) -> Any:
        await asyncio.sleep(SHORT * 2)  # longer than the script may take itself
        return "late"

    assert await pool.run("openidm.read('a')", {}, slow, timeout=SHORT) == "late"


async def test_a_process_that_is_killed_fails_its_script_only(pool: ScriptPool) -> None:
    await well(pool)
    (pid,) = pool.pids

    async def kill(name: str, arguments: Sequence[Any]) -> Any:
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(ScriptKilled):
        await pool.run("openidm.read('a'); for (;;);", {}, kill, timeout=10)
    await well(pool)


async def test_a_process_that_died_while_it_was_idle_is_not_missed(pool: ScriptPool) -> None:
    await well(pool)
    (pid,) = pool.pids
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.001)  # noqa: ASYNC251 - the loop must not hear of its death before
    await well(pool)
    assert pool.pids != [pid]


async def test_what_has_done_something_is_never_run_again(pool: ScriptPool) -> None:
    calls = 0

    async def die(name: str, arguments: Sequence[Any]) -> Any:
        nonlocal calls
        calls += 1
        os.kill(pool.pids[0], signal.SIGKILL)

    with pytest.raises(ScriptKilled):
        await pool.run("openidm.patch('a', null, []); for (;;);", {}, die, timeout=10)
    assert calls == 1
    await well(pool)


async def test_where_no_process_can_be_started_scripts_say_so(
    pool: ScriptPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ScriptKilled, match="no process"):
        await well(pool)
    monkeypatch.undo()
    await well(pool)


MUCH = "var b = []; for (var i = 0; i < 9; i++) b.push('x'.repeat(1e6) + i);"


@pytest.mark.parametrize(
    "waste",
    [
        # In a pool of 16 MiB, each of these would leave nothing to the next one.
        f"{MUCH} new Promise(() => {{}}).then(() => b); Promise.resolve(b).then((b) => 1); 1",
        f"{MUCH} Promise.resolve().then(() => b); throw new Error('before it is done')",
        "var b = []; for (var i = 0; i < 6e4; i++) { var o = {}; o.o = o; b.push(o) } 1",
        "var x = []; for (;;) x.push('x'.repeat(1000) + x.length)",
    ],
    ids=["jobs", "failed", "cycles", "all"],
)
async def test_no_script_takes_the_memory_of_the_next(pool: ScriptPool, waste: str) -> None:
    for _ in range(4):
        for _ in range(2):
            with contextlib.suppress(ScriptError):
                await pool.run(waste, {}, nothing, timeout=20)
        # The same script, so the same context.
        again = f"if (less) {{ {MUCH} b.length }} else {{ {waste} }}"
        with contextlib.suppress(ScriptError):
            await pool.run(again, {"less": False}, nothing, timeout=20)
        assert await pool.run(again, {"less": True}, nothing, timeout=20) == 9


async def test_contexts_that_are_used_up_are_given_back_at_once() -> None:
    source = """
        var b = []; for (var i = 0; i < 40; i++) b.push('x'.repeat(1e6) + i);
        for (i = 0; i < 3; i++) Promise.resolve().then(() => b);
        throw new Error('before it is done')
    """
    async with ScriptPool(ScriptOptions(processes=1)) as pool:
        for _ in range(30):  # together more than the process may take
            with pytest.raises(ScriptError, match="before it is done"):
                await pool.run(source, {}, nothing, timeout=20)


async def test_a_script_logs_only_so_much(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="odimra.scripts")
    async with ScriptPool(ScriptOptions(processes=1)) as pool:
        flood = "for (var i = 0; i < many; i++) logger.info('{}', i)"
        await pool.run(flood, {"many": 20000}, nothing, timeout=20)
        lines = [one.message for one in caplog.records if one.name == "odimra.scripts"]
        assert lines[:2] == ["0", "1"] and len(lines) == 1001 and "left out" in lines[-1]
        await pool.run(flood, {"many": 1}, nothing, timeout=20)
    assert caplog.messages[-1] == "0"


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
async def test_a_process_can_write_no_file_and_start_nothing(pool: ScriptPool) -> None:
    await well(pool)
    (pid,) = pool.pids
    limits = Path(f"/proc/{pid}/limits").read_text("ascii")
    for name in ("Max file size", "Max core file size", "Max processes"):
        (line,) = [one for one in limits.splitlines() if one.startswith(name)]
        assert line.removeprefix(name).split()[:2] == ["0", "0"]


async def test_who_loses_patience_ends_the_script(pool: ScriptPool) -> None:
    await well(pool)
    (pid,) = pool.pids
    there = asyncio.Event()
    running = asyncio.create_task(pool.run(ENDLESS, {}, telling(there), timeout=60))
    await there.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(pid)
    await well(pool)


async def test_a_stopped_script_costs_those_behind_it_nothing(pool: ScriptPool) -> None:
    done: list[int] = []

    async def note(name: str, arguments: Sequence[Any]) -> Any:
        done.append(arguments[0])

    async def one(number: int) -> Any:
        source = "openidm.read(n); if (n % 3 === 0) for (;;); n"
        return await pool.run(source, {"n": number}, note, timeout=SHORT)

    found = await asyncio.gather(*map(one, range(7)), return_exceptions=True)
    for number, value in enumerate(found):
        if number % 3:
            assert value == number
        else:
            assert isinstance(value, ScriptTimeout)
    assert sorted(done) == list(range(7)), "none has run twice"


async def test_who_loses_patience_while_others_run_stops_none_of_them(pool: ScriptPool) -> None:
    going = asyncio.Event()
    called: list[str] = []

    async def host(name: str, arguments: Sequence[Any]) -> Any:
        called.append(arguments[0])
        if arguments[0] == "first":
            await going.wait()

    async def one(name: str) -> Any:
        return await pool.run("openidm.read(n); n", {"n": name}, host, timeout=10)

    first, second, third = (asyncio.create_task(one(name)) for name in ("first", "second", "third"))
    async with asyncio.timeout(30):
        while not called:
            await asyncio.sleep(0.01)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    going.set()
    assert await first == "first" and await third == "third"
    assert called == ["first", "third"]
    await well(pool)


async def test_a_closed_pool_leaves_no_process_behind() -> None:
    async with ScriptPool(ScriptOptions(processes=2)) as pool:
        await well(pool)
        there = asyncio.Event()
        running = asyncio.create_task(pool.run(ENDLESS, {}, telling(there), timeout=60))
        await there.wait()
        pids = pool.pids
    assert not any(map(alive, pids))
    with pytest.raises(ScriptError):
        await running
    with pytest.raises(ScriptKilled):
        await pool.run("1", {}, nothing, timeout=1)


async def test_a_process_has_nothing_of_the_service_s(pool: ScriptPool) -> None:
    await well(pool)
    (pid,) = pool.pids
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode()
    assert set(environment.strip("\0").split("\0")) <= {"LANG=C.UTF-8", "LC_CTYPE=C.UTF-8"}
    open_files = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
    assert sum(one.startswith("socket:") for one in open_files) == 1
    assert not any(str(CHECKOUT) in one for one in open_files)
    assert os.readlink(f"/proc/{pid}/cwd") == "/"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it notices by its socket only")
async def test_a_script_does_not_outlive_a_killed_parent() -> None:
    source = (
        "import asyncio\n"
        "from odimra.scripting import ScriptPool\n"
        "async def host(name, arguments):\n"
        "    return None\n"
        "async def main():\n"
        "    async with ScriptPool() as pool:\n"
        "        await pool.run('1', {}, host, timeout=30)\n"
        "        print(*pool.pids, flush=True)\n"
        "        await pool.run('for (;;);', {}, host, timeout=60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", source),
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(30):
        while alive(pid):
            await asyncio.sleep(0.02)
