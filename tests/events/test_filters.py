"""Which events a subscription lets through."""

from __future__ import annotations

import pytest

from odimra.events import Filters, Rendered
from odimra.events.filters import wanted

TASK = "/redfish/v1/TaskService/Tasks/task1"


def event(
    message_id: str = "TaskEvent.1.0.TaskStarted",
    severity: str = "OK",
    origin: str = TASK,
    kind: str = "Task",
) -> Rendered:
    return Rendered({"MessageId": message_id, "MessageSeverity": severity}, origin, kind)


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
    ],
)
def test_a_filter_passes(filters: dict[str, object], passes: bool) -> None:
    made = Filters(**filters)  # type: ignore[arg-type]
    assert wanted(made, event()) is passes
    assert Filters.load(made.stored()) == made
