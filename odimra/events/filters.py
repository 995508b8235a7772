"""Which events a subscription lets through (EventDestination v1_16_0)."""

from __future__ import annotations

from odimra.events.model import Filters, Rendered, key_of

#: Filters that let everything through.
NONE = Filters()


def concerns(event: Rendered, account: str, sees_all: bool) -> bool:
    """Tell whether an event may be told to ``account``: what is somebody's own is not for others.

    The rule of reading a task: one's own, or all with ConfigureUsers (``sees_all``).
    """
    return sees_all or event.owner in ("", account)


def wanted(filters: Filters, event: Rendered) -> bool:
    """Tell whether an event passes.

    RegistryPrefixes and MessageIds are a union, less what the Exclude pair names; the others each
    narrow it further.
    """
    if filters == NONE:
        return True
    key, prefix = event.key, event.prefix
    includes = filters.registry_prefixes or filters.message_ids
    if includes and not (prefix in filters.registry_prefixes or _named(key, filters.message_ids)):
        return False
    if prefix in filters.exclude_registry_prefixes or _named(key, filters.exclude_message_ids):
        return False
    if filters.severities and _severity(event) not in filters.severities:
        return False
    # Deprecated; "Other" stands for a subscription that goes by registries and resources instead.
    types = filters.event_types
    if types and "Other" not in types and event.record.get("EventType") not in types:
        return False
    if filters.resource_types and event.resource_type not in filters.resource_types:
        return False
    return not filters.origin_resources or any(
        event.origin == uri
        or (filters.subordinate_resources and event.origin.startswith(f"{uri.rstrip('/')}/"))
        for uri in filters.origin_resources
    )


def _severity(event: Rendered) -> object:
    """Return the severity of an event; a test event may have but the deprecated one, or none."""
    return event.record.get("MessageSeverity", event.record.get("Severity"))


def _named(key: str, message_ids: tuple[str, ...]) -> bool:
    return any(key_of(one) == key for one in message_ids)
