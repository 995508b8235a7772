"""Items: what goes through a script. An item is an object, by its type and id, or a plain value.

Between two expressions an object is kept by its name only: the next one sees it as it is by then.
One that was deleted is kept with what it was. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from odimra.jobs.bulk.types import ObjectType, of_records
from odimra.tasks.payload import mask

#: How deep the data may be nested that is put out; far more than may come in by a request.
DEEPEST = 200
TOO_DEEP = f"it is nested more than {DEEPEST} levels deep"
#: How deep the JSON may be nested that is written at all.
_DEEPEST_JSON = 254


@dataclass(frozen=True, slots=True)
class Item:
    """An object (``type`` of its records and ``id``), or a ``value`` where ``type`` is empty.

    ``gone`` is the content of an object that is there no more, ``failed`` why something could not
    be done with it.
    """

    type: str = ""
    id: str = ""
    value: Any = field(default=None, repr=False)
    gone: Mapping[str, Any] | None = field(default=None, repr=False)
    failed: str = ""

    def stored(self) -> bytes:
        """Return the item as it is kept between two expressions."""
        # Apart: what a record holds may be nested as deeply as can be written at all.
        kept: dict[str, Any] = (
            {"t": self.type, "i": self.id}
            if self.type
            else {"v": orjson.Fragment(orjson.dumps(self.value))}
        )
        if self.gone is not None:
            kept["g"] = orjson.Fragment(orjson.dumps(self.gone))
        if self.failed:
            kept["f"] = self.failed
        return orjson.dumps(kept)

    @classmethod
    def load(cls, stored: bytes) -> Item:
        """Read what :meth:`stored` returned."""
        kept = orjson.loads(stored)
        return cls(
            kept.get("t", ""), kept.get("i", ""), kept.get("v"), kept.get("g"), kept.get("f", "")
        )

    def failing(self, why: str) -> Item:
        """Return the item with a reason why something has failed; the first one stays."""
        return self if self.failed else replace(self, failed=why)


def named(kind: ObjectType, id: str, content: Mapping[str, Any]) -> str:
    """Return how people are told of an object: ``user:OID(name)``."""
    return f"{kind.element}:{id}({name_of(content) or id})"


def name_of(content: Mapping[str, Any]) -> str:
    """Return the name in an object's content, empty if it has none."""
    for key in ("name", "userName", "Name"):
        found = content.get(key)
        if isinstance(found, Mapping):
            found = found.get("orig")
        if isinstance(found, str) and found:
            return " ".join(found.split())[:200]
    return ""


def object_data(type_: str, id: str, rev: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object as clients see it: plain data with its type, oid and version, if known."""
    kept = {name: one for name, one in content.items() if name not in ("oid", "version")}
    versioned = {"version": rev} if rev else {}
    return {"@type": of_records(type_).name, "oid": id, **versioned, **kept}


def flat(data: Any) -> bytes:
    """Return data as JSON. Raises :class:`TypeError` when it is nested too deeply to be shown."""
    raw = orjson.dumps(data)
    if raw.count(b"[") + raw.count(b"{") > DEEPEST:  # hardly ever
        for _ in range(_DEEPEST_JSON - DEEPEST):
            data = [data]
        orjson.dumps(data)
    return raw


def output(data: Any, failed: str, *, with_result: bool) -> bytes:
    """Return an item of the data output as it is kept: its value, and its result if wanted."""
    try:
        value: orjson.Fragment | None = orjson.Fragment(flat(mask(data)))
    except TypeError:
        value, failed = None, failed or TOO_DEEP
    shown: dict[str, Any] = {"value": value}
    if with_result:
        shown["result"] = {
            "operation": "process",
            "status": "fatal_error" if failed else "success",
            **({"message": failed} if failed else {}),
        }
    return orjson.dumps(shown)
