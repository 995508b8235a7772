"""What nobody means well by: it is read or refused, at once, and nothing else happens."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odimra.midpoint.media import BadDocument, Document, Form, read, read_beside, render

EVERY_FORM = pytest.mark.parametrize("form", list(Form))
MEGABYTE = 1_000_000
#: Seconds of computing within which a megabyte is read or refused. It is done in less than one, but
#: coverage may be measured; what grows with the square of the length takes minutes.
PATIENCE = 15.0

SAMPLE = {
    "@type": "UserType",
    "oid": "u1",
    "name": {"orig": "Jack", "norm": "jack"},
    "pipeline": [{"@element": "search", "type": "UserType"}, {"@element": "recompute"}],
    "ages": [1, 2.5, None, True, "five\n"],
    "@odata.id": "/redfish/v1",
}


def outcome(raw: bytes, form: Form, max_depth: int = 32) -> Document | None:
    """Return what is read, None when it is refused; anything else is a failure of the test."""
    try:
        return read(raw, form, max_depth)
    except BadDocument as error:
        assert len(str(error)) < 300
        return None


@EVERY_FORM
@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=200))
def test_random_bytes(form: Form, raw: bytes) -> None:
    outcome(raw, form)


@EVERY_FORM
@settings(max_examples=200, deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from(
            [
                *(
                    "<a>",
                    "</a>",
                    "<a/>",
                    " ",
                    "text",
                    "<!--",
                    "-->",
                    "<![CDATA[",
                    "]]>",
                    "<?x",
                    "?>",
                ),
                *("<!DOCTYPE a [", "<!ENTITY b 'c'>", "]>", "&b;", "&#0;", "&lt;", "xmlns:a='b'"),
                *("{", "}", "[", "]", '"', "'", ":", ",", "\n", "- ", "? ", "a: ", "&a ", "*a"),
                *(
                    "!!int ",
                    "!<",
                    ">",
                    "|",
                    "%TAG",
                    "---",
                    "...",
                    "5",
                    "1e9",
                    "null",
                    "\0",
                    "\ufeff",
                ),
                *("@type", "@value", "@element", "@ns", "_x0040_", "<pipeline>", "</pipeline>"),
            ]
        ),
        max_size=30,
    )
)
def test_random_pieces(form: Form, pieces: list[str]) -> None:
    outcome("".join(pieces).encode(), form)


@EVERY_FORM
def test_documents_with_faults(form: Form) -> None:
    chance = random.Random(5)
    sample = render(form, "user", SAMPLE)
    for _ in range(1_000):
        raw = bytearray(sample)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(raw))
            match chance.randrange(4):
                case 0:
                    raw[place] = chance.randrange(256)
                case 1:
                    del raw[place : place + chance.randint(1, 30)]
                case 2:
                    raw[place:place] = raw[place : place + chance.randint(1, 30)]
                case _:
                    raw[place:place] = chance.choice(b"<>&{}[]:,'\"!*-|%#\n\0 ").to_bytes()
        outcome(bytes(raw), form)


def nested(form: Form, depth: int) -> bytes:
    """Return a document whose objects are nested ``depth`` levels deep."""
    if form is Form.XML:
        return b"<a>" * depth + b"</a>" * depth
    return b'{"a":' * depth + b"1" + b"}" * depth


@EVERY_FORM
def test_the_deepest_that_is_read(form: Form) -> None:
    assert outcome(nested(form, 32), form) is not None
    with pytest.raises(BadDocument, match="more than 32 levels deep"):
        read(nested(form, 33), form)


def test_the_deepest_block_of_yaml_that_is_read() -> None:
    lines = [f"{'  ' * level}a:\n" for level in range(33)]
    assert outcome("".join(lines[:32]).encode(), Form.YAML) is not None
    with pytest.raises(BadDocument, match="more than 32 levels deep"):
        read("".join(lines).encode(), Form.YAML)


def many(text: str) -> str:
    return text * (MEGABYTE // len(text))


XML_HEAD = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
)


def _laughs(declaration: str, count: int = 10) -> str:
    """Return a text in which each entity is ten of the one before."""
    entities = "".join(
        f'<!ENTITY {declaration}{level} "{f"&{declaration}{level - 1};" * 10}">'
        for level in range(1, count)
    )
    first = f'<!ENTITY {declaration}0 "ha">'
    return f"<!DOCTYPE a [{first}{entities}]><a>&{declaration}{count - 1};</a>"


HUGE: dict[str, tuple[Form, Callable[[], str], bool]] = {
    "xml: billion laughs": (Form.XML, lambda: _laughs("h"), False),
    "xml: quadratic blowup": (
        Form.XML,
        lambda: f'<!DOCTYPE a [<!ENTITY b "{"b" * 100_000}">]><a>{"&b;" * 100_000}</a>',
        False,
    ),
    "xml: external entity": (
        Form.XML,
        lambda: '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        False,
    ),
    "xml: parameter entity": (
        Form.XML,
        lambda: '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/x"> %b;]><a/>',
        False,
    ),
    "xml: doctype that does not end": (Form.XML, lambda: "<!DOCTYPE a [" + many("<!-- -->"), False),
    "xml: deep": (Form.XML, lambda: many("<a>"), False),
    "xml: many elements": (Form.XML, lambda: f"<a>{many('<b/>')}</a>", True),
    "xml: many blanks between": (Form.XML, lambda: f"<a>{many('<b/> ')}</a>", True),
    "xml: many texts": (Form.XML, lambda: f"<a>{many('a<!---->')}</a>", True),
    "xml: many blank texts": (Form.XML, lambda: f"<a>{many(' <!---->')}<b/></a>", True),
    "xml: many attributes": (
        Form.XML,
        lambda: "<a " + "".join(f"a{number}='' " for number in range(90_000)) + "/>",
        True,
    ),
    "xml: many prefixes, many times": (
        Form.XML,
        lambda: (
            "<a "
            + "".join(f"xmlns:a{number}='b' " for number in range(30_000))
            + ">"
            + "<b xmlns:c='d' c:e='f'/>" * 20_000
            + "</a>"
        ),
        True,
    ),
    "xml: a long namespace, many times": (
        Form.XML,
        lambda: f'<a xmlns:b="{"c" * 500_000}">{"<b:d/>" * 80_000}</a>',
        True,
    ),
    "xml: a long name": (Form.XML, lambda: f"<{many('a')}/>", True),
    "xml: a long text": (Form.XML, lambda: f"<a>{many('a')}</a>", True),
    "xml: a long attribute": (Form.XML, lambda: f'<a b="{many("c")}"/>', True),
    "xml: a long comment": (Form.XML, lambda: f"<a><!--{many('a')}--></a>", True),
    "xml: many instructions": (Form.XML, lambda: f"<a>{many('<?a b?>')}</a>", True),
    "xml: many references": (Form.XML, lambda: f"<a>{many('&lt;')}</a>", True),
    "xml: many escapes": (Form.XML, lambda: f"<{many('_x0041_')}/>", True),
    "xml: a long number": (
        Form.XML,
        lambda: f'<a {XML_HEAD} xsi:type="xsd:integer">{many("9")}</a>',
        False,
    ),
    "xml: a long fraction": (
        Form.XML,
        lambda: f'<a {XML_HEAD} xsi:type="xsd:decimal">{many("9")}.5x</a>',
        False,
    ),
    "json: deep lists": (Form.JSON, lambda: many("["), False),
    "json: deep objects": (Form.JSON, lambda: many('{"a":'), False),
    "json: many members": (
        Form.JSON,
        lambda: '{"a":{' + ",".join(f'"a{number}":0' for number in range(80_000)) + "}}",
        True,
    ),
    "json: many items": (Form.JSON, lambda: '{"a":[' + many("{},") + "0]}", True),
    "json: a long number": (Form.JSON, lambda: '{"a":' + many("9") + "}", False),
    "json: a long name": (Form.JSON, lambda: '{"' + many("a:") + '":0}', True),
    "json: a long name in a uri": (Form.JSON, lambda: '{"a:' + many("#") + '":0}', True),
    "json: a long type": (Form.JSON, lambda: '{"a":{"@type":"' + many("a/") + 'b"}}', True),
    "yaml: alias bomb": (
        Form.YAML,
        lambda: (
            "a: &a0 [ha]\n" + "".join(f"b{n}: &a{n} [{f'*a{n - 1},' * 10}]\n" for n in range(1, 10))
        ),
        False,
    ),
    "yaml: an alias to itself": (Form.YAML, lambda: "a: &a [*a]", False),
    "yaml: deep flow lists": (Form.YAML, lambda: many("["), False),
    "yaml: deep flow objects": (Form.YAML, lambda: many("{"), False),
    "yaml: deep flow pairs": (Form.YAML, lambda: many("{a: "), False),
    "yaml: deep block lists": (Form.YAML, lambda: many("- "), False),
    "yaml: deep names": (Form.YAML, lambda: many("? "), False),
    "yaml: deep block objects": (
        Form.YAML,
        lambda: "".join(f"{' ' * level}a:\n" for level in range(1_400)),
        False,
    ),
    "yaml: many items": (Form.YAML, lambda: "a:\n" + many("- a\n"), True),
    "yaml: many flow items": (Form.YAML, lambda: "a: [" + many("[],") + "]", True),
    "yaml: many members": (
        Form.YAML,
        lambda: "a:\n" + "".join(f" a{number}: 0\n" for number in range(90_000)),
        True,
    ),
    "yaml: many documents": (Form.YAML, lambda: many("---\n"), False),
    "yaml: many comments": (Form.YAML, lambda: many("#\n") + "a: 1", True),
    "yaml: many empty lines": (Form.YAML, lambda: many("\n") + "a: 1", True),
    "yaml: many lines in quotes": (Form.YAML, lambda: 'a: "' + many("\n ") + '"', True),
    "yaml: many lines of a plain text": (Form.YAML, lambda: "a:\n" + many(" a\n"), True),
    "yaml: many lines of a literal": (Form.YAML, lambda: "a: |\n" + many(" a\n"), True),
    "yaml: a long tag": (Form.YAML, lambda: "a: !<" + many("a") + "> b", True),
    "yaml: a long name": (Form.YAML, lambda: many("a") + ": b", False),
    "yaml: a long number": (Form.YAML, lambda: "a: " + many("9"), False),
    "yaml: a long handle, many times": (
        Form.YAML,
        lambda: "%TAG ! " + "x" * 500_000 + "\n---\na:\n" + "- !b c\n" * 70_000,
        False,
    ),
    "yaml: many directives": (Form.YAML, lambda: many("%A b\n") + "---\na: 1", False),
}


@pytest.mark.parametrize("case", HUGE)
def test_a_megabyte_of_it(case: str) -> None:
    form, made, good = HUGE[case]
    raw = made().encode()
    started = time.process_time()
    found = outcome(raw, form)
    assert time.process_time() - started < PATIENCE
    assert (found is not None) is good


async def test_long_documents_are_read_beside_the_event_loop() -> None:
    long = b"<a>" + b"<b/>" * 20_000 + b"</a>"
    assert (await read_beside(long, Form.XML)).content == {"b": [""] * 20_000}
    assert (await read_beside(b"<a/>", Form.XML)).name == "a"
    with pytest.raises(BadDocument):
        await read_beside(b"<a>", Form.XML)
