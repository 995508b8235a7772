"""What is told of accounts, roles and sessions, and what is not."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from odimra.access import (
    Access,
    AccountExists,
    AuthenticationFailed,
    LastAdministrator,
    RoleExists,
    RoleInUse,
    RoleMissing,
    SessionLimitReached,
    SessionLimits,
    SessionMissing,
)
from odimra.store import Store, StoreError, StoreUnavailable, VersionMismatch
from tests.access.conftest import PASSWORD, MakeAccess
from tests.fakes import FakeClock
from tests.support.news import News

OP = ("ManagerAccount", "op", "op")


@pytest.fixture
async def news(access: Access, store: Store) -> News:
    """What is told from when the accounts are there."""
    reader = News(store)
    await reader.events()
    return reader


async def test_each_change_of_an_account_is_told_once(access: Access, news: News) -> None:
    await access.accounts.create("ann", PASSWORD, "Operator")
    assert await news.told() == [("Created", "ManagerAccount", "ann", "ann")]
    await access.accounts.update("ann", role="ReadOnly", change_required=True)
    assert await news.told() == [("Changed", "ManagerAccount", "ann", "ann")]
    await access.accounts.delete("ann")
    assert await news.told() == [("Removed", "ManagerAccount", "ann", "ann")]


async def test_what_is_refused_or_changes_nothing_is_not_told(access: Access, news: News) -> None:
    before = await access.accounts.get("op")
    assert before is not None
    same = await access.accounts.update("op", role="Operator", enabled=True, unlock=True)
    assert same.version == before.version
    with pytest.raises(AccountExists):
        await access.accounts.create("op", PASSWORD, "Operator")
    with pytest.raises(RoleMissing):
        await access.accounts.update("op", role="Nobody")
    with pytest.raises(VersionMismatch):
        await access.accounts.update("op", enabled=False, expect={before.version + 1})
    with pytest.raises(VersionMismatch):
        await access.accounts.delete("op", expect={before.version + 1})
    with pytest.raises(LastAdministrator):
        await access.accounts.delete("root")
    assert await news.told() == []


async def test_a_lock_is_told_when_it_comes_and_when_it_goes(
    access: Access, news: News, clock: FakeClock
) -> None:
    for number in range(access.options.policy.lockout_threshold):
        assert await news.told() == []
        with pytest.raises(AuthenticationFailed):
            await access.verify("op", f"wrong {number}")
    assert await news.told() == [("Changed", *OP)]
    clock.advance(access.options.policy.lockout_duration + 1)
    assert await access.accounts.get("op") is not None
    assert await news.told() == [("Changed", *OP)]


async def test_each_change_of_a_role_is_told_and_no_refusal(access: Access, news: News) -> None:
    role = await access.roles.create("Auditor", ["Login"])
    assert await news.told() == [("Created", "Role", "Auditor", "")]
    role = await access.roles.update("Auditor", ["Login", "ConfigureSelf"], expect={role.version})
    assert await news.told() == [("Changed", "Role", "Auditor", "")]
    same = await access.roles.update("Auditor", ["ConfigureSelf", "Login"], expect={role.version})
    assert same.version == role.version
    await access.accounts.update("op", role="Auditor")
    assert await news.told() == [("Changed", *OP)]
    with pytest.raises(RoleExists):
        await access.roles.create("Auditor", ["Login"])
    with pytest.raises(VersionMismatch):
        await access.roles.update("Auditor", [], expect={role.version + 1})
    with pytest.raises(VersionMismatch):
        await access.roles.delete("Auditor", expect={role.version + 1})
    with pytest.raises(RoleInUse):
        await access.roles.delete("Auditor")
    assert await news.told() == []
    await access.accounts.update("op", role="Operator")
    await access.roles.delete("Auditor")
    assert await news.told() == [("Changed", *OP), ("Removed", "Role", "Auditor", "")]


async def test_a_session_is_told_when_it_is_opened_and_closed_and_not_when_it_is_used(
    access: Access, news: News, clock: FakeClock
) -> None:
    session, token = await access.login("op", PASSWORD)
    assert await news.told() == [("Created", "Session", session.id, "op")]
    clock.advance(60)
    assert (await access.authenticate(token, None)).account == "op"
    assert (await access.authenticate(None, ("op", PASSWORD))).account == "op"
    await access.sessions.keep(session, {"kept": "too"})
    assert await news.told() == []
    await access.sessions.close(session)
    assert await news.told() == [("Removed", "Session", session.id, "op")]
    with pytest.raises(SessionMissing):
        await access.sessions.close(session)
    assert await news.told() == []


async def test_a_login_that_is_refused_is_not_told(
    access: Access, make_access: MakeAccess, news: News
) -> None:
    few = make_access(limits=SessionLimits(1, 1))
    session, _ = await few.login("op", PASSWORD)
    with pytest.raises(SessionLimitReached):
        await few.login("op", PASSWORD)
    with pytest.raises(AuthenticationFailed):
        await access.login("op", "wrong one")
    assert await news.told() == [("Created", "Session", session.id, "op")]


@pytest.mark.parametrize("how", ["login", "purge", "timeout", "use"])
async def test_a_session_that_has_ended_by_itself_is_told(
    access: Access, news: News, clock: FakeClock, how: str
) -> None:
    session, token = await access.login("op", PASSWORD)
    await news.events()
    clock.advance(access.options.sessions.timeout + 60)
    if how == "login":
        await access.login("root", PASSWORD)
    elif how == "purge":
        await access.sessions.purge()
    elif how == "timeout":
        await access.sessions.set_timeout(3600, expect=None)
    else:
        # Where another process saw it in time and this one only thinks that it did.
        await access.sessions._step("use", session.digest, session.id, "op")
    told = await news.told()
    assert told[0] == ("Removed", "Session", session.id, "op")
    assert ("Removed", "Session", session.id, "op") not in told[1:]
    await access.sessions.purge()
    assert await news.told() == []
    with pytest.raises(AuthenticationFailed):
        await access.authenticate(token, None)


async def test_sessions_are_looked_for_that_have_ended(
    access: Access, news: News, clock: FakeClock
) -> None:
    session, _ = await access.login("op", PASSWORD)
    await news.events()
    keeping = asyncio.create_task(access.sessions.keep_house())
    clock.advance(access.options.sessions.timeout + 60)
    told: list[tuple[str, str, str, str]] = []
    async with asyncio.timeout(30):
        while not told:
            await asyncio.sleep(0.001)
            clock.advance(1)
            told = await news.told()
    keeping.cancel()
    assert told == [("Removed", "Session", session.id, "op")]


async def test_who_looks_for_ended_sessions_outlives_a_store_that_is_away(
    access: Access, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fates = [StoreUnavailable("gone"), StoreError("strange"), None]

    async def purge() -> None:
        fate = fates.pop(0)
        if fate is not None:
            raise fate

    monkeypatch.setattr(access.sessions, "purge", purge)
    keeping = asyncio.create_task(access.sessions.keep_house())
    async with asyncio.timeout(30):
        while fates:
            await asyncio.sleep(0.001)
            clock.advance(1)
    assert not keeping.done()
    keeping.cancel()


async def test_a_session_that_expired_in_the_store_is_told_to_those_who_hear_of_all(
    access: Access, news: News, store: Store, clock: FakeClock
) -> None:
    session, _ = await access.login("op", PASSWORD)
    await news.events()
    for key in (access.sessions.key(session), store.keys.of("session_id", session.id)):
        await store.call("PEXPIRE", key, 1)
        async with asyncio.timeout(30):
            while await store.call("EXISTS", key):
                await asyncio.sleep(0.001)
    clock.advance(access.options.sessions.timeout + 60)
    await access.sessions.purge()
    assert await news.told() == [("Removed", "Session", session.id, "-")]


async def test_sessions_that_end_with_something_of_their_account_are_told(
    access: Access, news: News
) -> None:
    kept, _ = await access.login("op", PASSWORD)
    ended, _ = await access.login("op", PASSWORD)
    await news.events()
    await access.accounts.update("op", password="another horse", keep_session=kept.id)
    assert await news.told() == [("Removed", "Session", ended.id, "op"), ("Changed", *OP)]
    await access.accounts.delete("op")
    assert await news.told() == [("Removed", "Session", kept.id, "op"), ("Removed", *OP)]


async def test_the_stream_is_cut_by_these_steps_too(store: Store, make_access: MakeAccess) -> None:
    short = await Store.open(replace(store.options, max_events=10))
    access = make_access(on=short)
    await access.accounts.create("root", PASSWORD, "Administrator")
    account = await access.accounts.get("root")
    assert account is not None
    for number in range(150):
        await access.roles.create("Auditor", ["Login"])
        await access.roles.update("Auditor", [], expect=None)
        await access.roles.delete("Auditor")
        await access.sessions.close((await access.sessions.open(account))[0])
        await access.policy.write({"lockout_threshold": number + 10})
    # "About": whole nodes of the stream go, of a hundred entries.
    assert 10 <= await store.call("XLEN", store.keys.events) < 250
    await short.close()


async def test_the_time_of_an_event_is_the_servers(access: Access, news: News) -> None:
    before = time.time_ns() // 1_000_000
    await access.roles.create("Auditor", ["Login"])
    (event,) = await news.events()
    assert before - 1000 < event.at < time.time_ns() // 1_000_000 + 1000
    # As in the id, to the millisecond in which the step began.
    assert abs(int(event.id.partition("-")[0]) - event.at) < 1000
