"""What a start of the program imports: a heavy library only where it is needed, or a check is slow again unnoticed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bot.test_cli import committed, project

SERVICE = {"aiohttp", "asyncio", "bot.settings", "dbos", "gitlab", "jinja2", "psycopg", "requests", "sqlalchemy", "ssl"}
NEVER = SERVICE | {"dataclasses", "difflib", "email", "http", "importlib.metadata", "logging", "multiprocessing"}
NEVER |= {"jsonschema", "markdown_it", "openapi_spec_validator", "pip_requirements_parser", "referencing", "structlog"}
NEVER |= {"concurrent.futures", "pkgutil", "shutil", "sqlite3", "tempfile", "urllib.request", "xml"}
"""Libraries, own modules and what is heavy of Python's own, that no check of a plain project needs."""

JUDGES = {"checks.inspection", "checks.standard", "dockerfile", "yaml"}
"""What is not needed either where nothing must be judged."""

LEAST = {"checks", "hashlib", "json", "pathlib", "subprocess"}
"""Nor these where only a text is shown."""


PROGRAM = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, sep="\\n", file=sys.stderr))
sys.argv[0] = "snitch"
from bot.start import main
main()
"""


def imported(folder: Path, *words: str) -> set[str]:
    """The modules that are there when a run of the program ends."""
    environment = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(folder.parent / "cache")}
    command = [sys.executable, "-c", PROGRAM, *words]
    return {
        *subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True, text=True).stderr.split()
    }


def heavy(modules: set[str], named: set[str]) -> set[str]:
    return {one for one in modules if any(one == name or one.startswith(f"{name}.") for name in named)}


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    return committed(project(tmp_path / "iris"))


def test_help_imports_nothing_but_click(iris: Path) -> None:
    assert not heavy(imported(iris, "--help"), (NEVER - {"shutil"}) | JUDGES | LEAST)


def test_a_check_imports_only_what_a_plain_project_needs(iris: Path) -> None:
    found = imported(iris, "check", "--no-cache")
    assert not heavy(found, NEVER)
    assert heavy(found, JUDGES) >= JUDGES, "the names are still those of what judges"


def test_a_check_of_what_is_known_imports_nothing_that_judges(iris: Path) -> None:
    imported(iris, "check")
    assert not heavy(imported(iris, "check"), NEVER | JUDGES)


def test_after_a_change_only_what_it_concerns_is_imported(iris: Path) -> None:
    imported(iris, "check")
    (iris / "requirements.txt").write_text("ddtrace==2.9.0\nkserve==0.7.1\n")
    found = imported(iris, "check")
    assert not heavy(found, NEVER | {"dockerfile", "checks.standards.s07_readme"})
    assert "checks.standards.s09_requirements" in found
