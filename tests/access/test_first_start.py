"""The first start: one administrator, one password, however many processes start."""

from __future__ import annotations

import asyncio
import stat
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from odimra.access import Access, PasswordRejected, Policy
from odimra.store import Store
from tests.access.conftest import MakeAccess


async def _logs_in(access: Access, file: Path, name: str = "admin") -> bool:
    account = await access.verify(name, file.read_text().strip())
    return account.role == "Administrator" and account.enabled


async def test_it_makes_the_administrator_and_says_where_the_password_is(
    make_access: MakeAccess, tmp_path: Path
) -> None:
    access = make_access(administrator="chief")
    file = await access.first_start(tmp_path)
    assert file == tmp_path / "initial-password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().strip()) == 24
    assert await _logs_in(access, file, "chief")
    assert [one.name for one in tmp_path.iterdir()] == ["initial-password"]


async def test_processes_that_start_together_make_one(
    make_access: MakeAccess, other_store: Store, tmp_path: Path
) -> None:
    processes = [make_access(), make_access(on=other_store), make_access(), make_access()]
    made = await asyncio.gather(*(one.first_start(tmp_path) for one in processes))
    assert sorted(one is not None for one in made) == [False, False, False, True]
    for process in processes:
        assert await _logs_in(process, tmp_path / "initial-password")
    assert [one.name for one in tmp_path.iterdir()] == ["initial-password"]
    assert await processes[0].accounts.count() == 1


async def test_hosts_that_share_no_folder_keep_only_the_password_that_is_right(
    make_access: MakeAccess, other_store: Store, tmp_path: Path
) -> None:
    hosts = [make_access(), make_access(on=other_store)]
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    pairs = list(zip(hosts, folders, strict=True))
    made = await asyncio.gather(*(host.first_start(folder) for host, folder in pairs))
    (file,) = (one for one in made if one is not None)
    assert await _logs_in(hosts[0], file)
    assert [one for folder in folders for one in folder.iterdir()] == [file]


async def test_a_start_after_the_first_changes_nothing(
    make_access: MakeAccess, tmp_path: Path
) -> None:
    access = make_access()
    file = await access.first_start(tmp_path)
    assert file is not None
    file.unlink()
    assert await access.first_start(tmp_path) is None
    assert await access.first_start(tmp_path, "another-one") is None
    assert list(tmp_path.iterdir()) == []


async def test_a_start_that_died_after_writing_the_password_is_continued(
    make_access: MakeAccess, tmp_path: Path
) -> None:
    left = tmp_path / "initial-password"
    left.write_text("written-before\n")
    left.chmod(0o644)
    access = make_access()
    assert await access.first_start(tmp_path) == left
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    assert await _logs_in(access, tmp_path / "initial-password")
    assert (tmp_path / "initial-password").read_text() == "written-before\n"


async def test_a_given_password_is_written_nowhere(make_access: MakeAccess, tmp_path: Path) -> None:
    access = make_access()
    assert await access.first_start(tmp_path, "given-1234") is None
    assert (await access.verify("admin", "given-1234")).name == "admin"
    assert list(tmp_path.iterdir()) == []


async def test_a_given_password_that_breaks_the_rules_is_refused(
    make_access: MakeAccess, tmp_path: Path
) -> None:
    access = make_access()
    with pytest.raises(PasswordRejected) as caught:
        await access.first_start(tmp_path, "short")
    assert "short" not in str(caught.value)
    assert await access.accounts.count() == 0


@pytest.mark.parametrize(
    ("administrator", "policy", "length"),
    [
        ("a", Policy(), 24),
        ("ab", Policy(min_password_length=200, max_password_length=200), 200),
        ("admin", Policy(min_password_length=1, max_password_length=8), 8),
    ],
)
async def test_the_made_password_keeps_the_rules(
    make_access: MakeAccess, tmp_path: Path, administrator: str, policy: Policy, length: int
) -> None:
    access = make_access(administrator=administrator, policy=policy)
    file = await access.first_start(tmp_path)
    assert file is not None
    assert len(file.read_text().strip()) == length
    assert await _logs_in(access, file, administrator)


async def test_a_folder_that_cannot_be_written_makes_no_account(
    make_access: MakeAccess, tmp_path: Path
) -> None:
    access = make_access()
    with pytest.raises(OSError, match="missing"):
        await access.first_start(tmp_path / "missing")
    assert await access.accounts.count() == 0


async def test_a_password_that_was_left_and_breaks_the_rules_stops_the_start(
    make_access: MakeAccess, tmp_path: Path
) -> None:
    (tmp_path / "initial-password").write_text("short\n")
    access = make_access()
    with pytest.raises(PasswordRejected, match="initial-password") as caught:
        await access.first_start(tmp_path)
    assert "short" not in str(caught.value)
    assert await access.accounts.count() == 0


async def test_real_processes_that_start_together_make_one_administrator(
    make_access: MakeAccess, store: Store, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.access.starter"]
    command += [store.options.url, store.options.namespace, str(tmp_path)]
    processes = [
        await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE) for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    for process in processes:  # all are up: now they start at once
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    said = [(await process.communicate())[0].decode().strip() for process in processes]
    assert sorted(said) == ["False", "False", "False", "True"]
    assert [process.returncode for process in processes] == [0] * 4
    file = tmp_path / "initial-password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["initial-password"]
    access = make_access()
    assert await _logs_in(access, file)
    assert await access.accounts.names(0, 9) == ["admin"]
