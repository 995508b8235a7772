"""Passwords: what is refused, and that hashing neither blocks nor piles up."""

from __future__ import annotations

import asyncio
import threading

import pytest

from odimra.access import HashingBusy, PasswordRejected
from odimra.access.passwords import WAITING, Passwords, check_rules
from tests.access.conftest import CHEAP


@pytest.mark.parametrize(
    "password",
    ["short12", "x" * 21, "my-Carol-key", "with\nnewline", "with\x7fdelete", "half \ud800 char"],
)
def test_a_password_that_breaks_a_rule_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(PasswordRejected) as caught:
        check_rules(password, "carol", shortest=8, longest=20)
    assert password not in str(caught.value)
    assert password not in repr(caught.value)


@pytest.mark.parametrize("password", ["12345678", "x" * 20, "Grüße, 你好!", " spaces are fine "])
def test_a_password_within_the_rules_is_taken(password: str) -> None:
    check_rules(password, "carol", shortest=8, longest=20)


async def test_a_hash_is_argon2id_and_verifies_only_its_password() -> None:
    passwords = Passwords(CHEAP)
    hashed = await passwords.hash("secret")
    assert hashed.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await passwords.verify(hashed, "secret")
    assert not await passwords.verify(hashed, "Secret")
    assert not await passwords.verify("no hash at all", "secret")
    assert not await passwords.verify(hashed, "half \udfff")
    passwords.close()


async def test_no_account_costs_a_hash_too(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(CHEAP)
    hashed: list[str] = []

    async def hash_and_note(password: str) -> str:
        hashed.append(password)
        return ""

    monkeypatch.setattr(passwords, "hash", hash_and_note)
    assert not await passwords.verify(None, "guess")
    assert hashed == ["guess"]
    passwords.close()


async def test_hashing_runs_beside_the_loop_and_refuses_what_would_pile_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Passwords(CHEAP)
    go = threading.Event()
    threads: set[str] = set()

    class Slow:
        def hash(self, _: bytes) -> str:
            threads.add(threading.current_thread().name)
            go.wait(10)
            return "done"

    monkeypatch.setattr(passwords, "_hasher", Slow())
    most = CHEAP.threads * (WAITING + 1)
    waiting = [asyncio.create_task(passwords.hash("x")) for _ in range(most)]
    await asyncio.sleep(0)  # each has begun; none blocks the loop
    with pytest.raises(HashingBusy):
        await passwords.hash("x")
    # Who stops waiting does not make room: the work is still there.
    waiting[-1].cancel()
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*waiting[:-1]) == ["done"] * (most - 1)
    assert len(threads) <= CHEAP.threads
    assert threading.current_thread().name not in threads
    assert await passwords.hash("x") == "done"
    passwords.close()
