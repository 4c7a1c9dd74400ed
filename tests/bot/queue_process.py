"""A worker to be killed: `python -m tests.bot.queue_process STATE_DIR DATABASE_URL`.

It writes `start …` and `end …` lines to STATE_DIR/diary, and each job waits while STATE_DIR/hold is there. Others
take it for dead after two seconds, and it touches STATE_DIR/lost when it learns of that.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bot.job import Job, to_json
from bot.queue import Queue
from bot.settings import Settings
from bot.store import Store


def settings_for(state_dir: Path, url: str, concurrency: int = 4) -> Settings:
    return Settings.read(
        {
            "SNITCH_GITLAB_URL": "https://gitlab.example.com",
            "SNITCH_GITLAB_TOKEN": "token",
            "SNITCH_STATE_DIR": str(state_dir),
            "SNITCH_DATABASE_URL": url,
            "SNITCH_CONCURRENCY": str(concurrency),
        },
        serving=False,
    )


def main(state_dir: Path, url: str) -> None:
    def note(word: str, job: Job) -> None:
        with (state_dir / "diary").open("a") as diary:
            diary.write(json.dumps([word, to_json(job)]) + "\n")

    def perform(job: Job) -> None:
        note("start", job)
        while (state_dir / "hold").exists():
            time.sleep(0.01)
        note("end", job)

    Queue(settings_for(state_dir, url), perform, Store(url), (state_dir / "lost").touch, lease=2).start()
    time.sleep(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
