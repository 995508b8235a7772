"""Passwords are sealed with a key from outside of the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from odimra.aggregation.vault import BadKey, NotOpened, Vault


def test_a_password_comes_back_and_cannot_be_read_before(tmp_path: Path) -> None:
    path = tmp_path / "state" / "key"
    sealed = Vault.open(path).seal("a", "correct horse")
    assert "correct" not in sealed
    assert Vault.open(path).unseal("a", sealed) == "correct horse"
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_opens_for_its_source_only(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path / "key")
    with pytest.raises(NotOpened, match="another source"):
        vault.unseal("b", vault.seal("a", "word"))


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    sealed = Vault.open(tmp_path / "one").seal("a", "word")
    with pytest.raises(NotOpened, match="another key"):
        Vault.open(tmp_path / "two").unseal("a", sealed)


def test_a_key_can_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "key"
    sealed = Vault.open(path).seal("a", "word")
    old = path.read_text()
    path.write_text(f"# since today\n{Fernet.generate_key().decode()}\n{old}")
    vault = Vault.open(path)
    assert vault.unseal("a", sealed) == "word"
    again = vault.seal("a", "word")
    path.write_text("".join(line for line in path.open() if line != old))
    assert Vault.open(path).unseal("a", again) == "word"
    with pytest.raises(NotOpened):
        Vault.open(path).unseal("a", sealed)


def test_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: Vault.open(path), range(8)))
    sealed = vaults[0].seal("a", "word")
    assert {one.unseal("a", sealed) for one in vaults} == {"word"}


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff\xfe", b"# only this\n"])
def test_a_file_that_holds_no_key_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(BadKey, match=str(path)):
        Vault.open(path)
