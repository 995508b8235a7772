"""The command line: ``odimra serve | worker | user | records | store | doctor | config``.

The commands that ask a service are the client's. Those here turn flags into settings and failures
into one line and an exit code: 1 when something could not be done, 2 when the settings or the flags
cannot be used. Documented in docs/cli.md.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import click
import uvloop
import yaml

from odimra import child, cli_records, cli_store, cli_user, logs
from odimra.certificates import BadCertificate
from odimra.cli_common import (
    ADDRESS,
    EXIT_FAILED,
    PORT,
    PROCESSES,
    WORKERS,
    fail,
    load_with,
    on_store,
    settings_of,
)
from odimra.client.lazy import CONTEXT, ClientGroup
from odimra.config import BadConfiguration, Settings, masked
from odimra.doctor import Finding, examine
from odimra.store.embedded import EmbeddedStoreError
from odimra.supervisor import CannotServe, Role, Supervisor, serve_roles, worker_roles

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.group(cls=ClientGroup, context_settings=CONTEXT)
@click.version_option(package_name="odimra")
def main() -> None:
    """Run a Redfish TaskService that really runs long operations."""


@main.command()
@on_store
@PORT
@ADDRESS
@PROCESSES
@WORKERS
@click.option("--no-worker", is_flag=True, help="Serve the API only; workers run elsewhere.")
def serve(file: str | None, no_worker: bool, **flags: Any) -> None:
    """Start the store, the API and the workers, and keep them running."""
    settings = settings_of(file, flags)
    _supervise(settings, serve_roles(settings, worker=not no_worker))


@main.command()
@on_store
@WORKERS
def worker(file: str | None, **flags: Any) -> None:
    """Start workers only, beside a service that runs here or elsewhere."""
    settings = settings_of(file, flags)
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
        fail(str(error))


def _supervise(settings: Settings, roles: tuple[Role, ...]) -> None:
    logs.configure(settings.log, "supervisor")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(Supervisor(settings, roles, click.echo).run())
    except (BadCertificate, CannotServe, EmbeddedStoreError) as error:
        fail(str(error))
    sys.exit(code)


@main.command()
@on_store
@PORT
@ADDRESS
def doctor(file: str | None, **flags: Any) -> None:
    """Check everything that a start needs, and say what to do."""
    try:
        settings = load_with(file, flags)
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
@on_store
def config(file: str | None, **flags: Any) -> None:
    """Print the settings in force, with secrets masked."""
    document = masked(settings_of(file, flags))
    click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


@main.command("_child", hidden=True)
@click.argument("name")
def child_command(name: str) -> None:
    """Be one process of a supervisor, which names it for those who list processes."""
    sys.exit(child.run(sys.stdin.buffer))


for group in (cli_records.records, cli_store.store, cli_user.user):
    main.add_command(group)
