"""The wall time of `snitch check` on one project, as a person or a pre-commit hook waits for it.

Beside it pytest with 35 small tests over the same files, without plugins. Anew: nothing is remembered, and every rule
runs. With the validator: the same, and the OpenAPI document is one that openapi-spec-validator has to judge. After a
change: model.py is another each time, the rest is known. The very first: no bytecode is there yet.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

from tests.bench.figures import Baseline, Figure
from tests.gitlab import githost
from tests.stories.model_project import PROJECT

TIMES = 15
COLD_TIMES = 4
SNITCH = (str(Path(sys.executable).with_name("snitch")),)
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_standards.py")


def run() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        project, edited, richer = (made(Path(name) / folder) for folder in ("same/iris", "edited/iris", "richer/iris"))
        with (richer / "openapi.yaml").open("a") as document:
            document.write("x-owner: ml\n")
        check, anew = (*SNITCH, "check"), (*SNITCH, "check", "--no-cache")
        imports = (sys.executable, "-c", "import bot.cli.checking; import checks.standards as s; s.all_rules()")
        cache = {"XDG_CACHE_HOME": f"{name}/cache"}
        commands = (
            Command(project, PYTEST),
            Command(project, (sys.executable, "-c", "pass")),
            Command(project, anew),
            Command(richer, anew),
            Command(edited, check, changing(edited, cache)),
            Command(project, check, repeat(cache)),
            Command(project, (*SNITCH, "--help")),
            Command(project, imports),
        )
        tests, python, *mine = ms(commands, TIMES)
        pytest, nothing = Baseline("pytest", tests), Baseline("python -c pass", python)
        yield Figure("check, anew", mine[0], "ms", "≤ 0.5 ×", pytest)
        yield Figure("check, anew, with the validator", mine[1], "ms", "≤ 3 ×", pytest)
        yield Figure("check, after a change", mine[2], "ms", "≤ 0.5 ×", pytest)
        yield Figure("check, again", mine[3], "ms", "≤ 0.35 ×", pytest)
        yield Figure("snitch --help", mine[4], "ms", "≤ 120 ms", nothing)
        yield Figure("importing all that check needs", mine[5], "ms", "", nothing)
        first = (Command(project, PYTEST, fresh(Path(name))), Command(project, anew, fresh(Path(name))))
        tests, checked = ms(first, COLD_TIMES)
        yield Figure("check, the very first", checked, "ms", "", Baseline("pytest, the very first", tests))


@dataclass(frozen=True, slots=True)
class Command:
    """A command line in a folder, and what is added to its environment, time after time."""

    folder: Path
    words: Sequence[str]
    variables: Iterator[Mapping[str, str]] = field(default_factory=lambda: repeat({}))


def made(folder: Path) -> Path:
    """The project as a git repository, with the tests of the stand-in aside of git's eyes."""
    for path, text in PROJECT.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(str(text))
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *words], cwd=folder, check=True, env=githost.environment())
    shutil.copy(Path(__file__).with_name("stand_in.py"), folder / "test_standards.py")
    (folder / ".git/info/exclude").write_text("test_standards.py\n")
    return folder


def fresh(folder: Path) -> Iterator[Mapping[str, str]]:
    """Each time another place for bytecode, with nothing in it."""
    while True:
        yield {"PYTHONPYCACHEPREFIX": tempfile.mkdtemp(dir=folder)}


def changing(project: Path, variables: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Each time another model.py."""
    source = (project / "model.py").read_text()
    while True:
        source += "\nSIZE = 1\n"
        (project / "model.py").write_text(source)
        yield variables


def ms(commands: Sequence[Command], times: int) -> list[list[float]]:
    """Milliseconds of each command, run in turn so that all meet the same machine; a first turn before
    them does not count."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SNITCH_")}
    found: list[list[float]] = [[] for _ in commands]
    for number in range(times + 1):
        for command, taken in zip(commands, found, strict=True):
            variables = kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | dict(next(command.variables))
            started = time.perf_counter()
            done = subprocess.run(command.words, cwd=command.folder, env=variables, capture_output=True, check=False)
            took = 1000 * (time.perf_counter() - started)
            if done.returncode:
                raise RuntimeError(f"{command.words} ended with {done.returncode}: {done.stdout!r}{done.stderr!r}")
            if number:
                taken.append(took)
    return found
