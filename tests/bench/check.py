"""The wall time of `snitch check` on one project, as a person or a pre-commit hook waits for it.

Beside it pytest with 35 small tests over the same files, without plugins. The very first: no bytecode is there
yet.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
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
        project = made(Path(name) / "iris")
        pytest = ms(project, PYTEST, TIMES)
        yield Figure("check", ms(project, (*SNITCH, "check"), TIMES), "ms", "≤ 0.5 ×", Baseline("pytest", pytest))
        cold = ms(project, PYTEST, COLD_TIMES, fresh(Path(name)))
        check = ms(project, (*SNITCH, "check"), COLD_TIMES, fresh(Path(name)))
        yield Figure("check, the very first", check, "ms", "", Baseline("pytest, the very first", cold))
        python = Baseline("python -c pass", ms(project, (sys.executable, "-c", "pass"), TIMES))
        yield Figure("snitch --help", ms(project, (*SNITCH, "--help"), TIMES), "ms", "", python)
        imports = (sys.executable, "-c", "import bot.cli.checking; import checks.standards as s; s.all_rules()")
        yield Figure("importing all that check needs", ms(project, imports, TIMES), "ms", "", python)


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


def ms(
    folder: Path, command: Sequence[str], times: int, more: Iterator[Mapping[str, str]] | None = None
) -> list[float]:
    """Milliseconds of each run in the folder; one run before them counts only where all are alike."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SNITCH_")}
    found = []
    for number in range(times if more else times + 1):
        variables = kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | dict(next(more) if more else {})
        started = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{command} ended with {done.returncode}: {done.stdout.decode()}{done.stderr.decode()}")
        if more or number:
            found.append(1000 * (time.perf_counter() - started))
    return found
