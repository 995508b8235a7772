"""Prices of points as the store keeps them: JSON in, JSON out.

A point of a resource looks the same in every period, but for its quantity. So what it is known by
and what else is kept of it are read once, and are looked up as they are from then on.
Built once for a :class:`~odimra.rating.hashmap.Hashmap`; called by what rates, in any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

import orjson

from odimra.rating.hashmap import Hashmap, Shares
from odimra.rating.model import ARITHMETIC

#: What the rules make of points with the same owner's attributes, by all else that is kept of them.
Cell = dict[bytes, Shares]


class Pricing:
    """Finds prices by the rules of a hashmap."""

    def __init__(self, hashmap: Hashmap) -> None:
        self.hashmap = hashmap
        room = hashmap.room
        self._by_name: dict[bytes, Cell] = room.holds({})
        self._cells: dict[tuple[str | None, ...], Cell] = room.holds({})

    def frame(self, points: Mapping[bytes, bytes], skipped: set[str]) -> bytes:
        """Return points with their prices, as a frame keeps those that are rated together.

        A point is what is kept of it, by what it is known by. Names of attributes that rules need
        as numbers and that are none are added to ``skipped``.
        """
        by_name, names = self._by_name, sorted(points)
        all_kept, prices = [points[name] for name in names], []
        with localcontext(ARITHMETIC):
            for name, kept in zip(names, all_kept, strict=True):
                # [end,"quantity","unit",{metadata}]: a quantity has no quotes within.
                _, qty, rest = kept.split(b'"', 2)
                try:
                    shares = by_name[name][rest]
                except KeyError:
                    shares = self._read(name, kept, rest)
                if shares.odd:
                    skipped |= shares.odd
                prices.append(str(shares.price(Decimal(qty.decode()))))
        columns = b",".join(names), b",".join(all_kept), '","'.join(prices).encode()
        return b'[[%b],[%b],["%b"]]' % columns

    def _read(self, known_by: bytes, kept: bytes, rest: bytes) -> Shares:
        """Read a point that was not there before; return what the rules make of it."""
        metric, groupby, *_ = orjson.loads(known_by)
        metadata: dict[str, Any] = orjson.loads(kept)[3]
        shares = self.hashmap.shares(metric, groupby, metadata)
        put = self.hashmap.room.put
        # What these two no longer know, nobody does: the room need not know the cells.
        cell = self._by_name.get(known_by)
        if cell is None:
            same = (metric, *(groupby.get(name) for name in self.hashmap.names(metric)))
            cell = self._cells.get(same)
            if cell is None:
                cell = {}
                put(self._cells, same, cell)
            put(self._by_name, known_by, cell)
        put(cell, rest, shares)
        return shares
