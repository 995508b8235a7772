"""Logging in, profiles and secrets: what is kept where, and what is said when it does not work."""

from __future__ import annotations

import contextlib
import json
import stat
import time
from pathlib import Path

import pytest

from tests.client_cli.conftest import Desk, Ring, log_in
from tests.client_cli.terminal import Terminal
from tests.support.service import Service, free_port


def sessions(service: Service) -> int:
    with contextlib.closing(service.admin()) as client:
        # One is this client's own.
        members = client.get("/redfish/v1/SessionService/Sessions").body["Members"]
        assert client.session_uri
        client.delete(client.session_uri)
        return len(members) - 1


def everything(folder: Path) -> str:
    return "\n".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_login_keeps_address_and_account_and_no_secret(service: Service, desk: Desk) -> None:
    kept = json.loads(desk.profiles.read_text())
    name = service.address.removeprefix("https://")
    assert kept == {
        "current": name,
        "profiles": {
            name: {"url": service.address, "account": "admin", "ca": service.ca_file},
        },
    }
    assert stat.S_IMODE(desk.profiles.stat().st_mode) == 0o600
    assert service.password not in everything(desk.home)
    (session,) = (desk.home / "run").rglob("session-*")
    assert stat.S_IMODE(session.stat().st_mode) == 0o600
    assert desk.run("task", "list").code == 0


def test_one_session_serves_many_commands_and_logout_ends_it(
    service: Service, stranger: Desk
) -> None:
    before = sessions(service)
    log_in(service, stranger)
    log_in(service, stranger)  # in place of the first
    for _ in range(3):
        stranger.run("task", "list").ok()
    assert sessions(service) == before + 1
    assert stranger.run("logout").ok().out == f"Logged out of {service.address}\n"
    assert sessions(service) == before
    assert not list((stranger.home / "run").rglob("session-*"))
    done = stranger.run("task", "list")
    assert done.code == 4
    assert done.err == (
        f'odimra: not logged in to {service.address}. Run "odimra login {service.address}"\n'
    )
    assert stranger.run("logout").code == 0


def test_without_a_login_it_says_what_to_do(stranger: Desk) -> None:
    done = stranger.run("task", "list")
    assert (done.code, done.out) == (4, "")
    assert "odimra login https://HOST:PORT" in done.err
    told = json.loads(stranger.run("task", "list", "--json").err)
    assert told["error"]["code"] == "not-logged-in"


def test_a_wrong_password_is_no_session_and_no_profile(service: Service, stranger: Desk) -> None:
    done = stranger.run(
        *("login", service.address, "--account", "nobody", "--ca", service.ca_file),
        "--password-stdin",
        stdin="wrong\n",
    )
    assert done.code == 4
    assert "does not accept the account nobody" in done.err
    assert "wrong" not in done.err
    assert not stranger.profiles.exists()


def test_an_unknown_certificate_is_shown_and_not_trusted(service: Service, stranger: Desk) -> None:
    done = stranger.run(
        "login", service.address, "--account", "admin", "--password-stdin", stdin="x\n"
    )
    assert done.code == 3
    fingerprint = done.err.split("--fingerprint ")[1].strip()
    wrong = stranger.run(
        *("login", service.address, "--account", "admin", "--password-stdin"),
        *("--fingerprint", "00" * 32),
        stdin="x\n",
    )
    assert wrong.code == 3
    assert "shows another certificate" in wrong.err
    stranger.run(
        *("login", service.address, "--account", "admin", "--password-stdin"),
        *("--fingerprint", fingerprint),
        stdin=service.password,
    ).ok()
    stranger.run("task", "list").ok()
    assert stranger.run("task", "list", "--fingerprint", "11" * 32).code == 3
    # A file is as good, whatever was known before.
    stranger.run("task", "list", "--ca", service.ca_file).ok()


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("https://", 2),
        ("ftp://host", 2),
        ("https://me:secret@host", 2),
        ("https://host:99999", 2),
    ],
)
def test_an_address_that_is_none(stranger: Desk, address: str, code: int) -> None:
    done = stranger.run("login", address, "--account", "admin")
    assert done.code == code
    assert "secret" not in done.err
    assert "Traceback" not in done.err


def test_nobody_answers(stranger: Desk) -> None:
    port = free_port()
    start = time.monotonic()
    done = stranger.run("login", f"https://127.0.0.1:{port}", "--account", "admin", "--wait", "0.3")
    assert done.code == 3
    assert f"https://127.0.0.1:{port} does not answer: connection refused" in done.err
    assert 0.3 <= time.monotonic() - start < 10


def test_something_else_answers(service: Service, stranger: Desk) -> None:
    done = stranger.run(
        "login", service.address.replace("https", "http"), "--account", "admin", "--wait", "0"
    )
    assert done.code in (3, 7)
    assert "Traceback" not in done.err


def test_a_password_in_the_environment_needs_no_login_and_keeps_nothing(
    service: Service, stranger: Desk
) -> None:
    before = sessions(service)
    env = {
        "ODIMRA_URL": service.address,
        "ODIMRA_ACCOUNT": "admin",
        "ODIMRA_CA": service.ca_file,
        "ODIMRA_PASSWORD": service.password,
    }
    stranger.run("task", "list", **env).ok()
    assert sessions(service) == before
    assert everything(stranger.home) == ""
    wrong = stranger.run("task", "list", **{**env, "ODIMRA_PASSWORD": "wrong"})
    assert wrong.code == 4
    assert "ODIMRA_PASSWORD" in wrong.err
    nobody = stranger.run("task", "list", **{**env, "ODIMRA_ACCOUNT": ""})
    assert (nobody.code, "--account" in nobody.err) == (2, True)


def test_where_nothing_keeps_a_session_the_shell_may(service: Service, stranger: Desk) -> None:
    stranger.env["XDG_RUNTIME_DIR"] = ""
    flags = ("login", service.address, "--account", "admin", "--ca", service.ca_file)
    done = stranger.run(*flags, "--password-stdin", stdin=service.password)
    assert done.code == 4
    assert "--export" in done.err
    line = stranger.run(*flags, "--password-stdin", "--export", stdin=service.password).ok().out
    assert line.startswith("export ODIMRA_PROFILE=")
    token = line.strip().partition("ODIMRA_TOKEN=")[2]
    stranger.run("task", "list", ODIMRA_TOKEN=token).ok()
    assert token not in everything(stranger.home)
    ended = stranger.run("task", "list", ODIMRA_TOKEN="0" * 64)
    assert ended.code == 4
    assert "ODIMRA_TOKEN" in ended.err


def test_a_session_that_has_ended_is_made_anew_with_the_keyring(
    service: Service, stranger: Desk, ring: Ring
) -> None:
    log_in(service, stranger)
    assert not list((stranger.home / "run").rglob("session-*"))
    who = f"of admin@{service.address}"
    assert ring.kept["odimra", f"password {who}"] == service.password
    session = json.loads(ring.kept["odimra", f"session {who}"])
    with contextlib.closing(service.admin()) as client:
        assert client.delete(session["uri"]).status == 204
    stranger.run("task", "list").ok()
    assert json.loads(ring.kept["odimra", f"session {who}"])["token"] != session["token"]
    stranger.run("logout").ok()
    assert ring.kept == {}


def test_a_session_that_has_ended_without_a_password_says_so(
    service: Service, stranger: Desk, ring: Ring
) -> None:
    log_in(service, stranger, "--no-remember")
    who = f"of admin@{service.address}"
    session = json.loads(ring.kept["odimra", f"session {who}"])
    with contextlib.closing(service.admin()) as client:
        client.delete(session["uri"])
    done = stranger.run("task", "list")
    assert done.code == 4
    assert f'run "odimra login {service.address}"'.lower() in done.err.lower()


def test_a_password_that_is_wrong_by_now_is_not_tried_twice(
    service: Service, stranger: Desk, ring: Ring
) -> None:
    log_in(service, stranger)
    who = f"of admin@{service.address}"
    ring.kept["odimra", f"password {who}"] = "another"
    ring.kept["odimra", f"session {who}"] = json.dumps({"token": "0" * 64, "uri": "/"})
    assert stranger.run("task", "list").code == 4
    assert ("odimra", f"password {who}") not in ring.kept


def test_a_keyring_that_stays_locked_is_as_none(
    service: Service, stranger: Desk, ring: Ring
) -> None:
    ring.locked = True
    log_in(service, stranger)
    stranger.run("task", "list").ok()
    assert list((stranger.home / "run").rglob("session-*"))


def test_profiles_are_told_apart(service: Service, desk: Desk) -> None:
    port = free_port()
    document = json.loads(desk.profiles.read_text())
    document["profiles"]["other"] = {"url": f"https://127.0.0.1:{port}", "account": "x"}
    desk.profiles.write_text(json.dumps(document))
    desk.run("task", "list").ok()
    assert desk.run("task", "list", "--profile", "other").code == 4
    assert desk.run("task", "list", ODIMRA_PROFILE="other").code == 4
    missing = desk.run("task", "list", "--profile", "lab")
    assert missing.code == 2
    assert "odimra login URL --profile lab" in missing.err
    # By its address it is the same profile, with its certificate and its session.
    desk.run("task", "list", "--url", service.address).ok()


def test_a_session_goes_to_no_other_address(service: Service, desk: Desk) -> None:
    """The account of one service is none of another's, nor is its session."""
    done = desk.run("task", "list", "--url", f"https://localhost:{service.port}", "--wait", "0")
    assert done.code == 4


def test_a_file_of_profiles_that_is_broken(desk: Desk) -> None:
    for text in ("{", "[]", '{"profiles": 3}'):
        desk.profiles.write_text(text)
        done = desk.run("task", "list")
        assert done.code == 2
        assert "profiles.json" in done.err


def test_a_file_of_certificates_that_is_none(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "missing.pem"):
        done = desk.run("task", "list", "--ca", str(tmp_path / name))
        assert done.code == 2
        assert "cannot be used as certificates" in done.err


def test_a_person_is_asked_for_what_is_missing(service: Service, stranger: Desk) -> None:
    """An unknown certificate counts when a person says so; the password is not shown."""
    with Terminal(stranger, "login", service.address) as terminal:
        terminal.expect("Nobody vouches for the certificate")
        terminal.expect("[y/N]: ")
        terminal.say("y")
        terminal.expect("Account: ")
        terminal.say("admin")
        terminal.expect(f"Password of admin at {service.address}: ")
        terminal.say(service.password)
        terminal.expect("Logged in to")
    assert terminal.code == 0
    assert service.password not in terminal.drawn
    (profile,) = json.loads(stranger.profiles.read_text())["profiles"].values()
    assert len(profile["fingerprint"]) == 64
    stranger.run("task", "list").ok()
    # Its session has ended, and nothing knows the password: a person is asked again.
    (kept,) = (stranger.home / "run").rglob("session-*")
    kept.write_text('{"token": "none", "uri": "/"}')
    with Terminal(stranger, "system", "list") as terminal:
        terminal.expect("Password of admin")
        terminal.say(service.password)
        terminal.expect("node-1")
    assert terminal.code == 0
    stranger.run("task", "list").ok()


def test_a_certificate_that_a_person_does_not_know_is_not_trusted(
    service: Service, stranger: Desk
) -> None:
    with Terminal(stranger, "login", service.address, "--account", "admin") as terminal:
        terminal.expect("[y/N]: ")
        terminal.say("n")
        terminal.expect("is not trusted")
    assert terminal.code == 3
    assert not stranger.profiles.exists()
