"""The composed service, resource by resource: what is linked is there, what is wrong is said so."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.http import Answer, Client
from tests.support.service import Service

ROOT = "/redfish/v1/"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service({"emulation": {"time_factor": 0}}) as running:
        yield running


@pytest.fixture(scope="module")
def admin(service: Service) -> Client:
    client = service.admin()
    started = []
    for machine in ("node-1", "node-2"):
        action = f"{ROOT}Systems/{machine}/Actions/ComputerSystem.Reset"
        started.append(client.post(action, {"ResetType": "ForceRestart"}))
    update = f"{ROOT}UpdateService/Actions/UpdateService.SimpleUpdate"
    started.append(client.post(update, {"ImageURI": "https://files.test/bios-2.0.0.bin"}))
    assert [one.status for one in started] == [202] * 3
    # What they change should not change while the tree is looked at.
    deadline = time.monotonic() + 30
    for one in started:
        while "EndTime" not in client.get(one.body["@odata.id"]).body:
            assert time.monotonic() < deadline, "it did not end"
            time.sleep(0.02)
    return client


def links(body: Any) -> Iterator[str]:
    """Yield every link of a body."""
    if isinstance(body, list):
        for inner in body:
            yield from links(inner)
    elif isinstance(body, dict):
        for name, inner in body.items():
            if isinstance(inner, str) and (
                name in ("@odata.id", "Uri", "TaskMonitor", "@Redfish.ActionInfo")
                or name.endswith("@odata.nextLink")
            ):
                yield inner
            else:
                yield from links(inner)


@pytest.fixture(scope="module")
def tree(admin: Client) -> dict[str, Answer]:
    """Every resource that the root leads to."""
    found: dict[str, Answer] = {}
    ahead = [ROOT]
    while ahead:
        uri = ahead.pop().partition("#")[0]
        if uri and uri not in found:
            found[uri] = admin.get(uri)
            ahead += links(found[uri].body)
    return found


def test_every_link_leads_to_a_resource(tree: dict[str, Answer]) -> None:
    wrong = {uri: answer.status for uri, answer in tree.items() if answer.status >= 300}
    assert wrong == {}
    assert len(tree) > 150


def test_every_resource_is_what_it_says_it_is(tree: dict[str, Answer]) -> None:
    for uri, answer in tree.items():
        if uri.startswith(("/taskmon/", "/redfish/v1/Registries/Files/")):
            continue
        assert answer.body["@odata.id"] == uri.partition("?")[0], uri
        last = uri.rstrip("/").rpartition("/")[2]
        assert answer.body.get("Id", last) in (last, "RootService"), uri


def test_every_answer_has_the_headers_that_dsp0266_wants(tree: dict[str, Answer]) -> None:
    for uri, answer in tree.items():
        for name in ("OData-Version", "Allow", "Cache-Control", "Server"):
            assert answer.headers[name], (uri, name)
        if answer.status == 200 and "@odata.type" in (answer.body or {}):
            schema = answer.body["@odata.type"].removeprefix("#").rpartition(".")[0]
            assert f"/{schema}>; rel=describedby" in answer.headers["Link"], uri


def test_head_is_get_without_the_body(tree: dict[str, Answer], admin: Client) -> None:
    for uri in sorted(tree)[:40]:
        head = admin.request("HEAD", uri)
        assert (head.status, head.content) == (tree[uri].status, b""), uri


BODIES = [b"{", b"[]", b"null", b'"x"', b'{"Nope": 1}', b"\xff\xfe", b"{" * 200, b'{"a":NaN}']


@pytest.mark.parametrize("verb", ["POST", "PATCH", "PUT", "DELETE"])
def test_no_bad_request_is_a_500_or_changes_anything(
    tree: dict[str, Answer], admin: Client, verb: str
) -> None:
    if verb == "DELETE":
        targets = [uri for uri in tree if "DELETE" not in tree[uri].allow()]
    else:
        targets = sorted(tree)
    for number, uri in enumerate(targets):
        body = BODIES[number % len(BODIES)]
        answer = admin.request(verb, uri, body, {"Content-Type": "application/json"})
        assert 400 <= answer.status < 500, (verb, uri, body, answer.status)
        if answer.content:
            assert answer.message_ids(), (verb, uri, body)
            assert "Traceback" not in answer.content.decode()
    for uri in ("Systems/node-1", "AccountService", "Managers/node-1", "TaskService"):
        before, after = tree[ROOT + uri].body, admin.get(ROOT + uri).body
        for changing in ("DateTime", "LastResetTime", "@odata.etag"):
            before.pop(changing, None), after.pop(changing, None)
        assert before == after


TRICKS = [
    "/redfish/v1/../v1/Systems",
    "/redfish/v1/Systems/..%2f..%2fetc%2fpasswd",
    "/redfish/v1/Systems/%00",
    "/redfish/v1/Systems/node-1%0d%0aX: y",
    "/redfish/v1//Systems",
    "/redfish/v1/Systems/" + "x" * 4000,
    "/redfish/v1/TaskService/Tasks/*",
    "/redfish/v1/TaskService/Tasks/{odimra}:events",
    "/taskmon/..",
    "/redfish/v1/SessionService/Sessions/%F0%9F%92%A9",
]


@pytest.mark.parametrize("path", TRICKS)
def test_tricks_with_paths_lead_nowhere(admin: Client, path: str) -> None:
    answer = admin.get(re.sub(r" ", "%20", path))
    assert answer.status in (400, 404), answer.status
    assert answer.message_ids()


QUERIES = [
    "$filter=",
    "$filter=Id eq 'x",
    "$filter=" + "(" * 500,
    "$top=-1",
    "$top=99999999999999999999",
    "$skip=x",
    "$expand=%",
    "$expand=*($levels=999)",
    "$select=" + "a," * 500,
    "$unknown=1",
    "only=1",
    "only&$top=1",
    "$top=1&$top=2",
]


@pytest.mark.parametrize("query", QUERIES)
def test_absurd_queries_are_refused(admin: Client, query: str) -> None:
    answer = admin.get(f"{ROOT}Systems?{query}".replace(" ", "%20"))
    assert answer.status == (501 if "unknown" in query else 400), answer.body
    assert answer.message_ids()


def test_a_body_that_is_too_long_is_413(admin: Client) -> None:
    body = b'{"ResetType": "' + b"x" * 1_200_000 + b'"}'
    uri = f"{ROOT}Systems/node-1/Actions/ComputerSystem.Reset"
    answer = admin.request("POST", uri, body, {"Content-Type": "application/json"})
    assert answer.status == 413 and answer.message_ids()
