"""One request after the other on one connection: how long a single operation takes."""

from __future__ import annotations

import os
import socket
import statistics
import time
from urllib.parse import urlsplit

from benchmarks.load import LOAD_CORE, LoadFailed, Request, two_cores, whole_length, wire


def seconds_each(request: Request, count: int) -> float:
    """Send `request` `count` times and return the median time to its answer.

    Raises LoadFailed on a wrong status.
    """
    parts = urlsplit(request.url)
    data = wire(request)
    before = os.sched_getaffinity(0) if two_cores() else None
    if before is not None:
        os.sched_setaffinity(0, {LOAD_CORE})
    taken = []
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=60) as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(count):
                started = time.perf_counter()
                one.sendall(data)
                left = 0
                while True:
                    chunk = one.recv(262_144)
                    if not chunk:
                        raise LoadFailed(f"{request.url} closed the connection")
                    left = (left or whole_length(chunk, request)) - len(chunk)
                    if left <= 0:
                        break
                taken.append(time.perf_counter() - started)
    finally:
        if before is not None:
            os.sched_setaffinity(0, before)
    return statistics.median(taken)
