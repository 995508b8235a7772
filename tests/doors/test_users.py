"""``odimra user``: what it asks, hands over and prints (the rules are access's)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from odimra.cli import main
from odimra.config import Settings
from odimra.store import Store, StoreOptions
from odimra.users import AccountLine, AccountRefused


class SetBook:
    """Accounts as a sorted set of a real store: enough to see what arrives there."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self) -> list[AccountLine]:
        found = await self._store.call("HGETALL", "book")
        return [
            AccountLine(name.decode(), value.decode().split()[0], True, False)
            for name, value in found.items()
        ]

    async def add(self, name: str, password: str, role: str) -> None:
        if not await self._store.call("HSETNX", "book", name, f"{role} {password}"):
            raise AccountRefused(f"there is an account {name} already")

    async def set_password(self, name: str, password: str) -> None:
        await self._store.call("HSET", "book", name, f"changed {password}")

    async def delete(self, name: str) -> None:
        if not await self._store.call("HDEL", "book", name):
            raise AccountRefused(f"there is no account {name}")


@asynccontextmanager
async def open_book(settings: Settings, url: str) -> AsyncIterator[SetBook]:
    store = await Store.open(StoreOptions(url, cache_entries=0))
    try:
        yield SetBook(store)
    finally:
        await store.close()


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def run(*words: str, stdin: str = "") -> Result:
        done = CliRunner().invoke(main, ["user", *words], input=stdin, obj=open_book)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def test_accounts_are_made_listed_and_removed_without_a_service(user):
    assert user("list").output == ""
    added = user("add", "ann", "--role", "Operator", stdin="sesame-1\nsesame-1\n")
    assert added.exit_code == 0, added.output
    assert "sesame" not in added.output
    assert user("list").output == "ann\tOperator\tenabled\n"
    assert user("delete", "ann", stdin="n\n").exit_code == 1
    assert user("delete", "ann", "--yes").output == "ann is removed\n"
    assert user("list").output == ""


def test_the_password_comes_from_the_terminal_or_the_standard_input(user):
    wrong = user("add", "bob", stdin="sesame-1\nother\nsesame-1\nsesame-1\n")
    assert "do not match" in wrong.output
    assert user("passwd", "bob", "--password-stdin", stdin="sesame-2\n").exit_code == 0
    assert user("list").output == "bob\tchanged\tenabled\n"


def test_what_is_refused_is_one_line(user):
    assert user("delete", "nobody", "--yes").output == "odimra: there is no account nobody\n"
    assert user("delete", "nobody", "--yes").exit_code == 1


def test_a_store_that_does_not_answer_is_one_line(user):
    done = user("list", "--store", "redis://127.0.0.1:1")
    assert done.exit_code == 1
    assert done.output.startswith("odimra: the store does not answer")
