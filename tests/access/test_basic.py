"""HTTP Basic: believed for a while, until anything about the account changes."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from odimra.access import Access, AuthenticationFailed
from odimra.access import access as module
from odimra.store import Store, StoreUnavailable
from tests.access.conftest import PASSWORD, MakeAccess
from tests.fakes import FakeClock


class Counted:
    """Counts the verifications that reach argon2."""

    def __init__(self, access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        verify = access._passwords.verify

        async def counted(hashed: str | None, password: str) -> bool:
            self.times += 1
            return await verify(hashed, password)

        monkeypatch.setattr(access._passwords, "verify", counted)


@pytest.fixture
def counted(access: Access, monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(access, monkeypatch)


async def test_who_proves_a_password_is_its_account(access: Access) -> None:
    principal = await access.authenticate(None, ("op", PASSWORD))
    assert (principal.account, principal.session_id) == ("op", None)
    for basic in (("op", "wrong"), ("nobody", PASSWORD), ("", ""), ("op", "")):
        with pytest.raises(AuthenticationFailed):
            await access.authenticate(None, basic)
    with pytest.raises(AuthenticationFailed):
        await access.authenticate(None, None)


async def test_requests_at_once_and_in_a_row_hash_once(access: Access, counted: Counted) -> None:
    basic = ("op", PASSWORD)
    await asyncio.gather(*(access.authenticate(None, basic) for _ in range(20)))
    for _ in range(5):
        await access.authenticate(None, basic)
    assert counted.times == 1


async def test_a_proof_is_believed_for_the_configured_time(
    access: Access, counted: Counted, clock: FakeClock
) -> None:
    await access.authenticate(None, ("op", PASSWORD))
    clock.advance(59)
    await access.authenticate(None, ("op", PASSWORD))
    assert counted.times == 1
    clock.advance(1)
    await access.authenticate(None, ("op", PASSWORD))
    assert counted.times == 2


async def test_it_can_be_switched_off(
    make_access: MakeAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = make_access(basic_cache=0)
    await access.accounts.create("op", PASSWORD, "Operator")
    counted = Counted(access, monkeypatch)
    for _ in range(3):
        await access.authenticate(None, ("op", PASSWORD))
    assert counted.times == 3


async def test_any_change_of_the_account_ends_the_belief(access: Access, counted: Counted) -> None:
    basic = ("op", PASSWORD)
    await access.authenticate(None, basic)
    await access.accounts.update("op", role="ReadOnly")
    assert (await access.authenticate(None, basic)).role == "ReadOnly"
    assert counted.times == 2
    await access.accounts.update("op", password="another-1")
    with pytest.raises(AuthenticationFailed):
        await access.authenticate(None, basic)
    await access.authenticate(None, ("op", "another-1"))
    await access.accounts.update("op", enabled=False)
    with pytest.raises(AuthenticationFailed):
        await access.authenticate(None, ("op", "another-1"))


async def test_a_lock_holds_against_what_is_believed(access: Access) -> None:
    await access.authenticate(None, ("op", PASSWORD))
    for n in range(5):
        with pytest.raises(AuthenticationFailed):
            await access.authenticate(None, ("op", f"wrong {n}"))
    with pytest.raises(AuthenticationFailed):
        await access.authenticate(None, ("op", PASSWORD))


async def test_a_password_is_believed_of_its_own_account_only(access: Access) -> None:
    # Joined without care, "op" + "1x" and "op1" + "x" would look the same.
    await access.accounts.create("op1", "secret-op-x", "ReadOnly")
    await access.accounts.update("op", password="1secret-x-1")
    await access.accounts.update("op1", role="Operator")  # of the same version
    await access.authenticate(None, ("op", "1secret-x-1"))
    with pytest.raises(AuthenticationFailed):
        await access.authenticate(None, ("op1", "secret-x-1"))


async def test_what_is_believed_is_bounded(
    access: Access, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BELIEVED", 1)
    for name in ("op", "root", "root", "op"):
        await access.authenticate(None, (name, PASSWORD))
    assert counted.times == 3
    assert len(access._believed) == 1


async def test_nothing_readable_of_a_password_is_kept(access: Access) -> None:
    await access.authenticate(None, ("op", PASSWORD))
    assert PASSWORD not in repr(access._believed)
    assert PASSWORD.encode() not in b"".join(access._believed)


async def test_who_gives_up_waiting_does_not_take_the_others_with_them(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = asyncio.Event()
    verify = access._passwords.verify

    async def slow(hashed: str | None, password: str) -> bool:
        await go.wait()
        return await verify(hashed, password)

    monkeypatch.setattr(access._passwords, "verify", slow)
    first = asyncio.create_task(access.verify("op", PASSWORD))
    second = asyncio.create_task(access.verify("op", PASSWORD))
    while not access._proving:
        await asyncio.sleep(0)
    first.cancel()
    go.set()
    assert (await second).name == "op"
    assert first.cancelled()
    assert not access._proving


async def test_a_store_that_is_away_is_no_wrong_password(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> bool:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(access.accounts, "proved", away)
    with pytest.raises(StoreUnavailable):
        await access.verify("op", PASSWORD)
    assert not access._proving


async def test_who_takes_over_a_name_is_not_proved_by_the_password_of_who_had_it(
    access: Access,
) -> None:
    await access.authenticate(None, ("op", PASSWORD))
    before = await access.accounts.get("op")
    await access.accounts.delete("op")
    made = await access.accounts.create("op", "another-1", "Operator")
    with pytest.raises(AuthenticationFailed):
        await access.authenticate(None, ("op", PASSWORD))
    # Even if their versions were the same.
    assert before is not None
    access._believe(dataclasses.replace(before, version=made.version), PASSWORD)
    with pytest.raises(AuthenticationFailed):
        await access.authenticate(None, ("op", PASSWORD))
    disabled = await access.accounts.update("op", enabled=False)
    access._believe(disabled, "another-1")
    with pytest.raises(AuthenticationFailed):
        await access.authenticate(None, ("op", "another-1"))


async def test_a_name_that_nobody_has_asks_the_store_as_often_as_one_that_somebody_has(
    access: Access, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    call = store._coalescer.call

    def noted(*command: Any) -> Any:
        asked.append(command[0])
        return call(*command)

    monkeypatch.setattr(store._coalescer, "call", noted)
    steps = {}
    for name in ("op", "nobody"):
        for n in range(2):  # what is read once for all is known by the second time
            asked.clear()
            with pytest.raises(AuthenticationFailed):
                await access.verify(name, f"wrong {n}")
        steps[name] = list(asked)
    assert steps["op"] == steps["nobody"] != []
