"""What `deploy/dev demo` shows works: a review, a fix, and threads resolved by it, with the real service."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_shows_a_review_and_a_fix() -> None:
    command = [sys.executable, "-m", "tests.gitlab.demo", "--once"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for told in ("serve.py:3", "+ ddtrace.patch(tornado=True)", "Snitch-Requested-By: @anne", "threads resolved"):
        assert told in done.stdout
