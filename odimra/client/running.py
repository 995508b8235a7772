"""Runs a command against a service: flags that all have, what is told of failures, exit codes."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Concatenate, NoReturn, ParamSpec

import aiohttp
import click

from odimra.client import login, profiles, trust
from odimra.client.errors import INTERRUPTED, ClientError
from odimra.client.http import AGENT, Api, Waiting, counting
from odimra.client.output import Output, plain
from odimra.client.profiles import Profile
from odimra.client.secrets import Secrets

Given = ParamSpec("Given")
WAIT_SECONDS = 5.0

#: The flags of every command that asks a service; docs/cli.md tells of them once.
COMMON = (
    click.option("--profile", metavar="NAME", help="Profile to use (ODIMRA_PROFILE)."),
    click.option("--url", metavar="URL", help="Address of the service (ODIMRA_URL)."),
    click.option("--account", metavar="NAME", help="Account that asks (ODIMRA_ACCOUNT)."),
    click.option("--ca", metavar="FILE", help="Certificates to trust (ODIMRA_CA)."),
    click.option(
        "--fingerprint",
        metavar="SHA256",
        help="The only certificate that counts (ODIMRA_FINGERPRINT).",
    ),
    click.option(
        "--wait",
        type=click.FloatRange(0),
        envvar="ODIMRA_WAIT",
        default=WAIT_SECONDS,
        show_default=True,
        metavar="SECONDS",
        help="How long to try when nobody answers (ODIMRA_WAIT).",
    ),
    click.option("--json", "as_json", is_flag=True, help="Write JSON."),
)
COMMON_NAMES = ("profile", "url", "account", "ca", "fingerprint", "wait", "as_json")


@dataclass(slots=True)
class Remote:
    """What a command works with."""

    api: Api
    out: Output
    secrets: Secrets
    env: Mapping[str, str]
    #: What a person reads who presses Ctrl-C.
    on_interrupt: list[str] = field(default_factory=list)

    @property
    def profile(self) -> Profile:
        """The service that is asked."""
        return self.api.profile


def remote(
    function: Callable[Concatenate[Remote, Given], Awaitable[None]],
) -> Callable[Given, None]:
    """Make a coroutine that asks a service the body of a command, with the flags of all."""

    @functools.wraps(function)
    def run(*args: Given.args, **flags: Given.kwargs) -> None:
        common = {name: flags.pop(name) for name in COMMON_NAMES}
        wait, as_json = common.pop("wait"), bool(common.pop("as_json"))
        out = Output(as_json)
        hints: list[str] = []
        with failures_told(out, hints):
            env = os.environ
            profile = profiles.chosen(env, common)  # type: ignore[arg-type]

            async def act() -> None:
                secrets = Secrets(env, profile)
                async with opened(profile, secrets, out, float(wait)) as api:  # type: ignore[arg-type]
                    await function(Remote(api, out, secrets, env, hints), *args, **flags)

            asyncio.run(act())

    for option in reversed(COMMON):
        option(run)
    return run


class opened:  # noqa: N801 - read as a word of the language, like contextlib's
    """``async with opened(...) as api``: a service with its connections."""

    def __init__(self, profile: Profile, secrets: Secrets, out: Output, wait: float) -> None:
        self._profile = profile
        self._secrets = secrets
        self._out = out
        self._wait = wait

    async def __aenter__(self) -> Api:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust.judge(self._profile)),
            headers={"User-Agent": AGENT},
            # Cookies are nobody's proof here.
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[counting()],
            read_bufsize=2**20,
        )
        prompt = ask if login.person() else None
        proof = login.Login(self._profile, self._secrets, prompt)
        return Api(self._profile, proof, self._client, Waiting(self._wait, self._out.away))

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


def ask(text: str) -> str:
    """Ask a person for a password."""
    return str(click.prompt(text, hide_input=True, err=True))


@contextmanager
def failures_told(out: Output, hints: list[str] | None = None) -> Iterator[None]:
    """Tell of what ends a command, and end it with its exit code. ``hints`` are for Ctrl-C."""
    try:
        yield
    except ClientError as error:
        tell(out, error)
    except KeyboardInterrupt:
        click.echo("", err=True)
        for hint in hints or ():
            click.echo(hint, err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader has gone, which is its right; what Python would still flush has no place.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def tell(out: Output, error: ClientError) -> NoReturn:
    """Write what is wrong and what to do next, and end."""
    if out.as_json:
        told = {"code": error.kind, "message": error.text, "remedy": error.remedy}
        click.echo(json.dumps({"error": told}), err=True)
    else:
        dot = "" if error.text.endswith((".", "!", "?")) else "."
        next_step = f" {error.remedy[0].upper()}{error.remedy[1:]}" if error.remedy else ""
        click.echo(plain(f"odimra: {error.text}{dot if next_step else ''}{next_step}"), err=True)
    sys.exit(error.code)
