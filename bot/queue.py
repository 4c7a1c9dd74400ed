"""The durable queue on DBOS: what is stored is done, after a kill as well, one job of a merge request at a time.

What a person waits for, pushes, and what nobody waits for have a queue with places of its own each: DBOS minds
priorities among jobs of one partition alone, and takes partitions in any order. Pushes are partitioned by project, of
which none takes all places; the others by what they are about. `holding` keeps a merge request's jobs apart.

A review is a wish (the newest wins): its workflow `mr:7:3@5` takes the wish of epoch 5 and raises the epoch, so that at
most one runs and one waits. An answer is a workflow of its own, `note:7:99`: a known id is a no-op. A job that is to be
tried again ends its workflow and is enqueued anew with a delay: neither its place at work nor its merge request waits.
A job may run twice (a process died between its end and the note of it), so its effects must bear that.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, ScheduleInput, WorkflowStatus, error

from bot import job as jobs
from bot import log
from bot.alarm import Alarm
from bot.claims import Claims
from bot.errors import Broken, SnitchError, Transient, Unreachable
from bot.executors import LEASE, Executor, Executors
from bot.holding import Holding
from bot.job import Answer, GiveUp, Job, Owed, Retry, ReviewMR, Sweep, SweepProject, Wish
from bot.metrics import Depth
from bot.settings import Settings
from bot.store import Store, reached
from bot.traces import Traces

T = TypeVar("T")

APPLICATION: Final = "snitch"
VERSION: Final = "snitch-1"
"""Jobs that run are resumed by the same version alone: to be changed only when the workflows below change."""
PEOPLE: Final = "people"
PUSHES: Final = "pushes"
SWEEPS: Final = "sweeps"
ALIVE: Final = ("ENQUEUED", "DELAYED", "PENDING")
POLL: Final = 0.05
POLL_WHERE_RUNG: Final = 0.2
"""Of a database that one process has for itself: whoever stores a job there rings."""
POLL_OF_SWEEPS: Final = 0.5
PATIENCE: Final = 5.0
"""Seconds for which a push waits at its place until its merge request is free, and then again in the queue."""
PATIENCE_OF_PEOPLE: Final = 60.0
NO_TRACES: Final = Traces()
CRASHES: Final = 5
"""A job that was running at so many deaths of its process is not started again."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is done at certain times, by one of all workers each time. `cron`: five fields, in UTC; empty: never."""

    name: str
    cron: str
    action: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that is not done. `since`: when it was stored, in seconds since 1970; `attempt` counts from 1."""

    id: str
    state: Literal["running", "waiting", "later"]
    since: float
    attempt: int

    @property
    def project_id(self) -> int | None:
        """The project that it is about, where it is about one."""
        return jobs.project_of(self.id)


class Queue:
    """Takes jobs from any thread, and in a process with workers has `perform` do them, on threads."""

    def __init__(
        self,
        settings: Settings,
        perform: Callable[[Job], None],
        store: Store,
        lost: Callable[[], None] = lambda: None,
        lease: float = LEASE,
        traces: Traces = NO_TRACES,
    ) -> None:
        self._settings = settings
        self._perform = perform
        self._store = store
        self._lost = lost
        self._lease = lease
        self._traces = traces
        self._tasks: dict[str, Task] = {}
        self._executors: Executors | None = None
        self._claims = Claims(self._claimed, self._release)
        self._idle = threading.Condition()
        self._running = 0
        self._working = False
        self._holding = Holding(store, PEOPLE)
        self._alarm = Alarm(PUSHES, PEOPLE)
        DBOS.migrate(settings.database_url.reveal())
        self._client = DBOSClient(
            system_database_engine=store.engine, application_name=APPLICATION, retry_connection_errors=False
        )

    def wish(self, job: Wish) -> str:
        """Stores the newest wish for a merge request or a project; returns the id of the workflow that will take it."""
        with self._ringing(job) as connection:
            return self._enqueue_wish(connection, job, self._store.wish(connection, job))

    def put(self, job: Owed) -> str:
        """Stores an answer or a sweep that is owed; where it is known already, nothing changes. Returns its id."""
        with self._ringing(job) as connection:
            return self._enqueue_answer(connection, job, 1)

    @contextmanager
    def _ringing(self, job: Job | None = None) -> Iterator[sa.Connection]:
        """A transaction that stores a job: once it is there, this process begins it without waiting for its poll."""
        with self._store.transaction() as connection:
            yield connection
        self._alarm.ring(_place_of(job)[0] if job is not None else None)

    def accept(self, job: Job) -> str:
        """Stores any job."""
        match job:
            case ReviewMR() | SweepProject():
                return self.wish(job)
            case Answer() | Sweep():
                return self.put(job)

    def under_way(self, most: int) -> list[Waiting]:
        """What is not done: what runs first, then the oldest, so many at most. Raises Unreachable."""
        with reached():
            listed = self._client.list_workflows(
                status=list(ALIVE), name=["review", "answer"], limit=most, load_input=False, load_output=False
            )
        tries = self._store.attempts()
        found = [_waiting(one, tries) for one in listed]
        return sorted(found, key=lambda one: (one.state != "running", one.since))

    def try_again(self, name: str) -> str | None:
        """Stores a job anew that was given up: a wish as a new one, what was owed for one more try. Returns its id;
        None where there is none of that name."""
        with self._ringing() as connection:
            job = self._store.take_back(connection, name)
            match job:
                case ReviewMR() | SweepProject():
                    return self._enqueue_wish(connection, job, self._store.wish(connection, job))
                case Answer() | Sweep():
                    return self._enqueue_answer(connection, job, _attempt(name) + 1)
        return None

    def start(self, worker: bool = True, schedule: Iterable[Task] = ()) -> None:
        """Begins to work, what a killed process left first; without `worker` jobs are only stored."""
        if not worker:
            return
        self._tasks = {task.name: task for task in schedule}
        executor = Executor.at(self._settings.state_dir)
        self._executors = Executors(
            self._store, executor, self._shared, self._at_work, self._rescue, self._lost, self._lease
        )
        self._executors.enter()
        self._make_queues(self._settings.concurrency)
        running = DBOS(config=self._config(executor.id))
        self._register()
        self._working = True
        DBOS.launch()
        self._claims.start()
        self._alarm.set_up(running.background_thread_stop_events)
        self._plan()

    def _make_queues(self, places: int) -> None:
        """`places`: for pushes, of which one project leaves some; people have half as many more, and so have sweeps."""
        half = max(1, places // 2)
        often = POLL if self._shared else POLL_WHERE_RUNG
        self._client.register_queue(
            PUSHES,
            worker_concurrency=places,
            partition_worker_concurrency=max(1, places - max(1, places // 4)),
            polling_interval_sec=often,
        )
        for name, poll in ((PEOPLE, often), (SWEEPS, POLL_OF_SWEEPS)):
            self._client.register_queue(
                name, worker_concurrency=half, partition_concurrency=1, polling_interval_sec=poll
            )

    def stop(self, patience: float = 25.0) -> None:
        """Takes no new work and waits `patience` seconds for what runs; what is left is resumed at the next start."""
        if self._working:
            self._working = False
            self._claims.stop()
            log.silence("dbos")  # its poller may still claim jobs, fails to start them and says so: nothing is lost
            DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=int(patience) if self._running else 0)
        if self._executors is not None:
            self._executors.leave()
        self._client.destroy()

    def sure(self) -> bool:
        """Whether what runs here can't be running at another worker as well, which took this one for dead."""
        return self._executors is None or self._executors.sure()

    def depths(self) -> list[Depth]:
        """The jobs that are not done, by kind and state. Raises Unreachable."""
        where = "dbos.workflow_status" if self._shared else "workflow_status"
        kind = f"CASE WHEN queue_name = '{SWEEPS}' THEN 'sweep' ELSE name END"
        query = sa.text(
            f"SELECT {kind} AS kind, status, count(*) AS jobs, min(created_at) AS since FROM {where}"  # noqa: S608
            " WHERE status IN ('ENQUEUED', 'DELAYED', 'PENDING') AND name IN ('review', 'answer') GROUP BY 1, 2"
        )
        with self._store.transaction() as connection:
            rows = connection.execute(query).all()
        states = {"PENDING": "running"}
        return [Depth(row.kind, states.get(row.status, row.status.lower()), row.jobs, row.since / 1000) for row in rows]

    def wait_idle(self, timeout: float) -> bool:
        """Waits until nothing runs in this process; False where it took longer."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._running, timeout)

    def _plan(self) -> None:
        """Makes the schedules what they shall be: new ones, other times, and none that is wanted no more."""
        DBOS.apply_schedules([self._planned(task) for task in self._tasks.values() if task.cron])
        wanted = {task.name for task in self._tasks.values() if task.cron}
        for known in DBOS.list_schedules():
            if known["schedule_name"] not in wanted:
                DBOS.delete_schedule(known["schedule_name"])

    def _planned(self, task: Task) -> ScheduleInput:
        return {"schedule_name": task.name, "workflow_fn": self._tick, "schedule": task.cron, "context": task.name}

    def _run_task(self, name: str) -> None:
        """What fails is done again at the next time."""
        task = self._tasks.get(name)
        if task is None:
            return
        with log.bound(task=name), self._counted():
            try:
                task.action()
            except Exception as failure:  # noqa: BLE001  # the next time must come
                fault = None if isinstance(failure, SnitchError) else failure
                log.get(__name__).error("task.failed", error=str(failure), exc_info=fault)

    def _register(self) -> None:
        """The workflows by the names that are stored. DBOS marks the functions, which methods do not bear."""

        @DBOS.workflow(name="review", max_recovery_attempts=CRASHES)
        def review(key: str, epoch: int) -> None:
            with self._begun():
                self._run_wish(key, epoch)

        @DBOS.workflow(name="answer", max_recovery_attempts=CRASHES)
        def answer(payload: str, attempt: int) -> None:
            with self._begun():
                self._run_answer(payload, attempt)

        @DBOS.workflow(name="tick", max_recovery_attempts=CRASHES)
        def tick(at: datetime, name: str) -> None:
            self._run_task(name)

        self._tick = tick

    def _config(self, executor: str) -> DBOSConfig:
        return {
            "name": APPLICATION,
            "application_version": VERSION,
            "executor_id": executor,
            "system_database_engine": self._store.engine,
            "enable_otlp": self._traces.on,
            "log_level": "WARNING",
            "run_migrations": False,
            "use_listen_notify": False,
        }

    @property
    def _shared(self) -> bool:
        return self._store.engine.dialect.name == "postgresql"

    def _at_work(self) -> set[str]:
        """The executors that jobs are running at."""
        running = self._client.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {one.executor_id for one in running if one.executor_id}

    def _claimed(self) -> list[str]:
        """The ids of the jobs that are running here by the database."""
        own = self._executors.own.id if self._executors else None
        found = self._client.list_workflows(
            status="PENDING", name=["review", "answer"], executor_id=own, load_input=False, load_output=False
        )
        return [one.workflow_id for one in found]

    def _release(self, name: str) -> None:
        """Gives one back to the queue that it came from. Were it to run here after all, DBOS would not note its end."""
        for one in self._client.list_workflows(workflow_ids=[name], load_input=False, load_output=False):
            self._put_back(one)

    def _put_back(self, one: WorkflowStatus) -> None:
        self._client.resume_workflow(one.workflow_id, queue_name=one.queue_name or PUSHES)

    def _begun(self) -> AbstractContextManager[None]:
        return self._claims.begun(DBOS.workflow_id or "")

    def _rescue(self, dead: str) -> None:
        """Gives what a dead executor was doing back to the queue; not again and again what may have killed it."""
        for running in self._client.list_workflows(status="PENDING", executor_id=dead, load_output=False):
            times = self._store.rescue(running.workflow_id)
            if times < CRASHES:
                self._put_back(running)
                continue
            self._client.cancel_workflow(running.workflow_id)
            job = self._job(running.name, running.input)
            if job is not None:
                self._give_up(running.workflow_id, job, f"its worker died {times} times while it ran")

    def _job(self, workflow: str, given: Mapping[str, Any] | None) -> Job | None:
        """What a workflow was to do, by what it was started with."""
        match workflow, given["args"] if given else ():
            case "review", (str(key), int(epoch)):
                taken = self._store.take(key, epoch)
                return taken[0] if taken else None
            case "answer", (str(payload), _):
                return jobs.from_json(json.loads(payload))
        return None

    def _run_wish(self, key: str, epoch: int) -> None:
        if not self._comes_to_hold(key, f"{key}@{epoch}", PATIENCE, yields=True):
            self._insist(lambda: self._step_aside(key, epoch))
            return
        taken = self._insist(lambda: self._store.take(key, epoch))
        if taken is None:
            return
        job, attempt = taken
        match self._try(job, f"{key}@{epoch}", attempt):
            case Retry(after=after):
                self._insist(lambda: self._wish_again(job, attempt + 1, after))
            case GiveUp(reason=reason):
                self._insist(lambda: self._give_up(f"{key}@{epoch}", job, reason))

    def _step_aside(self, key: str, epoch: int) -> None:
        """Goes back to the queue, for the same try, and leaves its place to others."""
        taken = self._store.take(key, epoch)
        if taken is not None:
            self._wish_again(*taken, PATIENCE)

    def _comes_to_hold(self, key: str, name: str, patience: float, *, yields: bool) -> bool:
        """Waits until a job may begin about its merge request; False where it took too long."""
        if not key.startswith("mr:"):
            return True  # all that is about it lies in one queue, which keeps it apart
        end = time.monotonic() + patience
        with self._counted():
            while not self._insist(lambda: self._holding.take(key, name, yields=yields)):
                if time.monotonic() > end or not self._working:
                    return False
                time.sleep(POLL)
        return True

    def _wish_again(self, job: Wish, attempt: int, after: float) -> None:
        with self._store.transaction() as connection:
            epoch = self._store.wish_again(connection, job, attempt)
            if epoch is not None:
                self._enqueue_wish(connection, job, epoch, after)

    def _run_answer(self, payload: str, attempt: int) -> None:
        job = jobs.from_json(json.loads(payload))
        if not isinstance(job, Answer | Sweep):
            raise Broken(f"This is no answer: {type(job).__name__}.")
        name = _answer_id(job, attempt)
        if self._comes_to_hold(jobs.key(job), name, PATIENCE_OF_PEOPLE, yields=False):
            outcome = self._try(job, name, attempt)
        else:
            outcome = jobs.retry(Transient("its merge request was busy all the time"), attempt)
        match outcome:
            case Retry(after=after):
                self._insist(lambda: self._answer_again(job, attempt + 1, after))
            case GiveUp(reason=reason):
                self._insist(lambda: self._give_up(name, job, reason))

    def _answer_again(self, job: Owed, attempt: int, after: float) -> None:
        with self._store.transaction() as connection:
            self._enqueue_answer(connection, job, attempt, after)

    def _give_up(self, name: str, job: Job, reason: str) -> None:
        with self._store.transaction() as connection:
            self._store.give_up(connection, name, job, reason, time.time())

    def _insist(self, action: Callable[[], T]) -> T:
        """Does it once the database answers. A workflow that failed for that would be over, and its job forgotten."""
        while True:
            try:
                return action()
            except Unreachable as trouble:
                if not self._working:
                    raise
                log.get(__name__).error("database.unreachable", error=str(trouble))
                time.sleep(1)

    def _try(self, job: Job, name: str, attempt: int) -> Retry | GiveUp | None:
        """Performs a job; what goes wrong becomes what is to be done about it. No job may take a worker with it."""
        logger = log.get(__name__)
        start = time.monotonic()
        with log.bound(job=name, about=jobs.key(job), **_places(job)), self._counted():
            try:
                with self._traces.span("job", job=name, attempt=attempt, **_places(job)):
                    self._perform(job)
            except Exception as failure:  # noqa: BLE001  # one job's failure must not be another's
                outcome = jobs.retry(failure, attempt, random.random())  # noqa: S311  # only to spread
                fault = None if isinstance(failure, SnitchError) else failure
                tell = logger.warning if isinstance(outcome, Retry) else logger.error
                tell("job.failed", attempt=attempt, error=str(failure), then=str(outcome), exc_info=fault)
                return outcome
            logger.info("job.done", attempt=attempt, seconds=round(time.monotonic() - start, 3))
        return None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._idle:
            self._running += 1
        try:
            yield
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()
            self._alarm.ring_twice()

    def _enqueue_wish(self, connection: sa.Connection, job: Wish, epoch: int, after: float = 0.0) -> str:
        """An epoch whose workflow is over, cancelled by hand perhaps, never took its wish: the next one will."""
        key = jobs.key(job)
        while not self._enqueue(connection, "review", f"{key}@{epoch}", job, after, key, epoch):
            epoch = self._store.skip_epoch(connection, key)
        return f"{key}@{epoch}"

    def _enqueue_answer(self, connection: sa.Connection, job: Owed, attempt: int, after: float = 0.0) -> str:
        name = _answer_id(job, attempt)
        self._enqueue(connection, "answer", name, job, after, json.dumps(jobs.to_json(job)), attempt)
        return name

    def _enqueue(
        self, connection: sa.Connection, workflow: str, name: str, job: Job, after: float, *arguments: str | int
    ) -> bool:
        """Enqueues a workflow unless its id is known; False where that one is over."""
        queue, partition = _place_of(job)
        options: EnqueueOptions = {
            "workflow_name": workflow,
            "queue_name": queue,
            "workflow_id": name,
            "workflow_id_reuse_policy": "reject",
            "queue_partition_key": partition,
            "priority": jobs.priority(job),
        }
        if after > 0:
            options["delay_seconds"] = after
        if self._traces.on:
            options["otel_context"] = self._traces.here()
        try:
            self._client.enqueue_in_transaction(connection, options, *arguments)
        except error.DBOSWorkflowIDInUseError as known:
            return known.workflow_status in ALIVE
        return True


def _place_of(job: Job) -> tuple[str, str]:
    """The queue that a job is for, and its partition there."""
    match job:
        case ReviewMR(asked=False):
            return PUSHES, f"project:{job.project_id}"
        case ReviewMR() | Answer():
            return PEOPLE, jobs.key(job)
        case SweepProject() | Sweep():
            return SWEEPS, jobs.key(job)


def _attempt(name: str) -> int:
    """Which try the workflow of an answer is."""
    number = name.rpartition("#")[2] if "#" in name else "1"
    return int(number) if number.isdigit() else 1


def _waiting(one: WorkflowStatus, tries: Mapping[str, int]) -> Waiting:
    state: Literal["running", "waiting", "later"] = "waiting"
    if one.status != "ENQUEUED":
        state = "running" if one.status == "PENDING" else "later"
    name = one.workflow_id
    attempt = tries.get(name.rpartition("@")[0], 1) if "@" in name else _attempt(name)
    return Waiting(name, state, (one.created_at or 0) / 1000, attempt)


def _places(job: Job) -> dict[str, int]:
    """The project and the merge request, for each line of the log."""
    match job:
        case ReviewMR() | Answer():
            return {"project": job.project_id, "merge_request": job.iid}
        case SweepProject():
            return {"project": job.project_id}
        case Sweep():
            return {}


def _answer_id(job: Owed, attempt: int) -> str:
    return jobs.owed_key(job) if attempt == 1 else f"{jobs.owed_key(job)}#{attempt}"
