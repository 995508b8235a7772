"""The commands ``odimra user``: the accounts. Documented in docs/cli.md."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from odimra import users
from odimra.cli_common import fail, on_store, quiet, settings_of
from odimra.store.embedded import EmbeddedStoreError

if TYPE_CHECKING:
    from odimra.config import Settings
    from odimra.users import AccountBook, OpenBook

T = TypeVar("T")

PASSWORD_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the standard input."
)


@click.group()
@click.pass_context
def user(context: click.Context) -> None:
    """List and change the accounts, on the machine of the service itself."""
    context.obj = context.obj or users.book_of_the_service


@user.command("list")
@on_store
@click.pass_obj
def user_list(open_book: OpenBook, /, file: str | None, **flags: Any) -> None:
    """List the accounts with their roles."""
    for account in _with_book(settings_of(file, flags), open_book, lambda book: book.list()):
        state = "locked" if account.locked else "enabled" if account.enabled else "disabled"
        click.echo(f"{account.name}\t{account.role}\t{state}")


@user.command("add")
@click.argument("name")
@click.option("--role", default="ReadOnly", show_default=True, help="RoleId of the account.")
@PASSWORD_STDIN
@on_store
@click.pass_obj
def user_add(
    open_book: OpenBook,
    /,
    name: str,
    role: str,
    password_stdin: bool,
    file: str | None,
    **flags: Any,
) -> None:
    """Create the account NAME; asks for the password."""
    settings = settings_of(file, flags)
    password = _password(password_stdin)
    _with_book(settings, open_book, lambda book: book.add(name, password, role))
    click.echo(f"{name} is created with the role {role}")


@user.command("passwd")
@click.argument("name")
@PASSWORD_STDIN
@on_store
@click.pass_obj
def user_passwd(
    open_book: OpenBook, /, name: str, password_stdin: bool, file: str | None, **flags: Any
) -> None:
    """Set another password of the account NAME; asks for it."""
    settings = settings_of(file, flags)
    password = _password(password_stdin)
    _with_book(settings, open_book, lambda book: book.set_password(name, password))
    click.echo(f"{name} has another password")


@user.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@on_store
@click.pass_obj
def user_delete(
    open_book: OpenBook, /, name: str, yes: bool, file: str | None, **flags: Any
) -> None:
    """Remove the account NAME and end its sessions."""
    settings = settings_of(file, flags)
    if not yes:
        click.confirm(f"Remove the account {name}?", abort=True)
    _with_book(settings, open_book, lambda book: book.delete(name))
    click.echo(f"{name} is removed")


def _password(from_stdin: bool) -> str:
    """Return the password. Never a flag: others can read those in the list of processes."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _with_book(
    settings: Settings, open_book: OpenBook, act: Callable[[AccountBook], Awaitable[T]]
) -> T:
    quiet(settings, "user")
    try:
        return asyncio.run(users.with_book(settings, act, open_book))
    except (EmbeddedStoreError, users.AccountRefused) as error:
        fail(str(error))
