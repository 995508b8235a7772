"""Every endpoint of the composed service is documented, with its methods and who may use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from odimra.config import load
from odimra.faces import feed, redfish_resources
from odimra.house import House, build
from odimra.plain_faces import cloudkitty, crest, job_manager, midpoint
from odimra.redfish.messages import Messages
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.resource import Resource

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text("utf-8")
ROWS = re.findall(
    r"^\| `(/redfish[^`]*|/taskmon[^`]*)` \| ([A-Z, ]+) \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE
)


@pytest.fixture
async def resources(valkey: str, tmp_path: Path) -> list[Resource]:
    settings = load(
        None, {}, {"state_folder": str(tmp_path), "store.namespace": f"docs{tmp_path.name}"}
    )
    async with build(settings, valkey) as house:
        messages = Messages.load()
        return redfish_resources(house, messages, "", feed(house, messages))


def alternatives(rule: Iterable[frozenset[str]]) -> str:
    return " or ".join(" and ".join(sorted(one)) for one in rule)


def needed(resource: Resource, privileges: PrivilegeMap) -> list[str]:
    """Say who may use a resource: the methods that need the same stand together."""
    methods: dict[str, list[str]] = {}
    for method in resource.handlers:
        rule = privileges.rule(resource.entity, method)
        if rule.open or (resource.public and method == "GET"):
            who = "everybody"
        else:
            who = alternatives(rule.alternatives)
        for name, special in rule.properties.items():
            who += f" ({name}: {alternatives(special)})"
        methods.setdefault(who, []).append(method)
    return [f"{', '.join(verbs)}: {who}" for who, verbs in methods.items()]


async def test_every_endpoint_is_documented_with_its_methods(resources: list[Resource]) -> None:
    documented = {path: set(methods.split(", ")) for path, methods, _ in ROWS}
    assert documented == {resource.path: set(resource.handlers) for resource in resources}


async def test_who_may_is_what_the_privilege_map_says(resources: list[Resource]) -> None:
    privileges = PrivilegeMap.load()
    documented = {path: who.split("; ") for path, _, who in ROWS}
    assert documented == {resource.path: needed(resource, privileges) for resource in resources}


async def test_where_members_take_a_post_is_said(resources: list[Resource]) -> None:
    said = PAGE.partition("`<collection>/Members`")[2].partition("\n- ")[0]
    collections = [resource.path.rpartition("/")[2] for resource in resources if resource.members]
    assert collections
    assert [name for name in collections if name not in said] == []


def test_no_endpoint_is_listed_twice() -> None:
    paths = [path for path, _, _ in ROWS]
    assert len(paths) == len(set(paths))


async def test_every_path_of_bulk_scripts_is_documented(valkey: str, tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "bulk.md").read_text("utf-8")
    told = set()
    for path, methods, who in re.findall(
        r"^\| `([^`]*)` \| ([A-Z, ]+) \|.*\| ([\w:, ]+) \|$", page, re.MULTILINE
    ):
        needs = dict(one.split(": ") for one in who.split(", ") if ": " in one)
        for method in methods.split(", "):
            told.add((method, re.sub(r"\{\w+\}", "*", path), needs.get(method, who)))
    settings = load(
        None, {}, {"state_folder": str(tmp_path), "store.namespace": f"docs{tmp_path.name}"}
    )
    async with build(settings, valkey) as house:
        served = midpoint(house)
    assert told == {(route.method, route.path, route.needs) for route in served.routes}


@pytest.mark.parametrize(("name", "face"), [("rating.md", cloudkitty), ("jobs.md", job_manager)])
async def test_every_path_of_a_plain_api_is_documented(
    valkey: str, tmp_path: Path, name: str, face: Callable[[House], Any]
) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / name).read_text("utf-8")
    told = {
        (method, re.sub(r"\{\w+\}", "*", path), who)
        for path, methods, who in re.findall(
            r"^\| `([^`]*)` \| ([A-Z, ]+) \|.*\| (\w+) \|$", page, re.MULTILINE
        )
        for method in methods.split(", ")
    }
    settings = load(
        None, {}, {"state_folder": str(tmp_path), "store.namespace": f"docs{tmp_path.name}"}
    )
    async with build(settings, valkey) as house:
        served = face(house)
    assert told == {(route.method, route.path, route.needs) for route in served.routes}


async def test_every_path_of_the_other_api_is_documented(valkey: str, tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "openidm.md").read_text("utf-8")
    told = {
        (path.partition("/{")[0], read, write)
        for path, read, write in re.findall(
            r"^\| `([a-z][^`]*)` \|.*\| read: (\w+), write: (\w+) \|$", page, re.MULTILINE
        )
    }
    settings = load(
        None, {}, {"state_folder": str(tmp_path), "store.namespace": f"docs{tmp_path.name}"}
    )
    async with build(settings, valkey) as house:
        served = crest(house)
    wanted = {
        (path.removesuffix("/*"), endpoint.reading, endpoint.writing)
        for path, endpoint in served.endpoints.items()
    }
    assert told == wanted
