"""``$filter`` of the server-sent events: which events an expression lets through."""

from __future__ import annotations

import pytest

from odimra.events import Rendered
from odimra.redfish.event_filter import UnknownProperty, compile_event_filter
from odimra.redfish.filter import DEEPEST, BadFilter

TASK = "/redfish/v1/TaskService/Tasks/7"
EVENT = Rendered(
    {"MessageId": "TaskEvent.1.0.TaskStarted", "EventType": "StatusChange"},
    f"{TASK}/SubTasks/8",
    "Task",
)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("EventFormatType eq 'Event'", True),
        ("EventFormatType eq 'MetricReport'", False),
        ("EventType eq 'StatusChange'", True),
        ("EventType eq 'Alert'", False),
        ("RegistryPrefix eq 'TaskEvent'", True),
        ("RegistryPrefix eq 'Base'", False),
        ("RegistryPrefix ne 'Base'", True),
        ("ResourceType eq 'Task'", True),
        ("ResourceType eq 'Chassis'", False),
        # The version is not a part of it.
        ("MessageId eq 'TaskEvent.1.0.TaskStarted'", True),
        ("MessageId eq 'TaskEvent.2.9.TaskStarted'", True),
        ("MessageId eq 'TaskEvent.TaskStarted'", True),
        ("'TaskEvent.TaskStarted' eq MessageId", True),
        ("MessageId ne 'TaskEvent.2.9.TaskStarted'", False),
        ("MessageId eq 'TaskEvent.1.0.TaskPaused'", False),
        ("MessageId eq 'Base.1.0.TaskStarted'", False),
        ("MessageId eq 5", False),
        ("MessageId", False),  # an expression, but no condition
        # An origin is that alone unless said otherwise, in the same conjunction.
        (f"OriginResource eq '{TASK}/SubTasks/8'", True),
        (f"OriginResource eq '{TASK}/SubTasks/8/'", True),
        (f"'{TASK}/SubTasks/8' eq OriginResource", True),
        (f"OriginResource eq '{TASK}'", False),
        (f"OriginResource ne '{TASK}'", True),
        (f"OriginResource eq '{TASK}' and SubordinateResources eq true", True),
        (f"OriginResource eq '{TASK}' and SubordinateResources ne false", True),
        (f"true eq SubordinateResources and OriginResource eq '{TASK}/'", True),
        (f"OriginResource ne '{TASK}' and SubordinateResources eq true", False),
        (f"OriginResource eq '{TASK}' and SubordinateResources eq false", False),
        (f"(OriginResource eq '{TASK}') and (SubordinateResources eq true)", True),
        ((f"(OriginResource eq '/x' or OriginResource eq '{TASK}') and "
         "SubordinateResources eq true"), True),
        ("OriginResource eq '/redfish/v1/TaskService/Tas' and SubordinateResources eq true", False),
        (f"(OriginResource eq '/x' and SubordinateResources eq true) or OriginResource eq '{TASK}'",
         False),
        (f"not (OriginResource eq '{TASK}' and SubordinateResources eq true)", False),
        (f"OriginResource eq '{TASK}' and SubordinateResources eq true and ResourceType eq 'Task'",
         True),
        ("OriginResource eq null", False),
        ("SubordinateResources eq true", True),
        ("SubordinateResources eq true and SubordinateResources eq true", True),
        # The rest of the language.
        ("RegistryPrefix eq 'Base' or RegistryPrefix eq 'TaskEvent'", True),
        ("not RegistryPrefix eq 'Base'", False),  # "not" binds more than "eq"
        ("not (RegistryPrefix eq 'Base')", True),
        ("RegistryPrefix eq 'TaskEvent' and ResourceType eq 'Chassis'", False),
    ],
)  # fmt: skip
def test_a_filter_passes(text: str, passes: bool) -> None:
    assert compile_event_filter(text)(EVENT) is passes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MessageId eq",
        "MessageId eq TaskStarted",
        "eq 'x'",
        "MessageId eq 'x' and",
        "Message eq 'x'",
        "MetricReportDefinition eq '/x'",
        "Context/Inner eq 'x'",
        "SubordinateResources eq 'yes'",
        "SubordinateResources gt true",
        "SubordinateResources eq SubordinateResources",
        "SubordinateResources eq true or MessageId eq 'x'",
        "not (SubordinateResources eq true)",
        "(SubordinateResources eq true) eq true",
        "SubordinateResources eq true and SubordinateResources eq false",
        "(" * (DEEPEST + 1) + "not " * (DEEPEST + 1) + "true" + ")" * (DEEPEST + 1),
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(BadFilter):
        compile_event_filter(text)


def test_an_unknown_property_is_named() -> None:
    with pytest.raises(UnknownProperty, match="Severity"):
        compile_event_filter("RegistryPrefix eq 'x' and (Severity eq 'OK')")
