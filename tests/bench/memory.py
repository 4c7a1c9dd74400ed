"""The resident memory of `snitch serve`: when it has started, and after 200 reviews of 200 merge requests.

Beside it a process that has imported what the service is built on, and done nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.figures import Baseline, Figure
from tests.bench.service import resident, until
from tests.bench.stage import reviewed, served

PROJECTS, EACH = 10, 20
LIBRARIES = "aiohttp, uvloop, dbos, gitlab, sqlalchemy, structlog, yaml, prometheus_client"


def run() -> Iterator[Figure]:
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


def imported() -> float:
    """MB of a Python that has imported the libraries."""
    told = f"import {LIBRARIES}; import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", told], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return resident(process.pid)
