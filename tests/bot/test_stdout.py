"""Standard output that takes nothing: a full disk, a closed descriptor, a reader that has had enough."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bot.test_cli import SNITCH, UNTRACED, project

ONE_STANDARD = ("--no-cache", "--standard", "10")
"""What is judged anew is judged quickly."""

SAYS = {
    "check": ["check", *ONE_STANDARD],
    "check --format json": ["check", "--format", "json", *ONE_STANDARD],
    "fix --diff": ["fix", "--diff", *ONE_STANDARD],
    "fix": ["fix", *ONE_STANDARD],
    "explain": ["explain", "10.patch"],
    "standards": ["standards"],
    "--help": ["--help"],
    "check --help": ["check", "--help"],
    "--version": ["--version"],
}


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    return project(tmp_path / "iris", {"serve.py": UNTRACED})


def ran(
    words: list[str], folder: Path, stdout: int, stderr: int = subprocess.PIPE, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """With the buffers that Python has where nothing is said of them."""
    path = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        [SNITCH, *words], cwd=folder, env=path, stdout=stdout, stderr=stderr, text=True, check=False, preexec_fn=before
    )


@pytest.mark.parametrize("name", SAYS)
def test_a_full_disk_is_told_in_one_sentence(name: str, iris: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = ran(SAYS[name], iris, full.fileno())
    said = "snitch: Standard output can't be written: No space left on device.\n"
    assert (done.stderr, done.returncode) == (said, 2)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_it_is_the_same_however_python_buffers(unbuffered: str, iris: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [SNITCH, "--version"], cwd=iris, env=environment, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.stderr.count(b"\n"), done.returncode) == (1, 2)


def test_where_nobody_can_be_told_the_exit_code_says_it(iris: Path) -> None:
    with open("/dev/full", "wb") as full:
        assert ran(SAYS["check"], iris, full.fileno(), full.fileno()).returncode == 2
        assert ran(["check", "nowhere"], iris, subprocess.DEVNULL, full.fileno()).returncode == 2


@pytest.mark.parametrize("name", ["check", "fix --diff"])
def test_a_reader_that_has_had_enough_is_no_trouble(name: str, iris: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = ran(SAYS[name], iris, writer)
    finally:
        os.close(writer)
    assert (done.stderr, done.returncode) == ("", 1), "the code of what was found"


def test_a_closed_one_is_told_too(iris: Path) -> None:
    done = ran(SAYS["check"], iris, subprocess.DEVNULL, before=lambda: os.close(1))
    said = "snitch: Standard output is closed: there is nowhere to write the result to.\n"
    assert (done.stderr, done.returncode) == (said, 2)


def test_without_any_of_the_three_a_check_still_ends_well(iris: Path) -> None:
    words = ["check", "--output", "report.txt", *ONE_STANDARD]
    done = ran(words, iris, subprocess.DEVNULL, before=lambda: os.closerange(0, 3))
    assert done.returncode == 1
    assert "10.patch" in (iris / "report.txt").read_text()
