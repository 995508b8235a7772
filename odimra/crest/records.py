"""Records over HTTP: ``managed/<type>``, and machines that can be read the same way.

Called by :mod:`.frame`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from odimra.crest.asking import Ask
from odimra.crest.endpoint import Answer, Endpoint
from odimra.crest.errors import CrestError, bad, not_found, not_supported
from odimra.crest.frame import ROOT
from odimra.records.filter import BadFilter, Filter, compile_filter
from odimra.records.model import Record
from odimra.records.query import query
from odimra.records.records import Records

QUERY_ALL = ("query-all", "query-all-ids")


class RecordsEndpoint(Endpoint):
    """The records of every type whose name begins with ``begin``."""

    def __init__(self, begin: str, records: Records) -> None:
        self._begin = begin
        self._records = records

    def _type(self, name: str) -> str:
        return f"{self._begin}/{name}"

    @staticmethod
    def _answer(record: Record, status: int = 200) -> Answer:
        headers = {}
        if status == 201:
            headers["Location"] = f"{ROOT}/{record.type}/{quote(record.id, safe='')}"
        return Answer(record.full, status, record.rev, headers)

    async def read(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """One record."""
        if resource_id is None:
            raise bad("A collection is read by a query: _queryFilter, _queryId")
        return self._answer(await self._records.read(self._type(args[0]), resource_id))

    async def query(self, ask: Ask, *args: str) -> Answer:
        """The records that are meant."""
        fields = ask.listed("_fields")
        given = ask.param("_queryId")
        if given == "query-all-ids":
            fields = ["_id"]
        found = await query(
            self._records,
            self._type(args[0]),
            asked_filter(ask),
            sort_keys=ask.listed("_sortKeys"),
            fields=fields,
            page_size=ask.number("_pageSize"),
            cookie=ask.param("_pagedResultsCookie") or None,
            offset=ask.number("_pagedResultsOffset"),
            total_policy=(ask.param("_totalPagedResultsPolicy") or "NONE").upper(),
        )
        return Answer(found.envelope())

    async def create(self, ask: Ask, resource_id: str | None, *args: str) -> Answer:
        """A new record; without an id in the path the body may have one."""
        content = ask.content
        if resource_id is None and content.get("_id") is not None:
            resource_id = content["_id"]
            if not isinstance(resource_id, str):
                raise bad("_id: is no text")
        made = await self._records.create(self._type(args[0]), content, resource_id)
        return self._answer(made, 201)

    async def update(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """Another content."""
        changed = await self._records.update(
            self._type(args[0]), resource_id, ask.content, _revision(ask)
        )
        return self._answer(changed)

    async def put(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """A record, whether there was one or not."""
        record, made = await self._records.put(self._type(args[0]), resource_id, ask.content)
        return self._answer(record, 201 if made else 200)

    async def patch(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """Operations that change a record."""
        return await self._patched(ask, resource_id, args[0])

    async def delete(self, ask: Ask, resource_id: str, *args: str) -> Answer:
        """No record any more; the answer shows what it was."""
        return self._answer(
            await self._records.delete(self._type(args[0]), resource_id, _revision(ask))
        )

    async def action(self, ask: Ask, resource_id: str | None, name: str, *args: str) -> Answer:
        """``patch``, for clients that have no PATCH; of a collection it takes a query."""
        if name.lower() != "patch":
            raise bad(f"Unknown action: {name[:50]}")
        if resource_id is not None:
            return await self._patched(ask, resource_id, args[0])
        if ask.query is None:
            raise bad("The patch of a collection takes a query that selects one record")
        found = await query(self._records, self._type(args[0]), asked_filter(ask), page_size=2)
        if not found.result:
            raise not_found("The query selects no record")
        if len(found.result) > 1:
            raise CrestError(409, "The query selects more than one record")
        return await self._patched(ask, found.result[0]["_id"], args[0])

    async def _patched(self, ask: Ask, resource_id: str, name: str) -> Answer:
        operations: Any = ask.body
        if not isinstance(operations, list):
            raise bad("The request could not be processed because its content is no JSON patch")
        changed = await self._records.patch(
            self._type(name), resource_id, operations, _revision(ask)
        )
        return self._answer(changed)


def _revision(ask: Ask) -> str | None:
    return None if ask.if_match in (None, "*") else ask.if_match


def asked_filter(ask: Ask) -> Filter | None:
    """Return the filter of a query, None for all. Raises 400."""
    name = ask.query
    if name == "_queryId":
        given = ask.param("_queryId") or ""
        if given not in QUERY_ALL:
            known = " and ".join(QUERY_ALL)
            raise bad(f"There is no query '{given[:50]}'; there are {known}")
        return None
    if name == "_queryExpression":
        raise not_supported("_queryExpression is a language that this service does not have")
    text = ask.param("_queryFilter") or ""
    try:
        return compile_filter(text)
    except BadFilter as error:
        raise bad(
            f"The value '{text[:200]}' for parameter '_queryFilter' could not be parsed as a "
            "valid query filter",
            detail=str(error),
        ) from None
