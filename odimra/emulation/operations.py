"""The operations on the emulated machines: from a valid request to its task, or to its refusal.

The tasks are returned to be created; whoever answers the request does that. Called by the faces;
must never import one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from odimra.emulation.fleet import UPDATE_SERVICE, Component, Machine
from odimra.emulation.images import image_name, image_version
from odimra.emulation.kinds import (
    FIRMWARE_UPDATE,
    MANAGER_RESET,
    SCENARIO,
    SYSTEM_RESET,
    request_args,
)
from odimra.emulation.scenarios import Refusal, Request, Scenarios
from odimra.emulation.state import MachineStates
from odimra.tasks import NewTask, Payload


class RequestRefused(Exception):
    """A scenario does not accept the request: HTTP ``status``, ``retry_after`` in seconds."""

    def __init__(self, status: int, retry_after: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status
        self.retry_after = retry_after


class NoSuchTarget(LookupError):
    """An entry of ``Targets`` names nothing that can be updated; ``index`` says which."""

    def __init__(self, index: int, uri: str) -> None:
        super().__init__(uri)
        self.index = index
        self.uri = uri


class TooManyTargets(ValueError):
    """One request would update more than ``limit`` components."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} targets")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class MachineOperations:
    """What the machines can be asked for. ``max_targets`` components may be in one update."""

    machines: MachineStates
    scenarios: Scenarios
    max_targets: int = 5000

    async def _count(
        self, operation: str, targets: Sequence[str], parameters: Mapping[str, str]
    ) -> tuple[Request, Refusal | None]:
        ordinal = await self.machines.count_request(operation, targets[0])
        request = Request(operation, tuple(targets), ordinal, parameters)
        decided, _ = self.scenarios.decide(request)
        return request, decided if isinstance(decided, Refusal) else None

    async def reset_system(
        self, machine: Machine, reset_type: str, *, owner: str, payload: Payload
    ) -> NewTask:
        """Return the task of ``ComputerSystem.Reset``. Raises :class:`RequestRefused`."""
        return await self._reset(
            "ComputerSystem.Reset",
            SYSTEM_RESET,
            machine,
            machine.system_uri,
            reset_type,
            owner=owner,
            payload=payload,
        )

    async def reset_manager(
        self, machine: Machine, reset_type: str, *, owner: str, payload: Payload
    ) -> NewTask:
        """Return the task of ``Manager.Reset``. Raises :class:`RequestRefused`."""
        return await self._reset(
            "Manager.Reset",
            MANAGER_RESET,
            machine,
            machine.manager_uri,
            reset_type,
            owner=owner,
            payload=payload,
        )

    async def _reset(
        self,
        operation: str,
        kind: str,
        machine: Machine,
        target: str,
        reset_type: str,
        *,
        owner: str,
        payload: Payload,
    ) -> NewTask:
        request, refusal = await self._count(operation, [target], {"ResetType": reset_type})
        if refusal is not None:
            raise RequestRefused(refusal.status, refusal.retry_after)
        return NewTask(
            kind=kind,
            owner=owner,
            name=f"{operation} of {machine.id}",
            args={**request_args(request), "machine": machine.id},
            payload=payload,
            target=target,
        )

    async def reset_systems(
        self, machines: Sequence[Machine], reset_type: str, *, owner: str, payload: Payload
    ) -> NewTask:
        """Return the task that resets several systems, with a sub-task for each.

        Raises :class:`RequestRefused`.
        """
        resets = [
            await self.reset_system(one, reset_type, owner=owner, payload=payload)
            for one in machines
        ]
        if len(resets) == 1:
            return resets[0]
        return NewTask(
            SYSTEM_RESET,
            owner,
            name=f"ComputerSystem.Reset of {len(resets)} systems",
            payload=payload,
            subtasks=[replace(one, payload=None) for one in resets],
        )

    async def rehearse(self, operation: str, *, owner: str, payload: Payload) -> NewTask:
        """Return a task that plays the scenario of an operation and changes nothing.

        Raises :class:`RequestRefused`.
        """
        request, refusal = await self._count(operation, [SCENARIO], {})
        if refusal is not None:
            raise RequestRefused(refusal.status, refusal.retry_after)
        args = request_args(request)
        return NewTask(SCENARIO, owner, name=f"Scenario of {operation}", args=args, payload=payload)

    def components(self, targets: Sequence[str]) -> tuple[Component, ...]:
        """Return what an update of ``targets`` applies to, each once; all when there are none.

        Raises :class:`NoSuchTarget`, :class:`TooManyTargets`.
        """
        fleet = self.machines.fleet
        if not targets:
            found = dict.fromkeys(fleet.components.values())
        else:
            found = {}
            for index, uri in enumerate(targets):
                named = fleet.updatable(uri)
                if not named:
                    raise NoSuchTarget(index, uri)
                found.update(dict.fromkeys(named))
        if len(found) > self.max_targets:
            raise TooManyTargets(self.max_targets)
        return tuple(found)

    async def update_firmware(
        self,
        image_uri: str,
        targets: Sequence[str],
        parameters: Mapping[str, str],
        *,
        owner: str,
        payload: Payload,
    ) -> NewTask:
        """Return the task of ``UpdateService.SimpleUpdate``, with a sub-task per component.

        Raises :class:`~odimra.emulation.images.BadImageURI`, :class:`NoSuchTarget`,
        :class:`TooManyTargets`, :class:`RequestRefused`.
        """
        image = image_name(image_uri)
        version = image_version(image)
        operation = "UpdateService.SimpleUpdate"
        # Never the URI itself: it may carry credentials.
        said = {**parameters, "Image": image}
        components = self.components(targets)
        counted = await asyncio.gather(
            *(self._count(operation, (one.uri, one.related), said) for one in components)
        )
        refusals = [refusal for _, refusal in counted if refusal is not None]
        if refusals:
            worst = max(refusals, key=lambda one: (one.status != 503, one.retry_after))
            raise RequestRefused(worst.status, worst.retry_after)
        subtasks = [
            NewTask(
                kind=FIRMWARE_UPDATE,
                owner=owner,
                name=f"Update of {component.id}",
                args={
                    **request_args(request),
                    "component": component.id,
                    "image": image,
                    "version": version,
                },
                # One operation at a time on a System, a Manager, a Chassis.
                target=component.related,
            )
            for component, (request, _) in zip(components, counted, strict=True)
        ]
        return NewTask(
            kind=FIRMWARE_UPDATE,
            owner=owner,
            name=f"{operation} with {image}",
            args={"service": UPDATE_SERVICE},
            payload=payload,
            subtasks=subtasks,
        )
