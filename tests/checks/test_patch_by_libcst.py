"""The fix of standard 10 before another judge: libcst sees the same statements, and the patch besides."""

from __future__ import annotations

import sysconfig
from datetime import date
from pathlib import Path

import libcst
import pytest

from checks.discover import Repository
from checks.inspection import inspect
from checks.policy import Policy
from checks.standard import MINIMAL
from checks.tree import MemoryTree

LIBRARY = Path(sysconfig.get_path("stdlib"))
FILES = sorted(path for path in LIBRARY.glob("*.py") if 2_000 < path.stat().st_size < 20_000)[::3]
PATCH = ["import ddtrace", "ddtrace.patch(tornado=True)"]


def statements(data: bytes) -> list[str]:
    """The source of each statement of a module, without the blank lines and comments around it."""
    module = libcst.parse_module(data)
    return [module.code_for_node(node.with_changes(leading_lines=())).strip() for node in module.body]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_fix_adds_its_two_statements_and_changes_none(path: Path) -> None:
    files = {name: text.encode() for name, text in MINIMAL.items()} | {"serve.py": path.read_bytes()}
    repository = Repository("iris", {"project_path": "models/iris"}, {".": None})
    inspection = inspect(MemoryTree(files), Policy(), date(2026, 6, 1), repository)
    (finding,) = [found for found in inspection.report.findings if found.rule == "10.patch"]
    after = inspection.combine([finding]).edits["serve.py"]
    assert after is not None
    before, now = statements(files["serve.py"]), statements(after)
    place = now.index(PATCH[0])
    assert now[place : place + 2] == PATCH
    assert now[:place] + now[place + 2 :] == before
