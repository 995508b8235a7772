"""From the body of an answer to its bytes. Called by :mod:`.frame`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

#: Results that are rendered before others have their turn.
STEP = 500
#: What a step of results is rendered in, and what of that is not the results themselves.
_HOLDER = "result"


def render(body: Any, pretty: bool) -> bytes:
    """Return ``body`` as JSON."""
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 if pretty else None)


async def rendered(body: Any, pretty: bool) -> bytes:
    """Return ``body`` as JSON; a long list of results does not hold up others."""
    results = body.get(_HOLDER) if isinstance(body, Mapping) else None
    if not isinstance(results, list) or len(results) <= STEP:
        return render(body, pretty)
    # The parts of the whole: what stands before the results, between them, and behind.
    opening, comma, closing = _frame_of_results(pretty)
    parts = []
    for start in range(0, len(results), STEP):
        part = render({_HOLDER: results[start : start + STEP]}, pretty)
        parts.append(part[len(opening) : -len(closing)])
        await asyncio.sleep(0)
    whole = render({**body, _HOLDER: []}, pretty)
    head, empty, tail = whole.partition(b'"result": []' if pretty else b'"result":[]')
    assert empty
    inner = opening[opening.index(b'"') :]
    end = b"\n  ]" if pretty else b"]"
    return b"".join((head, inner, comma.join(parts), end, tail))


def _frame_of_results(pretty: bool) -> tuple[bytes, bytes, bytes]:
    if pretty:
        return b'{\n  "result": [\n', b",\n", b"\n  ]\n}"
    return b'{"result":[', b",", b"]}"
