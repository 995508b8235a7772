"""``odimra aggregate``: groups of systems."""

from __future__ import annotations

import click

from odimra.client import resources
from odimra.client.lazy import COMMANDS
from odimra.client.output import Column, last
from odimra.client.resources import AGGREGATION, SYSTEMS
from odimra.client.running import Remote, remote
from odimra.client.tasks import members
from odimra.client.watching import WATCH, started

AGGREGATES = f"{AGGREGATION}/Aggregates"

COLUMNS = (
    Column("ID", lambda one: one["Id"]),
    Column("NAME", lambda one: one.get("Name")),
    Column("ELEMENTS", lambda one: one.get("ElementsCount"), right=True),
)


@click.group("aggregate", help=COMMANDS["aggregate"][1])
def aggregate() -> None:
    """Hold the commands together."""


@aggregate.command("list")
@remote
async def aggregate_list(remote: Remote) -> None:
    """List the aggregates."""
    found = [one async for one in members(remote.api, AGGREGATES)]
    remote.out.records(COLUMNS, found, "There are no aggregates.")


@aggregate.command("show")
@click.argument("id")
@remote
async def aggregate_show(remote: Remote, id: str) -> None:
    """Show the aggregate with the id or the name ID."""
    found = await resources.find(remote.api, AGGREGATES, id)
    elements = [last(one["@odata.id"]) for one in found.get("Elements", [])]
    pairs = [("Id", found["Id"]), ("Name", found.get("Name")), ("Elements", elements)]
    remote.out.fields(pairs, found)


@aggregate.command("create")
@click.argument("name")
@click.argument("systems", metavar="[SYSTEM...]", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All systems of BMCs behind the service.")
@remote
async def aggregate_create(
    remote: Remote, name: str, systems: tuple[str, ...], every: bool
) -> None:
    """Make an aggregate with the name NAME of some systems."""
    paths = [resources.path(SYSTEMS, one) for one in systems]
    if every:
        # Ids of systems of sources are <source>.<id>; those of the service itself have no dot.
        async for one in members(remote.api, SYSTEMS):
            uri = str(one["@odata.id"])
            if "." in last(uri) and uri not in paths:
                paths.append(uri)
    body = {"Name": name, "Elements": [resources.link(one) for one in paths]}
    made = (await remote.api.post(AGGREGATES, body)).document
    remote.out.done(f"{name} has {len(paths)} systems: {made['Id']}", made)


@aggregate.command("reset")
@click.argument("id")
@resources.RESET_TYPE
@resources.BATCH
@resources.DELAY
@WATCH
@remote
async def aggregate_reset(
    remote: Remote, id: str, reset_type: str, batch: int | None, delay: int | None, watch: bool
) -> None:
    """Reset all systems of the aggregate with the id or the name ID, each as a sub-task."""
    found = await resources.find(remote.api, AGGREGATES, id)
    action = f"{found['@odata.id']}/Actions/Aggregate.Reset"
    body = resources.in_batches(reset_type, batch, delay)
    answer = await remote.api.post(action, body, starts=True)
    await started(remote, answer, watch, f"{reset_type} of {found.get('Name')}")


@aggregate.command("delete")
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@remote
async def aggregate_delete(remote: Remote, id: str, yes: bool) -> None:
    """Remove the aggregate with the id or the name ID; its systems stay."""
    found = await resources.find(remote.api, AGGREGATES, id)
    if not yes:
        click.confirm(f"Remove the aggregate {found.get('Name')}?", abort=True, err=True)
    await remote.api.delete(str(found["@odata.id"]))
    remote.out.done(f"{found['Id']} is removed", {"Id": found["Id"], "removed": True})
