"""The commands ``odimra store``: format of the data, backup, restore. Documented in docs/cli.md."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from odimra.store.embedded import EmbeddedStoreError
from odimra.store.format import NEWEST

T = TypeVar("T")


def make(
    options: Callable[[Any], Any],
    settings: Callable[[str | None, dict[str, Any]], Any],
    fail: Callable[[str], Any],
) -> click.Group:
    """Return the group; ``options`` are those that say where the store is."""

    def run(work: Callable[[Any], Awaitable[T]]) -> T:
        from odimra import storage  # brings much with it, which no other command needs

        async def working() -> T:
            return await work(storage)

        try:
            return asyncio.run(working())
        except (EmbeddedStoreError, storage.StorageFailed) as error:
            fail(str(error))
            raise

    @click.group("store")
    def group() -> None:
        """Look after the data as a whole: its format, backups, bringing one back."""

    @group.command("version")
    @options
    def version(file: str | None, **flags: Any) -> None:
        """Say in which format the data is."""
        mark = run(lambda storage: storage.version(settings(file, flags)))
        written = f", by odimra {mark.by}" if mark.by else ""
        click.echo(f"format {mark.format}{written}; this version works on {NEWEST}")

    @group.command("upgrade")
    @options
    def upgrade(file: str | None, **flags: Any) -> None:
        """Bring the data up to the format of this version; the service must not run."""
        mark = run(lambda storage: storage.upgrade(settings(file, flags), click.echo))
        click.echo(f"the data is of format {mark.format}")

    @group.command("downgrade")
    @click.option("--to", type=int, required=True, help="The format of the older version.")
    @options
    def downgrade(to: int, file: str | None, **flags: Any) -> None:
        """Bring the data back to an older format; the service must not run."""
        mark = run(lambda storage: storage.downgrade(settings(file, flags), to, click.echo))
        click.echo(f"the data is of format {mark.format}")

    @group.command("backup")
    @click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
    @options
    def backup(target: Path, file: str | None, **flags: Any) -> None:
        """Write all data to TARGET; the service must not run.

        It holds hashes of passwords and, sealed, those of BMCs: keep it as safe as the store. The
        key that seals them lies in the state folder and is not in it.
        """
        count = run(lambda storage: storage.backup(settings(file, flags), target, lambda _: None))
        click.echo(f"{count} keys in {target}")

    @group.command("restore")
    @click.argument("source", type=click.Path(dir_okay=False, path_type=Path))
    @click.option("--replace", "over", is_flag=True, help="Remove what is in the store first.")
    @options
    def restore(source: Path, over: bool, file: str | None, **flags: Any) -> None:
        """Bring the backup SOURCE into an empty store; the service must not run."""
        given = settings(file, flags)
        header = run(
            lambda storage: storage.restore(given, source, over=over, progress=lambda _: None)
        )
        click.echo(f"the data of {header.taken}, format {header.format}, is back")

    return group
