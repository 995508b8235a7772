"""Accounts: each change is one step that keeps every rule, whoever else writes."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from odimra.access import (
    Access,
    AccountExists,
    AccountLimitReached,
    AccountMissing,
    AuthenticationFailed,
    LastAdministrator,
    PasswordRejected,
    RoleInUse,
    RoleMissing,
    RolePredefined,
)
from odimra.account_book import AccountRefused, Book
from odimra.store import Store, VersionMismatch
from tests.access.conftest import PASSWORD, MakeAccess
from tests.fakes import FakeClock


async def test_an_account_is_created_read_changed_and_deleted(access: Access) -> None:
    made = await access.accounts.create("carol", "secret-123", "ReadOnly", change_required=True)
    assert (made.name, made.role, made.enabled, made.version) == ("carol", "ReadOnly", True, 1)
    assert made.password_change_required
    assert made.uri == "/redfish/v1/AccountService/Accounts/carol"
    assert await access.accounts.names(0, 99) == ["carol", "op", "root"]
    changed = await access.accounts.update("carol", role="Operator", enabled=False)
    assert (changed.role, changed.enabled, changed.version) == ("Operator", False, 2)
    assert await access.accounts.get("carol") == changed
    await access.accounts.delete("carol")
    assert await access.accounts.get("carol") is None
    assert await access.accounts.count() == 2


async def test_no_hash_shows_in_a_repr(access: Access) -> None:
    account = await access.accounts.get("root")
    assert account is not None
    assert account.hash not in repr(account)
    session, token = await access.login("root", PASSWORD)
    assert token not in repr(session)
    assert session.digest not in repr(session)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-a", "ä", "x" * 65, "a:b", "a\n"])
async def test_a_name_that_does_not_fit_into_a_uri_is_refused(access: Access, name: str) -> None:
    with pytest.raises(ValueError, match="letters"):
        await access.accounts.create(name, "secret-123", "ReadOnly")
    assert await access.accounts.get(name) is None
    with pytest.raises(AccountMissing):
        await access.accounts.delete(name)
    with pytest.raises(AccountMissing):
        await access.accounts.update(name, enabled=False)


async def test_one_of_several_creators_of_one_name_wins(access: Access) -> None:
    outcomes = await asyncio.gather(
        *(access.accounts.create("carol", f"secret-{n:03}", "ReadOnly") for n in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, AccountExists) for one in outcomes) == 3
    assert await access.accounts.count() == 3


async def test_creators_at_once_do_not_pass_the_limit(make_access: MakeAccess) -> None:
    access = make_access(max_accounts=3)
    outcomes = await asyncio.gather(
        *(access.accounts.create(f"u{n}", "secret-123", "ReadOnly") for n in range(6)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, AccountLimitReached) for one in outcomes) == 3
    assert await access.accounts.count() == 3


async def test_one_of_four_writers_of_one_version_wins(access: Access) -> None:
    outcomes = await asyncio.gather(
        *(access.accounts.update("op", role=role, expect={1}) for role in ["ReadOnly"] * 4),
        return_exceptions=True,
    )
    assert sum(isinstance(one, VersionMismatch) for one in outcomes) == 3
    account = await access.accounts.get("op")
    assert account is not None
    assert (account.role, account.version) == ("ReadOnly", 2)


async def test_a_version_never_issued_changes_nothing(access: Access) -> None:
    for expect in ({7}, set()):
        with pytest.raises(VersionMismatch):
            await access.accounts.update("op", password="another-1", expect=expect)
        with pytest.raises(VersionMismatch):
            await access.accounts.delete("op", expect=expect)
    assert (await access.verify("op", PASSWORD)).version == 1
    await access.accounts.delete("op", expect={1})


async def test_a_role_that_is_not_there_is_refused(access: Access) -> None:
    with pytest.raises(RoleMissing):
        await access.accounts.create("carol", "secret-123", "Wizard")
    with pytest.raises(RoleMissing):
        await access.accounts.update("op", role="Wizard")
    assert await access.accounts.get("carol") is None


async def test_a_rejected_password_changes_nothing(access: Access) -> None:
    with pytest.raises(PasswordRejected):
        await access.accounts.update("op", password="op-is-me", role="ReadOnly")
    account = await access.accounts.get("op")
    assert account is not None
    assert (account.role, account.version) == ("Operator", 1)


# The last administrator


@pytest.mark.parametrize("change", [{"enabled": False}, {"role": "Operator"}])
async def test_the_last_enabled_administrator_stays_one(
    access: Access, change: dict[str, object]
) -> None:
    await access.accounts.create("spare", "secret-123", "Administrator", enabled=False)
    with pytest.raises(LastAdministrator):
        await access.accounts.update("root", **change)  # type: ignore[arg-type]
    with pytest.raises(LastAdministrator):
        await access.accounts.delete("root")
    await access.accounts.update("spare", enabled=True)
    await access.accounts.update("root", **change)  # type: ignore[arg-type]
    with pytest.raises(LastAdministrator):
        await access.accounts.delete("spare")


async def test_administrators_who_remove_each_other_at_once_leave_one(access: Access) -> None:
    await access.accounts.create("root2", "secret-123", "Administrator")
    await access.accounts.create("root3", "secret-123", "Administrator")
    outcomes = await asyncio.gather(
        access.accounts.delete("root"),
        access.accounts.update("root2", role="ReadOnly"),
        access.accounts.update("root3", enabled=False),
        return_exceptions=True,
    )
    assert sum(isinstance(one, LastAdministrator) for one in outcomes) == 1
    left = [await access.accounts.get(name) for name in await access.accounts.names(0, 99)]
    assert sum(one.role == "Administrator" and one.enabled for one in left if one) == 1


# Roles


async def test_a_custom_role_is_used_and_cannot_go_while_it_is(access: Access) -> None:
    role = await access.roles.create("Auditor", ["Login", "ConfigureSelf"])
    assert not role.predefined
    assert await access.roles.names() == ["Administrator", "Operator", "ReadOnly", "Auditor"]
    await access.accounts.update("op", role="Auditor")
    with pytest.raises(RoleInUse):
        await access.roles.delete("Auditor")
    await access.accounts.update("op", role="ReadOnly")
    with pytest.raises(VersionMismatch):
        await access.roles.delete("Auditor", expect={2})
    await access.roles.delete("Auditor", expect={1})
    with pytest.raises(RoleMissing):
        await access.roles.delete("Auditor")
    with pytest.raises(RoleMissing):
        await access.roles.update("Auditor", ["Login"], expect=None)


@pytest.mark.parametrize("name", ["Administrator", "Operator", "ReadOnly"])
async def test_the_standard_roles_stay_as_they_are(access: Access, name: str) -> None:
    with pytest.raises(RolePredefined):
        await access.roles.update(name, ["Login"], expect=None)
    with pytest.raises(RolePredefined):
        await access.roles.delete(name)


async def test_a_role_cannot_both_go_and_be_given(access: Access) -> None:
    for _ in range(10):
        await access.roles.create("Auditor", ["Login"])
        given, gone = await asyncio.gather(
            access.accounts.update("op", role="Auditor"),
            access.roles.delete("Auditor"),
            return_exceptions=True,
        )
        assert isinstance(given, RoleMissing) != isinstance(gone, RoleInUse)
        await access.accounts.update("op", role="Operator")
        if gone is not None:
            await access.roles.delete("Auditor")


async def test_what_a_role_may_changes_for_who_is_logged_in(access: Access) -> None:
    await access.roles.create("Auditor", ["Login"])
    await access.accounts.update("op", role="Auditor")
    _, token = await access.login("op", PASSWORD)
    assert (await access.authenticate(token, None)).privileges == {"Login"}
    await access.roles.update("Auditor", ["Login", "ConfigureSelf"], expect={1})
    assert (await access.authenticate(token, None)).privileges == {"Login", "ConfigureSelf"}
    await access.accounts.update("op", role="Operator")
    assert (await access.authenticate(token, None)).role == "Operator"


# Locking


async def _fail(access: Access, times: int) -> None:
    for n in range(times):
        with pytest.raises(AuthenticationFailed):
            await access.verify("op", f"wrong {n}")


async def test_wrong_passwords_lock_the_account_for_a_while(
    access: Access, clock: FakeClock
) -> None:
    await _fail(access, 5)
    with pytest.raises(AuthenticationFailed):
        await access.verify("op", PASSWORD)
    account = await access.accounts.get("op")
    assert account is not None
    assert account.locked(clock.now_ms())
    assert account.version == 2
    clock.advance(30)
    after = await access.accounts.get("op")
    assert after is not None
    assert not after.locked_until
    assert after.version == account.version + 1  # what is shown has changed, so its ETag has
    assert (await access.verify("op", PASSWORD)).name == "op"


async def test_the_count_of_wrong_passwords_starts_anew_after_a_while(
    access: Access, clock: FakeClock
) -> None:
    await _fail(access, 4)
    clock.advance(30)
    await _fail(access, 4)
    assert (await access.verify("op", PASSWORD)).name == "op"


async def test_the_right_password_sets_the_count_to_nothing(
    make_access: MakeAccess,
) -> None:
    access = make_access(basic_cache=0)
    await access.accounts.create("op", PASSWORD, "Operator")
    for _ in range(3):
        await _fail(access, 4)
        assert (await access.verify("op", PASSWORD)).name == "op"


async def test_guessing_at_a_locked_account_does_not_lengthen_the_lock(
    access: Access, clock: FakeClock
) -> None:
    await _fail(access, 5)
    clock.advance(29)
    await _fail(access, 9)
    clock.advance(1)
    assert (await access.verify("op", PASSWORD)).name == "op"


async def test_guesses_at_a_disabled_or_deleted_account_do_not_count_for_its_successor(
    access: Access,
) -> None:
    await _fail(access, 4)
    await access.accounts.delete("op")
    await access.accounts.create("op", PASSWORD, "Operator")
    await _fail(access, 4)
    await access.accounts.update("op", enabled=False)
    await _fail(access, 4)
    await access.accounts.update("op", enabled=True)
    assert (await access.verify("op", PASSWORD)).name == "op"


async def test_an_administrator_unlocks(access: Access) -> None:
    await _fail(access, 5)
    await access.accounts.update("op", unlock=True)
    assert (await access.verify("op", PASSWORD)).name == "op"


@pytest.mark.parametrize("setting", ["lockout_threshold", "lockout_duration"])
async def test_locking_can_be_switched_off(access: Access, setting: str) -> None:
    await access.policy.write({setting: 0, "lockout_reset_after": 0}, expect=None)
    await _fail(access, 8)
    assert (await access.verify("op", PASSWORD)).name == "op"


async def test_wrong_passwords_in_several_processes_count_together(
    access: Access, make_access: MakeAccess, other_store: Store
) -> None:
    other = make_access(on=other_store)
    attempts = itertools.cycle([access, other])
    await asyncio.gather(
        *(next(attempts).verify("op", f"wrong {n}") for n in range(5)), return_exceptions=True
    )
    for process in (access, other):
        with pytest.raises(AuthenticationFailed):
            await process.verify("op", PASSWORD)


async def test_the_right_password_among_many_guesses_at_once_does_not_pass_the_lock(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The right guess is computed last: by then the wrong ones have locked the account, though it
    # was not locked when the guess began.
    verify = access._passwords.verify
    locked = asyncio.Event()

    async def in_order(hashed: str | None, password: str) -> bool:
        if password == PASSWORD:
            await locked.wait()
        return await verify(hashed, password)

    monkeypatch.setattr(access._passwords, "verify", in_order)
    right = asyncio.create_task(access.verify("op", PASSWORD))
    await _fail(access, 5)
    locked.set()
    with pytest.raises(AuthenticationFailed):
        await right


async def test_the_same_wrong_password_at_once_is_one_attempt(access: Access) -> None:
    outcomes = await asyncio.gather(
        *(access.verify("op", "an old one") for _ in range(20)), return_exceptions=True
    )
    assert all(isinstance(one, AuthenticationFailed) for one in outcomes)
    assert (await access.verify("op", PASSWORD)).name == "op"


async def test_guessing_at_unknown_names_leaves_nothing_behind(
    access: Access, store: Store
) -> None:
    before = await store.call("DBSIZE")
    for name in ("nobody", "a:b", "\ud800", "x" * 10_000):
        with pytest.raises(AuthenticationFailed):
            await access.verify(name, "guess \ud800")
    assert await store.call("DBSIZE") == before


# Names that are used again


async def test_a_name_that_is_used_again_begins_with_versions_that_nobody_has_seen(
    access: Access,
) -> None:
    changed = await access.accounts.update("op", enabled=False)
    await access.accounts.delete("op")
    made = await access.accounts.create("op", PASSWORD, "ReadOnly")
    assert made.version > changed.version
    with pytest.raises(VersionMismatch):
        await access.accounts.update("op", role="Operator", expect={1, 2})
    with pytest.raises(VersionMismatch):
        await access.accounts.delete("op", expect={1, 2})
    role = await access.roles.create("Auditor", ["Login"])
    await access.roles.delete("Auditor", expect={role.version})
    again = await access.roles.create("Auditor", ["ConfigureSelf"])
    assert again.version > role.version
    with pytest.raises(VersionMismatch):
        await access.roles.delete("Auditor", expect={role.version})


async def test_roles_and_accounts_that_are_gone_leave_nothing_that_grows(
    access: Access, store: Store
) -> None:
    async def size() -> tuple[int, int]:
        counts = store.keys.of("setting", "account_counts")
        return await store.call("DBSIZE"), await store.call("HLEN", counts)

    sizes = []
    for n in range(3):
        await access.roles.create(f"R{n}", ["Login"])
        await access.accounts.create(f"u{n}", PASSWORD, f"R{n}")
        with pytest.raises(AuthenticationFailed):
            await access.verify(f"u{n}", "wrong one")
        await access.login(f"u{n}", PASSWORD)
        await access.accounts.delete(f"u{n}")
        await access.roles.delete(f"R{n}")
        sizes.append(await size())
    assert sizes[0] == sizes[1] == sizes[2]


async def test_the_last_administrator_can_be_locked_but_not_for_good(
    access: Access, clock: FakeClock
) -> None:
    _, token = await access.login("root", PASSWORD)
    for n in range(5):
        with pytest.raises(AuthenticationFailed):
            await access.verify("root", f"wrong {n}")
    with pytest.raises(AuthenticationFailed):
        await access.verify("root", PASSWORD)
    assert (await access.authenticate(token, None)).account == "root"
    clock.advance(30)
    assert (await access.verify("root", PASSWORD)).name == "root"


async def test_a_password_that_has_to_be_changed_must_be_another(access: Access) -> None:
    await access.accounts.update("op", change_required=True)
    with pytest.raises(PasswordRejected) as caught:
        await access.accounts.update("op", password=PASSWORD, another=True)
    assert PASSWORD not in str(caught.value)
    account = await access.accounts.get("op")
    assert account is not None
    assert account.password_change_required
    await access.accounts.update("op", password="another-1", another=True)
    assert (await access.verify("op", "another-1")).password_change_required is False


async def test_the_command_line_lists_every_account_in_pages(
    access: Access, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odimra.account_book.PAGE", 2)
    for n in range(3):
        await access.accounts.create(f"u{n}", PASSWORD, "ReadOnly", enabled=n != 1)
    for n in range(5):
        with pytest.raises(AuthenticationFailed):
            await access.verify("u2", f"wrong {n}")
    lines = [(one.name, one.enabled, one.locked) for one in await Book(access, clock).list()]
    assert lines == [
        ("op", True, False),
        ("root", True, False),
        ("u0", True, False),
        ("u1", False, False),
        ("u2", True, True),
    ]


async def test_the_command_line_unlocks_and_is_refused_without_the_password(
    access: Access, clock: FakeClock
) -> None:
    book = Book(access, clock)
    await _fail(access, 5)
    await book.set_password("op", "another-1")
    assert (await access.verify("op", "another-1")).name == "op"
    await book.add("new", "long enough", "ReadOnly")
    await book.delete("new")
    refused = [
        book.add("op", "S3cret-one", "Operator"),
        book.add("a/b", "S3cret-one", "Operator"),
        book.add("x", "S3cret-one", "Wizard"),
        book.add("x", "S3", "Operator"),
        book.set_password("nobody", "S3cret-one"),
        book.delete("nobody"),
        book.delete("root"),
    ]
    for attempt in refused:
        with pytest.raises(AccountRefused) as caught:
            await attempt
        assert "S3" not in str(caught.value)


async def test_the_command_line_is_told_when_there_are_enough_accounts(
    make_access: MakeAccess, clock: FakeClock
) -> None:
    book = Book(make_access(max_accounts=1), clock)
    await book.add("one", PASSWORD, "Administrator")
    with pytest.raises(AccountRefused, match="as many"):
        await book.add("two", PASSWORD, "Operator")


async def test_processes_that_see_a_lock_end_at_once_agree(
    access: Access, make_access: MakeAccess, other_store: Store, clock: FakeClock
) -> None:
    other = make_access(on=other_store)
    await _fail(access, 5)
    processes = (access, other)
    for process in processes:  # both hold the locked account in their caches
        assert (await process.accounts.get("op")).version == 2  # type: ignore[union-attr]
    clock.advance(30)
    seen = await asyncio.gather(*(process.accounts.get("op") for process in processes))
    assert [(one.version, one.locked_until) for one in seen if one] == [(3, 0)] * 2
    assert seen[0] == seen[1]
