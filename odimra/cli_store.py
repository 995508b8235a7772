"""The commands ``odimra store``: format of the data, backup, restore. Documented in docs/cli.md."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from odimra.cli_common import fail, on_store, quiet, settings_of
from odimra.config import Settings
from odimra.store.embedded import EmbeddedStoreError
from odimra.store.format import NEWEST

T = TypeVar("T")


@click.group()
def store() -> None:
    """Look after the data as a whole: its format, backups, bringing one back."""


@store.command("version")
@on_store
def version(file: str | None, **flags: Any) -> None:
    """Say in which format the data is."""
    mark = _run(lambda storage: storage.version(_settings(file, flags)))
    written = f", by odimra {mark.by}" if mark.by else ""
    click.echo(f"format {mark.format}{written}; this version works on {NEWEST}")


@store.command("upgrade")
@on_store
def upgrade(file: str | None, **flags: Any) -> None:
    """Bring the data up to the format of this version; the service must not run."""
    mark = _run(lambda storage: storage.upgrade(_settings(file, flags), click.echo))
    click.echo(f"the data is of format {mark.format}")


@store.command("downgrade")
@click.option("--to", type=int, required=True, help="The format of the older version.")
@on_store
def downgrade(to: int, file: str | None, **flags: Any) -> None:
    """Bring the data back to an older format; the service must not run."""
    mark = _run(lambda storage: storage.downgrade(_settings(file, flags), to, click.echo))
    click.echo(f"the data is of format {mark.format}")


@store.command("backup")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@on_store
def backup(target: Path, file: str | None, **flags: Any) -> None:
    """Write all data to TARGET; the service must not run.

    It holds hashes of passwords and, sealed, those of BMCs: keep it as safe as the store. The
    key that seals them lies in the state folder and is not in it.
    """
    count = _run(lambda storage: storage.backup(_settings(file, flags), target, lambda _: None))
    click.echo(f"{count} keys in {target}")


@store.command("restore")
@click.argument("source", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", "over", is_flag=True, help="Remove what is in the store first.")
@on_store
def restore(source: Path, over: bool, file: str | None, **flags: Any) -> None:
    """Bring the backup SOURCE into an empty store; the service must not run."""
    given = _settings(file, flags)
    header = _run(
        lambda storage: storage.restore(given, source, over=over, progress=lambda _: None)
    )
    click.echo(f"the data of {header.taken}, format {header.format}, is back")


def _settings(file: str | None, flags: dict[str, Any]) -> Settings:
    settings = settings_of(file, flags)
    quiet(settings, "store")
    return settings


def _run(work: Callable[[Any], Awaitable[T]]) -> T:
    from odimra import storage  # brings much with it, which no other command needs

    async def working() -> T:
        return await work(storage)

    try:
        return asyncio.run(working())
    except (EmbeddedStoreError, storage.StorageFailed) as error:
        fail(str(error))
