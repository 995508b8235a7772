"""What follows from the rest of an object's content: its effective status and its memberships.

Used by :mod:`.actions`; pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

ENABLED, DISABLED = "enabled", "disabled"
#: Statuses that hold whatever the time is.
_FINAL = (DISABLED, "archived")


def with_computed(content: dict[str, Any], now: int) -> dict[str, Any]:
    """Return a content with the effective status and the memberships that it comes to.

    ``activation/effectiveStatus`` follows from administrativeStatus, validFrom and validTo at
    ``now`` (ms since the epoch), ``roleMembershipRef`` from the assignments. Without activation or
    assignments there is nothing to follow from them.
    """
    changed = content
    activation = content.get("activation")
    if isinstance(activation, Mapping):
        status = _effective(activation, now)
        if activation.get("effectiveStatus") != status:
            changed = {**changed, "activation": {**activation, "effectiveStatus": status}}
    if "assignment" in content or "roleMembershipRef" in content:
        memberships = _memberships(content.get("assignment"))
        if memberships != content.get("roleMembershipRef"):
            changed = {**changed, "roleMembershipRef": memberships}
            if not memberships:
                del changed["roleMembershipRef"]
    return changed


def _effective(activation: Mapping[str, Any], now: int) -> str:
    administrative = activation.get("administrativeStatus")
    if isinstance(administrative, str) and administrative in _FINAL:
        return administrative
    begin, end = (_instant(activation.get(name)) for name in ("validFrom", "validTo"))
    if administrative != ENABLED and ((begin and now < begin) or (end and now >= end)):
        return DISABLED
    return ENABLED


def _instant(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


def _memberships(assignments: Any) -> list[dict[str, Any]]:
    values = assignments if isinstance(assignments, list) else [assignments]
    found: list[dict[str, Any]] = []
    for one in values:
        reference = one.get("targetRef") if isinstance(one, Mapping) else None
        if isinstance(reference, Mapping) and "oid" in reference:
            kept = {key: reference[key] for key in ("oid", "type", "relation") if key in reference}
            if kept not in found:
                found.append(kept)
    return found
