"""What XML means, rule by rule, and what of it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from odimra.midpoint.media import BadDocument, Form, read

COMMON = "http://midpoint.evolveum.com/xml/ns/public/common/common-3"
SCRIPTING = "http://midpoint.evolveum.com/xml/ns/public/model/scripting-3"
HEAD = (
    f'xmlns="{SCRIPTING}" xmlns:s="{SCRIPTING}" xmlns:c="{COMMON}"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:own="urn:odimra:xml"'
)


def content(inner: str, attributes: str = "", name: str = "x") -> Any:
    return read(f"<{name} {HEAD} {attributes}>{inner}</{name}>".encode(), Form.XML).content


def test_a_bulk_action_as_its_documentation_writes_it() -> None:
    document = read(
        f"""<?xml version="1.0" encoding="UTF-8"?>
        <!-- Enables everybody called jack. -->
        <s:executeScript {HEAD} xmlns:q="http://prism.evolveum.com/xml/ns/public/query-3">
          <s:pipeline list="true">
            <s:search>
              <s:type>c:UserType</s:type>
              <s:searchFilter>
                <q:equal><q:path>c:name</q:path><q:value>jack</q:value></q:equal>
              </s:searchFilter>
            </s:search>
            <s:action>
              <s:type>modify</s:type>
              <s:parameter>
                <s:name>delta</s:name>
                <c:value xsi:type="c:ObjectDeltaType"><c:itemDelta/></c:value>
              </s:parameter>
              <s:parameter>
                <s:name>dryRun</s:name>
                <c:value xsi:type="xsd:boolean">true</c:value>
              </s:parameter>
            </s:action>
            <s:recompute/>
          </s:pipeline>
          <s:options><s:continueOnAnyError>true</s:continueOnAnyError></s:options>
        </s:executeScript>""".encode(),
        Form.XML,
    )
    assert document.name == "executeScript"
    assert document.content == {
        "pipeline": [
            {
                "@element": "search",
                "type": "c:UserType",
                "searchFilter": {"equal": {"path": "c:name", "value": "jack"}},
            },
            {
                "@element": "action",
                "type": "modify",
                "parameter": [
                    {"name": "delta", "value": {"@type": "ObjectDeltaType", "itemDelta": ""}},
                    {"name": "dryRun", "value": True},
                ],
            },
            {"@element": "recompute"},
        ],
        "options": {"continueOnAnyError": "true"},
    }


@pytest.mark.parametrize(
    ("inner", "meant"),
    [
        ("", ""),
        ("text", "text"),
        (" kept ", " kept "),
        ("  \n ", ""),
        ("&lt;&amp;&gt;&apos;&quot;&#65;&#x1F600;", "<&>'\"A\U0001f600"),
        ("<![CDATA[<a>]]>b", "<a>b"),
        ("a<!-- not this -->b<?nor this?>c", "abc"),
        ("5", "5"),
        ("true", "true"),
        ("<a>1</a><b>2</b>", {"a": "1", "b": "2"}),
        ("<c:a>1</c:a>", {"a": "1"}),
        ("<a>1</a><b/><a>2</a><c:a>3</c:a>", {"a": ["1", "2", "3"], "b": ""}),
        ("<a><b/><b><c/></b></a>", {"a": {"b": ["", {"c": ""}]}}),
        (
            '<a oid="1" relation="c:owner" type="c:UserType"/>',
            {"a": {"oid": "1", "relation": "c:owner", "type": "c:UserType"}},
        ),
        ('<a id="1"><b/></a>', {"a": {"id": "1", "b": ""}}),
        ('<a id="1">text</a>', {"a": {"id": "1", "@value": "text"}}),
        ('<a c:id="1" xml:lang="en" xmlns:z="urn:z"/>', {"a": ""}),
        ("<_x0040_odata.id>1</_x0040_odata.id>", {"@odata.id": "1"}),
        ("<_x_/><_x005F_x0040_/>", {"": "", "_x0040_": ""}),
        # PolyStrings stay what they are.
        (
            "<c:name><c:orig>Jack</c:orig><c:norm>jack</c:norm></c:name>",
            {"name": {"orig": "Jack", "norm": "jack"}},
        ),
        # Types.
        ('<a xsi:type="c:UserType"/>', {"a": {"@type": "UserType"}}),
        ('<a xsi:type="UserType"><b/></a>', {"a": {"@type": "UserType", "b": ""}}),
        ('<a xsi:type="c:PolyStringType">jack</a>', {"a": "jack"}),
        ('<a xsi:type="xsd:int"> 5 </a>', {"a": 5}),
        ('<a xsi:type="xsd:long">-9223372036854775808</a>', {"a": -(2**63)}),
        ('<a xsi:type="xsd:integer">+007</a>', {"a": 7}),
        ('<a xsi:type="xsd:short">1</a>', {"a": 1}),
        ('<a xsi:type="xsd:decimal">1.5</a>', {"a": 1.5}),
        ('<a xsi:type="xsd:double">1e3</a>', {"a": 1000}),
        ('<a xsi:type="xsd:float">.5</a>', {"a": 0.5}),
        ('<a xsi:type="xsd:boolean">1</a>', {"a": True}),
        ('<a xsi:type="xsd:boolean">false</a>', {"a": False}),
        ('<a xsi:type="xsd:string"> 5 </a>', {"a": " 5 "}),
        ('<a xsi:type="xsd:dateTime">2026-01-01T00:00:00Z</a>', {"a": "2026-01-01T00:00:00Z"}),
        ('<a xsi:type="xsd:anyType"/>', {"a": {}}),
        ('<a xsi:type="z:int" xmlns:z="http://www.w3.org/2001/XMLSchema">5</a>', {"a": 5}),
        ('<a xsi:type="int" xmlns="http://www.w3.org/2001/XMLSchema">5</a>', {"a": 5}),
        ('<a xsi:type="undeclared:UserType"/>', {"a": {"@type": "UserType"}}),
        ('<a xsi:nil="true"/>', {"a": None}),
        ('<a xsi:nil="false"/>', {"a": ""}),
        ('<a xsi:schemaLocation="urn:x x.xsd" own:other="1"/>', {"a": ""}),
        ('<a xml:space="preserve"> </a>', {"a": " "}),
        # Lists of unlike elements.
        (
            "<pipeline><a/><b>1</b><a><c/></a></pipeline>",
            {
                "pipeline": [
                    {"@element": "a"},
                    {"@element": "b", "@value": "1"},
                    {"@element": "a", "c": ""},
                ]
            },
        ),
        ("<sequence/>", {"sequence": []}),
        ("<sequence>5</sequence>", {"sequence": "5"}),
        ('<sequence list="false"><a/></sequence>', {"sequence": {"a": ""}}),
        ('<a list="true"><b/></a>', {"a": [{"@element": "b"}]}),
        ('<a list="many"/>', {"a": {"list": "many"}}),
        (
            "<pipeline><sequence><a/></sequence></pipeline>",
            {"pipeline": [{"@element": "sequence", "@value": [{"@element": "a"}]}]},
        ),
        (
            "<pipeline><a/></pipeline><pipeline><b/></pipeline>",
            {"pipeline": [[{"@element": "a"}], [{"@element": "b"}]]},
        ),
        # The marks of the writer.
        ('<a own:list="single">1</a>', {"a": ["1"]}),
        ('<a own:list="single">1</a><a>2</a>', {"a": ["1", "2"]}),
        ('<a own:list="empty"/>', {"a": []}),
        ('<a own:list="nested"><item>1</item><item/></a>', {"a": ["1", ""]}),
        ('<a own:escaped="true">_x0000__x005F_x0041_</a>', {"a": "\0_x0041_"}),
    ],
)
def test_what_an_element_means(inner: str, meant: Any) -> None:
    assert content(inner) == meant


def test_a_prefix_means_what_the_nearest_element_says() -> None:
    schema = "http://www.w3.org/2001/XMLSchema"
    inner = f'<a xmlns:p="{schema}"><b xmlns:p="urn:other" xsi:type="p:int"/></a>'
    assert content(inner) == {"a": {"b": {"@type": "int"}}}
    inner = f'<a xmlns:p="{schema}"><b xmlns:p="urn:other"/><b xsi:type="p:int">5</b></a>'
    assert content(inner) == {"a": {"b": ["", 5]}}


def test_a_bare_pipeline_is_a_list() -> None:
    assert content("<a/>", name="pipeline") == [{"@element": "a"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding: str) -> None:
    declared = "UTF-16" if encoding == "utf-16" else "UTF-8"
    raw = f'<?xml version="1.0" encoding="{declared}"?><name>Štěpán</name>'.encode(encoding)
    assert read(raw, Form.XML).content == "Štěpán"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no element found"),
        ("text", "syntax error"),
        ("<a>", "no element found"),
        ("<a></b>", "line 1 column 6: mismatched tag"),
        ("<a/><b/>", "junk after document element"),
        ("<a>\n\n</b>", "line 3 column 3"),
        ("<a b='1' b='2'/>", "duplicate attribute"),
        ("<a>&unknown;</a>", "undefined entity"),
        ("<a>&#0;</a>", "reference to invalid character number"),
        ("<a>\0</a>", "not well-formed"),
        ("<!DOCTYPE a><a/>", "DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "DOCTYPE"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "DOCTYPE"),
        ('<?xml version="1.0" encoding="cp037"?><a/>', "neither UTF-8 nor UTF-16"),
        ('<?xml version="1.0" encoding="iso-8859-1"?><a/>', "neither UTF-8 nor UTF-16"),
        ("<c:a/>", "prefix of c:a"),
        ("<a c:b='1'/>", "prefix of c:b"),
        ("<a xmlns:c=''/>", "no namespace"),
        ("<a>text<b/></a>", "a holds both text and elements"),
        ("<a><b/>text</a>", "a holds both text and elements"),
        ("<a><b/><!-- -->text<b/></a>", "a holds both text and elements"),
        ("<a>te<!-- -->xt<b/></a>", "a holds both text and elements"),
        ("<a b='1'><b/></a>", "a: a name is there twice"),
        ("<a b='1' _x0062_='2'/>", "a: a name is there twice"),
        ("<a\n\n><b xsi:nil='true'>x</b></a>", "prefix of xsi:nil"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadDocument, match=why):
        read(text.encode(), Form.XML)


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        ('<a xsi:type="xsd:int">five</a>', "a: a value is no int"),
        ('<a xsi:type="xsd:int"></a>', "a: a value is no int"),
        ('<a xsi:type="xsd:int">1.5</a>', "a: a value is no int"),
        ('<a xsi:type="xsd:int">\u0665</a>', "a: a value is no int"),
        ('<a xsi:type="xsd:double">NaN</a>', "a: a value is no double"),
        ('<a xsi:type="xsd:double">INF</a>', "a: a value is no double"),
        ('<a xsi:type="xsd:double">1e999</a>', "too large"),
        (f'<a xsi:type="xsd:integer">{"9" * 301}</a>', "too long"),
        ('<a xsi:type="xsd:boolean">yes</a>', "a: a boolean must be true or false"),
        ('<a xsi:type="xsd:int"><b/></a>', "a is of a simple type and holds elements"),
        ('<a xsi:type="">5</a>', "a: a type must have a name"),
        ('<a xsi:type="c:">5</a>', "a: a type must have a name"),
        ('<a xsi:nil="maybe"/>', "a: nil must be true or false"),
        ('<a xsi:nil="true">5</a>', "a is nil and holds something"),
        ('<a xsi:nil="true"><b/></a>', "a is nil and holds something"),
        ('<a xsi:type="c:T"><_x0040_type/></a>', "a name is there twice"),
        ("<pipeline><a><_x0040_element/></a></pipeline>", "a: @element is there twice"),
    ],
)
def test_what_is_refused_of_an_element(inner: str, why: str) -> None:
    with pytest.raises(BadDocument, match=why):
        content(inner)


def test_messages_do_not_repeat_what_is_long_or_odd() -> None:
    with pytest.raises(BadDocument) as raised:
        read(b"<p" + b"a" * 10_000 + b":x/>", Form.XML)
    assert len(str(raised.value)) < 200


def test_messages_do_not_repeat_values() -> None:
    with pytest.raises(BadDocument) as raised:
        content('<password xsi:type="xsd:int">hunter2</password>')
    assert "hunter2" not in str(raised.value)
