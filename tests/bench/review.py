"""From a delivery to the last comment: a merge request of 11 files with three findings, the mirror warm.

Beside it danger-js making three comments and a summary, and two floors: one `git fetch` and as many HTTP calls, and the
three calls in a row that are forced (the merge request, the comments, their publishing). A request in a row is what
waiting takes longer where each request takes 50 ms longer, by those 50 ms.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.bench import danger
from tests.bench.figures import Baseline, Figure
from tests.bench.service import Service, until
from tests.bench.stage import WRITING, Opened, Stage, Times, served
from tests.gitlab import githost
from tests.gitlab.model import ApiCall, Project

TIMES = 30
SLOW_TIMES = 10
DANGER_TIMES = 5
DELAY = 0.05
FORCED = "three bare calls in a row"


@dataclass(frozen=True, slots=True)
class Round:
    """Reviews of fresh merge requests: seconds until the last comment and until the status, and calls, of each."""

    seconds: list[float]
    calls: list[list[ApiCall]]
    times: list[Times] = field(default_factory=list)

    @property
    def counts(self) -> list[float]:
        return [float(len(calls)) for calls in self.calls]

    @property
    def status(self) -> list[float]:
        return [one.status for one in self.times]

    def trace(self) -> str:
        """When each kind of call was answered first, in the order of these times."""
        kinds = {kind for one in self.times for kind in one.answered}
        at = {kind: [one.answered[kind] for one in self.times if kind in one.answered] for kind in kinds}
        told = sorted((1000 * statistics.median(found), kind) for kind, found in at.items())
        return ", ".join(f"{moment:.0f} {kind}" for moment, kind in told)


def run() -> Iterator[Figure | str]:
    with served() as (stage, service, folder):
        yield from _measured(stage, service, folder)


def _measured(stage: Stage, service: Service, folder: Path) -> Iterator[Figure | str]:
    project = stage.project("models/iris", service)
    opened = [stage.open(project, number) for number in range(TIMES + SLOW_TIMES + 2 * DANGER_TIMES + 1)]
    reviews(stage, service, [opened.pop()])
    quick, slow = opened[:TIMES], opened[TIMES : TIMES + SLOW_TIMES]
    worked = service.worked()
    first = reviews(stage, service, quick)
    worked = service.worked() - worked
    again = redelivered(stage, service, quick)
    floor = [bare(stage, project, one.mr.head, len(first.calls[0]), folder / "clone") for one in quick]
    forced = [in_a_row(stage) for _ in quick]
    others = opened[TIMES + SLOW_TIMES :]
    rival = by_danger(stage, others[:DANGER_TIMES], folder)
    name = "danger-js" if rival.seconds else "danger-js: no node here"
    what, aim = "delivery to last comment", "≤ 200 ms; ≤ 0.3 × danger-js"
    yield Figure(what, ms(first.seconds), "ms", aim, Baseline(name, ms(rival.seconds)))
    yield Figure(what, ms(first.seconds), "ms", "", Baseline("git fetch and as many bare calls", ms(floor)))
    yield Figure(what, ms(first.seconds), "ms", "", Baseline(FORCED, ms(forced)))
    yield Figure("delivery to status", ms(first.status), "ms")
    yield f"In ms after the delivery the first of each kind of call was answered: {first.trace()}."
    yield Figure("processor time of one, with its git", [1000 * worked / TIMES], "ms")
    yield Figure("calls to the API", first.counts, "", "≤ 8 + 1 a comment = 12; ≤ 0.6 ×", Baseline(name, rival.counts))
    yield f"The calls of one review: {kinds(first.calls[-1])}."
    yield Figure("same head again: calls", again.counts, "", "≤ 6")
    writes = [float(sum(call.method in WRITING for call in calls)) for calls in again.calls]
    yield Figure("same head again: calls that write", writes, "", "0")
    stage.gitlab.knobs.latency = DELAY
    late = reviews(stage, service, slow)
    late_floor = [in_a_row(stage) for _ in slow]
    late_rival = by_danger(stage, others[DANGER_TIMES:], folder)
    what = "the same, 50 ms added to each call"
    yield Figure(what, ms(late.seconds), "ms", "≤ 0.3 ×", Baseline(name, ms(late_rival.seconds)))
    yield Figure(what, ms(late.seconds), "ms", "≤ 1.5 ×", Baseline(FORCED, ms(late_floor)))
    yield Figure("delivery to status, so", ms(late.status), "ms")
    yield f"So in ms: {late.trace()}."
    longer = [(one - statistics.median(first.seconds)) / DELAY for one in late.seconds]
    yield Figure("requests in a row to the last comment", longer, "", "3")


def reviews(stage: Stage, service: Service, opened: Sequence[Opened]) -> Round:
    """Each delivered when the one before has ended."""
    made = Round([], [])
    for one in opened:
        stage.watch.clear()
        done = len(service.logged("job.done"))
        made.times.append(stage.review(one))
        made.seconds.append(made.times[-1].comments)
        until(lambda done=done: len(service.logged("job.done")) > done, "the review ends")
        made.calls.append(stage.api_calls())
        threads = sum(note.position is not None for note in one.mr.notes())
        if threads != 3:
            raise RuntimeError(f"{threads} threads where three were expected")
    return made


def redelivered(stage: Stage, service: Service, opened: Sequence[Opened]) -> Round:
    """The same deliveries once more."""
    made = Round([], [])
    for one in opened:
        stage.watch.clear()
        done = len(service.logged("job.done"))
        started = stage.send(one.delivery)
        until(lambda done=done: len(service.logged("job.done")) > done, "the review ends")
        made.seconds.append(stage.watch.times[-1] - started)
        made.calls.append(stage.api_calls())
    return made


def bare(stage: Stage, project: Project, head: str, calls: int, clone: Path) -> float:
    """Seconds of a fetch of one commit into a bare clone that has the rest, then of calls one after another."""
    address = f"{stage.gitlab.url}/{project.path}.git"
    told = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader"}
    basic = requests.auth._basic_auth_str("oauth2", stage.bot.token)
    environment = githost.environment() | told | {"GIT_CONFIG_VALUE_0": f"Authorization: {basic}"}
    if not clone.exists():
        command = ["git", "clone", "--quiet", "--bare", "--single-branch", address, str(clone)]
        subprocess.run(command, check=True, env=environment)
    with requests.Session() as session:
        session.headers["PRIVATE-TOKEN"] = stage.bot.token
        session.get(f"{stage.gitlab.url}/api/v4/user", timeout=10)
        started = time.perf_counter()
        subprocess.run(["git", "fetch", "--quiet", "--no-tags", address, head], cwd=clone, check=True, env=environment)
        for _ in range(calls):
            session.get(f"{stage.gitlab.url}/api/v4/user", timeout=10).raise_for_status()
        return time.perf_counter() - started


def in_a_row(stage: Stage) -> float:
    """Seconds of three calls, each begun when the one before is answered, on a connection that is there."""
    with requests.Session() as session:
        session.headers["PRIVATE-TOKEN"] = stage.bot.token
        session.get(f"{stage.gitlab.url}/api/v4/user", timeout=10)
        started = time.perf_counter()
        for _ in range(3):
            session.get(f"{stage.gitlab.url}/api/v4/user", timeout=10).raise_for_status()
        return time.perf_counter() - started


def by_danger(stage: Stage, opened: Sequence[Opened], folder: Path) -> Round:
    """danger-js on merge requests that snitch was not told of; nothing where it can't run."""
    made = Round([], [])
    command = danger.installed()
    for one in opened if command else ():
        made.seconds.append(danger.review(stage, command or [], one, folder))
        made.calls.append(stage.api_calls())
    return made


def kinds(calls: Sequence[ApiCall]) -> str:
    """How many of each kind, in the order of their first."""
    routes = Counter(f"{call.method} {call.route.rpartition('/:iid/')[2] or call.route}" for call in calls)
    short = {name.replace("/projects/:id", "…"): count for name, count in routes.items()}
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in short.items())


def ms(seconds: Sequence[float]) -> list[float]:
    return [1000 * value for value in seconds]
