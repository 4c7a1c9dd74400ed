"""`.pre-commit-hooks.yaml`: hooks of model projects run when a file changed that a standard reads, and only then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from bot.cli import app
from checks.standard import MINIMAL
from checks.standards import s01_weights, s02_datasets

HOOKS = yaml.safe_load((Path(__file__).parent.parent / ".pre-commit-hooks.yaml").read_text())
READ = [
    *MINIMAL,
    *(f"models/iris/{path}" for path in MINIMAL),
    *(f"a/big{suffix}" for suffix in (*s01_weights.SUFFIXES, *s02_datasets.SUFFIXES)),
    *(
        "weights/x",
        "datasets/a/b",
        ".snitch.yml",
        "openapi.json",
        "openapi.yml",
        "Containerfile",
        "docker/gpu.Dockerfile",
    ),
    *("Dockerfile.gpu", "requirements-dev.txt", "requirements/base.txt", "uv.lock", "Pipfile.lock", "pytest.ini"),
    *("pyproject.toml", "setup.cfg", "tox.ini", ".flake8", "ci/build.yml", "iris/net.py"),
]
UNREAD = [
    "docs/notes.md",
    "app.js",
    "LICENSE",
    "logo.png",
    "notes.txt",
    "my_README.md",
    "Dockerfiles",
    "x.python",
    "sh",
]


@pytest.mark.parametrize("path", READ)
def test_a_file_that_a_standard_reads_starts_both_hooks(path: str) -> None:
    assert all(re.search(hook["files"], path) for hook in HOOKS)


@pytest.mark.parametrize("path", UNREAD)
def test_another_file_starts_none(path: str) -> None:
    assert not any(re.search(hook["files"], path) for hook in HOOKS)


def test_the_hooks_call_verbs_that_exist_and_judge_the_whole_project() -> None:
    assert [(hook["id"], hook["entry"]) for hook in HOOKS] == [("snitch", "snitch check"), ("snitch-fix", "snitch fix")]
    assert all(hook["pass_filenames"] is False and hook["language"] == "python" for hook in HOOKS)
    for hook in HOOKS:
        assert CliRunner().invoke(app, [*hook["entry"].split()[1:], "--help"]).exit_code == 0
