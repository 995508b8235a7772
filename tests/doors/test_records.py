"""``odimra records``: JSON Lines in and out, without a service, on a real store."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from odimra.cli import main
from tests.doors.processes import environment, odimra

USER = "managed/user"
Run = Callable[..., Result]


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``odimra records`` in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, stdin: str | None = None) -> Result:
        done = CliRunner().invoke(main, ["records", *words], input=stdin)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def write(*lines: Any, name: str = "users.jsonl") -> str:
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    Path(name).write_text(text + "\n", encoding="utf-8")
    return name


def exported(records: Run, type: str = USER) -> list[dict[str, Any]]:
    done = records("export", type)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_exported_can_be_imported_again(records: Run) -> None:
    people = [{"_id": f"u{n}", "name": f"Jörg {n}", "n": {"x": [n, None]}} for n in range(3)]
    done = records("import", USER, write(*reversed(people)))
    assert (done.exit_code, done.output) == (0, "3 records created\n")
    assert exported(records) == [{"_id": one["_id"], "_rev": "1", **one} for one in people]
    out = records("export", USER, "out.jsonl")
    assert (out.exit_code, out.stdout, out.stderr) == (0, "", "3 records\n")
    assert records("import", "managed/copy", "out.jsonl").exit_code == 0
    assert exported(records, "managed/copy") == exported(records)
    assert sorted(path.name for path in Path().iterdir()) == ["out.jsonl", "state", "users.jsonl"]


def test_a_record_without_an_id_gets_one_and_blank_lines_are_none(records: Run) -> None:
    done = records("import", USER, write("\ufeff" + json.dumps({"n": 1}), "", "  ", {"n": 2}))
    assert done.output == "2 records created\n"
    found = exported(records)
    assert sorted(one["n"] for one in found) == [1, 2]
    assert len({one["_id"] for one in found}) == 2


def test_what_is_there_is_refused_left_or_replaced(records: Run) -> None:
    assert records("import", USER, write({"_id": "b", "n": 1})).exit_code == 0
    file = write({"_id": "a", "n": 2}, {"_id": "b", "n": 2}, {"_id": "c", "n": 2})
    refused = records("import", USER, file)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(
        "odimra: line 2: there is a record 'managed/user/b' already (so far: 2 records created"
    )
    assert records("import", USER, file, "--skip").output == (
        "0 records created, 3 left as they are\n"
    )
    assert [one["n"] for one in exported(records)] == [2, 1, 2]
    assert records("import", USER, file, "--replace").output == "0 records created, 3 replaced\n"
    assert [(one["n"], one["_rev"]) for one in exported(records)] == [
        (2, "1"),
        (2, "2"),
        (2, "1"),
    ]


def test_of_two_lines_about_one_record_the_later_holds(records: Run) -> None:
    file = write({"_id": "a", "n": 1}, {"_id": "b"}, {"_id": "a", "n": 2})
    assert records("import", USER, file, "--replace").output == "2 records created, 1 replaced\n"
    assert [one.get("n") for one in exported(records)] == [2, None]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "JSON: "),
        ('{"a": NaN}', "JSON: "),
        ("\ud800", ""),
        ("[1]", "content: must be a JSON object"),
        ('{"_id": 7}', "_id: must be a text"),
        ('{"_id": "a/b"}', "_id: may hold neither"),
        ('{"_id": ""}', "_id: must be a name"),
        (json.dumps({"text": "x" * 2000}), "the record has 2011 bytes of JSON, at most 1024"),
        ('{"text": "' + " " * 100_000 + '"}', "line: is longer than 67584 bytes"),
    ],
)
def test_a_line_that_is_no_record_is_named_and_nothing_is_imported(
    records: Run, line: str, said: str
) -> None:
    Path("odimra.yaml").write_text("records: {max_bytes: 1024}\n")
    text = f'{{"_id": "good"}}\n\n{line}\n{{"_id": "other"}}\n'
    Path("users.jsonl").write_bytes(text.encode("utf-8", "surrogatepass"))
    done = records("import", USER, "users.jsonl")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"odimra: line 3: {said}")
    assert done.stderr.count("\n") == 1
    assert exported(records) == []


@pytest.mark.parametrize(
    ("type", "said"),
    [
        ("redfish/Systems", "records of the type 'redfish/Systems' can only be read"),
        ("site/user", "there are no records of the type 'site/user'"),
        ("user", "type: is two names"),
    ],
)
def test_a_type_that_cannot_be_imported_is_one_clear_line(
    records: Run, type: str, said: str
) -> None:
    done = records("import", type, write({"_id": "a"}))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"odimra: {said}")


def test_a_type_that_cannot_be_exported_leaves_the_file_as_it_is(records: Run) -> None:
    file = write("mine")
    done = records("export", "site/user", file)
    assert done.exit_code == 1
    assert done.stderr == "odimra: there are no records of the type 'site/user'\n"
    assert Path(file).read_text() == "mine\n"


def test_machines_are_exported(records: Run) -> None:
    found = exported(records, "redfish/Managers")
    assert found and all(one["@odata.type"].startswith("#Manager.") for one in found)
    assert all(one["_id"] == one["Id"] for one in found)


def test_a_file_that_cannot_be_read_or_written_is_one_clear_line(records: Run) -> None:
    done = records("import", USER, "none.jsonl")
    assert done.exit_code == 2 and "none.jsonl" in done.stderr
    done = records("export", USER, "none/out.jsonl")
    assert done.exit_code == 1
    assert done.stderr == "odimra: none/out.jsonl: No such file or directory\n"


def test_a_store_that_is_away_is_one_clear_line(records: Run, tmp_path: Path) -> None:
    done = records("export", USER, "--store", f"unix://{tmp_path}/none.sock")
    assert done.exit_code == 1
    assert done.stderr.startswith("odimra: the store does not answer: ")


def test_people_see_how_far_it_is(tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    file.write_text("".join(json.dumps({"_id": f"u{n}"}) + "\n" for n in range(1200)))
    for words, said in (
        (("import", USER, str(file)), "1200 records created"),
        (("export", USER, "out.jsonl"), ""),
    ):
        ours, theirs = pty.openpty()
        done = subprocess.Popen(
            [sys.executable, "-P", "-m", "odimra", "records", *words],
            cwd=tmp_path,
            env=environment(TERM="xterm"),
            stdout=subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody is there any more
            while some := os.read(ours, 65536):
                shown += some
        os.close(ours)
        output, _ = done.communicate(timeout=60)
        assert done.returncode == 0, shown
        assert output.decode().strip() == said
        assert b"100%" in shown


def test_pipes_will_do(tmp_path: Path) -> None:
    done = odimra(
        "records", "import", USER, "-", cwd=tmp_path, stdin='{"_id": "a"}\n{"_id": "b"}\n'
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 records created\n", "")
    done = odimra("records", "export", USER, cwd=tmp_path)
    assert [json.loads(line)["_id"] for line in done.stdout.splitlines()] == ["a", "b"]
