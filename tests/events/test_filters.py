"""Which events a subscription lets through."""

from __future__ import annotations

import pytest

from odimra.events import Filters, Rendered
from odimra.events.filters import concerns, wanted

TASK = "/redfish/v1/TaskService/Tasks/task1"


def event(
    message_id: str = "TaskEvent.1.0.TaskStarted",
    severity: str = "OK",
    origin: str = TASK,
    kind: str = "Task",
) -> Rendered:
    record = {"MessageId": message_id, "MessageSeverity": severity, "EventType": "StatusChange"}
    return Rendered(record, origin, kind)


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({}, True),
        ({"registry_prefixes": ("TaskEvent",)}, True),
        ({"registry_prefixes": ("ResourceEvent",)}, False),
        # The version in a MessageId is ignored.
        ({"message_ids": ("TaskEvent.TaskStarted",)}, True),
        ({"message_ids": ("TaskEvent.1.9.TaskStarted",)}, True),
        ({"message_ids": ("TaskEvent.TaskPaused",)}, False),
        # A union, less what is excluded.
        ({"registry_prefixes": ("Base",), "message_ids": ("TaskEvent.TaskStarted",)}, True),
        ({"registry_prefixes": ("TaskEvent",), "message_ids": ("Base.Success",)}, True),
        ({"exclude_registry_prefixes": ("TaskEvent",)}, False),
        (
            {
                "registry_prefixes": ("TaskEvent",),
                "exclude_message_ids": ("TaskEvent.1.0.TaskStarted",),
            },
            False,
        ),
        ({"exclude_message_ids": ("TaskEvent.TaskPaused",)}, True),
        ({"severities": ("Warning", "Critical")}, False),
        ({"severities": ("OK",)}, True),
        ({"resource_types": ("Task",)}, True),
        ({"resource_types": ("EventDestination",)}, False),
        ({"origin_resources": (TASK,)}, True),
        ({"origin_resources": ("/redfish/v1/TaskService/Tasks",)}, False),
        (
            {
                "origin_resources": ("/redfish/v1/TaskService/Tasks/",),
                "subordinate_resources": True,
            },
            True,
        ),
        # Subordinate is what is below, not what begins alike.
        ({"origin_resources": (TASK[:-1],), "subordinate_resources": True}, False),
        ({"registry_prefixes": ("TaskEvent",), "severities": ("Critical",)}, False),
        # Deprecated, and yet heeded; "Other" is what a subscription has that names none.
        ({"event_types": ("StatusChange",)}, True),
        ({"event_types": ("Alert", "StatusChange")}, True),
        ({"event_types": ("Alert",)}, False),
        ({"event_types": ("Other",)}, True),
        ({"event_types": ("Alert", "Other")}, True),
        ({"event_types": ("StatusChange",), "severities": ("Critical",)}, False),
        ({"event_types": ("Other",), "exclude_registry_prefixes": ("TaskEvent",)}, False),
    ],
)
def test_a_filter_passes(filters: dict[str, object], passes: bool) -> None:
    made = Filters(**filters)  # type: ignore[arg-type]
    assert wanted(made, event()) is passes
    assert Filters.load(made.stored()) == made


@pytest.mark.parametrize(
    ("record", "passes"),
    [
        ({"MessageSeverity": "OK"}, True),
        ({"Severity": "OK"}, True),
        # The newer one counts.
        ({"MessageSeverity": "OK", "Severity": "Critical"}, True),
        ({"MessageSeverity": "Critical", "Severity": "OK"}, False),
        ({}, False),
    ],
)
def test_the_severity_of_a_test_event_is_what_it_says(record: dict[str, str], passes: bool) -> None:
    given = Rendered({"MessageId": "A.1.0.B", **record}, "", "")
    assert wanted(Filters(severities=("OK",)), given) is passes


@pytest.mark.parametrize(
    ("owner", "account", "sees_all", "may"),
    [
        ("ann", "ann", False, True),
        ("ann", "bob", False, False),
        ("ann", "bob", True, True),
        ("", "bob", False, True),
    ],
)
def test_what_is_somebody_s_own_is_not_for_others(
    owner: str, account: str, sees_all: bool, may: bool
) -> None:
    told = Rendered({"MessageId": "A.1.0.B"}, "", "", owner)
    assert concerns(told, account, sees_all) is may
