"""Load on one URL over kept connections: by wrk when it is on PATH, else by a client of our own.

Both send the same request again and again on `connections` connections, one at a time on each, and
refuse to give a figure when an answer is not the expected status.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

LOAD_CORE = 1
SERVER_CORE = 0


class LoadFailed(Exception):
    """The answers were not what the figure would claim."""


@dataclass(frozen=True)
class Request:
    """What is sent; `status` is what every answer must have."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    status: int = 200


@dataclass(frozen=True)
class Figure:
    """Requests per second over the whole time, and how many there were."""

    per_second: float
    requests: int


def two_cores() -> bool:
    """Whether server and load can have a core each."""
    return hasattr(os, "sched_setaffinity") and {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0)


def pinned(core: int) -> list[str]:
    """Return the command prefix that keeps a process on `core`.

    Empty where that is not possible.
    """
    return ["taskset", "-c", str(core)] if two_cores() and shutil.which("taskset") else []


def generator() -> str:
    """Name what makes the load."""
    return "wrk" if shutil.which("wrk") else "own epoll client"


def run(request: Request, *, seconds: float, connections: int = 32) -> Figure:
    """Load `request.url` for `seconds`.

    Raises LoadFailed when an answer has another status than expected.
    """
    if shutil.which("wrk"):
        return _run_wrk(request, seconds, connections)
    return _run_own(request, seconds, connections)


# wrk counts only answers of 400 and above as wrong, so the script counts whatever is not the
# expected status.
_WRK_SCRIPT = """
wrk.method, wrk.body = "%s", [==[%s]==]
local threads = {}
wrong = 0
function setup(thread) table.insert(threads, thread) end
function response(status) if status ~= %d then wrong = wrong + 1 end end
function done(summary)
  for _, thread in ipairs(threads) do
    io.write("wrong answers: " .. thread:get("wrong") .. "\\n")
  end
end
"""


def _run_wrk(request: Request, seconds: float, connections: int) -> Figure:
    # A response function makes wrk hand every answer to Lua, so the figure is taken without it; one
    # probe before and the count of "Non-2xx" in the report are the check for the usual case, the
    # script for any other status.
    plain = request.method == "GET" and request.status == 200
    with tempfile.TemporaryDirectory() as folder:
        command = [*pinned(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s"]
        for name, value in request.headers.items():
            command += ["-H", f"{name}: {value}"]
        if not plain:
            script = Path(folder) / "load.lua"
            script.write_text(_WRK_SCRIPT % (request.method, request.body, request.status), "utf-8")
            command += ["-s", str(script)]
        done = subprocess.run([*command, request.url], capture_output=True, text=True, check=False)
    text = done.stdout
    rate = re.search(r"Requests/sec:\s*([\d.]+)", text)
    total = re.search(r"(\d+) requests in", text)
    wrong = re.search(r"wrong answers: (\d+)", text)
    if (
        rate is None
        or total is None
        or ("Non-2xx" in text and request.status < 400)
        or (wrong is not None and wrong.group(1) != "0")
    ):
        raise LoadFailed(f"{request.method} {request.url}:\n{text}{done.stderr}")
    return Figure(float(rate.group(1)), int(total.group(1)))


def _run_own(request: Request, seconds: float, connections: int) -> Figure:
    before = os.sched_getaffinity(0) if two_cores() else None
    if before is not None:
        os.sched_setaffinity(0, {LOAD_CORE})
    try:
        return _epoll(request, seconds, connections)
    finally:
        if before is not None:
            os.sched_setaffinity(0, before)


def wire(request: Request) -> bytes:
    """Return the request as it goes over the connection."""
    parts = urlsplit(request.url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{request.method} {path} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if request.body:
        lines.append(f"Content-Length: {len(request.body.encode())}")
    return "\r\n".join([*lines, "", request.body]).encode()


def _epoll(request: Request, seconds: float, connections: int) -> Figure:
    parts = urlsplit(request.url)
    data = wire(request)
    poller = select.epoll()
    sockets: dict[int, socket.socket] = {}
    missing: dict[int, int] = {}
    try:
        for _ in range(connections):
            one = socket.create_connection((parts.hostname, parts.port), timeout=30)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets[one.fileno()], missing[one.fileno()] = one, 0
            poller.register(one, select.EPOLLIN)
        started = time.perf_counter()
        for one in sockets.values():
            one.sendall(data)
        count, end = 0, started + seconds
        while time.perf_counter() < end:
            for number, _ in poller.poll(1):
                one = sockets[number]
                chunk = one.recv(262_144)
                left = missing[number]
                if left == 0:
                    left = whole_length(chunk, request)
                left -= len(chunk)
                missing[number] = left
                if left == 0:
                    count += 1
                    one.sendall(data)
        elapsed = time.perf_counter() - started
    finally:
        poller.close()
        for one in sockets.values():
            one.close()
    return Figure(count / elapsed, count)


def whole_length(chunk: bytes, request: Request) -> int:
    """Return the length in bytes of the answer that `chunk` begins.

    Raises LoadFailed when it is not the expected one.
    """
    head = chunk.find(b"\r\n\r\n")
    if head < 0 or not chunk.startswith(b"HTTP/1.1 %d" % request.status):
        raise LoadFailed(f"{request.method} {request.url}: {chunk[:400]!r}")
    found = re.search(rb"\r\ncontent-length: *(\d+)", chunk[: head + 2], re.IGNORECASE)
    if found is None:
        raise LoadFailed(f"{request.url} answers without Content-Length")
    return head + 4 + int(found.group(1))
