"""Results of asynchronous bulk actions, as midPoint's proposal describes them, with the real curl.

A script is started, its task's OID comes back, and what the script has put out is fetched again and
again until the operation result says that it has ended: in XML, in JSON and in YAML.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.support.http import Client
from tests.support.service import Service, clean_environment

REST = "/ws/rest"
COUNT = 120
OIDS = [f"sailor-{number:03d}" for number in range(COUNT)]

COMMON = "http://midpoint.evolveum.com/xml/ns/public/common/common-3"
API_TYPES = "http://midpoint.evolveum.com/xml/ns/public/common/api-types-3"
TYPES = "http://prism.evolveum.com/xml/ns/public/types-3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
#: What a ScriptExecutionResultType consists of, in this order; the last alone has to be there.
SEQUENCE = ["dataOutput", "consoleOutput", "result"]

#: Slow for as long as the harbour is closed.
CODE = (
    "var until = Date.now() + 100; "
    "if (!openidm.read('managed/harbour/main').open) while (Date.now() < until); "
    "input.name"
)

XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<s:executeScript xmlns:s="http://midpoint.evolveum.com/xml/ns/public/model/scripting-3"
    xmlns:c="{COMMON}" xmlns:t="{TYPES}" xmlns:q="http://prism.evolveum.com/xml/ns/public/query-3">
  <s:pipeline>
    <s:search>
      <s:type>c:SailorType</s:type>
      <s:query><q:filter><q:equal>
        <q:path>c:rank</q:path><q:value>hand</q:value>
      </q:equal></q:filter></s:query>
    </s:search>
    <s:action>
      <s:type>modify</s:type>
      <s:parameter>
        <s:name>delta</s:name>
        <c:value>
          <t:itemDelta>
            <t:modificationType>replace</t:modificationType>
            <t:path>c:ship</t:path>
            <t:value>Pearl</t:value>
          </t:itemDelta>
        </c:value>
      </s:parameter>
    </s:action>
    <s:action>
      <s:type>execute-script</s:type>
      <s:parameter>
        <s:name>script</s:name>
        <c:value><c:code>{CODE.replace("<", "&lt;")}</c:code></c:value>
      </s:parameter>
      <s:parameter><s:name>outputItemName</s:name><c:value>name</c:value></s:parameter>
    </s:action>
  </s:pipeline>
</s:executeScript>
"""
JSON = """{
  "@ns": "http://midpoint.evolveum.com/xml/ns/public/model/scripting-3",
  "executeScript": {
    "pipeline": [
      {
        "@element": "search",
        "type": "c:SailorType",
        "query": {"filter": {"text": "rank = \\"hand\\""}}
      },
      {
        "@element": "action",
        "type": "modify",
        "parameter": [{
          "name": "delta",
          "http://midpoint.evolveum.com/xml/ns/public/common/common-3#value": {
            "@type": "http://prism.evolveum.com/xml/ns/public/types-3#ObjectDeltaType",
            "itemDelta": [
              {"modificationType": "replace", "path": "ship", "value": "Pearl"}
            ]
          }
        }]
      },
      {
        "@element": "action",
        "type": "execute-script",
        "parameter": [
          {"name": "script", "value": {"code": "CODE"}},
          {"name": "outputItemName", "value": "name"}
        ]
      }
    ]
  }
}
""".replace("CODE", CODE)
YAML = """---
"@ns": "http://midpoint.evolveum.com/xml/ns/public/model/scripting-3"
executeScript:
  pipeline:
    - "@element": "search"
      type: "c:SailorType"
      query:
        filter:
          text: rank = "hand"
    - "@element": "action"
      type: "modify"
      parameter:
        - name: "delta"
          http://midpoint.evolveum.com/xml/ns/public/common/common-3#value:
            !<http://prism.evolveum.com/xml/ns/public/types-3/ObjectDeltaType>
            itemDelta:
              - modificationType: "replace"
                path: "ship"
                value: "Pearl"
    - "@element": "action"
      type: "execute-script"
      parameter:
        - name: "script"
          value:
            code: >-
              CODE
        - name: "outputItemName"
          value: "name"
""".replace("CODE", CODE)


def from_xml(raw: bytes) -> dict[str, Any]:
    """Return the members of the document in the order of their elements."""
    scopes: dict[str, str] = {}
    for _, (prefix, uri) in ElementTree.iterparse(BytesIO(raw), events=["start-ns"]):
        scopes[prefix] = uri
    root = ElementTree.fromstring(raw)
    assert root.tag == f"{{{TYPES}}}object"
    prefix, _, local = root.attrib[f"{{{XSI}}}type"].rpartition(":")
    found = {"type": f"{scopes[prefix]}#{local}"}
    members = dict(found, **{one.tag: _plain(one) for one in root})
    assert len(members) == len(root) + 1, "no element is there twice"
    assert all(name.startswith(f"{{{COMMON}}}") for name in list(members)[1:])
    return {name.rpartition("}")[2]: value for name, value in members.items()}


def _plain(element: ElementTree.Element) -> Any:
    if not len(element):
        text = element.text or ""
        kind = element.get(f"{{{XSI}}}type", "")
        return int(text) if kind == "xsd:int" else text
    found: dict[str, Any] = {}
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name in ("item", "partialResults"):
            found.setdefault(name, []).append(_plain(child))
        else:
            assert name not in found
            found[name] = _plain(child)
    return found


def from_json(raw: bytes) -> dict[str, Any]:
    return _without_namespace(json.loads(raw))


def from_yaml(raw: bytes) -> dict[str, Any]:
    return _without_namespace(yaml.safe_load(raw))


def _without_namespace(document: Any) -> dict[str, Any]:
    assert set(document) == {"@ns", "object"} and document["@ns"] == TYPES
    members = dict(document["object"])
    return {"type": members.pop("@type"), **members}


@dataclass(frozen=True)
class Way:
    """A form of documents: its media type, the script in it, and how to read answers."""

    media: str
    script: str
    read: Callable[[bytes], dict[str, Any]]


WAYS = {
    "xml": Way("application/xml", XML, from_xml),
    "json": Way("application/json", JSON, from_json),
    "yaml": Way("application/yaml", YAML, from_yaml),
}


@dataclass(frozen=True)
class Said:
    status: int
    headers: dict[str, str]
    content: bytes


class Curl:
    """Runs curl as a reader of the document would."""

    def __init__(self, service: Service, folder: Path) -> None:
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed: apt install curl")
        self._service = service
        self._folder = folder

    def __call__(self, path: str, *options: str, body: str | None = None) -> Said:
        head, content = self._folder / "head", self._folder / "content"
        content.write_bytes(b"")
        if body is not None:
            script = self._folder / "script"
            script.write_text(body, "utf-8")
            options = (*options, "--data-binary", f"@{script}")
        login = f"{self._service.administrator}:{self._service.password}"
        done = subprocess.run(
            [
                *("curl", "-sS", "-u", login, "-D", str(head), "-o", str(content)),
                *("-w", "%{http_code}", *options, f"{self._service.address}{path}"),
            ],
            env=clean_environment(CURL_CA_BUNDLE=self._service.ca_file, CURL_HOME="/"),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        lines = head.read_text("latin-1").strip().splitlines()[1:]
        headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        kept = dict(line.split(": ", 1) for line in lines if ": " in line)
        headers["location"] = kept.get("Location", "")
        return Said(int(done.stdout), headers, content.read_bytes())


@pytest.fixture
def curl(service: Service, tmp_path: Path) -> Curl:
    return Curl(service, tmp_path)


@pytest.fixture
def sailors(admin: Client) -> Iterator[None]:
    """Many objects that are meant, one that is not, and a harbour that is closed."""
    given = [{"@type": "SailorType", "oid": oid, "name": oid, "rank": "hand"} for oid in OIDS]
    given.append({"@type": "SailorType", "oid": "bill", "name": "bill", "rank": "bootstrap"})
    given.append({"@type": "HarbourType", "oid": "main", "open": False})
    body = {"executeScript": {"input": {"value": given}, "action": {"type": "add"}}}
    assert admin.post(f"{REST}/rpc/executeScript", body).status == 200
    yield
    for kind in ("SailorType", "HarbourType"):
        everyone = {"@element": "search", "type": kind}
        body = {"pipeline": [everyone, {"@element": "action", "type": "delete"}]}
        assert admin.post(f"{REST}/rpc/executeScript", body).status == 200


def checked(way: Way, answer: Said) -> dict[str, Any]:
    """Return a ScriptExecutionResultType that is as the document has it."""
    assert answer.status == 200, answer.content
    assert answer.headers["content-type"].startswith(way.media)
    members = way.read(answer.content)
    assert members.pop("type") == f"{API_TYPES}#ScriptExecutionResultType"
    order = [name for name in members if name != "hiddenRecordsCount"]
    assert order == [name for name in SEQUENCE if name in members], order
    result = members["result"]
    assert result["operation"] == "executeScript" and "status" in result
    return members


@pytest.mark.usefixtures("sailors")
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_results_of_an_asynchronous_script(way: Way, curl: Curl, admin: Client) -> None:
    media = ("-H", f"Content-Type: {way.media}", "-H", f"Accept: {way.media}")

    # Invoking /rpc/executeScript in asynchronous mode creates a task, whose OID is returned.
    started = curl(f"{REST}/rpc/executeScript?asynchronous=true", *media, body=way.script)
    assert (started.status, started.content) == (201, b"")
    tasks, _, oid = started.headers["location"].rpartition("/")
    assert tasks == f"{REST}/tasks" and oid

    # Outputs are stored at regular intervals, and fetched while the operation goes on.
    seen: list[int] = []
    deadline = time.monotonic() + 60
    while True:
        now = checked(way, curl(f"{REST}/scriptExecutionResults/{oid}", *media))
        values = items_of(now)
        lines = str(now.get("consoleOutput", "")).splitlines()
        assert values == OIDS[: len(values)], "in order, without gaps"
        told = [line for line in lines if line.startswith("Executed script on ")]
        assert len(told) == len(values), "what has been put out belongs together"
        seen.append(len(values))
        if now["result"]["status"] != "in_progress":
            break
        assert "end" not in now["result"]
        if len(values):
            harbour = {"harbour": {"open": True}}
            assert admin.request("PUT", f"{REST}/harbours/main", harbour).status == 201
        assert time.monotonic() < deadline, now
        time.sleep(0.05)

    assert seen == sorted(seen) and seen[-1] == COUNT
    assert any(0 < count < COUNT for count in seen), "there were outputs before the end"
    result = now["result"]
    assert result["status"] == "success"
    assert result["asynchronousOperationReference"] == oid
    assert result["start"] < result["end"]
    summed = {one["operation"]: one for one in result["partialResults"]}
    assert set(summed) == {"modify", "execute-script"}
    for one in summed.values():
        assert one["status"] == "success" and int(one["count"]) == COUNT
    assert lines == [
        f"{done} sailor:{oid}({oid})" for done in ("Modified", "Executed script on") for oid in OIDS
    ]
    listed = admin.get(f"{REST}/sailors").body["object"]["object"]
    assert {one["oid"]: one.get("ship") for one in listed} == {
        **dict.fromkeys(OIDS, "Pearl"),
        "bill": None,
    }

    # The task is one of the task service, too.
    task = admin.get(f"/redfish/v1/TaskService/Tasks/task{oid}").body
    assert (task["TaskState"], task["PercentComplete"]) == ("Completed", 100)


def items_of(members: dict[str, Any]) -> list[Any]:
    """Return the values of the data output; each item has its result."""
    found = (members.get("dataOutput") or {}).get("item", [])
    assert all(one["result"]["status"] == "success" for one in found)
    return [one["value"] for one in found]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_synchronous_script_is_answered_with_the_same_type(
    way: Way, curl: Curl, admin: Client
) -> None:
    harbour = {"harbour": {"open": True}}
    assert admin.request("PUT", f"{REST}/harbours/main", harbour).status == 201
    for oid in OIDS[:3]:
        sailor = {"sailor": {"name": oid, "rank": "hand"}}
        assert admin.request("PUT", f"{REST}/sailors/{oid}", sailor).status == 201
    media = ("-H", f"Content-Type: {way.media}", "-H", f"Accept: {way.media}")
    members = checked(way, curl(f"{REST}/rpc/executeScript", *media, body=way.script))
    assert items_of(members) == OIDS[:3]
    assert members["result"]["status"] == "success" and "end" in members["result"]
    for oid in OIDS[:3]:
        admin.delete(f"{REST}/sailors/{oid}")
    admin.delete(f"{REST}/harbours/main")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_results_that_are_not_there(way: Way, curl: Curl) -> None:
    answer = curl(f"{REST}/scriptExecutionResults/none", "-H", f"Accept: {way.media}")
    assert answer.status == 404
    members = way.read(answer.content)
    assert members["type"].rpartition("#")[2] == "OperationResultType"
    assert members["status"] == "fatal_error" and "none" in members["message"]
