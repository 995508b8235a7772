"""The commands ``odimra records``: records in and out of files. Documented in docs/cli.md."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from odimra import transfer
from odimra.cli_common import fail, on_store, quiet, settings_of
from odimra.store.embedded import EmbeddedStoreError

if TYPE_CHECKING:
    from odimra.config import Settings
    from odimra.records.records import Records

T = TypeVar("T")


@click.group()
def records() -> None:
    """Bring records in and out as JSON Lines, on the machine of the service itself."""


@records.command("import")
@click.argument("type")
@click.argument("source", type=click.File("rb"))
@click.option("--replace", "existing", flag_value=transfer.REPLACE, help="Replace what is there.")
@click.option("--skip", "existing", flag_value=transfer.SKIP, help="Leave what is there.")
@on_store
def records_import(
    type: str, source: BinaryIO, existing: str | None, file: str | None, **flags: Any
) -> None:
    """Create a record of TYPE, such as managed/user, from each line of SOURCE (- is the input).

    A line is a JSON object; its _id is that of the record, or else it gets a fresh one. Nothing is
    written if any line cannot be a record.
    """
    settings = settings_of(file, flags)
    with _readable_twice(source) as lines, _bar(2 * _size(lines)) as progress:
        done = _with_records(
            settings,
            lambda records: transfer.bring_in(
                records, type, lines, existing or transfer.REFUSE, progress
            ),
        )
    click.echo(done)


@records.command("export")
@click.argument("type")
@click.argument("target", type=click.Path(dir_okay=False), default="-")
@on_store
def records_export(type: str, target: str, file: str | None, **flags: Any) -> None:
    """Write each record of TYPE as a line of JSON to TARGET, or to the output."""

    async def act(records: Records) -> int:
        with _bar(await records.count(type)) as progress, _whole_file(target) as out:
            return await transfer.bring_out(records, type, out.write, progress)

    count = _with_records(settings_of(file, flags), act)
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
        fail(f"{target}: {error.strerror}")
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
    quiet(settings, "records")
    try:
        return asyncio.run(transfer.with_records(settings, act))
    except (EmbeddedStoreError, transfer.TransferFailed) as error:
        fail(str(error))
