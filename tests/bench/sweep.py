"""`snitch sweep` on a fleet: 1,000 small repositories that are new to it, 10,000 without a change, and 5 % with one.

GitLab and git on loopback, on the same cores. The 10,000 share one repository, since none of them is fetched; what the
sweep before would have remembered of them is put into the database as it would have been.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.fleet import Listed, key_of
from bot.look import version_of
from bot.mr import ProjectInfo
from bot.results import Results
from bot.store import Store
from checks.policy import Policy
from tests.bench import memory
from tests.bench.figures import Figure
from tests.gitlab.model import DEVELOPER, Project, User
from tests.gitlab.server import GitLab
from tests.stories.engine import environment
from tests.stories.model_project import PROJECT, UNTRACED

NEW, UNCHANGED = 1_000, 10_000


def run() -> Iterator[Figure]:
    with fleet() as (gitlab, bot, folder):
        first = gitlab.add_project("models/iris-0", PROJECT, {bot: DEVELOPER})
        _copies(gitlab, bot, first, NEW - 1)
        took = swept(gitlab, bot, folder)
        yield Figure("1,000 new ones, a second", [NEW / took.seconds], "/s", "≥ 15 /s")
        yield Figure("processor time of each, git's too", [1000 * took.processor / NEW], "ms")
        _more(gitlab, bot, first, UNCHANGED - NEW)
        _remember(gitlab, folder / "state", first)
        gitlab.reset_calls()
        took = swept(gitlab, bot, folder)
        yield Figure("10,000 unchanged ones", [took.seconds], "s", "≤ 60 s")
        yield Figure("their calls", [len(gitlab.calls)], "", "≤ 250")
        yield Figure("their memory", [took.peak], "MB", "≤ 400 MB")
        yield from _some_changed(gitlab, bot, folder)


def _some_changed(gitlab: GitLab, bot: User, folder: Path) -> Iterator[Figure]:
    """A commit on one in twenty, which breaks a standard. The first is left out: the others share its repository."""
    database = folder / "state" / "snitch.db"
    projects = list(gitlab.state.projects.values())[1 : len(gitlab.state.projects) // 20 + 1]
    for project in projects:
        gitlab.push(project, "main", {"serve.py": UNTRACED})
    before = _size(database)
    gitlab.reset_calls()
    took = swept(gitlab, bot, folder)
    yield Figure("5 % of them changed", [took.seconds], "s", "≤ 300 s")
    yield Figure("their calls, git's too", [len(gitlab.calls)], "")
    yield Figure(
        "what each change left in the database", [(_size(database) - before) / len(projects)], "bytes", "≤ 2048"
    )


def _size(database: Path) -> int:
    """In bytes, of what is in use."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


@dataclass(frozen=True, slots=True)
class Took:
    """`processor`: seconds of the sweep and what it started; `peak`: MB that the sweep itself held at most."""

    seconds: float
    processor: float
    peak: float


@contextmanager
def fleet() -> Iterator[tuple[GitLab, User, Path]]:
    with tempfile.TemporaryDirectory() as name, GitLab(Path(name) / "gitlab") as gitlab:
        gitlab.pause_hooks()
        bot = gitlab.add_user("snitch", bot=True)
        gitlab.add_group("models", {bot: DEVELOPER})
        yield gitlab, bot, Path(name)


def swept(gitlab: GitLab, bot: User, folder: Path) -> Took:
    own = environment(gitlab, bot, folder / "state", SNITCH_GROUPS="models") | {"PATH": os.environ["PATH"]}
    started = time.perf_counter()
    command = [sys.executable, "-c", memory.SNITCH, "sweep", "--output", str(folder / "report")]
    with (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(command, env=own, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        errors.seek(0)
        peak = memory.told(errors.read())
    assert status == 0, (folder / "report").read_text()[-2000:]
    print((folder / "report").read_text().splitlines()[-1], flush=True)
    return Took(seconds, used.ru_utime + used.ru_stime, peak)


def _copies(gitlab: GitLab, bot: User, first: Project, count: int) -> None:
    """Projects with repositories of their own."""
    for number in range(1, count + 1):
        made = gitlab.add_project(f"models/iris-{number}", None, {bot: DEVELOPER})
        shutil.copytree(first.repo, made.repo, dirs_exist_ok=True)


def _more(gitlab: GitLab, bot: User, first: Project, count: int) -> None:
    """Projects that share one repository."""
    for number in range(count):
        identity = gitlab.state.next_id("project")
        made = replace(first, id=identity, path=f"models/shared-{number}", hooks={}, merge_requests={}, issues={})
        gitlab.state.projects[identity] = made


def _remember(gitlab: GitLab, state: Path, first: Project) -> None:
    store = Store(f"sqlite:///{state / 'snitch.db'}")
    results, version = Results(store), version_of(Policy())
    like = results.verdict(first.id)
    assert like is not None
    known = results.known()
    for project in gitlab.state.projects.values():
        if project.id not in known:
            listed = Listed(ProjectInfo(project.id, project.path, "", ""), like.commit)
            mine = replace(like, project_id=project.id, path=project.path, key=key_of(listed, version))
            results.put(mine, version, 1.0, lambda old, new: ())
    store.close()
