"""``odimra records``: records from and to files of JSON Lines, one object a line.

Called by the command line. Works beside a running service, through its store, and without one. The
records themselves are offered by the composition root; this knows their room and nothing else.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TypeAlias, TypeVar, cast

import orjson

from odimra.config import Settings
from odimra.records.errors import BadRecord, ReadOnly, RecordExists, RecordsError
from odimra.records.model import ID, check_id
from odimra.records.records import Records
from odimra.standalone import store_url
from odimra.store import StoreUnavailable
from odimra.store.format import WrongFormat

T = TypeVar("T")
OpenRecords: TypeAlias = Callable[[Settings, str], AbstractAsyncContextManager[Records]]
#: Called with how many bytes or records further it is.
Progress: TypeAlias = Callable[[int], None]

#: Records that are written or read together, and their bytes.
BATCH: Final = 500
BATCH_BYTES: Final = 4 << 20
#: What a line may hold besides a record: blanks, escapes, its id and revision.
SLACK: Final = 1 << 16

#: What becomes of a line whose record is there already.
REFUSE, REPLACE, SKIP = "refuse", "replace", "skip"


class TransferFailed(Exception):
    """The records could not be brought in or out; the text says why and how far it came."""


@dataclass(slots=True)
class Imported:
    """What became of the lines of a file."""

    created: int = 0
    replaced: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        parts = [f"{self.created} records created"]
        if self.replaced:
            parts.append(f"{self.replaced} replaced")
        if self.skipped:
            parts.append(f"{self.skipped} left as they are")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that could be a record; ``id`` is None where the record shall get a fresh one."""

    number: int
    size: int
    id: str | None
    content: dict[str, Any]


async def with_records(
    settings: Settings,
    act: Callable[[Records], Awaitable[T]],
    open_records: OpenRecords | None = None,
) -> T:
    """Return what ``act`` returns, called with the records.

    Raises :class:`TransferFailed`, also when the store does not answer or its data is not for this
    version, and ``EmbeddedStoreError``.
    """
    # By name: the composition root knows everyone.
    opener = open_records or cast("OpenRecords", importlib.import_module("odimra.app").open_records)
    try:
        async with store_url(settings) as url, opener(settings, url) as records:
            return await act(records)
    except StoreUnavailable as error:
        raise TransferFailed(f"the store does not answer: {error}") from error
    except (RecordsError, WrongFormat) as error:
        raise TransferFailed(str(error)) from error


def lines(file: BinaryIO, records: Records) -> Iterator[Line]:
    """Yield the lines of ``file``, blank ones apart.

    Raises :class:`TransferFailed` for the first that cannot be a record.
    """
    longest = 2 * records.options.max_bytes + SLACK
    number = 0
    while text := file.readline(longest + 1):
        number += 1
        try:
            if len(text) > longest:
                raise BadRecord("line", f"is longer than {longest} bytes")
            stripped = text.removeprefix(b"\xef\xbb\xbf").strip()
            if stripped:
                yield _line(number, len(text), stripped, records)
        except RecordsError as error:
            raise TransferFailed(f"line {number}: {error}") from None


def _line(number: int, size: int, text: bytes, records: Records) -> Line:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRecord("JSON", f"{error.msg} (at character {error.pos + 1})") from None
    records.encode(content)
    id = content.get(ID)
    if id is not None:
        if not isinstance(id, str):
            raise BadRecord(ID, "must be a text")
        check_id(id)
    return Line(number, size, id, content)


async def bring_in(
    records: Records, type: str, file: BinaryIO, existing: str, progress: Progress
) -> Imported:
    """Create a record of ``type`` from each line of ``file``, which is read twice.

    Nothing is written before every line was found to be a record; ``progress`` is told the bytes of
    both times. Raises :class:`TransferFailed` and what the records raise.
    """
    if not records.writable(type):
        raise ReadOnly(type)
    for line in lines(file, records):
        progress(line.size)
    file.seek(0)
    done = Imported()
    batch: list[Line] = []
    named: set[str] = set()
    size = 0
    for line in lines(file, records):
        # Two lines about one record go one after the other.
        if len(batch) >= BATCH or size >= BATCH_BYTES or line.id in named:
            await _write(records, type, batch, existing, done)
            progress(size)
            batch, named, size = [], set(), 0
        batch.append(line)
        size += line.size
        if line.id is not None:
            named.add(line.id)
    await _write(records, type, batch, existing, done)
    progress(size)
    return done


async def _write(
    records: Records, type: str, batch: list[Line], existing: str, done: Imported
) -> None:
    # Together, so that they travel in few pipelines; each is a step of its own.
    written = await asyncio.gather(
        *(_write_one(records, type, line, existing, done) for line in batch),
        return_exceptions=True,
    )
    for line, failed in zip(batch, written, strict=True):
        if isinstance(failed, BaseException):
            if not isinstance(failed, RecordsError | StoreUnavailable):
                raise failed
            raise TransferFailed(f"line {line.number}: {failed} (so far: {done})") from failed


async def _write_one(
    records: Records, type: str, line: Line, existing: str, done: Imported
) -> None:
    if existing == REPLACE and line.id is not None:
        _, created = await records.put(type, line.id, line.content)
    else:
        try:
            await records.create(type, line.content, line.id)
            created = True
        except RecordExists:
            if existing != SKIP:
                raise
            done.skipped += 1
            return
    if created:
        done.created += 1
    else:
        done.replaced += 1


async def bring_out(
    records: Records, type: str, write: Callable[[bytes], Any], progress: Progress
) -> int:
    """Write each record of ``type`` as a line, by the order of their ids; return how many.

    What is written meanwhile by others may be in it or not; each record is whole.
    """
    count, after = 0, ""
    while page := await records.page(type, after, BATCH):
        write(b"".join(orjson.dumps(one.full) + b"\n" for one in page))
        progress(len(page))
        count += len(page)
        after = page[-1].id
    return count
