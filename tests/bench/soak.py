"""An hour of pushes and comments as fast as they are answered, at a web process and two workers on PostgreSQL; by name
alone. What is asked is whether memory and handles stay as they were after the first tenth.

SNITCH_BENCH_SECONDS makes it shorter.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from tests.bench.drain import compared, used
from tests.bench.figures import Baseline, Figure, percentile
from tests.bench.kill import manned
from tests.bench.service import until
from tests.bench.stage import BROKEN, reviewed
from tests.gitlab.model import DEVELOPER, MergeRequest, Project, User
from tests.stories.crew import Crew
from tests.stories.engine import SECRET
from tests.stories.model_project import PROJECT

PROJECTS, EACH = 5, 4
TENTH = "when a tenth was done"


def run() -> Iterator[Figure]:
    seconds = float(os.environ.get("SNITCH_BENCH_SECONDS", 3600))
    with manned(workers=2) as crew:
        author = crew.gitlab.add_user("author")
        requests = [mr for number in range(PROJECTS) for mr in _opened(crew, author, number)]
        names = [name for name in crew.names if name != "web"]
        started, early, took = time.monotonic(), None, []
        while time.monotonic() < started + seconds:
            took.append(_round(crew, author, requests, len(took)))
            if early is None and time.monotonic() > started + seconds / 10:
                early = [used(crew, name) for name in crew.names]
        late = [used(crew, name) for name in crew.names]
    yield Figure("rounds of a push and a comment", [len(took)], "")
    yield Figure("until the head was reviewed, p99", [1000 * percentile(took, 99)], "ms")
    yield from compared((early or late)[1:], late[1:], "a tenth was done")
    yield Figure("memory of web", [late[0].memory], "MB", "≤ 1.1 ×", Baseline(TENTH, [(early or late)[0].memory]))
    yield Figure("workers that ended", [sum(crew.processes[name].poll() is not None for name in names)], "", "0")


def _opened(crew: Crew, author: User, number: int) -> Iterator[MergeRequest]:
    members = {crew.bot: DEVELOPER, author: DEVELOPER}
    project: Project = crew.gitlab.add_project(f"models/model-{number}", PROJECT, members, visibility="internal")
    crew.gitlab.add_hook(project, crew.hook, SECRET)
    for one in range(EACH):
        crew.gitlab.push(project, f"branch-{one}", BROKEN, by=author)
        yield crew.gitlab.open_mr(project, f"branch-{one}", by=author)


def _round(crew: Crew, author: User, requests: Sequence[MergeRequest], number: int) -> float:
    """A push with other findings than before, and a comment; seconds until the head is reviewed."""
    mr = requests[number % len(requests)]
    mended = list(BROKEN)[number // len(requests) % len(BROKEN)]
    files = {**BROKEN, mended: PROJECT[mended], "note.md": f"{number}\n"}
    crew.gitlab.push(mr.project, mr.source_branch, files, by=author)
    crew.gitlab.comment(mr, author, "/snitch check" if number % 7 == 0 else f"Comment {number}.")
    started = time.monotonic()
    until(lambda: reviewed(mr), "the head is reviewed")
    return time.monotonic() - started
