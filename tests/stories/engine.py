"""What does the work in a story: the use cases stepped by hand in this process, or the real service in another."""

from __future__ import annotations

import atexit
import io
import itertools
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from bot import job as jobs
from bot import log
from bot.errors import SnitchError
from bot.event import Ignored, Secrets, read
from bot.job import Answer, GiveUp, Job, Retry, ReviewMR, SweepProject, Wish
from bot.judges import Judges
from bot.settings import Settings
from bot.store import Store
from bot.work import perform
from bot.world import World
from tests.gitlab import courier
from tests.gitlab.model import Delivery, Mail, User
from tests.gitlab.server import GitLab

SECRET = "the-secret-of-the-hook"
MOST_TRIES = 30


@cache
def judges() -> Judges:
    """The processes that judge in all stories of a run."""
    found = Judges(1, os.environ)
    atexit.register(found.close)
    return found


class Engine(Protocol):
    """`given_up`: why jobs were given up. `mails_of_jobs`: the bot's mails, a list for each job that was done."""

    given_up: list[str]

    def work(self) -> None:
        """Until all deliveries are answered and nothing is left to do."""

    def said(self) -> str:
        """All that was logged."""

    def close(self) -> None: ...


def environment(gitlab: GitLab, bot: User, folder: Path, **more: str) -> dict[str, str]:
    """The settings of a service that works in `folder`."""
    return {
        "SNITCH_GITLAB_URL": gitlab.url,
        "SNITCH_GITLAB_TOKEN": bot.token,
        "SNITCH_WEBHOOK_SECRET": SECRET,
        "SNITCH_STATE_DIR": str(folder),
        "SNITCH_SWEEP_CRON": "",
        "SNITCH_LOG_FORMAT": "json",
        **more,
    }


@dataclass
class Skipping:
    """A clock that waits without waiting."""

    skipped: float = 0.0

    def now(self) -> float:
        return time.monotonic() + self.skipped

    def skip(self, seconds: float) -> None:
        self.skipped += seconds


@dataclass
class Stepper:
    """Takes what waits at the paused courier, and does the jobs one after another, without waiting for retries.

    The road is that of the service without HTTP and queue: `event.read`, `job.wanted`, `job.fold`, `work.perform`,
    `job.retry`. `done`: the jobs that were done, each try one entry.
    """

    gitlab: GitLab
    bot: User
    world: World
    secrets: Secrets
    logged: io.StringIO
    skipping: Skipping
    given_up: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    mails_of_jobs: list[tuple[Job, list[Mail]]] = field(default_factory=list)
    wishes: dict[str, Wish] = field(default_factory=dict)
    owed: dict[str, Answer] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    before_retry: Callable[[], object] = int

    @classmethod
    def start(cls, gitlab: GitLab, bot: User, folder: Path, **settings: str) -> Stepper:
        gitlab.pause_hooks()
        read_settings = Settings.read(environment(gitlab, bot, folder, **settings))
        logged, skipping = io.StringIO(), Skipping()
        log.set_up("json", "info", read_settings.every_secret(), logged)
        world = World.open(read_settings, Store(read_settings.database_url.reveal()), judges())
        world.gitlab.brake.clock, world.gitlab.brake.wait = skipping.now, skipping.skip
        return cls(gitlab, bot, world, read_settings.secrets, logged, skipping)

    def work(self) -> None:
        for _ in range(200):
            while self.gitlab.courier.queue:
                self.deliver()
            if not self.step():
                return
        raise AssertionError("the work does not end")

    def deliver(self, index: int = 0) -> str:
        """One delivery to the door; what it is answered."""
        delivery = self.gitlab.courier.queue.pop(index)
        answer = self._accept(delivery)
        delivery.status, delivery.response = 202, answer
        self.gitlab.courier.sent.append(delivery)
        return answer

    def step(self) -> bool:
        """One job, a person's first; False where there is none."""
        key = next(iter(self.owed), None)
        if key is not None:
            self.answered.add(key)
            self._do(self.owed.pop(key))
            return True
        key = next(iter(self.wishes), None)
        if key is not None:
            self._do(self.wishes.pop(key))
        return key is not None

    def said(self) -> str:
        return self.logged.getvalue()

    def close(self) -> None:
        self.world.store.close()

    def _accept(self, delivery: Delivery) -> str:
        body = json.dumps(delivery.payload, ensure_ascii=False).encode("utf-8", "replace")
        headers = courier.headers(self.gitlab.state, delivery, body)
        event = read(headers, body, self.secrets, time.time(), self.bot.id)
        match jobs.wanted(event):
            case Ignored(reason):
                self.ignored.append(reason)
                return f"ignored: {reason}"
            case ReviewMR() | SweepProject() as job:
                older = self.wishes.pop(jobs.key(job), None)
                self.wishes[jobs.key(job)] = jobs.fold(older, job) if older else job
                return jobs.key(job)
            case Answer() as job:
                if jobs.owed_key(job) not in self.answered:
                    self.owed[jobs.owed_key(job)] = job
                return jobs.owed_key(job)

    def _do(self, job: Job) -> None:
        before = len(self.gitlab.mails)
        for attempt in itertools.count(1):
            assert attempt < MOST_TRIES, "tried without end"
            try:
                perform(jobs.from_json(json.loads(json.dumps(jobs.to_json(job)))), self.world)
                break
            except SnitchError as error:
                match jobs.retry(error, attempt):
                    case Retry(after):
                        self.waits.append(after)
                        self.skipping.skip(after)
                        self.before_retry()
                    case GiveUp(reason):
                        self.given_up.append(reason)
                        break
        mine = [mail for mail in self.gitlab.mails[before:] if mail.author is self.bot]
        self.mails_of_jobs.append((job, mine))
