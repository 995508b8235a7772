"""What is wrong with an object that midPoint's clients work with. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from odimra.jobs.bulk.deltas import NUMBERED
from odimra.jobs.bulk.items import name_of

STATUSES = ("enabled", "disabled", "archived")


def issues(content: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what is wrong with a content, each with the path of the item at fault."""
    found: list[dict[str, str]] = []

    def issue(path: str, text: str, severity: str = "error") -> None:
        found.append({"severity": severity, "itemPath": path, "text": text})

    if not name_of(content):
        issue("name", "the object has no name", "warning")
    activation = content.get("activation")
    if activation is None:
        return found
    if not isinstance(activation, Mapping):
        issue("activation", "is no container")
        return found
    status = activation.get("administrativeStatus")
    if status is not None and status not in STATUSES:
        issue("activation/administrativeStatus", f"is none of {', '.join(STATUSES)}")
    moments: dict[str, datetime] = {}
    for name in ("validFrom", "validTo"):
        value = activation.get(name)
        if value is None:
            continue
        try:
            moments[name] = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            issue(f"activation/{name}", "is no time")
    if len(moments) == 2 and _order(moments["validFrom"]) > _order(moments["validTo"]):
        issue("activation/validTo", "is before validFrom")
    return found


def _order(moment: datetime) -> float:
    # As where the status is computed from it, a time without a zone is one of UTC.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def references(content: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the references that an object and its assignments have, with their paths."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for name, value in content.items():
        values = value if isinstance(value, list) else [value]
        for one in values:
            if not isinstance(one, Mapping):
                continue
            if name.endswith("Ref") and "oid" in one:
                found.append((name, one))
            elif name in NUMBERED:
                target = one.get("targetRef")
                if isinstance(target, Mapping) and "oid" in target:
                    found.append((f"{name}/targetRef", target))
    return found
