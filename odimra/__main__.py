"""``python -m odimra``: the same door as the command ``odimra``."""

from odimra.cli import main

if __name__ == "__main__":
    main(prog_name="odimra")
