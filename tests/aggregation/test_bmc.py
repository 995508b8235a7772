"""Speaking to one BMC: sessions, patience, and what is wrong with it."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from odimra import trail
from odimra.aggregation.bmc import (
    BadAnswer,
    Bmc,
    BmcDown,
    BmcOptions,
    CertificateRefused,
    Credentials,
    LoginRefused,
    Refused,
    Unreachable,
    Wire,
    WireOptions,
)
from tests.aggregation.strange import RESET, SESSIONS, QuickClock, Say, StrangeBmc

SYSTEM = "/redfish/v1/Systems/1"


# Sessions


async def test_one_session_serves_all_requests(bmc: Bmc, strange: StrangeBmc) -> None:
    answers = await asyncio.gather(*(bmc.get(f"{SYSTEM}{number}") for number in range(10)))
    assert [one.body for one in answers] == [{"@odata.id": f"{SYSTEM}{n}"} for n in range(10)]
    assert strange.logins == 1
    assert {one.headers.get("X-Auth-Token") for one in strange.heard[1:]} == {"token-1"}


async def test_a_bmc_is_told_the_id_of_the_request(bmc: Bmc, strange: StrangeBmc) -> None:
    asked = trail.request_id.set("ticket-4711")
    await bmc.ask("POST", RESET, {"ResetType": "On"})
    trail.request_id.reset(asked)
    await bmc.get(SYSTEM)
    ids = [one.headers.get(trail.HEADER) for one in strange.heard]
    assert ids[-2:] == ["ticket-4711", None]


async def test_a_session_that_has_ended_is_opened_again(bmc: Bmc, strange: StrangeBmc) -> None:
    await bmc.get(SYSTEM)
    strange.tokens.clear()  # it was rebooted, say
    answers = await asyncio.gather(*(bmc.get(SYSTEM) for _ in range(10)))
    assert all(one.good for one in answers) and strange.logins == 2


async def test_a_bmc_without_sessions_gets_basic(bmc: Bmc, strange: StrangeBmc) -> None:
    strange.sessions = False
    for _ in range(3):
        assert (await bmc.get(SYSTEM)).good
    assert strange.asked("POST", SESSIONS) == 1


async def test_a_login_without_a_token_is_none(bmc: Bmc, strange: StrangeBmc) -> None:
    strange.say("POST", SESSIONS, Say(201, {}))
    assert (await bmc.get(SYSTEM)).good
    assert strange.heard[-1].headers["Authorization"].startswith("Basic ")


async def test_a_wrong_password_is_not_tried_until_the_account_is_locked(
    wire: Wire, base: str, quick: QuickClock, strange: StrangeBmc
) -> None:
    bmc = Bmc(wire, base, Credentials("root", "wrong-wrong"), quick)
    for _ in range(20):
        with pytest.raises(LoginRefused) as refused:
            await bmc.get(SYSTEM)
        assert "wrong" not in str(refused.value)
    assert strange.asked("POST", SESSIONS) == 1
    quick.advance(61)
    with pytest.raises(LoginRefused):
        await bmc.get(SYSTEM)
    assert strange.asked("POST", SESSIONS) == 2


async def test_a_session_is_closed(bmc: Bmc, strange: StrangeBmc) -> None:
    await bmc.get(SYSTEM)
    await bmc.close()
    assert (strange.heard[-1].method, strange.heard[-1].path) == ("DELETE", f"{SESSIONS}/1")
    await bmc.close()
    assert strange.asked("DELETE", f"{SESSIONS}/1") == 1


def test_a_password_is_not_shown() -> None:
    assert "calvin" not in repr(Credentials("root", "calvin-9"))


# Patience


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_bmc_is_asked_again(
    bmc: Bmc, strange: StrangeBmc, quick: QuickClock, status: int
) -> None:
    strange.say("GET", SYSTEM, Say(status), Say(status, headers={"Retry-After": "2"}), Say(200, {}))
    assert (await bmc.get(SYSTEM)).status == 200
    first, second = quick.slept
    assert 0.25 <= first <= 0.5 and second == 2


async def test_a_retry_after_may_be_a_date(
    bmc: Bmc, strange: StrangeBmc, quick: QuickClock
) -> None:
    date = {"Retry-After": "Fri, 15 Jan 2027 08:00:03 GMT"}
    strange.say(
        "GET", SYSTEM, Say(503, headers=date), Say(503, headers={"Retry-After": "soon"}), Say()
    )
    await bmc.get(SYSTEM)
    assert quick.slept[0] == 3 and 0.5 <= quick.slept[1] <= 1


async def test_patience_ends(bmc: Bmc, strange: StrangeBmc) -> None:
    strange.say("GET", SYSTEM, Say(503))
    with pytest.raises(Refused) as refused:
        await bmc.get(SYSTEM)
    assert refused.value.status == 503 and strange.asked("GET", SYSTEM) == 4


async def test_a_read_that_breaks_off_is_sent_again(bmc: Bmc, strange: StrangeBmc) -> None:
    strange.say("GET", SYSTEM, Say(drop=True), Say(200, {}))
    assert (await bmc.get(SYSTEM)).good


async def test_a_reset_that_may_have_been_done_is_not_sent_again(
    bmc: Bmc, strange: StrangeBmc
) -> None:
    strange.say("POST", RESET, Say(drop=True), Say(204))
    with pytest.raises(Unreachable) as broken:
        await bmc.request("POST", RESET, {"ResetType": "On"})
    assert broken.value.sent and strange.asked("POST", RESET) == 1


async def test_a_reset_that_was_put_off_is_sent_again(bmc: Bmc, strange: StrangeBmc) -> None:
    strange.say("POST", RESET, Say(503, headers={"Retry-After": "1"}), Say(204))
    assert (await bmc.request("POST", RESET, {"ResetType": "On"})).status == 204


@pytest.mark.parametrize("said", [Say(503), Say(502, headers={"Retry-After": "1"})])
async def test_a_reset_of_which_nobody_knows_is_not_sent_again(
    bmc: Bmc, strange: StrangeBmc, said: Say
) -> None:
    strange.say("POST", RESET, said)
    with pytest.raises(Refused):
        await bmc.request("POST", RESET, {"ResetType": "On"})
    assert strange.asked("POST", RESET) == 1


async def test_a_dead_bmc_is_left_alone_for_a_while(wire: Wire, quick: QuickClock) -> None:
    options = BmcOptions(retries=0, failures=3, left_alone=5, longest_left_alone=20)
    dead = Bmc(wire, "http://127.0.0.1:1", Credentials("a", "b"), quick, options=options)
    for _ in range(3):
        with pytest.raises(Unreachable, match="there is no connection"):
            await dead.get(SYSTEM)
    for pause in (5, 10, 20, 20):
        with pytest.raises(BmcDown, match=f"not asked for {pause} s"):
            await dead.get(SYSTEM)
        assert dead.breaker.open
        quick.advance(pause)
        with pytest.raises(Unreachable) as tried:
            await dead.get(SYSTEM)
        assert not isinstance(tried.value, BmcDown)


async def test_a_bmc_that_is_back_is_spoken_to(
    bmc: Bmc, strange: StrangeBmc, quick: QuickClock
) -> None:
    await bmc.get(SYSTEM)
    strange.say("GET", SYSTEM, Say(drop=True))
    with pytest.raises(BmcDown):
        await bmc.get(SYSTEM)
    strange.say("GET", SYSTEM, Say(200, {}))
    quick.advance(6)
    tries = [asyncio.ensure_future(bmc.get(SYSTEM)) for _ in range(5)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(one, Exception) for one in done) == 1, "one tries, the others wait"
    assert (await bmc.get(SYSTEM)).good and not bmc.breaker.open


async def test_who_gives_up_does_not_keep_a_bmc_left_alone(
    bmc: Bmc, strange: StrangeBmc, quick: QuickClock
) -> None:
    await bmc.get(SYSTEM)
    strange.say("GET", SYSTEM, Say(drop=True))
    with pytest.raises(BmcDown):
        await bmc.get(SYSTEM)
    strange.say("GET", SYSTEM, Say(200, {}, wait=0.5), Say(200, {}))
    quick.advance(6)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await bmc.get(SYSTEM)
    assert (await bmc.get(SYSTEM)).good


# What is wrong with it


async def test_an_error_has_what_the_bmc_says(bmc: Bmc, strange: StrangeBmc) -> None:
    info = {
        "error": {"@Message.ExtendedInfo": [{"Message": "Not while it is on."}], "message": "x"}
    }
    bodies: list[tuple[Any, str]] = [
        (info, "Not while it is on."),
        ({"error": {"message": "General"}}, "General"),
        ({"error": {"@Message.ExtendedInfo": {"Message": "As an object"}}}, "As an object"),
        ({"error": "text"}, "it answers 400"),
        ([], "it answers 400"),
        ("<html>Bad gateway</html>", "it answers 400"),
        (None, "it answers 400"),
    ]
    for body, said in bodies:
        strange.say("POST", RESET, Say(400, body))
        with pytest.raises(Refused) as refused:
            await bmc.request("POST", RESET, {})
        assert (refused.value.status, str(refused.value)) == (400, said)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ('\ufeff{"a": 1}', {"a": 1}),
        ('{"a": NaN, "b": 1}', {"a": None, "b": 1}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": "tab\there"}', {"a": "tab\there"}),
        ("[1]", None),
        ('"text"', None),
        ("", None),
        ("  \n", None),
    ],
)
async def test_json_as_bmcs_write_it_is_read(
    bmc: Bmc, strange: StrangeBmc, body: str, read: Any
) -> None:
    strange.say("GET", SYSTEM, Say(200, body))
    assert (await bmc.get(SYSTEM)).body == read


@pytest.mark.parametrize("body", ["{", "<html>", "[" * 100_000])
async def test_what_is_no_json_is_said_to_be_none(
    wire: Wire, bmc: Bmc, strange: StrangeBmc, body: str
) -> None:
    strange.say("GET", SYSTEM, Say(200, body))
    with pytest.raises(BadAnswer, match="is no JSON"):
        await bmc.get(SYSTEM)


async def test_an_answer_without_end_is_not_read(bmc: Bmc, strange: StrangeBmc) -> None:
    strange.say("GET", SYSTEM, Say(200, {"a": "x" * 200_000}))
    with pytest.raises(BadAnswer, match="longer than 100000 bytes"):
        await bmc.get(SYSTEM)


async def test_a_bmc_that_moves_things_is_followed_to_itself_only(
    bmc: Bmc, strange: StrangeBmc, base: str
) -> None:
    strange.say("GET", "/redfish/v1", Say(308, headers={"Location": "/redfish/v1/"}))
    assert (await bmc.get("/redfish/v1")).body == {"@odata.id": "/redfish/v1/"}
    strange.say("GET", "/round", Say(301, headers={"Location": "/round"}))
    assert (await bmc.get("/round")).status == 301
    strange.say("GET", "/away", Say(302, headers={"Location": "http://127.0.0.2:1/steal"}))
    assert (await bmc.get("/away")).status == 302
    strange.say("POST", RESET, Say(307, headers={"Location": "/redfish/v1/Other"}))
    assert (await bmc.request("POST", RESET, {})).status == 307


async def test_one_that_says_nothing_is_not_waited_for(
    base: str, strange: StrangeBmc, quick: QuickClock
) -> None:
    strange.say("GET", SYSTEM, Say(200, {}, wait=5))
    async with Wire(WireOptions(timeout=0.2)) as wire:
        options = BmcOptions(retries=0)
        bmc = Bmc(wire, base, Credentials("root", "calvin-9"), quick, options=options)
        with pytest.raises(Unreachable, match="in time") as late:
            await bmc.get(SYSTEM)
        assert late.value.sent


async def test_certificates(wire: Wire, quick: QuickClock, tls_bmc: tuple[str, str]) -> None:
    base, pem = tls_bmc
    given = Credentials("root", "calvin-9")
    with pytest.raises(CertificateRefused, match="not to be trusted"):
        await Bmc(wire, base, given, quick, options=BmcOptions(retries=0)).get(SYSTEM)
    pinned = ssl.create_default_context(cafile=pem)
    assert (await Bmc(wire, base, given, quick, tls=pinned).get(SYSTEM)).good
    assert (await Bmc(wire, base, given, quick, tls=False).get(SYSTEM)).good
    plain = Bmc(wire, base.replace("https", "http"), given, quick, options=BmcOptions(retries=0))
    with pytest.raises(Unreachable):
        await plain.get(SYSTEM)


async def test_a_bmc_without_sessions_that_wants_a_password_to_say_so(
    bmc: Bmc, strange: StrangeBmc
) -> None:
    """sushy-emulator with accounts: 401 for the login, as for everything that names nobody."""
    wants = Say(401, None, {"WWW-Authenticate": 'Basic realm="x"'})
    strange.say("POST", SESSIONS, wants)
    strange.say("GET", SESSIONS, Say(404))
    assert (await bmc.get("/redfish/v1/Systems/1")).status == 200
    assert (await bmc.get("/redfish/v1/Systems/1")).status == 200
    assert strange.asked("POST", SESSIONS) == 1


async def test_a_wrong_password_is_wrong_either_way(bmc: Bmc, strange: StrangeBmc) -> None:
    wants = Say(401, None, {"WWW-Authenticate": 'Basic realm="x"'})
    strange.say("POST", SESSIONS, wants)
    strange.say("GET", SESSIONS, wants)
    for _ in range(2):
        with pytest.raises(LoginRefused):
            await bmc.get("/redfish/v1/Systems/1")
    assert strange.asked("POST", SESSIONS) == 1, "an account must not be locked"
