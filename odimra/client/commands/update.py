"""``odimra update``: firmware."""

from __future__ import annotations

from typing import Any

import click

from odimra.client import resources
from odimra.client.lazy import COMMANDS
from odimra.client.running import Remote, remote
from odimra.client.watching import WATCH, started

ACTION = "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate"
PROTOCOLS = ("CIFS", "FTP", "SFTP", "HTTP", "HTTPS", "NFS", "SCP", "TFTP", "OEM")


@click.command("update", help=COMMANDS["update"][1])
@click.argument("image")
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="ID",
    help="A system, or a link to a component; all that the image is for if none is named.",
)
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS, case_sensitive=False),
    help="How the image is fetched, where its address does not say so.",
)
@WATCH
@remote
async def update(
    remote: Remote, image: str, targets: tuple[str, ...], protocol: str | None, watch: bool
) -> None:
    """Start an update with the image at the address IMAGE."""
    body: dict[str, Any] = {"ImageURI": image}
    if targets:
        body["Targets"] = [_target(one) for one in targets]
    if protocol:
        body["TransferProtocol"] = protocol
    answer = await remote.api.post(ACTION, body, starts=True)
    await started(remote, answer, watch, "update")


def _target(name: str) -> str:
    return name if name.startswith("/") else resources.path(resources.SYSTEMS, name)
