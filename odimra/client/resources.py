"""Links of resources, as people name them: by id, by path or by URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from odimra.client.answers import path_of
from odimra.client.errors import BadUsage, NotFound
from odimra.client.http import Api
from odimra.client.tasks import members

SYSTEMS = "/redfish/v1/Systems"
AGGREGATION = "/redfish/v1/AggregationService"
RESET_TYPES = (
    "On",
    "ForceOn",
    "ForceOff",
    "GracefulShutdown",
    "GracefulRestart",
    "ForceRestart",
    "PowerCycle",
    "FullPowerCycle",
    "Nmi",
    "Suspend",
    "Pause",
    "Resume",
    "PushPowerButton",
)

RESET_TYPE = click.option(
    "--type",
    "reset_type",
    type=click.Choice(RESET_TYPES, case_sensitive=False),
    required=True,
    help="What the reset does.",
)
BATCH = click.option(
    "--batch", type=click.IntRange(1), metavar="COUNT", help="How many systems begin together."
)
DELAY = click.option(
    "--delay",
    type=click.IntRange(0),
    metavar="SECONDS",
    help="How long after a batch the next one begins.",
)


def path(collection: str, name: str) -> str:
    """Return the path of a member: ``name`` is its id, or a link to it."""
    plain = path_of(name.strip())
    if plain.startswith("/"):
        if not plain.startswith(f"{collection}/"):
            raise BadUsage(f"{name} is nothing below {collection}", "name it by its id")
        return plain
    if not plain:
        raise BadUsage("a name is empty")
    return f"{collection}/{quote(plain, safe='')}"


def link(uri: str) -> dict[str, str]:
    """Return a reference."""
    return {"@odata.id": uri}


def in_batches(reset_type: str, batch: int | None, delay: int | None) -> dict[str, Any]:
    """Return the parameters that all resets of several systems have."""
    body: dict[str, Any] = {"ResetType": reset_type}
    if batch is not None:
        body["BatchSize"] = batch
    if delay is not None:
        body["DelayBetweenBatchesInSeconds"] = delay
    return body


async def find(api: Api, collection: str, name: str) -> dict[str, Any]:
    """Return a member by its id, a link to it, or its Name if only one has it.

    Raises :class:`NotFound`, and :class:`BadUsage` for a name of several.
    """
    try:
        return await api.read(path(collection, name))
    except NotFound as missing:
        named = [one async for one in members(api, collection) if one.get("Name") == name]
        if not named:
            raise missing from None
        if len(named) > 1:
            ids = ", ".join(str(one["Id"]) for one in named)
            raise BadUsage(f'{len(named)} have the name "{name}"', f"say which: {ids}") from None
        return named[0]
