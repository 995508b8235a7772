"""The command line: exit codes, one clear line for what is wrong, and its documentation."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import yaml

from odimra.cli import main
from odimra.client.running import COMMON
from odimra.config import load
from odimra.supervisor import serve_roles, worker_roles
from tests.doors.processes import odimra


@pytest.mark.parametrize("command", ["serve", "worker", "config"])
def test_a_bad_setting_is_one_clear_line_and_exit_2(tmp_path, command):
    (tmp_path / "odimra.yaml").write_text("http:\n  port: 70000\n")
    done = odimra(command, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "odimra.yaml: http.port: 70000 is greater than the maximum of 65535\n"
    assert done.stdout == ""
    assert not (tmp_path / "state").exists()


def test_a_bad_flag_names_its_setting(tmp_path):
    done = odimra("serve", "--port", "70000", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("command line: http.port: 70000 is greater")


def test_config_prints_what_is_in_force_without_secrets(tmp_path):
    (tmp_path / "mine.yaml").write_text("store: {url: 'redis://u:sesame@h/0'}\n")
    done = odimra(
        "config",
        "--config",
        "mine.yaml",
        "--state",
        "here",
        cwd=tmp_path,
        ODIMRA_LOG__LEVEL="error",
    )
    assert done.returncode == 0
    shown = yaml.safe_load(done.stdout)
    assert shown["store"]["url"] == "redis://u:***@h/0"
    assert shown["state_folder"] == str(tmp_path / "here")
    assert shown["log"]["level"] == "error"
    assert "sesame" not in done.stdout


def test_a_state_folder_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "state").write_text("")
    done = odimra("worker", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("odimra: ")
    assert "cannot be used as a folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_certificate_that_cannot_be_used_is_one_line(tmp_path):
    (tmp_path / "odimra.yaml").write_text("http: {tls: {certificate: c.pem, key: k.pem}}\n")
    done = odimra("serve", "--port", "0", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "odimra: c.pem: is not a file\n"


def test_a_file_beside_the_start_is_not_run(tmp_path):
    (tmp_path / "yaml.py").write_text("raise SystemExit(99)\n")
    assert odimra("config", cwd=tmp_path).returncode == 0


def test_serve_and_worker_start_what_the_settings_say(tmp_path):
    settings = load(None, {}, {"http.processes": 3, "engine.worker_processes": 2})
    assert [(role.name, role.count) for role in serve_roles(settings)] == [
        ("api", 3),
        ("worker", 2),
        ("events", 1),
    ]
    assert [role.count for role in serve_roles(settings, worker=False)] == [3, 0, 1]
    none = load(None, {}, {"engine.worker_processes": 0})
    assert [(role.name, role.count) for role in worker_roles(none)] == [
        ("worker", 1),
        ("events", 1),
    ]


def commands(group: click.Group, prefix: str = "odimra") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            found.update(commands(command, f"{prefix} {name}"))
        else:
            found[f"{prefix} {name}"] = command
    return found


def told_as(option: click.Parameter) -> str:
    """How the documentation names a flag or an argument."""
    if isinstance(option, click.Option):
        return option.opts[-1]
    return re.sub("[^A-Z_]", "", option.metavar or str(option.name).upper())


def test_every_command_and_flag_is_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    shared = text.partition("\n## Flags of all of them\n")[2].partition("\n## ")[0]
    # Told once: every command that asks a service has them.
    common = set(re.findall(r"^\| `(--[a-z-]+)", shared, re.M))
    assert common == {
        option.opts[0] for option in commands(main)["odimra task list"].params[-len(COMMON) :]
    }
    sections = dict(re.findall(r"^## `(odimra[^`]*)`\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    known = commands(main)
    assert sorted(sections) == sorted(known)
    for name, command in known.items():
        told = set(re.findall(r"^\| `\[?(--?[a-z-]+|[A-Z_]+)", sections[name], re.M))
        has = {told_as(option) for option in command.params}
        if "--profile" in has:
            assert common <= has, name
            has -= common
        assert told == has, name


def test_every_command_says_what_it_does():
    for name, command in commands(main).items():
        assert command.help, name
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.opts}"
