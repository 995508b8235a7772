"""How a watched task is shown: bars to a person, a line for each change to a program, or JSON."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from odimra.client.following import Json, Seen
from odimra.client.output import Output, plain, styled
from odimra.client.tasks import FINAL, name_of, reason

#: Of the lines of a terminal these are for what stands around the sub-tasks.
OTHER_LINES = 5
FEWEST_LINES = 5
BAR_WIDTH = 28
#: What is looked at first: what is at work, then what has failed, then what waits.
ORDER = {"Running": 0, "Cancelling": 0, "Starting": 0, "Stopping": 0, "Exception": 1}
SHOWN_OF_TASK = ("TaskState", "TaskStatus", "PercentComplete")


def board(output: Output) -> Lines | Bars:
    """Return the board for who looks."""
    return Bars(output) if output.for_people else Lines(output)


def changed(task: Json) -> tuple[Any, ...]:
    """Return what makes a task worth another line."""
    return tuple(task.get(name) for name in SHOWN_OF_TASK)


class Lines:
    """A line, or a JSON object, for each change of a task or sub-task."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._told: dict[str, tuple[Any, ...]] = {}

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, seen: Seen) -> None:
        """Tell of what has changed: sub-tasks first, so that the end comes last."""
        for task in (*seen.sub_tasks, seen.task):
            name = name_of(task)
            if self._told.get(name) == changed(task):
                continue
            self._told[name] = changed(task)
            if self._output.as_json:
                shown = {key: task[key] for key in ("Name", *SHOWN_OF_TASK) if key in task}
                self._output.json({"Id": name, **shown})
            else:
                cells = (name, task["TaskState"], task.get("PercentComplete"), task.get("Name"))
                self._output.line("\t".join(plain(cell) for cell in cells))

    def away(self, text: str) -> None:
        """Say that nobody answers."""
        self._output.away(text)

    def back(self) -> None:
        """Say that the service answers again."""
        self._output.back()


class Bars:
    """A bar for the task and one for each sub-task, as many as the terminal has lines for."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._note = ""
        self._seen: list[Seen] = []
        self._spinner = Spinner("dots")
        self._live = Live(
            console=output.console, get_renderable=self._picture, refresh_per_second=8
        )

    def __enter__(self) -> Bars:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, seen: Seen) -> None:
        """Show a task, in place of how it was."""
        name = name_of(seen.task)
        others = [one for one in self._seen if name_of(one.task) != name]
        self._seen = (
            [*others, seen]
            if len(others) == len(self._seen)
            else [seen if name_of(one.task) == name else one for one in self._seen]
        )

    def away(self, text: str) -> None:
        """Say below the bars that nobody answers."""
        self._note = plain(f"{text}; trying again")

    def back(self) -> None:
        """Say so no more."""
        self._note = ""

    def _picture(self) -> RenderableType:
        height = max(FEWEST_LINES, self._output.console.size.height - OTHER_LINES)
        parts: list[RenderableType] = []
        for seen in self._seen:
            parts.append(self._of(seen, max(1, height // max(1, len(self._seen)))))
        if self._note:
            parts.append(Text(self._note, style="yellow"))
        return Group(*parts)

    def _of(self, seen: Seen, lines: int) -> RenderableType:
        grid = Table.grid(padding=(0, 2), expand=False)
        grid.add_column(overflow="ellipsis", no_wrap=True, max_width=44)
        grid.add_column(width=BAR_WIDTH)
        grid.add_column(justify="right", width=5)
        grid.add_column(overflow="ellipsis", no_wrap=True)
        self._row(grid, seen.task, bold=True)
        ordered = sorted(seen.sub_tasks, key=lambda task: ORDER.get(task["TaskState"], 2))
        kept = {name_of(task) for task in ordered[:lines]}
        for task in seen.sub_tasks:
            if name_of(task) in kept:
                self._row(grid, task)
        if len(seen.sub_tasks) <= lines:
            return grid
        rest = Counter(str(task["TaskState"]) for task in seen.sub_tasks)
        summary = ", ".join(f"{count} {state}" for state, count in sorted(rest.items()))
        return Group(grid, Text(f"  of {len(seen.sub_tasks)}: {summary}", style="dim"))

    def _row(self, grid: Table, task: Json, bold: bool = False) -> None:
        state = str(task["TaskState"])
        percent = int(task.get("PercentComplete") or 0)
        style = {"Exception": "red", "Cancelled": "yellow"}.get(state, "cyan")
        name = Text(("" if bold else "  ") + plain(task.get("Name")), style="bold" if bold else "")
        said = styled(state)
        if state in FINAL and not bold and (why := reason(task)):
            said = Text.assemble(said, f" {plain(why)}")
        bar = ProgressBar(
            total=100,
            completed=percent,
            width=BAR_WIDTH,
            complete_style=style,
            finished_style="green",
        )
        grid.add_row(name, bar, f"{percent} %", said)
