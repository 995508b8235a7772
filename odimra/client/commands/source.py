"""``odimra source``: the BMCs behind the service."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from odimra.client import login, resources, tasks
from odimra.client.errors import BadUsage, ClientError, OperationFailed
from odimra.client.files import an_object, content
from odimra.client.lazy import COMMANDS
from odimra.client.output import Column
from odimra.client.resources import AGGREGATION
from odimra.client.running import Remote, ask, remote
from odimra.client.watching import WATCH, started, started_task, watch_all

SOURCES = f"{AGGREGATION}/AggregationSources"
METHODS = f"{AGGREGATION}/ConnectionMethods"
METHOD_NAMES = ("Redfish", "RedfishPinned", "RedfishUnverified")
PASSWORD = "ODIMRA_BMC_PASSWORD"  # noqa: S105 - a name


def _method(source: dict[str, Any]) -> str:
    link = source.get("Links", {}).get("ConnectionMethod", {})
    return str(link.get("@odata.id", "")).rpartition("/")[2]


COLUMNS = (
    Column("ID", lambda one: one["Id"]),
    Column("HOST", lambda one: one.get("HostName")),
    Column("USER", lambda one: one.get("UserName")),
    Column("METHOD", _method),
)


@dataclass(frozen=True, slots=True)
class Bmc:
    """A BMC that is to be added."""

    host: str
    user: str
    password: str


@click.group("source", help=COMMANDS["source"][1])
def source() -> None:
    """Hold the commands together."""


@source.command("list")
@remote
async def source_list(remote: Remote) -> None:
    """List the BMCs."""
    found = [one async for one in tasks.members(remote.api, SOURCES)]
    remote.out.records(COLUMNS, found, "There are no sources.")


@source.command("add")
@click.argument("host", required=False, metavar="[HOST]")
@click.option("--user", metavar="NAME", help="Account at the BMC.")
@click.option(
    "--password-stdin",
    is_flag=True,
    help=f"Read its password from the standard input (else {PASSWORD}, or you are asked).",
)
@click.option(
    "--method",
    type=click.Choice(METHOD_NAMES, case_sensitive=False),
    help="How the certificate of the BMC is judged; Redfish if not said.",
)
@click.option(
    "--from",
    "listed",
    metavar="FILE",
    help="Add all BMCs of a file of JSON Lines with url, user and password.",
)
@WATCH
@remote
async def source_add(
    remote: Remote,
    host: str | None,
    user: str | None,
    password_stdin: bool,
    method: str | None,
    listed: str | None,
    watch: bool,
) -> None:
    """Add a BMC by its name or address HOST; or those of a file."""
    if bool(host) == bool(listed):
        raise BadUsage("which BMC?", "name one, or a file with --from")
    if listed:
        await _all_of(remote, list(_listed(listed)), method, watch)
        return
    if not user:
        raise BadUsage("no account is named", "name that of the BMC with --user")
    assert host is not None
    bmc = Bmc(host, user, _password(user, host, password_stdin))
    answer = await remote.api.post(SOURCES, _body(bmc, method), repeatable=False)
    await started(remote, answer, watch, f"adding {host}")


async def _all_of(remote: Remote, bmcs: list[Bmc], method: str | None, watch: bool) -> None:
    """Add each; one that is refused does not keep the others from being added."""
    paths, refused = [], 0
    for bmc in bmcs:
        try:
            answer = await remote.api.post(SOURCES, _body(bmc, method), repeatable=False)
        except ClientError as error:
            remote.out.note(f"{bmc.host}: {error}")
            refused += 1
            continue
        task = started_task(answer)
        paths.append(str(task["@odata.id"]))
        if not watch:
            remote.out.done(f"adding {bmc.host}: {tasks.name_of(task)}", task)
    if watch and paths:
        await watch_all(remote, paths)
    if refused:
        raise OperationFailed(f"{refused} of {len(bmcs)} were refused")


def _body(bmc: Bmc, method: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "HostName": bmc.host,
        "UserName": bmc.user,
        "Password": bmc.password,
    }
    if method:
        body["Links"] = {"ConnectionMethod": resources.link(f"{METHODS}/{method}")}
    return body


def _listed(name: str) -> Iterator[Bmc]:
    for number, line in enumerate(content(name).splitlines(), 1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        entry = an_object(line, place)
        try:
            yield Bmc(str(entry["url"]), str(entry["user"]), str(entry["password"]))
        except KeyError as error:
            raise BadUsage(f"{place}: {error.args[0]} is missing") from None


def _password(user: str, host: str, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if given := os.environ.get(PASSWORD):
        return given
    if not login.person():
        raise BadUsage(
            "nobody is there to be asked for the BMC's password",
            f"use --password-stdin, or set {PASSWORD}",
        )
    return ask(f"Password of {user} at the BMC {host}")


@source.command("delete")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@WATCH
@remote
async def source_delete(remote: Remote, ids: tuple[str, ...], yes: bool, watch: bool) -> None:
    """Remove BMCs; their systems are not shown any more."""
    if not yes:
        click.confirm(f"Remove {', '.join(ids)}?", abort=True, err=True)
    for one in ids:
        answer = await remote.api.delete(resources.path(SOURCES, one))
        if answer.status == 204:
            remote.out.done(f"{one} is removed", {"Id": one, "removed": True})
        else:
            await started(remote, answer, watch, f"removing {one}")
