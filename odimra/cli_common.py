"""What the commands on the service itself share: flags for settings, failures in a line."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import click

from odimra import logs
from odimra.config import BadConfiguration, Settings, load

EXIT_FAILED = 1
EXIT_CONFIGURATION = 2
Command = TypeVar("Command", bound=Callable[..., Any])


def option(name: str, setting: str, kind: Any, text: str) -> Callable[[Command], Command]:
    """Return a flag whose parameter is named after the setting that it overrides."""
    parameter = setting.replace(".", "__")
    return click.option(name, parameter, type=kind, metavar="VALUE", help=f"{text} ({setting}).")


CONFIG = click.option(
    "--config", "file", metavar="FILE", help="YAML file with settings (else ./odimra.yaml)."
)
STATE = option("--state", "state_folder", str, "Folder of everything that survives a restart")
STORE = option("--store", "store.url", str, "Where the data lives")
PORT = option("--port", "http.port", int, "TCP port to listen on, 0 for any free one")
ADDRESS = option("--address", "http.address", str, "Address to listen on")
PROCESSES = option("--processes", "http.processes", int, "API processes")
WORKERS = option("--worker-processes", "engine.worker_processes", int, "Worker processes")


def on_store(command: Command) -> Command:
    """Give a command the flags that say which store it works on."""
    return CONFIG(STATE(STORE(command)))


def load_with(file: str | None, flags: dict[str, Any]) -> Settings:
    """Return the settings in force. Raises BadConfiguration."""
    overrides = {
        name.replace("__", "."): value for name, value in flags.items() if value is not None
    }
    return load(file, os.environ, overrides)


def settings_of(file: str | None, flags: dict[str, Any]) -> Settings:
    """Return the settings in force, or end with a line for each that cannot be used."""
    try:
        return load_with(file, flags)
    except BadConfiguration as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(EXIT_CONFIGURATION)


def fail(text: str) -> NoReturn:
    """End with a line that says what could not be done."""
    click.echo(f"odimra: {text}", err=True)
    sys.exit(EXIT_FAILED)


def quiet(settings: Settings, process: str) -> None:
    """Have nothing but errors logged, as by the process of that name."""
    logs.configure(dataclasses.replace(settings.log, level="error"), process)
