"""Sessions: found by their token only; ended by time, by hand and by changes of the account."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from typing import Any

import pytest

from odimra.access import (
    Access,
    AccessOptions,
    AuthenticationFailed,
    Principal,
    SessionDataTooLong,
    SessionLimitReached,
    SessionLimits,
    SessionMissing,
)
from odimra.access import sessions as module
from odimra.store import Store, VersionMismatch
from tests.access.conftest import CHEAP, PASSWORD, MakeAccess
from tests.fakes import FakeClock


async def _dead(access: Access, token: str) -> bool:
    assert access.peek(token) is None
    try:
        await access.authenticate(token, None)
    except AuthenticationFailed:
        return True
    return False


async def _peeked(access: Access, token: str) -> Principal:
    """Return what the fast path says once the server's word of the last writes has come in."""
    async with asyncio.timeout(30):
        while (found := access.peek(token)) is None:
            await access.authenticate(token, None)
    return found


async def test_a_login_opens_a_session_that_its_token_finds(access: Access) -> None:
    session, token = await access.login("op", PASSWORD, client="192.0.2.7", context="night run")
    assert (session.account, session.client, session.context) == ("op", "192.0.2.7", "night run")
    principal = await access.authenticate(token, ("ignored", "beside a token"))
    assert (principal.account, principal.role) == ("op", "Operator")
    assert principal.session_id == session.id
    assert principal.privileges == {"Login", "ConfigureComponents", "ConfigureSelf"}
    assert await access.sessions.get(session.id) == session


async def test_the_token_is_256_bits_and_nowhere_in_the_store(access: Access, store: Store) -> None:
    session, token = await access.login("op", PASSWORD)
    assert len(token) == 64
    assert int(token, 16)
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert session.id not in digest
    stored = b""
    for key in await store.call("KEYS", f"{store.keys.root}*"):
        kind = await store.call("TYPE", key)
        read = {
            b"hash": ["HGETALL", key],
            b"zset": ["ZRANGE", key, 0, -1],
            b"stream": ["XRANGE", key, "-", "+"],
        }
        content = await store.call(*read.get(kind, ["GET", key]))
        stored += key + repr(content).encode()
    assert digest.encode() in stored
    assert token.encode() not in stored
    assert PASSWORD.encode() not in stored


@pytest.mark.parametrize(
    "token",
    [
        "",
        "0" * 64,
        "0" * 63,
        "g" * 64,
        "A" * 64,
        "0" * 100_000,
        "\udcff" * 64,
        "é" * 64,
        "0" * 64 + "\n",
    ],
)
async def test_a_token_that_is_none_finds_nothing(access: Access, token: str) -> None:
    assert access.peek(token) is None
    with pytest.raises(AuthenticationFailed):
        await access.authenticate(token, None)


async def test_chance_is_passed_in(store: Store, clock: FakeClock) -> None:
    chance = itertools.count()

    def bytes_in_turn(count: int) -> bytes:
        return bytes([next(chance)]) * count

    access = Access(store, AccessOptions(hashing=CHEAP), clock, random_bytes=bytes_in_turn)
    await access.accounts.create("op", PASSWORD, "Operator")
    session, token = await access.login("op", PASSWORD)
    assert (token, session.id) == ("01" * 32, "02" * 16)
    access.close()


# Time


async def test_a_session_ends_when_it_was_not_used_for_the_timeout(
    access: Access, clock: FakeClock
) -> None:
    session, token = await access.login("op", PASSWORD)
    clock.advance(1799)
    assert not await _dead(access, token)
    clock.advance(1799)
    assert not await _dead(access, token)  # the use before counts
    clock.advance(module.lifetime(1800) / 1000)
    assert await _dead(access, token)
    assert await access.sessions.get(session.id) is None
    assert await access.sessions.count() == 0
    assert await access.sessions.page(0, 10) == []


@pytest.mark.parametrize("timeout", [30, 60, 1800, 86_400])
@pytest.mark.parametrize("part", [0, 0.3, 0.5, 0.9, 0.999, 1])
async def test_a_session_never_ends_before_the_timeout_has_passed_since_a_use(
    access: Access,
    make_access: MakeAccess,
    other_store: Store,
    clock: FakeClock,
    timeout: int,
    part: float,
) -> None:
    await access.sessions.set_timeout(timeout, expect=None)
    _, token = await access.login("op", PASSWORD)
    await _peeked(access, token)
    clock.advance(part * module.unnoted(timeout) / 1000)
    used = clock.now_ms()
    await access.authenticate(token, None)  # noted or not
    clock.advance((used - clock.now_ms()) / 1000 + timeout - 0.001)
    assert await access.sessions.count("op") == 1
    other = make_access(on=other_store)  # a process that saw nothing of that use
    await other.authenticate(token, None)
    clock.advance(module.lifetime(timeout) / 1000)
    assert await _dead(access, token)
    assert await _dead(other, token)
    assert module.lifetime(timeout) <= timeout * 1050  # nor much later


async def test_a_use_is_noted_now_and_then_not_each_time(
    access: Access, clock: FakeClock, store: Store
) -> None:
    session, token = await access.login("op", PASSWORD)
    key = store.keys.of("session", session.digest)

    async def used() -> int:
        return int(await store.call("HGET", key, "used"))

    clock.advance(9)
    await access.authenticate(token, None)
    assert await used() == session.used
    clock.advance(1)
    await access.authenticate(token, None)
    assert await used() == session.used + 10_000


async def test_a_shorter_timeout_counts_at_once_a_longer_one_wakes_no_dead(
    access: Access, clock: FakeClock
) -> None:
    _, first = await access.login("op", PASSWORD)
    clock.advance(63)
    _, second = await access.login("op", PASSWORD)
    policy = await access.sessions.set_timeout(60, expect=None)
    assert (policy.timeout, policy.version) == (60, 1)
    assert await _dead(access, first)
    assert await access.sessions.count() == 1
    await access.sessions.set_timeout(86_400, expect={1})
    assert await _dead(access, first)
    clock.advance(86_399)
    assert not await _dead(access, second)
    with pytest.raises(VersionMismatch):
        await access.sessions.set_timeout(60, expect={1})


async def test_more_dead_sessions_than_one_step_removes_all_go_before_the_timeout_grows(
    access: Access, clock: FakeClock, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access.sessions, "_limits", SessionLimits(1000, 1000))
    account = await access.verify("op", PASSWORD)
    opened = [await access.sessions.open(account) for _ in range(module.PURGED + 5)]
    clock.advance(1810)
    await access.sessions.set_timeout(3600, expect=None)
    for _, token in opened:
        assert await _dead(access, token)
    assert await store.call("ZCARD", store.keys.index("sessions")) == 0
    assert await store.call("EXISTS", store.keys.index("sessions", "op")) == 0


async def test_a_use_that_comes_too_late_for_the_store_does_not_revive(
    access: Access, make_access: MakeAccess, other_store: Store, clock: FakeClock
) -> None:
    # The other process still believes in the longer timeout when it notes the use.
    other = make_access(on=other_store)
    _, token = await access.login("op", PASSWORD)
    session = await other.sessions.find(token)
    assert session is not None
    clock.advance(1799)
    await access.sessions.close(session)
    assert await other.sessions._step("use", session.digest, session.id, "op") == b"missing"
    assert await access.sessions.count() == 0
    _, again = await access.login("op", PASSWORD)
    late = await access.sessions.find(again)
    assert late is not None
    clock.advance(1810)
    assert await other.sessions._step("use", late.digest, late.id, "op") == b"missing"
    assert await _dead(access, again)


# Limits


async def test_logins_at_once_do_not_pass_the_limit_of_an_account(
    make_access: MakeAccess, clock: FakeClock
) -> None:
    access = make_access(limits=SessionLimits(per_account=3, altogether=100))
    await access.accounts.create("op", PASSWORD, "Operator")
    outcomes = await asyncio.gather(
        *(access.login("op", PASSWORD) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(one, SessionLimitReached) for one in outcomes) == 5
    assert await access.sessions.count("op") == 3
    clock.advance(1810)  # ended sessions make room
    await access.login("op", PASSWORD)
    assert await access.sessions.count("op") == 1


async def test_logins_of_several_accounts_do_not_pass_the_limit_of_all(
    make_access: MakeAccess, clock: FakeClock
) -> None:
    access = make_access(limits=SessionLimits(per_account=3, altogether=4))
    names = ["u0", "u1", "u2"]
    for name in names:
        await access.accounts.create(name, PASSWORD, "Operator")
    outcomes = await asyncio.gather(
        *(access.login(name, PASSWORD) for name in names * 2), return_exceptions=True
    )
    assert sum(isinstance(one, SessionLimitReached) for one in outcomes) == 2
    assert await access.sessions.count() == 4
    clock.advance(1810)
    await access.login("u0", PASSWORD)
    assert await access.sessions.count() == 1
    assert await access.sessions.count("u1") == 0


async def test_ended_sessions_are_removed_by_those_that_open(
    access: Access, clock: FakeClock, store: Store
) -> None:
    ended = [(await access.login(name, PASSWORD))[0] for name in ("op", "root", "op")]
    clock.advance(1810)
    await access.login("root", PASSWORD)
    for session in ended:
        assert await store.call("EXISTS", access.sessions.key(session)) == 0
        assert await store.call("EXISTS", store.keys.of("session_id", session.id)) == 0
    assert await store.call("ZCARD", store.keys.index("sessions")) == 1
    assert await store.call("EXISTS", store.keys.index("sessions", "op")) == 0


async def test_ones_own_ended_sessions_make_room_however_many_others_wait_to_be_removed(
    access: Access, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = SessionLimits(module.PURGED + 5, 2 * module.PURGED)
    monkeypatch.setattr(access.sessions, "_limits", limits)
    root = await access.verify("root", PASSWORD)
    for _ in range(module.PURGED + 5):
        await access.sessions.open(root)
    clock.advance(1)
    monkeypatch.setattr(access.sessions, "_limits", SessionLimits(1, 2 * module.PURGED))
    await access.login("op", PASSWORD)
    clock.advance(1810)
    await access.login("op", PASSWORD)
    assert await access.sessions.count() == 1


# Ends


async def test_a_closed_session_is_gone(access: Access) -> None:
    session, token = await access.login("op", PASSWORD)
    assert (await access.authenticate(token, None)).session_id == session.id
    await access.sessions.close(session)
    assert await _dead(access, token)
    assert await access.sessions.count("op") == 0
    with pytest.raises(SessionMissing):
        await access.sessions.close(session)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"password": "another-1"}, []),
        ({"password": "another-1", "keep_session": 1}, [1]),
        ({"enabled": False}, []),
        ({"enabled": False, "keep_session": 1}, []),
        ({"role": "ReadOnly"}, [0, 1, 2]),
        ({"change_required": True}, [0, 1, 2]),
    ],
)
async def test_what_a_change_of_the_account_does_to_its_sessions(
    access: Access, change: dict[str, object], kept: list[int]
) -> None:
    opened = [await access.login("op", PASSWORD) for _ in range(3)]
    _, bystander = await access.login("root", PASSWORD)
    for _, token in opened:
        await _peeked(access, token)  # known to this process
    if "keep_session" in change:
        change = {**change, "keep_session": opened[1][0].id}
    await access.accounts.update("op", **change)  # type: ignore[arg-type]
    for n, (_, token) in enumerate(opened):
        if n in kept:
            assert (await _peeked(access, token)).account == "op"
        else:
            assert await _dead(access, token)
    assert await access.sessions.count("op") == len(kept)
    assert (await access.authenticate(bystander, None)).account == "root"
    assert await access.sessions.count() == len(kept) + 1


async def test_sessions_end_here_before_the_server_says_so(
    access: Access, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, token = await access.login("op", PASSWORD)
    await _peeked(access, token)
    monkeypatch.setattr(store._tracker, "_invalidate", lambda keys: None)
    await access.accounts.update("op", password="another-1")
    assert await access.sessions.find(token) is None
    session, token = await access.login("op", "another-1")
    await access.sessions.find(token)
    await access.sessions.close(session)
    assert await access.sessions.find(token) is None


async def test_a_deleted_account_leaves_no_session_to_its_successor(access: Access) -> None:
    _, token = await access.login("op", PASSWORD)
    await access.accounts.delete("op")
    assert await _dead(access, token)
    await access.accounts.create("op", PASSWORD, "Operator")
    assert await _dead(access, token)
    assert await access.sessions.count() == 0


async def test_an_account_that_is_enabled_again_has_no_session(access: Access) -> None:
    _, token = await access.login("op", PASSWORD)
    await access.accounts.update("op", enabled=False)
    with pytest.raises(AuthenticationFailed):
        await access.login("op", PASSWORD)
    await access.accounts.update("op", enabled=True)
    assert await _dead(access, token)


@pytest.mark.parametrize(
    "change",
    [{"password": "another-1"}, {"enabled": False}, None],
    ids=["password", "disabled", "deleted"],
)
async def test_no_session_opens_for_an_account_that_changed_after_its_proof(
    access: Access, change: dict[str, object] | None
) -> None:
    proved = await access.verify("op", PASSWORD)
    if change is None:
        await access.accounts.delete("op")
        await access.accounts.create("op", "another-1", "Operator")
    else:
        await access.accounts.update("op", **change)  # type: ignore[arg-type]
    with pytest.raises(AuthenticationFailed):
        await access.sessions.open(proved)
    assert await access.sessions.count() == 0


async def test_a_role_without_login_opens_no_session(access: Access) -> None:
    await access.roles.create("Ghost", ["ConfigureSelf"])
    await access.accounts.update("op", role="Ghost")
    with pytest.raises(AuthenticationFailed):
        await access.login("op", PASSWORD)


@pytest.mark.parametrize("change", ["password", "disabled", "deleted", "closed", "role"])
async def test_what_happens_in_one_process_counts_in_all(
    access: Access, make_access: MakeAccess, other_store: Store, change: str
) -> None:
    other = make_access(on=other_store)
    session, token = await access.login("op", PASSWORD)
    assert await _peeked(other, token) == await other.authenticate(token, None)
    await other.authenticate(None, ("op", PASSWORD))  # believed there
    if change == "deleted":
        await access.accounts.delete("op")
    elif change == "closed":
        await access.sessions.close(session)
    else:
        changes: dict[str, dict[str, Any]] = {
            "password": {"password": "another-1"},
            "disabled": {"enabled": False},
            "role": {"role": "ReadOnly"},
        }
        await access.accounts.update("op", **changes[change])
    async with asyncio.timeout(30):  # the server's word needs a moment to come in
        while (found := other.peek(token)) is not None and found.role == "Operator":
            await asyncio.sleep(0)
    if change == "role":
        assert (await other.authenticate(token, None)).role == "ReadOnly"
        assert (await _peeked(other, token)).role == "ReadOnly"
        return
    assert await _dead(other, token)
    assert await other.sessions.get(session.id) is None
    if change != "closed":
        with pytest.raises(AuthenticationFailed):
            await other.authenticate(None, ("op", PASSWORD))


# Listing


async def test_sessions_are_listed_for_one_account_and_for_all(
    access: Access, clock: FakeClock
) -> None:
    ids = []
    for name in ("op", "root", "op"):
        session, _ = await access.login(name, PASSWORD)
        ids.append(session.id)
        clock.advance(1)
    assert await access.sessions.page(0, 10) == ids
    assert await access.sessions.page(1, 1) == ids[1:2]
    assert await access.sessions.page(0, 10, "op") == [ids[0], ids[2]]
    assert (await access.sessions.count(), await access.sessions.count("op")) == (3, 2)


# The fast path


async def test_peek_answers_only_when_all_is_known_and_in_force(
    access: Access, clock: FakeClock
) -> None:
    _, token = await access.login("op", PASSWORD)
    assert access.peek(token) is None  # not read yet
    slow = await access.authenticate(token, None)
    assert await _peeked(access, token) == slow
    clock.advance(10)
    assert access.peek(token) is None  # the use is to be noted
    assert await _peeked(access, token) == slow
    await access.accounts.update("op", role="ReadOnly")
    assert access.peek(token) is None
    assert (await access.authenticate(token, None)).role == "ReadOnly"
    assert (await _peeked(access, token)).role == "ReadOnly"
    await access.accounts.update("op", change_required=True)
    assert (await _peeked(access, token)).password_change_required
    await access.accounts.update("op", enabled=False)
    assert access.peek(token) is None


async def test_peek_knows_custom_roles_and_closed_sessions(access: Access) -> None:
    await access.roles.create("Auditor", ["Login"])
    await access.accounts.update("op", role="Auditor")
    session, token = await access.login("op", PASSWORD)
    slow = await access.authenticate(token, None)
    assert await _peeked(access, token) == slow
    await access.roles.update("Auditor", ["Login", "ConfigureSelf"], expect=None)
    assert access.peek(token) is None
    assert (await _peeked(access, token)).privileges == {"Login", "ConfigureSelf"}
    await access.sessions.close(session)
    assert access.peek(token) is None


# What aiohttp-session keeps


async def test_what_is_kept_with_a_session_is_bounded_and_ends_with_it(access: Access) -> None:
    session, token = await access.login("op", PASSWORD)
    await access.sessions.keep(session, {"theme": "dark"})
    found = await access.sessions.find(token)
    assert found is not None
    assert found.data == '{"theme":"dark"}'
    with pytest.raises(SessionDataTooLong):
        await access.sessions.keep(session, {"much": "x" * module.DATA})
    await access.sessions.close(session)
    with pytest.raises(SessionMissing):
        await access.sessions.keep(session, {})


async def test_a_process_that_has_not_heard_of_the_end_learns_it_when_it_notes_a_use(
    access: Access,
    make_access: MakeAccess,
    other_store: Store,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = make_access(on=other_store)
    session, token = await access.login("op", PASSWORD)
    await _peeked(other, token)
    monkeypatch.setattr(other_store._tracker, "_invalidate", lambda keys: None)
    await access.sessions.close(session)
    clock.advance(10)
    assert await _dead(other, token)
    assert await access.sessions.count() == 0


async def test_a_session_whose_account_is_gone_lets_nobody_in(access: Access, store: Store) -> None:
    # No change of an account leaves this behind; should something else, it is no way in.
    _, token = await access.login("op", PASSWORD)
    await store.call("DEL", store.keys.of("account", "op"))
    store.forget(store.keys.of("account", "op"))
    assert await _dead(access, token)
