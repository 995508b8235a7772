"""``odimra login`` and ``odimra logout``."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from dataclasses import replace

import click

from odimra.client import login as proofs
from odimra.client import profiles, trust
from odimra.client.errors import BadUsage, ClientError, NotLoggedIn, ServiceFailed
from odimra.client.http import WrongCertificate
from odimra.client.lazy import COMMANDS
from odimra.client.output import Output
from odimra.client.profiles import Profile
from odimra.client.running import COMMON, Remote, ask, failures_told, opened, remote
from odimra.client.secrets import Secrets

ROOT = "/redfish/v1/"


@click.command("login", help=COMMANDS["login"][1])
@click.argument("address", metavar="[URL]", required=False)
@click.option("--password-stdin", is_flag=True, help="Read the password from the standard input.")
@click.option(
    "--no-remember", is_flag=True, help="Keep the session only, not the password, in the keyring."
)
@click.option(
    "--export", is_flag=True, help="Keep no session; print a line that a shell evaluates."
)
def login(
    address: str | None,
    password_stdin: bool,
    no_remember: bool,
    export: bool,
    profile: str | None,
    url: str | None,
    account: str | None,
    ca: str | None,
    fingerprint: str | None,
    wait: float,
    as_json: bool,
) -> None:
    """Log in; the profile is made, or changed, when that has worked."""
    out = Output(as_json)
    with failures_told(out):
        if address and url:
            raise BadUsage("the address is there twice", "leave --url out")
        said = {
            "profile": profile,
            "url": address or url,
            "account": account,
            "ca": os.path.abspath(ca) if ca else None,
            "fingerprint": fingerprint,
        }
        chosen = profiles.chosen(os.environ, said)
        chosen = replace(chosen, name=chosen.name or profiles.name_of(chosen.url))
        asyncio.run(_login(chosen, out, wait, password_stdin, not no_remember, export))


# The flags of all commands, but that the address is an argument, too.
for _option in reversed(COMMON):
    _option(login)


async def _login(
    profile: Profile, out: Output, wait: float, stdin: bool, remember: bool, export: bool
) -> None:
    profile = await _trusted(profile, out, wait)
    if not profile.account:
        if stdin or not proofs.person():
            raise BadUsage("no account is named", "name it: --account NAME")
        profile = replace(profile, account=str(click.prompt("Account", err=True)))
    secrets = Secrets(os.environ, profile)
    password = _password(profile, secrets, stdin)
    async with opened(profile, secrets, out, wait) as api:
        if not (export or secrets.keeps_sessions or secrets.given_password):
            profiles.keep(os.environ, profile)
            raise NotLoggedIn(
                "there is no keyring and no XDG_RUNTIME_DIR that could keep a session; the "
                f'profile "{profile.name}" is kept',
                "set ODIMRA_PASSWORD for the commands that follow, or run "
                f'eval "$(odimra login {shlex.quote(profile.url)} --account '
                f'{shlex.quote(profile.account)} --export)"',
            )
        old = secrets.session()
        session = await api.login.open(api, password, keep=not export)
        if old is not None and not export:
            # It would otherwise stay until its time is over, and count among those of the account.
            await api.plain("DELETE", old.uri, headers={proofs.HEADER: old.token})
        if not (export or secrets.keeps_sessions):
            # The password was right, which is all that there was to find out.
            await api.plain("DELETE", session.uri, headers={proofs.HEADER: session.token})
    profiles.keep(os.environ, profile)
    if export:
        click.echo(
            f"export ODIMRA_PROFILE={shlex.quote(profile.name)} "
            f"ODIMRA_TOKEN={shlex.quote(session.token)}"
        )
        return
    kept = remember and not secrets.given_password and secrets.keep_password(password)
    out.done(
        f"Logged in to {profile.url} as {profile.account} "
        f'(profile "{profile.name}"{", password in the keyring" if kept else ""})',
        {"profile": profile.name, "url": profile.url, "account": profile.account, "password": kept},
    )


def _password(profile: Profile, secrets: Secrets, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if secrets.given_password:
        return secrets.given_password
    if not proofs.person():
        raise BadUsage(
            "nobody is there to be asked for the password",
            "use --password-stdin, or set ODIMRA_PASSWORD",
        )
    return ask(f"Password of {profile.account} at {profile.url}")


async def _trusted(profile: Profile, out: Output, wait: float) -> Profile:
    """Return the profile with a certificate that counts. Raises if it is no Redfish service."""
    try:
        await _root(profile, out, wait)
    except WrongCertificate:
        if profile.ca or profile.fingerprint:
            raise
        seen = await trust.shown(profile.url)
        readable = trust.readable(seen)
        how = f"odimra login {profile.url} --fingerprint {readable}"
        if not proofs.person():
            raise WrongCertificate(
                f"nobody vouches for the certificate of {profile.url}",
                f"give its file with --ca, or, if this is its fingerprint: {how}",
            ) from None
        out.note(f"Nobody vouches for the certificate of {profile.url}. Its SHA-256 fingerprint is")
        out.note(readable)
        if not click.confirm("Is that the service's?", err=True):
            raise WrongCertificate(
                "the certificate is not trusted", "ask who runs the service for its certificate"
            ) from None
        profile = replace(profile, fingerprint=seen)
        await _root(profile, out, wait)
    return profile


async def _root(profile: Profile, out: Output, wait: float) -> None:
    async with opened(profile, Secrets({}, profile), out, wait) as api:
        answer = await api.open(ROOT)
    if answer.status != 200 or "RedfishVersion" not in answer.document:
        raise ServiceFailed(f"{profile.url} is no Redfish service", "is the address right?")


@click.command("logout", help=COMMANDS["logout"][1])
@remote
async def logout(remote: Remote) -> None:
    """End the session at the service, then forget it, whether or not the service answers."""
    secrets, profile = remote.secrets, remote.profile
    session = secrets.session()
    secrets.forget_session()
    secrets.forget_password()
    if session is None:
        remote.out.done(f"There was no session at {profile.url}", {"url": profile.url})
        return
    try:
        await remote.api.plain("DELETE", session.uri, headers={proofs.HEADER: session.token})
    except ClientError as error:
        remote.out.note(f"{error}; the session there ends by itself")
    remote.out.done(f"Logged out of {profile.url}", {"url": profile.url})
