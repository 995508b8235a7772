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
        kept: dict[str, Any] = {"t": self.type, "i": self.id} if self.type else {"v": self.value}
        if self.gone is not None:
            kept["g"] = self.gone
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


def output(data: Any, failed: str, *, with_result: bool) -> bytes:
    """Return an item of the data output as it is kept: its value, and its result if wanted."""
    shown: dict[str, Any] = {"value": mask(data)}
    if with_result:
        shown["result"] = {
            "operation": "process",
            "status": "fatal_error" if failed else "success",
            **({"message": failed} if failed else {}),
        }
    return orjson.dumps(shown)
