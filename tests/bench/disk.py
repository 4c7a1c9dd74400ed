"""What a mirror takes on the disk, in bytes of its files, after the sweep looked at a repository and after its reviews.

The repository has 300 files, 200 commits on its main branch that each rewrite a notebook of 50 KB, 60 MB of weights in
git, and 20 merge requests. Beside it what has to be there, as git packs it in a repository of its own: all commits and
trees that were fetched, and the blobs of the judged commits that a standard can read (those of at most 1 MiB).
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.figures import Baseline, Figure
from tests.bench.growth import modules, review, snitch
from tests.bench.stage import Stage, change, staged_alone
from tests.gitlab.model import DEVELOPER, Project
from tests.gitlab.plumbing import environment, git
from tests.stories.model_project import PROJECT

COMMITS, REQUESTS = 200, 20
READABLE = 1024 * 1024


def run() -> Iterator[Figure]:
    with staged_alone() as (stage, folder):
        project = _repository(stage)
        heads = [stage.gitlab.head(project)]
        snitch(stage, folder, "sweep", "--output", str(folder / "report"))
        mirrors = folder / "state" / "mirrors"
        (swept,) = mirrors.glob("*.head.git")
        yield _figure("after the sweep", swept, _needed(project, folder / "one", heads, history=False))
        for number in range(REQUESTS):
            stage.gitlab.push(project, f"change-{number}", change(number), by=stage.author)
            mr = stage.gitlab.open_mr(project, f"change-{number}", by=stage.author)
            stage.gitlab.courier.queue.clear()
            review(stage, folder, mr)
            heads.append(mr.head)
        (reviewed,) = (one for one in mirrors.glob("*.git") if not one.name.endswith(".head.git"))
        yield _figure(f"after {REQUESTS} reviews", reviewed, _needed(project, folder / "all", heads, history=True))


def _figure(what: str, mirror: Path, needed: int) -> Figure:
    beside = Baseline("what it needs, packed", [needed / 1024])
    return Figure(f"a mirror {what}", [size(mirror) / 1024], "KB", "≤ 1.2 ×", beside)


def _repository(stage: Stage) -> Project:
    chance = random.Random(1)
    files = {**PROJECT, **modules(300)}
    members = {stage.bot: DEVELOPER, stage.author: DEVELOPER}
    project = stage.gitlab.add_project("models/iris", files, members, visibility="internal")
    branch = b"refs/heads/main"
    parts = []
    for number in range(COMMITS):
        parts.append(
            b"commit %s\ncommitter a <a@example.com> %d +0000\ndata 4\nMore" % (branch, 1_700_000_000 + number)
        )
        if number == 0:
            parts.append(b"from %s^0" % branch)
        parts.append(_blob("notebook.ipynb", chance.randbytes(25_000).hex().encode()))
        if number == 0:
            parts += [_blob(f"weights/part-{part}.bin", chance.randbytes(20_000_000)) for part in range(3)]
    git(project.repo, "fast-import", "--quiet", input=b"\n".join(parts))
    return project


def _blob(path: str, data: bytes) -> bytes:
    return b"M 100644 inline %s\ndata %d\n%s" % (path.encode(), len(data), data)


def _needed(project: Project, place: Path, heads: Sequence[str], *, history: bool) -> int:
    """Bytes of a pack, with its index, that holds no more than what has to be there."""
    told = ["--objects", "--filter=blob:none", "--filter-provided-objects", *([] if history else ["--no-walk"]), *heads]
    wanted = {line.split()[0] for line in git(project.repo, "rev-list", *told).splitlines()}
    for head in heads:
        for row in git(project.repo, "ls-tree", "-r", "-l", "-z", head).split(b"\0"):
            _, kind, name, length = (row.split(b"\t")[0].split() or [b""] * 4)[:4]
            if kind == b"blob" and int(length) <= READABLE:
                wanted.add(name)
    place.mkdir()
    command = ["git", "pack-objects", "--quiet", str(place / "pack")]
    subprocess.run(
        command, cwd=project.repo, input=b"\n".join(sorted(wanted)), env=environment(), check=True, capture_output=True
    )
    return size(place)


def size(folder: Path) -> int:
    """Bytes of all files below it."""
    return sum(os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names)
