"""The processes of the service: all in one, only the web, only the jobs."""

from __future__ import annotations

import ctypes
import fcntl
import gc
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial

from bot import log, webhook
from bot.connecting import WAKE, wake
from bot.errors import Broken, SetupError, Transient, Unreachable
from bot.housekeeping import kept_tidy
from bot.job import Job
from bot.judges import Judges
from bot.metrics import Metrics, State, Tallies
from bot.night import Nights
from bot.pages.app import install
from bot.pages.world import Pages
from bot.queue import Queue, Task
from bot.reconcile import EVERY, Reconciler
from bot.results import Results
from bot.rotation import Rotation
from bot.settings import Settings, cores, surroundings
from bot.store import Store, reached
from bot.traces import Traces
from bot.webhook import Door
from bot.work import perform
from bot.world import World

GB = 10**9
DATABASE_STARTS = 30.0
"""Seconds that a database has to start beside this process, or to start again."""


@dataclass(slots=True)
class Identity:
    """Who the bot is, once GitLab has said so."""

    world: World
    rotation: Rotation
    id: int | None = None

    def ask(self) -> None:
        """Asks GitLab; raises SnitchError where that fails."""
        self.id = self.world.gitlab.me().id


def serve(settings: Settings) -> None:
    """Everything in one process, until SIGTERM or SIGINT."""
    with _alone(settings), _queue(settings, worker=True) as (queue, identity):
        _listen(settings, queue, identity)


def web(settings: Settings) -> None:
    """Only the HTTP door: events are stored for the workers."""
    with _queue(settings, worker=False) as (queue, identity):
        _listen(settings, queue, identity)


def work(settings: Settings) -> None:
    """Only the jobs."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with _alone(settings), _queue(settings, worker=True) as (_, identity), _shown(settings, identity.world.metrics):
        stopped.wait()


@contextmanager
def _shown(settings: Settings, metrics: Metrics) -> Iterator[None]:
    """A worker has no door: its metrics have a port of their own, if one is set. Raises SetupError."""
    if settings.metrics_listen is None:
        yield
        return
    try:
        stop = metrics.serve(*settings.metrics_listen)
    except OSError as error:
        raise SetupError(f"SNITCH_METRICS_LISTEN can't be listened on: {error.strerror}.") from None
    try:
        yield
    finally:
        stop()


def _listen(settings: Settings, queue: Queue, identity: Identity) -> None:
    world, store = identity.world, identity.world.store
    door = Door(settings.secrets, queue.accept, {"database": store.check, "gitlab": identity.ask}, lambda: identity.id)
    door = replace(door, metrics=world.metrics, renewed=identity.rotation.proofs)
    tallies = {
        "snitch_called_wrong": ("Findings that people call false", store.wrong_by_rule),
        "snitch_unproven_fixes": ("Files in which a fix failed its proof", store.unproven_by_rule),
    }
    world.metrics.registry.register(Tallies(tallies))
    pages = Pages(settings, store, Results(store), world, queue.accept, world.clock, queue)
    webhook.run(door, *settings.listen, mount=partial(install, pages=pages))


@contextmanager
def _queue(settings: Settings, *, worker: bool) -> Iterator[tuple[Queue, Identity]]:
    """A queue that works (but in mode `off`), with what is behind it; stopped with grace at the end."""
    log.set_up(settings.log_format, settings.log_level, settings.every_secret())
    _leave_no_dump()
    rotation = Rotation(settings, surroundings())
    settings = rotation.live()
    store = _store(settings)
    judges = Judges(cores(), surroundings())
    world = World.open(settings, store, judges)
    world.metrics.traces = Traces.begun(settings.traces)
    identity = Identity(world, rotation)
    _introduce(identity)
    lost = threading.Event()
    with reached():
        queue = Queue(settings, partial(_perform, world=world), store, partial(_end, lost), traces=world.metrics.traces)
    world.gitlab.write_only_while(queue.sure)
    world.metrics.registry.register(
        State(world.gitlab.brake, judges.counted, queue.depths, store.how_many_given_up, queue.sure)
    )
    reconcile = Reconciler(world.gitlab, store, settings.groups, queue.wish, world.clock, world.metrics.repairs.inc)
    world.enqueue = queue.accept
    nights = Nights(settings.sweep_cron, Results(store), queue.put, world.clock)
    working = worker and settings.mode != "off"
    if working:
        judges.warm()
        nights.make_up()
    tasks = [
        Task("reconcile", EVERY, reconcile),
        Task("hooks", WAKE, partial(wake, settings, world.metrics.hooks.inc)),
        Task("sweep", settings.sweep_cron, nights),
    ]
    with reached():
        queue.start(working, tasks)
    _make_haste()
    log.get(__name__).info("started", mode=settings.mode, concurrency=settings.concurrency)
    try:
        with kept_tidy(world.mirrors, settings.mirror_gb * GB, world.mirror_at) if working else nullcontext():
            yield queue, identity
    finally:
        world.gitlab.brake.release()
        queue.stop()
        judges.close()
        world.close()
        store.close()
        world.metrics.traces.end()
        log.get(__name__).info("stopped")
    if lost.is_set():
        raise Broken("Other workers took this one for dead and do its work; a new process can go on.")


def _store(settings: Settings) -> Store:
    """Where the database is only starting, that is said and waited for. Raises Unreachable where it stays away."""
    ends = time.monotonic() + DATABASE_STARTS
    while True:
        try:
            return Store(settings.database_url.reveal())
        except Unreachable as trouble:
            if time.monotonic() > ends:
                raise
            log.get(__name__).warning("database.unreachable", error=str(trouble))
            time.sleep(1)


def _perform(job: Job, world: World) -> None:
    """Does a job, once GitLab is up."""
    world.gitlab.stand_by()
    with world.metrics.job(type(job).__name__):
        perform(job, world)


def _end(lost: threading.Event) -> None:
    """Ends this process as SIGTERM does: its name is used up."""
    log.get(__name__).error("executor.lost")
    lost.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _leave_no_dump() -> None:
    """A core dump would hold every secret. (Linux hands one to a program whatever the limit says, unless the process
    can't be dumped at all.)"""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE


def _make_haste() -> None:
    """Deliveries are answered while reviews compute: what the start has made is never collected, so that the collector
    does not look through all of it (0.1 s each time), and threads take turns each millisecond."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.001)


def _introduce(identity: Identity) -> None:
    """A GitLab that is down for now is no reason not to take its deliveries; a token that it refuses is."""
    try:
        identity.ask()
    except Transient as error:
        log.get(__name__).warning("gitlab.unreachable", error=str(error))


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Holds the state folder: two that work on one would resume each other's running jobs. Raises SetupError."""
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"Another snitch works on {settings.state_dir}.") from None
        yield
