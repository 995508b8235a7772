"""``odimra store`` on a service that was used: backup, restore, formats."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.support import work
from tests.support.service import CHECKOUT, Service, clean_environment, free_port

ACCOUNTS = "/redfish/v1/AccountService/Accounts"
PASSWORD = "Long-enough-9"


def odimra(folder: Path, *words: str, said: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command, which reads ``said``, with the settings of the service in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "odimra", *words, "--config", str(folder / "odimra.yaml")],
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        cwd=folder,
        input=said,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def mark(folder: Path, **fields: str | int) -> None:
    """Have the mark of a stopped service's store say something else."""
    script = (
        "import asyncio, json, sys\n"
        "from odimra.config import load\n"
        "from odimra.standalone import store_url\n"
        "from odimra.options import store_options\n"
        "from odimra.store import Store\n"
        "async def main():\n"
        "    settings = load(sys.argv[1], {}, {})\n"
        "    async with store_url(settings) as url:\n"
        "        store = await Store.open(store_options(settings, url))\n"
        "        for name, value in json.loads(sys.argv[2]).items():\n"
        "            await store.call('HSET', store.keys.of('format'), name, value)\n"
        "        await store.close()\n"
        "asyncio.run(main())\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(folder / "odimra.yaml"), json.dumps(fields)],
        env=clean_environment(PYTHONPATH=str(CHECKOUT)),
        check=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, list[str]]]:
    """The folder of a service that was used and stopped, its password, and its tasks."""
    folder = Path(tmp_path_factory.mktemp("used", numbered=True))
    with Service(work.SETTINGS, folder=folder) as service:
        client = service.admin()
        made = {"UserName": "keeper", "Password": PASSWORD, "RoleId": "Operator"}
        assert client.post(ACCOUNTS, made).status == 201
        tasks = []
        for machine in ("quick-1", "quick-2"):
            asked = work.reset(client, machine)
            work.wait(client, asked.headers["Location"])
            tasks.append(str(asked.body["@odata.id"]))
        for number in range(20):
            user = {"userName": f"u{number}"}
            assert client.request("PUT", f"/openidm/managed/user/u{number}", user).status == 201
        # Refused while it runs.
        running = odimra(folder, "store", "backup", str(folder / "no.gz"))
        assert running.returncode == 1 and "stop them first" in running.stderr
        assert not (folder / "no.gz").exists()
        password = service.password
        client.close()
    yield folder, password, tasks


def test_what_was_backed_up_is_there_in_another_service(
    used: tuple[Path, str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, password, tasks = used
    file = folder / "backup.gz"
    done = odimra(folder, "store", "backup", str(file))
    assert done.returncode == 0, done.stderr
    assert "keys in" in done.stdout
    again = odimra(folder, "store", "backup", str(file))
    assert again.returncode == 1 and "not overwritten" in again.stderr
    other = Path(tmp_path_factory.mktemp("other", numbered=True))
    (other / "odimra.yaml").write_text(
        (folder / "odimra.yaml").read_text("utf-8").replace(str(folder), str(other)), "utf-8"
    )
    back = odimra(other, "store", "restore", str(file))
    assert back.returncode == 0, back.stderr
    refused = odimra(other, "store", "restore", str(file))
    assert refused.returncode == 1 and "--replace" in refused.stderr
    assert odimra(other, "store", "restore", str(file), "--replace").returncode == 0
    with Service(work.SETTINGS, folder=other, first_password="Something-else-1") as service:
        client = service.client().login("admin", password)
        for task in tasks:
            assert client.get(task).body["TaskState"] == "Completed"
        found = client.get("/openidm/managed/user?_queryFilter=true").body
        assert found["resultCount"] == len(found["result"]) == 20
        assert service.client().login("keeper", PASSWORD).token
        # And it goes on working.
        work.wait(client, work.reset(client, "quick-3").headers["Location"])
        counts = client.get("/console/api/history").body["now"]
        assert {"kind": "system-reset", "state": "Completed", "tasks": 3} in counts


def test_the_format_is_told_and_changed(used: tuple[Path, str, list[str]]) -> None:
    folder, password, _ = used
    assert odimra(folder, "store", "version").stdout.startswith("format 2")
    down = odimra(folder, "store", "downgrade", "--to", "1")
    assert down.returncode == 0 and "format 1" in down.stdout
    # The store that it embeds is brought up to date by the start.
    with Service(work.SETTINGS, folder=folder) as service:
        client = service.client().login("admin", password)
        counts = client.get("/console/api/history").body["now"]
        assert sum(one["tasks"] for one in counts) == 2
    assert odimra(folder, "store", "version").stdout.startswith("format 2")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"format": 99, "by": "7.0.0"}, "format 99, written by odimra 7.0.0"),
        ({"format": 0}, "run 'odimra store restore' again"),
    ],
)
def test_a_service_refuses_what_it_cannot_read(
    used: tuple[Path, str, list[str]], fields: dict[str, str | int], said: str
) -> None:
    folder, _, _ = used
    mark(folder, **fields)
    try:
        started = odimra(folder, "serve")
        assert started.returncode == 2
        assert said in started.stderr
        assert "Traceback" not in started.stderr
        upgraded = odimra(folder, "store", "upgrade")
        assert upgraded.returncode == 1 and said in upgraded.stderr
        for command in (["user", "list"], ["records", "export", "managed/user"]):
            done = odimra(folder, *command)
            assert done.returncode == 1, done.stdout
            assert said in done.stderr and "Traceback" not in done.stderr
    finally:
        mark(folder, format=2, by="test")


def test_a_server_of_one_s_own_is_not_upgraded_by_a_start(valkey: str, tmp_path: Path) -> None:
    index = "{shared-store}:index:tasks"
    with Redis.from_url(valkey) as redis:
        redis.zadd(index, {"task1": 1})
    config = {
        "store": {"url": valkey, "namespace": "shared-store"},
        "state_folder": str(tmp_path / "state"),
        "http": {"port": free_port()},
    }
    (tmp_path / "odimra.yaml").write_text(json.dumps(config), "utf-8")
    try:
        started = odimra(tmp_path, "serve")
        assert started.returncode == 2
        assert "odimra store upgrade" in started.stderr
        assert odimra(tmp_path, "store", "upgrade").returncode == 0
        assert odimra(tmp_path, "store", "version").stdout.startswith("format 2")
    finally:
        with Redis.from_url(valkey) as redis:
            redis.delete(index, "{shared-store}:format")


def test_a_store_that_a_command_was_first_to_use_serves(valkey: str, tmp_path: Path) -> None:
    config = {
        "store": {"url": valkey, "namespace": "prepared"},
        "state_folder": str(tmp_path / "state"),
    }
    (tmp_path / "odimra.yaml").write_text(json.dumps(config), "utf-8")
    try:
        add = ("user", "add", "keeper", "--role", "Operator", "--password-stdin")
        done = odimra(tmp_path, *add, said=PASSWORD)
        assert done.returncode == 0, done.stderr
        with Service({"store": config["store"]}, folder=tmp_path) as service:
            assert service.client().login("keeper", PASSWORD).token
        assert odimra(tmp_path, "store", "version").stdout.startswith("format 2")
    finally:
        with Redis.from_url(valkey) as redis:
            for key in redis.scan_iter("{prepared}*"):
                redis.delete(key)
