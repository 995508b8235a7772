"""Kills parts of a running service, and asks for things while they are away."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

from tests.support.http import Answer, Client
from tests.support.service import Service


def processes(service: Service, *, store: bool = True) -> dict[str, int]:
    """Return what may be killed: the children of the service by name, and its store."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if parent == service.process.pid and b"_child" in words:
            found[words[words.index(b"_child") + 1].decode()] = int(entry.name)
    pid = service.state / "store.pid"
    if store and pid.exists():
        found["store"] = int(pid.read_text("utf-8").split()[0])
    return found


def kill_one(service: Service, chance: random.Random, *, store: bool = True) -> str:
    """Kill one of them, whichever, and return its name; empty when there is none just now."""
    found = sorted(processes(service, store=store).items())
    if not found:
        return ""
    name, pid = chance.choice(found)
    os.kill(pid, signal.SIGKILL)
    return name


def ask(client: Client, method: str, path: str, body: Any = None) -> Answer | None:
    """Return the answer to ``client``'s question, None while there is nobody to give one."""
    fresh = Client(client.address, client.ca_file, client.token, client.basic)
    try:
        return fresh.request(method, path, body)
    except OSError:
        return None
    finally:
        fresh.close()
