"""The figures of snitch, each beside a baseline of the same run: `deploy/dev bench [NAME…]`.

Prints a table for each bench; a run of all of them also writes RESULTS.md beside this file. Asserts nothing.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

from tests.bench import figures, machine

BENCHES = (
    *("deliver", "review", "throughput", "check", "memory", "fix", "judge", "sweep", "pages"),
    *("growth", "disk", "flood"),
)
LONG = ("kill", "drain", "soak")
"""Only by name: each takes longer than all the others together."""
HELP = f"{', '.join(BENCHES)}; only by name: {', '.join(LONG)}"
RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    parser = argparse.ArgumentParser(prog="deploy/dev bench", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("name", nargs="*", choices=[[], *BENCHES, *LONG], help=HELP, metavar="NAME")
    names = parser.parse_args().name or BENCHES
    print(machine.described(), flush=True)
    parts = [measured(name) for name in names]
    if set(names) >= set(BENCHES):
        RESULTS.write_text("\n\n".join(["# Figures", machine.described(), EXPLAINED, *parts]) + "\n")
    return 0


EXPLAINED = """Written by `deploy/dev bench`. Medians, and between which values the middle half of the runs lies.
The ratio is snitch by the baseline, which ran at the same time; under 1 snitch is cheaper."""


def measured(name: str) -> str:
    """A bench as Markdown; printed as well."""
    started = time.perf_counter()
    bench = importlib.import_module(f"tests.bench.{name}")
    found = list(bench.run())
    table = figures.table([one for one in found if isinstance(one, figures.Figure)])
    text = "\n\n".join([f"## {name}", bench.__doc__.strip(), table, *(one for one in found if isinstance(one, str))])
    print(f"\n{text}\n\n({time.perf_counter() - started:.0f} s)", flush=True)
    return text


if __name__ == "__main__":
    sys.exit(main())
