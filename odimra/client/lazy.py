"""The commands that ask a service, each imported when it is used.

``odimra serve`` and the processes that it starts load nothing of them, and ``odimra --help`` only
what is written here.
"""

from __future__ import annotations

import importlib

import click

CONTEXT = {"help_option_names": ["-h", "--help"]}
#: Name, module below :mod:`.commands` and help of each.
COMMANDS: dict[str, tuple[str, str]] = {
    "login": ("login", "Log in to a service, and keep its address as a profile."),
    "logout": ("login", "End the session, and forget the password."),
    "task": ("task", "List, watch and end tasks."),
    "system": ("system", "List, show and reset the machines."),
    "update": ("update", "Update firmware."),
    "source": ("source", "Add, list and remove BMCs behind the service."),
    "aggregate": ("aggregate", "Make groups of systems, and reset them."),
    "scan": ("scan", "Run scans over records, and look at them."),
    "bulk": ("bulk", "Run bulk scripts, and follow their output."),
    "reprocess": ("reprocess", "Have periods rated again."),
    "job": ("job", "Submit jobs that are made once, and look at them."),
    "events": ("events", "Follow the events."),
    "subscription": ("subscription", "Add, list and remove subscriptions to events."),
}


class ClientGroup(click.Group):
    """A group whose commands are its own and those of the client."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names: those of the service first."""
        return [*super().list_commands(ctx), *COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported if it is one of the client's."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"odimra.client.commands.{COMMANDS[cmd_name][0]}")
        found: click.Command = getattr(module, cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in two lists, without importing those of the client."""
        own = [
            (name, command.get_short_help_str(formatter.width))
            for name, command in sorted(self.commands.items())
            if not command.hidden
        ]
        with formatter.section("Commands that run a service"):
            formatter.write_dl(own)
        with formatter.section("Commands that ask a service, here or elsewhere"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def run() -> None:
    """Run a command of the client, without what only a service needs; it is in ``sys.argv``."""
    ClientGroup("odimra", context_settings=CONTEXT)(prog_name="odimra")
