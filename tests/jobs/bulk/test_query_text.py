"""Filters in words: what each means, what variables stand for, and what is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest

from odimra.jobs.bulk.query import BadQuery, parse_query
from odimra.jobs.bulk.text_query import DEEPEST, DEEPEST_MATCHES, LONGEST
from odimra.jobs.bulk.words import UNSUPPORTED
from tests.jobs.bulk.test_query_elements import OBJECT

RECORD: dict[str, Any] = {
    **OBJECT,
    "path": "C:\\ships\\",
    "quote": "a \"b\" 'c' // d",
    "or": 1,
    "not-ready": 2,
    "été": 3,
    "Members@odata.count": 4,
    "#Reset": 5,
    "lines": "a\nb",
    "type": "sea:pirate",
    "title": {"orig": "Sea Dog"},
    "negative": -1.5,
    "huge": 12345678901234567890123,
}


def meant(text: str, variables: Any = None) -> bool:
    test = parse_query({"filter": {"text": text}}, variables or {}).test
    return True if test is None else test(RECORD)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Operators, as signs and as words.
        ('nick = "Captain"', True),
        ('nick="Captain"', True),
        ("nick = 'Captain'", True),
        ('nick equal "Captain"', True),
        ('nick = "captain"', False),
        ('nick != "captain"', True),
        ('nick notEqual "Captain"', False),
        ('nobody != "x"', True),
        ("age < 43", True),
        ("age less 42", False),
        ("age <= 42", True),
        ("age lessOrEqual 41", False),
        ("age > 41", True),
        ("age greater 42", False),
        ("age >= 42", True),
        ("age greaterOrEqual 43", False),
        ("age>41 and age<43", True),
        ('nick startsWith "Cap"', True),
        ('nick startsWith "ain"', False),
        ('nick endsWith "ain"', True),
        ('nick contains "ptai"', True),
        ('nick contains ("x", "ptai")', True),
        ("height startsWith 18", True),
        ('nick anyIn ("x", "Captain")', True),
        ("nick exists", True),
        ("none exists", False),
        ("nick not exists", False),
        ("none not exists", True),
        ('nick not startsWith "x"', True),
        ('nick not = "x"', None),
        # Matching rules.
        ('nick =[origIgnoreCase] "cAPTAIN"', True),
        ('nick = [stringIgnoreCase] "cAPTAIN"', True),
        ('nick =[q:polyStringNorm] "cAPTAIN"', True),
        ('nick =[polyStringStrict] "cAPTAIN"', False),
        ('nick !=[stringIgnoreCase] "cAPTAIN"', False),
        ('nick contains[stringIgnoreCase] "PTAI"', True),
        ('nick startsWith [stringIgnoreCase] "cap"', True),
        ('nick =[stringIgnoreCase] ("x", "CAPTAIN")', True),
        ("name =[stringIgnoreCase] name/norm", True),
        ("name = name/norm", False),
        # Values.
        ("age = 42.0", True),
        ("age = 4.2e1", True),
        ('age = "42"', True),
        ("negative = -1.5", True),
        ("huge = 12345678901234567890123", True),
        ("huge = 12345678901234567890124", False),
        ("huge < " + "9" * 5000, True),
        ("active = true", True),
        ("active = false", False),
        ("retired = false", True),
        ('born = "1980-05-01T10:00:00Z"', True),
        ('born < "1980-05-01T10:00:01Z"', True),
        ("nobody = null", True),
        ("nick = null", False),
        ("nick != null", True),
        ('nick = ("x", null)', False),
        ('nobody = ("x", null)', True),
        ('nick = ("Cook", "Captain")', True),
        ('nick = ("Captain")', True),
        ("age = (1, 42)", True),
        ("nick != ('Captain', 'Cook')", False),
        ('name = "Jack Sparrow"', True),
        ('mail = "jack@example.com"', True),
        # Texts: the quote alone is escaped.
        ('path = "C:\\ships\\"', True),
        ("path = 'C:\\ships\\'", True),
        ('path startsWith "C:\\ships" and age = 42', True),
        ('path = "C:\\\\ships\\\\"', False),
        ('quote = "a \\"b\\" \'c\' // d"', True),
        ("quote = 'a \"b\" \\'c\\' // d'", True),
        ('quote = """\na "b" \'c\' // d"""', True),
        ('quote = """\r\na "b" \'c\' // d"""', True),
        ('lines = "a\nb"', True),
        ('text = ""', True),
        ("text = ''", True),
        # Paths.
        ('c:nick = "Captain"', True),
        ('extension/ship = "Pearl"', True),
        ('c:extension/x:ship = "Pearl"', True),
        ('assignment/description = "second"', True),
        ('assignment[2]/description = "second"', True),
        ('assignment[1]/description = "second"', False),
        ("assignment[1] exists", True),
        ("assignment/# = 1", True),
        ('# = "00001"', True),
        ('oid = "00001"', True),
        (". exists", True),
        ('@odata.id = "/redfish/v1/Systems/1"', True),
        ("Members@odata.count = 4", True),
        ("#Reset = 5", True),
        ("été = 3", True),
        ("or = 1 or or = 2", True),
        ("c:or = 1", True),
        ("not-ready = 2", True),
        ("age > ratio", True),
        ("age > extension/speed", True),
        ("age = nobody", False),
        ("age != ratio", True),
        # Joined, and the rest of the language.
        ("age = 1 or age = 42 and active = false", False),
        ("age = 42 or age = 1 and active = false", True),
        ("(age = 42 or age = 1) and active = false", False),
        ("not age = 1", True),
        ("NOT (age = 42) OR AGE = 42", False),
        ("not not age = 42", True),
        ("not age = 1 and not active = false", True),
        ("not (age = 1 or age = 42)", False),
        ("  (  ( age = 42 ) )\n", True),
        ("age = 42 // the answer ) or (\nand active = true", True),
        ("age = 42 // the answer", True),
        # Oids and types.
        ('. inOid ("x", "00001")', True),
        ('. inOid "00001"', True),
        ('. inOid ("x")', False),
        ('. not inOid ("x")', True),
        ('# inOid "00001"', True),
        (". type UserType", True),
        (". type c:UserType and age = 42", True),
        ('. type "UserType"', True),
        (". ofType RoleType", False),
        (". not type RoleType", True),
        ("@type = UserType", True),
        # Containers and references.
        ('assignment matches (description = "second" and targetRef/oid = "o1")', True),
        ('assignment matches (description = "first" and targetRef/oid = "o1")', False),
        ('assignment not matches (description = "third")', True),
        ('linkRef matches (oid = "s1")', True),
        ('linkRef matches (oid = "s1" and targetType = ShadowType)', True),
        ('linkRef matches (oid = "s1" and targetType = c:ShadowType)', True),
        ('linkRef matches (oid = "s1" and targetType = "RoleType")', False),
        ('linkRef matches (oid = "s2" and relation = default)', True),
        ("linkRef matches (relation = org:manager)", False),
        ("linkRef matches (relation != default)", False),
        ("assignment matches (targetRef matches (relation = manager))", True),
        ('assignment/targetRef matches (oid = "o1" and relation = manager)', True),
        ('name matches (orig = "Jack Sparrow" and norm = "jack sparrow")', True),
        ('nick matches (norm = "captain")', True),
        ('title matches (norm = "sea dog")', True),
        ('. matches (type = "sea:pirate")', True),
        ('. matches (age = 42 and @type = "UserType")', True),
    ],
)
def test_what_a_text_means(text: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(BadQuery, match="cannot be understood"):
            meant(text)
        return
    assert meant(text) is expected
    assert meant(f"not ({text}\n)") is not expected


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("nick = $who", {"who": "Captain"}, True),
        ("nick = $who", {"who": "Cook"}, False),
        ("nick = $who", {"who": ["Cook", "Captain"]}, True),
        ("nick = ($who, 'Cook')", {"who": "Captain"}, True),
        ("name = $who", {"who": {"orig": "Jack Sparrow", "norm": "x"}}, True),
        ("extension = $what", {"what": {"ship": "Pearl"}}, True),
        ("nick startsWith $who", {"who": {"orig": "Cap"}}, True),
        ("nick contains $who", {"who": ["x", "ptai"]}, True),
        ("age > $least", {"least": 41}, True),
        ("active = $is", {"is": True}, True),
        (". inOid $oids", {"oids": ["x", "00001"]}, True),
        (". inOid $oids", {"oids": []}, False),
        # As in midPoint, nothing is what an item without a value equals.
        ("nick = $who", {"who": []}, False),
        ("nobody = $who", {"who": []}, True),
        ("nobody = $who", {"who": None}, True),
        ("age = $a_1", {"a_1": 42}, True),
    ],
)
def test_variables_stand_for_values(text: str, variables: Any, expected: bool) -> None:
    assert meant(text, variables) is expected


def test_a_variable_within_quotes_is_a_text() -> None:
    assert not meant('nick = "$who"', {"who": "Captain"})


@pytest.mark.parametrize(
    ("text", "element", "said"),
    [
        (" ", "filter/text", "has to be a text"),
        ("nick", "text", "at its end"),
        ("nick =", "text", "at its end"),
        ("nick = =", "text", "at character 8"),
        ('nick = "Captain', "text", "at character 8"),
        ("nick = 'Captain\"", "text", "at character 8"),
        ('nick = "' + "(" * 300, "text", "at character 8"),
        ('nick "Captain"', "text", "at character 6"),
        ("= 5", "text", "at character 1"),
        ("nick = 5 5", "text", "at character 10"),
        ("nick = 5 and", "text", "at its end"),
        ("and nick = 5", "text", "at character 10"),
        ("(nick = 5", "text", "at its end"),
        ("nick = 5)", "text", "at character 9"),
        ("nick = ()", "text", "at character 9"),
        ("nick = (1,)", "text", "at character 11"),
        ("nick = 05x", "text", "at character 8"),
        ("nick = ٥", "text", "at character 8"),
        ("nick = ?", "text", "at character 8"),
        ("nick = `1 + 1`", "text", "at character 8"),
        ("nick =[] 5", "text", "at character 8"),
        ("nick matches 5", "text", "at character 14"),
        ("nick matches ()", "text", "at character 15"),
        ("nick/ = 5", "text", "at character 5"),
        ("nick[x] = 5", "text", "at character 5"),
        ("$who = 5", "text", "at character 1"),
        ("nick like 'x'", "like", "is no operator"),
        ("nick not like 'x'", "like", "is no operator"),
        ("nick startswith 'x'", "startswith", "is no operator"),
        ("nick =[soundex] 'x'", r"[soundex]", "is no matching rule"),
        ("nick = $who", "$who", "is no variable of the script"),
        ("nick startsWith", "startsWith", "takes a value"),
        ("nick startsWith true", "startsWith", "takes a text"),
        ("nick startsWith null", "startsWith", "takes a text"),
        ("nick startsWith name", "startsWith", "takes a text"),
        ("nick startsWith $object", "startsWith", "takes a text"),
        ("nick startsWith $nothing", "startsWith", "takes a text"),
        ("nick equal", "equal", "takes a value"),
        ("nick exists 5", "exists", "takes no value"),
        ("nick = ('x', name)", "name", "is a path"),
        ("age < null", "<", "takes one text or number"),
        ("age < true", "<", "takes one text or number"),
        ("age < (1, 2)", "<", "takes one text or number"),
        ("age > $object", ">", "takes one text or number"),
        ("age > $nothing", ">", "takes one text or number"),
        ("nick inOid ('x')", "inOid", "stands behind"),
        (". inOid", "inOid", "takes a value"),
        (". inOid (1)", "inOid", "takes oids"),
        (". inOid name", "inOid", "takes oids"),
        ("nick type UserType", "type", "stands behind"),
        (". type", "type", "takes a value"),
        (". type 5", "type", "the name of a type"),
        (". type ('a', 'b')", "type", "the name of a type"),
        ("linkRef/@/name = 'x'", "linkRef/@/name", "leads to other objects"),
        ("../nick = 'x'", "../nick", "leads to other objects"),
        (".. = 'x'", "..", "leads to other objects"),
        ("nick = ../name", "../name", "leads to other objects"),
        ("@ matches (a = 1)", "@", "leads to other objects"),
        ("a[1][2] = 1", "text", "at character 5"),
        ("/".join(["a"] * 40) + " = 1", None, "segments"),
    ],
)
def test_what_is_no_filter_is_told(text: str, element: str | None, said: str) -> None:
    with pytest.raises(BadQuery, match=said + r"(?!\d)") as refused:
        meant(text, {"object": {"a": 1}, "nothing": []})
    assert element is None or refused.value.element == element
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "text",
    [
        *(f". {word}" for word in sorted(UNSUPPORTED)),
        *(f'. {word} "x"' for word in sorted(UNSUPPORTED)),
        *(f'age = 42 and (. not {word} ("x"))' for word in sorted(UNSUPPORTED)),
        '. inOrg[ONE_LEVEL] "x"',
        '. inOrg[SUBTREE] "x"',
        'nick levenshtein ("Captain", 1, true)',
        'nick similarity ("Captain", 0.5, true)',
        '. fullText ("x", "y")',
        ". referencedBy (@type = UserType and @path = assignment/targetRef)",
        ". ownedBy ( @type = UserType and @path = assignment)",
        'nick = "isRoot" and . referencedBy (',
    ],
)
def test_what_midpoint_has_and_nothing_here_could_tell_is_named(text: str) -> None:
    with pytest.raises(BadQuery, match="is not supported by this service") as refused:
        meant(text)
    assert refused.value.element in UNSUPPORTED
    assert refused.value.element in text.replace('"isRoot"', "")


@pytest.mark.parametrize(
    "text",
    [
        'nick = "a fullText b" and',
        "age = 42 and similarity = 5 and",
        "age = 42 or similarity exists and",
        "similarity exists and",
        "age = 42 // . fullText 5\nand",
        'nick = "fullText',
    ],
)
def test_words_that_are_not_supported_may_be_values_and_properties(text: str) -> None:
    with pytest.raises(BadQuery, match=r"^text: cannot be understood at"):
        meant(text)


# --- size ---


@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1])
def test_parentheses_are_nested_so_deep_and_no_deeper(depth: int) -> None:
    text = "(" * depth + 'nick = "(((" // (' + "\n" + ")" * depth
    if depth <= DEEPEST:
        assert not meant(text)
        return
    with pytest.raises(BadQuery, match="nested more than"):
        meant(text)


@pytest.mark.parametrize("depth", [DEEPEST_MATCHES, DEEPEST_MATCHES + 1])
def test_matches_is_nested_so_deep_and_no_deeper(depth: int) -> None:
    text = ". matches ((" * depth + "age = 42" + "))" * depth
    if depth <= DEEPEST_MATCHES:
        assert meant(text)
        return
    with pytest.raises(BadQuery, match="nested more than"):
        meant(text)


def test_matches_one_after_the_other_are_not_nested() -> None:
    assert meant(" and ".join([". matches (age = 42)"] * (DEEPEST_MATCHES * 3)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not " * 16_000 + "age = 42", True),
        ("not " * 16_001 + "age = 42", False),
        (" and ".join(["age = 42"] * 5000), True),
        (" or ".join(["age = 1"] * 5000), False),
        ("age = (" + ", ".join(["1"] * 15_000) + ")", False),
        ("(" * 200 + " or ".join(["(age = 1)"] * 4000) + ")" * 200, False),
        ("age = " + "1" * 60_000, False),
        ("a" * 60_000 + " = 1", False),
        ('nick = "' + "\\" * 60_000 + '"', False),
        ("nick = '" + "\\'" * 30_000 + "'", False),
        ('nick = "' + '\\"' * 30_000, False),
        (" " * 60_000 + "age = 42", True),
        ("//\n" * 20_000 + "age = 42", True),
    ],
)
def test_a_long_text_is_read(text: str, expected: bool) -> None:
    assert meant(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        '"' + '\\"' * 32_000,
        "'" * 65_000,
        'nick = "' + "\\" * 65_000,
        'nick = """\n' * 6_000,
        "(" * 65_000,
        ")" * 65_000,
        "matches(" * 8_000,
        "." * 65_000,
        "a/" * 32_000,
        "a" * 65_000,
        "1" * 65_000,
        "/" * 65_000,
        "a not " * 10_000,
        "a isRoot " * 7_000,
        ". not fullTex " * 4_600,
        "age = (" + "1," * 15_000,
        "[" * 65_000,
        "a = $" + "x" * 60_000,
        "a[" * 30_000,
        "a" + "[1]" * 20_000 + " = 1",
        "not " * 16_000,
        "\x00" * 65_000,
        "x" * (LONGEST + 1),
    ],
)
def test_a_long_text_that_is_no_filter_is_refused_at_once(text: str) -> None:
    start = time.process_time()
    with pytest.raises(BadQuery) as refused:
        meant(text)
    # Far more than it takes, and far less than what would grow with the square of the length.
    assert time.process_time() - start < 3
    assert len(str(refused.value)) < 200
