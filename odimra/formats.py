"""From one format of the store's data to the next, and back.

Each step can be done again when whoever did it was killed: the mark moves when it is done. Nothing
else may work on the store meanwhile. Called by the root and the command line.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from odimra.store import Store, StoreUnavailable
from odimra.store.format import NEWEST, OLDEST, UNFINISHED, Format, Mark, WrongFormat, check
from odimra.tasks.recount import forget_counts, recount

log = logging.getLogger(__name__)

Say = Callable[[str], None]
Step = Callable[[Store], Awaitable[str]]


async def _count_tasks(store: Store) -> str:
    return f"{await recount(store, 1, 2)} tasks counted"


async def _count_no_tasks(store: Store) -> str:
    await forget_counts(store, int(time.time() * 1000))
    return "counts of tasks removed"


#: From each format to the next.
UP: dict[int, Step] = {1: _count_tasks}
#: From each format to the one before; one that is missing has no way back.
DOWN: dict[int, Step] = {2: _count_no_tasks}


async def upgrade(store: Store, say: Say) -> Mark:
    """Bring the data up to the newest format. Raises :class:`WrongFormat`, StoreUnavailable."""
    form = Format(store)
    mark = await form.look()
    if mark.format > NEWEST or mark.format == UNFINISHED:
        check(mark)
    while mark.format < NEWEST:
        done = await UP[mark.format](store)
        # Another process may have been quicker: what it did is the same.
        await form.move(mark.format, mark.format + 1)
        say(f"format {mark.format + 1}: {done}")
        mark = await form.look()
    return mark


async def downgrade(store: Store, to: int, say: Say) -> Mark:
    """Bring the data back to an older format. Raises :class:`WrongFormat`, StoreUnavailable."""
    form = Format(store)
    mark = await form.look()
    if mark.format > NEWEST or mark.format == UNFINISHED:
        check(mark)
    if not OLDEST <= to <= mark.format:
        raise WrongFormat(f"the data is of format {mark.format}: --to is {OLDEST} to that")
    while mark.format > to:
        step = DOWN.get(mark.format)
        if step is None:
            raise WrongFormat(f"there is no way from format {mark.format} to the one before")
        done = await step(store)
        await form.move(mark.format, mark.format - 1)
        say(f"format {mark.format - 1}: {done}")
        mark = await form.look()
    return mark


async def ensure(store: Store, stop: asyncio.Event, *, own: bool) -> None:
    """Return when this version can work on the data; one of its ``own`` is brought up to date.

    Waits for the store, unless ``stop`` is set. Raises :class:`WrongFormat`.
    """
    while not stop.is_set():
        try:
            mark = await Format(store).look()
            if own and OLDEST <= mark.format < NEWEST:
                mark = await upgrade(store, lambda text: log.info("the store's data: %s", text))
            check(mark)
        except StoreUnavailable as error:
            log.warning("the format of the data is not known yet: %s", error)
            await asyncio.sleep(error.retry_after)
        else:
            return
