"""The command line: ``odimra serve | worker | user | doctor | config``.

Turns flags into settings and failures into one line and an exit code: 1 when something could not be
done, 2 when the settings or the flags cannot be used. Documented in docs/cli.md.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
import uvloop
import yaml

from odimra import child, logs, users
from odimra.certificates import BadCertificate
from odimra.config import BadConfiguration, Settings, load, masked
from odimra.doctor import Finding, examine
from odimra.store.embedded import EmbeddedStoreError
from odimra.supervisor import CannotServe, Role, Supervisor, serve_roles, worker_roles

if TYPE_CHECKING:
    from odimra.users import AccountBook, OpenBook

EXIT_FAILED = 1
EXIT_CONFIGURATION = 2
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")


def _option(name: str, setting: str, kind: Any, text: str) -> Callable[[Command], Command]:
    """Return a flag whose parameter is named after the setting that it overrides."""
    parameter = setting.replace(".", "__")
    return click.option(name, parameter, type=kind, metavar="VALUE", help=f"{text} ({setting}).")


_CONFIG = click.option(
    "--config", "file", metavar="FILE", help="YAML file with settings (else ./odimra.yaml)."
)
_STATE = _option("--state", "state_folder", str, "Folder of everything that survives a restart")
_STORE = _option("--store", "store.url", str, "Where the data lives")
_PORT = _option("--port", "http.port", int, "TCP port to listen on, 0 for any free one")
_ADDRESS = _option("--address", "http.address", str, "Address to listen on")
_PROCESSES = _option("--processes", "http.processes", int, "API processes")
_WORKERS = _option("--worker-processes", "engine.worker_processes", int, "Worker processes")


def _settings(file: str | None, flags: dict[str, Any]) -> Settings:
    """Return the settings in force, or end with a line for each that cannot be used."""
    overrides = {
        name.replace("__", "."): value for name, value in flags.items() if value is not None
    }
    try:
        return load(file, os.environ, overrides)
    except BadConfiguration as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(EXIT_CONFIGURATION)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="odimra")
def main() -> None:
    """Run a Redfish TaskService that really runs long operations."""


@main.command()
@_CONFIG
@_STATE
@_STORE
@_PORT
@_ADDRESS
@_PROCESSES
@_WORKERS
@click.option("--no-worker", is_flag=True, help="Serve the API only; workers run elsewhere.")
def serve(file: str | None, no_worker: bool, **flags: Any) -> None:
    """Start the store, the API and the workers, and keep them running."""
    settings = _settings(file, flags)
    _supervise(settings, serve_roles(settings, worker=not no_worker))


@main.command()
@_CONFIG
@_STATE
@_STORE
@_WORKERS
def worker(file: str | None, **flags: Any) -> None:
    """Start workers only, beside a service that runs here or elsewhere."""
    settings = _settings(file, flags)
    _supervise(settings, worker_roles(settings))


def _supervise(settings: Settings, roles: tuple[Role, ...]) -> None:
    logs.configure(settings.log, "supervisor")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(Supervisor(settings, roles, click.echo).run())
    except (BadCertificate, CannotServe, EmbeddedStoreError) as error:
        _fail(str(error))
    sys.exit(code)


@main.group()
@click.pass_context
def user(context: click.Context) -> None:
    """List and change the accounts, on the machine of the service itself."""
    context.obj = context.obj or users.book_of_the_service


_PASSWORD_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the standard input."
)


@user.command("list")
@_CONFIG
@_STATE
@_STORE
@click.pass_obj
def user_list(open_book: OpenBook, /, file: str | None, **flags: Any) -> None:
    """List the accounts with their roles."""
    for account in _with_book(_settings(file, flags), open_book, lambda book: book.list()):
        state = "locked" if account.locked else "enabled" if account.enabled else "disabled"
        click.echo(f"{account.name}\t{account.role}\t{state}")


@user.command("add")
@click.argument("name")
@click.option("--role", default="ReadOnly", show_default=True, help="RoleId of the account.")
@_PASSWORD_STDIN
@_CONFIG
@_STATE
@_STORE
@click.pass_obj
def user_add(
    open_book: OpenBook,
    /,
    name: str,
    role: str,
    password_stdin: bool,
    file: str | None,
    **flags: Any,
) -> None:
    """Create the account NAME; asks for the password."""
    settings = _settings(file, flags)
    password = _password(password_stdin)
    _with_book(settings, open_book, lambda book: book.add(name, password, role))
    click.echo(f"{name} is created with the role {role}")


@user.command("passwd")
@click.argument("name")
@_PASSWORD_STDIN
@_CONFIG
@_STATE
@_STORE
@click.pass_obj
def user_passwd(
    open_book: OpenBook, /, name: str, password_stdin: bool, file: str | None, **flags: Any
) -> None:
    """Set another password of the account NAME; asks for it."""
    settings = _settings(file, flags)
    password = _password(password_stdin)
    _with_book(settings, open_book, lambda book: book.set_password(name, password))
    click.echo(f"{name} has another password")


@user.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_CONFIG
@_STATE
@_STORE
@click.pass_obj
def user_delete(
    open_book: OpenBook, /, name: str, yes: bool, file: str | None, **flags: Any
) -> None:
    """Remove the account NAME and end its sessions."""
    settings = _settings(file, flags)
    if not yes:
        click.confirm(f"Remove the account {name}?", abort=True)
    _with_book(settings, open_book, lambda book: book.delete(name))
    click.echo(f"{name} is removed")


def _password(from_stdin: bool) -> str:
    """Return the password. Never a flag: others can read those in the list of processes."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _with_book(
    settings: Settings, open_book: OpenBook, act: Callable[[AccountBook], Awaitable[T]]
) -> T:
    logs.configure(dataclasses.replace(settings.log, level="error"), "user")
    try:
        return asyncio.run(users.with_book(settings, act, open_book))
    except (EmbeddedStoreError, users.AccountRefused) as error:
        _fail(str(error))


@main.command()
@_CONFIG
@_STATE
@_STORE
@_PORT
@_ADDRESS
def doctor(file: str | None, **flags: Any) -> None:
    """Check everything that a start needs, and say what to do."""
    overrides = {
        name.replace("__", "."): value for name, value in flags.items() if value is not None
    }
    try:
        settings = load(file, os.environ, overrides)
    except BadConfiguration as error:
        findings = [
            Finding("fail", "configuration", problem, "see docs/configuration.md")
            for problem in error.problems
        ]
    else:
        findings = [
            Finding("ok", "configuration", "every setting is known and within its bounds"),
            *asyncio.run(examine(settings, datetime.now(UTC))),
        ]
    for finding in findings:
        level = click.style(f"{finding.level:<4}", fg=COLOURS[finding.level])
        click.echo(f"{level}  {finding.subject}: {finding.text}")
        if finding.remedy:
            click.echo(f"      -> {finding.remedy}")
    if any(finding.level == "fail" for finding in findings):
        sys.exit(EXIT_FAILED)


@main.command()
@_CONFIG
@_STATE
@_STORE
def config(file: str | None, **flags: Any) -> None:
    """Print the settings in force, with secrets masked."""
    document = masked(_settings(file, flags))
    click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


@main.command("_child", hidden=True)
@click.argument("name")
def child_command(name: str) -> None:
    """Be one process of a supervisor, which names it for those who list processes."""
    sys.exit(child.run(sys.stdin.buffer))


def _fail(text: str) -> NoReturn:
    click.echo(f"odimra: {text}", err=True)
    sys.exit(EXIT_FAILED)
