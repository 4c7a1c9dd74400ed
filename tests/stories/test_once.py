"""`snitch review URL`: one review from the command line, with no service at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.stories.engine import environment
from tests.stories.model_project import UNTRACED
from tests.stories.story import Story


def review(story: Story, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    url = f"{story.gitlab.url}/{story.project.path}/-/merge_requests/{story.request.iid}"
    own = {**environment(story.gitlab, story.bot, folder), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", "from bot.cli import main; main()", "review", url, *words]
    return subprocess.run(command, env=own, capture_output=True, text=True, check=False)


def test_a_dry_run_tells_what_would_be_said_and_says_nothing(story: Story, tmp_path: Path) -> None:
    story.open({"serve.py": UNTRACED})
    story.gitlab.courier.queue.clear()
    done = review(story, tmp_path / "once", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "new thread on serve.py, line 3" in done.stdout and "status failed" in done.stdout
    assert story.writes() == []


def test_a_review_by_hand_says_what_the_service_would_say_and_the_service_then_nothing_more(
    story: Story, tmp_path: Path
) -> None:
    story.open({"serve.py": UNTRACED})
    done = review(story, tmp_path / "once")
    assert done.returncode == 0, done.stderr
    assert list(story.rules()) == ["10.patch"] and story.status() == "failed"
    story.gitlab.reset_calls()
    story.work()
    assert story.writes() == []
    assert "everything is said already" in review(story, tmp_path / "once").stdout
    assert story.bot.token not in done.stdout + done.stderr
