"""The OpenAPI document of this service: of every face that is not Redfish, and its own paths.

Called by :mod:`odimra.faces`, which knows what is served; declared beside each face's routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

import odimra
from odimra.aggregation.listening import Receiver
from odimra.aggregation.listening import described as receiving
from odimra.cloudkitty import described as rating
from odimra.cloudkitty.frame import CloudKitty
from odimra.console import described as page
from odimra.console.frame import Console
from odimra.crest import described as records
from odimra.crest.frame import Crest
from odimra.dataone import described as jobs
from odimra.dataone.frame import JobManager
from odimra.describe import serving
from odimra.describe.document import document
from odimra.describe.model import Face, Operation, Reply, Served, summary
from odimra.metrics import described as watching
from odimra.metrics.frame import Watching
from odimra.midpoint import described as bulk
from odimra.midpoint.frame import Midpoint

#: Operations that belong to no face.
OWN = (serving.OPERATION, receiving.OPERATION, *watching.OPERATIONS)


def _no_refusal(status: int, operation: Operation) -> Reply:
    return Reply("It cannot be answered.")


def own(served: Sequence[Served]) -> Face:
    """Return what is told of paths of the service itself."""
    return Face(
        name="service",
        text="Paths of the service itself.",
        root="",
        schemas=("service",),
        operations=OWN,
        served=served,
        common=lambda operation: (),
        refusal=_no_refusal,
    )


@dataclass(frozen=True, slots=True)
class Plain:
    """The faces of a process that are not Redfish."""

    crest: Crest
    midpoint: Midpoint
    cloudkitty: CloudKitty
    job_manager: JobManager
    console: Console
    watching: Watching
    receiver: Receiver

    def mount(self, app: web.Application) -> None:
        """Serve them in ``app``, with their description."""
        for face in (self.crest, self.midpoint, self.cloudkitty, self.job_manager):
            face.mount(app)
        for other in (self.console, self.watching, self.receiver):
            other.mount(app)
        told = Descriptions(self)
        told.serving.mount(app)
        app[DESCRIPTIONS] = told


class Descriptions:
    """What is told of them."""

    def __init__(self, plain: Plain) -> None:
        self.serving = serving.Description(self.document)
        versions = Served("GET", "", summary(plain.cloudkitty.versions))
        self.faces = [
            records.face(plain.crest.endpoints),
            bulk.face(plain.midpoint.routes, plain.midpoint.info),
            rating.face(plain.cloudkitty.routes, versions),
            jobs.face(plain.job_manager.routes),
            page.face(plain.console),
            own(
                [
                    self.serving.served,
                    receiving.served(plain.receiver),
                    *watching.served(plain.watching),
                ]
            ),
        ]

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return document(self.faces, odimra.__version__)


#: Where an application has them.
DESCRIPTIONS: web.AppKey[Descriptions] = web.AppKey("descriptions", Descriptions)
