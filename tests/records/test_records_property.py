"""Records against a plain dict: whatever is done in whichever order, both say the same."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odimra.records.errors import RecordExists, RecordMissing, RecordsError, RevisionMismatch
from odimra.records.model import RecordOptions
from odimra.records.patch import apply, parse_patch
from odimra.records.query import query
from odimra.records.records import Records
from odimra.store import Store, StoreOptions
from tests.fakes import FakeClock

USER = "managed/user"
IDS = st.sampled_from(["a", "b", "c", "é", "Z"])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, "", "x", "X"])
)
CONTENTS = st.dictionaries(
    st.sampled_from(["n", "m", "o"]),
    st.one_of(VALUES, st.lists(VALUES, max_size=2), st.dictionaries(st.just("i"), VALUES)),
    max_size=3,
)
#: A revision to name: the current one, an old one, one that never was, or none.
REVS = st.sampled_from(["current", "old", "never", None])
PATCHES = st.lists(
    st.one_of(
        st.builds(
            lambda field, value: {"operation": "add", "field": field, "value": value},
            st.sampled_from(["/n", "/n/-", "/o/i", "/m/i/j"]),
            VALUES,
        ),
        st.builds(lambda field: {"operation": "remove", "field": field}, st.sampled_from("nmo")),
        st.just({"operation": "increment", "field": "/n", "value": 1}),
        st.just({"operation": "move", "field": "/m", "from": "/n"}),
    ),
    max_size=3,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), IDS, CONTENTS, st.none()),
        st.tuples(st.just("put"), IDS, CONTENTS, st.none()),
        st.tuples(st.just("update"), IDS, CONTENTS, REVS),
        st.tuples(st.just("patch"), IDS, PATCHES, REVS),
        st.tuples(st.just("delete"), IDS, st.none(), REVS),
    ),
    max_size=25,
)


def canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class Model:
    """What records do, said once more without a store."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[dict[str, Any], str]] = {}
        self.revs: dict[str, list[str]] = {}

    def named(self, id: str, which: str | None) -> str | None:
        if which is None:
            return None
        known = self.revs.get(id, ["7777"])
        return {"current": known[-1], "old": known[0], "never": "9999"}[which]

    def expect(self, doing: str, id: str, what: Any, rev: str | None) -> dict[str, Any] | type:
        """Return the content that the step leaves, or how it fails."""
        there = self.kept.get(id)
        if doing == "create":
            return RecordExists if there else what
        if doing == "put":
            return what
        if there is None:
            return RecordMissing
        if rev is not None and rev != there[1]:
            return RevisionMismatch
        if doing == "delete":
            return there[0]
        if doing == "update":
            return what
        try:
            return apply(there[0], parse_patch(what))
        except RecordsError as error:
            return type(error)

    def note(self, doing: str, id: str, content: dict[str, Any], rev: str) -> None:
        before = self.kept.get(id)
        if doing == "delete":
            assert before is not None and rev == before[1]
            del self.kept[id]
            return
        known = self.revs.setdefault(id, [])
        if before is not None and canonical(before[0]) == canonical(content):
            assert rev == before[1], "what changes nothing keeps the revision"
        else:
            assert rev not in known, "a revision is never used twice"
            known.append(rev)
        self.kept[id] = (content, rev)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_records_do_what_a_dict_would(valkey: str, steps: list[tuple[str, str, Any, Any]]) -> None:
    async def act() -> None:
        store = await Store.open(
            StoreOptions(valkey, namespace=f"p{uuid.uuid4().hex}", cache_entries=0)
        )
        try:
            await _run(Records(store, RecordOptions(), FakeClock()), steps)
        finally:
            await store.close()

    asyncio.run(act())


async def _run(records: Records, steps: list[tuple[str, str, Any, Any]]) -> None:
    model = Model()
    for doing, id, what, which in steps:
        rev = model.named(id, which)
        expected = model.expect(doing, id, what, rev)
        try:
            match doing:
                case "create":
                    record = await records.create(USER, what, id)
                case "put":
                    record, created = await records.put(USER, id, what)
                    assert created is (id not in model.kept)
                case "update":
                    record = await records.update(USER, id, what, rev)
                case "patch":
                    record = await records.patch(USER, id, what, rev)
                case _:
                    record = await records.delete(USER, id, rev)
        except RecordsError as error:
            assert type(error) is expected, (doing, id, what, rev)
            continue
        assert canonical(record.content) == canonical(expected)
        model.note(doing, id, record.content, record.rev)
    found = await records.page(USER)
    assert [one.id for one in found] == sorted(model.kept)
    assert {one.id: (one.content, one.rev) for one in found} == model.kept
    assert await records.count(USER) == len(model.kept)
    result = await query(records, USER, sort_keys=["n"], page_size=2, total_policy="EXACT")
    assert result.total == len(model.kept)
