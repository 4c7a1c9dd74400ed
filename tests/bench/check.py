"""The wall time of `snitch check` on one project, as a person or a pre-commit hook waits for it.

Beside it pytest with 35 small tests over the same files, without plugins. Anew: nothing is remembered, and every rule
runs. With the validator: the same, and the OpenAPI document is one that openapi-spec-validator has to judge. With
markdown-it: the README is more than plain. After a change: model.py is another each time, the rest is known. Since
HEAD: what `--since` asks, with nothing remembered. The very first: no bytecode is there yet. Processor time is that of
the program and of the git that it starts; other work on the machine changes it less.
"""

from __future__ import annotations

import os
import resource
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
        folders = ("same/iris", "edited/iris", "richer/iris", "fuller/iris")
        project, edited, richer, fuller = (made(Path(name) / folder) for folder in folders)
        append(richer / "openapi.yaml", "x-owner: ml\n")
        append(fuller / "README.md", "\n| measure | share |\n|---|---|\n| recall | *0.9* |\n")
        check, anew = (*SNITCH, "check"), (*SNITCH, "check", "--no-cache")
        imports = (sys.executable, "-c", "import bot.cli.checking; import checks.standards as s; s.all_rules()")
        cache = {"XDG_CACHE_HOME": f"{name}/cache"}
        commands = (
            Command(project, PYTEST),
            Command(project, (sys.executable, "-c", "pass")),
            Command(project, anew),
            Command(richer, anew),
            Command(fuller, anew),
            Command(project, (*anew, "--since", "HEAD")),
            Command(edited, check, changing(edited, cache)),
            Command(project, check, repeat(cache)),
            Command(project, (*SNITCH, "--help")),
            Command(project, imports),
        )
        tests, python, *mine = taken(commands, TIMES)
        pytest, nothing = Baseline("pytest", tests.wall), Baseline("python -c pass", python.wall)
        yield Figure("check, anew", mine[0].wall, "ms", "≤ 0.5 ×", pytest)
        yield Figure("check, anew, with the validator", mine[1].wall, "ms", "≤ 3 ×", pytest)
        yield Figure("check, anew, with markdown-it", mine[2].wall, "ms", "", pytest)
        yield Figure("check, anew, --since HEAD", mine[3].wall, "ms", "", pytest)
        yield Figure("check, after a change", mine[4].wall, "ms", "≤ 0.5 ×", pytest)
        yield Figure("check, again", mine[5].wall, "ms", "≤ 0.35 ×", pytest)
        yield Figure("snitch --help", mine[6].wall, "ms", "≤ 120 ms", nothing)
        yield Figure("importing all that check needs", mine[7].wall, "ms", "", nothing)
        busy = Baseline("pytest, processor time", tests.processor)
        for what, number in (("check, anew", 0), ("check, after a change", 4), ("check, again", 5)):
            yield Figure(f"{what}, processor time", mine[number].processor, "ms", "", busy)
        first = (Command(project, PYTEST, fresh(Path(name))), Command(project, anew, fresh(Path(name))))
        tests, checked = taken(first, COLD_TIMES)
        yield Figure("check, the very first", checked.wall, "ms", "", Baseline("pytest, the very first", tests.wall))


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
    ident = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    for words in (["init", "--quiet"], ["add", "--all"], [*ident, "commit", "--quiet", "--message", "The model"]):
        subprocess.run(["git", *words], cwd=folder, check=True, env=githost.environment())
    shutil.copy(Path(__file__).with_name("stand_in.py"), folder / "test_standards.py")
    (folder / ".git/info/exclude").write_text("test_standards.py\n")
    return folder


def append(file: Path, text: str) -> None:
    with file.open("a") as end:
        end.write(text)


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


@dataclass(frozen=True, slots=True)
class Taken:
    """What the runs of a command took, in milliseconds."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def taken(commands: Sequence[Command], times: int) -> list[Taken]:
    """What each command takes, run in turn so that all meet the same machine; a first turn before them does not
    count.
    """
    found = [Taken() for _ in commands]
    for number in range(times + 1):
        for command, kept in zip(commands, found, strict=True):
            wall, processor = run_once(command)
            if number:
                kept.wall.append(wall)
                kept.processor.append(processor)
    return found


def run_once(command: Command) -> tuple[float, float]:
    """Milliseconds of wall time and of processor time. The environment is such that Python keeps its bytecode."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SNITCH_", "PYTHON"))}
    variables = kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | dict(next(command.variables))
    before, started = processor_seconds(), time.perf_counter()
    done = subprocess.run(command.words, cwd=command.folder, env=variables, capture_output=True, check=False)
    took, busy = time.perf_counter() - started, processor_seconds() - before
    if done.returncode:
        raise RuntimeError(f"{command.words} ended with {done.returncode}: {done.stdout!r}{done.stderr!r}")
    return 1000 * took, 1000 * busy


def processor_seconds() -> float:
    """Of all processes that were started here and have ended, with those that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
