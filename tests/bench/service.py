"""`snitch serve` in a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gitlab.demo import answers, free_port
from tests.gitlab.model import User
from tests.gitlab.server import GitLab

SECRET = "the-secret-of-the-hook"
PATIENCE = 60.0
COMMAND = (sys.executable, "-c", "from bot.cli import main; main()", "serve")


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is ready."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def hook(self) -> str:
        return f"{self.url}/webhooks/gitlab"

    def logged(self, event: str) -> list[Mapping[str, Any]]:
        """Its log lines of one kind."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]

    def worked(self) -> float:
        """Seconds of processor time that it and the processes that it waited for have used."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> float:
        """MB that the process holds in memory."""
        return resident(self.process.pid)


def resident(pid: int) -> float:
    """MB that a process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


@contextmanager
def serving(gitlab: GitLab, bot: User, folder: Path) -> Iterator[Service]:
    """A service with a state folder of its own."""
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "snitch.log"
    settings = {
        "SNITCH_GITLAB_URL": gitlab.url,
        "SNITCH_GITLAB_TOKEN": bot.token,
        "SNITCH_WEBHOOK_SECRET": SECRET,
        "SNITCH_STATE_DIR": str(folder / "state"),
        "SNITCH_LISTEN": f"127.0.0.1:{port}",
        "SNITCH_SWEEP_CRON": "",
        "SNITCH_LOG_FORMAT": "json",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SNITCH_")}
    with log.open("wb") as output:
        process = subprocess.Popen(COMMAND, env=inherited | settings, stdout=output, stderr=output)
        try:
            until(lambda: answers(f"{url}/readyz", process), "snitch serve is ready")
            yield Service(url, process, log)
        finally:
            process.terminate()
            process.wait(timeout=40)


def until(happened: Callable[[], bool], what: str) -> None:
    """Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"in {PATIENCE:.0f} seconds this did not happen: {what}")
        time.sleep(0.02)
