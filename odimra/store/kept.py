"""Settings that clients may change: the configuration's values until somebody has changed them.

One document for each set, shared by all processes. A set is a frozen dataclass whose fields are
whole numbers, booleans or None, and whose ``version`` is its ETag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from zlib import crc32

from odimra.store.documents import Document
from odimra.store.errors import DocumentExists, DocumentMissing, VersionMismatch
from odimra.store.news import CHANGED, News

if TYPE_CHECKING:
    from odimra.store.store import Store

#: Versions of what nobody has changed begin here, where those of the store never come.
CONFIGURED = 2**40
#: Writers that may come between a look and a write before the writer gives up.
ATTEMPTS = 10

S = TypeVar("S")
Value = int | bool | None

_WORDS: Mapping[str, Value] = {"": None, "true": True, "false": False}
_TEXTS: Mapping[Value, str] = {value: word for word, value in _WORDS.items()}


def _text(value: Value) -> str:
    # By identity: 1 and 0 are equal to the booleans.
    return _TEXTS[value] if value is None or isinstance(value, bool) else str(value)


def _value(text: str) -> Value:
    return _WORDS[text] if text in _WORDS else int(text)


def _with(settings: S, values: Mapping[str, Value]) -> S:
    changed: Any = replace(cast("Any", settings), **values)
    return cast("S", changed)


class Kept(Generic[S]):
    """One set of settings; ``check`` refuses, by raising, values that contradict each other.

    They are the properties of the one resource of the type ``resource_type``; whoever changes them
    has changed it, and that is told.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        defaults: S,
        check: Callable[[S], None] | None = None,
        *,
        resource_type: str,
    ) -> None:
        self._store = store
        self._key = store.keys.of("setting", name)
        # The configuration may change from one start to the next: with it, the version.
        version = CONFIGURED + crc32(repr(defaults).encode())
        self._defaults = _with(defaults, {"version": version})
        self._names = [one.name for one in fields(cast("Any", defaults)) if one.name != "version"]
        self._check = check
        self._news = News(CHANGED, resource_type)

    async def read(self) -> S:
        """Return the settings in force; kept also when nobody has changed them."""
        return await self._store.cached(self._key, "settings", self._load)

    def peek(self) -> S | None:
        """Return the settings in force if they are in the cache."""
        found: S | None = self._store.peek(self._key, "settings")
        return found

    async def _load(self) -> S:
        reply = await self._store.call("HGETALL", self._key)
        return self._of(Document.from_reply(reply)) if reply else self._defaults

    def _of(self, document: Document) -> S:
        stored = {
            name: _value(document.fields[name]) for name in self._names if name in document.fields
        }
        return _with(self._defaults, {**stored, "version": document.version})

    async def write(
        self, changes: Mapping[str, Value], *, expect: Iterable[int] | None = None
    ) -> S:
        """Change settings by name if the version is one of ``expect``.

        Raises :class:`VersionMismatch`, and what ``check`` raises.
        """
        wanted = None if expect is None else frozenset(expect)
        for _ in range(ATTEMPTS):
            current = await self._load()
            version: int = cast("Any", current).version
            if wanted is not None and version not in wanted:
                raise VersionMismatch(version)
            changed = _with(current, changes)
            if self._check is not None:
                self._check(changed)
            if self._texts(changed) == self._texts(current):
                return current  # also of what nobody has changed: it stays the configuration's
            try:
                return self._of(await self._write(changed))
            except (VersionMismatch, DocumentExists, DocumentMissing):
                continue  # somebody else was faster: what is checked together is written together
        raise VersionMismatch(version)

    def _texts(self, settings: S) -> dict[str, str]:
        return {name: _text(getattr(settings, name)) for name in self._names}

    async def _write(self, settings: S) -> Document:
        version: int = cast("Any", settings).version
        values, documents = self._texts(settings), self._store.documents
        if version >= CONFIGURED:
            return await documents.create(self._key, values, news=self._news)
        return await documents.update(self._key, values, expect={version}, news=self._news)
