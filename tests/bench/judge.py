"""What judging costs, in one process and without any network: projects a second, and a project of many files.

Remembered: the same projects again, with the memo of the first time. The large project has 1,000 Python files of 200
lines beside the usual ones, all of which `model.py` imports; beside it `ast.parse` of all of them.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from checks.discover import Repository
from checks.inspection import Inspection, inspect
from checks.policy import Policy
from checks.run import Memo, MemoryMemo
from checks.tree import MemoryTree
from tests.bench.figures import Baseline, Figure
from tests.bench.stage import change
from tests.stories.model_project import PROJECT

PROJECTS = 100
FILES = 1000
TODAY = date(2026, 1, 1)
FUNCTION = '''
def weighted_{n}(values, weights, *, scale=1.0):
    """The weighted mean of some values."""
    total = sum(weights)
    if not total:
        raise ValueError(f"no weights: {{weights!r}}")
    pairs = zip(values, weights, strict=True)
    return scale * sum(value * weight for value, weight in pairs) / total

'''


def run() -> Iterator[Figure]:
    trees = [tree(number) for number in range(PROJECTS)]
    memo = MemoryMemo()
    cold = [1 / seconds(trees[number : number + 1], memo, number) for number in range(PROJECTS)]
    again = [1 / seconds(trees[number : number + 1], memo, number) for number in range(PROJECTS)]
    yield Figure("projects a second, remembered", again, "/s", "", Baseline("not remembered", cold))
    large = {f"features/step_{number}.py": source(number) for number in range(FILES)}
    reached = {"model.py": "".join(f"import {path[:-3].replace('/', '.')}\n" for path in large).encode()}
    both = [(seconds([MemoryTree({**files(0), **reached, **large})], None, 0), parsed(large)) for _ in range(3)]
    parse = Baseline("ast.parse of each file", [1000 * other for _, other in both])
    yield Figure("1,000 Python files of 200 lines", [1000 * mine for mine, _ in both], "ms", "", parse)


def tree(number: int) -> MemoryTree:
    """A project with three findings, unlike any other."""
    return MemoryTree(files(number))


def files(number: int) -> Mapping[str, bytes]:
    return {path: str(text).encode() for path, text in {**PROJECT, **change(number)}.items()}


def source(number: int) -> bytes:
    return "".join(FUNCTION.format(n=f"{number}_{part}") for part in range(22)).encode()


def seconds(trees: Sequence[MemoryTree], memo: Memo | None, number: int) -> float:
    started = time.perf_counter()
    for one in trees:
        judged(one, memo, number)
    return time.perf_counter() - started


def judged(one: MemoryTree, memo: Memo | None, number: int) -> Inspection:
    repository = Repository("iris", {"project_path": f"models/iris-{number}", "ci_config_path": "", "topics": ()}, {})
    inspection = inspect(one, Policy(), TODAY, repository, memo=memo)
    if sum(project.count("fail") for project in inspection.report.projects) < 3:
        raise RuntimeError("fewer findings than were put in")
    return inspection


def parsed(sources: Mapping[str, bytes]) -> float:
    """Seconds."""
    started = time.perf_counter()
    for text in sources.values():
        ast.parse(text)
    return time.perf_counter() - started
