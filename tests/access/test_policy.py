"""The settings of AccountService and SessionService: checked together, written together."""

from __future__ import annotations

import asyncio

import pytest

from odimra.access import Access, Policy, PolicyConflict
from odimra.store import Store, VersionMismatch
from tests.access.conftest import MakeAccess


async def test_the_configuration_counts_until_somebody_changes_it(access: Access) -> None:
    before = await access.policy.read()
    assert before.min_password_length == 8
    changed = await access.policy.write({"min_password_length": 12}, expect={before.version})
    assert (changed.min_password_length, changed.max_password_length, changed.version) == (
        12,
        128,
        1,
    )
    assert await access.policy.read() == changed
    assert access.policy.peek() == changed


@pytest.mark.parametrize(
    ("changes", "first", "second"),
    [
        ({"min_password_length": 129}, "min_password_length", "max_password_length"),
        ({"lockout_duration": 29}, "lockout_reset_after", "lockout_duration"),
        ({"lockout_reset_after": 31}, "lockout_reset_after", "lockout_duration"),
    ],
)
async def test_settings_that_contradict_each_other_change_nothing(
    access: Access, changes: dict[str, int], first: str, second: str
) -> None:
    before = await access.policy.read()
    with pytest.raises(PolicyConflict) as caught:
        await access.policy.write(changes, expect=None)
    assert (caught.value.first, caught.value.second) == (first, second)
    assert await access.policy.read() == before


async def test_writers_at_once_lose_nothing(
    access: Access, make_access: MakeAccess, other_store: Store
) -> None:
    other = make_access(on=other_store)
    await asyncio.gather(
        access.policy.write({"min_password_length": 9}, expect=None),
        other.policy.write({"max_password_length": 99}, expect=None),
        access.policy.write({"lockout_threshold": 3}, expect=None),
        other.policy.write({"lockout_duration": 60}, expect=None),
    )
    policy = await access.policy.write({}, expect={4})
    assert policy.min_password_length == 9
    assert policy.max_password_length == 99
    assert policy.lockout_threshold == 3
    assert policy.lockout_duration == 60


async def test_contradictions_written_at_once_do_not_both_win(
    access: Access, make_access: MakeAccess, other_store: Store
) -> None:
    other = make_access(on=other_store)
    outcomes = await asyncio.gather(
        access.policy.write({"min_password_length": 60}, expect=None),
        other.policy.write({"max_password_length": 50}, expect=None),
        return_exceptions=True,
    )
    assert sum(isinstance(one, PolicyConflict) for one in outcomes) == 1


async def test_one_of_several_writers_of_one_version_wins(access: Access) -> None:
    for threshold in (7, 8):
        version = (await access.policy.read()).version
        outcomes = await asyncio.gather(
            *(
                access.policy.write({"lockout_threshold": threshold}, expect={version})
                for _ in range(4)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(one, VersionMismatch) for one in outcomes) == 3


async def test_another_configuration_is_another_version_until_somebody_changes_it(
    access: Access, make_access: MakeAccess
) -> None:
    # A client that kept the ETag would be told that nothing has changed.
    restarted = make_access(policy=Policy(min_password_length=12))
    before, after = await access.policy.read(), await restarted.policy._load()
    assert after.min_password_length == 12
    assert after.version != before.version
    same = await make_access().policy._load()
    assert same.version == before.version
    with pytest.raises(VersionMismatch):
        await restarted.policy.write({"lockout_threshold": 7}, expect={before.version})


async def test_a_version_never_issued_writes_nothing_where_nothing_is_stored(
    access: Access, store: Store
) -> None:
    for version in (0, 1, 2**40):
        with pytest.raises(VersionMismatch):
            await access.policy.write({"lockout_threshold": 7}, expect={version})
    with pytest.raises(VersionMismatch):
        await access.policy.write({"lockout_threshold": 7}, expect=set())
    assert await store.call("EXISTS", store.keys.of("setting", "account_service")) == 0


async def test_a_writer_who_never_gets_a_turn_gives_up(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    async def overtaken(_: Policy) -> None:
        nonlocal tried
        tried += 1
        raise VersionMismatch(tried)

    monkeypatch.setattr(access.policy, "_write", overtaken)
    with pytest.raises(VersionMismatch):
        await access.policy.write({"lockout_threshold": 7}, expect=None)
    assert tried == 10
