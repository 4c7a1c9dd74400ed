"""The machine that the figures were taken on, without names of hosts and paths."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import subprocess


def described() -> str:
    """One sentence."""
    git = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.split()[2]
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("dbos", "python-gitlab", "aiohttp"))
    return (
        f"{len(os.sched_getaffinity(0))} cores ({platform.machine()}), {memory()} GB of memory, "
        f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}, git {git}, "
        f"SQLite {sqlite3.sqlite_version}, {libraries}."
    )


def memory() -> int:
    """In GB."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
