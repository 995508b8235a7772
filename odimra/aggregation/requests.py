"""The job kind that follows what a BMC goes on with after its 202.

The request was sent before the task was made, by whoever was asked; a worker that dies leaves the
BMC at work, and the next one goes on following. Must never import a face.
"""

from __future__ import annotations

import logging

from odimra.aggregation import mirror
from odimra.aggregation.bmc import Followed, Operation
from odimra.aggregation.bmc.following import UNKNOWN
from odimra.aggregation.bmcs import Bmcs
from odimra.aggregation.carrying import follow_for
from odimra.aggregation.known import Known
from odimra.aggregation.sources import NoSuchSource
from odimra.aggregation.vault import NotOpened
from odimra.engine import JobContext, Outcome
from odimra.engine.patience import patiently
from odimra.store import StoreUnavailable

log = logging.getLogger(__name__)

REQUEST = "bmc-request"


class BmcRequest:
    """Follows one operation: the arguments are the ``source``, its ``monitor`` and ``task``."""

    name = REQUEST

    def __init__(self, bmcs: Bmcs, known: Known) -> None:
        self._bmcs = bmcs
        self._known = known

    async def run(self, job: JobContext) -> Outcome:
        """Follow an operation to its end; one that is cancelled is cancelled at the BMC."""
        source_id = job.args["source"]
        try:
            bmc = await patiently(lambda: self._bmcs.of(source_id), who=job.task.id)
        except (NoSuchSource, NotOpened) as error:
            why = "the source was removed" if isinstance(error, NoSuchSource) else str(error)
            return mirror.outcome(source_id, Followed(UNKNOWN, why))
        operation = Operation(job.args["monitor"], job.args["task"])
        try:
            return mirror.outcome(source_id, await follow_for(job, bmc, operation))
        finally:
            try:
                await self._known.changed(source_id)
            except StoreUnavailable:
                log.info("what is known of the source %s is shown until it is old", source_id)
