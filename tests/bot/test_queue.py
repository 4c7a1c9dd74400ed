from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from dbos import DBOSClient
from dbos import _queue as dbos_queue

from bot.claims import Claims
from bot.errors import Forbidden, RateLimited, Stale, Unreachable
from bot.job import Answer, Job, ReviewMR, SweepProject, from_json
from bot.queue import Queue, Task
from bot.store import Store

from .queue_process import settings_for

HEADS = [letter * 40 for letter in "abcdef"]
ANSWER = Answer(7, 3, 99, "d" * 40, 5, "ada", "/snitch fix")


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


class Worker:
    """Performs jobs as the test says: all wait while `hold` is set, and `errors` are raised one after another."""

    def __init__(self) -> None:
        self.started: list[Job] = []
        self.done: list[Job] = []
        self.at_once: dict[int, int] = {}
        self.most_at_once: dict[int, int] = {}
        self.errors: list[Exception] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self._lock = threading.Lock()

    def __call__(self, job: Job) -> None:
        self._count(job, 1)
        try:
            self.started.append(job)
            assert self.go_on.wait(30)
            if self.errors:
                raise self.errors.pop(0)
            self.done.append(job)
        finally:
            self._count(job, -1)

    def _count(self, job: Job, change: int) -> None:
        with self._lock:
            for name in (job.iid, 0):
                self.at_once[name] = self.at_once.get(name, 0) + change
                self.most_at_once[name] = max(self.most_at_once.get(name, 0), self.at_once[name])


@contextmanager
def running(tmp_path: Path, database: str, perform: Callable[[Job], None], concurrency: int = 4) -> Iterator[Queue]:
    store = Store(database)
    queue = Queue(settings_for(tmp_path, database, concurrency), perform, store)
    queue.start()
    try:
        yield queue
    finally:
        if isinstance(perform, Worker):
            perform.go_on.set()
        queue.stop()
        store.close()


def test_a_job_is_performed_soon_after_it_is_stored(tmp_path: Path, database: str) -> None:
    worker = Worker()
    with running(tmp_path, database, worker) as queue:
        assert queue.wish(ReviewMR(7, 3, HEADS[0])) == "mr:7:3@1"
        assert queue.put(ANSWER) == "note:7:99"
        until(lambda: len(worker.done) == 2)
        assert queue.wish(ReviewMR(7, 3, HEADS[1])) == "mr:7:3@2"
        until(lambda: len(worker.done) == 3)


def test_of_many_wishes_one_runs_and_one_waits_and_the_newest_wins(tmp_path: Path, database: str) -> None:
    worker = Worker()
    worker.go_on.clear()
    with running(tmp_path, database, worker) as queue:
        queue.wish(ReviewMR(7, 3, HEADS[0]))
        until(lambda: worker.started)
        wishes = [ReviewMR(7, 3, HEADS[1]), ReviewMR(7, 3, None, asked=True), ReviewMR(7, 3, HEADS[2])]
        assert {queue.wish(job) for job in wishes} == {"mr:7:3@2"}
        worker.go_on.set()
        until(lambda: len(worker.done) == 2)
        time.sleep(0.2)
    assert worker.done == [ReviewMR(7, 3, HEADS[0]), ReviewMR(7, 3, HEADS[2], asked=True)]


def test_a_merge_request_has_one_job_at_a_time_and_others_go_on_beside_it(tmp_path: Path, database: str) -> None:
    worker = Worker()
    worker.go_on.clear()
    with running(tmp_path, database, worker, concurrency=3) as queue:
        for note in range(4):
            queue.put(Answer(7, 3, 100 + note, None, 5, "ada", "/snitch help"))
        for iid in (4, 5, 6):
            queue.wish(ReviewMR(7, iid, HEADS[0]))
        until(lambda: len(worker.started) == 3)
        time.sleep(0.3)
        worker.go_on.set()
        until(lambda: len(worker.done) == 7)
    assert worker.most_at_once[3] == 1
    assert worker.most_at_once[0] == 3


def test_sweeps_leave_room_for_what_somebody_waits_for(tmp_path: Path, database: str) -> None:
    """However many projects were pushed to."""
    begun: list[Job] = []
    go_on = threading.Event()

    def perform(job: Job) -> None:
        begun.append(job)
        assert isinstance(job, ReviewMR) or go_on.wait(30)

    with running(tmp_path, database, perform, concurrency=2) as queue:
        for number in range(20):
            queue.wish(SweepProject(number))
        until(lambda: begun)
        queue.wish(ReviewMR(7, 3, HEADS[0]))
        until(lambda: ReviewMR(7, 3, HEADS[0]) in begun)
        assert len(begun) == 2, "one sweep at a time, of two places"
        go_on.set()
        until(lambda: len(begun) == 21)


def test_a_person_who_waits_comes_before_a_push(tmp_path: Path, database: str) -> None:
    worker = Worker()
    worker.go_on.clear()
    with running(tmp_path, database, worker) as queue:
        queue.wish(ReviewMR(7, 3, HEADS[0]))
        until(lambda: worker.started)
        queue.wish(ReviewMR(7, 3, HEADS[1]))
        queue.put(ANSWER)
        worker.go_on.set()
        until(lambda: len(worker.done) == 3)
    assert worker.done == [ReviewMR(7, 3, HEADS[0]), ANSWER, ReviewMR(7, 3, HEADS[1])]


def test_however_many_pushes_wait_in_one_project_another_and_a_person_are_served_soon(
    tmp_path: Path, database: str
) -> None:
    """The person waits for something in the busy project itself."""
    command, other = replace(ANSWER, iid=150), ReviewMR(8, 1, HEADS[0])
    store = Store(database)
    queue = Queue(settings_for(tmp_path, database), Worker(), store)
    for iid in range(200):
        queue.wish(ReviewMR(7, iid, HEADS[0]))
    queue.wish(other)
    queue.put(command)
    queue.stop()
    store.close()
    worker = Worker()
    worker.go_on.clear()
    with running(tmp_path, database, worker, concurrency=4):
        until(lambda: other in worker.started and command in worker.started)
        assert len(worker.started) <= 5, "both have a place from the first moment"


def test_a_merge_request_that_is_busy_for_long_takes_no_more_than_its_own_place(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.queue.PATIENCE", 0.2)
    busy, again = ReviewMR(7, 3, HEADS[0]), ReviewMR(7, 3, HEADS[1])
    done: list[Job] = []
    begun, go_on = threading.Event(), threading.Event()

    def perform(job: Job) -> None:
        if job == busy:
            begun.set()
        assert job != busy or go_on.wait(30)
        done.append(job)

    with running(tmp_path, database, perform, concurrency=3) as queue:
        queue.wish(busy)
        assert begun.wait(15)  # claimed is not taken: till then the newer wish takes the older one's place
        queue.wish(again)
        for iid in range(10, 14):
            queue.wish(ReviewMR(7, iid, HEADS[2]))
        until(lambda: len(done) == 4, 60)
        go_on.set()
        until(lambda: len(done) == 6, 60)
    assert done[-2:] == [busy, again]


@pytest.mark.parametrize("first", [ANSWER, ReviewMR(7, 3, HEADS[0])])
def test_what_lies_in_two_queues_about_one_merge_request_is_done_one_after_the_other(
    tmp_path: Path, database: str, first: Job
) -> None:
    """By two workers as well, where the database is shared."""
    worker = Worker()
    worker.go_on.clear()
    jobs: list[Job] = [ANSWER, ReviewMR(7, 3, HEADS[1])]
    with running(tmp_path, database, worker) as queue:
        queue.accept(first)
        until(lambda: worker.started)
        for job in jobs:
            queue.accept(job)
        time.sleep(0.3)
        assert worker.started == [first]
        worker.go_on.set()
        until(lambda: jobs[1] in worker.done and ANSWER in worker.done)
    assert worker.most_at_once[3] == 1


def test_a_note_that_is_delivered_again_is_answered_once(tmp_path: Path, database: str) -> None:
    worker = Worker()
    with running(tmp_path, database, worker) as queue:
        assert [queue.put(ANSWER), queue.put(ANSWER)] == ["note:7:99"] * 2
        until(lambda: worker.done)
        queue.put(ANSWER)
        time.sleep(0.3)
    assert worker.done == [ANSWER]


@pytest.mark.parametrize("job", [ReviewMR(7, 3, HEADS[0]), ANSWER])
def test_what_failed_is_tried_again(tmp_path: Path, database: str, job: Job) -> None:
    worker = Worker()
    worker.errors = [Unreachable("no answer", after=0.1), Stale("moved"), Stale("moved again")]
    with running(tmp_path, database, worker) as queue:
        queue.accept(job)
        until(lambda: worker.done)
    assert worker.started == [job] * 4
    assert worker.done == [job]


def test_a_job_that_waits_for_its_next_try_holds_up_no_other(tmp_path: Path, database: str) -> None:
    worker = Worker()
    worker.errors = [RateLimited("slow down", after=1000)]
    with running(tmp_path, database, worker, concurrency=1) as queue:
        queue.put(ANSWER)
        until(lambda: not worker.errors)
        queue.wish(ReviewMR(7, 3, HEADS[0]))
        queue.wish(ReviewMR(7, 4, HEADS[0]))
        until(lambda: len(worker.done) == 2)


def test_a_push_does_not_wait_for_the_next_try_of_an_older_one(tmp_path: Path, database: str) -> None:
    worker = Worker()
    worker.errors = [RateLimited("slow down", after=2)]
    with running(tmp_path, database, worker) as queue:
        queue.wish(ReviewMR(7, 3, HEADS[0], asked=True))
        until(lambda: not worker.errors)
        queue.wait_idle(5)
        time.sleep(0.1)
        queue.wish(ReviewMR(7, 3, HEADS[1]))
        until(lambda: worker.done, 1.5)
        time.sleep(3)
    assert worker.done == [ReviewMR(7, 3, HEADS[1], asked=True)]


@pytest.mark.parametrize("job", [ReviewMR(7, 3, HEADS[0]), ANSWER])
def test_a_job_that_is_given_up_is_kept_with_its_reason(tmp_path: Path, database: str, job: Job) -> None:
    worker = Worker()
    worker.errors = [Forbidden("The bot may not comment here.")]
    with running(tmp_path, database, worker) as queue:
        name = queue.accept(job)
        until(lambda: not worker.errors)
        queue.wish(ReviewMR(7, 3, HEADS[1]))
        until(lambda: worker.done)
        store = Store(database)
        (kept,) = store.given_up()
        store.close()
    assert (kept.id, kept.job, kept.reason) == (name, job, "The bot may not comment here.")


def test_a_fault_of_one_job_is_not_the_next_ones(tmp_path: Path, database: str) -> None:
    worker = Worker()
    worker.errors = [ZeroDivisionError("by zero"), RecursionError("deep")]
    with running(tmp_path, database, worker) as queue:
        for iid in (1, 2, 3):
            queue.wish(ReviewMR(7, iid, None))
        until(lambda: len(worker.done) == 1)


def test_a_wish_whose_workflow_was_cancelled_by_hand_is_taken_by_the_next(tmp_path: Path, database: str) -> None:
    worker = Worker()
    worker.go_on.clear()
    with running(tmp_path, database, worker) as queue:
        queue.wish(ReviewMR(7, 3, HEADS[0]))
        until(lambda: worker.started)
        name = queue.wish(ReviewMR(7, 3, HEADS[1], asked=True))
        store = Store(database)
        client = DBOSClient(system_database_engine=store.engine)
        client.cancel_workflow(name)
        client.destroy()
        store.close()
        assert queue.wish(ReviewMR(7, 3, HEADS[2])) == "mr:7:3@3"
        worker.go_on.set()
        until(lambda: len(worker.done) == 2)
    assert worker.done[-1] == ReviewMR(7, 3, HEADS[2], asked=True)


def test_stopping_waits_for_what_runs_and_leaves_what_waits(tmp_path: Path, database: str) -> None:
    worker = Worker()
    worker.go_on.clear()
    with running(tmp_path, database, worker, concurrency=1) as queue:
        queue.wish(ReviewMR(7, 3, HEADS[0]))
        until(lambda: worker.started)
        queue.wish(ReviewMR(7, 4, HEADS[0]))
        threading.Timer(0.5, worker.go_on.set).start()
        queue.stop()
        assert worker.done == [ReviewMR(7, 3, HEADS[0])]
    with running(tmp_path, database, worker):
        until(lambda: len(worker.done) == 2)


def test_a_process_without_workers_stores_what_one_with_them_does(tmp_path: Path, database: str) -> None:
    store = Store(database)
    queue = Queue(settings_for(tmp_path, database), Worker(), store)
    queue.start(worker=False)
    queue.wish(ReviewMR(7, 3, HEADS[0]))
    queue.put(ANSWER)
    queue.stop()
    store.close()
    worker = Worker()
    with running(tmp_path, database, worker):
        until(lambda: len(worker.done) == 2)


def test_a_task_is_done_once_each_time_whoever_works_and_its_faults_end_nothing(tmp_path: Path, database: str) -> None:
    done: list[int] = []

    def action() -> None:
        done.append(int(time.time()))
        if len(done) == 1:
            raise ZeroDivisionError("by zero")

    def other() -> None:
        raise AssertionError("it is planned no more")

    store = Store(database)
    for plan in ([Task("often", "* * * * * *", action), Task("other", "0 0 1 1 *", other)],) * 2:
        queue = Queue(settings_for(tmp_path, database), Worker(), store)
        queue.start(schedule=plan)
        before = len(done)
        until(lambda before=before: len(done) >= before + 2)  # type: ignore[misc]
        queue.stop()
    queue = Queue(settings_for(tmp_path, database), Worker(), store)
    queue.start(schedule=[Task("often", "", action)])
    time.sleep(2.5)  # what was enqueued before may still come
    before = len(done)
    time.sleep(2.5)
    queue.stop()
    store.close()
    assert len(done) == before


@contextmanager
def started(tmp_path: Path, database: str) -> Iterator[None]:
    """A worker in a process of its own, killed with -9 at the end."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bot.queue_process", str(tmp_path), database])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def diary(tmp_path: Path) -> list[tuple[str, Job]]:
    path = tmp_path / "diary"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(word, from_json(job)) for word, job in map(json.loads, lines)]


def test_a_process_killed_at_work_takes_its_jobs_up_again_and_loses_none(tmp_path: Path, database: str) -> None:
    first, second, other = ReviewMR(7, 3, HEADS[0], asked=True), ReviewMR(7, 3, HEADS[1]), ReviewMR(7, 4, HEADS[2])
    (tmp_path / "hold").touch()
    store = Store(database)
    queue = Queue(settings_for(tmp_path, database), Worker(), store)
    for job in (first, other):
        queue.wish(job)
    with started(tmp_path, database):
        until(lambda: len(diary(tmp_path)) == 2)
        queue.wish(second)
        queue.put(ANSWER)
    (tmp_path / "hold").unlink()
    with started(tmp_path, database):
        until(lambda: sum(word == "end" for word, _ in diary(tmp_path)) == 4)
        time.sleep(0.3)
    queue.stop()
    store.close()
    ended = [job for word, job in diary(tmp_path) if word == "end"]
    assert [job for job in ended if job.iid == 4] == [other]
    assert [job for job in ended if job.iid == 3] in ([first, ANSWER, second], [ANSWER, first, second])


def test_a_process_killed_again_and_again_still_comes_to_its_end(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/state/snitch.db"
    (tmp_path / "hold").touch()
    store = Store(database)
    queue = Queue(settings_for(tmp_path, database), Worker(), store)
    queue.put(ANSWER)
    for times in (1, 2):
        with started(tmp_path, database):
            until(lambda times=times: len(diary(tmp_path)) == times)  # type: ignore[misc]
    (tmp_path / "hold").unlink()
    with started(tmp_path, database):
        until(lambda: ("end", ANSWER) in diary(tmp_path))
    queue.stop()
    store.close()


def test_what_waits_is_told_and_what_was_given_up_can_be_tried_again(tmp_path: Path, database: str) -> None:
    worker = Worker()
    worker.errors = [Forbidden("no"), Forbidden("no")]
    with running(tmp_path, database, worker, concurrency=1) as queue:
        queue.wish(ReviewMR(7, 3, HEADS[0]))
        queue.put(ANSWER)
        until(lambda: len(queue._store.given_up()) == 2)
        assert {one.id for one in queue._store.given_up()} == {"mr:7:3@1", "note:7:99"}
        worker.go_on.clear()
        assert queue.try_again("mr:7:3@1") == "mr:7:3@2"
        until(lambda: len(worker.started) == 3)
        assert queue.try_again("note:7:99") == "note:7:99#2"
        assert [(one.id, one.state, one.project_id) for one in queue.under_way(9)] == [
            ("mr:7:3@2", "running", 7),
            ("note:7:99#2", "waiting", 7),
        ]
        assert queue.try_again("note:7:99") is None and queue._store.given_up() == []
        worker.go_on.set()
        until(lambda: len(worker.done) == 2)
        until(lambda: queue.under_way(9) == [])


def test_a_job_is_begun_when_it_is_stored_and_not_at_the_next_poll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holds on to how the version of DBOS that is locked waits; one that waits otherwise polls."""
    monkeypatch.setattr("bot.queue.POLL_WHERE_RUNG", 3.0)
    worker = Worker()
    with running(tmp_path, f"sqlite:///{tmp_path / 'queue.db'}", worker) as queue:
        queue.wish(ReviewMR(7, 1, HEADS[0]))
        until(lambda: worker.done)  # the poller may have begun its first wait before it could be woken
        started = time.monotonic()
        for iid in range(2, 32):
            queue.wish(ReviewMR(7, iid, HEADS[0]))
            until(lambda iid=iid: len(worker.done) == iid)  # type: ignore[misc]
        assert time.monotonic() - started < 60, "thirty polls would take ninety seconds"


def test_a_job_whose_claim_failed_half_way_is_done_all_the_same(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes after DBOS has claimed a job and before it has begun."""
    begin, failures = dbos_queue.execute_dequeued_workflow, [Unreachable("The database failed.")]

    def execute(*given: object) -> object:
        if failures:
            raise failures.pop()
        return begin(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(dbos_queue, "execute_dequeued_workflow", execute)
    monkeypatch.setattr("bot.queue.Claims", partial(Claims, every=0.05))
    worker = Worker()
    with running(tmp_path, database, worker) as queue:
        queue.accept(ReviewMR(7, 3, HEADS[0]))
        until(lambda: not failures)
        queue.accept(ReviewMR(7, 3, HEADS[1]))
        until(lambda: [job.head for job in worker.done if isinstance(job, ReviewMR)][-1:] == [HEADS[1]])


def test_what_runs_for_long_is_not_given_back(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    look = Claims.look
    monkeypatch.setattr("bot.queue.Claims", partial(Claims, every=0.02))
    monkeypatch.setattr(Claims, "look", lambda claims: (look(claims), looks.append(0)))
    worker = Worker()
    worker.go_on.clear()
    with running(tmp_path, database, worker) as queue:
        queue.accept(ReviewMR(7, 3, HEADS[0]))
        until(lambda: worker.started)
        seen = len(looks)
        until(lambda: len(looks) > seen + 6)
        worker.go_on.set()
        assert queue.wait_idle(15)
    assert len(worker.started) == 1
