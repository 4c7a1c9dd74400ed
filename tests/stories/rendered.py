"""A project from the template, and its own requirements really installed: once for all tests of a run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.template import BUILT_IN, render, template_in

UV = Path(sys.executable).with_name("uv")
NAME = "great-blog-post-detector"
ANSWERS = {
    "project_name": "Great Blog Post Detector",
    "description": "Tells great posts from others",
    "author": "ada@example.com",
    "jira_url": "https://example.atlassian.net/browse/ML-1",
    "confluence_url": "https://example.atlassian.net/wiki/spaces/ML/pages/1/great-posts",
}


def write_project(folder: Path) -> Path:
    """The project's files, in a folder of its name below the one given."""
    for path, data in render(template_in(BUILT_IN), ANSWERS).items():
        (folder / NAME / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / NAME / path).write_bytes(data)
    return folder / NAME


def installed(factory: pytest.TempPathFactory) -> Path:
    """A venv of exactly what the project's requirements pin, and pip; one for all processes of the run."""
    folder = shared(factory) / "model"
    folder.mkdir(exist_ok=True)
    venv, done = folder / "venv", folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            project = write_project(folder)
            subprocess.run([UV, "venv", "--quiet", "--clear", "--seed", "--python", sys.executable, venv], check=True)
            pinned = ["--require-hashes", "-r", "requirements.txt", "-r", "requirements-dev.txt"]
            command = [UV, "pip", "install", "--quiet", "--only-binary", ":all:", *pinned]
            subprocess.run(command, cwd=project, env={**os.environ, "VIRTUAL_ENV": str(venv)}, check=True)
            done.touch()
    return venv


def shared(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder that all processes of a run have together."""
    own = factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own
