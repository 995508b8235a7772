"""The job kinds of the emulation: what an operation on a machine that does not exist does to it.

Run by the engine's workers. The scenario decides how the operation goes, this module what it
changes, and only if it completes. Must never import a face.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from odimra.emulation.player import Player
from odimra.emulation.scenarios import Request, Scenario, Scenarios
from odimra.emulation.state import LAST_BOOT, MachineStates, component_field
from odimra.engine import JobContext, Outcome
from odimra.tasks import Effect, Result, TaskMessage, states

SYSTEM_RESET = "system-reset"
MANAGER_RESET = "manager-reset"
FIRMWARE_UPDATE = "firmware-update"
SCENARIO = "scenario"


@dataclass(frozen=True, slots=True)
class ResetRule:
    """What a ``ResetType`` does (Resource v1_23_0, descriptions of the values).

    ``after`` is the PowerState it leads to, None: the one it was in; ``from_states`` those in
    which it makes sense.
    """

    after: str | None
    boots: bool = False
    from_states: frozenset[str] = frozenset({"On", "Off", "Paused"})


_NOT_OFF = frozenset({"On", "Paused"})
RESETS: Mapping[str, ResetRule] = MappingProxyType(
    {
        "On": ResetRule("On"),
        "ForceOn": ResetRule("On"),
        "ForceOff": ResetRule("Off"),
        "GracefulShutdown": ResetRule("Off"),
        "GracefulRestart": ResetRule("On", boots=True),
        "ForceRestart": ResetRule("On", boots=True),
        "PowerCycle": ResetRule("On", boots=True),
        "FullPowerCycle": ResetRule("On", boots=True),
        "Nmi": ResetRule(None, from_states=_NOT_OFF),
        "Suspend": ResetRule("Off", from_states=_NOT_OFF),
        "Pause": ResetRule("Paused", from_states=_NOT_OFF),
        "Resume": ResetRule("On", from_states=_NOT_OFF),
    }
)
BUTTON_TYPE = "PushPowerButton"
#: The button switches a machine that is off on, and shuts any other down.
BUTTON = MappingProxyType(
    {"Off": ResetRule("On"), "On": ResetRule("Off"), "Paused": ResetRule("Off")}
)

STANDBY = TaskMessage(
    "Base.1.22.ResourceInStandby",
    severity="Critical",
    text="The system is off, or not in a state from which this reset leads anywhere.",
)
GONE = TaskMessage("Base.1.22.ResourceNotFound", severity="Critical")


@dataclass(frozen=True, slots=True)
class Act:
    """What an operation is about to do: words for its messages, its effects, or why it cannot."""

    values: Mapping[str, str]
    effects: Sequence[Effect] = ()
    refused: Outcome | None = None


def request_args(request: Request) -> dict[str, Any]:
    """Return the arguments of a task that plays ``request``."""
    return {
        "operation": request.operation,
        "targets": list(request.targets),
        "ordinal": request.ordinal,
        "parameters": dict(request.parameters),
    }


class EmulatedKind(ABC):
    """What the kinds have in common: decide again what was decided, play it, then the effects."""

    #: A task is Starting until its scenario lets it run.
    claim_state = states.STARTING
    name = ""

    def __init__(self, scenarios: Scenarios, machines: MachineStates, speed: float) -> None:
        self._scenarios = scenarios
        self._machines = machines
        self._speed = speed

    async def run(self, job: JobContext) -> Outcome:
        """Run one task; resumes from its checkpoint."""
        args = job.args
        request = Request(
            args["operation"], tuple(args["targets"]), args["ordinal"], args["parameters"]
        )
        decided, chance = self._scenarios.decide(request)
        # A refusal here means that the scenarios changed after the request had been accepted.
        scenario = decided if isinstance(decided, Scenario) else Scenario()
        act = await self._act(job)
        if act.refused is not None:
            return act.refused
        player = Player(job, scenario, chance, act.values, speed=self._speed, success=204)
        outcome = await player.play()
        if outcome.state != states.COMPLETED:
            return outcome
        return Outcome(outcome.state, outcome.result, outcome.messages, tuple(act.effects))

    @abstractmethod
    async def _act(self, job: JobContext) -> Act:
        """Return what the operation changes, or why it is refused."""

    def _missing(self, kind: str, name: str) -> Act:
        gone = TaskMessage(GONE.message_id, (kind, name), GONE.severity)
        return Act({}, refused=Outcome(states.EXCEPTION, Result(404), (gone,)))


class SystemReset(EmulatedKind):
    """``ComputerSystem.Reset``: PowerState follows when the task completes."""

    name = SYSTEM_RESET

    async def _act(self, job: JobContext) -> Act:
        machine = self._machines.fleet.machines.get(job.args["machine"])
        if machine is None:
            return self._missing("ComputerSystem", job.args["machine"])
        reset_type = job.args["parameters"]["ResetType"]
        # Nobody else changes it meanwhile: a System takes one operation at a time.
        power = (await self._machines.read("system", machine)).fields["PowerState"]
        rule = BUTTON[power] if reset_type == BUTTON_TYPE else RESETS[reset_type]
        if power not in rule.from_states:
            return Act({}, refused=Outcome(states.EXCEPTION, Result(409), (STANDBY,)))
        after = rule.after or power
        changes = {"PowerState": after}
        if rule.boots or (power == "Off" and after == "On"):
            changes |= {LAST_BOOT: job.task.id, "LastResetTime": str(job.clock.now_ms())}
        return Act(
            {"target": machine.system_uri, "machine": machine.id, "reset_type": reset_type},
            (
                self._machines.effect("system", machine, changes),
                self._machines.effect(
                    "chassis", machine, {"PowerState": "Off" if after == "Off" else "On"}
                ),
            ),
        )


class PlayedScenario(EmulatedKind):
    """Nothing but its scenario: for trying out what follows a task."""

    name = SCENARIO

    async def _act(self, job: JobContext) -> Act:
        return Act({"target": job.args["targets"][0]})


class ManagerReset(EmulatedKind):
    """``Manager.Reset``."""

    name = MANAGER_RESET

    async def _act(self, job: JobContext) -> Act:
        machine = self._machines.fleet.machines.get(job.args["machine"])
        if machine is None:
            return self._missing("Manager", job.args["machine"])
        return Act(
            {
                "target": machine.manager_uri,
                "machine": machine.id,
                "reset_type": job.args["parameters"]["ResetType"],
            },
            (
                self._machines.effect(
                    "manager", machine, {"LastResetTime": str(job.clock.now_ms())}
                ),
            ),
        )


class FirmwareUpdate(EmulatedKind):
    """One target of ``UpdateService.SimpleUpdate``: Version follows when the task completes."""

    name = FIRMWARE_UPDATE

    async def _act(self, job: JobContext) -> Act:
        component = self._machines.fleet.components.get(job.args["component"])
        if component is None:
            return self._missing("SoftwareInventory", job.args["component"])
        version = job.args["version"]
        effects = [self._machines.firmware_effect(component, version)]
        shown = component_field(component)
        if shown is not None:
            kind, field = shown
            machine = self._machines.fleet.machines[component.machine]
            effects.append(self._machines.effect(kind, machine, {field: version}))
        return Act(
            {
                "target": component.uri,
                "machine": component.machine,
                "component": component.name,
                "image": job.args["image"],
                "version": version,
                "old_version": (await self._machines.firmware(component)).fields["Version"],
            },
            effects,
        )
