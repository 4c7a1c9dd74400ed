"""What a judgement does grows no faster than what is judged: counted in calls of functions, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date

import pytest

from checks.discover import Repository
from checks.inspection import inspect
from checks.policy import Policy
from checks.run import MemoryMemo
from checks.tree import MemoryTree
from tests.stories.model_project import PROJECT, UNTRACED

TODAY = date(2026, 6, 1)
Files = dict[str, str]


def unpinned(count: int) -> Files:
    return {"requirements.txt": "".join(f"library-{number}>=1\n" for number in range(count))}


def waived(count: int) -> Files:
    line = "# snitch: waive 9.pinned until 2026-08-01 - the reason\nlibrary-{}>=1\n"
    return {"requirements.txt": "".join(line.format(number) for number in range(count))}


def configured(count: int) -> Files:
    waiver = "  - rule: 10.patch\n    until: 2026-08-01\n    reason: the reason {}\n"
    waivers = "".join(waiver.format(number) for number in range(count))
    return {".snitch.yml": f"waive:\n{waivers}" if waivers else "name: iris\n", "serve.py": UNTRACED}


def in_files(count: int) -> Files:
    return {f"weights/part-{number}.bin": f"{number}\n" for number in range(count)}


@pytest.mark.parametrize("files", [unpinned, waived, configured, in_files])
def test_what_is_done_grows_with_the_findings_and_the_waivers(files: Callable[[int], Files]) -> None:
    none, some, more = (calls(files(count)) for count in (0, 100, 200))
    assert more - some < 1.3 * (some - none) + 2_000


def calls(more: Files) -> int:
    """Of functions, to judge a change that brings in these files and to make the fixes of all that is found."""
    counted = 0

    def count(*_: object) -> None:
        nonlocal counted
        counted += 1

    before, after = tree({}), tree(more)
    repository = Repository("iris", {"project_path": "models/iris", "ci_config_path": "", "topics": ()}, {})
    inspect(after, Policy(), TODAY, repository, before=before)  # what is imported and compiled once is
    was = sys.getprofile()
    sys.setprofile(count)
    try:
        inspection = inspect(after, Policy(), TODAY, repository, before=before, memo=MemoryMemo())
        for finding in inspection.report.findings:
            inspection.fix(finding)
    finally:
        sys.setprofile(was)
    return counted


def tree(more: Files) -> MemoryTree:
    return MemoryTree({path: str(text).encode() for path, text in {**PROJECT, **more}.items()})
