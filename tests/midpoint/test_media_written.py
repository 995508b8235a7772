"""How answers look, form by form."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
import yaml

from odimra.midpoint.media import Form, Writer, read, render

COMMON = "http://midpoint.evolveum.com/xml/ns/public/common/common-3"
API_TYPES = "http://midpoint.evolveum.com/xml/ns/public/common/api-types-3"
SCRIPTING = "http://midpoint.evolveum.com/xml/ns/public/model/scripting-3"
TYPES = "http://prism.evolveum.com/xml/ns/public/types-3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

RESULT = {
    "dataOutput": {
        "item": [
            {"value": {"@type": "UserType", "oid": "u1", "name": "jack", "age": 5}},
            {"value": 7, "result": {"status": "success"}},
        ]
    },
    "consoleOutput": "Modified user:u1(jack)\n",
    "result": {"status": "success", "count": 2, "partialResults": [{"token": 1, "params": []}]},
}


def written(form: Form, name: str, content: Any, kind: str = "") -> str:
    return render(form, name, content, kind).decode()


def lines_of_xml(name: str, content: Any, kind: str = "") -> list[str]:
    """Return the lines between the first and the last tag."""
    return written(Form.XML, name, content, kind).splitlines()[2:-1]


def test_a_result_in_xml() -> None:
    root = ElementTree.fromstring(written(Form.XML, "object", RESULT, "ScriptExecutionResultType"))
    assert root.tag == f"{{{TYPES}}}object"
    assert root.get(f"{{{XSI}}}type") == "apit:ScriptExecutionResultType"
    assert lines_of_xml("object", RESULT, "ScriptExecutionResultType") == [
        "  <dataOutput>",
        "    <item>",
        '      <value xsi:type="c:UserType" oid="u1">',
        "        <name>jack</name>",
        '        <age xsi:type="xsd:int">5</age>',
        "      </value>",
        "    </item>",
        "    <item>",
        '      <value xsi:type="xsd:int">7</value>',
        "      <result>",
        "        <status>success</status>",
        "      </result>",
        "    </item>",
        "  </dataOutput>",
        "  <consoleOutput>Modified user:u1(jack)",
        "</consoleOutput>",
        "  <result>",
        "    <status>success</status>",
        "    <count>2</count>",
        "    <partialResults>",
        "      <token>1</token>",
        "    </partialResults>",
        "  </result>",
    ]


def test_elements_are_of_the_common_namespace() -> None:
    root = ElementTree.fromstring(written(Form.XML, "object", RESULT, "ScriptExecutionResultType"))
    assert root.findtext(f"{{{COMMON}}}result/{{{COMMON}}}status") == "success"


def test_a_result_in_json() -> None:
    found = orjson.loads(written(Form.JSON, "object", RESULT, "ScriptExecutionResultType"))
    user = {"@type": f"{COMMON}#UserType", "oid": "u1", "name": "jack", "age": 5}
    items = [{"value": user}, RESULT["dataOutput"]["item"][1]]  # type: ignore[index]
    assert found == {
        "@ns": TYPES,
        "object": {
            **RESULT,
            "@type": f"{API_TYPES}#ScriptExecutionResultType",
            "dataOutput": {"item": items},
        },
    }


def test_a_result_in_yaml() -> None:
    text = written(Form.YAML, "object", RESULT, "ScriptExecutionResultType")
    assert (
        text
        == f"""\
"@ns": "{TYPES}"
object:
  "@type": "{API_TYPES}#ScriptExecutionResultType"
  dataOutput:
    item:
      - value:
          "@type": "{COMMON}#UserType"
          oid: u1
          name: jack
          age: 5
      - value: 7
        result:
          status: success
  consoleOutput: |
    Modified user:u1(jack)
  result:
    status: success
    count: 2
    partialResults:
      - token: 1
        params: []
"""
    )


def test_an_object_by_its_own_name() -> None:
    content = {"oid": "u1", "version": "3", "name": "jack"}
    root = ElementTree.fromstring(written(Form.XML, "user", content))
    assert (root.tag, root.attrib) == (f"{{{COMMON}}}user", {"oid": "u1", "version": "3"})
    expected = {"user": {"@ns": COMMON, **content}}
    assert orjson.loads(written(Form.JSON, "user", content)) == expected
    assert yaml.safe_load(written(Form.YAML, "user", content)) == expected


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("user", COMMON),
        ("task", COMMON),
        ("executeScript", SCRIPTING),
        ("pipeline", SCRIPTING),
        ("objectModification", API_TYPES),
        ("object", TYPES),
    ],
)
def test_the_namespace_of_a_document(name: str, namespace: str) -> None:
    root = ElementTree.fromstring(written(Form.XML, name, {"a": "b"}))
    assert root.tag == f"{{{namespace}}}{name}"
    found = orjson.loads(written(Form.JSON, name, {"a": "b"}))
    assert found.get("@ns", found[name].get("@ns")) == namespace


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ScriptExecutionResultType", "apit:ScriptExecutionResultType"),
        ("ExecuteScriptResponseType", "apit:ExecuteScriptResponseType"),
        ("ObjectListType", "apit:ObjectListType"),
        ("ObjectModificationType", "apit:ObjectModificationType"),
        ("OperationResultType", "c:OperationResultType"),
        ("TaskType", "c:TaskType"),
        ("UserType", "c:UserType"),
    ],
)
def test_the_namespace_of_a_type(kind: str, said: str) -> None:
    root = ElementTree.fromstring(written(Form.XML, "object", {"a": "b"}, kind))
    assert root.get(f"{{{XSI}}}type") == said


@pytest.mark.parametrize("form", list(Form))
def test_the_type_that_is_asked_for_goes_before_that_of_the_content(form: Form) -> None:
    raw = render(form, "object", {"@type": "UserType", "a": "b"}, "TaskType")
    assert read(raw, form).content == {"@type": "TaskType", "a": "b"}


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ({"a": 5, "b": True, "c": 1.5}, ["  <a>5</a>", "  <b>true</b>", "  <c>1.5</c>"]),
        ({"a": None}, ['  <a xsi:nil="true"/>']),
        ({"a": "", "b": []}, ["  <a/>"]),
        ({"a": ["b"]}, ["  <a>b</a>"]),
        ({"a": ["b", "c"]}, ["  <a>b</a>", "  <a>c</a>"]),
        ({"a": {}}, ['  <a xsi:type="xsd:anyType"/>']),
        ({"a": {"oid": "1", "id": 2}}, ['  <a oid="1" id="2"/>']),
        ({"a": {"id": "<\"'\n"}}, ['  <a id="&lt;&quot;\'&#10;"/>']),
        (
            {"aRef": {"oid": "1", "type": "c:UserType", "relation": "default"}},
            ['  <aRef oid="1" type="c:UserType" relation="default"/>'],
        ),
        ({"a": {"type": "b"}}, ["  <a>", "    <type>b</type>", "  </a>"]),
        ({"a": "<&>\r"}, ["  <a>&lt;&amp;&gt;&#13;</a>"]),
        ({"a": "\0_x"}, ['  <a own:escaped="true">_x0000__x005F_x</a>']),
        ({"a": " "}, ['  <a xml:space="preserve"> </a>']),
        ({"@odata.id": "/x"}, ["  <_x0040_odata.id>/x</_x0040_odata.id>"]),
        (
            {"pipeline": [{"@element": "a"}, {"@element": "b", "c": "d"}]},
            [
                '  <pipeline list="true">',
                "    <a/>",
                "    <b>",
                "      <c>d</c>",
                "    </b>",
                "  </pipeline>",
            ],
        ),
        # In values and records it matters what is no text.
        ({"value": 5}, ['  <value xsi:type="xsd:int">5</value>']),
        ({"value": 2**40}, ['  <value xsi:type="xsd:long">1099511627776</value>']),
        ({"value": True}, ['  <value xsi:type="xsd:boolean">true</value>']),
        ({"value": 0.5}, ['  <value xsi:type="xsd:double">0.5</value>']),
        ({"value": []}, ['  <value own:list="empty"/>']),
        ({"value": ["a"]}, ['  <value own:list="single">a</value>']),
        ({"value": {"id": 5}}, ["  <value>", '    <id xsi:type="xsd:int">5</id>', "  </value>"]),
        (
            {"object": [{"@type": "UserType", "a": 5}, {"@type": "TaskType", "a": 5}]},
            [
                '  <object xsi:type="c:UserType">',
                '    <a xsi:type="xsd:int">5</a>',
                "  </object>",
                '  <object xsi:type="c:TaskType">',
                "    <a>5</a>",
                "  </object>",
            ],
        ),
    ],
)
def test_how_members_look_in_xml(content: dict[str, Any], lines: list[str]) -> None:
    # With another behind it, so that the document does not depend on the member at all.
    found = lines_of_xml("object", {**content, "z": "z"}, "ObjectListType")
    assert found == [*lines, "  <z>z</z>"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jack", "jack"),
        ("Jack the 3rd", "Jack the 3rd"),
        ("", '""'),
        ("yes", '"yes"'),
        ("NULL", '"NULL"'),
        ("5", '"5"'),
        ("2026-01-01", '"2026-01-01"'),
        ("a: b", '"a: b"'),
        ("#a", '"#a"'),
        ("Štěpán", '"Štěpán"'),
        ("\x7f\u2028", '"\\u007f\\u2028"'),
        ("a\nb", "|-\n    a\n    b"),
        ("a\n\nb\n", "|\n    a\n\n    b"),
        ("a\n\n", '"a\\n\\n"'),
        (" a\nb", '" a\\nb"'),
        ("a\x1b\n", '"a\\u001b\\n"'),
        ("a\tb\n", '"a\\tb\\n"'),
    ],
)
def test_how_texts_look_in_yaml(text: str, said: str) -> None:
    found = written(Form.YAML, "user", {"a": text}).split("\n", 2)[2]
    assert found == f"  a: {said}\n"


@pytest.mark.parametrize("form", list(Form))
def test_items_are_written_as_they_come(form: Form) -> None:
    writer = Writer(form, "object", "ScriptExecutionResultType")
    so_far = writer.begin({"oid": "t1"})
    for number in range(3):
        piece = writer.item({"value": {"@type": "UserType", "name": f"user {number}"}})
        assert f"user {number}".encode() in piece
        so_far += piece
    so_far += writer.end({"result": {"status": "success"}})
    assert read(so_far, form).content == {
        "@type": "ScriptExecutionResultType",
        "oid": "t1",
        "dataOutput": {
            "item": [{"value": {"@type": "UserType", "name": f"user {n}"}} for n in range(3)]
        },
        "result": {"status": "success"},
    }


@pytest.mark.parametrize("form", list(Form))
def test_a_list_that_stays_empty(form: Form) -> None:
    writer = Writer(form, "object", "ObjectListType", ("object",))
    whole = writer.begin() + writer.end()
    assert whole == render(form, "object", {"object": []}, "ObjectListType")
