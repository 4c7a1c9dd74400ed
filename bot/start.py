"""The program `snitch`: the command line, with Python's garbage collector out of its way before it imports anything."""

from __future__ import annotations

import gc

SHORT_RUN = 300_000
"""How many objects more there are before Python looks for garbage: most of what a short run makes, modules and trees,
stays to its end, and to look through it while modules are imported takes longer than click does.
"""


def main() -> None:
    """Runs what the command line asks for."""
    gc.set_threshold(SHORT_RUN, 20, 20)
    from bot import cli

    cli.main()
