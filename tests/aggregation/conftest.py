"""A strange BMC behind a socket, and who speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from odimra import certificates, config
from odimra.aggregation.bmc import Bmc, BmcOptions, Credentials, Wire, WireOptions
from tests.aggregation.strange import QuickClock, StrangeBmc


@pytest.fixture
def quick() -> QuickClock:
    return QuickClock()


@pytest.fixture
def strange() -> StrangeBmc:
    return StrangeBmc()


@pytest.fixture
async def base(strange: StrangeBmc, aiohttp_server: Callable[..., Any]) -> str:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", strange.serve)
    return str((await aiohttp_server(app)).make_url("/"))


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire(WireOptions(timeout=10.0, longest_answer=100_000)) as one:
        yield one


@pytest.fixture
def bmc(wire: Wire, base: str, quick: QuickClock, strange: StrangeBmc) -> Bmc:
    account = Credentials(strange.user, strange.password)
    return Bmc(wire, base, account, quick, options=BmcOptions())


@pytest.fixture
async def tls_bmc(strange: StrangeBmc, tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """A BMC with a certificate of its own making: where it is, and that certificate."""
    settings = config.load(None, {}, {"state_folder": str(tmp_path)})
    now = datetime.now(UTC)
    context = certificates.server_context(settings, now)
    pair = certificates.ensure_pair(settings, now)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", strange.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}", str(pair.certificate)
    await runner.cleanup()
