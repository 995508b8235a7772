"""``odimra task`` and ``odimra system`` against a service that runs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from odimra.client.boards import Bars
from odimra.client.following import Seen
from odimra.client.output import Output
from tests.client_cli.conftest import Desk, log_in, until
from tests.client_cli.terminal import drawn
from tests.support.service import Service, free_port


def test_a_reset_is_listed_shown_and_watched(desk: Desk) -> None:
    task = desk.reset("node-1", type="ForceRestart")
    watched = desk.run("task", "watch", task).ok()
    assert watched.lines[-1] == [task, "Completed", "100", "ComputerSystem.Reset of node-1"]
    assert [task, "Completed"] in [line[:1] + line[4:5] for line in desk.run("task", "list").lines]
    shown = dict(line for line in desk.run("task", "show", task).ok().lines if len(line) == 2)
    assert shown["TaskState"] == "Completed"
    assert shown["Body"] == '{"ResetType":"ForceRestart"}'
    assert "is done" in shown["Message"]


def test_a_task_is_known_by_many_names(desk: Desk) -> None:
    task = desk.reset("node-1", "node-2", type="ForceRestart")
    desk.run("task", "watch", task).ok()
    tree = desk.run("task", "show", task, "--json").ok().json
    sub = tree["SubTasks"]["Members"][0]["Id"]
    for name in (
        task,
        task.removeprefix("task"),
        f"/redfish/v1/TaskService/Tasks/{task}",
        f"/taskmon/{task}",
        f"/redfish/v1/TaskService/TaskMonitors/{task}",
        f"{desk.url}/redfish/v1/TaskService/Tasks/{task}",
    ):
        assert desk.run("task", "show", name, "--json").ok().json["Id"] == task
    for name in (f"{task}/{sub}", f"/redfish/v1/TaskService/Tasks/{task}/SubTasks/{sub}"):
        assert desk.run("task", "show", name, "--json").ok().json["Id"] == sub
    for name in ("a/b/c", "/redfish/v1/Systems/node-1", "a//"):
        assert desk.run("task", "show", name).code in (2, 5)
    assert desk.run("task", "show", "/redfish/v1/Systems/node-1").code == 2


def test_a_watched_task_tells_of_each_sub_task(desk: Desk) -> None:
    done = desk.run("system", "reset", "node-1", "node-2", "--type", "ForceRestart", "--watch")
    lines = done.ok().lines
    ended = {line[3] for line in lines if line[1] == "Completed"}
    assert ended == {
        "AggregationService.Reset of 2 systems",
        "ComputerSystem.Reset of node-1",
        "ComputerSystem.Reset of node-2",
    }
    assert "/" not in lines[-1][0]  # the end of all comes last
    as_json = desk.run(
        *("system", "reset", "node-1", "node-2", "--type", "On", "--watch", "--json")
    ).ok()
    told = [json.loads(line) for line in as_json.out.splitlines()]
    assert told[-1]["TaskState"] == "Completed"
    assert {one["Id"].count("/") for one in told} == {0, 1}


def test_list_shows_the_newest_first_and_chooses_by_state(desk: Desk) -> None:
    tasks = [desk.reset("node-3", type="ForceRestart") for _ in range(3)]
    desk.run("task", "watch", *tasks).ok()
    listed = [line[0] for line in desk.run("task", "list", "--limit", "2").ok().lines]
    assert listed == [tasks[2], tasks[1]]
    completed = desk.run("task", "list", "--state", "completed", "--json").ok().json
    assert {one["state"] for one in completed} == {"Completed"}
    assert set(tasks) <= {one["id"] for one in completed}
    several = desk.run("task", "list", "--state", "Suspended", "--state", "Completed").ok()
    assert {line[4] for line in several.lines} == {"Completed"}
    assert desk.run("task", "list", "--unfinished", "--state", "New").code == 2
    assert tasks[0] not in desk.run("task", "list", "--unfinished").ok().out
    chosen = ("--kind", "system-reset", "--owner", "admin", "--text", tasks[0][-12:])
    assert [line[0] for line in desk.run("task", "list", *chosen).ok().lines] == [tasks[0]]
    assert desk.run("task", "list", "--kind", "bulk-script", "--owner", "no").ok().out == ""
    assert desk.run("task", "list", "--state", "Suspended").ok().out == ""
    assert desk.run("task", "list", "--state", "Sleeping").code == 2


def test_a_task_that_is_cancelled_makes_its_watcher_fail(desk: Desk) -> None:
    task = desk.reset(*(f"node-{one}" for one in (1, 2, 3)), type="On", batch=1, delay=30)
    assert desk.run("task", "cancel", task).ok().out.startswith(f"{task} is Cancel")
    done = desk.run("task", "watch", task)
    assert done.code == 1
    assert f"the task {task} has ended in Cancelled" in done.err
    assert f"odimra task show {task}" in done.err
    again = desk.run("task", "cancel", task)
    assert (again.code, "has ended already" in again.err) == (0, True)


def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    for arguments in (
        ("task", "show", "taskx"),
        ("task", "watch", "taskx"),
        ("task", "cancel", "taskx"),
        ("task", "delete", "taskx", "--yes"),
        ("system", "show", "no-such"),
        ("system", "reset", "no-such", "--type", "On"),
    ):
        done = desk.run(*arguments)
        assert done.code == 5, arguments
        assert done.err.startswith("odimra: ")
        assert done.err.count("\n") == 1


def test_delete_asks_and_removes(desk: Desk) -> None:
    task = desk.reset("node-1", type="ForceRestart")
    desk.run("task", "watch", task).ok()
    assert desk.run("task", "delete", task, stdin="n\n").code == 1
    desk.run("task", "show", task).ok()
    desk.run("task", "delete", task, stdin="y\n").ok()
    assert desk.run("task", "show", task).code == 5
    other = desk.reset("node-1", type="ForceRestart")
    desk.run("task", "watch", other).ok()
    assert desk.run("task", "delete", "--yes").code == 2
    assert desk.run("task", "delete", other, "--completed", "--yes").code == 2
    desk.run("task", "delete", "--completed", "--yes").ok()
    assert desk.run("task", "list", "--state", "Completed").ok().out == ""


def test_systems_are_listed_and_shown(desk: Desk) -> None:
    lines = desk.run("system", "list").ok().lines
    assert [line[0] for line in lines] == ["node-1", "node-2", "node-3", "store-1"]
    assert len(desk.run("system", "list", "--limit", "1", "--json").ok().json) == 1
    shown = dict(line for line in desk.run("system", "show", "node-1").ok().lines)
    assert shown["Id"] == "node-1"
    assert "ForceRestart" in shown["Resets"]
    assert desk.run("system", "show", "/redfish/v1/Chassis/node-1").code == 2


def test_who_may_not_is_told_so(service: Service, desk: Desk, tmp_path: Path) -> None:
    with contextlib.closing(service.admin()) as client:
        made = client.post(
            "/redfish/v1/AccountService/Accounts",
            {"UserName": "reader", "Password": "Reads-0nly-1", "RoleId": "ReadOnly"},
        )
        assert made.status in (201, 400), made.body
    reader = Desk(tmp_path / "reader", service.address)
    reader.run(
        *("login", service.address, "--account", "reader", "--ca", service.ca_file),
        "--password-stdin",
        stdin="Reads-0nly-1",
    ).ok()
    done = reader.run("system", "reset", "node-1", "--type", "On")
    assert done.code == 4
    assert "Traceback" not in done.err
    task = desk.reset("node-1", type="On")
    assert reader.run("task", "show", task).code == 4


def test_a_watcher_that_goes_leaves_the_task_alone(desk: Desk) -> None:
    task = desk.reset("node-1", "node-2", type="On", batch=1, delay=60)
    watcher = desk.start("task", "watch", task)
    assert watcher.stdout is not None
    watcher.stdout.readline()
    until(lambda: desk.run("task", "show", task, "--json").json["TaskState"] == "Running")
    watcher.send_signal(signal.SIGINT)
    _, said = watcher.communicate(timeout=30)
    assert watcher.returncode == 130
    assert f"odimra task watch {task}" in said
    assert "Traceback" not in said
    state = desk.run("task", "show", task, "--json").ok().json["TaskState"]
    assert state == "Running"
    desk.run("task", "cancel", task).ok()


def test_a_reader_that_goes_is_no_error(desk: Desk) -> None:
    shell = desk.start("system", "list", stdout=subprocess.PIPE)
    assert shell.stdout is not None
    shell.stdout.close()
    assert shell.stderr is not None
    assert "Traceback" not in shell.stderr.read()
    assert shell.wait(30) in (0, 1)


def test_task_watch_survives_a_restart_of_the_service(tmp_path: Path) -> None:
    folder = Path("/tmp") / f"odimra-w{os.getpid()}"  # short: a unix socket is in it
    folder.mkdir()
    try:
        port = free_port()
        with Service(folder=folder, port=port) as first:
            desk = log_in(first, Desk(tmp_path, first.address))
            task = desk.reset("node-1", "node-2", "node-3", type="On", batch=1, delay=2)
            watcher = desk.start("task", "watch", task)
            assert watcher.stdout is not None
            watcher.stdout.readline()
        assert watcher.poll() is None
        with Service(folder=folder, port=port):
            out, said = watcher.communicate(timeout=90)
        assert watcher.returncode == 0, said
        assert "does not answer: connection refused; trying again" in said
        assert "the service answers again" in said
        assert out.splitlines()[-1].startswith(f"{task}\tCompleted\t100")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_person_sees_a_bar_for_each_sub_task(desk: Desk) -> None:
    task = desk.reset("node-1", "node-2", type="ForceRestart")
    code, plain = drawn(desk, "task", "watch", task)
    assert code == 0
    for name in ("AggregationService.Reset of 2 systems", "ComputerSystem.Reset of node-2"):
        assert re.search(rf"{re.escape(name)} +━+ +100 % +Completed", plain), plain
    code, plain = drawn(desk, "task", "list")
    assert code == 0
    assert re.search("ID +NAME +OWNER +STATE +% +STARTED *\r", plain)


@pytest.mark.parametrize("count", [1, 40])
def test_more_sub_tasks_than_lines_are_summed_up(count: int) -> None:
    def task(uri: str, state: str) -> dict[str, object]:
        return {"@odata.id": uri, "Id": uri, "Name": uri, "TaskState": state}

    output = Output(as_json=False)
    output.console = Console(force_terminal=True, width=100, height=12, record=True)
    bars = Bars(output)
    subs = [task(f"s{one}", "Completed" if one else "Running") for one in range(count)]
    bars.show(Seen(task("t\x1b[2J", "Running"), subs))
    output.console.print(bars._picture())
    text = output.console.export_text()
    assert "\x1b" not in text
    assert ("of 40: 39 Completed, 1 Running" in text) == (count == 40)
    assert len(text.splitlines()) <= 12
    assert "s0" in text
