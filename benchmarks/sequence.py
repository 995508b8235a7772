"""One request after the other on one connection: how long a single operation takes."""

from __future__ import annotations

import os
import socket
import statistics
import time
from urllib.parse import urlsplit

from benchmarks.load import LOAD_CORE, LoadFailed, Request, two_cores, whole_length, wire


def seconds_each(request: Request, count: int, before: Request | None = None) -> float:
    """Send `request` `count` times and return the median of the times to its answer.

    `before` is sent ahead of each, outside of the time. Raises LoadFailed on a wrong status.
    """
    parts = urlsplit(request.url)
    pinned_to = os.sched_getaffinity(0) if two_cores() else None
    if pinned_to is not None:
        os.sched_setaffinity(0, {LOAD_CORE})
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=60) as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            taken = []
            for _ in range(count):
                if before is not None:
                    _exchange(one, before)
                taken.append(_exchange(one, request))
    finally:
        if pinned_to is not None:
            os.sched_setaffinity(0, pinned_to)
    return statistics.median(taken)


def _exchange(one: socket.socket, request: Request) -> float:
    """Send a request, read the whole answer, and return the seconds that took."""
    data = wire(request)
    started = time.perf_counter()
    one.sendall(data)
    left = 0
    while True:
        chunk = one.recv(262_144)
        if not chunk:
            raise LoadFailed(f"{request.url} closed the connection")
        left = (left or whole_length(chunk, request)) - len(chunk)
        if left <= 0:
            return time.perf_counter() - started
