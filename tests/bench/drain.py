"""10,000 reviews that wait, of as many merge requests, and two workers on PostgreSQL; by name alone: it takes an hour.

The merge requests share ten heads. What is asked is whether memory and handles grow: measured of each worker, with the
processes that judge for it, when a tenth of the work is done and when all of it is.

SNITCH_BENCH_REVIEWS makes it shorter.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot import words
from tests.bench.deliver import begun
from tests.bench.figures import Baseline, Figure
from tests.bench.flood import ended, waiting, written
from tests.bench.kill import manned
from tests.bench.service import resident
from tests.gitlab.model import Delivery, MergeRequest
from tests.stories.crew import Crew

REVIEWS, HEADS = int(os.environ.get("SNITCH_BENCH_REVIEWS", 10_000)), 10
RATE = 100


def run() -> Iterator[Figure]:
    with manned(workers=2) as crew:
        workers = [name for name in crew.names if name != "web"]
        for name in workers:
            crew.kill(name)
        requests = _waiting(crew)
        for name in workers:
            crew.start(name)
        started, early = time.monotonic(), None
        while left := crew.jobs():
            if early is None and left <= 0.9 * len(requests):
                early = [used(crew, name) for name in workers]
            time.sleep(0.5)
        took, late = time.monotonic() - started, [used(crew, name) for name in workers]
        said = sum(_is_said(one, crew) for one in requests)
    yield Figure("reviews a second", [len(requests) / took], "/s")
    yield Figure(f"of {len(requests):,} merge requests without their summary", [len(requests) - said], "", "0")
    yield from compared(early or late, late, "a tenth was done")


def _waiting(crew: Crew) -> list[MergeRequest]:
    """The merge requests, whose reviews are stored."""
    few, deliveries = waiting(crew, HEADS)
    requests, told = list(few), list(deliveries)
    numbers = itertools.count(len(few) + 1)
    while len(requests) < REVIEWS:
        one, delivery = few[len(requests) % HEADS], deliveries[len(requests) % HEADS]
        mr, again = copied(crew, one, delivery, next(numbers))
        requests.append(mr)
        told.append(again)
    sent = written(crew, told, len(told), crew.folder / "deliveries")
    lost = ended(begun(crew.hook, RATE, REVIEWS / RATE, sent)).lost
    if lost:
        raise RuntimeError(f"{lost} deliveries were not taken")
    return requests


def copied(crew: Crew, one: MergeRequest, delivery: Delivery, iid: int) -> tuple[MergeRequest, Delivery]:
    """The same merge request under another number, and the delivery that tells of it."""
    identity = crew.gitlab.state.next_id("merge_request")
    made = replace(one, id=identity, iid=iid, discussions=[], drafts=[], awards=[], versions=list(one.versions))
    one.project.merge_requests[iid] = made
    attributes = {**delivery.payload["object_attributes"], "id": identity, "iid": iid}
    return made, replace(delivery, payload={**delivery.payload, "object_attributes": attributes})


def _is_said(mr: MergeRequest, crew: Crew) -> bool:
    marks = [words.mark_of(note.body) for note in mr.notes() if note.author is crew.bot]
    return sum(isinstance(mark, words.SummaryMark) for mark in marks) == 1


@dataclass(frozen=True, slots=True)
class Used:
    """By a worker and the processes that judge for it. `memory`: resident, in MB."""

    memory: float
    handles: int


def used(crew: Crew, name: str) -> Used:
    pid = crew.processes[name].pid
    lists = [one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/children")]
    family = [pid, *(int(one) for line in lists for one in line.split())]
    return Used(sum(map(resident, family)), sum(len(list(Path(f"/proc/{one}/fd").iterdir())) for one in family))


def compared(early: Sequence[Used], late: Sequence[Used], when: str) -> Iterator[Figure]:
    memory = Baseline(f"when {when}", [one.memory for one in early])
    yield Figure("memory of a worker, its judges too", [one.memory for one in late], "MB", "≤ 1.1 ×", memory)
    handles = Baseline(f"when {when}", [float(one.handles) for one in early])
    yield Figure("its open files", [float(one.handles) for one in late], "", "≤ 1.1 ×", handles)
