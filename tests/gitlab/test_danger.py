"""A review bot that nobody here wrote, danger-js, works against the test GitLab, and is understood as on a real one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gitlab import githost
from tests.gitlab.model import DEVELOPER, MergeRequest, User
from tests.gitlab.server import GitLab

DANGER = "14.0.7"
BEFORE = "".join(f"line {n}\n" for n in range(1, 31))
AFTER = BEFORE.replace("line 5\n", "five\n").replace("line 20\n", "line 20\nmore\n")
DANGERFILE = """
const { danger, warn, fail, message, markdown } = require("danger");
message("on an added line", "a.txt", 5);
warn("below another", "a.txt", 21);
fail("in a new file", "new.txt", 2);
message("on a line that has not changed", "a.txt", 4);
const { modified_files, created_files, deleted_files } = danger.git;
markdown([danger.gitlab.mr.title, ...modified_files, ...created_files, ...deleted_files].join(" "));
"""


@pytest.fixture(scope="session")
def danger(request: pytest.FixtureRequest, require: Callable[[str], str]) -> list[str]:
    """The command, installed once into pytest's cache."""
    npm, node = require("npm"), require("node")
    folder = request.config.cache.mkdir(f"danger-{DANGER}")
    program = folder / "node_modules" / "danger" / "distribution" / "commands" / "danger-ci.js"
    if not program.exists():
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--prefix", str(folder)]
        subprocess.run([npm, "install", *options, f"danger@{DANGER}"], check=True, capture_output=True, timeout=100)
    return [node, str(program)]


@pytest.fixture
def gitlab(tmp_path: Path) -> Iterator[GitLab]:
    with GitLab(tmp_path / "gitlab") as running:
        yield running


def run(danger: list[str], gitlab: GitLab, mr: MergeRequest, bot: User, work: Path) -> None:
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "GITLAB_CI": "true",
        "CI_API_V4_URL": f"{gitlab.url}/api/v4",
        "CI_PROJECT_PATH": mr.project.path,
        "CI_PROJECT_URL": f"{gitlab.url}/{mr.project.path}",
        "CI_MERGE_REQUEST_IID": str(mr.iid),
        "CI_MERGE_REQUEST_PROJECT_PATH": mr.project.path,
        "CI_MERGE_REQUEST_PROJECT_URL": f"{gitlab.url}/{mr.project.path}",
        "DANGER_GITLAB_HOST": gitlab.url,
        "DANGER_GITLAB_API_BASE_URL": f"{gitlab.url}/api/v4",
        "DANGER_GITLAB_API_TOKEN": bot.token,
    }
    done = subprocess.run(danger, cwd=work, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert "Feedback:" in done.stdout, done.stdout + done.stderr


def checkout(gitlab: GitLab, bot: User, path: str, work: Path) -> None:
    address = f"{gitlab.url.replace('//', f'//oauth2:{bot.token}@')}/{path}.git"
    work.mkdir()
    command = ["git", "clone", "--quiet", "--branch", "feature", address, "."]
    subprocess.run(command, cwd=work, check=True, env=githost.environment())
    (work / "dangerfile.js").write_text(DANGERFILE)


def places(mr: MergeRequest) -> set[tuple[str, int | None, int | None]]:
    at = [note.position for note in mr.notes() if note.position]
    return {(one["new_path"], one["old_line"], one["new_line"]) for one in at}


def test_danger_comments_on_lines_and_edits_its_comments(danger: list[str], gitlab: GitLab, tmp_path: Path) -> None:
    anne, bot = gitlab.add_user("anne"), gitlab.add_user("danger_bot", bot=True)
    files = {"a.txt": BEFORE, "gone.txt": "x\n"}
    project = gitlab.add_project("models/iris", files, {anne: DEVELOPER, bot: DEVELOPER})
    gitlab.push(project, "feature", {"a.txt": AFTER, "new.txt": "1\n2\n"}, delete=["gone.txt"], by=anne)
    mr = gitlab.open_mr(project, "feature", by=anne, title="Title")
    checkout(gitlab, bot, project.path, tmp_path / "work")
    run(danger, gitlab, mr, bot, tmp_path / "work")
    assert places(mr) == {("a.txt", None, 5), ("a.txt", None, 21), ("new.txt", None, 2), ("a.txt", 4, 4)}
    summary = next(note for note in mr.notes() if note.position is None)
    assert "Title a.txt new.txt gone.txt" in summary.body
    run(danger, gitlab, mr, bot, tmp_path / "work")
    assert len(mr.notes()) == 5
    assert gitlab.unknown_calls == []
    assert gitlab.quick_actions == []
