"""The OpenAPI document of this service: of every face that is not Redfish, and its own paths.

Called by :mod:`odimra.faces`, which knows what is served; declared beside each face's routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

import odimra
from odimra.aggregation.listening import Receiver
from odimra.aggregation.listening import described as receiving
from odimra.cloudkitty import described as rating
from odimra.cloudkitty.frame import CloudKitty
from odimra.crest import described as records
from odimra.crest.frame import Crest
from odimra.dataone import described as jobs
from odimra.dataone.frame import JobManager
from odimra.describe import serving
from odimra.describe.document import document
from odimra.describe.model import Face, Operation, Reply, Served, summary
from odimra.midpoint import described as bulk
from odimra.midpoint.frame import Midpoint

#: Operations that belong to no face.
OWN = (serving.OPERATION, receiving.OPERATION)


def _no_refusal(status: int, operation: Operation) -> Reply:
    return Reply("It cannot be answered.")


def own(served: Sequence[Served]) -> Face:
    """Return what is told of paths of the service itself."""
    return Face(
        name="service",
        text="Paths of the service itself.",
        root="",
        schemas=(),
        operations=OWN,
        served=served,
        common=lambda operation: (),
        refusal=_no_refusal,
    )


class Descriptions:
    """What is told of the faces of a process."""

    def __init__(
        self,
        crest: Crest,
        midpoint: Midpoint,
        cloudkitty: CloudKitty,
        job_manager: JobManager,
        receiver: Receiver,
    ) -> None:
        self.serving = serving.Description(self.document)
        self.faces = [
            records.face(crest.endpoints),
            bulk.face(midpoint.routes, midpoint.info),
            rating.face(cloudkitty.routes, Served("GET", "", summary(cloudkitty.versions))),
            jobs.face(job_manager.routes),
            own([self.serving.served, receiving.served(receiver)]),
        ]

    def mount(self, app: web.Application) -> None:
        """Serve the document in ``app``."""
        self.serving.mount(app)
        app[DESCRIPTIONS] = self

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return document(self.faces, odimra.__version__)


#: Where an application has them.
DESCRIPTIONS: web.AppKey[Descriptions] = web.AppKey("descriptions", Descriptions)
