"""The job kinds that add, change and remove sources: what is kept has been tried before.

A worker may die at any instant: the next one begins anew, as nothing is kept before the end. Must
never import a face.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from odimra.aggregation import collecting
from odimra.aggregation.bmc import (
    BadAnswer,
    Bmc,
    BmcError,
    CertificateRefused,
    LoginRefused,
    Refused,
)
from odimra.aggregation.bmcs import PINNED, Bmcs
from odimra.aggregation.known import Known, Members
from odimra.aggregation.methods import METHODS
from odimra.aggregation.methods import PINNED as BY_PIN
from odimra.aggregation.sources import Source, Sources
from odimra.aggregation.vault import NotOpened, Vault
from odimra.engine import JobContext, Outcome
from odimra.tasks import Effect, Result, TaskMessage, states

log = logging.getLogger(__name__)

ADD, CHANGE, REMOVE = "source-add", "source-change", "source-remove"
SOURCES = "/redfish/v1/AggregationService/AggregationSources"
ROOT = "/redfish/v1/"
#: Collections of which a BMC has at least one; they are not read without a login.
COLLECTIONS = ("Systems", "Managers", "Chassis")


class Unsuitable(Exception):
    """A BMC cannot be a source as it was described; carries how its task ends."""

    def __init__(self, status: int, *messages: TaskMessage) -> None:
        super().__init__(messages[0].message_id)
        self.outcome = Outcome(states.EXCEPTION, Result(status), messages)


def uri_of(source_id: str) -> str:
    """Return where a source is shown."""
    return f"{SOURCES}/{source_id}"


@dataclass(frozen=True, slots=True)
class Tried:
    """A source as it is to be kept, and what it has; None if that could not be seen."""

    source: Source
    members: Members | None

    def effects(self, known: Known) -> tuple[Effect, ...]:
        """Return what notes the members in the step that keeps the source."""
        return () if self.members is None else known.first(self.source.id, self.members)


async def tried(bmcs: Bmcs, source: Source, password: str) -> Tried:
    """Return a source, once it has answered to its name and password.

    Raises :class:`Unsuitable`.
    """
    try:
        if METHODS[source.method].verify == BY_PIN and source.base.startswith("https:"):
            pin = await bmcs.fingerprint(source.base)
            source = replace(source, verify=f"{PINNED}{pin}")
        bmc = bmcs.client(source, password)
        try:
            kept = replace(source, service_uuid=await _identity(bmc))
            return Tried(kept, await _members(bmc))
        finally:
            await bmc.close()
    except CertificateRefused as error:
        raise Unsuitable(502, _no_connection(source), _why(error)) from None
    except LoginRefused as error:
        raise Unsuitable(
            400,
            TaskMessage(
                "Base.1.22.ResourceAtUriUnauthorized", (source.base, str(error)), "Critical"
            ),
        ) from None
    except Refused as error:
        # It speaks Redfish, and does not now do what every BMC does.
        raise Unsuitable(503 if error.status == 503 else 502, _why(error)) from None
    except BadAnswer as error:
        raise Unsuitable(
            502,
            TaskMessage(
                "Base.1.22.SourceDoesNotSupportProtocol", (source.base, "Redfish"), "Critical"
            ),
            _why(error),
        ) from None
    except BmcError as error:
        raise Unsuitable(502, _no_connection(source), _why(error)) from None


def _no_connection(source: Source) -> TaskMessage:
    return TaskMessage("Base.1.22.CouldNotEstablishConnection", (source.base,), "Critical")


def _why(error: BmcError) -> TaskMessage:
    return TaskMessage("Odimra.1.0.SourceUnsuitable", (str(error)[:500].rstrip("."),), "Critical")


async def _identity(bmc: Bmc) -> str:
    """Return the UUID of a BMC's service, empty if it has none. Raises BmcError."""
    root = (await bmc.get(ROOT)).body
    if root is None or "ServiceRoot" not in str(root.get("@odata.type", "")):
        raise BadAnswer("what is at /redfish/v1/ is no service root")
    places = [
        one.get("@odata.id") for name in COLLECTIONS if isinstance(one := root.get(name), dict)
    ]
    found = next((one for one in places if isinstance(one, str)), None)
    if found is None:
        raise BadAnswer("it has neither systems nor chassis nor managers")
    try:
        # Where there are no sessions only this shows whether the password is right.
        await bmc.get(found)
    except Refused as error:
        if error.status in (401, 403):
            raise LoginRefused("the account may not read what it has") from None
        raise
    uuid = root.get("UUID")
    return uuid if isinstance(uuid, str) else ""


async def _members(bmc: Bmc) -> Members | None:
    try:
        return await collecting.members(bmc)
    except BmcError as error:
        log.info("what %s has cannot be seen: %s", bmc.base, error)
        return None  # it is looked at again, later


class _Kind:
    def __init__(self, sources: Sources, vault: Vault, bmcs: Bmcs, known: Known) -> None:
        self._sources = sources
        self._vault = vault
        self._bmcs = bmcs
        self._known = known

    def _password(self, source: Source) -> str:
        try:
            return self._vault.unseal(source.id, source.sealed)
        except NotOpened as error:
            message = TaskMessage("Odimra.1.0.SourceUnsuitable", (str(error),), "Critical")
            raise Unsuitable(500, message) from None


def _gone(source_id: str) -> Outcome:
    message = TaskMessage(
        "Base.1.22.ResourceNotFound", ("AggregationSource", source_id), "Critical"
    )
    return Outcome(states.EXCEPTION, Result(404), (message,))


class AddSource(_Kind):
    """Adds a source: the arguments are its fields, its password sealed."""

    name = ADD

    async def run(self, job: JobContext) -> Outcome:
        """Try a BMC and keep it."""
        source = Source(**job.args["source"])
        try:
            found = await tried(self._bmcs, source, self._password(source))
        except Unsuitable as error:
            return error.outcome
        kept = replace(found.source, created=job.clock.now_ms())
        uri = uri_of(kept.id)
        return Outcome(
            states.COMPLETED,
            Result(201, headers={"Location": uri}),
            effects=(*self._sources.added(kept), *found.effects(self._known)),
            created_resources=(uri,),
        )


class ChangeSource(_Kind):
    """Changes where a source is or by which account it is spoken to.

    The arguments are its ``id`` and the fields that change.
    """

    name = CHANGE

    async def run(self, job: JobContext) -> Outcome:
        """Try what a BMC is said to be now, and keep that."""
        args: dict[str, Any] = dict(job.args)
        # Nobody else changes it meanwhile: they have the same target.
        old = await self._sources.get(args["id"])
        if old is None:
            return _gone(args["id"])
        new = replace(old, **args["changes"])
        try:
            found = await tried(self._bmcs, new, self._password(new))
        except Unsuitable as error:
            return error.outcome
        effects = (*self._sources.changed(old, found.source), *found.effects(self._known))
        return Outcome(states.COMPLETED, Result(204), effects=effects)


class RemoveSource(_Kind):
    """Removes a source; the argument is its ``id``."""

    name = REMOVE

    async def run(self, job: JobContext) -> Outcome:
        """Forget a BMC, whether it answers or not."""
        source = await self._sources.get(job.args["id"])
        if source is None:
            return _gone(job.args["id"])
        effects = (*self._sources.removed(source), *self._known.forgotten(source.id))
        return Outcome(states.COMPLETED, Result(204), effects=effects)
