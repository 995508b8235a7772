"""The commands that ask a service, each imported when it is used.

``odimra serve`` and the processes that it starts load nothing of them, and ``odimra --help`` only
what is written here.
"""

from __future__ import annotations

import importlib

import click

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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say which commands look like one that is not there."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise _with_similar(self, ctx, args, error) from None


def _with_similar(
    group: click.Group, ctx: click.Context, args: list[str], error: click.UsageError
) -> click.UsageError:
    import difflib

    near = difflib.get_close_matches(args[0], group.list_commands(ctx), 3) if args else []
    if not near or "No such command" not in error.message:
        return error
    return click.UsageError(f"{error.message} Did you mean {' or '.join(near)}?", ctx)
