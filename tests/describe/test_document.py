"""The OpenAPI document: valid, complete, and of nothing that is not there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator

from odimra import idempotency
from odimra.config import load
from odimra.describe import common
from odimra.describe.document import document
from odimra.describe.model import Face, Operation, Reply, Served
from odimra.descriptions import DESCRIPTIONS
from odimra.faces import application
from odimra.house import build
from tests.describe.fuzz import FACES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "openapi.md"


@dataclass(frozen=True)
class Told:
    app: web.Application
    faces: list[Face]
    document: dict[str, Any]


@pytest.fixture
async def told(valkey: str, tmp_path: Path) -> AsyncIterator[Told]:
    settings = load(
        None, {}, {"state_folder": str(tmp_path), "store.namespace": f"openapi{tmp_path.name}"}
    )
    async with build(settings, valkey) as house:
        app, _, _ = application(house, "")
        found = app[DESCRIPTIONS]
        yield Told(app, found.faces, found.document())


async def test_the_document_is_valid_openapi(told: Told) -> None:
    assert told.document["openapi"].startswith("3.1.")
    assert list(map(str, OpenAPIV31SpecValidator(told.document).iter_errors())) == []


async def test_every_route_is_described_and_nothing_else(told: Told) -> None:
    assert {face.name: face.undescribed() for face in told.faces if face.undescribed()} == {}
    assert {face.name: face.unserved() for face in told.faces if face.unserved()} == {}


async def test_every_path_of_the_router_is_redfish_or_described(told: Told) -> None:
    mounts = {mount for face in told.faces for mount in face.mounts}
    described = {*told.document["paths"], *mounts, *(f"{one}/{{tail}}" for one in mounts)}
    served = {resource.canonical for resource in told.app.router.resources()}
    others = {path for path in served if not re.match("/(redfish|taskmon)(/|$)", path)}
    assert others
    assert others - described == set()
    below = tuple(f"{mount}/" for mount in mounts if mount != "/console")
    told_of = {path for path in told.document["paths"] if not path.startswith(below)}
    assert told_of - served == set()


async def test_every_operation_has_a_summary_and_every_path_its_parameters(told: Told) -> None:
    for path, item in told.document["paths"].items():
        names = [one["name"] for one in item.get("parameters", ())]
        assert names == re.findall(r"\{(\w+)\}", path)
        for method, operation in item.items():
            if method not in ("parameters", "servers"):
                assert operation["summary"], (method, path)


async def test_every_schema_that_is_referred_to_is_there_and_every_one_is_used(told: Told) -> None:
    referred = set(re.findall(r"'#/components/schemas/([^']+)'", repr(told.document)))
    assert referred == set(told.document["components"]["schemas"])


async def test_a_login_is_needed_but_where_it_is_said(told: Told) -> None:
    opened = {
        (method, path)
        for path, item in told.document["paths"].items()
        for method, operation in item.items()
        if method not in ("parameters", "servers") and operation.get("security") == []
    }
    assert opened == OPEN
    for path, item in told.document["paths"].items():
        for method, operation in item.items():
            if method not in ("parameters", "servers") and (method, path) not in opened:
                assert "401" in operation["responses"], (method, path)


OPEN = {
    *(("get", path) for path in ("/", "/openapi.json", "/health", "/ready")),
    ("post", "/bmc-events/{source}/{secret}"),
}


def face(operations: list[Operation], served: list[Served]) -> Face:
    return Face(
        "service",
        "",
        "/base",
        (),
        operations,
        served,
        common=lambda operation: (403,),
        refusal=lambda status, operation: Reply(f"{status}"),
    )


def test_what_is_only_declared_or_only_served_is_known_and_not_told() -> None:
    ok = {200: Reply("ok")}
    found = face(
        [Operation("GET", "a/{name}", ok), Operation("GET", "b", ok)],
        [Served("GET", "a/*", "Reads"), Served("POST", "a/*", "Writes")],
    )
    assert found.unserved() == {("GET", "b")}
    assert found.undescribed() == {("POST", "a/*")}
    made = document([found], "1")
    assert list(made["paths"]) == ["/base/a/{name}"]
    assert made["paths"]["/base/a/{name}"]["get"]["responses"] == {
        "200": {"description": "ok"},
        "403": {"description": "403"},
    }


def test_the_key_of_requests_that_come_again_is_what_it_is() -> None:
    assert (common.KEY, common.LONGEST_KEY) == (idempotency.KEY, idempotency.LONGEST_KEY)


async def test_the_page_names_every_face_and_so_does_the_run_of_schemathesis(told: Told) -> None:
    faces = {face.name for face in told.faces}
    assert faces == set(FACES)
    page = PAGE.read_text("utf-8")
    assert [name for name in sorted(faces) if f"`{name}`" not in page] == []
