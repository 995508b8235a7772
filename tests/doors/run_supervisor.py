"""Run a supervisor over stub roles: ``run_supervisor.py STATE ROLE=COUNT=ENTRY... set=a.b=v``."""

from __future__ import annotations

import asyncio
import os
import sys

import yaml

from odimra import logs
from odimra.config import load
from odimra.supervisor import Role, Supervisor


def main() -> None:
    state, *words = sys.argv[1:]
    overrides = {"state_folder": state, "http.port": 0}
    roles = []
    for word in words:
        first, *rest = word.split("=")
        if first == "set":
            overrides[rest[0]] = yaml.safe_load(rest[1])
        else:
            roles.append(Role(first, int(rest[0]), f"tests.doors.stub_app:{rest[1]}"))
    settings = load(None, os.environ, overrides)
    logs.configure(settings.log, "supervisor")
    supervisor = Supervisor(settings, roles, lambda text: print(text, flush=True))
    sys.exit(asyncio.run(supervisor.run()))


main()
