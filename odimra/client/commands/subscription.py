"""``odimra subscription``: where events are posted to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from odimra.client import resources
from odimra.client.lazy import COMMANDS
from odimra.client.output import Column
from odimra.client.running import Remote, remote
from odimra.client.tasks import members

SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions"
POLICIES = (
    "TerminateAfterRetries",
    "SuspendRetries",
    "RetryForever",
    "RetryForeverWithBackoff",
)
#: Flags that choose, and the properties that they become.
LISTS = {
    "registries": "RegistryPrefixes",
    "messages": "MessageIds",
    "types": "ResourceTypes",
    "severities": "Severities",
}
Command = TypeVar("Command", bound=Callable[..., Any])

DELIVERIES = "/console/api/deliveries"
COLUMNS = (
    Column("ID", lambda one: one["Id"]),
    Column("TYPE", lambda one: one.get("SubscriptionType")),
    Column("DESTINATION", lambda one: one.get("Destination")),
    Column("STATE", lambda one: (one.get("Status") or {}).get("State")),
    Column("HEALTH", lambda one: (one.get("Status") or {}).get("Health")),
    Column("BEHIND", lambda one: one["delivery"].get("behind"), right=True),
    Column("LAST FAILURE", lambda one: one["delivery"].get("wrong")),
    Column("CONTEXT", lambda one: one.get("Context"), spare=True),
)


@click.group("subscription", help=COMMANDS["subscription"][1])
def subscription() -> None:
    """Hold the commands together."""


@subscription.command("list")
@remote
async def subscription_list(remote: Remote) -> None:
    """List the subscriptions, and the streams that are open."""
    listed = [one async for one in members(remote.api, SUBSCRIPTIONS)]
    stands = (await remote.api.read(DELIVERIES))["deliveries"]
    found = [{**one, "delivery": stands.get(one.get("Id"), {})} for one in listed]
    remote.out.records(COLUMNS, found, "There are no subscriptions.")


def _several(name: str, chosen: str, text: str) -> Callable[[Command], Command]:
    return click.option(name, chosen, multiple=True, metavar="VALUE", help=text)


@subscription.command("add")
@click.argument("destination")
@click.option("--context", help="What each event carries, to be known by.")
@_several("--registry", "registries", "Messages of this registry only, such as TaskEvent.")
@_several("--message", "messages", "This message only, such as TaskEvent.1.0.TaskAborted.")
@_several("--resource-type", "types", "Events about resources of this type only.")
@_several("--resource", "origins", "Events about the resource at this path only.")
@click.option("--subordinate", is_flag=True, help="With --resource: what is below it, too.")
@click.option(
    "--severity",
    "severities",
    type=click.Choice(("OK", "Warning", "Critical"), case_sensitive=False),
    multiple=True,
    help="Events of this severity only.",
)
@click.option(
    "--retry",
    type=click.Choice(POLICIES, case_sensitive=False),
    help="What becomes of it when the destination does not take events.",
)
@click.option("--verify", is_flag=True, help="Check the certificate of the destination.")
@remote
async def subscription_add(
    remote: Remote,
    /,
    destination: str,
    origins: tuple[str, ...],
    context: str | None,
    subordinate: bool,
    retry: str | None,
    verify: bool,
    **chosen: tuple[str, ...],
) -> None:
    """Have events posted to the URL DESTINATION from now on."""
    body: dict[str, Any] = {"Destination": destination, "Protocol": "Redfish"}
    body |= {LISTS[name]: list(values) for name, values in chosen.items() if values}
    if origins:
        body["OriginResources"] = [resources.link(one) for one in origins]
    if subordinate:
        body["SubordinateResources"] = True
    if context is not None:
        body["Context"] = context
    if retry:
        body["DeliveryRetryPolicy"] = retry
    if verify:
        body["VerifyCertificate"] = True
    answer = await remote.api.post(SUBSCRIPTIONS, body)
    name = answer.location.rpartition("/")[2]
    made = answer.document if answer.raw else {"Id": name, "@odata.id": answer.location}
    remote.out.done(f"events are posted to {destination}: {name}", made)


@subscription.command("delete")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@remote
async def subscription_delete(remote: Remote, ids: tuple[str, ...], yes: bool) -> None:
    """Remove subscriptions."""
    if not yes:
        click.confirm(f"Remove {', '.join(ids)}?", abort=True, err=True)
    for one in ids:
        await remote.api.delete(resources.path(SUBSCRIPTIONS, one))
        remote.out.done(f"{one} is removed", {"Id": one, "removed": True})
