"""The process of scripts from within: what it says on its socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from odimra.scripting import child
from odimra.scripting.child import Engine, Link, serve

MEMORY, STACK = 16 * 1024 * 1024, 256 * 1024


class Parent:
    """The other end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.link = Link(connection)
        self.said: list[tuple[bytes, list[bytes]]] = []

    def ask(self, source: str, kind: bytes = b"S", answer: bytes = b'{"value": 1}') -> str:
        """Return what is said of a script."""
        parts = [source.encode()] if kind == b"K" else [source.encode(), b"[7]", b'["n"]']
        self.link.send(kind, *parts)
        while True:
            letter, found = self.link.receive()
            if letter == b"D":
                return found[0].decode()
            self.said.append((letter, found))
            if letter == b"C":
                self.link.send(b"A", answer)


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parent]:
    monkeypatch.setattr(child, "RUNS", 3)
    ours, theirs = socket.socketpair()
    ours.settimeout(20)

    def run() -> None:
        link = Link(theirs)
        with theirs, pytest.raises(EOFError):
            serve(link, lambda: Engine(link, MEMORY, STACK, 2))

    thread = threading.Thread(target=run)
    thread.start()
    made = Parent(ours)
    assert made.link.receive() == (b"R", [])
    yield made
    ours.close()
    thread.join(20)
    assert not thread.is_alive()


def test_values_failures_and_nothing(parent: Parent) -> None:
    assert parent.ask("n + 1") == "v8"
    assert parent.ask("var a") == "u"
    failed = parent.ask("\nthrow new Error('no')")
    assert failed[0] == "e"
    assert json.loads(failed[1:]) == {"message": "Error: no", "line": 2, "syntax": False}
    # Made anew by now, and none the worse.
    assert parent.ask("n") == "v7"


def test_a_script_is_read_without_being_run(parent: Parent) -> None:
    assert parent.ask("openidm.read('x')", b"K") == "u"
    failed = parent.ask("var = 1", b"K")
    assert json.loads(failed[1:])["syntax"] is True
    assert parent.said == []


def test_calls_and_lines(parent: Parent) -> None:
    assert parent.ask("openidm.read('x')") == "v1"
    assert parent.ask("logger.debug('unheard'); logger.info('heard {}', 1)") == "u"
    assert parent.said == [
        (b"C", [b"openidm.read", b'["x"]']),
        (b"L", [b"info", b"heard 1"]),
    ]
    refused = parent.ask("openidm.read('x')", answer=b'{"error": {"code": 1}, "message": "m"}')
    assert json.loads(refused[1:])["message"] == "Error: m"


def test_half_a_character_goes_nowhere(parent: Parent) -> None:
    failed = parent.ask("openidm.read('\\ud800' + 'x')")
    assert failed[0] in "ve" and parent.ask("n") == "v7"


def test_memory_that_has_run_out(parent: Parent) -> None:
    failed = parent.ask("var x = []; for (;;) x.push('y'.repeat(1000) + x.length)")
    assert failed[0] == "e" and "memory" in failed
    assert parent.ask("n") == "v7"
