"""Who comes back, who is slow, and what a stream costs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from odimra.events import Rendered
from odimra.events.payload import LONGEST
from odimra.events.reader import Reader, messages
from odimra.redfish.event_json import STREAM
from odimra.store import Store
from odimra.tasks import Tasks, states
from tests.events.station import Clients, MakeStation, Station, until
from tests.events.test_push import _self_signed
from tests.tasks.conftest import bring

LIFE = ["TaskStarted", "TaskProgressChanged", "TaskCompletedOK"]
#: The least that a setting allows.
BOUND = 64 * 1024


async def say(store: Store, first: int, count: int, keep: int = 100_000) -> list[str]:
    """Write events to the stream as the steps of tasks do; return what they are told by."""
    names = [f"task-{number}" for number in range(first, first + count)]
    commands = [
        store.call(
            *("XADD", store.keys.events, "MAXLEN", keep, "*", "message", "TaskStarted"),
            *("severity", "OK", "at", 1, "owner", "", "task", name),
        )
        for name in names
    ]
    for command in commands:
        await command
    return names


def named(records: list[dict[str, object]]) -> list[str]:
    """Return which tasks are told of, in order."""
    return [one["MessageArgs"][0] for one in records if one["MessageArgs"]]  # type: ignore[index]


def key(record: dict[str, object]) -> str:
    return str(record["MessageId"]).rpartition(".")[2]


# Who comes back


async def test_who_comes_back_goes_on_without_a_gap_or_a_double(
    make_station: MakeStation, who: Clients, store: Store
) -> None:
    station = await make_station(page=7, batch=11)
    first = await who.listen(station.url)
    expected = await say(store, 0, 5)
    await until(lambda: named(first.records) == expected)
    first.response.close()
    # Enough for many pages, and more while they are read.
    expected += await say(store, 5, 300)
    again, more = await asyncio.gather(
        who.listen(station.url, "ResourceType eq 'Task'", Last_Event_ID=first.last_id),
        say(store, 305, 300),
    )
    expected += more + await say(store, 605, 50)
    await until(lambda: len(again.records) >= len(expected) - 5)
    assert named(first.records) + named(again.records) == expected


@pytest.mark.parametrize("word", ["", ".lost", ".end"])
async def test_going_on_behind_any_id_that_was_given(
    station: Station, who: Clients, store: Store, word: str
) -> None:
    first = await who.listen(station.url)
    expected = await say(store, 0, 3)
    await until(lambda: len(first.records) == 3)
    place = first.records[0]["EventId"]
    again = await who.listen(station.url, Last_Event_ID=f"{place}{word}")
    await until(lambda: named(again.records) == expected[1:])


async def test_what_is_lost_is_told_first(station: Station, who: Clients, store: Store) -> None:
    first = await who.listen(station.url)
    await say(store, 0, 1)
    await until(lambda: first.records)
    first.response.close()
    expected = (await say(store, 1, 500, keep=100))[-99:]
    again = await who.listen(station.url, Last_Event_ID=first.last_id)
    await until(lambda: len(again.records) >= 100)
    assert key(again.records[0]) == "EventBufferExceeded"
    told = named(again.records)
    assert told[-99:] == expected


async def test_an_id_of_another_history_is_told_as_a_gap(
    station: Station, who: Clients, store: Store
) -> None:
    await say(store, 0, 3)
    for given in ("999999999999999-0", "0-0"):
        listener = await who.listen(station.url, Last_Event_ID=given)
        await until(lambda one=listener: one.records)  # type: ignore[misc]
        assert key(listener.records[0]) == "EventBufferExceeded"
        before = len(listener.records)
        (name,) = await say(store, 10, 1)
        await until(lambda one=listener: len(one.records) > before)  # type: ignore[misc]  # noqa: B023
        assert named(listener.records)[-1] == name
        listener.response.close()


@pytest.mark.parametrize("given", ["", "x", "5", "5-", "-5", "5-0-1", "5-0.more", "1" * 20 + "-0"])
async def test_an_id_that_was_never_given_is_refused(
    station: Station, who: Clients, given: str
) -> None:
    status, body, _ = await who.ask("GET", f"{station.url}{STREAM}", Last_Event_ID=given)
    (one,) = body["error"]["@Message.ExtendedInfo"]
    assert status == 400 and one["MessageArgs"] == ["Last-Event-ID"]


async def test_many_who_come_back_have_each_event_rendered_once(
    make_station: MakeStation, who: Clients, store: Store
) -> None:
    station = await make_station(limit=20)
    first = await who.listen(station.url)
    expected = await say(store, 0, 50)
    await until(lambda: named(first.records) == expected)
    again = [await who.listen(station.url, Last_Event_ID="0-0") for _ in range(5)]
    await until(lambda: all(set(expected) <= set(named(one.records)) for one in again))
    assert len(station.rendered) == len(set(station.rendered))


async def cut_under_the_tail(station: Station, who: Clients, store: Store) -> list[bool]:
    """Cut the stream while a read of it is held up; return who was told of what is missing."""
    listeners = [await who.listen(station.url) for _ in range(2)]
    await until(lambda: len(station.feed._live) == 2)
    read, stopped, waiting = station.streams.read, asyncio.Event(), asyncio.Event()

    async def later(*args: object) -> object:
        waiting.set()
        await stopped.wait()
        return await read(*args)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(station.streams, "read", later)
        await waiting.wait()
        await say(store, 0, 300, keep=50)
        stopped.set()
        for one in listeners:
            await until(lambda one=one: named(one.records)[-1:] == ["task-299"])  # type: ignore[misc]
            assert not one.ended
    return ["EventBufferExceeded" in map(key, one.records) for one in listeners]


async def test_history_that_is_cut_under_the_tail_is_told_to_all(
    make_station: MakeStation, who: Clients, store: Store
) -> None:
    # On a busy machine a read that was under way before may find all of it: then nothing is
    # missing, and nothing is to be told.
    for _ in range(5):
        if all(await cut_under_the_tail(await make_station(), who, store)):
            return
    pytest.fail("nobody was told that events are missing")


async def test_an_event_that_cannot_be_told_silences_nobody(
    station: Station, who: Clients, store: Store
) -> None:
    listener = await who.listen(station.url)
    strange = ("message", "NeverHeardOf", "severity", "OK", "at", 1, "task", "1", "owner", "")
    await store.call("XADD", store.keys.events, "*", *strange)
    expected = await say(store, 0, 1)
    await until(lambda: named(listener.records) == expected)


# Who is slow


@contextlib.asynccontextmanager
async def deaf(station: Station, *lines: str) -> AsyncIterator[socket.socket]:
    """A connection that asks for a stream and takes as little as can be."""
    place = urlsplit(station.url)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        taken.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(taken, (place.hostname, place.port))
        head = (f"GET {STREAM} HTTP/1.1", "Host: x", "X-Auth-Token: root", *lines, "", "")
        await loop.sock_sendall(taken, "\r\n".join(head).encode())
        yield taken


async def everything(taken: socket.socket) -> bytes:
    """Read to the end."""
    loop, found = asyncio.get_running_loop(), b""
    async with asyncio.timeout(30):
        while data := await loop.sock_recv(taken, 65536):
            found += data
    return found


async def test_a_slow_reader_is_dropped_with_a_message_and_others_go_on(
    make_station: MakeStation,
    who: Clients,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting: list[int] = []
    wrote = Reader._write

    def write(self: Reader, one: object) -> None:
        wrote(self, one)  # type: ignore[arg-type]
        waiting.append(self._transport.get_write_buffer_size())

    monkeypatch.setattr(Reader, "_write", write)
    station = await make_station(bound=BOUND, batch=20)
    listener = await who.listen(station.url)
    expected: list[str] = []
    async with deaf(station) as taken:
        await until(lambda: len(station.feed) == 2)
        # The kernel takes some of it before anything waits here.
        while len(station.feed) == 2:
            assert len(expected) < 20_000, "it is not dropped"
            expected += await say(store, len(expected), 200)
            await until(lambda so_far=list(expected): named(listener.records) == so_far)  # type: ignore[misc]
        assert not listener.ended
        # No more than the bound, the message that passed it, and the last word.
        assert max(waiting) < BOUND + 40_000
        await until(lambda: _left(station, 1))
        heard = await everything(taken)
    blocks = [one for one in heard.split(b"\n\n") if b"data: " in one]
    assert b"EventBufferExceeded" in blocks[-1] and b"SubscriptionTerminated" in blocks[-1]
    assert blocks[-1].index(b"EventBufferExceeded") < blocks[-1].index(b"SubscriptionTerminated")
    assert heard.endswith(b"0\r\n\r\n")
    # It comes back and has lost nothing.
    last_id = blocks[-1].partition(b"id: ")[2].partition(b"\n")[0].decode()
    known = sum(one.count(b'"EventId"') for one in blocks[:-1])
    again = await who.listen(station.url, "RegistryPrefix eq 'TaskEvent'", Last_Event_ID=last_id)
    await until(lambda: len(again.records) >= len(expected) - known)
    assert named(again.records) == expected[known:]


async def _left(station: Station, count: int) -> bool:
    return await station.streams.count() == count


async def test_a_reader_that_takes_no_last_word_is_cut_off(
    make_station: MakeStation, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odimra.events.reader.GRACE", 0.05)
    station = await make_station(bound=BOUND)
    async with deaf(station) as taken:
        await until(lambda: len(station.feed) == 1)
        for _ in range(50):
            await say(store, 0, 400)
        await until(lambda: len(station.feed) == 0)
        server = station.runner.server
        await until(lambda: server is not None and not server.connections)
        # What had left arrives; what waited was let go of, the end with it.
        assert not (await everything(taken)).endswith(b"0\r\n\r\n")


async def test_who_does_not_take_what_was_before_is_not_waited_for(
    make_station: MakeStation, store: Store
) -> None:
    station = await make_station(patience=0.1, page=50)
    await say(store, 0, 4000)
    async with deaf(station, "Last-Event-ID: 0-0") as taken:
        await until(lambda: len(station.feed) == 1)
        await until(lambda: len(station.feed) == 0)
        heard = await everything(taken)
    assert b"SubscriptionTerminated" in heard
    # It was read from the store as it was taken: what the kernel takes, and not all that is there.
    assert heard.count(b'"EventId"') < 4000


async def test_a_client_that_says_no_more_is_gone(station: Station) -> None:
    async with deaf(station) as taken:
        await until(lambda: len(station.feed) == 1)
        taken.shutdown(socket.SHUT_WR)
        await until(lambda: len(station.feed) == 0)
        await until(lambda: _left(station, 0))


# Other ways to talk


async def test_a_client_without_chunks_is_told_too(station: Station, tasks: Tasks) -> None:
    place = urlsplit(station.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"GET {STREAM} HTTP/1.0\r\nX-Auth-Token: root\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"chunked" not in head
    assert (await reader.readuntil(b"\n\n")).startswith(b": open\n")
    await bring(tasks, states.CANCELLED)
    assert (await reader.readuntil(b"\n\n")).startswith(b"id: ")
    writer.close()


async def test_a_stream_over_tls(
    make_station: MakeStation, who: Clients, store: Store, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(tmp_path))
    station = await make_station(ssl_context=context)
    listener = await who.listen(station.url)
    expected = await say(store, 0, 500)
    await until(lambda: named(listener.records) == expected)
    listener.response.close()
    await until(lambda: _left(station, 0))


def test_no_payload_is_longer_than_may_be() -> None:
    text = "x" * 200_000
    events = [
        (f"1-{number}", Rendered({"MessageId": "Base.1.0.X", "Message": text}, "/x", "Task"))
        for number in range(12)
    ]
    found = messages(events, 500)
    sizes = [len(one.plain(b'"%b"' % (b"c" * 32))) for one in found]
    assert len(found) == 3 and max(sizes) < LONGEST
    assert [one.through for one in found] == ["1-4", "1-9", "1-11"]


async def test_a_thousand_streams_are_one_tail(
    make_station: MakeStation, who: Clients, store: Store
) -> None:
    """Not how fast, but that it is so: as many look-ups and renderings as for one."""
    station = await make_station(limit=1000)
    responses = await asyncio.gather(*(who.open(station.url) for _ in range(300)))
    await until(lambda: len(station.feed) == 300)
    reads = 0
    read = station.streams.read

    async def counted(*args: object) -> object:
        nonlocal reads
        reads += 1
        return await read(*args)  # type: ignore[arg-type]

    await until(lambda: not station.rendered or len(station.rendered) >= 299)
    station.streams.read = counted  # type: ignore[method-assign,assignment]
    expected = set(await say(store, 0, 100))
    started = asyncio.get_running_loop().time()

    async def hear(response: object) -> None:
        heard = b""
        async for data in response.content.iter_any():  # type: ignore[attr-defined]
            heard += data
            if heard.count(b"TaskStarted") >= len(expected):
                return

    await asyncio.gather(*map(hear, responses))
    took = asyncio.get_running_loop().time() - started
    # A read for each stream, even of some of the events, would be a thousand and more.
    assert reads <= took / station.feed.options.poll + 300
    assert len(station.rendered) == len(set(station.rendered))
    for response in responses:
        response.close()
    await until(lambda: _left(station, 0))
