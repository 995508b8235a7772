"""``odimra system``: the machines, this service's own and those of its sources."""

from __future__ import annotations

from typing import Any

import click

from odimra.client import resources
from odimra.client.lazy import COMMANDS
from odimra.client.output import Column, plain, when
from odimra.client.resources import AGGREGATION, SYSTEMS
from odimra.client.running import Remote, remote
from odimra.client.tasks import members
from odimra.client.watching import WATCH, started


def _state(system: dict[str, Any], name: str) -> Any:
    # The BMC of a source that does not answer leaves a link.
    return (system.get("Status") or {}).get(name, "?" if len(system) == 1 else "")


COLUMNS = (
    Column("ID", lambda one: one.get("Id") or one["@odata.id"].rpartition("/")[2]),
    Column("NAME", lambda one: one.get("Name")),
    Column("POWER", lambda one: one.get("PowerState")),
    Column("STATE", lambda one: _state(one, "State")),
    Column("HEALTH", lambda one: _state(one, "Health")),
    Column("MODEL", lambda one: one.get("Model")),
    Column("LAST RESET", lambda one: when(one.get("LastResetTime")), spare=True),
)


@click.group("system", help=COMMANDS["system"][1])
def system() -> None:
    """Hold the commands together."""


@system.command("list")
@click.option("--limit", type=click.IntRange(1), help="How many at most; all if not said.")
@remote
async def system_list(remote: Remote, limit: int | None) -> None:
    """List the systems: this service's own first, then those of its sources."""
    found = [one async for one in members(remote.api, SYSTEMS, most=limit)]
    remote.out.records(COLUMNS, found, "There are no systems.")


@system.command("show")
@click.argument("id")
@remote
async def system_show(remote: Remote, id: str) -> None:
    """Show the system ID."""
    found = await remote.api.read(resources.path(SYSTEMS, id))
    hidden = ("@odata", "Links", "Actions", "Boot")
    pairs = [
        (name, plain(value))
        for name, value in found.items()
        if not name.startswith(hidden) and not (isinstance(value, dict) and "@odata.id" in value)
    ]
    action = found.get("Actions", {}).get("#ComputerSystem.Reset", {})
    pairs.append(("Resets", plain(action.get("ResetType@Redfish.AllowableValues"))))
    remote.out.fields(pairs, found)


@system.command("reset")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@resources.RESET_TYPE
@resources.BATCH
@resources.DELAY
@WATCH
@remote
async def system_reset(
    remote: Remote,
    ids: tuple[str, ...],
    reset_type: str,
    batch: int | None,
    delay: int | None,
    watch: bool,
) -> None:
    """Reset systems: a task for one, a task with a sub-task for each of several."""
    paths = [resources.path(SYSTEMS, one) for one in ids]
    if len(paths) == 1:
        action = f"{paths[0]}/Actions/ComputerSystem.Reset"
        body = resources.in_batches(reset_type, None, None)
    else:
        action = f"{AGGREGATION}/Actions/AggregationService.Reset"
        body = {"TargetURIs": paths, **resources.in_batches(reset_type, batch, delay)}
    answer = await remote.api.post(action, body, starts=True)
    await started(remote, answer, watch, f"{reset_type} of {', '.join(ids)}")
