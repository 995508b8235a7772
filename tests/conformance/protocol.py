"""The protocol validator with its assertions on server-sent events switched on.

The released tool leaves them out by one line. Run by the tool's own Python, this changes that line
in memory only, and then is the tool: `python tests/conformance/protocol.py ARGUMENTS`.
"""

from __future__ import annotations

import importlib.util
import sys

MODULE = "redfish_protocol_validator.resources"
SWITCHED_OFF = (
    "            uri = None\n            if uri:\n                sut.set_server_sent_event_uri"
)
SWITCHED_ON = SWITCHED_OFF.replace("uri = None", "uri = data.get('ServerSentEventUri')")


def switch_on() -> None:
    """Load the module with the line changed. Raises SystemExit when it is not there any more."""
    spec = importlib.util.find_spec(MODULE)
    source = spec.loader.get_source(MODULE) if spec and spec.loader else None  # type: ignore[attr-defined]
    if spec is None or source is None:
        raise SystemExit(f"{MODULE} is not installed")
    if source.count(SWITCHED_OFF) != 1:
        raise SystemExit(f"{MODULE} has another way to leave out server-sent events, or none")
    module = importlib.util.module_from_spec(spec)
    exec(compile(source.replace(SWITCHED_OFF, SWITCHED_ON), str(spec.origin), "exec"), vars(module))
    sys.modules[MODULE] = module
    package, _, name = MODULE.rpartition(".")
    setattr(sys.modules[package], name, module)


if __name__ == "__main__":
    switch_on()
    from redfish_protocol_validator.console_scripts import main

    main()
