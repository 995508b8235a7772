"""What is told in OpenAPI of what the page asks for. Called by :mod:`odimra.descriptions`."""

from __future__ import annotations

from odimra.console.figures import MOST_POINTS
from odimra.console.frame import API, ROOT, Console
from odimra.console.table import LARGEST, LONGEST, MAX_ROWS, UNFINISHED
from odimra.describe.common import refused, usual
from odimra.describe.model import Face, Operation, Parameter, Reply, Schema, Served, ref, summary
from odimra.tasks import history, states

BASE = API.strip("/")
TEXT: Schema = {"type": "string", "maxLength": LONGEST}

#: A state, as a pattern.
ONE = "|".join(states.TRANSITIONS)


def _whole(name: str, text: str, least: int, most: int) -> Parameter:
    return Parameter(name, text, {"type": "integer", "minimum": least, "maximum": most})


ROWS = (
    _whole("skip", "The place in the order from which on is looked.", 0, LARGEST),
    _whole("top", "Rows of one answer.", 1, MAX_ROWS),
    Parameter("order", "Which come first.", {"enum": ["newest", "oldest"]}),
    Parameter("owner", "Tasks of this account.", TEXT),
    Parameter("kind", "Tasks of this kind.", TEXT),
    Parameter(
        "state",
        "States with commas, or `unfinished`.",
        {"type": "string", "pattern": f"^({UNFINISHED}|({ONE})(,({ONE}))*)?$"},
    ),
    Parameter("text", "A part of the name or the id.", TEXT),
    Parameter("parent", "Sub-tasks of this task.", TEXT),
)
HISTORY = (
    _whole("minutes", "How far back.", 1, history.LONGEST),
    _whole("step", f"Minutes of one span; there are {MOST_POINTS} spans at most.", 1, 60),
)
OPERATIONS = (
    Operation("GET", "tasks", {200: Reply("Rows.", ref("Rows"))}, ROWS, errors=(400, 404)),
    Operation("GET", "tasks/{task}", {200: Reply("The row.", ref("Row"))}),
    Operation("GET", "history", {200: Reply("Numbers.", ref("History"))}, HISTORY, errors=(400,)),
    Operation("GET", "deliveries", {200: Reply("Deliveries.", ref("Deliveries"))}),
)


def face(console: Console) -> Face:
    """Return what is told of the data behind the page; the page is for people."""
    handlers = {
        "tasks": console.rows,
        "tasks/*": console.row,
        "history": console.history,
        "deliveries": console.deliveries,
    }
    return Face(
        name="console",
        text="What the console asks for that no other API has.",
        root=f"/{BASE}",
        schemas=("console",),
        operations=OPERATIONS,
        served=[Served("GET", path, summary(one), "Login") for path, one in handlers.items()],
        common=usual,
        refusal=lambda status, operation: refused(status, ref("Error")),
        # The page and its files.
        mounts=(ROOT, f"{ROOT}/{{name}}"),
    )
