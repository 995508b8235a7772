"""Fixtures of the emulation: the default fleet and a stage to play scenarios on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from odimra.emulation import fleet as fleets
from odimra.emulation import scenarios
from odimra.emulation.files import locate
from odimra.emulation.fleet import Fleet
from odimra.store import Store
from tests.emulation.stage import Stage, build


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    return fleets.load(locate("fleets", "default"), seed=1)


@pytest.fixture
def stage(store: Store, fleet: Fleet) -> Callable[..., Stage]:
    """Build a stage from the text of a scenario file."""

    def make(text: str = "{}", *, seed: int = 1, speed: float = 1.0) -> Stage:
        return build(store, scenarios.loads(text, seed), fleet, speed)

    return make
