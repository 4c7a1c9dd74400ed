"""How long the tests with made-up input look: `FUZZ=50` tries fifty times as much as usual."""

from __future__ import annotations

import os

TIMES = int(os.environ.get("FUZZ", "1"))


def examples(usual: int) -> int:
    return usual * TIMES
