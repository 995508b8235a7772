"""The face of bulk scripts behind a socket, on a real store and a real engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from odimra.access import AuthenticationFailed, HashingBusy, Principal
from odimra.idempotency import Idempotency
from odimra.jobs.bulk.steps import BulkOptions
from odimra.midpoint.bulk import BulkEndpoint
from odimra.midpoint.frame import Midpoint, MidpointOptions
from odimra.midpoint.info import information
from odimra.midpoint.media import Form, form_of, read
from odimra.midpoint.objects import ObjectsEndpoint
from odimra.midpoint.tasks import TasksEndpoint
from odimra.midpoint.visibility import Visible
from odimra.records.records import RecordOptions
from odimra.scripting import BadScript
from odimra.store import Store, StoreUnavailable
from odimra.tasks.retries import Answers, RetryOptions
from odimra.wire import BodyLimits
from tests.jobs.bulk.yard import OPERATOR, Yard

LOGIN = frozenset({"Login"})
ADMIN = OPERATOR | {"ConfigureUsers", "ConfigureManager"}
#: Who asks, and what they may.
WHO: dict[str, frozenset[str]] = {
    "admin": ADMIN,
    "ann": OPERATOR,
    "bob": OPERATOR,
    "eve": LOGIN | {"ConfigureUsers"},
    "guest": LOGIN,
    "nobody": frozenset(),
    "new": OPERATOR,
}


class Doorman:
    """Believes the name of HTTP Basic, or the token, to be the name of who asks."""

    async def authenticate(self, token: str | None, basic: tuple[str, str] | None) -> Principal:
        name = token if basic is None else basic[0]
        if name == "away":
            raise StoreUnavailable("it is away", 7)
        if name == "busy":
            raise HashingBusy
        if name == "broken":
            raise LookupError("a secret of the inside")
        if name is None or name not in WHO:
            raise AuthenticationFailed
        return Principal(name, "R", WHO[name], "1", name == "new", f"/redfish/v1/{name}")


class Compiler:
    """Compiles nothing that has a bracket too few."""

    async def check(self, source: str) -> None:
        if source.count("(") != source.count(")"):
            raise BadScript("a bracket is missing")


class Answered:
    """An answer; its document is read by whatever its form is."""

    def __init__(self, status: int, headers: CIMultiDictProxy[str], raw: bytes) -> None:
        self.status = status
        self.headers = headers
        self.raw = raw

    @property
    def form(self) -> Form:
        return form_of(self.headers["Content-Type"])

    @property
    def content(self) -> Any:
        """The content of the document, in neutral form."""
        return read(self.raw, self.form).content

    @property
    def error(self) -> tuple[int, str]:
        """Status and message of an error, which is an OperationResultType that has failed."""
        document = read(self.raw, self.form)
        assert document.name == "object", self.raw
        assert document.content["@type"] == "OperationResultType"
        assert document.content["status"] == "fatal_error"
        return self.status, document.content["message"]

    @property
    def values(self) -> list[Any]:
        """The values of the data output."""
        return [one["value"] for one in self.content.get("dataOutput", {}).get("item", [])]

    @property
    def objects(self) -> list[Any]:
        """The objects of a list."""
        found = self.content.get("object", [])
        return found if isinstance(found, list) else [found]


class Face:
    """Asks, as somebody. Bodies are JSON, and so are answers, unless it is said otherwise."""

    def __init__(self, client: Any, yard: Yard) -> None:
        self.client = client
        self.yard = yard

    async def ask(
        self, method: str, path: str, body: Any = None, who: str | None = "admin", **headers: str
    ) -> Answered:
        given = CIMultiDict(Accept="application/json")
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        if who is not None:
            given.setdefault("Authorization", f"Bearer {who}")
        data = body
        if isinstance(body, str):
            data = body.encode()
        elif body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        whole = path if path.startswith("/") else f"/ws/rest/{path}"
        answer = await self.client.request(
            method, whole, data=data, headers=given, skip_auto_headers=("Content-Type",)
        )
        return Answered(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, who: str | None = "admin", **headers: str) -> Answered:
        return await self.ask("GET", path, who=who, **headers)

    async def put(
        self, path: str, body: Any, who: str | None = "admin", **headers: str
    ) -> Answered:
        return await self.ask("PUT", path, body, who, **headers)

    async def post(
        self, path: str, body: Any = None, who: str | None = "admin", **headers: str
    ) -> Answered:
        return await self.ask("POST", path, body, who, **headers)

    async def delete(self, path: str, who: str | None = "admin") -> Answered:
        return await self.ask("DELETE", path, who=who)

    async def script(self, *expressions: Any, who: str = "admin", **more: Any) -> Answered:
        """Have a script run to its end."""
        body = {"executeScript": {"pipeline": list(expressions), **more}}
        return await self.post("rpc/executeScript", body, who)

    async def start(self, *expressions: Any, who: str = "admin", **more: Any) -> str:
        """Have a script run, and return its oid at once."""
        body = {"executeScript": {"pipeline": list(expressions), **more}}
        answer = await self.post("rpc/executeScript?asynchronous=true", body, who)
        assert (answer.status, answer.raw) == (201, b""), answer.raw
        return str(answer.headers["Location"]).removeprefix("/ws/rest/tasks/")

    async def ended(self, oid: str, who: str = "admin") -> dict[str, Any]:
        """Return a task as soon as it has ended."""
        await self.yard.ended(oid)
        found: dict[str, Any] = (await self.get(f"tasks/{oid}", who)).content
        return found


MakeFace = Callable[..., Awaitable[Face]]


@pytest.fixture
async def make_face(store: Store, aiohttp_client: Callable[..., Any]) -> AsyncIterator[MakeFace]:
    yards: list[Yard] = []

    async def make(
        body: BodyLimits | None = None,
        public_url: str = "",
        records: RecordOptions | None = None,
        *,
        bulk: BulkOptions | None = None,
        work: bool = True,
    ) -> Face:
        yard = Yard(store, bulk, record_options=records)
        yard.accounts.privileges = dict(WHO)
        await yard.__aenter__()
        yards.append(yard)
        if work:
            yard.work()
        visible = Visible(yard.runs)
        face = Midpoint(
            [
                *BulkEndpoint(yard.runs, visible, Compiler()).routes(),  # type: ignore[arg-type]
                *TasksEndpoint(yard.tasks, yard.runs, visible).routes(),
                *ObjectsEndpoint(yard.records, yard.machines, yard.clock).routes(),
            ],
            Doorman(),
            MidpointOptions(body or BodyLimits(max_bytes=100_000), public_url),
            information("1.2.3"),
        )
        answers = Idempotency(Answers(store, RetryOptions()))
        app = web.Application(middlewares=[answers.middleware])
        face.mount(app)
        return Face(await aiohttp_client(app), yard)

    yield make
    for yard in yards:
        await yard.__aexit__()


@pytest.fixture
async def face(make_face: MakeFace) -> Face:
    """The face, with an engine that works on what is there."""
    return await make_face()


@pytest.fixture
async def still(make_face: MakeFace) -> Face:
    """The face, with nobody who works."""
    return await make_face(work=False)
