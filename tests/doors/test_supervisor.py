"""``serve`` and ``worker`` as processes: start, restart, drain, and no orphan ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from odimra.child import Order
from odimra.config import load
from odimra.store.embedded import server_binary
from odimra.supervisor import CannotServe, reserve_port
from tests.doors.processes import alive, environment, eventually, odimra, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

BOTH = ("api=1=serve_api", "worker=1=serve_worker")


def store(state: Path) -> Redis:
    return Redis(unix_socket_path=str(state / "store.sock"), decode_responses=True)


def kept(state: Path, name: str) -> list[str]:
    """The list ``name`` as the next start finds it in the store."""
    with running(state.parent, "worker=0=serve_worker") as after:
        after.ready()
        return [str(value) for value in store(state).lrange(name, 0, -1)]


def test_the_ready_lines_say_where_who_and_how(tmp_path):
    with running(tmp_path, *BOTH) as service:
        (tmp_path / "state").mkdir(mode=0o700)
        (tmp_path / "state" / "initial-password").write_text("x")
        text = "\n".join(service.ready().lines)
        assert f"address        {service.address}/redfish/v1/" in text
        assert "administrator  admin" in text
        assert f"password       the first start's is in {service.state}/initial-password" in text
        assert service.address.startswith("https://127.0.0.1:")
        # Verified against the certificate that it made.
        assert json.loads(service.get("/redfish")) == {"v1": "/redfish/v1/"}
        assert service.end() == 0


def test_a_child_that_dies_is_started_again(tmp_path):
    with running(tmp_path, *BOTH) as service:
        service.ready()
        first = json.loads(service.get("/pid"))
        assert first["parent"] == service.process.pid
        os.kill(first["pid"], signal.SIGKILL)

        def again() -> int | None:
            try:
                pid = int(json.loads(service.get("/pid"))["pid"])
            except OSError:
                return None
            return pid if pid != first["pid"] else None

        assert eventually(again)
        assert service.end() == 0


def test_api_processes_share_the_port(tmp_path):
    with running(tmp_path, "api=3=serve_api") as service:
        service.ready()
        seen = set()

        def three() -> bool:
            seen.add(json.loads(service.get("/pid"))["pid"])
            return len(seen) == 3

        assert eventually(three)


def test_the_store_outlives_the_drain_and_nothing_outlives_the_stop(tmp_path):
    with running(tmp_path, "worker=2=serve_worker") as service:
        service.ready()
        workers = eventually(lambda: two(store(service.state).lrange("workers", 0, -1)))
        children = service.children()
        assert len(children) == 3
        assert service.end() == 0
        assert not [pid for pid in children if alive(pid)]
    assert sorted(kept(service.state, "drained")) == sorted(workers)


def two(values: list[str]) -> list[str] | None:
    return values if len(values) == 2 else None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_the_terminals_signals_stop_it_as_well(tmp_path, number):
    with running(tmp_path, "worker=1=serve_worker") as service:
        service.ready()
        eventually(lambda: store(service.state).lrange("workers", 0, -1))
        assert service.end(number) == 0
    assert len(kept(service.state, "drained")) == 1


def test_a_second_signal_cuts_the_drain_short(tmp_path):
    with running(tmp_path, "worker=1=stubborn_worker") as service:
        service.ready()
        (pid,) = eventually(lambda: store(service.state).lrange("workers", 0, -1))

        def ended() -> bool:
            # Two signals sent at once arrive as one, so it is said until it is heard.
            service.process.send_signal(signal.SIGTERM)
            return not alive(int(pid))

        eventually(ended)
        assert not alive(int(pid))


def test_what_does_not_drain_in_time_is_killed(tmp_path):
    words = ("worker=1=stubborn_worker", "set=engine.drain_seconds=0")
    with running(tmp_path, *words) as service:
        service.ready()
        (pid,) = eventually(lambda: store(service.state).lrange("workers", 0, -1))
        assert service.end() == 0
        assert not alive(int(pid))


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path):
    with running(tmp_path, "api=2=serve_api", "worker=2=stubborn_worker") as service:
        service.ready()
        children = service.children()
        assert len(children) == 5
        service.end(signal.SIGKILL)
        eventually(lambda: not any(alive(pid) for pid in children))


def test_a_child_ends_with_the_pipe_to_its_parent(tmp_path, valkey):
    """What ends it where the kernel sends no signal at a parent's death."""
    settings = load(None, {}, {"state_folder": str(tmp_path)})
    order = Order("worker-0", "tests.doors.stub_app:serve_worker", valkey, settings)
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "odimra", "_child", order.name],
        stdin=subprocess.PIPE,
        env=environment(),
    )
    assert child.stdin is not None
    child.stdin.write(order.line())
    child.stdin.flush()
    client = Redis.from_url(valkey, decode_responses=True)
    eventually(lambda: str(child.pid) in client.lrange("workers", 0, -1))
    child.stdin.close()
    assert child.wait(20) == 1
    client.delete("workers")


def test_a_killed_supervisor_loses_nothing_that_was_acknowledged(tmp_path):
    with running(tmp_path, *BOTH) as service:
        service.ready()
        for _ in range(7):
            service.get("/pid")
        service.end(signal.SIGKILL)
    with running(tmp_path, *BOTH) as service:
        service.ready()
        assert store(service.state).get("visits") == "7"


def test_a_second_one_attaches_and_takes_over(tmp_path):
    with running(tmp_path, *BOTH) as first:
        first.ready()
        first.get("/pid")
        with running(tmp_path, *BOTH) as second:
            text = "\n".join(second.ready().lines)
            assert "shared with another odimra" in text
            assert len(second.children()) == 2
            second.get("/pid")
            assert store(second.state).get("visits") == "2"
            first.end(signal.SIGKILL)

            def visits() -> bool:
                try:
                    second.get("/pid")
                except OSError:
                    return False
                return True

            eventually(lambda: len(second.children()) == 3 and visits())
            assert int(store(second.state).get("visits") or 0) >= 3
            assert second.end() == 0


def test_a_child_that_cannot_start_ends_the_start_with_its_reason(tmp_path):
    with running(tmp_path, "api=1=broken") as service:
        assert service.process.wait(60) == 1
        assert service.process.stdout is not None
        assert "api-0 cannot start (exit code 1)" in service.process.stdout.read()
        assert "RuntimeError" in service.errors()
        assert "open sesame" not in service.errors()


def test_a_child_that_refuses_its_settings_is_not_tried_again(tmp_path):
    with running(tmp_path, "api=1=misconfigured") as service:
        assert service.process.wait(20) == 2
        assert service.errors().count("is process") == 1


def test_a_port_that_is_taken_is_told(tmp_path):
    with running(tmp_path, *BOTH) as service:
        service.ready()
        port = service.address.rpartition(":")[2]
        done = odimra("serve", "--port", port, "--state", "other", cwd=tmp_path)
        assert done.returncode == 1
        assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
        assert "--port" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_address_of_another_machine_is_told():
    with pytest.raises(CannotServe, match=r"192\.0\.2\.1 port 0"):
        reserve_port("192.0.2.1", 0)


def test_plain_http_serves_without_a_certificate(tmp_path):
    words = ("api=1=serve_api", "set=http.plain_http=true", "set=http.address='::1'")
    with running(tmp_path, *words) as service:
        service.ready()
        assert service.address.startswith("http://[::1]:")
        assert service.get("/redfish")
        assert not (service.state / "certificate.pem").exists()


def test_a_store_elsewhere_is_used_and_left_alone(tmp_path, valkey):
    with running(tmp_path, "worker=1=serve_worker", f"set=store.url='{valkey}'") as service:
        service.ready()
        assert len(service.children()) == 1
        client = Redis.from_url(valkey, decode_responses=True)
        eventually(lambda: client.lrange("workers", 0, -1))
        assert service.end() == 0
        assert len(client.lrange("drained", 0, -1)) == 1
        client.delete("drained", "workers")
        assert not (service.state / "store.sock").exists()


def test_the_server_is_a_real_one():
    assert "-server" in server_binary().name
