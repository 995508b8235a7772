"""The name of every key, in one place.

All keys share the hash tag ``{namespace}``, so that each script touches a single slot of a
Redis Cluster. Families listed in :data:`CACHED` are those whose changes the server pushes to
every process; only their keys may be cached.
"""

from __future__ import annotations

#: Families of keys that processes cache, and for which the server tracks changes.
CACHED = (
    "task",
    "index",
    "setting",
    "account",
    "role",
    "session",
    "machine",
    "aggregate",
    "source",
    "inventory",
    "subscription",
)


class Keys:
    """Key names under one namespace."""

    def __init__(self, namespace: str = "odimra") -> None:
        self.namespace = namespace
        self.root = "{" + namespace + "}:"
        self.task_prefix = self.of("task", "")
        self.events = self.of("events")
        self.due = self.of("queue", "due")
        self._cached = tuple(self.root + family + ":" for family in CACHED)

    def of(self, family: str, *parts: str) -> str:
        """Name a key of ``family``: ``{namespace}:family:part:part``."""
        return self.root + ":".join((family, *parts))

    def task(self, task_id: str) -> str:
        """Name the hash of a task."""
        return self.task_prefix + task_id

    def index(self, *parts: str) -> str:
        """Name a sorted set that lists things in an order."""
        return self.of("index", *parts)

    @property
    def tracked_prefixes(self) -> tuple[str, ...]:
        """The prefixes whose changes the server is asked to push."""
        return self._cached

    def cacheable(self, key: str) -> bool:
        """Tell whether changes of ``key`` are pushed, so that a copy of it stays true."""
        return key.startswith(self._cached)
