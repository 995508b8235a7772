"""What scripts of jobs may call: records, within the privileges of whom they run for, and the log.

Writes are staged in the transaction of the caller. Errors reach the script as exceptions that carry
``code``, ``reason``, ``message`` and ``detail``, as CREST has them. Used by job kinds that run
scripts; must never import a face.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from odimra.access import Access, Principal
from odimra.jobs.scripts import ScriptFailed, ScriptRefused
from odimra.records import rights
from odimra.records.errors import (
    BadRecord,
    ReadOnly,
    RecordExists,
    RecordMissing,
    RecordsError,
    RevisionMismatch,
    UnknownType,
)
from odimra.records.filter import BadFilter, compile_filter
from odimra.records.model import Record
from odimra.records.records import Records
from odimra.records.transaction import Transaction
from odimra.scripting import BadScript, HostError, OwnCopy, ScriptError, ScriptPool
from odimra.store import StoreUnavailable

log = logging.getLogger("odimra.scripts")

#: Records that one query of a script returns at most.
MOST_FOUND = 1000
#: What a script's log lines are cut to, in characters.
LONGEST_LINE = 2000
PAGE = 1000

LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}

#: What CREST says of the ways in which a call can fail.
CODES: tuple[tuple[type[Exception], int], ...] = (
    (RecordMissing, 404),
    (UnknownType, 404),
    (RecordExists, 412),
    (RevisionMismatch, 412),
    (ReadOnly, 403),
    (RecordsError, 400),
    (BadFilter, 400),
)

#: Functions that write.
WRITING = frozenset({"openidm.create", "openidm.update", "openidm.patch", "openidm.delete"})


class ScriptHost:
    """Runs scripts for accounts; see :class:`odimra.jobs.scanner.worker.Scripts`."""

    def __init__(
        self, pool: ScriptPool, records: Records, access: Access, *, timeout: float
    ) -> None:
        self._pool = pool
        self._records = records
        self._access = access
        self._timeout = timeout

    async def check(self, source: str, account: str) -> None:
        """Raise :class:`ScriptRefused` unless ``account`` may run ``source``, and it compiles."""
        if rights.READ not in (await self._principal(account)).privileges:
            raise ScriptRefused(f"the account {account} may not read records")
        try:
            await self._pool.check(source)
        except BadScript as error:
            raise ScriptRefused(f"its script does not compile: {error}") from None

    async def run(
        self,
        source: str,
        bindings: Mapping[str, Any],
        change: Transaction,
        account: str,
        full: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the value of the last expression. Raises :class:`ScriptFailed`.

        ``full`` is the record ``objectID`` as CREST shows it, where that is not ``input``.
        """
        try:
            principal = await self._principal(account)
        except ScriptRefused as error:
            raise ScriptFailed(str(error)) from None
        calls = Calls(self._records, change, principal)
        try:
            own = calls.own_copy(bindings.get("objectID"), full or bindings.get("input"))
            return await self._pool.run(
                source, bindings, calls, timeout=self._timeout, owner=account, own=own
            )
        except ScriptError as error:
            raise ScriptFailed(str(error)) from None

    async def _principal(self, account: str) -> Principal:
        principal = await self._access.principal(account)
        if principal is None or principal.password_change_required:
            raise ScriptRefused(f"the account {account} may not run anything (any more)")
        return principal


class Calls:
    """What one run of a script may call."""

    def __init__(self, records: Records, change: Transaction, principal: Principal) -> None:
        self._records = records
        self._change = change
        self._principal = principal
        self._known: Mapping[str, Callable[..., Awaitable[Any]]] = {
            "openidm.read": self._read,
            "openidm.create": self._create,
            "openidm.update": self._update,
            "openidm.patch": self._patch,
            "openidm.delete": self._delete,
            "openidm.query": self._query,
            "log": self._log,
        }

    def own_copy(self, path: Any, full: Any) -> OwnCopy | None:
        """Return the record that a script is about, if it may be patched without asking."""
        if rights.WRITE not in self._principal.privileges or not isinstance(path, str):
            return None
        type_, record_id = _place(path)
        if not isinstance(full, Mapping) or full.get("_id") != record_id:
            return None
        if self._records.source(type_) is not None:
            return None
        return OwnCopy(
            path,
            orjson.dumps(full),
            self._records.options.max_bytes,
            partial(self._change.patched, type_, record_id),
        )

    async def __call__(self, name: str, arguments: Sequence[Any]) -> Any:
        """Answer a call. Raises :class:`~odimra.scripting.HostError`."""
        called = self._known.get(name)
        if called is None:
            raise _error(501, f"{name} is not supported")
        wanted = rights.WRITE if name in WRITING else rights.READ
        if wanted not in self._principal.privileges:
            raise _error(403, f"{self._principal.account} may not use {name}")
        try:
            return await called(*arguments)
        except TypeError:
            # Of these functions only the number of arguments can be wrong: each checks their kinds.
            raise _error(400, f"no such method: {name} with {len(arguments)} arguments") from None
        except StoreUnavailable:
            raise _error(503, "the store is away") from None
        except (RecordsError, BadFilter) as error:
            code = next(code for kind, code in CODES if isinstance(error, kind))
            raise _error(code, str(error)) from None

    async def _read(self, path: Any, params: Any = None, fields: Any = None) -> Any:
        type_, record_id = _place(path)
        try:
            return _shown(await self._change.read(type_, record_id), fields)
        except RecordMissing:
            return None

    async def _create(
        self, container: Any, new_id: Any, content: Any, params: Any = None, fields: Any = None
    ) -> Any:
        record_id = None if new_id is None else _text(new_id, "newResourceId")
        type_ = _text(container, "resourceName").strip("/")
        return _shown(await self._change.create(type_, _content(content), record_id), fields)

    async def _update(
        self, path: Any, rev: Any, content: Any, params: Any = None, fields: Any = None
    ) -> Any:
        type_, record_id = _place(path)
        changed = await self._change.update(type_, record_id, _content(content), _rev(rev))
        return _shown(changed, fields)

    async def _patch(
        self, path: Any, rev: Any, operations: Any, params: Any = None, fields: Any = None
    ) -> Any:
        type_, record_id = _place(path)
        if not isinstance(operations, list):
            raise BadRecord("value", "is no array of patch operations")
        return _shown(await self._change.patch(type_, record_id, operations, _rev(rev)), fields)

    async def _delete(
        self, path: Any, rev: Any = None, params: Any = None, fields: Any = None
    ) -> Any:
        type_, record_id = _place(path)
        return _shown(await self._change.delete(type_, record_id, _rev(rev)), fields)

    async def _query(self, container: Any, params: Any = None, fields: Any = None) -> Any:
        type_ = _text(container, "resourceName").strip("/")
        asked = params.get("_queryFilter") if isinstance(params, dict) else None
        test = compile_filter(_text(asked, "_queryFilter"))
        found: list[Any] = []
        after = ""
        while True:
            page = await self._records.page(type_, after, PAGE)
            for record in page:
                if not test(record.full):
                    continue
                if len(found) == MOST_FOUND:
                    raise BadRecord("_queryFilter", f"selects more than {MOST_FOUND} records")
                found.append(_shown(record, fields))
            if len(page) < PAGE:
                return {"result": found, "resultCount": len(found)}
            after = page[-1].id

    async def _log(self, level: Any, text: Any) -> None:
        if isinstance(text, str):
            log.log(LEVELS.get(level, logging.INFO), "%s", text[:LONGEST_LINE])


def _error(code: int, said: str) -> HostError:
    return HostError(said, {"code": code, "message": said})


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadRecord(name, "is no text, or an empty one")
    return value


def _place(path: Any) -> tuple[str, str]:
    type_, _, record_id = _text(path, "resourceName").strip("/").rpartition("/")
    return type_, record_id


def _rev(value: Any) -> str | None:
    return None if value is None else _text(value, "rev").strip('"')


def _content(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRecord("content", "is no object")
    return {name: inner for name, inner in value.items() if name not in ("_id", "_rev")}


def _shown(record: Record, fields: Any) -> dict[str, Any]:
    full = record.full
    if not isinstance(fields, list) or not fields or "*" in fields:
        return full
    names = {name.strip("/") for name in fields if isinstance(name, str)}
    return {name: value for name, value in full.items() if name in names or name in ("_id", "_rev")}
