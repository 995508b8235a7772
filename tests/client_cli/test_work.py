"""Scans, bulk scripts, ratings, jobs and events, from the command line."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from odimra.client.errors import ServiceFailed
from odimra.client.sse import LONGEST_LINE, Message, Reader
from tests.client_cli.conftest import Desk, log_in, until
from tests.support.service import Service, free_port

SCAN = {
    "type": "cron",
    "schedule": "0 0 3 ? * SUN",
    "invokeContext": {
        "numberOfThreads": 2,
        "scan": {
            "_queryFilter": "true",
            "object": "redfish/Systems",
            "taskState": {"started": "/Oem/started", "completed": "/Oem/completed"},
        },
        "task": {"script": {"type": "text/javascript", "source": "true"}},
    },
}
SCRIPT = """
executeScript:
  pipeline:
    - '@element': search
      type: ComputerSystemType
    - '@element': action
      type: log
      parameter: [{name: message, value: "seen "}]
    - '@element': filterContent
      keep: [Id]
"""


def test_a_scan_is_scheduled_run_and_listed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_text(json.dumps(SCAN))
    made = desk.run("scan", "schedule", "nightly", str(tmp_path / "scan.json")).ok()
    assert made.out.startswith("nightly runs next 2")
    ((name, enabled, schedule, following, _),) = desk.run("scan", "jobs").ok().lines
    assert (name, enabled, schedule) == ("nightly", "true", "0 0 3 ? * SUN")
    assert following
    assert desk.run("scan", "run", "nightly", "--watch").ok().lines[-1][1] == "Completed"
    run = desk.run("scan", "run", "nightly", "--json").ok().json["_id"]
    desk.run("task", "watch", f"task{run}").ok()
    listed = {line[0]: line[1:7] for line in desk.run("scan", "list").ok().lines}
    assert listed[run] == ["nightly", "COMPLETED", "4", "4", "4", "0"]
    assert dict(desk.run("scan", "show", run).ok().lines)["STATE"] == "COMPLETED"
    for arguments in (("show", "x"), ("cancel", "x"), ("run", "x"), ("unschedule", "x", "--yes")):
        assert desk.run("scan", *arguments).code in (5, 6), arguments
    (tmp_path / "scan.json").write_text('{"type": "cron", "schedule": "never"}')
    assert desk.run("scan", "schedule", "bad", str(tmp_path / "scan.json")).code == 6
    assert desk.run("scan", "schedule", "bad", "-", stdin="[").code == 2
    desk.run("scan", "unschedule", "nightly", "--yes").ok()
    assert desk.run("scan", "jobs").ok().out == ""


def test_a_scan_is_cancelled(desk: Desk, tmp_path: Path) -> None:
    slow = json.loads(json.dumps(SCAN))
    slow["invokeContext"]["task"]["script"]["source"] = "for (;;) {}"
    desk.run("scan", "schedule", "slow", "-", stdin=json.dumps(slow)).ok()
    run = desk.run("scan", "run", "slow", "--json").ok().json["_id"]
    desk.run("scan", "cancel", run).ok()
    done = desk.run("task", "watch", f"task{run}")
    assert (done.code, "Cancelled" in done.err) == (1, True)
    desk.run("scan", "unschedule", "slow", "--yes").ok()


@pytest.mark.parametrize("how", ["file", "stdin", "json"])
def test_a_bulk_script_s_output_is_followed(desk: Desk, tmp_path: Path, how: str) -> None:
    if how == "file":
        (tmp_path / "script.yml").write_text(SCRIPT)
        done = desk.run("bulk", "run", str(tmp_path / "script.yml"), "--watch")
    elif how == "stdin":
        done = desk.run("bulk", "run", "-", "--watch", stdin=SCRIPT)
    else:
        script = {"executeScript": {"search": {"type": "ComputerSystemType"}}}
        done = desk.run("bulk", "run", "-", stdin=json.dumps(script)).ok()
        run = done.out.split()[-1]
        done = desk.run("bulk", "watch", f"task{run}", "--json").ok()
        told = [json.loads(line) for line in done.out.splitlines()]
        assert sum("item" in one for one in told) == 4
        assert told[-1]["result"]["status"] == "success"
        return
    done.ok()
    assert [line[0] for line in done.lines] == ["success"] * 4
    assert json.loads(done.lines[0][1]) == {"oid": "node-1", "Id": "node-1"}
    assert done.err.count("INFO: seen ") == 4
    assert "success: 4 items" in done.err


def test_a_bulk_script_that_fails_says_why(desk: Desk) -> None:
    refused = desk.run("bulk", "run", "-", stdin="executeScript: {nonsense: 1}")
    assert refused.code == 6
    assert "nonsense" in refused.err
    script = (
        "executeScript: {pipeline: [{'@element': search, type: ComputerSystemType}, "
        "{'@element': action, type: ComputerSystem.Reset, parameter: [{name: ResetType, "
        "value: Sideways}]}]}"
    )
    failed = desk.run("bulk", "run", "-", "--watch", stdin=script)
    assert failed.code == 1
    assert "odimra task show" in failed.err
    assert desk.run("bulk", "watch", "none").code == 5
    assert desk.run("bulk", "run", "/no/such/file").code == 2


def test_periods_are_rated_again(service: Service, desk: Desk) -> None:
    first, end = "2026-01-01T00:00:00Z", "2026-01-01T05:00:00Z"
    with contextlib.closing(service.admin()) as client:
        scope = {"scope_id": "shop", "last_processed_timestamp": "2026-01-02T00:00:00Z"}
        assert client.post("/v2/scope", scope).status in (200, 201)
    window = ("--from", first, "--to", end, "--reason", "a\twrong price")
    done = desk.run("reprocess", "start", "shop", *window, "--watch").ok()
    assert done.lines[-1][1] == "Completed"
    ((scope_id, start, _, rated, reason),) = desk.run("reprocess", "list").ok().lines
    assert (scope_id, start, reason) == ("shop", "2026-01-01 00:00:00", "a wrong price")
    assert rated
    assert desk.run("reprocess", "list", "--scope", "other").ok().out == ""
    assert desk.run("reprocess", "start", "nobody", *window).code == 6


def test_a_job_is_submitted_once(desk: Desk) -> None:
    variables = ("--var", 'systems=["node-1"]', "--var", "resetType=On")
    submit = ("job", "submit", "machines", "reset", *variables)
    first = desk.run(*submit, "--key", "order-1", "--json").ok().json
    again = desk.run(*submit, "--key", "order-1").ok()
    assert again.out.startswith(f"job {first['id']} was submitted before: ")
    other = desk.run(*submit, "--key", "order-1", "--var", "resetType=ForceOff").ok()
    assert "with other variables" in other.err
    one, two = (desk.run(*submit, "--json").ok().json["id"] for _ in range(2))
    assert len({first["id"], one, two}) == 3
    done = desk.run(*submit, "--key", "order-2", "--watch").ok()
    assert done.lines[-1][1] == "Completed"
    lines = desk.run("job", "list", "--status", "completed", "--contract", "machines").ok().lines
    assert "order-2" in [line[4] for line in lines]
    assert len(desk.run("job", "list", "--key", "order-1").ok().lines) == 1
    assert len(desk.run("job", "list", "--limit", "2", "--json").ok().json) == 2
    shown = dict(desk.run("job", "show", first["id"]).ok().lines)
    assert shown["KEY"] == "order-1"
    desk.run("task", "show", shown["TASK"]).ok()
    actions = desk.run("job", "contracts").ok().lines
    assert ["machines", "reset", "system-reset", "resetType, systems"] in actions
    assert desk.run("job", "contracts", "--json").ok().json[0]["name"] == "machines"


def test_a_job_that_makes_no_sense_is_refused(desk: Desk) -> None:
    refused = desk.run("job", "submit", "machines", "reset")
    assert (refused.code, "systems" in refused.err) == (6, True)
    assert desk.run("job", "submit", "machines", "no-such").code in (5, 6)
    assert desk.run("job", "submit", "machines", "reset", "--var", "x").code == 2
    assert desk.run("job", "submit", "machines", "reset", "--vars", "-", stdin="3").code == 2
    assert desk.run("job", "show", "999999").code == 5


def test_events_are_shown_as_they_come_and_from_where_somebody_left(desk: Desk) -> None:
    tail = desk.start("events", "tail")
    until(lambda: "SSE" in desk.run("subscription", "list").out)
    task = desk.reset("node-1", type="On")
    desk.run("task", "watch", task).ok()
    assert tail.stdout is not None
    seen = [tail.stdout.readline().rstrip("\n").split("\t")]
    while not seen[-1][2].endswith("TaskCompletedOK"):
        seen.append(tail.stdout.readline().rstrip("\n").split("\t"))
    tail.send_signal(signal.SIGINT)
    _, said = tail.communicate(timeout=30)
    assert tail.returncode == 130
    assert "odimra events tail --since" in said
    about = [one[2].rpartition(".")[2] for one in seen if one[4].endswith(task)]
    assert about[0] == "TaskStarted"
    chosen = f"OriginResource eq '/redfish/v1/TaskService/Tasks/{task}'"
    since = ("events", "tail", "--since", "0-1", "--filter", chosen, "--json")
    old = desk.run(*since, "--count", "2").ok()
    events = [json.loads(line) for line in old.out.splitlines()]
    assert len(events) == 2
    assert {one["OriginOfCondition"]["@odata.id"].rpartition("/")[2] for one in events} <= {
        task,
        "EventService",
    }
    # An event's id is where to go on behind it.
    behind = desk.run("events", "tail", "--since", events[-1]["EventId"], "--count", "1", "--json")
    assert json.loads(behind.ok().out)["EventId"] != events[-1]["EventId"]
    wrong = desk.run("events", "tail", "--filter", "Nope eq 'x'")
    assert (wrong.code, "Nope" in wrong.err) == (6, True)


def test_events_go_on_without_a_gap_after_a_restart(tmp_path: Path) -> None:
    folder = Path("/tmp") / f"odimra-e{os.getpid()}"  # short: a unix socket is in it
    folder.mkdir()
    try:
        port = free_port()
        settings = {"emulation": {"time_factor": 0}}
        with Service(settings, folder=folder, port=port) as first:
            desk = log_in(first, Desk(tmp_path, first.address))
            chosen = "MessageId eq 'TaskEvent.TaskCompletedOK'"
            tail = desk.start("events", "tail", "--filter", chosen, "--count", "2")
            until(lambda: "SSE" in desk.run("subscription", "list").out)
            tasks = [desk.reset("node-1", type="On")]
            desk.run("task", "watch", tasks[0]).ok()
        with Service(settings, folder=folder, port=port):
            tasks.append(desk.reset("node-1", type="On"))
            out, said = tail.communicate(timeout=90)
        assert tail.returncode == 0, said
        assert [line.rpartition("/")[2] for line in out.splitlines()] == tasks
        assert "trying again" in said
        assert "the service answers again" in said
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_stream_is_read_however_it_is_cut() -> None:
    stream = b": open\n\nid: 1\n\nid: 2\r\ndata: a\ndata:b\nretry: 3\n\ndata: \xc3\xa4\n\n: x\n\n"
    whole = [Message("1", ""), Message("2", "a\nb"), Message("", "ä")]
    for size in (1, 2, 7, 1000):
        reader = Reader()
        cut = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert [one for part in cut for one in reader.feed(part)] == whole
    with pytest.raises(ServiceFailed):
        list(Reader().feed(b"x" * (LONGEST_LINE + 1)))
