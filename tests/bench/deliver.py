"""From a delivery to its 202: 50 a second for 20 seconds, each of them a wish for a review, on SQLite.

40 merge requests have their turn again and again, so reviews run all the time: the machine has no idle core, and the
test GitLab shares it. Beside it a bare aiohttp handler that stores nothing: on an idle machine, and asked ten times a
second while snitch is under that load, which is what the load alone costs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Baseline, Figure, percentile
from tests.bench.load import Answered
from tests.bench.service import until
from tests.bench.stage import Opened, Stage, reviewed, served
from tests.gitlab import courier
from tests.gitlab.demo import answers, free_port

RATE, SECONDS = 50, 20
PROBES = 10
MERGE_REQUESTS = 40


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a load; latencies in milliseconds."""

    answered: list[Answered]

    @property
    def latencies(self) -> list[float]:
        return [latency for _, latency in self.answered]

    @property
    def lost(self) -> int:
        return sum(status != 202 for status, _ in self.answered)

    def of_each(self, percent: int) -> list[float]:
        """A percentile of all of them."""
        return [percentile(self.latencies, percent)]


def run() -> Iterator[Figure]:
    with serving_nothing() as door, served() as (stage, service, folder):
        project = stage.project("models/iris", service)
        opened = [stage.open(project, number) for number in range(MERGE_REQUESTS)]
        sent = written(stage, opened, folder)
        idle = loaded(begun(door, RATE, 5, sent))
        probe, load = begun(door, PROBES, SECONDS, sent), begun(service.hook, RATE, SECONDS, sent)
        mine, beside = loaded(load), loaded(probe)
        until(lambda: all(reviewed(one.mr) for one in opened), "each merge request is reviewed")
        done = len(service.logged("job.done"))
    for percent, aim in ((50, "≤ 5 ms"), (99, "≤ 50 ms")):
        what, name = f"delivery to 202, p{percent}", "a bare handler"
        yield Figure(what, mine.of_each(percent), "ms", aim, Baseline(f"{name}, idle machine", idle.of_each(percent)))
        yield Figure(what, mine.of_each(percent), "ms", "", Baseline(f"{name}, same load", beside.of_each(percent)))
    yield Figure(f"lost of {RATE * SECONDS}", [mine.lost], "", "0")
    yield Figure("reviews that ran meanwhile, and just after", [done], "")


@contextmanager
def serving_nothing() -> Iterator[str]:
    """The address of a bare handler's door."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.bare", str(port)])
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz", process), "the bare handler is ready")
        yield f"http://127.0.0.1:{port}/webhooks/gitlab"
    finally:
        process.terminate()
        process.wait(timeout=10)


def written(stage: Stage, opened: Sequence[Opened], folder: Path) -> Path:
    """The deliveries as a file for `load`."""
    lines = []
    for one in opened:
        body = json.dumps(one.delivery.payload)
        lines.append(json.dumps([courier.headers(stage.gitlab.state, one.delivery, body.encode()), body]))
    file = folder / "deliveries"
    file.write_text("\n".join(lines))
    return file


def begun(url: str, rate: float, seconds: float, deliveries: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.bench.load", url, str(rate), str(seconds), str(deliveries)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def loaded(process: subprocess.Popen[bytes]) -> Loaded:
    """Waits for its end."""
    out, _ = process.communicate(timeout=120)
    return Loaded([(status, latency) for status, latency in json.loads(out)])
