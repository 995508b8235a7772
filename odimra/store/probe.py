"""What a server of the store says of itself, for ``odimra doctor``. Knows nobody."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import RedisError

from odimra.store.connect import BadStoreUrl, ConnectOptions, connect

OLDEST = {"redis": (6, 2), "valkey": (8, 0)}


class ProbeFailed(Exception):
    """The server could not be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What was learnt of a server. ``maxmemory`` is in bytes, 0 for no limit."""

    name: str
    version: tuple[int, ...]
    maxmemory: int
    maxmemory_policy: str
    append_only: bool
    snapshots: bool
    tracking: bool

    @property
    def recent_enough(self) -> bool:
        """Whether the store works with this version."""
        return self.version >= OLDEST[self.name]


async def probe(url: str, timeout_seconds: float) -> ServerFacts:
    """Ask the server at ``url``; each question may take ``timeout_seconds``.

    Raises :class:`ProbeFailed`.
    """
    try:
        client: Any = connect(ConnectOptions(url, 1, timeout_seconds))
    except (BadStoreUrl, ValueError) as error:
        raise ProbeFailed(str(error)) from error
    try:
        if isinstance(client, RedisCluster):
            await asyncio.wait_for(client.initialize(), timeout_seconds * 3)
            target = {"target_nodes": client.get_random_node()}
        else:
            target = {}

        async def ask(*command: str) -> Any:
            return await asyncio.wait_for(
                client.execute_command(*command, **target), timeout_seconds
            )

        about = await ask("INFO")
        return ServerFacts(
            *_version(about),
            maxmemory=int(about.get("maxmemory", 0)),
            maxmemory_policy=str(about.get("maxmemory_policy", "unknown")),
            append_only=bool(int(about.get("aof_enabled", 0))),
            snapshots=await _snapshots(ask),
            tracking=await _tracking(ask),
        )
    except TimeoutError as error:
        raise ProbeFailed(f"no answer within {timeout_seconds} s") from error
    except (RedisError, OSError) as error:
        raise ProbeFailed(str(error) or type(error).__name__) from error
    finally:
        await client.aclose()


def _version(about: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
    name = "valkey" if "valkey_version" in about else "redis"
    text = str(about.get(f"{name}_version", "0"))
    return name, tuple(int(part) for part in text.split(".") if part.isdigit())


async def _snapshots(ask: Any) -> bool:
    try:
        reply = await ask("CONFIG", "GET", "save")
    except RedisError:
        return False  # hosted servers forbid CONFIG; the append-only file is the better sign anyway
    values = list(reply.values()) if isinstance(reply, dict) else list(reply)[1::2]
    return any(values)


async def _tracking(ask: Any) -> bool:
    """Try what the cache needs: invalidation messages by redirect."""
    try:
        own = await ask("CLIENT", "ID")
        prefix = "{odimra-doctor}:"
        await ask("CLIENT", "TRACKING", "ON", "REDIRECT", str(own), "BCAST", "PREFIX", prefix)
        await ask("CLIENT", "TRACKING", "OFF")
    except RedisError:
        return False
    return True
