"""All data of a namespace in one file, and back: by the types of the keys, whatever server it is.

The file is gzip over lines of JSON: what it is, a line or more for each key, and a digest of them
all. Both ways go page by page, so that no key and no store is too large. Nobody may write
meanwhile; to see to that is the caller's affair.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.exceptions import RedisClusterException, RedisError

from odimra.store.coalesce import translate
from odimra.store.connect import Client, ConnectOptions, connect
from odimra.store.store import StoreOptions

#: Elements of a key in one line, and keys that are looked at in one command.
PAGE = 500
#: Of what a file of this kind says that it is.
KIND = "odimra-backup"
#: Instead of an entry's id: what follows is the last id that a stream has given.
LAST = "last"
#: What is of the processes that live, and not of the data.
PASSING = "metrics:"
#: Longer than any line that is written here.
LONGEST = 256 * 1024 * 1024
SECONDS = 60.0

Progress = Callable[[int], None]


class BadArchive(Exception):
    """The file is no backup, or not whole; the text says why."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup is: the format of the data, who wrote it and when, and of which namespace."""

    format: int
    by: str
    taken: str
    namespace: str


def _text(value: bytes) -> str:
    # Bytes that are no text become characters that are none either, and the same bytes again.
    return value.decode("utf-8", "surrogateescape")


def _raw(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


class Archive:
    """The data of a namespace, read or written as a whole. Raises StoreUnavailable, StoreError."""

    def __init__(self, options: StoreOptions) -> None:
        self._client: Client = connect(ConnectOptions(options.url, 2, SECONDS))
        self._prefix = "{" + options.namespace + "}:"
        self.namespace = options.namespace

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def empty(self) -> bool:
        """Whether there is no key of the namespace but the mark of the format."""
        async for keys in self._pages():
            if any(key != self._mark and not self._passing(key) for key in keys):
                return False
        return True

    def _passing(self, key: bytes) -> bool:
        return key.startswith(f"{self._prefix}{PASSING}".encode())

    @property
    def _mark(self) -> bytes:
        return f"{self._prefix}format".encode()

    async def _pages(self) -> AsyncIterator[list[bytes]]:
        """Yield the names of all keys of the namespace, some at a time; one may come twice."""
        page: list[bytes] = []
        # Braces are no wildcards; of the namespace's own characters the settings see to it.
        async for key in self._client.scan_iter(match=f"{self._prefix}*", count=PAGE):
            page.append(key)
            if len(page) >= PAGE:
                yield page
                page = []
        if page:
            yield page

    async def write(self, path: Path, header: Header, progress: Progress) -> int:
        """Write all keys into a new file that only its owner reads; return how many."""
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        private = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with (
                os.fdopen(private, "wb") as raw,
                gzip.GzipFile(part.name, "wb", 3, raw) as out,
            ):
                count = await self._write(out, header, progress)
            part.replace(path)
        except (RedisError, RedisClusterException) as error:
            raise translate(error) from error
        finally:
            part.unlink(missing_ok=True)
        return count

    async def _write(self, out: gzip.GzipFile, header: Header, progress: Progress) -> int:
        digest = hashlib.sha256()

        def line(value: Any) -> None:
            text = json.dumps(value, separators=(",", ":")).encode() + b"\n"
            digest.update(text)
            out.write(text)

        line(
            {
                "kind": KIND,
                "format": header.format,
                "by": header.by,
                "taken": header.taken,
                "namespace": header.namespace,
            }
        )
        seen: set[bytes] = set()
        count = 0
        async for keys in self._pages():
            # A scan may name a key twice. Digests, so that a million of them are little.
            fresh = []
            for key in keys:
                mark = hashlib.blake2b(key, digest_size=8).digest()
                if mark not in seen and key != self._mark and not self._passing(key):
                    seen.add(mark)
                    fresh.append(key)
            count += await self._write_keys(fresh, line)
            progress(count)
        end = {"keys": count, "sha256": digest.hexdigest()}
        out.write(json.dumps(end).encode() + b"\n")
        return count

    async def _write_keys(self, keys: list[bytes], line: Callable[[Any], None]) -> int:
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.type(key)
            pipeline.pttl(key)
        found = await pipeline.execute()
        count = 0
        for at, key in enumerate(keys):
            kind, ttl = found[2 * at].decode(), int(found[2 * at + 1])
            if kind == "none":
                continue
            name = _text(key).removeprefix(self._prefix)
            first = True
            async for elements in self._elements(kind, key):
                line([name, kind, max(ttl, 0) if first else 0, elements])
                first = False
            count += not first
        return count

    async def _elements(self, kind: str, key: bytes) -> AsyncIterator[list[Any]]:
        client = self._client
        if kind == "string":
            value: bytes | None = await client.execute_command("GET", key)
            if value is not None:
                yield [_text(value)]
        elif kind == "hash":
            async for flat in _grouped(client.hscan_iter(key, count=PAGE)):
                yield [[_text(name), _text(value)] for name, value in flat]
        elif kind == "set":
            async for flat in _grouped(client.sscan_iter(key, count=PAGE)):
                yield [_text(one) for one in flat]
        elif kind == "zset":
            async for flat in _grouped(client.zscan_iter(key, count=PAGE)):
                # As a text: a float may be infinite.
                yield [[_text(one), repr(score)] for one, score in flat]
        elif kind == "list":
            first = 0
            while part := await client.execute_command("LRANGE", key, first, first + PAGE - 1):
                yield [_text(one) for one in part]
                first += PAGE
        elif kind == "stream":
            after = b"-"
            while entries := await self._entries(key, after):
                yield [
                    [_text(id), [[_text(a), _text(b)] for a, b in fields.items()]]
                    for id, fields in entries
                ]
                after = b"(" + entries[-1][0]
            # Behind the entries: the last id that was given may be that of one which is gone.
            told = await client.execute_command("XINFO STREAM", key)
            yield [[LAST, _text(told["last-generated-id"])]]
        else:
            raise BadArchive(f"{_text(key)} is a {kind}, which odimra never writes")

    async def _entries(self, key: bytes, after: bytes) -> list[tuple[bytes, dict[bytes, bytes]]]:
        found: list[tuple[bytes, dict[bytes, bytes]]] = await self._client.execute_command(
            "XRANGE", key, after, "+", "COUNT", PAGE
        )
        return found

    async def clear(self) -> None:
        """Remove all keys of the namespace but the mark."""
        try:
            async for keys in self._pages():
                pipeline = self._client.pipeline(transaction=False)
                for key in keys:
                    if key != self._mark:
                        pipeline.unlink(key)
                await pipeline.execute()
        except (RedisError, RedisClusterException, OSError) as error:
            raise translate(error) from error

    async def read(self, path: Path, progress: Progress) -> int:
        """Bring the keys of a file in; return how many lines that were."""
        count = 0
        pipeline = self._client.pipeline(transaction=False)
        waiting = 0
        try:
            for name, kind, ttl, elements in lines(path):
                key = f"{self._prefix}{name}"
                waiting += _restore(pipeline, key, kind, elements)
                if ttl:
                    pipeline.pexpire(key, ttl)
                count += 1
                if waiting >= PAGE:
                    await pipeline.execute()
                    progress(count)
                    waiting = 0
            await pipeline.execute()
        except (RedisError, RedisClusterException) as error:
            raise translate(error) from error
        return count


async def _grouped(found: AsyncIterator[Any]) -> AsyncIterator[list[Any]]:
    group: list[Any] = []
    async for one in found:
        group.append(one)
        if len(group) >= PAGE:
            yield group
            group = []
    if group:
        yield group


def _restore(pipeline: Any, key: str, kind: str, elements: list[Any]) -> int:
    """Queue what brings elements of a key in; return how many there are."""
    if kind == "string":
        pipeline.execute_command("SET", key, _raw(elements[0]))
    elif kind == "hash":
        flat = [_raw(part) for pair in elements for part in pair]
        pipeline.execute_command("HSET", key, *flat)
    elif kind == "set":
        pipeline.execute_command("SADD", key, *map(_raw, elements))
    elif kind == "zset":
        flat = [part for member, score in elements for part in (score.encode(), _raw(member))]
        pipeline.execute_command("ZADD", key, *flat)
    elif kind == "list":
        pipeline.execute_command("RPUSH", key, *map(_raw, elements))
    else:
        for id, fields in elements:
            if id == LAST:
                if fields != "0-0":
                    _end_stream(pipeline, key, fields)
                continue
            flat = [_raw(part) for pair in fields for part in pair]
            pipeline.execute_command("XADD", key, id, *flat)
    return len(elements)


def _end_stream(pipeline: Any, key: str, last: str) -> None:
    """Queue what makes ``last`` the last id that a stream has given, whether its entry is there."""
    # A stream that had no entry is not there yet: a group makes one and goes again.
    pipeline.execute_command("XGROUP", "CREATE", key, "restoring", "$", "MKSTREAM")
    pipeline.execute_command("XGROUP", "DESTROY", key, "restoring")
    pipeline.execute_command("XSETID", key, last)


def lines(path: Path) -> Iterator[tuple[str, str, int, list[Any]]]:
    """Yield the lines about keys of a file that :func:`examined` has found whole."""
    with gzip.open(path, "rb") as file:
        file.readline(LONGEST)
        for text in file:
            value = json.loads(text)
            if isinstance(value, dict):
                return
            yield value[0], value[1], value[2], value[3]


def examined(path: Path) -> Header:
    """Return what a file is, once all of it was read and found whole.

    Raises :class:`BadArchive`.
    """
    try:
        with gzip.open(path, "rb") as file:
            first = file.readline(LONGEST)
            header = json.loads(first)
            if not isinstance(header, dict) or header.get("kind") != KIND:
                raise BadArchive(f"{path} is no backup of odimra")
            digest = hashlib.sha256(first)
            end = None
            while text := file.readline(LONGEST):
                if end is not None:
                    raise BadArchive(f"{path} goes on behind its end")
                if text.startswith(b"{"):
                    end = json.loads(text)
                else:
                    digest.update(text)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, FileNotFoundError):
            raise BadArchive(f"there is no file {path}") from None
        raise BadArchive(f"{path} cannot be read: it is no backup, or not whole") from None
    if end is None or end.get("sha256") != digest.hexdigest():
        raise BadArchive(f"{path} is not whole, or was changed: its digest is another")
    return Header(
        int(header["format"]), str(header["by"]), str(header["taken"]), str(header["namespace"])
    )
