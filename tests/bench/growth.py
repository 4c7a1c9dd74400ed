"""What a review costs as things grow: processor time of `snitch review`, and its calls, at three sizes a decade apart.

The growth is what one more costs between the second and the third size, by what it costs between the first and the
second: 1 is linear, 10 would be quadratic. What grows too little to be told from the noise has none. The test GitLab's
own time is not in it, that of the git processes that snitch starts is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Baseline, Figure
from tests.bench.stage import Stage, staged_alone
from tests.gitlab.model import MergeRequest, Project
from tests.gitlab.plumbing import git
from tests.gitlab.verbs import Files
from tests.stories.engine import environment
from tests.stories.model_project import PROJECT, UNTRACED

TIMES = 2
HISTORIES = (100, 100_000)
FLEETS = (5, 50, 500)
NOISE = 0.15
"""Seconds of processor time that two runs of the same differ by, on a busy machine."""
UNTIL = "2026-12-31"


@dataclass(frozen=True, slots=True)
class Growing:
    """What grows; `project` and `change`: the files of the default branch, and of the merge request, at a size."""

    what: str
    sizes: tuple[int, int, int]
    change: Callable[[int], Files]
    project: Callable[[int], Files] = lambda size: PROJECT
    after: Callable[[Stage, MergeRequest, int], None] = lambda stage, mr, size: None


@dataclass(frozen=True, slots=True, order=True)
class Cost:
    """Of one review. `seconds`: of processor time, its git's too."""

    seconds: float
    calls: int


def run() -> Iterator[Figure | str]:
    with staged_alone() as (stage, folder):
        for one in GROWING:
            yield from _told(one.what, one.sizes, [_costs(stage, folder, one, size) for size in one.sizes])
        yield from _history(stage, folder)
    yield from _repositories()


def _costs(stage: Stage, folder: Path, growing: Growing, size: int) -> Cost:
    """The cheapest of some reviews at a size."""
    path = f"models/{growing.what.replace(' ', '-')}-{size}"
    project = _project(stage, path, growing.project(size))
    return min(_reviewed(stage, folder, project, growing, size, number) for number in range(TIMES))


def _told(what: str, sizes: Sequence[int], costs: Sequence[Cost]) -> Iterator[Figure]:
    first, *_, last = costs
    named = f"{what}: {' → '.join(f'{size:,}' for size in sizes)}"
    yield Figure(named, [1000 * last.seconds], "ms", "", Baseline(f"{sizes[0]:,}", [1000 * first.seconds]))
    grown = growth(sizes, [cost.seconds for cost in costs])
    yield Figure(f"{what}: growth", [grown], "", "≤ 1.3")
    if last.calls != first.calls:
        calls = growth(sizes, [float(cost.calls) for cost in costs], least=1.0)
        yield Figure(f"{what}: growth of the calls", [calls], "", "≤ 1.3")


def growth(sizes: Sequence[int], costs: Sequence[float], least: float = NOISE) -> float:
    """What one more costs later, by what it costs earlier; 0 where all of them cost nothing that can be measured."""
    small, middle, large = sizes
    early, late = (costs[1] - costs[0]) / (middle - small), (costs[2] - costs[1]) / (large - middle)
    return late / max(early, least / (middle - small)) if costs[2] - costs[0] > 2 * least else 0.0


def _project(stage: Stage, path: str, files: Files) -> Project:
    return stage.gitlab.add_project(path, files, {stage.bot: 30, stage.author: 30}, visibility="internal")


def _reviewed(stage: Stage, folder: Path, project: Project, growing: Growing, size: int, number: int) -> Cost:
    """A fresh merge request, reviewed."""
    branch = f"change-{number}"
    stage.gitlab.push(project, branch, {**growing.change(size), "note.md": f"{number}\n"}, by=stage.author)
    mr = stage.gitlab.open_mr(project, branch, by=stage.author)
    growing.after(stage, mr, size)
    return review(stage, folder, mr)


def review(stage: Stage, folder: Path, mr: MergeRequest) -> Cost:
    return snitch(stage, folder, "review", f"{stage.gitlab.url}/{mr.project.path}/-/merge_requests/{mr.iid}")


def snitch(stage: Stage, folder: Path, *words: str) -> Cost:
    """What a command costs that must succeed."""
    own = environment(stage.gitlab, stage.bot, folder / "state") | {"PATH": os.environ["PATH"]}
    stage.watch.clear()
    command = [sys.executable, "-c", "from bot.cli import main; main()", *words]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, env=own, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError((folder / "said").read_text()[-2000:])
    return Cost(used.ru_utime + used.ru_stime, len(stage.watch))


# ── what grows ───────────────────────────────────────────────────────────────────────────────────────────────────────


def unpinned(size: int) -> Files:
    """As many findings in one file."""
    return {"requirements.txt": "".join(f"library-{number}>=1\n" for number in range(size))}


def weights(size: int) -> Files:
    """As many findings in as many files."""
    return {f"weights/part-{number}.bin": f"{number}\n" for number in range(size)}


def locked(size: int) -> Files:
    """As many findings in one file, each with a fix of its own, which a lock file gives."""
    held = "".join(f'\n[[package]]\nname = "library-{n}"\nversion = "1.{n}"\n' for n in range(size))
    return {**unpinned(size), "uv.lock": f"version = 1\n{held}"}


def modules(size: int) -> Files:
    return {
        f"features/step_{number}.py": f"SIZE = {number}\n\n\ndef step():\n    return SIZE\n" for number in range(size)
    }


def waivers(size: int) -> Files:
    """In a file of findings, a waiver for each."""
    lines = (f"# snitch: waive 9.pinned until {UNTIL} - the reason\nlibrary-{number}>=1\n" for number in range(size))
    return {"requirements.txt": "".join(lines)}


def configured(size: int) -> Files:
    lines = (f"  - rule: 10.patch\n    until: {UNTIL}\n    reason: the reason {number}\n" for number in range(size))
    return {".snitch.yml": "waive:\n" + "".join(lines), "serve.py": UNTRACED}


def comments(stage: Stage, mr: MergeRequest, size: int) -> None:
    for number in range(size):
        stage.gitlab.comment(mr, stage.author, f"Comment {number}.")


def touched(size: int) -> Files:
    return {"serve.py": UNTRACED}


GROWING = (
    Growing("findings in a file", (10, 100, 1_000), unpinned),
    Growing("findings with fixes", (10, 100, 1_000), locked),
    Growing("findings in files", (10, 100, 1_000), weights),
    Growing("files in the change", (30, 300, 3_000), modules),
    Growing("files in the repository", (100, 1_000, 10_000), touched, lambda size: {**PROJECT, **modules(size)}),
    Growing("waivers in comments", (10, 100, 1_000), waivers),
    Growing("waivers in .snitch.yml", (10, 100, 1_000), configured),
    Growing("comments on the merge request", (10, 100, 1_000), touched, after=comments),
)


# ── history, and repositories ────────────────────────────────────────────────────────────────────────────────────────


def _history(stage: Stage, folder: Path) -> Iterator[Figure]:
    """The first review of a repository, whose history it fetches, and the second."""
    found: dict[int, list[Cost]] = {}
    for size in HISTORIES:
        project = _project(stage, f"models/history-{size}", PROJECT)
        lengthen(project, size)
        growing = Growing("history", (0, 0, 0), touched)
        found[size] = [_reviewed(stage, folder, project, growing, size, number) for number in range(3)]
    short, long = HISTORIES
    for what, chosen in (("first review", slice(0, 1)), ("next review", slice(1, 3))):
        mine, other = ([1000 * cost.seconds for cost in found[size][chosen]] for size in (long, short))
        yield Figure(f"{what}, {long:,} commits", mine, "ms", "≤ 1.1 ×", Baseline(f"{short:,} commits", other))


def lengthen(project: Project, count: int) -> None:
    """So many commits on the default branch, each of which changes one of a hundred files."""
    branch = f"refs/heads/{project.default_branch}"
    lines = []
    for number in range(count):
        text = b"%d\n" % number
        lines.append(b"commit %s\ncommitter a <a@example.com> %d +0000\n" % (branch.encode(), 1_700_000_000 + number))
        lines.append(b"data 6\nChange\n" + (b"from %s^0\n" % branch.encode() if number == 0 else b""))
        lines.append(b"M 100644 inline notes/%d.txt\ndata %d\n%s\n" % (number % 100, len(text), text))
    git(project.repo, "fast-import", "--quiet", input=b"".join(lines))


def _repositories() -> Iterator[Figure]:
    """Sweeps over fleets that are new to it, and then over the same, where nothing has changed."""
    new, known = [], []
    for size in FLEETS:
        with staged_alone() as (stage, folder):
            first = _project(stage, "models/iris-0", PROJECT)
            for number in range(1, size):
                made = stage.gitlab.add_project(f"models/iris-{number}", None, {stage.bot: 30})
                shutil.copytree(first.repo, made.repo, dirs_exist_ok=True)
            new.append(snitch(stage, folder, "sweep", "--output", str(folder / "report")))
            known.append(snitch(stage, folder, "sweep", "--output", str(folder / "report")))
    yield from _told("repositories that are new", FLEETS, new)
    yield from _told("repositories that are known", FLEETS, known)
