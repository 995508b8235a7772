"""What JSON and YAML mean, rule by rule, and what of them is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from odimra.midpoint.media import BadDocument, Form, read

COMMON = "http://midpoint.evolveum.com/xml/ns/public/common/common-3"
SCRIPTING = "http://midpoint.evolveum.com/xml/ns/public/model/scripting-3"


def json_content(value: Any) -> Any:
    return read(orjson.dumps({"x": value}), Form.JSON).content


def yaml_content(text: str) -> Any:
    return read(f"x: {text}\n".encode(), Form.YAML).content


BULK = {
    "pipeline": [
        {
            "@element": "search",
            "type": "c:UserType",
            "searchFilter": {"text": 'name = "jack"'},
        },
        {
            "@element": "action",
            "type": "modify",
            "parameter": [{"name": "dryRun", "value": True}],
        },
    ],
}


def test_a_bulk_action_in_json() -> None:
    document = read(
        orjson.dumps(
            {
                "@ns": SCRIPTING,
                "s:executeScript": {
                    "@ns": SCRIPTING,
                    "s:pipeline": [
                        {
                            "@element": "s:search",
                            "s:type": "c:UserType",
                            f"{SCRIPTING}#searchFilter": {"text": 'name = "jack"'},
                        },
                        {
                            "@element": f"{SCRIPTING}#action",
                            "type": "modify",
                            "parameter": [{"name": "dryRun", f"{COMMON}#value": True}],
                        },
                    ],
                },
            }
        ),
        Form.JSON,
    )
    assert (document.name, document.content) == ("executeScript", BULK)


def test_a_bulk_action_in_yaml() -> None:
    document = read(
        f"""---
"@ns": "{SCRIPTING}"
executeScript:
  pipeline:
    - "@element": s:search
      type: c:UserType
      searchFilter:
        text: name = "jack"
    - '@element': action
      type: modify
      parameter:
        - name: dryRun
          {COMMON}#value: true
""".encode(),
        Form.YAML,
    )
    assert (document.name, document.content) == ("executeScript", BULK)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (None, None),
        (5, 5),
        (5.0, 5),
        ("", ""),
        ([], []),
        ({}, {}),
        ({"@ns": "urn:x", "a": 1}, {"a": 1}),
        ({"c:a": {"@ns": "urn:x"}}, {"a": {}}),
        ({"urn:x#a": [1, {"c:b": "c:kept"}]}, {"a": [1, {"b": "c:kept"}]}),
        ({"@type": "c:UserType"}, {"@type": "UserType"}),
        ({"@type": f"{COMMON}#UserType"}, {"@type": "UserType"}),
        ({"@element": "s:search", "a": 1}, {"@element": "search", "a": 1}),
        ({"@element": "sequence", "@value": []}, {"@element": "sequence", "@value": []}),
        ({"@type": "xsd:int", "@value": "5"}, 5),
        ({"@type": "xsd:string", "@value": "5"}, "5"),
        ({"@type": "t:PolyStringType", "@value": "x"}, "x"),
        ({"@type": "xsd:int", "@value": 5}, 5),
        ({"@value": None}, None),
        ({"@value": {"c:a": 1}}, {"@value": {"a": 1}}),
        # The names of Redfish are left alone.
        (
            {"@odata.id": "/x", "#ComputerSystem.Reset": {}, "Members@odata.count": 1},
            {"@odata.id": "/x", "#ComputerSystem.Reset": {}, "Members@odata.count": 1},
        ),
        ({"10:00": 1, "a:b:c": 2, ":": 3, "#": 4}, {"10:00": 1, "a:b:c": 2, ":": 3, "#": 4}),
        ({"_x0040_a": 1, "_x_": 2, "_xD800_": 3}, {"@a": 1, "": 2, "_xD800_": 3}),
        ({"_x0040_type": ["kept"]}, {"@type": ["kept"]}),
        ({"orig": "A", "norm": "a"}, {"orig": "A", "norm": "a"}),
    ],
)
def test_what_json_means(value: Any, meant: Any) -> None:
    assert json_content(value) == meant
    # A text of JSON is one of YAML.
    assert yaml_content(orjson.dumps(value).decode()) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("5", 5),
        ("-5", -5),
        ("1.5", 1.5),
        ("1e3", 1000),
        ("'5'", "5"),
        ('"true"', "true"),
        # What only some readers of YAML take for something else is a text.
        ("yes", "yes"),
        ("off", "off"),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("=", "="),
        ("|\n  a\n  b", "a\nb\n"),
        (">-\n  a\n  b", "a b"),
        ('"\\u0041\\n"', "A\n"),
        ("[a, 1, {b: c}]", ["a", 1, {"b": "c"}]),
        ("{5: a, true: b, ~: c}", {"5": "a", "true": "b", "~": "c"}),
        ('{"<<": a}', {"<<": "a"}),
        # Tags.
        (f"!<{COMMON}/UserType> {{a: 1}}", {"@type": "UserType", "a": 1}),
        (f"!<{COMMON}%23UserType> {{a: 1}}", {"@type": "UserType", "a": 1}),
        ("!UserType {a: 1}", {"@type": "UserType", "a": 1}),
        ("!<c:UserType> {}", {"@type": "UserType"}),
        ("! {a: 1}", {"a": 1}),
        ("!!map {a: 1}", {"a": 1}),
        ("!!seq [1]", [1]),
        ("!List [1]", [1]),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!float 5.5", 5.5),
        ("!!bool True", True),
        ("!!null x", None),
        ("!!timestamp 2026-01-01", "2026-01-01"),
        ("!<http://www.w3.org/2001/XMLSchema/int> 5", 5),
        ("!<http://www.w3.org/2001/XMLSchema/string> 5", "5"),
        ("! 5", "5"),
        ("!PolyStringType jack", "jack"),
    ],
)
def test_what_yaml_means(text: str, meant: Any) -> None:
    assert yaml_content(text) == meant


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_yaml(encoding: str) -> None:
    assert read("x: Štěpán".encode(encoding), Form.YAML).content == "Štěpán"


@pytest.mark.parametrize("form", [Form.JSON, Form.YAML])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "a": 2}', "a is there twice"),
        ('{"x": {"a": 1, "c:a": 2}}', "a is there twice"),
        ('{"x": {"_x0040_type": 1, "@type": "a"}}', "@type is there twice"),
        ('{"x": {"@type": 5}}', "must be names"),
        ('{"x": {"@type": ""}}', "must be names"),
        ('{"x": {"@element": ["a"]}}', "must be names"),
        ('{"x": {"@type": "xsd:int", "@value": "five"}}', "no int"),
        ('{"a": 1, "b": 2}', "one member, but has 2"),
        ("{}", "one member, but has 0"),
        ('{"@ns": "urn:x"}', "one member, but has 0"),
        ("[]", "must be an object"),
        ('"a"', "must be an object"),
        ("5", "must be an object"),
        ("null", "must be an object"),
        ('{"a": ', "can be read"),
        ('{"a": 1}}', "can be read"),
        ('{"x": 1e999}', "number"),
        ('{"x": ' + "9" * 301 + "}", "number"),
    ],
)
def test_what_both_refuse(form: Form, text: str, why: str) -> None:
    with pytest.raises(BadDocument, match=why):
        read(text.encode(), form)


@pytest.mark.parametrize(
    "text", ["", "{", "{'a': 1}", '{"a": NaN}', '{"a": Infinity}', '{"a": "\\ud800"}', "\0"]
)
def test_what_json_refuses(text: str) -> None:
    with pytest.raises(BadDocument, match="no JSON"):
        read(text.encode(), Form.JSON)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must be an object"),
        ("a: b: c", "line 1 column 5"),
        ("a: 1\n b: 2", "line 2"),
        ("a: \0", "can be read"),
        ("x: &a 1", "line 1: anchors"),
        ("x: &a {b: 1}", "line 1: anchors"),
        ("x: [&a b, *a]", "line 1: anchors"),
        ("x: *a", "line 1: aliases"),
        ("x:\n  <<: {a: 1}", "line 2: merged"),
        ("? {a: b}\n: c", "a name must be a text"),
        ("? [a]\n: c", "a name must be a text"),
        ("a: 1\n---\nb: 2", "line 2: a second document"),
        ("%TAG ! tag:example.com,2026:\n---\na: !b {}", "%TAG"),
        ("x: .nan", "must be finite"),
        ("x: -.inf", "must be finite"),
        ("x: !!float .inf", "no double"),
        ("x: !!int a", "line 1: a value is no integer"),
        ("x: !!set {a: ~}", "a tag that is not read"),
        ("x: !!omap [a: b]", "a tag that is not read"),
        ("x: !!python/object/apply:os.system [ls]", "a tag that is not read"),
        ("x: !!python/name:os.system ''", "a tag that is not read"),
        ("x: !!what 5", "a tag that is not read"),
        # YAML has no such character in tags, though the names of types have it elsewhere.
        ("x: !<urn:x#UserType> {}", "line 1 column 11"),
        ("x: !<tag:example.com/> {}", "a tag that is not read"),
    ],
)
def test_what_yaml_refuses(text: str, why: str) -> None:
    with pytest.raises(BadDocument, match=why):
        read(text.encode(), Form.YAML)


@pytest.mark.parametrize("form", list(Form))
def test_what_is_no_text_at_all(form: Form) -> None:
    with pytest.raises(BadDocument):
        read(b'{"x": "\xff\xfa"}', form)


@pytest.mark.parametrize("form", [Form.JSON, Form.YAML])
def test_messages_do_not_repeat_values(form: Form) -> None:
    with pytest.raises(BadDocument) as raised:
        read(b'{"x": {"@type": "xsd:int", "@value": "hunter2"}}', form)
    assert "hunter2" not in str(raised.value)
