"""The real service: `snitch serve` in a process of its own, that can be killed and started again."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.gitlab.model import User
from tests.gitlab.server import GitLab
from tests.stories.engine import environment

ALIVE = ("ENQUEUED", "DELAYED", "PENDING")
PATIENCE = 90.0


@dataclass
class Service:
    """`folder` is its state; what it logs goes to `folder`/log, the git commands that it starts to `folder`/git."""

    gitlab: GitLab
    bot: User
    folder: Path
    port: int
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    given_up: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, gitlab: GitLab, bot: User, folder: Path, port: int | None = None, **settings: str) -> Service:
        folder.mkdir(parents=True)
        service = cls(gitlab, bot, folder, port or free_port(), settings)
        _watch_git(folder)
        service.run()
        return service

    @property
    def hook(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/gitlab"

    def run(self) -> None:
        """Starts it, and waits until it takes deliveries."""
        own = environment(self.gitlab, self.bot, self.folder / "state", **self.settings)
        own |= {"SNITCH_LISTEN": f"127.0.0.1:{self.port}", "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        command = [sys.executable, "-c", "from bot.cli import main; main()", "serve"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=own, stderr=log, stdout=log, start_new_session=True, preexec_fn=die_with_the_tests
            )
        until(self._answers, "the service does not start", lambda: self.said()[-2000:])

    def kill(self) -> None:
        """As the kernel does it: no handler runs, nothing is finished. The git processes that it started go too."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def again(self) -> None:
        self.kill()
        self.run()

    def work(self) -> None:
        """Until each delivery has its answer and the queue is empty, twice: a job may push, which is delivered."""
        until(self._is_idle, "the work does not end", lambda: self.said()[-3000:])
        self.given_up = [line["then"] for line in self.lines("job.failed") if "GiveUp" in str(line.get("then"))]

    def lines(self, event: str) -> list[dict[str, object]]:
        found = (json.loads(line) for line in self.said().splitlines() if line.startswith("{"))
        return [line for line in found if line.get("event") == event]

    def said(self) -> str:
        return "".join(read(self.folder / name) for name in ("git", "log"))

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.said()[-3000:]
        return answers(self.port)

    def _is_idle(self) -> bool:
        return all(self.gitlab.wait_for_hooks(5) and not self.jobs() for _ in range(2))

    def jobs(self) -> int:
        """How many jobs wait or run."""
        with closing(sqlite3.connect(self.folder / "state" / "snitch.db", timeout=30)) as database:
            marks = ",".join("?" * len(ALIVE))
            row = database.execute(f"SELECT count(*) FROM workflow_status WHERE status IN ({marks})", ALIVE).fetchone()
        return int(row[0])


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(holds: Callable[[], bool], otherwise: str, told: Callable[[], str] = str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"{otherwise}: {told()}"
        time.sleep(0.02)


def die_with_the_tests() -> None:
    """On Linux: a service whose tests were killed would ask a GitLab that is no more for hours."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def read(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.exists() else ""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _watch_git(folder: Path) -> None:
    """A `git` before the real one that writes down how it is called."""
    wrapper = folder / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> "{folder}/git"\nexec "{shutil.which("git")}" "$@"\n')
    wrapper.chmod(0o755)
