"""Reviews a second: 100 repositories, in each a merge request of 11 files with three findings, delivered all at once.

The mirrors are warm, from a first merge request in each. Beside it what speaking alone costs, four at a time: one
`git fetch` and as many bare HTTP calls for each review. The test GitLab shares the cores, as it does in both.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.figures import Baseline, Figure
from tests.bench.review import bare
from tests.bench.service import until
from tests.bench.stage import Opened, Stage, reviewed, served

REPOSITORIES = 100
AT_ONCE = 4


def run() -> Iterator[Figure | str]:
    with served() as (stage, service, folder):
        projects = [stage.project(f"models/m{number}", service) for number in range(REPOSITORIES)]
        flow(stage, [stage.open(project, 0) for project in projects])
        opened = [stage.open(project, 1) for project in projects]
        stage.watch.clear()
        worked, kinds = service.worked(), {}
        seconds = flow(stage, opened)
        worked = service.worked() - worked
        for call in stage.watch:
            kinds[call.route == "git"] = kinds.get(call.route == "git", 0) + 1
        calls = round(kinds.get(False, 0) / REPOSITORIES)
        spoken = speaking(stage, opened, calls, folder)
        done = len(service.logged("job.failed"))
    rate, floor = [REPOSITORIES / seconds], [REPOSITORIES / spoken]
    yield Figure("reviews a second", rate, "/s", "", Baseline("their fetches and calls alone", floor))
    yield Figure("processor time of one, with its git and judges", [1000 * worked / REPOSITORIES], "ms")
    yield Figure("requests of git for one", [kinds.get(True, 0) / REPOSITORIES], "", "1")
    yield Figure("calls for one", [kinds.get(False, 0) / REPOSITORIES], "", "≤ 10")
    yield Figure("tries that failed", [done], "", "0")
    yield f"The longest wait for a review was {1000 * seconds:.0f} ms, since all were delivered at once."


def flow(stage: Stage, opened: list[Opened]) -> float:
    """Seconds from the first delivery to the last status."""
    started = time.perf_counter()
    for one in opened:
        stage.send(one.delivery)
    until(lambda: all(reviewed(one.mr) for one in opened), "each merge request is reviewed")
    return time.perf_counter() - started


def speaking(stage: Stage, opened: list[Opened], calls: int, folder: Path) -> float:
    """Seconds for a fetch and calls of each, some at a time; clones are made before."""

    def fetched(one: Opened) -> float:
        return bare(stage, one.mr.project, one.mr.head, calls, folder / f"clone-{one.mr.project.id}")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return sum(threads.map(fetched, opened)) / AT_ONCE
