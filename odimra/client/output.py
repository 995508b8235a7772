"""What a command shows: a table to a person, a line for each record to a program, or JSON.

Names and messages come from the service: control characters in them are never sent to a terminal.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
STYLES = {
    "Completed": "green",
    "COMPLETED": "green",
    "success": "green",
    "OK": "green",
    "On": "green",
    "Enabled": "green",
    "Running": "cyan",
    "RUNNING": "cyan",
    "ACTIVE": "cyan",
    "in_progress": "cyan",
    "Cancelling": "yellow",
    "Cancelled": "yellow",
    "Suspended": "yellow",
    "Interrupted": "yellow",
    "Warning": "yellow",
    "ABORTED": "yellow",
    "CANCELLED": "yellow",
    "Exception": "red",
    "Critical": "red",
    "ERROR": "red",
    "fatal_error": "red",
}

#: From so many columns on nothing is left out.
WIDE = 160


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and what stands there for a record."""

    heading: str
    value: Callable[[Any], Any]
    right: bool = False
    #: Left out before a person whose terminal is narrower than :data:`WIDE`.
    spare: bool = False


class Output:
    """Where the results of a command go; what is said about them goes to standard error."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._away = ""
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
        self.aside = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    @property
    def for_people(self) -> bool:
        """Whether a person looks at it."""
        return not self.as_json and self.console.is_terminal

    def records(self, columns: Sequence[Column], records: Sequence[Any], empty: str) -> None:
        """Show a list; ``empty`` is what people are told of none."""
        if self.as_json:
            self.json(list(records))
        elif not self.for_people:
            for record in records:
                click.echo("\t".join(plain(column.value(record)) for column in columns))
        elif not records:
            self.aside.print(Text(empty))
        else:
            wide = self.console.width >= WIDE
            self.console.print(table([one for one in columns if wide or not one.spare], records))

    def fields(self, pairs: Iterable[tuple[str, Any]], record: Any) -> None:
        """Show one record by its properties; ``record`` is all of it, for JSON."""
        if self.as_json:
            self.json(record)
            return
        shown = [(name, plain(value)) for name, value in pairs if value not in (None, "")]
        if not self.for_people:
            for name, value in shown:
                click.echo(f"{name}\t{value}")
            return
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold")
        grid.add_column(overflow="fold")
        for name, value in shown:
            grid.add_row(Text(name), styled(value))
        self.console.print(grid)

    def done(self, text: str, record: Any) -> None:
        """Say in a line what was done; ``record`` is what came of it, for JSON."""
        if self.as_json:
            self.json(record)
        else:
            click.echo(plain(text))

    def json(self, value: Any) -> None:
        """Write a value as JSON: laid out for people, a line for programs."""
        indent = 2 if self.console.is_terminal else None
        # Escaped beyond ASCII only for a terminal, which could take an answer for its own orders.
        text = json.dumps(value, indent=indent, ensure_ascii=self.console.is_terminal)
        click.echo(text)

    def line(self, text: str) -> None:
        """Write a line as it is; control characters are for programs only."""
        click.echo(CONTROL.sub(" ", text) if self.console.is_terminal else text)

    def away(self, text: str) -> None:
        """Tell that nobody answers and that it is tried again: once, until :meth:`back`."""
        if text != self._away:
            self._away = text
            self.note(f"{text}; trying again")

    def back(self) -> None:
        """Tell that the service answers again, if it was told that it did not."""
        if self._away:
            self._away = ""
            self.note("the service answers again")

    def note(self, text: str) -> None:
        """Tell something beside the results."""
        click.echo(plain(text), err=True)


def table(columns: Sequence[Column], records: Sequence[Any]) -> Table:
    """Return the table of some records."""
    shown = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for number, column in enumerate(columns):
        shown.add_column(
            column.heading,
            justify="right" if column.right else "left",
            # What somebody copies to the next command is shown whole.
            no_wrap=number == 0,
            overflow="fold",
        )
    for record in records:
        shown.add_row(*(styled(plain(column.value(record))) for column in columns))
    return shown


def styled(text: str) -> Text:
    """Return a word in its colour, anything else as it is."""
    return Text(text, style=STYLES.get(text, ""))


def plain(value: Any) -> str:
    """Return a value as one line of text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            text = ", ".join(plain(one) for one in value)
        case dict():
            text = json.dumps(value)
        case _:
            text = str(value)
    return CONTROL.sub(" ", text)


def when(text: str | None) -> str:
    """Return an instant of Redfish to the second."""
    return re.sub(r"\.\d+(?=Z|[+-])", "", text or "").replace("T", " ")


def last(uri: str) -> str:
    """Return the last segment of a URI: the id of what it names."""
    return uri.rstrip("/").rpartition("/")[2]
