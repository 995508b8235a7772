"""The command line: ``odimra serve | worker | user | records | store | doctor | config``.

Turns flags into settings and failures into one line and an exit code: 1 when something could not be
done, 2 when the settings or the flags cannot be used. Documented in docs/cli.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TypeVar

import click
import uvloop
import yaml

from odimra import child, cli_store, logs, transfer, users
from odimra.certificates import BadCertificate
from odimra.config import BadConfiguration, Settings, load, masked
from odimra.doctor import Finding, examine
from odimra.store.embedded import EmbeddedStoreError
from odimra.supervisor import CannotServe, Role, Supervisor, serve_roles, worker_roles

if TYPE_CHECKING:
    from odimra.records.records import Records
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


@main.command()
@click.option("--count", type=click.IntRange(1, 10_000), default=1, show_default=True, help="BMCs.")
@click.option("--first", default="127.1.0.1", show_default=True, help="Address of the first.")
@click.option("--port", type=int, default=8000, show_default=True, help="TCP port of all.")
@click.option("--user", default="root", show_default=True, help="Name of their accounts.")
@click.option(
    "--password",
    envvar="ODIMRA_BMC_PASSWORD",
    default="emulated",
    help='What their passwords begin with; behind it come "-" and the number.',
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of all chance.")
@click.option(
    "--scenarios",
    default="default",
    show_default=True,
    help="How operations go: a file in config/scenarios, or a path.",
)
@click.option(
    "--time-factor",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="How many times as fast their times pass; 0: they take no time.",
)
@click.option("--faulty", type=click.FloatRange(0, 1), default=0.0, help="Share that is faulty.")
@click.option("--fault", "faults", multiple=True, help="Kind of fault; all if none is named.")
@click.option("--mockup", type=click.Path(file_okay=False, exists=True), help="DMTF mockup folder.")
@click.option("--tls", type=click.Path(file_okay=False), help="HTTPS; folder for certificates.")
@click.option("--list", "listing", type=click.Path(dir_okay=False), help="File to list them in.")
def emulate(**flags: Any) -> None:
    """Be as many BMCs as you like, each on a loopback address of its own."""
    from odimra import emulate as command  # brings aiohttp with it

    try:
        command.run(click.echo, **flags)
    except command.CannotEmulate as error:
        _fail(str(error))


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


@main.group("records")
def records_group() -> None:
    """Bring records in and out as JSON Lines, on the machine of the service itself."""


@records_group.command("import")
@click.argument("type")
@click.argument("source", type=click.File("rb"))
@click.option("--replace", "existing", flag_value=transfer.REPLACE, help="Replace what is there.")
@click.option("--skip", "existing", flag_value=transfer.SKIP, help="Leave what is there.")
@_CONFIG
@_STATE
@_STORE
def records_import(
    type: str, source: BinaryIO, existing: str | None, file: str | None, **flags: Any
) -> None:
    """Create a record of TYPE, such as managed/user, from each line of SOURCE (- is the input).

    A line is a JSON object; its _id is that of the record, or else it gets a fresh one. Nothing is
    written if any line cannot be a record.
    """
    settings = _settings(file, flags)
    with _readable_twice(source) as lines, _bar(2 * _size(lines)) as progress:
        done = _with_records(
            settings,
            lambda records: transfer.bring_in(
                records, type, lines, existing or transfer.REFUSE, progress
            ),
        )
    click.echo(done)


@records_group.command("export")
@click.argument("type")
@click.argument("target", type=click.Path(dir_okay=False), default="-")
@_CONFIG
@_STATE
@_STORE
def records_export(type: str, target: str, file: str | None, **flags: Any) -> None:
    """Write each record of TYPE as a line of JSON to TARGET, or to the output."""

    async def act(records: Records) -> int:
        with _bar(await records.count(type)) as progress, _whole_file(target) as out:
            return await transfer.bring_out(records, type, out.write, progress)

    count = _with_records(_settings(file, flags), act)
    click.echo(f"{count} records", err=True)


@contextlib.contextmanager
def _whole_file(target: str) -> Iterator[BinaryIO]:
    """Yield what becomes the file ``target`` once all of it is written, or the output for "-"."""
    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = Path(f"{target}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(target)
    except OSError as error:
        _fail(f"{target}: {error.strerror}")
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _readable_twice(source: BinaryIO) -> Iterator[BinaryIO]:
    """Yield ``source``, copied to a file if it is a pipe."""
    if source.seekable():
        yield source
        return
    with tempfile.TemporaryFile() as copied:
        shutil.copyfileobj(source, copied)
        copied.seek(0)
        yield copied


def _size(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


@contextlib.contextmanager
def _bar(length: int) -> Iterator[Callable[[int], None]]:
    """Yield what moves a progress bar on, which only people see."""
    if not sys.stderr.isatty():
        yield lambda steps: None
        return
    with click.progressbar(length=length, file=sys.stderr) as bar:
        yield bar.update


def _with_records(settings: Settings, act: Callable[[Records], Awaitable[T]]) -> T:
    logs.configure(dataclasses.replace(settings.log, level="error"), "records")
    try:
        return asyncio.run(transfer.with_records(settings, act))
    except (EmbeddedStoreError, transfer.TransferFailed) as error:
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


def _store_settings(file: str | None, flags: dict[str, Any]) -> Settings:
    settings = _settings(file, flags)
    logs.configure(dataclasses.replace(settings.log, level="error"), "store")
    return settings


main.add_command(
    cli_store.make(lambda command: _CONFIG(_STATE(_STORE(command))), _store_settings, _fail)
)
