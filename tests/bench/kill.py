"""200 merge requests over 50 repositories, one web process and three workers on PostgreSQL, and a random one of them is
killed with -9 every few seconds and comes back a moment later; by name alone, for it takes some ten minutes.

What a dead door did not take is sent again by nobody: the workers' own look at GitLab must find it. Half of the merge
requests are pushed to once more meanwhile. At the end each head has one review, and nothing is left behind.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot import words
from tests.bench.figures import Figure
from tests.bench.postgresql import database
from tests.bench.stage import BROKEN, FINAL
from tests.gitlab import githost
from tests.gitlab.model import DEVELOPER, MergeRequest, Project, User
from tests.gitlab.server import GitLab
from tests.stories.crew import Crew
from tests.stories.engine import SECRET
from tests.stories.model_project import PROJECT

REPOSITORIES, EACH, WORKERS = 50, 4, 3
PAUSE = (2.0, 6.0)
"""Seconds between two kills, at random."""
PATIENCE = 1200.0


def run() -> Iterator[Figure | str]:
    chance = random.Random()
    with manned(WORKERS) as crew:
        started = time.monotonic()
        crowd = Crowd(crew)
        opening = threading.Thread(target=crowd.open)
        opening.start()
        killed = Counter(part.partition("-")[0] for part in _killing(crew, chance, opening, crowd))
        lost = len(
            {one.key for one in crew.gitlab.deliveries} - {d.key for d in crew.gitlab.deliveries if d.status == 202}
        )
        _wait(crew, crowd)
        yield from _found(crew, crowd, killed, lost, time.monotonic() - started)


@contextmanager
def manned(workers: int) -> Iterator[Crew]:
    """A GitLab, and a crew that works for it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        gitlab = stack.enter_context(GitLab(folder / "gitlab"))
        gitlab.knobs.notes_per_minute = 0
        (folder / "crew").mkdir()
        url = stack.enter_context(database())
        crew = Crew(gitlab, gitlab.add_user("snitch", bot=True), folder / "crew", url, workers)
        stack.callback(crew.close)
        for name in crew.names:
            crew.start(name)
        yield crew


@dataclass
class Crowd:
    """The repositories and their merge requests, as they come."""

    crew: Crew
    requests: list[MergeRequest] = field(default_factory=list)

    def open(self) -> None:
        author = self.crew.gitlab.add_user("author")
        projects = [self._project(author, number) for number in range(REPOSITORIES)]
        for one in range(EACH):
            for project in projects:
                self._request(project, author, one)

    def _project(self, author: User, number: int) -> Project:
        gitlab = self.crew.gitlab
        members = {self.crew.bot: DEVELOPER, author: DEVELOPER}
        project = gitlab.add_project(f"models/model-{number}", PROJECT, members, visibility="internal")
        gitlab.add_hook(project, self.crew.hook, SECRET)
        return project

    def _request(self, project: Project, author: User, one: int) -> None:
        gitlab, branch = self.crew.gitlab, f"branch-{one}"
        gitlab.push(project, branch, {**BROKEN, f"docs/{one}.md": "A note.\n"}, by=author)
        self.requests.append(gitlab.open_mr(project, branch, by=author, title=str(one)))
        if one % 2:  # and the one before is pushed to once more
            gitlab.push(project, f"branch-{one - 1}", {f"docs/{one}.md": "Another note.\n"}, by=author)

    def waiting(self) -> list[MergeRequest]:
        """Those whose head has no review."""
        return [one for one in self.requests if state_of(one) not in FINAL]


def _killing(crew: Crew, chance: random.Random, opening: threading.Thread, crowd: Crowd) -> Iterator[str]:
    """Kills, until most of the work is done."""
    while opening.is_alive() or len(crowd.waiting()) > REPOSITORIES // 5:
        time.sleep(chance.uniform(*PAUSE))
        name = crew.kill_any(chance)
        time.sleep(chance.uniform(0, 1))
        crew.start(name)
        yield name


def _wait(crew: Crew, crowd: Crowd) -> None:
    """Until each head is reviewed and nothing is left to do; what was lost is found every five minutes."""
    end = time.monotonic() + PATIENCE
    while (crowd.waiting() or not crew.idle()) and time.monotonic() < end:
        time.sleep(1)


def _found(crew: Crew, crowd: Crowd, killed: Counter[str], lost: int, seconds: float) -> Iterator[Figure | str]:
    requests = crowd.requests
    yield Figure("killed with -9", [sum(killed.values())], "")
    yield f"Killed: {', '.join(f'{count} × {name}' for name, count in sorted(killed.items()))}."
    yield Figure("deliveries that no door took", [lost], "")
    yield Figure("until all was reviewed", [seconds], "s")
    yield Figure(f"of {len(requests)} heads without a review", [len(crowd.waiting())], "", "0")
    yield Figure("said twice", [sum(said_twice(one, crew.bot) for one in requests)], "", "0")
    yield Figure("findings that nothing is said of", [sum(unsaid(one, crew.bot) for one in requests)], "", "0")
    yield Figure("drafts left behind", [sum(d.author is crew.bot for one in requests for d in one.drafts)], "", "0")
    yield Figure("statuses pending", [sum(state_of(one) == "pending" for one in requests)], "", "0")
    yield Figure("corrupt mirrors", [len(corrupt(crew.folder))], "", "0")
    yield Figure("calls that GitLab does not have", [len(crew.gitlab.unknown_calls)], "", "0")
    yield Figure("times that the token is in a log", [_times(crew, crew.bot.token)], "", "0")


def state_of(mr: MergeRequest) -> str:
    """Of the newest status of its head."""
    states = [one.state for one in mr.project.statuses if one.sha == mr.head]
    return states[-1] if states else ""


def _marks(mr: MergeRequest, bot: User) -> list[object]:
    return [words.mark_of(one.notes[0].body) for one in mr.discussions if one.notes and one.notes[0].author is bot]


def _entries(mr: MergeRequest, bot: User) -> Counter[str]:
    return Counter(name for mark in _marks(mr, bot) if isinstance(mark, words.ThreadMark) for name in mark.findings)


def said_twice(mr: MergeRequest, bot: User) -> int:
    """Findings that have two threads, and summaries beside the one."""
    summaries = sum(isinstance(mark, words.SummaryMark) for mark in _marks(mr, bot))
    return sum(count - 1 for count in _entries(mr, bot).values()) + max(0, summaries - 1)


def unsaid(mr: MergeRequest, bot: User) -> int:
    """Of its three findings and its summary."""
    summaries = any(isinstance(mark, words.SummaryMark) for mark in _marks(mr, bot))
    return max(0, len(BROKEN) - len(_entries(mr, bot))) + (not summaries)


def corrupt(folder: Path) -> Sequence[Path]:
    """The mirrors below a folder of which git says that something is damaged or missing (no blob is large here)."""
    mirrors = folder.glob("*/mirrors/*.git")
    return [
        one
        for one in mirrors
        if subprocess.run(FSCK, cwd=one, env=githost.environment(), capture_output=True, check=False).returncode
    ]


FSCK = ("git", "fsck", "--full", "--no-dangling", "--no-progress")


def _times(crew: Crew, text: str) -> int:
    return sum((crew.folder / f"{name}.log").read_text(errors="replace").count(text) for name in crew.names)
