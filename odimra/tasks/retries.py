"""Requests that may come again, and begin nothing twice (IETF draft, Idempotency-Key header).

A face says what a request is known by (:data:`ASKED`); the step that begins something for it notes
that in the same step, and finds it when the request comes again. The answer is kept beside it.
"""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, field
from typing import Any

from odimra.store import Script, Store
from odimra.store.scripts import text

#: What a step that begins something has in it, to know requests that come again.
ASKED_STEP = text("odimra.tasks", "lua/asked.lua")
#: An answer is never there alone: without what was begun the key is free.
_KEEP = Script("""
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSETNX', KEYS[1], 'answer', ARGV[1]) end
""")


class RetryKeyTaken(Exception):
    """The key was used for another request."""


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """For how long a key is known, in seconds; how many are; the longest answer, in bytes."""

    seconds: int = 86_400
    most_keys: int = 100_000
    longest_answer: int = 64 * 1024


@dataclass(slots=True)
class Retry:
    """A request that may come again: digests of who asks by which key, and for what."""

    key: str
    content: str
    options: RetryOptions
    #: Whether something was begun for it, now or when it came before.
    began: bool = False
    #: Whether that was before.
    replayed: bool = False
    _taken: bool = field(default=False, repr=False)

    def take(self) -> bool:
        """Say once that the key is free for what is about to begin: a request begins one thing."""
        taken, self._taken = self._taken, True
        return not taken


#: The request that is being answered, if it has a key.
ASKED: contextvars.ContextVar[Retry | None] = contextvars.ContextVar("asked", default=None)


def asked(root: str) -> tuple[Retry, list[Any]] | None:
    """Return the request that begins something, and what ``asked.lua`` has to know of it."""
    retry = ASKED.get()
    if retry is None or not retry.take():
        return None
    options = retry.options
    return retry, [root, retry.key, retry.content, options.seconds, options.most_keys]


def heed(retry: Retry, outcome: str) -> None:
    """Note what a step has said of a request. Raises :class:`RetryKeyTaken`."""
    if outcome == "taken":
        raise RetryKeyTaken("Idempotency-Key: was used for another request.")
    retry.began = True
    retry.replayed = outcome == "repeated"


class Answers:
    """What was answered to requests that may come again, while their keys are known."""

    def __init__(self, store: Store, options: RetryOptions) -> None:
        self._store = store
        self.options = options

    def _key(self, retry: Retry) -> str:
        return self._store.keys.of("asked", retry.key)

    async def find(self, retry: Retry) -> bytes | None:
        """Return what was answered; None if nothing was, or is not known any more.

        Raises :class:`RetryKeyTaken`.
        """
        content, answer = await self._store.call("HMGET", self._key(retry), "content", "answer")
        if content is not None and content.decode() != retry.content:
            heed(retry, "taken")
        found: bytes | None = answer
        return found

    async def keep(self, retry: Retry, answer: bytes) -> None:
        """Keep an answer, unless it is too long or there is one."""
        if len(answer) > self.options.longest_answer:
            return
        await self._store.script(_KEEP, keys=[self._key(retry)], args=[answer])
