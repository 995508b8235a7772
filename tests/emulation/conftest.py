"""Fixtures of the emulation: the default fleet, a stage to play on, a desk to ask from."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiohttp import web

from odimra.access import Principal
from odimra.emulation import fleet as fleets
from odimra.emulation import scenarios
from odimra.emulation.files import locate
from odimra.emulation.fleet import Fleet
from odimra.redfish import chassis, managers, system_parts, systems, update_service
from odimra.redfish.accepted import Accepted
from odimra.redfish.frame import Frame, FrameOptions
from odimra.redfish.machines import TRANSLATIONS
from odimra.redfish.messages import Messages
from odimra.redfish.privileges import PrivilegeMap
from odimra.redfish.task_json import TaskRepresentation
from odimra.store import Store
from tests.emulation.desk import Desk, MakeDesk
from tests.emulation.stage import Stage, build

EVERYTHING = frozenset({"Login", "ConfigureManager", "ConfigureComponents"})


class Doorman:
    """Lets everybody in as the same operator: who may do what is not the emulation's affair."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        return Principal("op", "Operator", EVERYTHING, "1", False, "/redfish/v1/x")


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    return fleets.load(locate("fleets", "default"), seed=1)


@pytest.fixture
def stage(store: Store, fleet: Fleet) -> Callable[..., Stage]:
    """Build a stage from the text of a scenario file."""

    def make(text: str = "{}", *, seed: int = 1, speed: float = 1.0) -> Stage:
        return build(store, scenarios.loads(text, seed), fleet, speed)

    return make


@pytest.fixture
def desk(store: Store, fleet: Fleet, aiohttp_client: Callable[..., object]) -> MakeDesk:
    """Serve the machines on a real socket, from the text of a scenario file."""
    default = fleet

    async def make(
        text: str = "{}", *, fleet: Fleet | None = None, max_targets: int = 5000
    ) -> Desk:
        stage = build(store, scenarios.loads(text), fleet or default, max_targets=max_targets)
        messages = Messages.load()
        emulated = stage.operations
        accepted = Accepted(TaskRepresentation(messages), stage.clock, retry_after=2)
        frame = Frame(
            [
                *systems.resources(emulated, stage.tasks, accepted),
                *system_parts.resources(stage.machines.fleet),
                *chassis.resources(stage.machines, stage.clock),
                *managers.resources(emulated, stage.tasks, accepted),
                *update_service.resources(emulated, stage.tasks, accepted),
            ],
            Doorman(),
            messages,
            FrameOptions(),
            privileges=PrivilegeMap.load(),
            translations=TRANSLATIONS,
        )
        app = web.Application()
        frame.mount(app)
        return Desk(await aiohttp_client(app), stage)  # type: ignore[misc]

    return make
