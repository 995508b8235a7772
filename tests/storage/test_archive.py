"""Backups: whole or refused, of every type of key, and brought back as they were."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import pytest

from odimra.store import Store
from odimra.store.archive import Archive, BadArchive, Header, examined
from tests.support.keys import keys_of

HEADER = Header(2, "1.2.3", "2026-11-23T00:00:00+00:00", "odimra")


def nothing(_: int) -> None:
    """Nobody looks how far it is."""


async def everything(store: Store) -> dict[str, Any]:
    """Return all keys with type, time to live and content, as the server tells them."""
    found = {}
    for key in sorted(await keys_of(store)):
        kind = (await store.call("TYPE", key)).decode()
        read: dict[str, tuple[Any, ...]] = {
            "string": ("GET", key),
            "hash": ("HGETALL", key),
            "list": ("LRANGE", key, 0, -1),
            "set": ("SMEMBERS", key),
            "zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
            "stream": ("XRANGE", key, "-", "+"),
        }
        content = await store.call(*read[kind])
        if kind == "set":
            content = sorted(content)
        if kind == "stream":
            info = await store.call("XINFO", "STREAM", key)
            pairs = info if isinstance(info, dict) else dict(zip(info[::2], info[1::2]))  # noqa: B905
            last = pairs.get("last-generated-id", pairs.get(b"last-generated-id"))
            content = [content, last]
        found[key] = (kind, content, (await store.call("PTTL", key)) > 0)
    return found


async def fill(store: Store) -> None:
    """Put in one key of each type, some of them longer than a page."""
    keys = store.keys
    many = range(1, 1_203)
    await store.call("SET", keys.of("text"), "ä\x00\n".encode() + bytes(range(256)))
    await store.call("SET", keys.of("soon"), "x", "PX", 500_000)
    await store.call("HSET", keys.task("t1"), "name", "bytes", "raw", b"\xff\xfe")
    await store.call("HSET", keys.of("hash"), *(f"f{n}" for n in many for _ in (1, 2)))
    await store.call("RPUSH", keys.of("list"), *(f"{n}" for n in many))
    await store.call("SADD", keys.of("set"), *(f"{n}" for n in many), b"\x80")
    scored = [part for n in many for part in (n / 3, f"m{n}")]
    await store.call("ZADD", keys.index("tasks"), *scored, "inf", "far", "-inf", "near")
    for number in many:
        await store.call("XADD", keys.events, f"{number}-1", "a", f"{number}", "b", b"\xff")
    await store.call("XDEL", keys.events, f"{many[-1]}-1")
    await store.call("XADD", keys.of("gone"), "7-7", "a", "b")
    await store.call("XDEL", keys.of("gone"), "7-7")


@pytest.fixture
async def archive(store: Store) -> Any:
    found = Archive(store.options)
    yield found
    await found.close()


async def test_what_comes_back_is_what_was(store: Store, archive: Archive, tmp_path: Path) -> None:
    await fill(store)
    await store.call("SET", store.keys.of("metrics", "of", "api-0"), "who lives")
    before = await everything(store)
    file = tmp_path / "backup.gz"
    count = await archive.write(file, HEADER, nothing)
    assert count == len(before) - 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.part"))
    assert examined(file) == HEADER
    assert not await archive.empty()
    await archive.clear()
    assert await archive.empty() and await keys_of(store) == set()
    await archive.read(file, nothing)
    after = await everything(store)
    del before[store.keys.of("metrics", "of", "api-0")]
    assert after == before
    assert math.isinf(float(await store.call("ZSCORE", store.keys.index("tasks"), "far")))


async def test_what_is_others_stays(store: Store, archive: Archive, tmp_path: Path) -> None:
    await store.call("SET", "{other}:key", "theirs")
    await fill(store)
    file = tmp_path / "backup.gz"
    await archive.write(file, HEADER, nothing)
    assert b"theirs" not in gzip.decompress(file.read_bytes())
    await archive.clear()
    assert await store.call("GET", "{other}:key") == b"theirs"
    await store.call("DEL", "{other}:key")


@pytest.mark.parametrize("harm", ["cut", "bit", "line", "more", "kind", "text", "missing"])
async def test_a_file_that_is_not_whole_is_refused(
    store: Store, archive: Archive, tmp_path: Path, harm: str
) -> None:
    await fill(store)
    file = tmp_path / "backup.gz"
    await archive.write(file, HEADER, nothing)
    raw = file.read_bytes()
    lines = gzip.decompress(raw).splitlines(keepends=True)
    if harm == "cut":
        file.write_bytes(raw[: len(raw) // 2])
    elif harm == "bit":
        file.write_bytes(raw[:200] + bytes([raw[200] ^ 1]) + raw[201:])
    elif harm == "line":
        file.write_bytes(gzip.compress(b"".join(lines[:2] + lines[3:])))
    elif harm == "more":
        file.write_bytes(gzip.compress(b"".join([*lines, lines[1]])))
    elif harm == "kind":
        file.write_bytes(gzip.compress(b'{"kind": "other"}\n'))
    elif harm == "text":
        file.write_bytes(b"a text")
    else:
        file.unlink()
    with pytest.raises(BadArchive) as refused:
        examined(file)
    assert str(file) in str(refused.value)
