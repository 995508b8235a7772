"""Every endpoint of the composed service is documented, with its methods."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from odimra.app import build, redfish_resources
from odimra.config import load
from odimra.redfish.messages import Messages
from odimra.redfish.resource import Resource

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


@pytest.fixture
async def resources(valkey: str, tmp_path: Path) -> list[Resource]:
    settings = load(
        None, {}, {"state_folder": str(tmp_path), "store.namespace": f"docs{tmp_path.name}"}
    )
    async with build(settings, valkey) as house:
        return redfish_resources(house, Messages.load())


async def test_every_endpoint_is_documented_with_its_methods(resources: list[Resource]) -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ([A-Z, ]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    documented = {path: set(methods.split(", ")) for path, methods in rows}
    served = {resource.path: set(resource.handlers) for resource in resources}
    assert documented == served
