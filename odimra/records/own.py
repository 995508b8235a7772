"""Patches of the record that a script is about, done where the script runs.

They are most of what scripts do, and a question to the worker for each would cost more than the
script itself. The worker is told at the end what was done; it is the worker that decides whether
that is written. Pure: used by the process that runs scripts.
"""

from __future__ import annotations

from typing import Any

import orjson

from odimra.records.errors import BadPatch
from odimra.records.patch import apply, parse_patch

PATCH = "openidm.patch"
#: Operations of one script, at most.
MOST = 1000


class OwnRecord:
    """A record of which a script may change the copy that it was given.

    ``full`` is the record with its id and revision, ``limit`` the longest that it may be, in bytes.
    """

    def __init__(self, path: str, full: bytes, limit: int) -> None:
        self._path = path
        self._full = full
        self._limit = limit
        self._content: dict[str, Any] = {}
        self._head: dict[str, Any] = {}
        self._steps = 0
        self.operations: list[Any] = []

    @property
    def changed(self) -> bool:
        """Whether there is something to tell.

        A patch that has changed nothing counts: somebody else may change the record before it is
        written, and then it does.
        """
        return bool(self.operations)

    def told(self) -> tuple[bytes, bytes, bytes]:
        """Return the operations that were done, what they came to, and in how many steps."""
        return orjson.dumps(self.operations), orjson.dumps(self._content), b"%d" % self._steps

    def call(self, name: str, arguments: str) -> str | None:
        """Return the answer to a call, None if it is not for here."""
        if name != PATCH:
            return None
        try:
            given = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            return None  # half a character, or nested too deep
        if len(given) != 3 or given[1] is not None or not isinstance(given[0], str):
            return None
        if given[0].strip("/") != self._path:
            return None
        if not self._head:
            self._content = orjson.loads(self._full)
            self._head = {name: self._content.pop(name) for name in ("_id", "_rev")}
        try:
            operations = parse_patch(given[2])
            content = apply(self._content, operations)
        except BadPatch as error:
            return orjson.dumps(
                {"error": {"code": 400, "message": str(error)}, "message": str(error)}
            ).decode()
        doc = orjson.dumps(content)
        if len(doc) > self._limit or len(self.operations) + len(given[2]) > MOST:
            return None  # to be refused by who knows how
        self.operations += given[2]
        if content != self._content:
            self._steps += 1
        self._content = content
        rev = f"{self._head['_rev']}.{self._steps}" if self._steps else self._head["_rev"]
        shown = {"_id": self._head["_id"], "_rev": rev, **content}
        return orjson.dumps({"value": shown}).decode()
