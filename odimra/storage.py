"""``odimra store``: the data as a whole: its format, a backup, bringing one back.

Called by the command line, on the machine of the service or wherever its store can be reached. What
works on the data as a whole does so alone: no process of the service may live meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import odimra
from odimra import formats
from odimra.config import Settings
from odimra.metrics.board import Board
from odimra.options import store_options
from odimra.standalone import store_url
from odimra.store import Store, StoreError, StoreUnavailable
from odimra.store.archive import Archive, BadArchive, Header, examined
from odimra.store.format import NEWEST, UNFINISHED, Format, Mark, WrongFormat, check

#: A process that has told something within so many milliseconds lives.
LIVES = 20_000


class StorageFailed(Exception):
    """It could not be done; the text says why and what to do."""


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Store, Archive]]:
    try:
        async with store_url(settings) as url:
            # One store command may be a thousand: none of a request waits for it.
            options = replace(store_options(settings, url), timeout=60.0, cache_entries=0)
            store = await Store.open(options)
            archive = Archive(options)
            try:
                yield store, archive
            finally:
                await archive.close()
                await store.close()
    except StoreUnavailable as error:
        raise StorageFailed(f"the store does not answer: {error}") from error
    except (StoreError, BadArchive, WrongFormat) as error:
        raise StorageFailed(str(error)) from error


async def _alone(store: Store) -> None:
    alive = await Board(store, name="").alive(LIVES)
    if alive:
        names = ", ".join(sorted(one.name for one in alive[:5]))
        raise StorageFailed(
            f"{len(alive)} processes of the service live on this store ({names}): stop them first; "
            "one that was killed counts for twenty seconds"
        )


async def version(settings: Settings) -> Mark:
    """Return in which format the data is."""
    async with _opened(settings) as (store, _):
        return await Format(store).look()


async def upgrade(settings: Settings, say: Callable[[str], None]) -> Mark:
    """Bring the data up to the format of this version."""
    async with _opened(settings) as (store, _):
        await _alone(store)
        return await formats.upgrade(store, say)


async def downgrade(settings: Settings, to: int, say: Callable[[str], None]) -> Mark:
    """Bring the data back to an older format."""
    async with _opened(settings) as (store, _):
        await _alone(store)
        return await formats.downgrade(store, to, say)


async def backup(settings: Settings, target: Path, progress: Callable[[int], None]) -> int:
    """Write all data into a file; return how many keys."""
    if target.exists():
        raise StorageFailed(f"{target} is there already: it is not overwritten")
    async with _opened(settings) as (store, archive):
        await _alone(store)
        mark = await Format(store).look()
        if mark.format > NEWEST or mark.format == UNFINISHED:
            check(mark)
        taken = datetime.now(UTC).isoformat(timespec="seconds")
        header = Header(mark.format, odimra.__version__, taken, archive.namespace)
        try:
            count = await archive.write(target, header, progress)
        except OSError as error:
            raise StorageFailed(f"{target}: {error.strerror}") from error
        # Whoever came to life meanwhile may have changed what was written already.
        try:
            await _alone(store)
        except StorageFailed:
            target.unlink()
            raise
        return count


async def restore(
    settings: Settings, source: Path, *, over: bool, progress: Callable[[int], None]
) -> Header:
    """Bring a backup in, instead of all there is; return what it is.

    Without ``over`` only into a store that is empty, or into which one was being brought. One that
    was killed leaves a store that nobody can use, and is done again.
    """
    try:
        header = examined(source)
    except BadArchive as error:
        raise StorageFailed(str(error)) from error
    check_readable(header)
    async with _opened(settings) as (store, archive):
        await _alone(store)
        form = Format(store)
        mark = await form.look()
        if mark.format != UNFINISHED:
            if not over and not await archive.empty():
                raise StorageFailed("the store is not empty: --replace removes what is in it first")
            if not await form.move(mark.format, UNFINISHED):
                raise StorageFailed("somebody else works on this store: nothing was changed")
        await archive.clear()
        await archive.read(source, progress)
        await form.move(UNFINISHED, header.format)
        return header


def check_readable(header: Header) -> None:
    """Raise :class:`StorageFailed` unless this version knows the format of a backup."""
    if header.format > NEWEST:
        raise StorageFailed(
            f"the backup is of format {header.format}, written by odimra {header.by}; this is "
            f"{odimra.__version__} and knows formats up to {NEWEST}: install {header.by} or newer"
        )
