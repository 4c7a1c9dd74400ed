"""danger-js, posting as many comments on the same merge request: what a review bot costs that fetches nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.bench.stage import Opened, Stage
from tests.gitlab import githost

VERSION = "14.0.7"
PLACE = Path(__file__).parents[2] / ".pytest_cache" / "d" / f"danger-{VERSION}"
DANGERFILE = """
const { warn, markdown } = require("danger");
warn("snitch would say something here", "serve.py", 3);
warn("and something here", "Dockerfile", 13);
warn("and here", ".gitlab-ci.yml", 6);
markdown("A summary.");
"""


def installed() -> list[str] | None:
    """The command; None where there is no node. Installed once."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    program = PLACE / "node_modules" / "danger" / "distribution" / "commands" / "danger-ci.js"
    if not program.exists():
        PLACE.mkdir(parents=True, exist_ok=True)
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--prefix", str(PLACE)]
        subprocess.run([npm, "install", *options, f"danger@{VERSION}"], check=True, capture_output=True, timeout=300)
    return [node, str(program)]


def review(stage: Stage, command: list[str], opened: Opened, folder: Path) -> float:
    """Seconds from its start to its last comment, in a checkout that is there already."""
    mr = opened.mr
    work = folder / f"danger-{mr.iid}"
    address = f"{stage.gitlab.url.replace('//', f'//oauth2:{stage.bot.token}@')}/{mr.project.path}.git"
    cloned = ["git", "clone", "--quiet", "--branch", mr.source_branch, address, str(work)]
    subprocess.run(cloned, check=True, env=githost.environment())
    (work / "dangerfile.js").write_text(DANGERFILE)
    stage.watch.clear()
    started = time.perf_counter()
    subprocess.run(command, cwd=work, env=_variables(stage, opened, work), check=False, capture_output=True, timeout=60)
    if sum(note.position is not None for note in mr.notes()) != 3:
        raise RuntimeError("danger-js did not make three comments")
    return stage.watch.last(lambda call: call.method != "GET") - started


def _variables(stage: Stage, opened: Opened, work: Path) -> dict[str, str]:
    url, mr = stage.gitlab.url, opened.mr
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "GITLAB_CI": "true",
        "CI_API_V4_URL": f"{url}/api/v4",
        "CI_PROJECT_PATH": mr.project.path,
        "CI_PROJECT_URL": f"{url}/{mr.project.path}",
        "CI_MERGE_REQUEST_IID": str(mr.iid),
        "CI_MERGE_REQUEST_PROJECT_PATH": mr.project.path,
        "CI_MERGE_REQUEST_PROJECT_URL": f"{url}/{mr.project.path}",
        "DANGER_GITLAB_HOST": url,
        "DANGER_GITLAB_API_BASE_URL": f"{url}/api/v4",
        "DANGER_GITLAB_API_TOKEN": stage.bot.token,
    }
