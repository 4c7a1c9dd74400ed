"""The sweeps: when each ran, what it counted, and what it could not judge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.kept import Kept
from bot.pages.viewer import Viewer
from bot.results import Run

NUMBERS: Final = (
    ("listed", "Projects"),
    ("unchanged", "Unchanged"),
    ("judged", "Judged"),
    ("skipped", "No model projects"),
    ("failed", "Failed"),
    ("gone", "Gone"),
    ("left", "Left for the next sweep"),
    ("queued", "Merge requests queued"),
    ("calls", "Calls to GitLab"),
)

WHAT: Final = {"issue": "issue", "merge_request": "fix merge request"}


@dataclass(frozen=True, slots=True)
class RunRow:
    """A sweep. `took` in seconds, None while it runs, and for one that was killed."""

    id: str
    started: float
    took: float | None
    ended_how: str
    counts: Mapping[str, int]


def sees_counts(viewer: Viewer) -> bool:
    """Whether somebody may know how many projects there are: only who sees them all, or looks after all."""
    return viewer.everything or viewer.admin


def row_of(run: Run, newest: bool) -> RunRow:
    """A sweep, told. One that has no end runs, unless a newer one has begun since."""
    numbers = {name: value for name, value in run.counts.items() if isinstance(value, int)}
    took = None if run.ended is None else max(0.0, run.ended - run.started)
    if run.ended is None:
        how = "runs, or was stopped and goes on with the next one" if newest else "was stopped"
    else:
        how = "ended with trouble" if run.counts.get("troubles") else "done"
    return RunRow(run.id, run.started, took, how, defaultdict(int, numbers))


def numbers_of(row: RunRow) -> list[tuple[str, int]]:
    """What it counted, in words."""
    return [(word, row.counts[name]) for name, word in NUMBERS if name in row.counts]


def failures_of(run: Run, viewer: Viewer) -> list[tuple[str, str]]:
    """Path and reason of each project that a sweep could not judge, where it may be seen."""
    told: Sequence[Any] = run.counts.get("failures") or ()
    return [(str(path), str(reason)) for project_id, path, reason in told if viewer.may_see(int(project_id))]


def troubles_of(run: Run) -> list[str]:
    """What went wrong with the sweep as a whole."""
    return [str(one) for one in run.counts.get("troubles") or ()]


def not_made(rows: Iterable[Kept], paths: Mapping[int, str], viewer: Viewer) -> list[tuple[str, str, str]]:
    """Path, what it is, and why it is not as the policy wants it: of each issue and merge request that may be seen."""
    wanted = (row for row in rows if row.reason and row.project_id in paths and viewer.may_see(row.project_id))
    return sorted((paths[row.project_id], WHAT[row.kind], row.reason) for row in wanted)


def by_hand(now: datetime) -> str:
    """The name of a sweep that somebody starts from the page: one a minute."""
    return f"by hand {now.strftime('%Y-%m-%dT%H:%MZ')}"
