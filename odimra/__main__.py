"""The door: the command ``odimra``, which is ``python -m odimra`` as well.

A command that asks a service starts without what only a service needs, which takes longer to load
than most of them to run.
"""

from __future__ import annotations

import sys

from odimra.client import lazy


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] and sys.argv[1] in lazy.COMMANDS:
        lazy.run()
        return
    from odimra import cli

    cli.main(prog_name="odimra")


if __name__ == "__main__":
    main()
