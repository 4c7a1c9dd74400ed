"""The resident memory of `snitch serve`: when it has started, and after 200 reviews of 200 merge requests.

Beside it a process that has imported what the service is built on, and done nothing. Of the command line the most that
it ever holds, stage by stage: beside it a bare Python, and the size of what is read.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.check import made
from tests.bench.figures import Baseline, Figure
from tests.bench.judge import FILES, source
from tests.bench.service import resident, until
from tests.bench.stage import reviewed, served
from tests.stories.model_project import PROJECT

PROJECTS, EACH = 10, 20
LIBRARIES = "aiohttp, uvloop, dbos, gitlab, sqlalchemy, structlog, yaml, prometheus_client"


def run() -> Iterator[Figure]:
    yield from of_the_command_line()
    libraries = Baseline("its libraries, imported", [imported()])
    with served() as (stage, service, _):
        time.sleep(2)
        yield Figure("idle", [service.resident()], "MB", "≤ 150 MB", libraries)
        projects = [stage.project(f"models/iris-{number}", service) for number in range(PROJECTS)]
        opened = [stage.open(project, number) for number in range(EACH) for project in projects]
        started = time.perf_counter()
        for one in opened:
            stage.send(one.delivery)
        until(lambda: all(reviewed(one.mr) for one in opened), "each merge request is reviewed")
        seconds = time.perf_counter() - started
        time.sleep(2)
        yield Figure("after 200 reviews", [service.resident()], "MB", "≤ 250 MB", libraries)
        yield Figure("those reviews a second, several at once", [len(opened) / seconds], "/s")


def of_the_command_line() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        project, large = made(Path(name) / "iris"), made(Path(name) / "large/iris")
        write_large(large)
        read = sum(len(data) for data in large_files().values()) / 1e6
        bare = Baseline("Python alone", [most_resident(ENDING, (), project)])
        for what in ("--help", "check --no-cache", "check"):
            words = what.split()
            yield Figure(f"snitch {what}, at most", [most_resident(SNITCH, words, project)], "MB", "", bare)
        files = Baseline("the size of these files", [read])
        most = most_resident(SNITCH, ("check", "--no-cache"), large)
        yield Figure("snitch check, 1,000 Python files, at most", [most], "MB", "", files)


def write_large(project: Path) -> None:
    """Beside the project 1,000 Python files, which its model imports."""
    for path, data in large_files().items():
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_bytes(data)


def large_files() -> dict[str, bytes]:
    files = {f"features/step_{number}.py": source(number) for number in range(FILES)}
    imports = "".join(f"import {path[:-3].replace('/', '.')}\n" for path in files)
    return {**files, "model.py": (imports + str(PROJECT["model.py"])).encode()}


ENDING = """
import atexit, sys
atexit.register(lambda: print(open("/proc/self/status").read(), file=sys.stderr))
"""
SNITCH = ENDING + "sys.argv[0] = 'snitch'; from bot.start import main; main()"


def most_resident(program: str, words: Sequence[str], folder: Path) -> float:
    """MB that a Python program held at its largest; it tells itself, since a child is counted with its parent's."""
    with tempfile.TemporaryDirectory() as cache:
        variables = {**os.environ, "XDG_CACHE_HOME": cache}
        command = [sys.executable, "-c", program, *words]
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, check=True, text=True)
    return told(done.stderr)


def told(status: str) -> float:
    """The MB that a program says at its end that it held at its largest."""
    return next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmHWM:")) / 1024


def imported() -> float:
    """MB of a Python that has imported the libraries."""
    told = f"import {LIBRARIES}; import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", told], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return resident(process.pid)
