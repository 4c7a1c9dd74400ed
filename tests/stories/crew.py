"""A web process and several workers on one PostgreSQL, as they run in production, that can be killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.gitlab.model import User
from tests.gitlab.server import GitLab
from tests.stories.engine import environment
from tests.stories.service import ALIVE, answers, die_with_the_tests, free_port, read, until


@dataclass
class Crew:
    """`folder` holds a state folder for each process; what it logs goes to `folder`/<name>.log."""

    gitlab: GitLab
    bot: User
    folder: Path
    database: str
    workers: int
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: int = 0

    @property
    def hook(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/gitlab"

    @property
    def names(self) -> list[str]:
        return ["web", *(f"worker-{number}" for number in range(self.workers))]

    def start(self, name: str) -> None:
        own = environment(self.gitlab, self.bot, self.folder / name, SNITCH_DATABASE_URL=self.database)
        own |= {"SNITCH_LISTEN": f"127.0.0.1:{self.port}", "PATH": os.environ["PATH"], "SNITCH_CONCURRENCY": "2"}
        command = [sys.executable, "-c", "from bot.cli import main; main()", name.partition("-")[0]]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=own, stderr=log, stdout=log, start_new_session=True, preexec_fn=die_with_the_tests
            )
        if name == "web":
            until(lambda: answers(self.port), "the web process does not start", self.said)

    def kill(self, name: str) -> None:
        """As the kernel does it. The git processes that it started go too."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.kills += 1

    def kill_any(self, chance: random.Random) -> str:
        name = chance.choice(sorted(self.processes))
        self.kill(name)
        return name

    def idle(self) -> bool:
        return self.gitlab.wait_for_hooks(5) and not self.jobs()

    def jobs(self) -> int:
        with closing(psycopg.connect(self.database)) as connection:
            query = "SELECT count(*) FROM dbos.workflow_status WHERE status = ANY(%s)"
            row = connection.execute(query, (list(ALIVE),)).fetchone()
        return int(row[0]) if row else 0

    def said(self) -> str:
        return "".join(read(self.folder / f"{name}.log")[-3000:] for name in self.names)

    def close(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(30)
