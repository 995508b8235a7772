"""The process of scripts from within: what it says on its socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest

from odimra.scripting import child
from odimra.scripting.child import Engine, Link, serve

MEMORY, STACK = 16 * 1024 * 1024, 256 * 1024


class Parent:
    """The other end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.link = Link(connection)
        self.said: list[tuple[bytes, list[bytes]]] = []

    def ask(
        self,
        source: str,
        kind: bytes = b"S",
        answer: bytes = b'{"value": 1}',
        own: Sequence[bytes] = (b"", b"", b"0"),
    ) -> str:
        """Return what is said of a script."""
        parts = [source.encode()]
        if kind == b"S":
            parts += [b"[7]", b'["n"]', b"ann", *own]
        self.link.send(kind, *parts)
        while True:
            letter, found = self.link.receive()
            if letter == b"D":
                if found[1:]:
                    self.said.append((letter, found[1:]))
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


#: A record that may be patched, and how long it may become.
OWN = (b"managed/user/1", b'{"_id": "1", "_rev": "4", "a": 1}', b"40")


def patch(operation: str) -> str:
    """Return the call that patches it."""
    return f"openidm.patch('managed/user/1', null, [{operation}])"


def test_its_own_record_is_patched_without_asking(parent: Parent) -> None:
    first = parent.ask(patch("{operation: 'replace', field: '/a', value: 2}"), own=OWN)
    assert json.loads(first[1:]) == {"_id": "1", "_rev": "4.1", "a": 2}
    ((letter, told),) = parent.said
    assert letter == b"D"
    assert [json.loads(one) for one in told] == [
        [{"operation": "replace", "field": "/a", "value": 2}], {"a": 2}, 1,
    ]  # fmt: skip


def test_a_patch_that_changes_nothing_yet_is_told_too(parent: Parent) -> None:
    same = parent.ask(patch("{operation: 'replace', field: '/a', value: 1}"), own=OWN)
    assert json.loads(same[1:])["_rev"] == "4"
    ((_, told),) = parent.said
    assert [json.loads(one) for one in told[1:]] == [{"a": 1}, 0]


def test_a_bad_patch_of_its_own_record_can_be_caught(parent: Parent) -> None:
    source = f"try {{ {patch('{operation: 1}')} }} catch (e) {{ e.code }}"
    assert parent.ask(source, own=OWN) == "v400" and parent.said == []


def test_whatever_else_it_does_is_asked_after_what_it_has_done(parent: Parent) -> None:
    change = patch("{operation: 'add', field: '/b', value: 1}")
    parent.ask(f"{change}; openidm.read('managed/user/1'); {change}", own=OWN)
    assert [letter for letter, _ in parent.said] == [b"P", b"C", b"C"]
    assert parent.said[2][1][0] == b"openidm.patch", "the worker has it now"


@pytest.mark.parametrize(
    "call",
    [
        "openidm.patch('managed/user/2', null, [])",
        "openidm.patch('managed/user/1', '4', [])",
        "openidm.patch('managed/user/1', null, [], null, ['a'])",
        patch("{operation: 'add', field: '/b', value: 'x'.repeat(40)}"),
        patch("{operation: 'add', field: '/b', value: '\\ud800'}"),
    ],
)
def test_what_is_for_the_worker_to_say(parent: Parent, call: str) -> None:
    assert parent.ask(call, own=OWN) == "v1"
    assert [letter for letter, _ in parent.said] == [b"C"]


def test_patches_that_change_nothing_are_not_without_end(parent: Parent) -> None:
    same = patch("{operation: 'replace', field: '/a', value: 1}")
    parent.ask(f"for (var i = 0; i < 1010; i++) {same}", own=OWN)
    assert [letter for letter, _ in parent.said] == [b"P", *[b"C"] * 10]
