"""The jobs: what is at work, what waits, what is tried again, and what was given up, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot import job as jobs
from bot.job import Answer, Job, ReviewMR, Sweep, SweepProject
from bot.pages.viewer import Viewer
from bot.queue import Queue
from bot.store import GivenUp, Store

MOST: Final = 10_000
SHOWN: Final = 100
HIDDEN: Final = "told to those who look after all projects"
STATES: Final = {"running": "at work", "waiting": "waits", "later": "is tried again later"}


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job. `about`: in words; `reason` where it was given up; `at` in seconds since 1970."""

    id: str
    about: str
    state: str
    at: float
    attempt: int
    reason: str = ""


def under_way(queue: Queue | None, viewer: Viewer, paths: Mapping[int, str]) -> list[JobRow]:
    """What is not done, as far as somebody may see it. Raises Unreachable."""
    found = queue.under_way(MOST) if queue else []
    return [
        JobRow(one.id, _about_id(one.id, paths), one.state, one.since, one.attempt)
        for one in found
        if _may_see(viewer, one.project_id)
    ]


def is_cut(rows: Sequence[JobRow]) -> bool:
    """Whether there may be more than was read."""
    return len(rows) >= MOST


def given_up(store: Store, viewer: Viewer, paths: Mapping[int, str]) -> list[JobRow]:
    """What was given up, the newest first, as far as somebody may see it. Raises Unreachable."""
    found = store.given_up()
    return [_dead(one, viewer, paths) for one in found if _may_see(viewer, jobs.project_of(jobs.key(one.job)))]


def _may_see(viewer: Viewer, project_id: int | None) -> bool:
    return project_id is None or viewer.may_see(project_id)


def _dead(one: GivenUp, viewer: Viewer, paths: Mapping[int, str]) -> JobRow:
    """What a sweep was given up for may name any group."""
    told = not isinstance(one.job, Sweep) or viewer.everything or viewer.admin
    return JobRow(one.id, _about(one.job, paths), "given up", one.at, 0, one.reason if told else HIDDEN)


def _about(job: Job, paths: Mapping[int, str]) -> str:
    match job:
        case ReviewMR():
            return f"review of {_project(job.project_id, paths)}!{job.iid}"
        case Answer():
            return f"a command on {_project(job.project_id, paths)}!{job.iid}"
        case SweepProject():
            return f"a look at {_project(job.project_id, paths)}"
        case Sweep():
            return f"the sweep {job.run}"


def _about_id(name: str, paths: Mapping[int, str]) -> str:
    """By the id of its workflow alone: what it holds is not read for a list."""
    project_id = jobs.project_of(name)
    kind, _, rest = name.partition(":")
    if project_id is None:
        return f"the sweep {rest.partition('#')[0]}" if kind == "sweep" else name
    project = _project(project_id, paths)
    match kind:
        case "mr":
            return f"review of {project}!{rest.partition(':')[2].partition('@')[0]}"
        case "note":
            return f"a command on {project}"
        case _:
            return f"a look at {project}"


def _project(project_id: int, paths: Mapping[int, str]) -> str:
    return paths.get(project_id, f"project {project_id}")
