"""Workers that die, freeze or are cut off, and what the others make of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.errors import Unreachable
from bot.executors import LEASE, Executor, Executors
from bot.gitlab import GitLab
from bot.job import Answer, Job, ReviewMR, from_json
from bot.queue import CRASHES, Queue
from bot.store import Store

from .queue_process import settings_for
from .test_queue import until

HEAD = "a" * 40
ANSWER = Answer(7, 3, 99, "d" * 40, 5, "ada", "/snitch fix")


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Crew:
    """Executors on one database, beaten by hand."""

    store: Store
    clock: Clock = field(default_factory=Clock)
    rescued: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    working: set[str] = field(default_factory=set)

    def hire(self, name: str, place: str = "") -> Executors:
        executor = Executors(
            self.store,
            Executor(name, place or name),
            True,
            lambda: self.working,
            self.rescued.append,
            lambda: self.lost.append(name),
            clock=self.clock,
        )
        executor.enter()
        executor.leave()  # its own beat: here the test beats
        return executor

    def pass_by(self, seconds: float, *alive: Executors) -> None:
        for _ in range(round(seconds / (LEASE / 5))):
            self.clock.now += LEASE / 5
            for executor in alive:
                executor.beat()


@pytest.fixture
def crew(database: str) -> Iterator[Crew]:
    store = Store(database)
    yield Crew(store)
    store.close()


pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def test_one_whose_beat_has_ended_is_buried_once_within_thirty_seconds(crew: Crew) -> None:
    one, two, _dead = crew.hire("one"), crew.hire("two"), crew.hire("dead")
    crew.pass_by(16, one, two)
    assert crew.rescued == []
    crew.pass_by(12, one, two)
    assert crew.rescued == ["dead"]
    crew.pass_by(60, one, two)
    assert (crew.rescued, crew.lost) == (["dead"], [])


def test_one_that_comes_back_after_it_was_buried_learns_of_it(crew: Crew) -> None:
    one, frozen = crew.hire("one"), crew.hire("frozen")
    crew.pass_by(28, one)
    assert not frozen.sure()
    frozen.beat()
    assert crew.lost == ["frozen"]


def test_one_that_was_out_of_reach_itself_buries_nobody_for_that(crew: Crew) -> None:
    one, two = crew.hire("one"), crew.hire("two")
    crew.pass_by(8, one, two)
    crew.clock.now += 300  # the database was gone for all
    crew.pass_by(20, one, two)
    assert (crew.rescued, crew.lost) == ([], [])
    assert one.sure() and two.sure()


def test_a_successor_in_the_same_place_need_not_wait(crew: Crew) -> None:
    crew.hire("first", place="here")
    crew.hire("other", place="there")
    crew.hire("second", place="here")
    assert crew.rescued == ["first"]


def test_a_job_at_a_worker_that_nobody_knows_is_rescued_too(crew: Crew) -> None:
    one = crew.hire("one")
    crew.working = {"one", "ghost"}
    crew.pass_by(40, one)
    assert crew.rescued[0] == "ghost"


def test_a_place_keeps_its_name_and_no_executor_has_anothers(tmp_path: Path, database: str) -> None:
    one, two, other = Executor.at(tmp_path / "a"), Executor.at(tmp_path / "a"), Executor.at(tmp_path / "b")
    assert one.place == two.place != other.place
    assert len({one.id, two.id, other.id}) == 3


def test_nothing_is_written_to_gitlab_by_a_worker_that_may_be_dead_to_the_others(database: str) -> None:
    gitlab = GitLab("http://127.0.0.1:1", lambda: "token")
    gitlab.write_only_while(lambda: False)
    with pytest.raises(Unreachable, match="another one may do its work"):
        gitlab._post("/projects/1/statuses/x", {})


@contextmanager
def working(folder: Path, database: str) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen([sys.executable, "-m", "tests.bot.queue_process", str(folder), database])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def diary(folder: Path) -> list[tuple[str, Job]]:
    path = folder / "diary"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(word, from_json(job)) for word, job in map(json.loads, lines)]


@contextmanager
def door(folder: Path, database: str) -> Iterator[Queue]:
    """A process that stores and does no work."""
    store = Store(database)
    queue = Queue(settings_for(folder, database), lambda _: None, store)
    yield queue
    queue.stop()
    store.close()


def test_the_jobs_of_a_killed_worker_are_taken_over_one_at_a_time_by_a_living_one(
    tmp_path: Path, database: str
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    jobs: list[Job] = [ReviewMR(7, 3, HEAD), ANSWER, ReviewMR(7, 4, HEAD)]
    with door(tmp_path, database) as queue:
        one.mkdir()
        (one / "hold").touch()
        with working(one, database) as first:
            queue.accept(jobs[0])
            until(lambda: diary(one))
            with working(two, database):
                for job in jobs[1:]:
                    queue.accept(job)
                until(lambda: ("end", jobs[2]) in diary(two) or ("start", jobs[2]) in diary(one))
                first.send_signal(signal.SIGKILL)
                until(lambda: all(("end", job) in diary(two) + diary(one) for job in jobs), 30)
    words = [word for word, job in diary(two) if job.iid == 3]
    assert words == ["start", "end"] * 2, "never two of one merge request at once, and none twice"


def test_a_job_that_kills_its_worker_each_time_is_given_up_with_the_reason(tmp_path: Path, database: str) -> None:
    with door(tmp_path, database) as queue:
        queue.accept(ANSWER)
        (tmp_path / "hold").touch()
        for times in range(1, CRASHES + 1):
            with working(tmp_path, database):
                until(lambda times=times: len(diary(tmp_path)) == times)  # type: ignore[misc]
        store = Store(database)
        with working(tmp_path, database):
            until(lambda: store.given_up())
        (kept,) = store.given_up()
        store.close()
    assert kept.job == ANSWER
    assert "died 5 times" in kept.reason
    assert len(diary(tmp_path)) == CRASHES


def test_a_worker_frozen_past_its_lease_ends_when_it_wakes(tmp_path: Path, database: str) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with door(tmp_path, database) as queue:
        one.mkdir()
        (one / "hold").touch()
        with working(one, database) as first:
            queue.accept(ANSWER)
            until(lambda: diary(one))
            os.kill(first.pid, signal.SIGSTOP)
            with working(two, database):
                until(lambda: ("end", ANSWER) in diary(two), 30)
                os.kill(first.pid, signal.SIGCONT)
                until(lambda: (one / "lost").exists(), 30)
